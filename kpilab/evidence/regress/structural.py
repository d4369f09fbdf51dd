"""A step or ramp in one series whose level wanders: a structural time-series model.

    y[t] = level[t] + AR(1) irregular + regressors + size · intervention[t],   level[t] = level[t−1] + shock

Regressions with robust errors find interventions everywhere in such series; here a wandering level is part of
the model, and the interval of the size widens with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import linalg, optimize, special
from statsmodels.tsa.statespace.structural import UnobservedComponents

from kpilab.evidence.regress.linear import Floats, NotEstimable

Irregular = Literal["ar1", "white"]
FEWEST = 12


@dataclass(frozen=True, eq=False)
class Intervention:
    """The size of an intervention in one series.

    Attributes
    ----------
    estimate, std_error, statistic, p_value, conf_low, conf_high : float
        With Student's t; `df` is n less the diffuse states and the variances that were estimated.
    coefficients, std_errors : (k,) arrays
        Of the regressors.
    counterfactual : (T,) array
        The smoothed series without the intervention; NaN in periods without a value.
    level_sd, irregular_sd, ar : float
        Of the shocks to level and irregular; the autoregression of the irregular (0 for ``white``).
    parameters : (m,) array
        The maximum-likelihood parameters, for `placebo_steps`.
    n_obs, n_before, n_after : int
    """

    estimate: float
    std_error: float
    statistic: float
    p_value: float
    conf_low: float
    conf_high: float
    df: float
    coefficients: Floats
    std_errors: Floats
    counterfactual: Floats
    level_sd: float
    irregular_sd: float
    ar: float
    parameters: Floats
    n_obs: int
    n_before: int
    n_after: int


def intervention(
    y: ArrayLike,
    shape: ArrayLike,
    regressors: ArrayLike | None = None,
    *,
    irregular: Irregular = "ar1",
    confidence: float = 0.95,
) -> Intervention:
    """Estimate the size of an intervention whose shape in time is given.

    Parameters
    ----------
    y : array-like, shape (T,)
        Consecutive periods; NaN where missing.
    shape : array-like, shape (T,)
        0 before; 1 after for a step, rising to 1 for a ramp: see `step` and `ramp`.
    regressors : array-like, shape (T, k), optional
        Held constant: seasonal columns, series that the intervention cannot have moved. Complete.
    irregular : str
        Autocorrelated of order one (``ar1``), or ``white`` noise.
    confidence : float
        Coverage of the interval, between 0 and 1.

    Raises
    ------
    NotEstimable
        If there are fewer than 12 values beyond the states, no value before or after, or no variation.
    ValueError
        On arguments that do not fit together.

    Notes
    -----
    Level and coefficients start exactly diffuse; the variances maximise the diffuse likelihood, which is found
    by regression instead of the filter (twenty times as fast; a test compares it with statsmodels' own maximum).

    References
    ----------
    Harvey, A. C. & Durbin, J. (1986). The effects of seat belt legislation on British road casualties.
    Journal of the Royal Statistical Society A 149, 187–227.
    Durbin, J. & Koopman, S. J. (2012). Time Series Analysis by State Space Methods, 2nd ed., chapter 5.
    """
    series, columns = checked_columns(y, shape, regressors)
    scale = float(np.nanstd(series))
    model = _model(series / scale, columns, irregular)
    parameters = _parameters(series / scale, columns, irregular)
    fitted = model.smooth(parameters)
    n_states = 1 + columns.shape[1]
    df = float(np.isfinite(series).sum() - n_states - len(parameters))
    size, error = _last_coefficient(fitted, columns.shape[1])
    coefficients, errors = _coefficients(fitted, columns.shape[1])
    critical = float(special.stdtrit(df, 0.5 + confidence / 2))
    statistic = size / error
    named = dict(zip(model.param_names, parameters, strict=True))
    smoothed = series - scale * size * columns[:, -1]
    after = columns[:, -1] != 0
    known = np.isfinite(series)
    return Intervention(
        estimate=scale * size,
        std_error=scale * error,
        statistic=statistic,
        p_value=min(1.0, 2 * float(special.stdtr(df, -abs(statistic)))),
        conf_low=scale * (size - critical * error),
        conf_high=scale * (size + critical * error),
        df=df,
        coefficients=scale * coefficients[:-1],
        std_errors=scale * errors[:-1],
        counterfactual=smoothed,
        level_sd=scale * float(np.sqrt(named["sigma2.level"])),
        irregular_sd=scale
        * float(np.sqrt(named["sigma2.irregular" if irregular == "white" else "sigma2.ar"])),
        ar=float(named.get("ar.L1", 0.0)),
        parameters=parameters,
        n_obs=int(known.sum()),
        n_before=int((known & ~after).sum()),
        n_after=int((known & after).sum()),
    )


def placebo_steps(
    y: ArrayLike,
    starts: ArrayLike,
    length: int,
    regressors: ArrayLike | None = None,
    *,
    irregular: Irregular = "ar1",
) -> Floats:
    """Return the t statistics of steps where nothing happened; NaN where one cannot be told from the regressors.

    The variances are estimated once, without any step.

    Parameters
    ----------
    y : array-like, shape (T,)
        The series before the intervention.
    starts : array-like of int, shape (P,)
        First rows of the placebos.
    length : int
        Periods that a placebo sees of its own "after"; what comes later is not looked at.
    regressors, irregular
        As for `intervention`.
    """
    series = np.asarray(y, dtype=float)
    extra = _columns(regressors, len(series))
    scale = float(np.nanstd(series))
    if not scale > 0:
        raise NotEstimable("the series does not vary before the start", reason="no variation")
    base = _parameters(series / scale, extra, irregular)
    found = []
    for start in np.asarray(starts, dtype=int):
        stop = min(start + length, len(series))
        columns = np.column_stack([extra[:stop], step(stop, start)])
        columns = columns[:, _varying(columns, np.isfinite(series[:stop]))]
        found.append(_last_statistic(series[:stop] / scale, columns, base, irregular))
    return np.array(found)


def _last_statistic(series: Floats, columns: Floats, parameters: Floats, irregular: Irregular) -> float:
    """Return the t statistic of the last column with the variances given: what one pass of the filter gives."""
    rows = np.flatnonzero(np.isfinite(series))
    if irregular == "white":
        noise, level, rho = parameters[0], parameters[1], 0.0
    else:
        noise, level, rho = parameters[1] / (1 - parameters[2] ** 2), parameters[0], parameters[2]
    walk, apart = random_walk(rows), distances(rows)
    factor = np.linalg.cholesky(noise * autocorrelation(apart, rho) + level * walk)
    design = np.column_stack([np.ones(len(rows)), columns[rows]])
    if np.linalg.matrix_rank(design) < design.shape[1]:
        return float("nan")
    whitened = linalg.solve_triangular(factor, np.column_stack([series[rows], design]), lower=True)
    covariance = np.linalg.inv(whitened[:, 1:].T @ whitened[:, 1:])
    size = covariance[-1] @ (whitened[:, 1:].T @ whitened[:, 0])
    return float(size / np.sqrt(covariance[-1, -1]))


def predicted(
    y: ArrayLike, n_before: int, regressors: ArrayLike | None = None, *, irregular: Irregular = "ar1"
) -> tuple[Floats, Floats]:
    """Predict a series from what was known before: level and regressors, and the errors around them, both (T,).

    Parameters
    ----------
    y : array-like, shape (T,)
        Only its first `n_before` values are used; before the start the prediction is the smoothed series.
    n_before : int
    regressors, irregular
        As for `intervention`.
    """
    series = np.asarray(y, dtype=float).copy()
    series[n_before:] = np.nan
    extra = _columns(regressors, len(series))
    extra = extra[:, np.ptp(extra[:n_before], axis=0) > 0]
    scale = float(np.nanstd(series))
    if not scale > 0:
        raise NotEstimable("the series does not vary before the start", reason="no variation")
    base = _parameters(series[:n_before] / scale, extra[:n_before], irregular)
    smoothed = _model(series / scale, extra, irregular).smooth(base)
    n_inner = smoothed.smoothed_state.shape[0] - extra.shape[1]
    loads = np.zeros((smoothed.smoothed_state.shape[0], len(series)))
    loads[0], loads[n_inner:] = 1.0, extra.T
    variance = np.einsum("it,ijt,jt->t", loads, smoothed.smoothed_state_cov, loads)
    named = dict(zip(smoothed.model.param_names, base, strict=True))
    noise = named.get("sigma2.irregular", named.get("sigma2.ar", 0.0)) / (1 - named.get("ar.L1", 0.0) ** 2)
    return scale * (loads * smoothed.smoothed_state).sum(axis=0), scale * np.sqrt(variance + noise)


def step(n_periods: int, start: int) -> Floats:
    """Return 0 before `start` and 1 from it on, shape (n_periods,).

    Examples
    --------
    >>> step(4, 2).tolist()
    [0.0, 0.0, 1.0, 1.0]
    """
    return (np.arange(n_periods) >= start).astype(float)


def ramp(n_periods: int, start: int, length: int) -> Floats:
    """Return 0 before `start`, rising evenly to 1 over `length` periods.

    Examples
    --------
    >>> ramp(5, 1, 2).tolist()
    [0.0, 0.5, 1.0, 1.0, 1.0]
    """
    return np.clip((np.arange(n_periods) - start + 1) / max(length, 1), 0.0, 1.0)


def _columns(regressors: ArrayLike | None, n_periods: int) -> Floats:
    extra = np.empty((n_periods, 0)) if regressors is None else np.asarray(regressors, dtype=float)
    if extra.ndim != 2 or len(extra) != n_periods or not np.isfinite(extra).all():
        raise ValueError("regressors must be complete, one row per period")
    return extra


def checked_columns(y: ArrayLike, shape: ArrayLike, regressors: ArrayLike | None) -> tuple[Floats, Floats]:
    """Return the series, and the columns that vary where it has values, the intervention last."""
    series, form = np.asarray(y, dtype=float), np.asarray(shape, dtype=float)
    if series.ndim != 1 or form.shape != series.shape or not np.isfinite(form).all():
        raise ValueError(f"y and shape must be equally long series, not {series.shape} and {form.shape}")
    known = np.isfinite(series)
    columns = np.column_stack([_columns(regressors, len(series)), form])
    if np.ptp(form[known]) == 0 if known.any() else True:
        raise NotEstimable("no value on one side of the start", reason="too few rows")
    if not np.nanstd(series) > 0:
        raise NotEstimable("the series does not vary", reason="no variation")
    columns = columns[:, _varying(columns, known)]
    if known.sum() - columns.shape[1] < FEWEST:
        raise NotEstimable(
            f"{int(known.sum())} values are too few for {columns.shape[1]} coefficients",
            reason="too few rows",
        )
    if np.linalg.matrix_rank(columns[known] - columns[known].mean(axis=0)) < columns.shape[1]:
        raise NotEstimable("the intervention cannot be told from the regressors", reason="collinear")
    return series, columns


def _varying(columns: Floats, known: np.ndarray) -> np.ndarray:
    """Tell which columns vary where the series has values; the last one always counts."""
    varying = np.ptp(columns[known], axis=0) > 0
    varying[-1] = True
    return varying


def _model(series: Floats, columns: Floats, irregular: Irregular) -> UnobservedComponents:
    noise: dict[str, Any] = {"irregular": True} if irregular == "white" else {"autoregressive": 1}
    return UnobservedComponents(
        series,
        level=True,
        stochastic_level=True,
        **noise,
        exog=columns if columns.shape[1] else None,
        mle_regression=False,
        use_exact_diffuse=True,
    )


def _parameters(series: Floats, columns: Floats, irregular: Irregular) -> Floats:
    """Maximise the diffuse likelihood; return the variances in the order of the model's parameters.

    With level and coefficients diffuse it is the restricted likelihood of a regression whose errors are a random
    walk plus the irregular, which needs one Cholesky factor per try and no filter.
    """
    rows = np.flatnonzero(np.isfinite(series))
    design = np.column_stack([np.ones(len(rows)), columns[rows]])
    walk, apart = random_walk(rows), distances(rows)
    ratios, rhos = (-12.0, -6.0, -3.0, 0.0, 3.0), (0.0, 0.4, 0.8) if irregular == "ar1" else (0.0,)
    bounds = [(-16.0, 8.0), (-0.9, 0.97)] if irregular == "ar1" else [(-16.0, 8.0), (0.0, 0.0)]

    def deviance(parameters: Floats) -> float:
        return _restricted(series[rows], design, walk, apart, parameters)[0]

    first = min(((ratio, rho) for ratio in ratios for rho in rhos), key=lambda pair: deviance(np.array(pair)))
    best = optimize.minimize(deviance, np.array(first), method="L-BFGS-B", bounds=bounds, tol=1e-9).x
    scale = _restricted(series[rows], design, walk, apart, best)[1]
    level, rho = scale * float(np.exp(best[0])), float(best[1])
    if irregular == "white":
        return np.array([scale, level])
    return np.array([level, scale * (1 - rho**2), rho])


def random_walk(rows: np.ndarray) -> Floats:
    """Return the covariance of a random walk observed in some periods, shocks of variance one."""
    return np.minimum.outer(rows, rows) + 1.0


def distances(rows: np.ndarray) -> np.ndarray:
    """Return how many periods lie between any two rows."""
    return np.abs(np.subtract.outer(rows, rows))


def autocorrelation(apart: np.ndarray, rho: float) -> Floats:
    """Return the correlation of an AR(1) at some distances."""
    correlation: Floats = np.power(rho, np.arange(int(apart.max()) + 1))[apart]
    return correlation


def _restricted(
    y: Floats, design: Floats, walk: Floats, apart: np.ndarray, parameters: Floats
) -> tuple[float, float]:
    """Return minus twice the restricted log-likelihood but for a constant, and the irregular's variance."""
    ratio, rho = float(np.exp(parameters[0])), float(parameters[1])
    factor = np.linalg.cholesky(autocorrelation(apart, rho) + ratio * walk)
    whitened = linalg.solve_triangular(factor, np.column_stack([y, design]), lower=True)
    basis, triangle = np.linalg.qr(whitened[:, 1:])
    left = whitened[:, 0] - basis @ (basis.T @ whitened[:, 0])
    df = len(y) - design.shape[1]
    scale = float(left @ left) / df
    log_size = 2 * (np.log(np.diag(factor)).sum() + np.log(np.abs(np.diag(triangle))).sum())
    return float(log_size + df * np.log(scale)), scale


def _coefficients(fitted: Any, n_columns: int) -> tuple[Floats, Floats]:
    states = fitted.smoothed_state[-n_columns:, -1]
    errors = np.sqrt(np.diagonal(fitted.smoothed_state_cov[-n_columns:, -n_columns:, -1]))
    return states, errors


def _last_coefficient(fitted: Any, n_columns: int) -> tuple[float, float]:
    states, errors = _coefficients(fitted, n_columns)
    if not errors[-1] > 0:
        raise NotEstimable("the size of the step cannot be told from the level", reason="collinear")
    return float(states[-1]), float(errors[-1])
