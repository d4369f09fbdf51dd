"""Targets for a level that has none of its own yet, so that they add up to those above."""

from collections.abc import Iterator
from typing import Any

from kpilab.model.cascade import Cascade
from kpilab.model.history import History
from kpilab.model.nouns import Target
from kpilab.scorecard.in_force import TargetBook
from kpilab.scorecard.rollup import last_complete_period
from kpilab.scorecard.targets import allocate_targets


def targets_below(cascade: Cascade, history: History, kpi: str, level: str) -> list[dict[str, Any]]:
    """Split the targets above a level among its units: entries as `Draft.add` takes them.

    Parameters
    ----------
    cascade : Cascade
        In which the level has the KPI.
    history : History
    kpi : str
    level : str

    Returns
    -------
    list of dict
        One target per unit that has none of its own, marked illustrative; none where the targets above hold for
        every unit, as those of shares often do.

    Raises
    ------
    InputError
        When a target above cannot be split: the KPI does not follow from its children, or they cannot reach it.
    """
    book, period = TargetBook(cascade), last_complete_period(cascade, history)
    own = {target.unit for target in cascade.targets if target.kpi == kpi and target.unit}
    found: list[dict[str, Any]] = []
    for parent in cascade.units_of(cascade.kpi(kpi)):
        target = book.in_force(kpi, parent.id, period)
        if parent.level == level or target is None or target.unit != parent.id:
            continue
        below = {unit for unit in cascade.with_descendants([parent.id]) if cascade.unit(unit).level == level}
        if below and not below & own:
            found += _split(cascade, history, target, level, below)
    return list({entry["unit"]: entry for entry in found}.values())


def _split(
    cascade: Cascade, history: History, target: Target, level: str, below: set[str]
) -> Iterator[dict[str, Any]]:
    plan = allocate_targets(
        cascade, history, kpi=target.kpi, target=target.target, unit=target.unit, down_to=level
    ).tidy()
    of_level = plan[plan["unit"].isin(below)]
    for unit, value in zip(of_level["unit"], of_level["target"], strict=True):
        entry = {
            "kpi": target.kpi,
            "unit": unit,
            "from": target.start,
            "to": target.end,
            "target": float(f"{value:.10g}"),
            "status": "illustrative",
            "source": f"split of the target of {target.unit} by capability",
        }
        yield {name: said for name, said in entry.items() if said is not None}
