"""Level by level: which KPIs further down follow from one KPI, from its units and how it is computed."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kpilab.model.cascade import Cascade
from kpilab.model.formula import formula_names
from kpilab.model.nouns import Kpi
from kpilab.show import count_of


@dataclass(frozen=True)
class Proposal:
    """An edit that would carry a KPI one step down.

    Parameters
    ----------
    verb : {"add", "change"}
    entry : dict
        The KPI to add, or the fields to change of the KPI at hand.
    sentence : str
    """

    verb: str
    entry: dict[str, Any]
    sentence: str


def propose_children(cascade: Cascade, kpi_id: str) -> tuple[Proposal, ...]:
    """Propose KPIs below this one: the same at the next level down, and what it is computed from.

    Parameters
    ----------
    cascade : Cascade
    kpi_id : str

    Raises
    ------
    InputError
        When there is no such KPI.
    """
    kpi = cascade.kpi(kpi_id)
    return (*_next_level(cascade, kpi), *_drivers(cascade, kpi))


def _below(cascade: Cascade, kpi: Kpi) -> str | None:
    """Return the level under the lowest one that has the KPI."""
    lowest = cascade.levels_of(kpi)[-1]
    rest = cascade.levels[cascade.levels.index(lowest) + 1 :]
    return rest[0] if rest else None


def _next_level(cascade: Cascade, kpi: Kpi) -> Iterator[Proposal]:
    below = _below(cascade, kpi)
    if below is None:
        return
    units = count_of(len(cascade.units_at(below)), "unit")
    how = "the same formula there" if kpi.formula else "the same measures there, added up to the level above"
    yield Proposal(
        "change",
        {"levels": [*kpi.levels, below]},
        f"Measure '{kpi.name}' at level {below} too ({units}): {how}.",
    )


def _drivers(cascade: Cascade, kpi: Kpi) -> Iterator[Proposal]:
    """Propose a KPI for each name that this one is computed from, where there is none yet."""
    below = _below(cascade, kpi) or cascade.levels_of(kpi)[-1]
    known = {each.id for each in cascade.kpis}
    used = {measure for each in cascade.kpis for measure in (each.sum, each.last) if measure}
    for name, part in _parts(kpi):
        if name in known | used or name == kpi.id:
            continue
        better = {("of", "higher"): "higher", ("of", "lower"): "lower"}.get((part, kpi.better or ""))
        entry = {
            "id": name,
            "name": name.replace("_", " ").capitalize(),
            "factor": kpi.factor,
            "parent": kpi.id,
            "sum": name,
            "better": better,
            "levels": [below],
        }
        yield Proposal(
            "add",
            {key: value for key, value in entry.items() if value is not None},
            f"Add '{entry['name']}' at level {below}: '{kpi.name}' is computed from it ({kpi.definition}).",
        )


def _parts(kpi: Kpi) -> list[tuple[str, str]]:
    if kpi.ratio:
        return [(kpi.ratio.of, "of"), (kpi.ratio.per, "per")]
    if kpi.formula:
        return [(name, "name") for name in formula_names(kpi.formula)]
    return []
