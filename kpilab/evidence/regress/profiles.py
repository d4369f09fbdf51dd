"""The response at each horizon, with a band that covers all of them at once: for showing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from .linear import Covariance, Estimates, Fit, Floats, t_inference
from .windows import Design, lp_design


@dataclass(frozen=True, eq=False)
class Profile:
    """Responses at each horizon; all arrays have length H, `df` and `n_obs` differ between horizons.

    `conf_low`/`conf_high` cover each horizon by itself, `band_low`/`band_high` all of them at once;
    `critical` is the sup-t value behind the band, drawn with `seed`.
    """

    horizon: NDArray[np.int_]
    estimate: Floats
    std_error: Floats
    statistic: Floats
    p_value: Floats
    conf_low: Floats
    conf_high: Floats
    band_low: Floats
    band_high: Floats
    df: Floats
    n_obs: NDArray[np.int_]
    critical: float
    seed: int


def lp_profile(
    y: ArrayLike,
    x: ArrayLike,
    horizons: int | ArrayLike,
    p: int,
    controls: ArrayLike | None = None,
    season: ArrayLike | None = None,
    cov: Covariance = "HC3",
    confidence: float = 0.95,
    draws: int = 10_000,
    seed: int = 0,
) -> Profile:
    """Estimate the response of y at each horizon with a band that covers all of them at once.

    Parameters
    ----------
    horizons : int or sequence of int
        H for the horizons 0 to H, or the horizons themselves. Horizon h is ``lp_window(…, h, h, p)``.
    draws, seed : int
        Simulation of the sup-t critical value.
    y, x, p, controls, season, cov, confidence
        As in `lp_window`; `cov` one of ``HC0`` to ``HC3``.

    Returns
    -------
    Profile

    Raises
    ------
    NotEstimable
        If one horizon has no answer.
    ValueError
        On horizons, shapes or covariances that make no sense.

    Notes
    -----
    For showing, never for choosing a lag. The band is ``estimate ± critical · std_error``, where `critical`
    is the quantile of the largest |t| under the joint covariance of the stacked equations (Montiel Olea &
    Plagborg-Møller 2019, Simultaneous confidence bands, Journal of Applied Econometrics 34, 1–17). The
    draws are Student t with the smallest degrees of freedom, so one horizon gets its own interval back.
    """
    if cov not in ("HC0", "HC1", "HC2", "HC3"):
        raise ValueError(f"the band needs cov HC0, HC1, HC2 or HC3, not {cov!r}")
    named = np.asarray(horizons, int)
    steps = np.arange(int(named) + 1) if named.ndim == 0 else named
    if steps.size == 0:
        raise ValueError("name at least one horizon")
    designs = [lp_design(y, x, int(h), int(h), p, controls, season) for h in steps]
    fits = [design.fit(cov) for design in designs]
    df = np.array([fit.df for fit in fits])
    each = _stacked_inference(fits, df, confidence)
    critical = _sup_t(_stacked_influence(designs, fits), df.min(), confidence, draws, seed)
    reach = critical * each.std_error
    return Profile(
        steps,
        each.estimate,
        each.std_error,
        each.statistic,
        each.p_value,
        each.conf_low,
        each.conf_high,
        each.estimate - reach,
        each.estimate + reach,
        df,
        np.array([fit.n_obs for fit in fits]),
        critical,
        seed,
    )


def _stacked_inference(fits: list[Fit], df: Floats, confidence: float) -> Estimates:
    coefficients = np.array([fit.coefficients[0] for fit in fits])
    std_errors = np.sqrt([fit.covariance[0, 0] for fit in fits])
    return t_inference(coefficients, std_errors, df, fits[0].n_obs, confidence)


def _stacked_influence(designs: list[Design], fits: list[Fit]) -> Floats:
    """Each horizon's contributions on the common calendar, (T, H); zero where a horizon has no row."""
    stacked = np.zeros((len(designs[0].target), len(fits)))
    for column, (design, fit) in enumerate(zip(designs, fits, strict=True)):
        stacked[design.complete, column] = fit.influence[:, 0]
    return stacked


def _sup_t(influence: Floats, df: float, confidence: float, draws: int, seed: int) -> float:
    """Quantile of the largest |t| over the horizons."""
    generator = np.random.default_rng(seed)
    unit = influence / np.linalg.norm(influence, axis=0)
    values, vectors = np.linalg.eigh(unit.T @ unit)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    normal = generator.standard_normal((draws, influence.shape[1])) @ root.T
    spread = np.sqrt(generator.chisquare(df, draws) / df)
    simulated = float(np.quantile(np.abs(normal).max(axis=1) / spread, confidence))
    pointwise = float(special.stdtrit(df, 0.5 + confidence / 2))
    return pointwise if influence.shape[1] == 1 else max(simulated, pointwise)
