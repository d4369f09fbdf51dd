"""Synthetic difference-in-differences when a few units begin at different times: one fit per start, averaged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from kpilab.evidence.regress.linear import Floats, NotEstimable
from kpilab.evidence.regress.synthetic_did import (
    PLACEBOS,
    Method,
    SyntheticDid,
    rank_p,
    sets_of,
    synthetic_did,
)


@dataclass(frozen=True, eq=False)
class Cohorts:
    """The effect on units that begin at different times, and the same for sets of controls.

    Attributes
    ----------
    estimate : float
        Mean over starts, weighted by treated units times periods after.
    pre_rmse : float
        Misfit before the start, root mean square over the treated units.
    since : (m,) int array
        Periods since the start.
    gap : (m,) array
        Treated less counterfactual, mean over the treated units that are observed then.
    unit_weights : (N0,) array
        Of the controls, mean over starts.
    placebos, placebo_rmse : (B,) arrays
        Effects and misfits of sets of as many controls.
    placebo_gap : (B, m) array
    std_error : float
        Standard deviation of the studentized placebo effects, times the misfit of the treated units.
    p_value, smallest_p : float
        Rank of the studentized effect, and what a first rank would give. Sets of several controls overlap, so that
        many ranks know no more than the few controls: there Student's t must agree, with one degree of freedom less
        than controls, and the larger p counts.
    n_treated, n_controls, n_before, n_after : int
        Periods of the start with the most.
    """

    estimate: float
    pre_rmse: float
    since: np.ndarray
    gap: Floats
    unit_weights: Floats
    placebos: Floats
    placebo_rmse: Floats
    placebo_gap: Floats
    std_error: float
    p_value: float
    smallest_p: float
    n_treated: int
    n_controls: int
    n_before: int
    n_after: int


@dataclass(frozen=True, eq=False)
class _Average:
    estimate: float
    pre_rmse: float
    gap: dict[int, float]
    unit_weights: Floats
    n_before: int
    n_after: int

    @property
    def studentized(self) -> float:
        return self.estimate / max(self.pre_rmse, np.finfo(float).tiny)


def synthetic_cohorts(
    y: ArrayLike,
    start: ArrayLike,
    *,
    before: int,
    after: int,
    method: Method = "sdid",
    most: int = PLACEBOS,
    seed: int = 0,
) -> Cohorts:
    """Estimate the effect on a few treated units, with placebo ranks.

    Parameters
    ----------
    y : array-like, shape (T, N)
        Periods × units, complete.
    start : array-like, shape (N,)
        Row from which on a unit is treated; infinite if never.
    before, after : int
        At most so many periods on the two sides of each start.
    method : str
        As for `synthetic_did`.
    most : int
        Sets of controls tried as placebos; all of them when there are no more.
    seed : int
        Of the choice of sets.

    Raises
    ------
    NotEstimable
        If there are not more controls than treated units, or too few periods.

    References
    ----------
    Arkhangelsky et al. (2021), Algorithm 4 and appendix A; Clarke, D., Pailañir, D., Athey, S. & Imbens, G.
    (2024). On synthetic difference-in-differences and related estimation methods in Stata. Stata Journal 24.
    """
    values, first = np.asarray(y, dtype=float), np.asarray(start, dtype=float)
    mine = np.isfinite(first)
    starts = np.sort(first[mine]).astype(int)
    treated, controls = values[:, mine][:, np.argsort(first[mine], kind="stable")], values[:, ~mine]
    n_controls = controls.shape[1]
    if n_controls <= len(starts):
        raise NotEstimable(
            f"{n_controls} controls for {len(starts)} treated units leave nobody for a placebo",
            reason="too few rows",
        )
    actual = _average(treated, controls, starts, before, after, method)
    others = []
    for chosen in sets_of(n_controls, len(starts), most, seed):
        rest = np.setdiff1d(np.arange(n_controls), chosen)
        others.append(_average(controls[:, list(chosen)], controls[:, rest], starts, before, after, method))
    since = np.array(sorted(actual.gap))
    studentized = np.array([other.studentized for other in others])
    std_error = float(studentized.std()) * actual.pre_rmse
    p_value = rank_p(actual.studentized, studentized)
    if len(starts) > 1 and std_error > 0:
        t = actual.estimate / std_error
        p_value = max(p_value, 2 * float(special.stdtr(min(n_controls, len(others)) - 1, -abs(t))))
    return Cohorts(
        estimate=actual.estimate,
        pre_rmse=actual.pre_rmse,
        since=since,
        gap=np.array([actual.gap[e] for e in since]),
        unit_weights=actual.unit_weights,
        placebos=np.array([other.estimate for other in others]),
        placebo_rmse=np.array([other.pre_rmse for other in others]),
        placebo_gap=np.array([[other.gap[e] for e in since] for other in others]),
        std_error=std_error,
        p_value=p_value,
        smallest_p=1 / (1 + len(others)),
        n_treated=len(starts),
        n_controls=n_controls,
        n_before=actual.n_before,
        n_after=actual.n_after,
    )


def _average(
    treated: Floats, controls: Floats, starts: np.ndarray, before: int, after: int, method: Method
) -> _Average:
    """Fit each start on its own window and average."""
    fits: list[SyntheticDid] = []
    for row in np.unique(starts):
        window = slice(max(row - before, 0), min(row + after, len(controls)))
        block = np.column_stack([treated[window][:, starts == row], controls[window]])
        here = np.arange(block.shape[1]) < (starts == row).sum()
        fits.append(synthetic_did(block, here, int(row) - window.start, method=method))
    size = np.array([fit.n_treated for fit in fits])
    weight = size * np.array([fit.n_after for fit in fits])
    return _Average(
        estimate=float(np.average([fit.estimate for fit in fits], weights=weight)),
        pre_rmse=float(np.sqrt(np.average([fit.pre_rmse**2 for fit in fits], weights=size))),
        gap=_mean_gap(fits),
        unit_weights=np.average([fit.unit_weights for fit in fits], axis=0, weights=size),
        n_before=max(fit.n_before for fit in fits),
        n_after=max(fit.n_after for fit in fits),
    )


def _mean_gap(fits: list[SyntheticDid]) -> dict[int, float]:
    total: dict[int, float] = {}
    count: dict[int, int] = {}
    for fit in fits:
        for row, gap in enumerate(fit.treated - fit.counterfactual):
            since = row - fit.n_before
            total[since] = total.get(since, 0.0) + fit.n_treated * float(gap)
            count[since] = count.get(since, 0) + fit.n_treated
    return {since: total[since] / count[since] for since in total}
