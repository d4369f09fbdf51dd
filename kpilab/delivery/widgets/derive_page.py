"""Level by level: what could stand below a KPI, as a table in which one ticks what to take."""

import html
from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets

from kpilab.delivery.widgets.background import Background
from kpilab.delivery.widgets.drafted import laid_out
from kpilab.delivery.widgets.entry_form import said
from kpilab.delivery.widgets.field_controls import Choice, Line
from kpilab.delivery.widgets.side_pages import button, heading
from kpilab.model import editing
from kpilab.model.cascade import Cascade
from kpilab.model.derivation import Proposal, levels_below, propose_children
from kpilab.model.history import History
from kpilab.model.nouns import Kpi
from kpilab.model.typed import COMPUTED, KIND, texts_of, typed
from kpilab.problems import InputError
from kpilab.scorecard.targets_below import targets_below
from kpilab.show import count_of, listed, quantity

Edit = tuple[Any, ...]
_TICK = {"width": "30px", "flex": "0 0 30px"}
_CELL = {"width": "auto", "flex": "1 1 90px", "min_width": "60px"}
_HEADS = ("id", "name", "owner", "computed from")


class ProposalRow(ipywidgets.VBox):
    """A KPI that could be added: ticked or not, its cells to be changed before it is taken."""

    def __init__(self, cascade: Cascade, proposal: Proposal):
        self.proposal = proposal
        self._texts = texts_of("kpis", Kpi.model_validate(proposal.entry))
        self.take = ipywidgets.Checkbox(
            value=proposal.kind == "part", indent=False, layout=laid_out(**_TICK), tooltip=proposal.sentence
        )
        owners = [("—", ""), *((f"{each.name} ({each.id})", each.id) for each in cascade.owners)]
        self.cells: dict[str, Any] = {
            "id": Line(layout=laid_out(**_CELL), tooltip="id"),
            "name": Line(layout=laid_out(**_CELL), tooltip="name"),
            "owner": Choice(owners, layout=laid_out(**_CELL), tooltip="owner"),
            COMPUTED: Line(layout=laid_out(**_CELL), tooltip=f"computed from: {self._texts[KIND]}"),
        }
        for name, cell in self.cells.items():
            cell.text = self._texts.get(name, "")
        told = [ipywidgets.HTML(said(proposal.sentence))] if proposal.kind == "part" else []
        super().__init__([*told, ipywidgets.HBox([self.take, *self.cells.values()])])

    @property
    def edits(self) -> list[Edit]:
        """Return what taking it means; nothing where it is not ticked."""
        if not self.take.value:
            return []
        texts = self._texts | {name: cell.text for name, cell in self.cells.items()}
        given = {name: value for name, value in typed("kpis", texts).items() if value is not None}
        return [("add", "kpis", given)]


class DerivePage(ipywidgets.VBox):
    """Proposals for a level below; `level`, `same`, `targets`, `rows` and `take` are its parts.

    Parameters
    ----------
    cascade : Cascade
    kpi_id : str
    take : callable
        Called with the edits that are ticked, as `Draft.at_once` takes them.
    history : History, optional
        With it the targets above are split among the units below.
    beside : Background
        Where that is worked out.
    """

    def __init__(
        self,
        cascade: Cascade,
        kpi_id: str,
        take: Callable[[list[Edit]], None],
        *,
        history: History | None,
        beside: Background[Any],
    ):
        self._beside = beside
        self._cascade, self._kpi, self._history = cascade, cascade.kpi(kpi_id), history
        self.level = ipywidgets.Dropdown(
            options=levels_below(cascade, self._kpi), description="Level:", tooltip="Where they stand"
        )
        self.same = ipywidgets.Checkbox(value=True, indent=False, layout=laid_out(**_TICK))
        self.targets = ipywidgets.Checkbox(value=True, indent=False, layout=laid_out(**_TICK))
        self.rows: list[ProposalRow] = []
        self._own: list[Proposal] = []
        self._entries: list[dict[str, Any]] = []
        self._wider: Proposal | None = None
        self._target_place, self.body = ipywidgets.VBox(), ipywidgets.VBox()
        self.message = ipywidgets.HTML()
        self.take = button("Do what is ticked", lambda: take(self.edits), icon="check", style="primary")
        below = "Tick what to take, and change it as you like."
        super().__init__(
            [
                heading(f"Below '{self._kpi.name}'", below),
                self.level,
                self.body,
                ipywidgets.HBox([self.take]),
                self.message,
            ]
        )
        self.level.observe(lambda change: self._propose(), "value")
        self._propose()

    @property
    def edits(self) -> list[Edit]:
        """Return what is ticked, as edits of a draft."""
        found: list[Edit] = []
        if self._wider is not None and self.same.value:
            found.append(("change", "kpis", self._kpi.id, self._wider.entry))
            if self._entries and self.targets.value:
                found.append(("add_all", "targets", self._entries))
        elif self._wider is None and self._entries and self.targets.value:
            found.append(("add_all", "targets", self._entries))
        return [*found, *(edit for row in self.rows for edit in row.edits)]

    def _propose(self) -> None:
        found = propose_children(self._cascade, self._kpi.id, level=self.level.value, history=self._history)
        self._wider = next((each for each in found if each.kind == "level"), None)
        self._own = [each for each in found if each.kind == "own"]
        self.rows = [ProposalRow(self._cascade, each) for each in found if each.kind == "part"]
        parts = [*self._same_there(), self._target_place]
        parts += [_title("What it is computed from"), _heads(), *self.rows] if self.rows else []
        if not self._wider and not self.rows:
            nothing = "it is measured at every level, and all it is computed from has a KPI"
            parts.append(ipywidgets.HTML(said(f"Nothing to propose: {nothing}.")))
        counted = count_of(len(self._own), "unit")
        hint = f"Each of {counted} may have a KPI of its own, with its own id, owner and measures"
        self.each_unit = button(f"One for each of {counted}", self._show_own, icon="list", hint=hint)
        self.body.children = [*parts, *([self.each_unit] if self._own else [])]
        self._ask_targets()

    def _show_own(self) -> None:
        """Show a row for each unit; nobody wants them unasked."""
        own = [ProposalRow(self._cascade, each) for each in self._own]
        self.rows = [*self.rows, *own]
        title = f"A KPI of their own for {self.level.value}s: say what each computes it from"
        self.body.children = [*self.body.children[:-1], _title(title), _heads(), *own]

    def _same_there(self) -> list[Any]:
        if self._wider is None:
            return []
        return [_ticked(self.same, self._wider.sentence)]

    def _ask_targets(self) -> None:
        """Offer the targets above, split among the units below, where a history says how much each can do."""
        self._entries, self._target_place.children = [], ()
        history, level, cascade = self._history, self.level.value, self._cascade
        if history is None or (self._wider is None and level not in cascade.levels_of(self._kpi)):
            return
        if self._wider is not None:
            cascade = editing.change(cascade, "kpis", self._kpi.id, self._wider.entry)
        self._say_of_targets("Splitting the targets above …")
        self._beside.ask(
            lambda: _split(cascade, history, self._kpi.id, level), self._show_targets, self._say_of_targets
        )

    def _say_of_targets(self, text: str) -> None:
        self._target_place.children = [ipywidgets.HTML(said(text))] if text else []

    def _show_targets(self, found: tuple[list[dict[str, Any]], str]) -> None:
        self._entries, why = found
        if not self._entries:
            self._say_of_targets(why)
            return
        unit = self._kpi.unit_of_measure
        shares = [
            f"{self._cascade.unit(entry['unit']).name} {quantity(entry['target'], unit)}"
            for entry in self._entries
        ]
        counted = count_of(len(shares), "target")
        text = f"Add {counted} that add up to those above: {listed(shares, most=4)}."
        self._target_place.children = [_ticked(self.targets, text)]


def _split(cascade: Cascade, history: History, kpi: str, level: str) -> tuple[list[dict[str, Any]], str]:
    """Return the targets of a level, or why there are none."""
    try:
        return targets_below(cascade, history, kpi, level), ""
    except InputError as error:
        why = "; ".join(problem.message for problem in error.problems)
        return [], f"The targets above cannot be split: {why}"


def _ticked(box: Any, text: str) -> Any:
    """Return a box to tick with its text beside it, which may take more than a line."""
    box.tooltip = text
    return ipywidgets.HBox(
        [box, ipywidgets.HTML(said(text), layout=laid_out(flex="1 1 200px", width="auto"))]
    )


def _title(text: str) -> Any:
    return ipywidgets.HTML(f"<b>{html.escape(text)}</b>")


def _heads() -> Any:
    heads: Sequence[Any] = [ipywidgets.Label(head, layout=laid_out(**_CELL)) for head in _HEADS]
    return ipywidgets.HBox([ipywidgets.Label("", layout=laid_out(**_TICK)), *heads])
