"""A form for one entry: held against the reader's rules as one types, with the findings of the check beside."""

import html
import re
from collections.abc import Callable, Iterable, Sequence
from functools import partial

import ipywidgets

from kpilab.delivery.widgets.drafted import Quiet, laid_out
from kpilab.delivery.widgets.field_controls import control_of
from kpilab.delivery.widgets.form_fields import BY_RULE, Field, fields_of
from kpilab.delivery.widgets.judging import RENAMED, Judgement, identity_of
from kpilab.model.cascade import Cascade
from kpilab.model.new_ids import id_from
from kpilab.model.typed import COMPUTED
from kpilab.problems import Finding, Problem
from kpilab.words import KPI_KINDS

BAD, WEAK = "#b2182b", "#8c6d1f"
MOST_LINES = 5
Late = Callable[[Judgement, Callable[[Sequence[Finding]], None], Callable[[str], None]], None]
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
        self.message = ipywidgets.HTML(layout=laid_out(width="auto", flex="1 1 240px"))
        label = ipywidgets.Label(field.label, layout=laid_out(**_LABEL))
        super().__init__(
            [label, self.control, self.message],
            layout=laid_out(align_items="flex-start", flex_flow="row wrap"),
        )

    def tell(self, lines: str) -> None:
        """Show lines of HTML beside the control, or nothing."""
        if self.message.value != lines:
            self.message.value = lines

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
    wrong and what is weak; `is_sound` says whether nothing is wrong. `late`, if given, works out beside the page
    what a history says, and calls back.
    """

    def __init__(
        self,
        cascade: Cascade,
        noun: str,
        texts: dict[str, str],
        *,
        is_new: bool,
        judge: Callable[[dict[str, str]], Judgement],
        heard: Callable[[], None],
        late: Late | None = None,
    ):
        self._judge, self._heard, self._late, self.is_new = judge, heard, late, is_new
        self.noun = noun
        self._found_late: Sequence[Finding] = ()
        self._turn = 0
        self.is_sound = False
        self._identity = identity_of(noun)
        self._taken = {entry.id for entry in getattr(cascade, noun)} if noun != "cascade" else set()
        self.rows = {field.name: FieldRow(field) for field in fields_of(cascade, noun)}
        self._begun = {name: texts.get(name, "") for name in self.rows}
        self._id_is_own = bool(texts.get(self._identity))
        for name, row in self.rows.items():
            row.text = self._begun[name]
        self._begun = self.texts
        self.rest = ipywidgets.HTML()
        self.waiting = ipywidgets.HTML()
        super().__init__([*self.rows.values(), self.rest, self.waiting])
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
        judgement = self._judge(self.texts)
        self.is_sound = not judgement.problems
        untouched = self.is_new and not any(self.changed.values())
        if untouched:
            self._tell((), ())
            return
        self._turn += 1
        turn = self._turn
        self._tell(judgement.problems, [*judgement.findings, *self._found_late])
        if self._late is not None and judgement.after is not None:
            self.waiting.value = said("Held against the history …", "#767676")
            self._late(judgement, partial(self._heard_late, turn, judgement), partial(self._no_late, turn))

    def _heard_late(self, turn: int, judgement: Judgement, found: Sequence[Finding]) -> None:
        if turn == self._turn:
            self._found_late = [each for each in found if each not in judgement.findings]
            self.waiting.value = ""
            self._tell(judgement.problems, [*judgement.findings, *self._found_late])

    def _no_late(self, turn: int, why: str) -> None:
        if turn == self._turn:
            self._found_late = ()
            self.waiting.value = said(f"Not held against the history: {why}", WEAK)

    def _tell(self, problems: Iterable[Problem], findings: Iterable[Finding]) -> None:
        beside: dict[str, list[str]] = {name: [] for name in self.rows}
        rest: list[str] = []
        for problem in problems:
            beside.get(self._place(problem), rest).append(said(problem.message, BAD))
        for finding in findings:
            place = self._identity if finding.rule == RENAMED else BY_RULE.get(finding.rule, "")
            beside.get(place, rest).append(
                said(f"{finding.severity}: {finding.what}; {finding.remedy}", WEAK)
            )
        for name, row in self.rows.items():
            row.tell("".join(_few(beside[name])))
        lines = "".join(_few(rest))
        if self.rest.value != lines:
            self.rest.value = lines

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
        if self.is_new and name == "name" and self._identity in self.rows and not self._id_is_own:
            with self._quiet():
                self.rows[self._identity].text = id_from(self.rows["name"].text, self._taken)
        self.judge()
        self._heard()


def _few(lines: list[str]) -> list[str]:
    """Return the first lines, and how many more there are."""
    more = len(lines) - MOST_LINES
    return lines if more < 2 else [*lines[:MOST_LINES], said(f"and {more} more: kl.check tells all", WEAK)]
