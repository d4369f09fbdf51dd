"""What the builder shows beside its forms, and what is done there: questions, tables, the catalogue, children."""

from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets

from kpilab.delivery.widgets.background import Background
from kpilab.delivery.widgets.derive_page import DerivePage
from kpilab.delivery.widgets.drafted import OnDraft, close_all
from kpilab.delivery.widgets.entry_form import BAD, EntryForm, said
from kpilab.delivery.widgets.judging import WHOLE, Place
from kpilab.delivery.widgets.outline import NOUNS, SINGULAR
from kpilab.delivery.widgets.save_page import SavePage
from kpilab.delivery.widgets.side_pages import (
    AskPage,
    CataloguePage,
    HistoryPage,
    PastePage,
    about_template,
    problem_lines,
    stakes_of_removal,
)
from kpilab.model.catalogue import Template, kpi_templates
from kpilab.model.history import History
from kpilab.model.pasted import pasted_entries, pasted_history, read_pasted_history
from kpilab.problems import InputError
from kpilab.scorecard.panels import measures_of
from kpilab.show import count_of


class BuilderPages(OnDraft):
    """The right side of the builder: one page at a time, and why an edit on it was refused."""

    history: History | None
    page: ipywidgets.VBox
    view: ipywidgets.Dropdown
    message: ipywidgets.HTML
    form: EntryForm | None
    _place: Place
    _beside: Background[Any]
    _is_editing = False

    def _open(self, place: Place) -> None:
        """Show the form of an entry."""
        raise NotImplementedError

    def _begin(self, noun: str, texts: dict[str, str] | None = None, about: Sequence[str] = ()) -> None:
        """Show the form of an entry that is to be added."""
        raise NotImplementedError

    def _show(self, *parts: Any) -> None:
        self.form = next((part for part in parts if isinstance(part, EntryForm)), None)
        before, self.page.children = self.page.children, parts
        for part in before:
            if part not in parts:
                close_all(part)

    def _tried(self, edit: Callable[[], None]) -> bool:
        """Make an edit; where it is refused, say why below the form."""
        self._is_editing = True
        try:
            edit()
        except InputError as error:
            self.message.value = problem_lines(error.problems)
            return False
        finally:
            self._is_editing = False
        return True

    def _ask_removal(self) -> None:
        noun, key = self._place
        sentences = [each.sentence for each in self.draft.dependents(noun, key)]
        with_dependents = bool(sentences)
        question = AskPage(
            f"Remove {SINGULAR[noun]} '{key if isinstance(key, str) else ' → '.join(key[:2])}'?",
            stakes_of_removal(sentences),
            yes="Remove it" + (" with all this" if sentences else ""),
            does=lambda: self._remove(noun, key, with_dependents),
            back=lambda: self._open((noun, key)),
            danger=True,
        )
        self.message = ipywidgets.HTML()
        self._show(question, self.message)

    def _remove(self, noun: str, key: Any, with_dependents: bool) -> None:
        self._tried(lambda: self.draft.remove(noun, key, with_dependents=with_dependents))

    def _ask_save(self) -> None:
        self._show(SavePage(self.draft, lambda: self._open(self._place), self._saved))

    def _saved(self, sentence: str) -> None:
        self._open(self._place)
        self.message.value = said(sentence)

    def _show_catalogue(self) -> None:
        self._show(CataloguePage(self._begin_with))

    def _begin_with(self, template: Template) -> None:
        known = {each.id: each for each in kpi_templates()}
        self._begin("kpis", template.fields, about_template(template, known))

    def _show_paste(self) -> None:
        noun = self._place[0] if self._place != WHOLE else NOUNS[self.view.value][0]
        page = PastePage(noun, self._paste)
        self.message = page.message
        self._show(page)

    def _paste(self, noun: str, text: str) -> None:
        def edit() -> None:
            entries = pasted_entries(self.cascade, noun, text)
            self.draft.add_all(noun, entries)
            self.message.value = said(f"{count_of(len(entries), 'row')} added.")

        self._tried(edit)

    def _show_history(self) -> None:
        measures = sorted({name for kpi in self.cascade.kpis for name in measures_of(self.cascade, kpi)})
        page = HistoryPage(measures, self._use_history)
        self.message = page.message
        self._show(page)

    def _use_history(self, text: str) -> None:
        def edit() -> None:
            written = pasted_history(self.cascade, text)
            self.history = read_pasted_history(self.cascade, text)
            name = "history.csv"
            if self.cascade.history.path != (name,):
                self.draft.change("cascade", "", {"history": {"path": name}})
            self.draft.attach(name, written)
            rows = written.count("\n") - 1
            self.message.value = said(f"{count_of(rows, 'row')} of history: written to {name} when you save.")

        self._tried(edit)

    def _show_derived(self) -> None:
        page = DerivePage(
            self.cascade, self._place[1], self._derive, history=self.history, beside=self._beside
        )
        self.message = page.message
        self._show(page)

    def _derive(self, edits: Sequence[tuple[Any, ...]]) -> None:
        if edits:
            self._tried(lambda: self.draft.at_once(*edits))
        else:
            self.message.value = said("Nothing is ticked.", BAD)
