"""Every ordered pair of many series at once: whether one's past adds to the other's.

Exploration, not a verdict. The lags of each series are centred and orthonormalised once (U); then all
regressions of all pairs follow from the one matrix product U U'. A pair that is nearly collinear loses
digits on this route; it is recomputed from residuals and counted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from .linear import Floats, NotEstimable
from .windows import JointTest, joint_lags

ILL_CONDITIONED = 1e-5
BLOCK_PAIRS = 4_000
ROBUST_CAUSES = 100
ROBUST = ("wald", "window", "window_error")


@dataclass(frozen=True, eq=False)
class Screen:
    """All ordered pairs; every array is (N, N), indexed [cause, effect], NaN on the diagonal.

    Attributes
    ----------
    f_statistic, p_value : (N, N) arrays
        Classical joint F test of the cause's lags, F(`df_num`, `df`).
    wald_statistic, wald_p_value : (N, N) arrays or None
        HC3 Wald statistic, its p-value from F(`df_num`, `df`) of the statistic divided by `df_num`.
    window_estimate, window_std_error, window_p_value : (N, N) arrays or None
        Mean of the tested lags' coefficients in the same regression, in units of the effect per unit of
        the cause, with HC3 standard error and t(`df`).
    df_num, df : int
    n_obs : int
        Rows of every regression.
    recomputed : int
        Pairs that were ill-conditioned and computed from residuals instead.
    untestable : int
        Ordered pairs without an answer (a constant series, collinear lags): NaN in every array.
    """

    f_statistic: Floats
    p_value: Floats
    wald_statistic: Floats | None
    wald_p_value: Floats | None
    window_estimate: Floats | None
    window_std_error: Floats | None
    window_p_value: Floats | None
    df_num: int
    df: int
    n_obs: int
    recomputed: int
    untestable: int


@dataclass(frozen=True, eq=False)
class _Blocks:
    """One block of lags per series.

    `lags` (N, m, n) has orthonormal rows, untested lags first; `triangle` (N, m, m) maps them back;
    `target` (N, n) is what is left of each series after its own lags; `scale` (N,) the standard deviations;
    `sound` (N,) whether the block can be trusted to about nine digits.
    """

    lags: Floats
    triangle: Floats
    target: Floats
    scale: Floats
    sound: NDArray[np.bool_]


def screen(Y: ArrayLike, lags: int, augment: int = 0, robust: bool = False) -> Screen:
    """Test for all ordered pairs of series whether the cause's lags add to the effect's own.

    For each pair ``effect[t] ~ 1 + effect[t-1..t-lags-augment] + cause[t-1..t-lags-augment]``; tested are
    the first `lags` lags of the cause.

    Parameters
    ----------
    Y : array-like, shape (T, N)
        One column per series, in time order, without missing values. A DataFrame's column names are used
        in messages.
    lags : int
        1 or more.
    augment : int
        Lags included beyond those tested (Toda & Yamamoto 1995), 0 or more.
    robust : bool
        Add the HC3 Wald test and the window estimate.

    Returns
    -------
    Screen

    Raises
    ------
    NotEstimable
        If there are too few periods for the lags.
    ValueError
        If a series has missing or infinite values (the message names it) or a lag makes no sense.

    Notes
    -----
    Equals ``ssr_ftest`` of statsmodels' ``grangercausalitytests`` (Granger 1969). Error rates hold only
    after correction for the number of pairs: see `inference.benjamini_hochberg`.

    References
    ----------
    Granger, C. W. J. (1969). Investigating causal relations by econometric models and cross-spectral
    methods. Econometrica 37, 424–438.
    MacKinnon, J. G. & White, H. (1985). Journal of Econometrics 29, 305–325.
    """
    series = _validated(Y, lags, augment)
    depth, n_obs = lags + augment, len(series) - lags - augment
    df = n_obs - 2 * depth - 1
    if df < 1:
        raise NotEstimable(
            f"{len(series)} periods are too few for {depth} lags of two series", reason="too few rows"
        )
    constant = np.ptp(series, axis=0) <= 1e-12 * np.abs(series).max(axis=0)
    blocks = _lag_blocks(series, depth, constant)
    size = series.shape[1]
    results, doubtful = _all_pairs(blocks, lags, df, robust)
    testable = ~(constant[:, None] | constant[None, :] | np.eye(size, dtype=bool))
    again = doubtful & testable
    for table in results.values():
        table[~testable | again] = np.nan
    _recompute(results, series, np.argwhere(again), lags, augment)
    untestable = int(np.isnan(results["f"]).sum()) - size
    return _assemble(results, lags, df, n_obs, int(again.sum()), untestable)


def _validated(Y: ArrayLike, lags: int, augment: int) -> Floats:
    if lags < 1 or augment < 0:
        raise ValueError(f"lags must be 1 or more and augment 0 or more, not {lags} and {augment}")
    series = np.asarray(Y, float)
    if series.ndim != 2:
        raise ValueError(f"Y must have a row per period and a column per series, not shape {series.shape}")
    names = list(getattr(Y, "columns", range(series.shape[1])))
    broken = [str(names[column]) for column in np.flatnonzero(~np.isfinite(series).all(axis=0))]
    if broken:
        raise ValueError(
            f"series with missing or infinite values: {', '.join(broken)}; fill or leave them out"
        )
    return series


def _lag_blocks(series: Floats, depth: int, constant: NDArray[np.bool_]) -> _Blocks:
    """Standardise each series, then orthonormalise its centred lags, the untested (longest) first."""
    periods, size = series.shape
    scale = np.where(constant, 1.0, series.std(axis=0))
    standard = np.where(constant, 0.0, (series - series.mean(axis=0)) / scale)
    lags = np.stack([standard[depth - lag : periods - lag] for lag in range(depth, 0, -1)], axis=2)
    lags = lags.transpose(1, 0, 2)
    directions, triangle = np.linalg.qr(lags - lags.mean(axis=1, keepdims=True))
    diagonal = np.abs(np.diagonal(triangle, axis1=1, axis2=2))
    rows = np.ascontiguousarray(directions.transpose(0, 2, 1))
    target = standard[depth:].T
    target = target - target.mean(axis=1, keepdims=True)
    spread = np.linalg.norm(target, axis=1)
    for _ in range(2):
        target = target - np.einsum("ia,iat->it", np.einsum("iat,it->ia", rows, target), rows)
    sound = diagonal.min(axis=1) > ILL_CONDITIONED * diagonal.max(axis=1)
    sound &= np.linalg.norm(target, axis=1) > ILL_CONDITIONED * spread
    return _Blocks(rows, triangle, target, scale, sound)


def _all_pairs(
    blocks: _Blocks, lags: int, df: int, robust: bool
) -> tuple[dict[str, Floats], NDArray[np.bool_]]:
    """Fill the tables, some effects at a time, and mark the pairs too ill-conditioned for this route."""
    size, depth, n_obs = blocks.lags.shape
    flat = blocks.lags.reshape(size * depth, n_obs)
    overlap = (flat @ flat.T).reshape(size, depth, size, depth)
    along = (flat @ blocks.target.T).reshape(size, depth, size)
    total = np.square(blocks.target).sum(axis=1)
    results = {name: np.empty((size, size), order="F") for name in (("f",) + ROBUST if robust else ("f",))}
    doubtful = ~(blocks.sound[:, None] & blocks.sound[None, :]) | np.eye(size, dtype=bool)
    to_window = _to_window(blocks, lags) if robust else None
    step = max(1, BLOCK_PAIRS // size)
    for start in range(0, size, step):
        effects = slice(start, min(start + step, size))
        cross = np.ascontiguousarray(overlap[effects].transpose(3, 1, 0, 2))
        reduced = _cholesky(_without_own(cross), along[:, :, effects].transpose(1, 2, 0))
        explained = np.square(reduced.scores)
        own_total = total[effects, None]
        left = own_total - explained.sum(axis=0)
        sound = (reduced.pivot > ILL_CONDITIONED) & (left > ILL_CONDITIONED * own_total)
        doubtful[:, effects] |= ~sound.T
        left[~sound] = 1.0
        results["f"][:, effects] = (explained[depth - lags :].sum(axis=0) / left * (df / lags)).T
        if to_window is not None:
            _fill_robust(results, doubtful, blocks, reduced, cross, start, lags, to_window)
    return results, doubtful


@dataclass(frozen=True, eq=False)
class _Reduced:
    """Cholesky factors of many small matrices side by side: pairs run last, on contiguous memory.

    `factor` (m, m, …) lower triangle, `scores` (m, …) its solution for the right-hand side, `pivot` (…)
    the smallest squared diagonal.
    """

    factor: Floats
    scores: Floats
    pivot: Floats


def _without_own(cross: Floats) -> Floats:
    """S = I − C C' (lower triangles, pairs last): the cause's lags once the effect's own are held constant.

    `cross` (m, m, …) holds the products U_cause U_effect'.
    """
    remaining = np.empty_like(cross)
    for row in range(len(cross)):
        for column in range(row + 1):
            np.subtract(float(row == column), _product(cross[row], cross[column]), out=remaining[row, column])
    return remaining


def _cholesky(matrices: Floats, right: Floats) -> _Reduced:
    """Factor the lower triangles (m, m, …) and solve for right (m, …); vanishing pivots are floored."""
    depth, shape = len(matrices), matrices.shape[2:]
    factor, scores = np.zeros((depth, depth, *shape)), np.empty((depth, *shape))
    size = np.einsum("aa...->...", matrices)
    floor = ILL_CONDITIONED**2 * np.maximum(size, ILL_CONDITIONED**2)
    pivot = size.copy()
    for row in range(depth):
        for column in range(row + 1):
            entry = matrices[row, column] - _product(factor[row, :column], factor[column, :column])
            if row == column:
                np.minimum(pivot, entry, out=pivot)
                factor[row, row] = np.sqrt(np.maximum(entry, floor))
            else:
                np.divide(entry, factor[column, column], out=factor[row, column])
        scores[row] = (right[row] - _product(factor[row, :row], scores[:row])) / factor[row, row]
    return _Reduced(factor, scores, pivot)


def _product(left: Floats, right: Floats) -> Floats:
    products: Floats = np.einsum("q...,q...->...", left, right)
    return products


def _inverse(factor: Floats) -> Floats:
    """Inverse of the lower triangles (m, m, …), returned pairs first: (…, m, m)."""
    depth = len(factor)
    inverse = np.zeros_like(factor)
    for row in range(depth):
        inverse[row, row] = 1.0 / factor[row, row]
        for column in range(row):
            inner = _product(factor[row, column:row], inverse[column:row, column])
            inverse[row, column] = -inner * inverse[row, row]
    return np.ascontiguousarray(np.moveaxis(inverse, (0, 1), (-2, -1)))


def _to_window(blocks: _Blocks, lags: int) -> Floats:
    """Weights (N, m) on the orthonormal lags' coefficients that give the mean of the tested lags'."""
    size, depth, _ = blocks.lags.shape
    contrast = np.zeros((size, depth, 1))
    contrast[:, -lags:] = 1.0 / lags
    back = np.where(blocks.sound[:, None, None], blocks.triangle.transpose(0, 2, 1), np.eye(depth))
    return np.asarray(np.linalg.solve(back, contrast)[:, :, 0], float)


def _fill_robust(
    results: dict[str, Floats],
    doubtful: NDArray[np.bool_],
    blocks: _Blocks,
    reduced: _Reduced,
    cross: Floats,
    start: int,
    lags: int,
    to_window: Floats,
) -> None:
    """Enter the HC3 tables of a block of effects, and mark the pairs that HC3 cannot weigh here."""
    inverse = _inverse(reduced.factor)
    effects = slice(start, start + len(inverse))
    scores = np.ascontiguousarray(reduced.scores.transpose(1, 2, 0))
    projections = np.ascontiguousarray(cross.transpose(2, 3, 0, 1))
    marked = doubtful[:, effects].T
    inverse[marked], scores[marked] = np.eye(inverse.shape[-1]), 0.0
    meat = np.empty_like(inverse)
    size = len(blocks.lags)
    for place in range(len(inverse)):
        for first in range(0, size, ROBUST_CAUSES):
            some = slice(first, min(first + ROBUST_CAUSES, size))
            pairs = _Pairs(projections[place, some], inverse[place, some], scores[place, some])
            meat[place, some], alone = _hc3_meat(pairs, blocks, some, start + place)
            doubtful[some, start + place] |= alone
    meat[doubtful[:, effects].T] = np.eye(meat.shape[-1])
    wald, sound = _wald(meat[:, :, -lags:, -lags:], scores[:, :, -lags:].transpose(2, 0, 1))
    doubtful[:, effects] |= ~sound.T
    loading = (inverse @ to_window[:, :, None])[..., 0]
    variance = (loading[..., None, :] @ meat @ loading[..., None])[..., 0, 0]
    rescale = blocks.scale[effects, None] / blocks.scale
    results["wald"][:, effects] = wald.T
    results["window"][:, effects] = ((loading * scores).sum(axis=2) * rescale).T
    results["window_error"][:, effects] = (np.sqrt(np.maximum(variance, 0.0)) * rescale).T


@dataclass(frozen=True, eq=False)
class _Pairs:
    """Some causes of one effect: (c, m, m) products with its lags and inverse factors, (c, m) scores."""

    projections: Floats
    inverse: Floats
    scores: Floats


def _hc3_meat(pairs: _Pairs, blocks: _Blocks, causes: slice, effect: int) -> tuple[Floats, NDArray[np.bool_]]:
    """HC3-weighted squares (c, m, m) of the orthonormalised cause, and where one row is fitted by itself."""
    lags, own = blocks.lags[causes], blocks.lags[effect]
    size, depth, n_obs = lags.shape
    left = (pairs.projections.reshape(-1, depth) @ own).reshape(size, depth, n_obs)
    np.subtract(lags, left, out=left)
    directions = pairs.inverse @ left
    residuals = blocks.target[effect] - (pairs.scores[:, None, :] @ directions)[:, 0]
    others = 1.0 - 1.0 / n_obs - np.square(own).sum(axis=0)
    slack = others - np.einsum("iat,iat->it", directions, directions)
    alone = slack.min(axis=1) < ILL_CONDITIONED
    residuals /= np.maximum(slack, ILL_CONDITIONED, out=slack)
    directions *= residuals[:, None, :]
    return directions @ directions.transpose(0, 2, 1), alone


def _wald(meat: Floats, scores: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Wald statistics (e, c) of the tested lags, and where their covariance is regular."""
    matrices = np.ascontiguousarray(meat.transpose(2, 3, 0, 1))
    reduced = _cholesky(matrices, scores)
    sound = reduced.pivot > ILL_CONDITIONED**2 * np.einsum("aa...->...", matrices)
    return np.square(reduced.scores).sum(axis=0), sound


def _recompute(
    results: dict[str, Floats], series: Floats, pairs: NDArray[np.int_], lags: int, augment: int
) -> None:
    """Fill in ill-conditioned pairs, one regression each; those without an answer stay NaN."""
    for cause, effect in pairs:
        try:
            classical = joint_lags(series[:, effect], series[:, cause], lags, augment, cov="classical")
            results["f"][cause, effect] = classical.statistic
            if "wald" in results:
                test = joint_lags(series[:, effect], series[:, cause], lags, augment)
                _enter(results, cause, effect, test)
        except NotEstimable:
            for table in results.values():
                table[cause, effect] = np.nan


def _enter(results: dict[str, Floats], cause: int, effect: int, test: JointTest) -> None:
    results["wald"][cause, effect] = test.wald
    results["window"][cause, effect] = test.estimate.mean()
    results["window_error"][cause, effect] = np.sqrt(test.covariance.mean())


def _assemble(
    results: dict[str, Floats], lags: int, df: int, n_obs: int, recomputed: int, untestable: int
) -> Screen:
    wald, window, error = (results.get(name) for name in ROBUST)
    p_window = None
    if window is not None and error is not None:
        p_window = 2.0 * special.stdtr(df, -np.abs(window / error))
    return Screen(
        f_statistic=results["f"],
        p_value=special.fdtrc(lags, df, results["f"]),
        wald_statistic=wald,
        wald_p_value=None if wald is None else special.fdtrc(lags, df, wald / lags),
        window_estimate=window,
        window_std_error=error,
        window_p_value=p_window,
        df_num=lags,
        df=df,
        n_obs=n_obs,
        recomputed=recomputed,
        untestable=untestable,
    )
