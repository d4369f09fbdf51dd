"""Level by level: what could stand below a KPI, as a table in which one ticks what to take."""

from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets

from kpilab.delivery.widgets.entry_form import BAD, said
from kpilab.delivery.widgets.field_controls import Choice, Line
from kpilab.delivery.widgets.side_pages import button, heading
from kpilab.model import editing
from kpilab.model.cascade import Cascade
from kpilab.model.derivation import Proposal, levels_below, propose_children
from kpilab.model.history import History
from kpilab.model.typed import COMPUTED, KIND, texts_of, typed
from kpilab.problems import InputError
from kpilab.scorecard.targets_below import targets_below
from kpilab.show import count_of, listed, quantity

Edit = tuple[Any, ...]
_WIDE = {"width": "auto"}
_TICK = {"width": "30px", "flex": "0 0 30px"}
_CELL = {"width": "auto", "flex": "1 1 90px", "min_width": "60px"}
_HEADS = ("id", "name", "owner", "computed from")


class ProposalRow(ipywidgets.VBox):
    """A KPI that could be added: ticked or not, its cells to be changed before it is taken."""

    def __init__(self, cascade: Cascade, proposal: Proposal):
        self.proposal = proposal
        made = editing.add(cascade, "kpis", proposal.entry).kpis[-1]
        self._texts = texts_of("kpis", made)
        self.take = ipywidgets.Checkbox(
            value=proposal.kind == "part", indent=False, layout=_TICK, tooltip=proposal.sentence
        )
        owners = [("—", ""), *((f"{each.name} ({each.id})", each.id) for each in cascade.owners)]
        self.cells: dict[str, Any] = {
            "id": Line(layout=_CELL, tooltip="id"),
            "name": Line(layout=_CELL, tooltip="name"),
            "owner": Choice(owners, layout=_CELL, tooltip="owner"),
            COMPUTED: Line(layout=_CELL, tooltip=f"computed from: {self._texts[KIND]}"),
        }
        for name, cell in self.cells.items():
            cell.text = self._texts.get(name, "")
        super().__init__(
            [ipywidgets.HTML(said(proposal.sentence)), ipywidgets.HBox([self.take, *self.cells.values()])]
        )

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
    history : History, optional
        With it the targets above are split among the units below.
    take : callable
        Called with the edits that are ticked, as `Draft.at_once` takes them.
    """

    def __init__(
        self, cascade: Cascade, kpi_id: str, history: History | None, take: Callable[[list[Edit]], None]
    ):
        self._cascade, self._kpi, self._history = cascade, cascade.kpi(kpi_id), history
        self.level = ipywidgets.Dropdown(
            options=levels_below(cascade, self._kpi), description="Level:", tooltip="Where they stand"
        )
        self.same = ipywidgets.Checkbox(indent=False, layout=_WIDE)
        self.targets = ipywidgets.Checkbox(indent=False, layout=_WIDE)
        self.rows: list[ProposalRow] = []
        self._entries: list[dict[str, Any]] = []
        self._wider: Proposal | None = None
        self.body = ipywidgets.VBox()
        self.message = ipywidgets.HTML()
        self.take = button("Do what is ticked", lambda: take(self.edits), icon="check", style="primary")
        below = "Tick what to take, and change it as you like."
        super().__init__(
            [heading(f"Below '{self._kpi.name}'", below), self.level, self.body, self.take, self.message]
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
        self.rows = [ProposalRow(self._cascade, each) for each in found if each.verb == "add"]
        parts = [*self._same_there(), *self._targets_there()]
        for kind, title in (("part", "What it is computed from"), ("own", "A KPI of each unit's own")):
            rows = [row for row in self.rows if row.proposal.kind == kind]
            parts += [ipywidgets.HTML(f"<b>{title}</b>"), _heads(), *rows] if rows else []
        nothing = "Nothing to propose: it is measured at every level, and all it is computed from has a KPI."
        self.body.children = parts or [ipywidgets.HTML(said(nothing))]
        self.take.layout.display = None if parts else "none"

    def _same_there(self) -> list[Any]:
        if self._wider is None:
            return []
        self.same.value, self.same.description = True, self._wider.sentence
        return [self.same]

    def _targets_there(self) -> list[Any]:
        """Offer the targets above, split among the units below, where a history says how much each can do."""
        self._entries, why = self._split()
        if not self._entries:
            return [ipywidgets.HTML(said(why, BAD))] if why else []
        unit = self._kpi.unit_of_measure
        shares = [
            f"{self._cascade.unit(entry['unit']).name} {quantity(entry['target'], unit)}"
            for entry in self._entries
        ]
        counted = count_of(len(shares), "target")
        self.targets.value = True
        self.targets.description = f"Add {counted} that add up to those above: {listed(shares, most=4)}."
        return [self.targets]

    def _split(self) -> tuple[list[dict[str, Any]], str]:
        if self._history is None:
            return [], ""
        cascade, kpi = self._cascade, self._kpi.id
        if self._wider is not None:
            cascade = editing.change(cascade, "kpis", kpi, self._wider.entry)
        elif self.level.value not in cascade.levels_of(self._kpi):
            return [], ""
        try:
            return targets_below(cascade, self._history, kpi, self.level.value), ""
        except InputError as error:
            said_why = "; ".join(problem.message for problem in error.problems)
            return [], f"The targets above cannot be split: {said_why}"


def _heads() -> Any:
    heads: Sequence[Any] = [ipywidgets.Label(head, layout=_CELL) for head in _HEADS]
    return ipywidgets.HBox([ipywidgets.Label("", layout=_TICK), *heads])
