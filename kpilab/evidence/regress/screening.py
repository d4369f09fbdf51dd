"""Every ordered pair of many series at once: does the past of one add to the past of the other?

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
BLOCK_PAIRS = 6_000


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
    f_statistic, doubtful = _f_statistics(blocks, lags, df)
    results = {"f": f_statistic}
    if robust:
        robust_tables, doubtful = _robust_statistics(blocks, lags, doubtful)
        results |= robust_tables
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
        raise ValueError(f"series with missing or infinite values: {', '.join(broken)}; fill or leave them out")
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


def _f_statistics(blocks: _Blocks, lags: int, df: int) -> tuple[Floats, NDArray[np.bool_]]:
    """F of every pair and which pairs are too ill-conditioned for this route."""
    size, depth, n_obs = blocks.lags.shape
    flat = blocks.lags.reshape(size * depth, n_obs)
    overlap = (flat @ flat.T).reshape(size, depth, size, depth)
    along = (flat @ blocks.target.T).reshape(size, depth, size)
    total = (blocks.target**2).sum(axis=1)
    f_statistic, doubtful = np.empty((size, size)), np.empty((size, size), bool)
    step = max(1, BLOCK_PAIRS // size)
    for start in range(0, size, step):
        causes = slice(start, min(start + step, size))
        gained, tested, pivot = _eliminate(overlap[causes], along[causes], depth - lags)
        left = total - gained
        with np.errstate(divide="ignore", invalid="ignore"):
            f_statistic[causes] = (tested / lags) / (left / df)
            doubtful[causes] = ~((pivot > ILL_CONDITIONED) & (left > ILL_CONDITIONED * total))
    doubtful |= ~(blocks.sound[:, None] & blocks.sound[None, :])
    return f_statistic, doubtful


def _eliminate(overlap: Floats, along: Floats, untested: int) -> tuple[Floats, Floats, Floats]:
    """Cholesky of S = I − C C' for many pairs side by side, applied to r = U ỹ.

    Arrays (pairs…) run last so that every step is one operation on contiguous memory. Returns the sum of
    squares explained by all lags, by the tested ones alone, and the smallest pivot.
    """
    depth = overlap.shape[1]
    cross = np.ascontiguousarray(overlap.transpose(1, 3, 0, 2))
    shape = cross.shape[2:]
    factor = np.empty((depth, depth, *shape))
    scores = np.empty((depth, *shape))
    smallest = np.ones(shape)
    for row in range(depth):
        for column in range(row + 1):
            entry = float(row == column) - np.einsum("q...,q...->...", cross[row], cross[column])
            if column:
                entry -= np.einsum("q...,q...->...", factor[row, :column], factor[column, :column])
            if row == column:
                np.minimum(smallest, entry, out=smallest)
                factor[row, row] = np.sqrt(np.maximum(entry, ILL_CONDITIONED**2))
            else:
                factor[row, column] = entry / factor[column, column]
        score = along[:, row] - np.einsum("q...,q...->...", factor[row, :row], scores[:row])
        scores[row] = score / factor[row, row]
    tested = np.einsum("q...,q...->...", scores[untested:], scores[untested:])
    before = np.einsum("q...,q...->...", scores[:untested], scores[:untested])
    return tested + before, tested, smallest


def _robust_statistics(
    blocks: _Blocks, lags: int, doubtful: NDArray[np.bool_]
) -> tuple[dict[str, Floats], NDArray[np.bool_]]:
    """HC3 Wald statistic and window estimate, effect by effect, and the pairs still in doubt."""
    size, depth, _ = blocks.lags.shape
    tables = {name: np.empty((size, size)) for name in ("wald", "window", "window_error")}
    contrast = np.zeros((size, depth, 1))
    contrast[:, -lags:] = 1.0 / lags
    back = np.where(blocks.sound[:, None, None], blocks.triangle.transpose(0, 2, 1), np.eye(depth))
    to_window = np.linalg.solve(back, contrast)
    doubtful = doubtful | np.eye(size, dtype=bool)
    for effect in range(size):
        columns, alone = _robust_column(blocks, effect, lags, to_window, doubtful[:, effect])
        doubtful[:, effect] |= alone
        for table, column in zip(tables.values(), columns, strict=True):
            table[:, effect] = column
    for name in ("window", "window_error"):
        tables[name] *= blocks.scale[None, :] / blocks.scale[:, None]
    return tables, doubtful


def _robust_column(
    blocks: _Blocks, effect: int, lags: int, to_window: Floats, doubtful: NDArray[np.bool_]
) -> tuple[tuple[Floats, Floats, Floats], NDArray[np.bool_]]:
    """Wald, window estimate and its standard error of all causes on one effect.

    The last array marks the pairs where one row is fitted by itself, which HC3 cannot weigh here.
    """
    own, target = blocks.lags[effect], blocks.target[effect]
    size, depth, n_obs = blocks.lags.shape
    cross = blocks.lags.reshape(-1, n_obs) @ own.T
    left = blocks.lags - (cross @ own).reshape(size, depth, n_obs)
    cross = cross.reshape(size, depth, depth)
    moments = np.eye(depth) - cross @ cross.transpose(0, 2, 1)
    moments[doubtful] = np.eye(depth)
    inverse = np.linalg.inv(np.linalg.cholesky(moments))
    directions = inverse @ left
    scores = directions @ target
    residuals = target - (scores[:, None, :] @ directions)[:, 0]
    leverage = 1.0 / n_obs + np.square(own).sum(axis=0) + np.einsum("iat,iat->it", directions, directions)
    alone = leverage.max(axis=1) > 1.0 - ILL_CONDITIONED
    weights = residuals / np.maximum(1.0 - leverage, ILL_CONDITIONED)
    weighted = directions * weights[:, None, :]
    meat = weighted @ weighted.transpose(0, 2, 1)
    meat[doubtful | alone] = np.eye(depth)
    loading = (inverse @ to_window)[:, :, 0]
    tested = scores[:, -lags:, None]
    wald = (tested * np.linalg.solve(meat[:, -lags:, -lags:], tested)).sum(axis=(1, 2))
    variance = np.einsum("ia,iab,ib->i", loading, meat, loading)
    return (wald, (loading * scores).sum(axis=1), np.sqrt(np.maximum(variance, 0.0))), alone


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
    wald, window, error = (results.get(name) for name in ("wald", "window", "window_error"))
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
