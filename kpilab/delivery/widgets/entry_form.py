"""A form for one entry: held against the reader's rules as one types, with the findings of the check beside."""

import html
import re
from collections.abc import Callable, Iterable
from functools import partial

import ipywidgets

from kpilab.delivery.widgets.drafted import Quiet
from kpilab.delivery.widgets.field_controls import control_of
from kpilab.delivery.widgets.form_fields import BY_RULE, Field, fields_of
from kpilab.delivery.widgets.judging import RENAMED
from kpilab.model.cascade import Cascade
from kpilab.model.new_ids import id_from
from kpilab.model.typed import COMPUTED
from kpilab.problems import Finding, Problem
from kpilab.words import KPI_KINDS

BAD, WEAK = "#b2182b", "#8c6d1f"
_SPOKEN_OF = {
    "defined by exactly one": COMPUTED, "computed from itself": COMPUTED, "cause and effect are the same": "effect",
    "is drawn twice": "effect", "form a circle": "parent", "a parent stands above": "parent", "has two parents": "unit",
    "say what with near": "near", "is not among its units": "units", "requires or excludes itself": "excludes",
}  # fmt: skip
"""Fields by what a reader says of the whole entry."""
_LABEL = {"width": "150px", "flex": "0 0 150px"}


def said(text: str, colour: str = "#444") -> str:
    """Return a text as a line of HTML, escaped."""
    return (
        f"<div style='color:{colour};line-height:1.35;margin:3px 0;white-space:normal;overflow-wrap:anywhere'>"
        f"{html.escape(text)}</div>"
    )


class FieldRow(ipywidgets.HBox):
    """One field: a label, a control, and beside it what is wrong or weak."""

    def __init__(self, field: Field):
        self.field = field
        self.control = control_of(field)
        self.message = ipywidgets.HTML(layout={"width": "auto", "flex": "1 1 240px", "display": "none"})
        label = ipywidgets.Label(field.label, layout=_LABEL)
        super().__init__(
            [label, self.control, self.message], layout={"align_items": "flex-start", "flex_flow": "row wrap"}
        )

    def tell(self, lines: str) -> None:
        """Show lines of HTML beside the control, or nothing."""
        self.message.value = lines
        self.message.layout.display = None if lines else "none"

    @property
    def text(self) -> str:
        """Return what was typed or chosen."""
        return str(self.control.text)

    @text.setter
    def text(self, text: str) -> None:
        self.control.text = text


class EntryForm(Quiet, ipywidgets.VBox):
    """The form of an entry that is there, or of one to be added.

    `rows` are its fields by name. `judge` is called with the texts after every change and returns what is
    wrong and what is weak; `is_sound` says whether nothing is wrong.
    """

    def __init__(
        self,
        cascade: Cascade,
        noun: str,
        texts: dict[str, str],
        *,
        is_new: bool,
        judge: Callable[[dict[str, str]], tuple[Iterable[Problem], Iterable[Finding]]],
        heard: Callable[[], None],
    ):
        self._judge, self._heard, self._is_new = judge, heard, is_new
        self.is_sound = False
        self._identity = "unit" if noun == "units" else "id"
        self._taken = {entry.id for entry in getattr(cascade, noun)} if noun != "cascade" else set()
        self.rows = {field.name: FieldRow(field) for field in fields_of(cascade, noun)}
        self._begun = {name: texts.get(name, "") for name in self.rows}
        self._id_is_own = bool(texts.get(self._identity))
        for name, row in self.rows.items():
            row.text = self._begun[name]
        self._begun = self.texts
        self.rest = ipywidgets.HTML()
        super().__init__([*self.rows.values(), self.rest])
        for name, row in self.rows.items():
            row.control.observe_text(partial(self._typed, name))
        self.judge()

    @property
    def texts(self) -> dict[str, str]:
        """Return what stands in the form, by field."""
        return {name: row.text for name, row in self.rows.items()}

    @property
    def changed(self) -> dict[str, str]:
        """Return the fields that say something else than at the beginning."""
        return {name: text for name, text in self.texts.items() if text != self._begun[name]}

    def fill(self, texts: dict[str, str]) -> None:
        """Put texts into fields, as if they were typed."""
        with self._quiet():
            self._id_is_own = self._identity in texts
            for name, text in texts.items():
                if name in self.rows:
                    self.rows[name].text = text
        self.judge()
        self._heard()

    def judge(self) -> None:
        """Show what is wrong or weak now; a form in which nothing was typed yet is not told that it is empty."""
        problems, findings = self._judge(self.texts)
        beside: dict[str, list[str]] = {name: [] for name in self.rows}
        rest: list[str] = []
        self.is_sound = True
        untouched = self._is_new and not any(self.changed.values())
        for problem in problems:
            self.is_sound = False
            if not untouched:
                beside.get(self._place(problem), rest).append(said(problem.message, BAD))
        for finding in () if untouched else findings:
            beside.get(
                self._identity if finding.rule == RENAMED else BY_RULE.get(finding.rule, ""), rest
            ).append(said(f"{finding.severity}: {finding.what}; {finding.remedy}", WEAK))
        for name, row in self.rows.items():
            row.tell("".join(beside[name]))
        self.rest.value = "".join(rest)

    def _place(self, problem: Problem) -> str:
        """Return the field that a problem speaks of."""
        missing = re.search(r"'([\w.]+)' is missing", problem.message)
        where = missing[1].partition(".")[0] if missing else problem.where
        if where in KPI_KINDS:
            return COMPUTED
        said_of = (field for phrase, field in _SPOKEN_OF.items() if phrase in problem.message)
        return next(said_of, self._identity if "duplicate id" in problem.message else where)

    def _typed(self, name: str, change: object) -> None:
        if not self._listening:
            return
        if name == self._identity:
            self._id_is_own = True
        if self._is_new and name == "name" and self._identity in self.rows and not self._id_is_own:
            with self._quiet():
                self.rows[self._identity].text = id_from(self.rows["name"].text, self._taken)
        self.judge()
        self._heard()
