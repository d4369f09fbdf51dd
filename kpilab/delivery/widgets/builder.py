"""Build a cascade with the mouse: a tree of its entries, a form for each, and a save that shows what it changes.

Everything done here is a method of a `Draft`; the line of code that does the same stands at the foot.
"""

import html
import os
from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets

from kpilab.delivery.widgets.drafted import OnDraft, Quiet
from kpilab.delivery.widgets.entry_form import EntryForm, said
from kpilab.delivery.widgets.judging import (
    WHOLE,
    Judgement,
    Place,
    has_id,
    identity_of,
    judged_addition,
    judged_change,
)
from kpilab.delivery.widgets.outline import NOUNS, SINGULAR, VIEWS, outline
from kpilab.delivery.widgets.save_page import RecoveryBanner, SavePage
from kpilab.delivery.widgets.side_pages import (
    AskPage,
    CataloguePage,
    DerivePage,
    HistoryPage,
    PastePage,
    about_template,
    button,
    heading,
    problem_lines,
    stakes_of_removal,
)
from kpilab.model import editing
from kpilab.model.cascade import Cascade
from kpilab.model.catalogue import Template, kpi_templates
from kpilab.model.derivation import Proposal, propose_children
from kpilab.model.draft import Draft
from kpilab.model.history import History
from kpilab.model.pasted import pasted_entries, pasted_history
from kpilab.model.typed import texts_of, typed
from kpilab.problems import InputError
from kpilab.scorecard.panels import measures_of
from kpilab.show import count_of
from kpilab.words import Frequency

MOST_LINES_OF_CODE = 4


class CascadeBuilder(OnDraft, Quiet, ipywidgets.VBox):
    """Build a cascade: choose an entry on the left, change it on the right, save at the top.

    Parameters
    ----------
    cascade : Cascade
    history : History, optional
    draft : Draft, optional
        One that another editor works on too: both stay in step.

    Attributes
    ----------
    draft : Draft
    view, entries : widgets
        Which part of the cascade is listed, and the list.
    page : widget
        What stands on the right: `form`, when it is the form of an entry.
    """

    def __init__(self, cascade: Cascade, history: History | None = None, *, draft: Draft | None = None):
        self.draft = Draft(cascade) if draft is None else draft
        self.history = history
        self.form: EntryForm | None = None
        self._lines = list[str]()
        self._place: Place = WHOLE
        self._build()
        self.draft.watch(self._heard)
        self._list()
        self._open(WHOLE)

    @classmethod
    def new(
        cls,
        folder: str | os.PathLike[str],
        *,
        name: str,
        levels: Sequence[str] = ("company", "department", "person"),
        frequency: Frequency = "month",
    ) -> "CascadeBuilder":
        """Begin a cascade in an empty folder; see `Draft.new`."""
        draft = Draft.new(folder, name=name, levels=levels, frequency=frequency)
        return cls(draft.cascade, draft=draft)

    def _build(self) -> None:
        self._undo = button("Undo", self.undo, icon="undo")
        self._redo = button("Redo", self.redo, icon="repeat")
        self._save = button(
            "Save…", self._ask_save, icon="save", style="success", hint="See what changes, then save"
        )
        self.state = ipywidgets.HTML()
        bar = ipywidgets.HBox(
            [self._undo, self._redo, self._save, self.state], layout={"align_items": "center"}
        )
        self.banner = RecoveryBanner(self.draft)
        self.view = ipywidgets.Dropdown(options=VIEWS, layout={"width": "auto"}, tooltip="Which part to list")
        self.entries = ipywidgets.Select(rows=22, layout={"width": "auto"}, tooltip="Choose an entry")
        self.adders = ipywidgets.HBox(layout={"flex_flow": "row wrap"})
        more = ipywidgets.HBox(
            [
                button("Catalogue", self._show_catalogue, icon="book", hint="Begin with a KPI template"),
                button("Paste a table", self._show_paste, icon="table"),
                button("History", self._show_history, icon="line-chart"),
            ],
            layout={"flex_flow": "row wrap"},
        )
        left = ipywidgets.VBox(
            [self.view, self.entries, self.adders, more], layout={"width": "340px", "flex": "0 0 340px"}
        )
        self.page = ipywidgets.VBox(layout={"flex": "1 1 auto", "padding": "0 0 0 18px", "min_width": "0"})
        self.code = ipywidgets.HTML()
        super().__init__([self.banner, bar, ipywidgets.HBox([left, self.page]), self.code])
        self.view.observe(lambda change: self._list(), "value")
        self.entries.observe(lambda change: self._chosen(), "index")

    # What stands on the left ----------------------------------------------------------------------------------

    def _list(self) -> None:
        """List the entries of now, and keep the chosen one chosen."""
        rows = outline(self.cascade, self.view.value)
        places = [place for _, place in rows]
        with self._quiet():
            self.entries.options = rows
            self.entries.index = places.index(self._place) if self._place in places else None
        self.adders.children = [
            button(f"+ {_title(noun)}", lambda noun=noun: self._begin(noun))  # type: ignore[misc]
            for noun in NOUNS[self.view.value]
        ]
        changes = len(self.draft.changes())
        said_of_state = (
            "everything is saved" if self.draft.is_saved else f"{count_of(changes, 'unsaved change')}"
        )
        trouble = f" — {self.draft.trouble}" if self.draft.trouble else ""
        self.state.value = (
            f"<span style='margin-left:8px;color:#444'>{html.escape(said_of_state + trouble)}</span>"
        )
        self._undo.disabled, self._redo.disabled = not self.draft.can_undo, not self.draft.can_redo
        self._save.disabled = self.draft.is_saved

    def _chosen(self) -> None:
        if self._listening and self.entries.value is not None:
            noun, key = self.entries.value
            self._open((noun, key.partition("@")[0]) if noun == "kpis" else (noun, key))

    def _heard(self) -> None:
        """Follow the draft, whoever edited it."""
        self._lines = [*self._lines, self.draft.code][-MOST_LINES_OF_CODE:]
        lines = "".join(f"<div><code>{html.escape(line)}</code></div>" for line in self._lines)
        style = "color:#555;margin-top:6px;overflow-wrap:anywhere;line-height:1.4"
        self.code.value = f"<div style='{style}'>What you just did in code:{lines}</div>"
        if not self._exists(self._place):
            self._place = WHOLE
        self._list()
        self._open(self._place)

    def _exists(self, place: Place) -> bool:
        try:
            return place == WHOLE or editing.place_of(self.cascade, *place) >= 0
        except InputError:
            return False

    # What stands on the right ---------------------------------------------------------------------------------

    def _show(self, *parts: Any) -> None:
        self.form = next((part for part in parts if isinstance(part, EntryForm)), None)
        self.page.children = parts

    def _open(self, place: Place) -> None:
        """Show the form of an entry."""
        self._place = place
        noun, key = place
        entry = self._entry(place)
        self.apply = button("Change", self._change, icon="check", style="primary")
        buttons = [self.apply]
        if place != WHOLE:
            buttons.append(button("Remove…", self._ask_removal, icon="trash", style="warning"))
        if noun == "kpis":
            buttons.append(button("Derive KPIs below…", self._show_derived, icon="sitemap"))
        self.message = ipywidgets.HTML()
        form = EntryForm(
            self.cascade,
            noun,
            texts_of(noun, entry),
            is_new=False,
            judge=self._judge,
            heard=self._typed,
        )
        name = getattr(entry, "name", None) or entry.id
        self._show(heading(f"{_title(noun)}: {name}"), form, ipywidgets.HBox(buttons), self.message)
        self._typed()

    def _entry(self, place: Place) -> Any:
        noun, key = place
        if place == WHOLE:
            return self.cascade
        return getattr(self.cascade, noun)[editing.place_of(self.cascade, noun, key)]

    def _begin(self, noun: str, texts: dict[str, str] | None = None, about: Sequence[str] = ()) -> None:
        """Show the form of an entry that is to be added; it belongs to what was chosen."""
        self.apply = button("Add", lambda: self._add(noun), icon="plus", style="primary")
        back = button("Back", lambda: self._open(self._place), icon="arrow-left")
        self.message = ipywidgets.HTML("".join(said(line) for line in about))
        form = EntryForm(
            self.cascade,
            noun,
            {},
            is_new=True,
            judge=lambda given: judged_addition(self.cascade, noun, given),
            heard=self._typed,
        )
        self._show(heading(f"New {SINGULAR[noun]}"), form, ipywidgets.HBox([self.apply, back]), self.message)
        form.fill(self._belongs(noun) | (texts or {}))

    def _belongs(self, noun: str) -> dict[str, str]:
        """Return what a new entry takes from the one that is chosen: a factor its objective, a KPI its factor."""
        chosen, key = self._place
        if (noun, chosen) in {("factors", "objectives"), ("kpis", "factors"), ("units", "units")}:
            return {{"factors": "objective", "kpis": "factor", "units": "parent"}[noun]: key}
        if (noun, chosen) == ("kpis", "kpis"):
            return {"factor": self.cascade.kpi(key).factor or ""}
        if (noun, chosen) == ("factors", "factors"):
            return {"objective": self.cascade.named("factors", key).objective}
        return {}

    def _judge(self, texts: dict[str, str]) -> Judgement:
        return judged_change(self.cascade, self._place, texts)

    def _typed(self) -> None:
        self.apply.disabled = (
            self.form is None
            or not self.form.is_sound
            or not any(self.form.changed.values())
            and not self.form.changed
        )

    # Edits ----------------------------------------------------------------------------------------------------

    def _add(self, noun: str) -> None:
        if self.form is None:
            return
        given = {field: value for field, value in typed(noun, self.form.texts).items() if value is not None}
        key: Any = given.get(identity_of(noun), "")
        if noun == "links":
            key = (given["cause"], given["effect"])
        before = self._place
        self._place = (noun, key) if noun != "targets" else before
        if not self._tried(lambda: self.draft.add(noun, given)):
            self._place = before

    def _change(self) -> None:
        if self.form is None:
            return
        noun, key = self._place
        changed = dict(self.form.changed)
        if noun == "kpis" and {"kind", "computed"} & changed.keys():
            changed |= {field: self.form.texts[field] for field in ("kind", "computed")}
        new: Any = changed.pop(identity_of(noun), key) if has_id(noun) else key
        fields = typed(noun, changed)

        def edit() -> None:
            if new != key:
                self._place = (noun, new)
                self.draft.rename(noun, key, new)
            if noun == "links" and {"cause", "effect"} & fields.keys():
                self._place = (noun, (fields.get("cause", key[0]), fields.get("effect", key[1])))
            if fields:
                self.draft.change(noun, new, fields)

        self._tried(edit)

    def _tried(self, edit: Callable[[], None]) -> bool:
        """Make an edit; where it is refused, say why below the form."""
        try:
            edit()
        except InputError as error:
            self.message.value = problem_lines(error.problems)
            return False
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

    # Other pages ----------------------------------------------------------------------------------------------

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
            name = "history.csv"
            if self.cascade.history.path != (name,):
                self.draft.change("cascade", "", {"history": {"path": name}})
            self.draft.attach(name, written)
            rows = written.count("\n") - 1
            self.message.value = said(f"{count_of(rows, 'row')} of history: written to {name} when you save.")

        self._tried(edit)

    def _show_derived(self) -> None:
        kpi = self.cascade.kpi(self._place[1])
        page = DerivePage(kpi.name, propose_children(self.cascade, kpi.id), self._derive)
        self.message = page.message
        self._show(page)

    def _derive(self, chosen: list[Proposal]) -> None:
        kpi = self._place[1]

        def edit() -> None:
            for each in chosen:
                if each.verb == "add":
                    self.draft.add("kpis", each.entry)
                else:
                    self.draft.change("kpis", kpi, each.entry)

        self._tried(edit)


def _title(noun: str) -> str:
    return SINGULAR[noun][:1].upper() + SINGULAR[noun][1:]
