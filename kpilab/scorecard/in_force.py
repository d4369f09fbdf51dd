"""Which target is in force, where and when; and how it came to be what it is."""

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from kpilab.model.cascade import Cascade
from kpilab.model.nouns import Kpi, Target, Unit
from kpilab.model.periods import Span
from kpilab.scorecard.attainment import target_change

HISTORY_COLUMNS = [
    "kpi",
    "unit",
    "from",
    "to",
    "target",
    "baseline",
    "red_flag",
    "status",
    "change",
    "source",
]


@dataclass(frozen=True, eq=False)
class TargetsOver:
    """The targets of one KPI over a span, one entry per unit.

    Attributes
    ----------
    target, baseline, red_flag : ndarray, shape (U,)
        NaN where there is none.
    status : list of str, length U
        ``official``, ``illustrative`` or nothing.
    """

    target: np.ndarray
    baseline: np.ndarray
    red_flag: np.ndarray
    status: list[str]


@dataclass(frozen=True, eq=False)
class TargetBook:
    """All targets of a cascade, in order of the periods in which they are in force."""

    cascade: Cascade

    def in_force(self, kpi: str, unit: str, period: pd.Period) -> Target | None:
        """Return the target of a KPI for a unit in a period; the unit's own goes before the one for all."""
        return self._at(kpi, unit, period.ordinal)

    def over(self, kpi: Kpi, units: tuple[Unit, ...], span: Span) -> TargetsOver:
        """Return the targets over a span: those in force at its end; of a sum those of its periods added up.

        A KPI that is best near a value has that value as its target where none is set.
        """
        own = self._entries.get(kpi.id, {}).keys() - {None}
        general = self._numbers(kpi, "", span)
        numbers, words = np.tile(np.array(general[:3]), (len(units), 1)), [general[3]] * len(units)
        for position in [position for position, unit in enumerate(units) if unit.id in own] if own else []:
            *numbers[position], words[position] = self._numbers(kpi, units[position].id, span)
        return TargetsOver(numbers[:, 0], numbers[:, 1], numbers[:, 2], words)

    def _numbers(self, kpi: Kpi, unit: str, span: Span) -> tuple[float, float, float, str]:
        last = self.in_force(kpi.id, unit, span.end)
        if last is None:
            near = kpi.near if kpi.better == "near" and kpi.near is not None else np.nan
            return near, np.nan, np.nan, ""
        if kpi.kind != "sum" or span.n_periods == 1:
            baseline, red_flag = (np.nan if mark is None else mark for mark in (last.baseline, last.red_flag))
            return last.target, baseline, red_flag, last.status
        ordinals = range(span.start.ordinal, span.end.ordinal + 1)
        found = [self._at(kpi.id, unit, ordinal) for ordinal in ordinals]
        each = [target for target in found if target is not None]
        if len(each) < len(found):
            return np.nan, np.nan, np.nan, last.status
        return (
            float(sum(target.target for target in each)),
            _added([target.baseline for target in each]),
            _added([target.red_flag for target in each]),
            last.status,
        )

    def _at(self, kpi: str, unit: str, ordinal: int) -> Target | None:
        entries = self._entries.get(kpi, {})
        return _latest(entries.get(unit, ()), ordinal) or _latest(entries.get(None, ()), ordinal)

    @cached_property
    def _entries(self) -> dict[str, dict[str | None, list[tuple[float, float, Target]]]]:
        """Hold, per KPI and unit, (first, last period, target) in order of the first period."""
        entries: dict[str, dict[str | None, list[tuple[float, float, Target]]]] = {}
        for target in self.cascade.targets:
            start = self.cascade.period(target.start).ordinal if target.start else -np.inf
            end = self.cascade.period(target.end).ordinal if target.end else np.inf
            entries.setdefault(target.kpi, defaultdict(list))[target.unit].append((start, end, target))
        for by_unit in entries.values():
            for each in by_unit.values():
                each.sort(key=lambda entry: entry[0])
        return {kpi: dict(by_unit) for kpi, by_unit in entries.items()}


def target_in_force(cascade: Cascade, kpi: str, unit: str, period: pd.Period) -> Target | None:
    """Return the target of a KPI for a unit in a period; the unit's own goes before the one for all units."""
    return TargetBook(cascade).in_force(kpi, unit, period)


def target_history(cascade: Cascade, *, kpi: str | None = None) -> pd.DataFrame:
    """Return every target there ever was, in order, and whether it eased or tightened the one before it.

    Parameters
    ----------
    cascade : Cascade
    kpi : str, optional
        Only the targets of this KPI.

    Returns
    -------
    DataFrame
        ``kpi, unit, from, to, target, baseline, red_flag, status, change, source``; no unit means every
        unit, no `from` since ever, no `to` until further notice.
    """
    chosen = [target for target in cascade.targets if kpi in (None, target.kpi)]
    order = {each.id: position for position, each in enumerate(cascade.kpis)}
    chosen.sort(key=lambda t: (order[t.kpi], t.unit or "", t.start or ""))
    rows, before = [], None
    for each in chosen:
        same = before is not None and (before.kpi, before.unit) == (each.kpi, each.unit)
        last = before.target if same and before is not None else np.nan
        better = cascade.kpi(each.kpi).better
        change = target_change(better, np.array([each.target]), np.array([last]))[0]
        rows.append(
            [each.kpi, each.unit, each.start, each.end, each.target, each.baseline, each.red_flag,
             each.status, change, each.source]
        )  # fmt: skip
        before = each
    return pd.DataFrame(rows, columns=HISTORY_COLUMNS)


def _latest(entries: list[tuple[float, float, Target]] | tuple, ordinal: int) -> Target | None:
    return next((target for start, end, target in reversed(entries) if start <= ordinal <= end), None)


def _added(values: list[float | None]) -> float:
    known = [value for value in values if value is not None]
    return float(sum(known)) if len(known) == len(values) else np.nan
