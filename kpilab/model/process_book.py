"""Processes and procedures: whose they are, and which KPIs, targets, actions and persons they serve."""

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from kpilab.model.cascade import Cascade
from kpilab.model.nouns import Process
from kpilab.show import Result, count_of, listed

COLUMNS = ["process", "name", "owner", "procedures", "kpis", "objectives", "targets", "actions", "persons"]
NAMED = ["procedures", "targets", "actions", "persons"]


@dataclass(frozen=True, eq=False)
class ProcessBook(Result):
    """Every process with what hangs on it.

    `tidy()` has ``process, name, owner, procedures, kpis, objectives, targets, actions, persons``; the lists are
    names, joined by semicolons. `by_procedure()` has one row per procedure with its document and owner.
    """

    cascade: Cascade
    table: pd.DataFrame

    @property
    def title(self) -> str:  # type: ignore[override]
        """Return the name of the cascade."""
        return f"{self.cascade.name}: processes"

    def tidy(self) -> pd.DataFrame:
        """Return one row per process."""
        return self.table.copy()

    def shown(self) -> pd.DataFrame:
        """Return how many of each hang on every process; the sentences name them."""
        counted = self.table.set_index("process")[COLUMNS[3:]].map(lambda names: len(_split(names)))
        return counted.reset_index()

    def by_procedure(self) -> "ProcedureBook":
        """Return the procedures, a row each."""
        return ProcedureBook(self.cascade)

    def glance(self) -> pd.DataFrame:
        """Return one row: how many processes and procedures, and how many lack an owner or a KPI."""
        return pd.DataFrame(
            {
                "n_processes": [len(self.table)],
                "n_procedures": [len(self.by_procedure().tidy())],
                "n_without_owner": [int((self.table["owner"] == "").sum())],
                "n_without_kpi": [int((self.table["kpis"] == "").sum())],
            }
        )

    @property
    def text(self) -> str:
        """Return a line per process: whose it is, what it serves, and what hangs on it by name."""
        lines = [f"{count_of(len(self.table), 'process', 'processes')}."]
        for row in self.table.to_dict("records"):
            objectives = _split(row["objectives"])
            serves = listed(objectives) if objectives else "no objective"
            said = [f"{row['name']}, owned by {row['owner'] or 'nobody'}, serves {serves}."]
            said += [f"KPIs: {row['kpis']}." if row["kpis"] else "No KPI."]
            said += [f"{name.capitalize()}: {row[name]}." for name in NAMED if row[name]]
            lines.append(" ".join(said))
        return "\n".join(lines)


@dataclass(frozen=True, eq=False)
class ProcedureBook(Result):
    """Every procedure: `tidy()` has ``process, procedure, name, document, owner``."""

    cascade: Cascade

    @property
    def title(self) -> str:  # type: ignore[override]
        """Return the name of the cascade."""
        return f"{self.cascade.name}: procedures"

    def tidy(self) -> pd.DataFrame:
        """Return one row per procedure."""
        rows = [
            [process.id, step.id, step.name, step.document or "", _owner(self.cascade, step.owner)]
            for process in self.cascade.processes
            for step in process.procedures
        ]
        return pd.DataFrame(rows, columns=["process", "procedure", "name", "document", "owner"])

    def glance(self) -> pd.DataFrame:
        """Return one row: how many procedures, how many have no owner or no document of their own."""
        table = self.tidy()
        return pd.DataFrame(
            {
                "n_procedures": [len(table)],
                "n_without_owner": [int((table["owner"] == "").sum())],
                "n_without_document": [int((table["document"] == "").sum())],
            }
        )

    @property
    def text(self) -> str:
        """Return how many there are, and how many lack an owner or a document."""
        about = self.glance().iloc[0]
        return (
            f"{count_of(int(about['n_procedures']), 'procedure')}; {about['n_without_owner']} without an owner of "
            f"their own, {about['n_without_document']} without a document."
        )


def processes(cascade: Cascade) -> ProcessBook:
    """List every process: its owner and procedures, and the KPIs, targets, actions and persons it serves.

    Parameters
    ----------
    cascade : Cascade

    Returns
    -------
    ProcessBook
    """
    rows = [_row(cascade, process) for process in cascade.processes]
    return ProcessBook(cascade, pd.DataFrame(rows, columns=COLUMNS))


def _row(cascade: Cascade, process: Process) -> list[str]:
    targets = [target for target in cascade.targets if target.process == process.id]
    named = {target.kpi for target in targets}
    kpis = [kpi for kpi in cascade.kpis if kpi.process == process.id or kpi.id in named]
    targets += [t for t in cascade.targets if t.process is None and t.kpi in {kpi.id for kpi in kpis}]
    actions = [action for action in cascade.actions if action.process == process.id]
    objectives = [objective.name for kpi in kpis if (objective := cascade.objective_of(kpi)) is not None]
    owners = [process.owner, *(step.owner for step in process.procedures)]
    owners += [kpi.owner for kpi in kpis]
    owners += [action.owner for action in actions]
    return [
        process.id, process.name, _owner(cascade, process.owner), _joined(step.name for step in process.procedures),
        _joined(kpi.name for kpi in kpis), _joined(objectives), _joined(target.id for target in targets),
        _joined(action.name for action in actions), _joined(_owner(cascade, owner) for owner in owners if owner),
    ]  # fmt: skip


def _owner(cascade: Cascade, owner: str | None) -> str:
    return cascade.owner(owner).name if owner is not None else ""


def _joined(names: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(names))


def _split(names: str) -> list[str]:
    return names.split("; ") if names else []
