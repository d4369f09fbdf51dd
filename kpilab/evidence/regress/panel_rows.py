"""The usable rows of a panel: checked, without missing and singleton rows, sorted."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from kpilab.evidence.regress.linear import NotEstimable

Effects = Literal["both", "unit", "period", "none"]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Rows:
    """The usable rows of a panel, sorted by cluster, unit and period.

    Attributes
    ----------
    y, X, controls : arrays of shape (n,), (n, k) and (n, q)
    unit, period, cluster : (n,) int arrays
        Codes from 0 without gaps.
    calendar : (T,) int array
        Time of each period code; a gap between two of them is a gap in the calendar.
    root_weight : (n,) array
        Square root of the weight, of mean square 1.
    used : (n_given,) bool array
        Rows of the input that are used; `n_missing` had a missing value, `n_singletons` were alone in
        their unit or period and so fitted exactly by its effect.
    order : (n,) int array
        Row of the input that each row came from.
    cluster_labels, unit_labels : arrays
        Label of each code.
    """

    y: Floats
    X: Floats
    controls: Floats
    unit: Ints
    period: Ints
    cluster: Ints
    calendar: Ints
    root_weight: Floats
    used: NDArray[np.bool_]
    order: Ints
    n_missing: int
    n_singletons: int
    cluster_labels: NDArray[Any]
    unit_labels: NDArray[Any]

    @property
    def n_units(self) -> int:
        """Number of units with usable rows."""
        return len(self.unit_labels)

    @property
    def n_clusters(self) -> int:
        """Number of clusters with usable rows."""
        return len(self.cluster_labels)

    @cached_property
    def cluster_starts(self) -> Ints:
        """First row of each cluster."""
        return np.flatnonzero(np.diff(self.cluster, prepend=-1))

    def sum_by_cluster(self, values: Floats) -> Floats:
        """Sum rows (n, ...) to clusters (G, ...)."""
        total: Floats = np.add.reduceat(values, self.cluster_starts, axis=0)
        return total

    def cluster_slices(self) -> list[slice]:
        """Rows of each cluster."""
        ends = np.append(self.cluster_starts[1:], len(self.y))
        return [slice(int(a), int(b)) for a, b in zip(self.cluster_starts, ends, strict=True)]


def usable_rows(
    y: ArrayLike,
    X: ArrayLike,
    unit: ArrayLike,
    period: ArrayLike | None,
    effects: Effects,
    *,
    controls: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    weights: ArrayLike | None = None,
) -> Rows:
    """Check the arrays, leave out missing and singleton rows, and sort; see `within` for the parameters."""
    target, columns = np.asarray(y, float), _as_columns(X)
    held = np.empty((len(target), 0)) if controls is None else _as_columns(controls)
    weight = np.ones(len(target)) if weights is None else np.asarray(weights, float)
    if len(target) == 0:
        raise NotEstimable("there are no rows", reason="too few rows")
    units, unit_labels = _codes(unit, "unit")
    times, calendar = _calendar(period, len(target), effects)
    clusters, cluster_labels = (units, unit_labels) if cluster is None else _codes(cluster, "cluster")
    _check_shapes(target, columns, held, weight, units, times, clusters)
    present = ~np.isnan(np.column_stack([target, columns, held, weight])).any(axis=1)
    if np.any(weight[present] <= 0):
        raise ValueError("weights must be positive")
    used = _without_singletons(present, units, times, effects)
    if not used.any():
        raise _none_usable(int(present.sum()), len(target))
    order = np.flatnonzero(used)
    order = order[np.lexsort((times[order], units[order], clusters[order]))]
    unit_codes, unit_labels = _recode(units[order], unit_labels)
    cluster_codes, cluster_labels = _recode(clusters[order], cluster_labels)
    period_codes, calendar = _recode(times[order], calendar)
    if effects in ("unit", "both"):
        unit_codes, unit_labels = _in_order_of_rows(unit_codes, unit_labels)
    return Rows(
        target[order], columns[order], held[order], unit_codes, period_codes, cluster_codes, calendar,
        np.sqrt(weight[order] / weight[order].mean()), used, order,
        int((~present).sum()), int(present.sum() - used.sum()), cluster_labels, unit_labels,
    )  # fmt: skip


def chosen_rows(rows: Rows, chosen: NDArray[np.bool_], effects: Effects) -> Rows:
    """Return some of the usable rows as a panel of their own; `order` counts the chosen rows."""
    used = _without_singletons(chosen, rows.unit, rows.period, effects)
    if not used.any():
        raise _none_usable(int(chosen.sum()), int(chosen.sum()))
    unit, unit_labels = _recode(rows.unit[used], rows.unit_labels)
    period, calendar = _recode(rows.period[used], rows.calendar)
    cluster, cluster_labels = _recode(rows.cluster[used], rows.cluster_labels)
    weight = rows.root_weight[used] ** 2
    return Rows(
        rows.y[used], rows.X[used], rows.controls[used], unit, period, cluster, calendar,
        np.sqrt(weight / weight.mean()), used[chosen], np.flatnonzero(used[chosen]),
        0, int(chosen.sum() - used.sum()), cluster_labels, unit_labels,
    )  # fmt: skip


def _as_columns(values: ArrayLike) -> Floats:
    columns = np.asarray(values, float)
    return columns[:, None] if columns.ndim == 1 else columns


def _codes(labels: ArrayLike, what: str) -> tuple[Ints, NDArray[Any]]:
    given = np.asarray(labels)
    if given.dtype.kind in "iu" and len(given) and int(np.ptp(given)) <= len(given):
        return _recode((given - given.min()).astype(np.int64), np.arange(given.min(), given.max() + 1))
    codes, values = pd.factorize(np.asarray(labels), sort=True)
    if np.any(codes < 0):
        raise ValueError(f"{what} has {int((codes < 0).sum())} missing labels")
    return codes.astype(np.int64), np.asarray(values)


def _calendar(period: ArrayLike | None, n_rows: int, effects: Effects) -> tuple[Ints, Ints]:
    """Period codes of the rows and the calendar time of each code."""
    if period is None:
        if effects in ("both", "period"):
            raise ValueError(f"effects={effects!r} needs period")
        return np.zeros(n_rows, np.int64), np.zeros(1, np.int64)
    labels = np.asarray(period)
    if len(labels) and isinstance(labels[0], pd.Period):
        labels = pd.PeriodIndex(labels).asi8
    codes, values = _codes(labels, "period")
    if values.dtype.kind in "iu" or (values.dtype.kind == "f" and np.all(values == np.round(values))):
        return codes, values.astype(np.int64)
    if values.dtype.kind == "M":
        return codes, _dates_as_calendar(pd.DatetimeIndex(values))
    return codes, np.arange(len(values), dtype=np.int64)


def _dates_as_calendar(dates: pd.DatetimeIndex) -> Ints:
    """Count dates in months, or in days where months hold several, in steps of their common divisor."""
    days = dates.to_numpy().astype("datetime64[D]").astype(np.int64)
    months = dates.to_numpy().astype("datetime64[M]").astype(np.int64)
    count = months if len(np.unique(months)) == len(dates) else days
    step = int(np.gcd.reduce(np.diff(count))) if len(count) > 1 else 1
    calendar: Ints = (count - count[0]) // max(step, 1)
    return calendar


def _check_shapes(target: Floats, columns: Floats, held: Floats, *others: NDArray[Any]) -> None:
    n_rows = len(target)
    if target.ndim != 1 or columns.ndim != 2 or columns.shape[1] == 0:
        raise ValueError(f"y must be (n,) and X (n, k), not {target.shape} and {columns.shape}")
    lengths = [len(values) for values in (columns, held, *others)]
    if any(length != n_rows for length in lengths):
        raise ValueError(f"y has {n_rows} rows, the other arrays have {lengths}")
    if any(np.isinf(values).any() for values in (target, columns, held)):
        raise ValueError("y and X must not hold infinite values")


def _without_singletons(
    present: NDArray[np.bool_], unit: Ints, period: Ints, effects: Effects
) -> NDArray[np.bool_]:
    """Leave out, until none is left, rows that are alone in their unit or period (Correia 2015)."""
    groups = [
        code for code, wanted in ((unit, ("unit", "both")), (period, ("period", "both"))) if effects in wanted
    ]
    used = present.copy()
    while True:
        alone = np.zeros_like(used)
        for code in groups:
            alone |= used & (np.bincount(code[used], minlength=int(code.max()) + 1)[code] == 1)
        if not alone.any():
            return used
        used &= ~alone


def _none_usable(present: int, given: int) -> NotEstimable:
    """Say whether the rows lack values, or company in their unit and period."""
    said = f"none of the {given} rows is usable: each lacks a value"
    if present:
        said = f"none of the {present} complete rows shares both its unit and its period with others"
    return NotEstimable(said, reason="too few rows")


def _recode(codes: Ints, labels: NDArray[Any]) -> tuple[Ints, NDArray[Any]]:
    """Close the gaps that left-out rows have made among the codes."""
    there = np.zeros(len(labels), bool)
    there[codes] = True
    return (np.cumsum(there) - 1)[codes], labels[there]


def _in_order_of_rows(unit: Ints, labels: NDArray[Any]) -> tuple[Ints, NDArray[Any]]:
    """Renumber the units as they appear in the sorted rows, so that each is one block of rows."""
    starts = np.diff(unit, prepend=-1) != 0
    if starts.sum() != len(labels):
        raise ValueError("with unit effects each unit must lie in one cluster only")
    return np.cumsum(starts) - 1, labels[unit[starts]]
