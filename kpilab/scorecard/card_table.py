"""The columns of a scorecard: gathered KPI by KPI, judged side by side for all KPIs that are judged alike."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from kpilab.model.cascade import Cascade
from kpilab.model.history import History
from kpilab.model.nouns import Kpi
from kpilab.model.periods import Span
from kpilab.progress import with_bar
from kpilab.scorecard.attainment import attainment, progress, red_flags, score, status, target_change, trend
from kpilab.scorecard.family import Family, family_of, worst_children
from kpilab.scorecard.in_force import TargetBook
from kpilab.scorecard.panels import kpi_spans

COLUMNS = [
    "kpi", "unit", "level", "period", "actual", "target", "attainment", "status",
    "target_status", "previous", "change", "trend", "n_expected", "n_missing", "coverage",
    "baseline", "progress", "red_flag", "score", "share_of_parent", "worst_child", "worst_actual", "worst_status",
    "previous_target", "target_change", "previous_attainment", "attainment_old_target",
    "year_to_date", "rolling_year",
]  # fmt: skip
_TEXTS = {"kpi", "unit", "level", "period", "status", "target_status", "trend", "worst_child", "worst_status",
          "target_change"}  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Gathered:
    """One KPI's numbers; arrays run over the units of its family."""

    kpi: Kpi
    family: Family
    numbers: dict[str, np.ndarray]
    target_status: list[str]


def scorecard_table(cascade: Cascade, history: History, spans: Sequence[Span]) -> pd.DataFrame:
    """Return the table of a scorecard.

    Parameters
    ----------
    spans : sequence of four Span
        The span of the scorecard, the same a year before, the year to its end, and the twelve months to its end.

    Returns
    -------
    DataFrame
        One row per KPI and unit that has it, with `COLUMNS`.
    """
    book, families = TargetBook(cascade), {}
    gathered = []
    for kpi in with_bar(cascade.kpis, "KPIs"):
        levels = cascade.levels_of(kpi)
        if levels not in families:
            families[levels] = family_of(cascade, levels)
        gathered.append(_gather(cascade, history, kpi, families[levels], spans, book))
    if not gathered:
        return pd.DataFrame(columns=COLUMNS)
    columns: dict[str, Any] = _named(gathered, spans[0])
    for name in gathered[0].numbers:
        columns[name] = np.concatenate([each.numbers[name] for each in gathered])
    columns |= _judged(gathered, columns)
    columns |= _beside(gathered, columns)
    table = {
        name: pd.array(columns[name], dtype="str") if name in _TEXTS else columns[name] for name in COLUMNS
    }
    return pd.DataFrame(table, columns=COLUMNS, copy=False)


def _gather(
    cascade: Cascade, history: History, kpi: Kpi, family: Family, spans: Sequence[Span], book: TargetBook
) -> _Gathered:
    panels = kpi_spans(cascade, history, kpi, spans)
    now, previous, to_date, rolling = (panel.values[0, family.positions] for panel in panels)
    targets, before = (book.over(kpi, family.units, span) for span in spans[:2])
    numbers = {
        "actual": now,
        "target": targets.target,
        "previous": previous,
        "change": now - previous,
        "n_expected": panels[0].n_expected[0, family.positions],
        "n_missing": panels[0].n_missing[0, family.positions],
        "coverage": panels[0].coverage[0, family.positions],
        "baseline": targets.baseline,
        "red_flag": targets.red_flag,
        "previous_target": before.target,
        "year_to_date": to_date,
        "rolling_year": rolling,
    }
    return _Gathered(kpi, family, numbers, targets.status)


def _named(gathered: list[_Gathered], span: Span) -> dict[str, np.ndarray]:
    families = {each.family for each in gathered}
    ids = {family: _texts(unit.id for unit in family.units) for family in families}
    levels = {family: _texts(unit.level for unit in family.units) for family in families}
    sizes = [len(each.family.units) for each in gathered]
    return {
        "kpi": np.repeat(_texts(each.kpi.id for each in gathered), sizes),
        "unit": np.concatenate([ids[each.family] for each in gathered]),
        "level": np.concatenate([levels[each.family] for each in gathered]),
        "period": np.repeat(_texts([str(span)]), sum(sizes)),
        "target_status": np.concatenate([_texts(each.target_status) for each in gathered]),
    }


def _texts(texts: Iterable[str]) -> np.ndarray:
    return np.array(list(texts), dtype=object)


def _judged(gathered: list[_Gathered], columns: dict[str, Any]) -> dict[str, np.ndarray]:
    """Compute what depends on a KPI only by its direction, tolerance and coverage, once for each of these."""
    alike: dict[tuple, list[int]] = {}
    for position, each in enumerate(gathered):
        kpi = each.kpi
        alike.setdefault((kpi.better, kpi.near, kpi.tolerance, kpi.coverage), []).append(position)
    ends = np.cumsum([len(each.family.units) for each in gathered])
    starts = ends - [len(each.family.units) for each in gathered]
    found: dict[str, np.ndarray] = {}
    for positions in alike.values():
        rows = np.concatenate([np.arange(starts[i], ends[i]) for i in positions])
        here = {name: columns[name][rows] for name in gathered[0].numbers}
        for name, values in _judge(gathered[positions[0]].kpi, here).items():
            values = np.asarray(values, dtype=object if name in _TEXTS else float)
            found.setdefault(name, np.empty(ends[-1], dtype=values.dtype))[rows] = values
    return found


def _judge(kpi: Kpi, here: dict[str, np.ndarray]) -> dict[str, Any]:
    actual, target, previous = here["actual"], here["target"], here["previous"]
    flags = red_flags(kpi, target, here["red_flag"])
    return {
        "red_flag": flags,
        "attainment": attainment(kpi, actual, target),
        "status": status(kpi, actual, target, flags, here["coverage"]),
        "trend": trend(kpi, actual, previous),
        "progress": progress(actual, here["baseline"], target),
        "score": score(kpi, actual, target, flags),
        "target_change": target_change(kpi.better, target, here["previous_target"]),
        "previous_attainment": attainment(kpi, previous, here["previous_target"]),
        "attainment_old_target": attainment(kpi, actual, here["previous_target"]),
    }


def _beside(gathered: list[_Gathered], columns: dict[str, Any]) -> dict[str, np.ndarray]:
    """Compute what compares a unit with those below and above it."""
    found: dict[str, list[np.ndarray]] = {
        name: [] for name in ("share_of_parent", "worst_child", "worst_actual", "worst_status")
    }
    start = 0
    for each in gathered:
        rows = slice(start, start + len(each.family.units))
        start = rows.stop
        actual = columns["actual"][rows]
        worst = worst_children(each.kpi, each.family, actual, columns["score"][rows])
        none = worst < 0
        ids = columns["unit"][rows]
        found["share_of_parent"].append(each.family.share_of_parent(each.kpi, actual))
        found["worst_child"].append(np.where(none, "", ids[worst]) if len(ids) else ids)
        found["worst_actual"].append(np.where(none, np.nan, actual[worst]) if len(ids) else actual)
        found["worst_status"].append(np.where(none, "", columns["status"][rows][worst]) if len(ids) else ids)
    return {name: np.concatenate(parts) for name, parts in found.items()}
