"""Synthetic difference-in-differences, synthetic control and plain difference-in-differences for one block.

All three compare the treated units' change with that of weighted controls; they differ only in the weights of
units and of periods. Inference is by placebo: the same computation for units that were not treated.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize

from kpilab.evidence.regress.linear import Floats, NotEstimable

Method = Literal["sdid", "sc", "did"]
PLACEBOS = 200
_TINY_RIDGE = 1e-6
_WELL_POSED = 1e-6
_SLACK = 1e-12
_PIVOTS = 30


@dataclass(frozen=True, eq=False)
class SyntheticDid:
    """The effect on a block of treated units after a common start.

    Attributes
    ----------
    estimate : float
        Mean effect over treated units and periods after the start.
    unit_weights : (N0,) array
        Of the controls, in the order of y's columns; they sum to 1.
    time_weights : (T0,) array
        Of the periods before; they sum to 1, or are all zero for synthetic control.
    treated, counterfactual : (T,) arrays
        Mean of the treated units, and what the weighted controls say it would have been.
    zeta : float
        Ridge penalty of the unit weights.
    pre_rmse : float
        Root mean square of treated − counterfactual before the start, without their mean difference.
    n_treated, n_controls, n_before, n_after : int
    """

    estimate: float
    unit_weights: Floats
    time_weights: Floats
    treated: Floats
    counterfactual: Floats
    zeta: float
    pre_rmse: float
    n_treated: int
    n_controls: int
    n_before: int
    n_after: int

    @property
    def studentized(self) -> float:
        """Return the estimate in units of the misfit before the start."""
        return self.estimate / max(self.pre_rmse, np.finfo(float).tiny)


@dataclass(frozen=True, eq=False)
class Placebos:
    """The same estimate for control units in the place of the treated ones.

    Attributes
    ----------
    estimates, studentized : (B,) arrays
        Effects, and effects in units of their own misfit before the start.
    std_error : float
        Standard deviation of the placebo effects (Algorithm 4 of the paper).
    p_value : float
        Rank of the studentized effect among the placebos, two-sided: (1 + as large or larger) / (1 + B).
    smallest_p : float
        What a first rank would give: 1 / (1 + B).
    seed : int
    """

    estimates: Floats
    studentized: Floats
    std_error: float
    p_value: float
    smallest_p: float
    seed: int


def synthetic_did(
    y: ArrayLike, treated: ArrayLike, n_before: int, *, method: Method = "sdid", zeta: float | None = None
) -> SyntheticDid:
    """Estimate the effect on treated units that begin together.

    Parameters
    ----------
    y : array-like, shape (T, N)
        Periods × units, complete.
    treated : array-like of bool, shape (N,)
    n_before : int
        Periods before the start, 2 or more (1 for ``did``).
    method : str
        ``sdid``: unit weights with intercept and ridge, time weights with intercept. ``sc``: synthetic
        control, unit weights without intercept and (but for 1e-6) without ridge, no time weights. ``did``:
        equal weights.
    zeta : float, optional
        Ridge of the unit weights; by default (treated units × periods after)^¼ times the standard deviation
        of the controls' first differences before the start.

    Raises
    ------
    NotEstimable
        Without controls, or too few periods.
    ValueError
        On arguments that do not fit together or missing values.

    Notes
    -----
    The weights minimise a strictly convex quadratic on the simplex. It is solved exactly, as non-negative
    least squares: with Q the columns' distances to the target, min ‖Qu‖² + (1'u − 1)² over u ≥ 0 is reached at
    a multiple of the minimiser on the simplex. The authors' Frank–Wolfe iterations stop near the same point.

    References
    ----------
    Arkhangelsky, D., Athey, S., Hirshberg, D. A., Imbens, G. W. & Wager, S. (2021). Synthetic
    difference-in-differences. American Economic Review 111, 4088–4118.

    Examples
    --------
    >>> y = [[1.0, 2, 0], [2, 3, 1], [3, 4, 2], [9, 5, 3]]
    >>> fit = synthetic_did(y, [True, False, False], 3)
    >>> round(fit.estimate, 6)
    5.0
    """
    values, mine = _checked(y, treated, n_before, method)
    controls, average = values[:, ~mine], values[:, mine].mean(axis=1)
    n_controls, n_after = controls.shape[1], len(values) - n_before
    noise = _noise(controls[:n_before])
    ridge = zeta if zeta is not None else (mine.sum() * n_after) ** 0.25 * noise
    if method == "did":
        units, times = np.full(n_controls, 1 / n_controls), np.full(n_before, 1 / n_before)
    elif method == "sc":
        ridge = _TINY_RIDGE * noise if zeta is None else zeta
        units = _weights(controls[:n_before], average[:n_before], ridge, intercept=False)
        times = np.zeros(n_before)
    else:
        units = _weights(controls[:n_before], average[:n_before], ridge, intercept=True)
        after = controls[n_before:].mean(axis=0)
        times = _weights(controls[:n_before].T, after, _TINY_RIDGE * noise, intercept=True)
    synthetic = controls @ units
    shift = float(times @ (average - synthetic)[:n_before])
    gap = average - synthetic - shift
    before = gap[:n_before] if method == "sc" else gap[:n_before] - gap[:n_before].mean()
    return SyntheticDid(
        float(gap[n_before:].mean()), units, times, average, synthetic + shift, float(ridge),
        float(np.sqrt((before**2).mean())), int(mine.sum()), n_controls, n_before, n_after,
    )  # fmt: skip


def placebos(
    y: ArrayLike,
    treated: ArrayLike,
    n_before: int,
    *,
    method: Method = "sdid",
    most: int = PLACEBOS,
    seed: int = 0,
) -> Placebos:
    """Repeat an estimate for control units in the place of the treated ones.

    Parameters
    ----------
    y, treated, n_before, method
        As for `synthetic_did`.
    most : int
        With several treated units, how many different sets of as many controls are tried; all of them
        when there are no more.
    seed : int
        Of the choice of sets.

    Raises
    ------
    NotEstimable
        If there are not more controls than treated units.

    References
    ----------
    Arkhangelsky et al. (2021), Algorithm 4; Abadie, A., Diamond, A. & Hainmueller, J. (2010). Synthetic
    control methods for comparative case studies. Journal of the American Statistical Association 105, 493–505.
    """
    values, mine = _checked(y, treated, n_before, method)
    actual = synthetic_did(values, mine, n_before, method=method)
    controls = values[:, ~mine]
    if actual.n_controls <= actual.n_treated:
        raise NotEstimable(
            f"{actual.n_controls} controls for {actual.n_treated} treated units leave nobody for a placebo",
            reason="too few rows",
        )
    fits = []
    for chosen in sets_of(actual.n_controls, actual.n_treated, most, seed):
        there = np.zeros(actual.n_controls, dtype=bool)
        there[list(chosen)] = True
        fits.append(synthetic_did(controls, there, n_before, method=method))
    estimates = np.array([fit.estimate for fit in fits])
    studentized = np.array([fit.studentized for fit in fits])
    p_value = rank_p(actual.studentized, studentized)
    return Placebos(estimates, studentized, float(estimates.std()), p_value, 1 / (1 + len(fits)), seed)


def rank_p(actual: float, others: Floats) -> float:
    """Return the two-sided p-value of a rank: (1 + as large or larger) / (1 + B).

    Examples
    --------
    >>> rank_p(3.0, np.array([1.0, -3.5, 0.2]))
    0.5
    """
    beyond = int((np.abs(others) >= abs(actual) * (1 - 1e-12)).sum())
    return (1 + beyond) / (1 + len(others))


def jackknife_std_error(y: ArrayLike, treated: ArrayLike, n_before: int) -> float:
    """Return the standard error by leaving out each unit in turn with the weights held fixed.

    Raises
    ------
    NotEstimable
        With one treated unit, or one control that carries all the weight.

    References
    ----------
    Arkhangelsky et al. (2021), Algorithm 3.
    """
    values, mine = _checked(y, treated, n_before, "sdid")
    fit = synthetic_did(values, mine, n_before)
    if fit.n_treated < 2 or (fit.unit_weights > 0).sum() < 2:
        raise NotEstimable(
            "the jackknife needs two treated units and two controls with weight", reason="too few rows"
        )
    contrast = _contrast(values, fit)
    own, others = contrast[mine], contrast[~mine]
    without = [(own.sum() - own[i]) / (len(own) - 1) - others @ fit.unit_weights for i in range(len(own))]
    for i, weight in enumerate(fit.unit_weights):
        rest = (others @ fit.unit_weights - others[i] * weight) / (1 - weight)
        without.append(float(own.mean() - rest))
    n = len(without)
    return float(np.sqrt((n - 1) / n * ((np.array(without) - np.mean(without)) ** 2).sum()))


def _checked(
    y: ArrayLike, treated: ArrayLike, n_before: int, method: Method
) -> tuple[Floats, NDArray[np.bool_]]:
    values, mine = np.asarray(y, dtype=float), np.asarray(treated, dtype=bool)
    if values.ndim != 2 or mine.shape != (values.shape[1],):
        raise ValueError(f"y must be periods × units, treated one per unit, not {values.shape}, {mine.shape}")
    if not np.isfinite(values).all():
        raise ValueError("y must be complete and finite")
    if method not in ("sdid", "sc", "did"):
        raise ValueError(f"method must be sdid, sc or did, not {method!r}")
    if not mine.any() or mine.all():
        raise NotEstimable("it takes treated units and controls", reason="too few rows")
    if not (1 if method == "did" else 2) <= n_before < len(values):
        raise NotEstimable(
            f"{n_before} of {len(values)} periods before the start are not enough", reason="too few rows"
        )
    return values, mine


def _noise(before: Floats) -> float:
    changes = np.diff(before, axis=0)
    spread = float(changes.std(ddof=1)) if changes.size > 1 else 0.0
    return spread if spread > 0 else 1.0


def _weights(columns: Floats, target: Floats, zeta: float, *, intercept: bool) -> Floats:
    """Minimise ‖columns·w + c − target‖² + rows·zeta²·‖w‖² over the simplex; c is free with `intercept`."""
    if intercept:
        columns, target = columns - columns.mean(axis=0), target - target.mean()
    n_columns = columns.shape[1]
    distances = columns - target[:, None]
    gram = distances.T @ distances
    ridge = len(columns) * zeta**2
    size = float((np.diag(gram) + ridge).min())
    system = (gram + ridge * np.eye(n_columns)) / (size if size > 0 else 1.0) + 1.0
    solved = _by_pivoting(system) if ridge > _WELL_POSED * float(np.trace(gram)) else None
    if solved is None:
        padded = np.vstack([distances, np.sqrt(ridge) * np.eye(n_columns)]) / np.sqrt(
            size if size > 0 else 1.0
        )
        ones = np.concatenate([np.zeros(len(padded)), [1.0]])
        solved, _ = optimize.nnls(np.vstack([padded, np.ones(n_columns)]), ones, maxiter=50 * n_columns)
    weights: Floats = solved / solved.sum()
    return weights


def _by_pivoting(system: Floats) -> Floats | None:
    """Minimise ½u'Mu − 1'u over u ≥ 0 by block principal pivoting; None if it does not settle.

    With a ridge most weights are positive, so that starting from all of them takes a few steps.

    References
    ----------
    Kim, J. & Park, H. (2011). Fast nonnegative matrix factorization: an active-set-like method and comparisons.
    SIAM Journal on Scientific Computing 33, 3261–3281.
    """
    inside = np.ones(len(system), dtype=bool)
    for _ in range(_PIVOTS):
        solved = np.zeros(len(system))
        solved[inside] = np.linalg.solve(system[np.ix_(inside, inside)], np.ones(int(inside.sum())))
        gradient = system @ solved - 1.0
        wrong = (inside & (solved < 0)) | (~inside & (gradient < -_SLACK))
        if not wrong.any():
            return solved
        inside ^= wrong
        if not inside.any():
            return None
    return None


def _contrast(values: Floats, fit: SyntheticDid) -> Floats:
    """Return each unit's mean after the start minus its weighted mean before, shape (N,)."""
    contrast: Floats = values[fit.n_before :].mean(axis=0) - fit.time_weights @ values[: fit.n_before]
    return contrast


def sets_of(n: int, size: int, most: int, seed: int) -> Iterator[tuple[int, ...]]:
    """Yield sets of `size` out of `n`: all of them when there are at most `most`, else different random ones."""
    if comb(n, size) <= most:
        yield from combinations(range(n), size)
        return
    rng = np.random.default_rng(seed)
    seen: set[tuple[int, ...]] = set()
    while len(seen) < most:
        chosen = tuple(sorted(int(i) for i in rng.choice(n, size=size, replace=False)))
        if chosen not in seen:
            seen.add(chosen)
            yield chosen
