"""Level by level: which KPIs further down follow from one KPI, from its units and how it is computed."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from kpilab.model.cascade import Cascade
from kpilab.model.formula import formula_names
from kpilab.model.history import History
from kpilab.model.new_ids import id_from
from kpilab.model.nouns import Kpi, Unit
from kpilab.model.saving import as_written
from kpilab.show import count_of

MOST_OWN = 30
"""Units that are each proposed a KPI of their own; where there are more, nobody wants one per unit."""
_SHARED = (
    "factor",
    "process",
    "better",
    "near",
    "tolerance",
    "unit_of_measure",
    "timing",
    "transform",
    "every",
)


@dataclass(frozen=True)
class Proposal:
    """An edit that would carry a KPI one step down.

    Parameters
    ----------
    verb : {"add", "change"}
    entry : dict
        The KPI to add, or the fields to change of the KPI at hand.
    sentence : str
    kind : {"level", "part", "own"}
        The same KPI further down; what it is computed from; a KPI of one unit's own.
    unit : str
        Whose own; ``""`` otherwise.
    """

    verb: Literal["add", "change"]
    entry: dict[str, Any]
    sentence: str
    kind: Literal["level", "part", "own"]
    unit: str = ""


def propose_children(
    cascade: Cascade, kpi_id: str, *, level: str | None = None, history: History | None = None
) -> tuple[Proposal, ...]:
    """Propose KPIs below this one: the same further down, what it is computed from, and one of each unit's own.

    Parameters
    ----------
    cascade : Cascade
    kpi_id : str
    level : str, optional
        Where the proposals stand; default: the level under the lowest that has the KPI, or else that one.
    history : History, optional
        Tells which unit reports a measure: its owner answers for the KPI made of it.

    Raises
    ------
    InputError
        When there is no such KPI, or no such level.
    """
    kpi = cascade.kpi(kpi_id)
    at = cascade.known_level(level) if level else levels_below(cascade, kpi)[0]
    return (
        *_same_there(cascade, kpi, at),
        *_parts_of_it(cascade, kpi, at, history),
        *_own_of_units(cascade, kpi, at),
    )


def levels_below(cascade: Cascade, kpi: Kpi) -> tuple[str, ...]:
    """Return the levels at which children of a KPI may stand, the likeliest first.

    First those that do not have it yet, top down; then those under its highest that do.
    """
    having = cascade.levels_of(kpi)
    under = cascade.levels[cascade.levels.index(having[0]) + 1 :]
    fresh = [level for level in under if cascade.levels.index(level) > cascade.levels.index(having[-1])]
    return (*fresh, *(level for level in under if level not in fresh)) or having[-1:]


def _same_there(cascade: Cascade, kpi: Kpi, level: str) -> Iterator[Proposal]:
    having = cascade.levels_of(kpi)
    if level in having:
        return
    between = [each for each in cascade.levels if each in having or each == level]
    units = count_of(len(cascade.units_at(level)), "unit")
    how = "the same formula there" if kpi.formula else "the same measures there, added up to the level above"
    sentence = f"Measure '{kpi.name}' at level {level} too ({units}): {how}."
    yield Proposal("change", {"levels": between}, sentence, "level")


def _parts_of_it(cascade: Cascade, kpi: Kpi, level: str, history: History | None) -> Iterator[Proposal]:
    """Propose a KPI for each name that this one is computed from, where there is none yet."""
    known = {each.id for each in cascade.kpis}
    used = {measure for each in cascade.kpis for measure in (each.sum, each.last) if measure}
    for name, part in _parts(kpi):
        if name in known | used or name == kpi.id:
            continue
        better = {("of", "higher"): "higher", ("of", "lower"): "lower"}.get((part, kpi.better or ""))
        reporting = _reporting(cascade, level, name, history)
        entry = {
            "id": name,
            "name": name.replace("_", " ").capitalize(),
            "factor": kpi.factor,
            "parent": kpi.id,
            "sum": name,
            "better": better,
            "owner": _owner_of(cascade, reporting[0]) if len(reporting) == 1 else None,
            "levels": [level],
        }
        whose = f"; {reporting[0].name} alone reports it" if len(reporting) == 1 else ""
        why = f"'{kpi.name}' is computed from it ({kpi.definition}){whose}"
        given = {key: value for key, value in entry.items() if value is not None}
        yield Proposal("add", given, f"Add '{entry['name']}' at level {level}: {why}.", "part")


def _parts(kpi: Kpi) -> list[tuple[str, str]]:
    if kpi.ratio:
        return [(kpi.ratio.of, "of"), (kpi.ratio.per, "per")]
    if kpi.formula:
        return [(name, "name") for name in formula_names(kpi.formula)]
    return []


def _reporting(cascade: Cascade, level: str, measure: str, history: History | None) -> list[Unit]:
    """Return the units of a level that report a measure, themselves or below them."""
    if history is None or measure not in history.measures:
        return []
    reports = ~np.isnan(history.measure(measure)).all(axis=0)
    units = {unit for unit, has in zip(history.units, reports.tolist(), strict=True) if has}
    return [unit for unit in cascade.units_at(level) if units & cascade.with_descendants([unit.id])]


def _own_of_units(cascade: Cascade, kpi: Kpi, level: str) -> Iterator[Proposal]:
    """Propose a KPI of its own for each unit of a level: another id, name and owner, the same computation."""
    units = cascade.units_at(level)
    if len(units) > MOST_OWN or level == cascade.levels[0]:
        return
    taken = {each.id for each in cascade.kpis}
    written = as_written(kpi)
    for unit in units:
        new = id_from(f"{kpi.id} {unit.id}")
        if new in taken:
            continue
        entry = {name: written[name] for name in (*_SHARED, kpi.kind) if name in written}
        owner = _owner_of(cascade, unit)
        entry |= {"id": new, "name": f"{kpi.name}: {unit.name}", "parent": kpi.id, "levels": [level]}
        entry |= {"owner": owner} if owner else {}
        sentence = f"Add a KPI of its own for {unit.name}: say what {unit.name} computes it from."
        yield Proposal("add", entry, sentence, "own", unit.id)


def _owner_of(cascade: Cascade, unit: Unit) -> str | None:
    """Return who answers for a unit: its owner, or else the one who is placed there."""
    placed = (owner.id for owner in cascade.owners if owner.unit == unit.id)
    return unit.owner or next(placed, None)
