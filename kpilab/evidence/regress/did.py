"""Staggered difference-in-differences: effects by group and period, aggregated, with simultaneous bands.

A group is the units that begin in the same period. Each effect is a two-by-two comparison: the change of a
group since its base against the change of units that have not begun. No regression weights enter, so effects
that differ between groups or grow with time do not bias each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from kpilab.evidence.regress.linear import Floats, NotEstimable

Control = Literal["never", "not_yet"]
Base = Literal["varying", "universal"]
Aggregation = Literal["simple", "group", "dynamic", "calendar"]

NEVER = np.inf
DRAWS = 999
_ROOT5 = np.sqrt(5.0)
_IQR = float(stats.norm.ppf(0.75) - stats.norm.ppf(0.25))


@dataclass(frozen=True, eq=False)
class GroupTime:
    """Effects by group and period: arrays of length k, one entry per cell.

    Attributes
    ----------
    group, period : (k,) int arrays
        Period in which the group began, and of the effect; rows of y.
    att, std_error : (k,) arrays
        Average effect on the treated, and its standard error from the influence function.
    influence : (N, k) array
        Influence of each unit: the covariance of the effects is its cross-product over N².
    start : (N,) array
        Period in which each unit began; infinite if never.
    n_pairs : (k,) int array
        Units in the cell: those of the group and its comparison that have both values.
    n_empty : int
        Cells that nobody could be compared in.
    """

    group: NDArray[np.int64]
    period: NDArray[np.int64]
    att: Floats
    std_error: Floats
    influence: Floats
    start: Floats
    n_pairs: NDArray[np.int64]
    n_empty: int
    base_periods: int
    base: Base

    @property
    def is_before(self) -> NDArray[np.bool_]:
        """Tell which cells lie before the start and outside the base: the pre-trend."""
        reach = self.base_periods if self.base == "universal" else 0
        return self.period < self.group - reach

    @property
    def is_after(self) -> NDArray[np.bool_]:
        """Tell which cells are effects."""
        return self.period >= self.group

    @cached_property
    def covariance(self) -> Floats:
        """Return the covariance (k, k) of the effects."""
        covariance: Floats = self.influence.T @ self.influence / len(self.influence) ** 2
        return covariance

    def pre_trend(self) -> tuple[float, int, float]:
        """Test that all effects before the start are zero: Wald statistic, degrees of freedom, p-value.

        Raises
        ------
        NotEstimable
            Without a cell before the start, or with more cells than units can tell apart.
        """
        cells = np.flatnonzero(self.is_before)
        if not len(cells):
            raise NotEstimable("no period before the base to test a trend on", reason="too few rows")
        part = self.covariance[np.ix_(cells, cells)]
        if np.linalg.matrix_rank(part) < len(cells):
            raise NotEstimable(
                f"{len(cells)} effects before the start are too many for {len(self.influence)} units",
                reason="too few rows",
            )
        wald = float(self.att[cells] @ np.linalg.solve(part, self.att[cells]))
        return wald, len(cells), float(stats.chi2.sf(wald, len(cells)))

    def aggregate(
        self,
        kind: Aggregation = "simple",
        *,
        horizon: int | None = None,
        draws: int = DRAWS,
        seed: int = 0,
        confidence: float = 0.95,
    ) -> Aggregate:
        """Average the effects.

        Parameters
        ----------
        kind : str
            ``simple``: all effects after the start, weighted by the size of the group. ``group``: per group;
            the overall is their mean by size. ``dynamic``: per number of periods since the start, those before
            it included; the overall is the plain mean of those from 0 on. ``calendar``: per period; the
            overall is their plain mean.
        horizon : int, optional
            Count only the first so many periods from the start on; 1 or more.
        draws, seed : int
            Of the multiplier bootstrap (Mammen's two-point weights) for the simultaneous bands.
        confidence : float
            Coverage of interval and band, between 0 and 1.

        Raises
        ------
        NotEstimable
            If there is no effect after the start.
        """
        after = self.is_after
        if horizon is not None:
            after = after & (self.period - self.group < horizon)
        if not after.any():
            raise NotEstimable(
                "no period after the start in which anybody can be compared", reason="too few rows"
            )
        key = {
            "simple": np.zeros_like(self.group),
            "group": self.group,
            "dynamic": self.period - self.group,
            "calendar": self.period,
        }[kind]
        cells = after | ((self.period < self.group) & (kind == "dynamic"))
        labels = np.unique(key[cells])
        parts = [self._average(cells & (key == label), kind != "group") for label in labels]
        att = np.array([part[0] for part in parts])
        influence = np.stack([part[1] for part in parts], axis=1)
        overall, overall_influence = self._overall(kind, labels, att, influence)
        return _aggregated(
            self, kind, labels, att, influence, overall, overall_influence, draws, seed, confidence
        )

    def _average(self, cells: NDArray[np.bool_], by_size: bool) -> tuple[float, Floats]:
        """Return the mean of cells, weighted by their group's size or plain, and its influence (N,)."""
        groups = self.group[cells]
        if not by_size:
            return float(self.att[cells].mean()), self.influence[:, cells].mean(axis=1)
        return _weighted(self.att[cells], self.influence[:, cells], groups, self.start)

    def _overall(
        self, kind: Aggregation, labels: NDArray[np.int64], att: Floats, influence: Floats
    ) -> tuple[float, Floats]:
        if kind == "simple":
            return float(att[0]), influence[:, 0]
        if kind == "group":
            return _weighted(att, influence, labels, self.start)
        kept = labels >= 0
        return float(att[kept].mean()), influence[:, kept].mean(axis=1)


@dataclass(frozen=True, eq=False)
class Aggregate:
    """Averages of group-time effects.

    Attributes
    ----------
    labels, att, std_error : (m,) arrays
        Group, periods since the start or calendar period (one zero for ``simple``), effects and errors.
    band : float
        Critical value of the simultaneous band, in standard errors.
    overall, overall_std_error : float
    welch_std_error, welch_df : float
        Of the overall effect with the n/(n − 1) of small groups, and Welch's degrees of freedom; NaN if a
        group that matters has one unit only.
    sup_p_before : float
        Simultaneous test that all effects before the start are zero (``dynamic`` only, else NaN).
    """

    kind: Aggregation
    labels: NDArray[np.int64]
    att: Floats
    std_error: Floats
    band: float
    overall: float
    overall_std_error: float
    conf_low: float
    conf_high: float
    welch_std_error: float
    welch_df: float
    sup_p_before: float
    draws: int
    seed: int


def att_gt(
    y: ArrayLike,
    start: ArrayLike,
    *,
    control: Control = "never",
    base: Base = "varying",
    base_periods: int = 1,
) -> GroupTime:
    """Estimate the average effect on each group in each period, without covariates.

    Parameters
    ----------
    y : array-like, shape (T, N)
        Periods × units; NaN where missing. A unit counts in a cell when it has a value in the period and one
        in the base, so that an unbalanced panel is used pair by pair; cells that then have nobody on one
        side are counted in `n_empty`.
    start : array-like, shape (N,)
        Row of y from which on a unit is treated; infinite if never. Units treated from row 0 on have no
        period before and are left out.
    control : str
        Compare with units ``never`` treated, or with all ``not_yet`` treated.
    base : str
        Before the start compare with the period just before (``varying``) or, as after the start, with the
        base of the group (``universal``).
    base_periods : int
        How many periods just before the start make the base, by their mean; 1 in the paper. A whole year
        takes each unit's own season out.

    Returns
    -------
    GroupTime

    Raises
    ------
    NotEstimable
        If no unit begins within the panel, or there is nobody to compare with.
    ValueError
        On arguments that do not fit together.

    References
    ----------
    Callaway, B. & Sant'Anna, P. H. C. (2021). Difference-in-differences with multiple time periods.
    Journal of Econometrics 225, 200–230.

    Examples
    --------
    Two units rise by 5 and 7 where two others rise by 1 and 3:

    >>> effects = att_gt([[0.0, 1, 2, 4], [5.0, 8, 3, 7]], [1, 1, np.inf, np.inf])
    >>> effects.att.tolist()
    [4.0]
    """
    values, first = _checked(y, start, base_periods)
    kept = first > 0
    values, first = values[:, kept], first[kept]
    groups = np.unique(first[np.isfinite(first) & (first < len(values))]).astype(int)
    if not len(groups):
        raise NotEstimable("no unit begins within the panel after its first period", reason="too few rows")
    cells, n_empty = [], 0
    for group in groups:
        for period in range(1 if base == "varying" else 0, len(values)):
            window = _window(group, period, base, base_periods)
            if window is None:
                continue
            cell = _cell(values, first, group, period, window, control)
            n_empty += cell is None
            cells += [cell] if cell is not None else []
    if not any(cell[1] >= cell[0] for cell in cells):
        raise NotEstimable("nobody to compare with after the start", reason="too few rows")
    influence = np.stack([cell[3] for cell in cells], axis=1)
    return GroupTime(
        group=np.array([cell[0] for cell in cells]),
        period=np.array([cell[1] for cell in cells]),
        att=np.array([cell[2] for cell in cells]),
        std_error=np.sqrt((influence**2).mean(axis=0) / len(influence)),
        influence=influence,
        start=first,
        n_pairs=np.array([cell[4] for cell in cells]),
        n_empty=n_empty,
        base_periods=base_periods,
        base=base,
    )


def _checked(y: ArrayLike, start: ArrayLike, base_periods: int) -> tuple[Floats, Floats]:
    values, first = np.asarray(y, dtype=float), np.asarray(start, dtype=float)
    if values.ndim != 2 or first.shape != (values.shape[1],):
        raise ValueError(
            f"y must be periods × units and start one per unit, not {values.shape}, {first.shape}"
        )
    if np.isinf(values).any() or np.isnan(first).any():
        raise ValueError("y must be finite or NaN, and start a row of y or infinite")
    if base_periods < 1:
        raise ValueError(f"base_periods must be 1 or more, not {base_periods}")
    return values, first


def _window(group: int, period: int, base: Base, base_periods: int) -> slice | None:
    """Return the rows of the base of a cell, None where the cell would compare a period with itself."""
    last = group if base == "universal" or period >= group else period
    if base_periods == 1 and period == last - 1:
        return None
    return slice(max(last - base_periods, 0), last)


def _cell(
    values: Floats, start: Floats, group: int, period: int, window: slice, control: Control
) -> tuple[int, int, float, Floats, int] | None:
    """Return group, period, effect, influence (N,) and number of units; None if one side is empty."""
    known = ~np.isnan(values[window])
    total = np.where(known, values[window], 0.0).sum(axis=0)
    with np.errstate(invalid="ignore"):
        change = values[period] - total / known.sum(axis=0)
    usable = ~np.isnan(change)
    waiting = start > max(period, window.stop - 1)
    others = np.isinf(start) if control == "never" else waiting & (start != group)
    mine, theirs = usable & (start == group), usable & others
    if not mine.any() or not theirs.any():
        return None
    influence = np.zeros(len(start))
    here, there = float(change[mine].mean()), float(change[theirs].mean())
    influence[mine] = (change[mine] - here) / mine.sum()
    influence[theirs] = -(change[theirs] - there) / theirs.sum()
    return group, period, here - there, len(start) * influence, int(mine.sum() + theirs.sum())


def _weighted(
    att: Floats, influence: Floats, groups: NDArray[np.int64], start: Floats
) -> tuple[float, Floats]:
    """Average by the size of the groups; the sizes are estimated too, and their influence is added."""
    member = start[:, None] == groups[None, :]
    share = member.mean(axis=0)
    weight = share / share.sum()
    effect = float(weight @ att)
    sizes = (member - share) / share.sum()
    return effect, influence @ weight + sizes @ att - sizes.sum(axis=1) * effect


def _aggregated(
    effects: GroupTime,
    kind: Aggregation,
    labels: NDArray[np.int64],
    att: Floats,
    influence: Floats,
    overall: float,
    overall_influence: Floats,
    draws: int,
    seed: int,
    confidence: float,
) -> Aggregate:
    n_units = len(influence)
    std_error = np.sqrt((influence**2).mean(axis=0) / n_units)
    varying = std_error > 1e-12
    drawn = _bootstrap(influence[:, varying], draws, seed)
    band = float(np.quantile(np.abs(drawn).max(axis=1), confidence)) if varying.any() else float("nan")
    overall_std_error = float(np.sqrt((overall_influence**2).mean() / n_units))
    reach = effects.base_periods if effects.base == "universal" else 0
    before = (labels < -reach) if kind == "dynamic" else np.zeros(len(labels), dtype=bool)
    half = float(stats.norm.ppf(0.5 + confidence / 2)) * overall_std_error
    welch_std_error, welch_df = _welch(overall_influence, effects.start)
    return Aggregate(
        kind, labels, att, std_error, band, overall, overall_std_error, overall - half, overall + half,
        welch_std_error, welch_df, _sup_p(att, std_error, drawn, varying, before), draws, seed,
    )  # fmt: skip


def _bootstrap(influence: Floats, draws: int, seed: int) -> Floats:
    """Return studentised draws (draws, m) with Mammen's weights; the error is the interquartile range's."""
    rng = np.random.default_rng(seed)
    low = rng.random((draws, len(influence))) < (_ROOT5 + 1) / (2 * _ROOT5)
    weights = np.where(low, (1 - _ROOT5) / 2, (1 + _ROOT5) / 2)
    drawn: Floats = weights @ influence / len(influence)
    if not drawn.shape[1]:
        return drawn
    spread = np.subtract(*np.quantile(drawn, [0.75, 0.25], axis=0)) / _IQR
    return drawn / np.where(spread > 0, spread, np.maximum(drawn.std(axis=0), np.finfo(float).tiny))


def _sup_p(
    att: Floats, std_error: Floats, drawn: Floats, varying: NDArray[np.bool_], tested: NDArray[np.bool_]
) -> float:
    tested = tested & varying
    if not tested.any():
        return float("nan")
    largest = np.abs(att[tested] / std_error[tested]).max()
    beyond = (np.abs(drawn[:, tested[varying]]).max(axis=1) >= largest).sum()
    return float((1 + beyond) / (1 + len(drawn)))


def _welch(influence: Floats, start: Floats) -> tuple[float, float]:
    """Return the standard error with n/(n − 1) in each group, and Welch–Satterthwaite degrees of freedom."""
    groups, member = np.unique(start, return_inverse=True)
    sizes = np.bincount(member)
    means = np.bincount(member, weights=influence) / sizes
    squares = np.bincount(member, weights=(influence - means[member]) ** 2)
    matters = np.bincount(member, weights=influence**2) > 1e-12 * (influence**2).sum()
    if (sizes[matters] < 2).any() or not matters.any():
        return float("nan"), float("nan")
    sizes, squares = sizes[matters], squares[matters]
    variance = sizes / (sizes - 1) * squares / len(influence) ** 2
    total = float(variance.sum())
    if total < np.finfo(float).tiny ** 0.5:
        return float("nan"), float("nan")
    return float(np.sqrt(total)), float(total**2 / (variance**2 / (sizes - 1)).sum())
