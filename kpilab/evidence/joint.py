"""All drawn causes of one effect in one equation: what a change of several of them does together.

A link is tested by itself, with the other causes held constant. To look ahead they are needed side by side,

    y[t] = Σ φ[k] · y[t−k] + Σ over causes and their lags β[l] · x[t−l] + breaks + effects,

with the covariance between all of them, so that what goes through a mediator is not counted twice. Units,
controls, breaks, clusters and the lag beyond each window, held constant, are those of the tests.
"""

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import special

from kpilab.evidence.equations import OWN_LAGS, LinkData, LinkDataBuilder, coarser, lagged
from kpilab.evidence.fitting import CR2_BELOW, Equation, equation_of
from kpilab.evidence.regress.jackknife import jackknife_inference
from kpilab.evidence.regress.linear import NotEstimable, regress
from kpilab.evidence.regress.panels import panel_inference
from kpilab.evidence.regress.wild import cluster_weights
from kpilab.evidence.regress.within import within
from kpilab.model.cascade import Cascade
from kpilab.model.nouns import Link
from kpilab.words import PERIODS_PER_YEAR, Frequency

Inference = Literal["cluster", "wild"]


@dataclass(frozen=True)
class Term:
    """One regressor, as it acts on the clock of the cascade.

    Parameters
    ----------
    kpi : str
    lag : int
        Periods of the cascade before now, 0 or more.
    width : int
        Over how many periods, from `lag` backwards, its mean is taken: 1, or the length of a quarter where
        the equation is one of quarters and the cascade counts in months.
    """

    kpi: str
    lag: int
    width: int = 1


@dataclass(frozen=True, eq=False)
class EffectEquation:
    """The equation of one effect, estimated.

    Attributes
    ----------
    effect, level, frequency : str
    links : tuple of Link
        Whose causes are in the equation.
    terms : tuple of Term, length k
        Causes first, in the order of the links and their lags, then own lags.
    estimate : (k,) array
        On the scale of the links (logs and logits where a KPI says so).
    covariance : (k, k) array
    scores : (G, k) array
        What each cluster contributes to the estimation error: the wild bootstrap weighs these.
    df : (k,) array
        Degrees of freedom of each coefficient.
    method : str
        Which covariance, and whether the bias of short histories was removed.
    """

    effect: str
    level: str
    frequency: Frequency
    links: tuple[Link, ...]
    terms: tuple[Term, ...]
    estimate: np.ndarray
    covariance: np.ndarray
    scores: np.ndarray
    df: np.ndarray
    n_obs: int
    n_units: int
    method: str

    def columns_of(self, cause: str) -> list[int]:
        """Return the positions of a KPI's terms."""
        return [place for place, term in enumerate(self.terms) if term.kpi == cause]

    def window(self, cause: str) -> tuple[float, float]:
        """Return what one unit of the cause at all its lags does directly, and its standard error."""
        at = self.columns_of(cause)
        return float(self.estimate[at].sum()), float(np.sqrt(self.covariance[np.ix_(at, at)].sum()))

    @property
    def persistence(self) -> float:
        """Return the sum of the own-lag coefficients: 1 or more never comes back."""
        return float(self.estimate[self.columns_of(self.effect)].sum())

    def draws(self, n_draws: int, seed: int, inference: Inference = "cluster") -> np.ndarray:
        """Draw the coefficients jointly, shape (k, n_draws): what causes share in uncertainty stays shared.

        `cluster` draws with the clustered covariance, each coefficient from Student's t with its own degrees
        of freedom; `wild` from the wild cluster bootstrap with Webb's weights, whose regressors are fixed, so
        that no draw needs a refit. What it draws is t, not the coefficient: with few clusters the coefficient alone
        varies too little (Cameron, Gelbach & Miller 2008, Review of Economics and Statistics 90).
        """
        if inference == "wild":
            return self.estimate[:, None] + studentized_wild_errors(self.scores, n_draws, seed)
        rng = np.random.default_rng([seed, zlib.crc32(self.effect.encode())])
        value, vector = np.linalg.eigh(self.covariance)
        root = vector * np.sqrt(np.maximum(value, 0.0))
        normal = rng.standard_normal((len(self.estimate), n_draws))
        df, which = np.unique(self.df, return_inverse=True)
        spread = special.chdtri(df[:, None], rng.uniform(size=n_draws)) / df[:, None]
        return self.estimate[:, None] + root @ normal / np.sqrt(spread)[which]


def studentized_wild_errors(scores: np.ndarray, n_draws: int, seed: int) -> np.ndarray:
    """Return errors of coefficients, shape (k, n_draws): t of the wild cluster bootstrap times the standard error.

    Parameters
    ----------
    scores : (G, k) array
        What each cluster contributes to the estimation error.
    """
    n_clusters = len(scores)
    weights, _ = cluster_weights(n_clusters, "webb", n_draws, seed)
    errors = weights @ scores
    spread = weights**2 @ scores**2 - errors**2 / n_clusters
    least = np.finfo(float).tiny
    drawn = np.sqrt(np.maximum(spread, least) * n_clusters / (n_clusters - 1))
    return np.asarray((errors / drawn * np.sqrt((scores**2).sum(axis=0))).T)


def fit_effect(
    cascade: Cascade,
    builder: LinkDataBuilder,
    effect: str,
    links: Iterable[Link],
    *,
    correct_bias: bool = True,
) -> EffectEquation:
    """Estimate the equation of one effect with all given causes.

    Parameters
    ----------
    cascade : Cascade
    builder : LinkDataBuilder
    effect : str
    links : iterable of Link
        One per cause. The equation is one of the lowest level at which any of them is claimed; a cause that
        exists only above it is taken from the unit above.
    correct_bias : bool
        In panels, remove the bias that own lags bring (Nickell 1981) by the half-panel jackknife. It is small
        in a test of one arrow; over a horizon it adds up (see docs/calibration_whatif.md).

    Raises
    ------
    NotEstimable
        When history cannot tell the causes apart, or is too short.

    References
    ----------
    Nickell (1981), Econometrica 49. Chudik, Pesaran & Yang (2018), Journal of Applied Econometrics 33.
    """
    chosen = tuple(links)
    level = min((builder.level_of(link) for link in chosen), key=lambda name: -cascade.levels.index(name))
    frequency = coarser(cascade.frequency, cascade.kpi(effect).every)
    data, terms = _joint_data(cascade, builder, effect, chosen, level, frequency)
    equation = equation_of(cascade, data)
    columns = np.column_stack([equation.x, equation.controls])
    X, held = columns[:, : len(terms)], columns[:, len(terms) :]
    fitted = _panel(equation, X, held, correct_bias) if equation.is_panel else _series(equation, X, held)
    estimate, covariance, scores, df, method = fitted
    return EffectEquation(
        effect, level, frequency, chosen, terms, estimate, covariance, scores, df,
        len(equation.y), equation.n_units, method,
    )  # fmt: skip


def _joint_data(
    cascade: Cascade,
    builder: LinkDataBuilder,
    effect: str,
    links: tuple[Link, ...],
    level: str,
    frequency: Frequency,
) -> tuple[LinkData, tuple[Term, ...]]:
    """Build the arrays of the equation and say how each of its first columns acts in time."""
    width = periods_within(cascade.frequency, frequency)
    units, periods = _units(builder, links, level), builder.periods(frequency)
    own_lags = max(link.lags or OWN_LAGS for link in links)
    y = builder.control_values(effect, level, units, frequency)[0]
    causes, beyond, terms = [], [], []
    from_above, longest = [], own_lags
    for link in links:
        x, borrowed = builder.control_values(link.cause, level, units, frequency)
        first, last = builder.coarse_lag(link.lag, frequency)
        after = last + periods_within(frequency, coarser(frequency, cascade.kpi(link.cause).every))
        causes += [lagged(x, ago) for ago in range(first, last + 1)]
        terms += [Term(link.cause, ago * width, width) for ago in range(first, last + 1)]
        beyond.append(lagged(x, after))
        from_above += [link.cause] if borrowed else []
        longest = max(longest, after)
    own = [lagged(y, ago) for ago in range(1, own_lags + 1)]
    terms += [Term(effect, ago * width) for ago in range(1, own_lags + 1)]
    touched = {effect, *(link.cause for link in links)}
    breaks, kept = builder.breaks(touched, units, periods, frequency, longest, y)
    columns = np.stack([*causes, *own, *beyond, *breaks.values()], axis=2)
    return LinkData(
        level=level,
        frequency=frequency,
        lag=(0, 0),
        own_lags=own_lags,
        units=units,
        periods=periods,
        y=kept,
        x=causes[0],
        columns=columns,
        names=tuple(f"column {place}" for place in range(columns.shape[2])),
        controls=(),
        from_above=tuple(from_above),
        breaks=tuple(breaks),
        volume=None,
    ), tuple(terms)


def periods_within(fine: Frequency, coarse: Frequency) -> int:
    """Return how many periods of one frequency make one of a coarser frequency.

    Examples
    --------
    >>> periods_within("month", "quarter"), periods_within("month", "month")
    (3, 1)
    """
    return round(PERIODS_PER_YEAR[fine] / PERIODS_PER_YEAR[coarse])


def _units(builder: LinkDataBuilder, links: tuple[Link, ...], level: str) -> tuple[str, ...]:
    """Return the units for which every one of the links is claimed; where there are none, any of them."""
    claimed = [builder.units_of(link, level) for link in links]
    common = tuple(unit for unit in claimed[0] if all(unit in units for units in claimed))
    return common or tuple(dict.fromkeys(unit for units in claimed for unit in units))


def _panel(
    equation: Equation, X: np.ndarray, held: np.ndarray, correct_bias: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, str]:
    """Estimate a panel: with few clusters CR2, and its widening and degrees of freedom for the corrected too."""
    fit = within(
        equation.y, X, equation.unit, equation.period, "both", controls=held, cluster=equation.cluster
    )
    few = fit.rows.n_clusters < CR2_BELOW
    found = panel_inference(fit, "cr2" if few else "cluster")
    df, name = np.broadcast_to(found.df, found.estimate.shape), "CR2" if few else "clustered"
    scores = fit.small_sample_factor**0.5 * fit.rows.sum_by_cluster(fit.influence * fit.residuals[:, None])
    wider = found.std_error / np.sqrt((scores**2).sum(axis=0))
    if not correct_bias:
        return found.estimate, found.covariance, scores * wider, df, name
    try:
        halves = jackknife_inference(fit)
    except NotEstimable:  # a half of a short history may not be enough; the whole still is
        return found.estimate, found.covariance, scores * wider, df, f"{name}, too short to correct"
    covariance = halves.covariance * np.outer(wider, wider)
    return halves.estimate, covariance, halves.scores * wider, df, f"{name}, half-panel jackknife"


def _series(
    equation: Equation, X: np.ndarray, held: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, str]:
    fit = regress(equation.y, X, held, cov="HC3")
    df = np.full(len(fit.coefficients), fit.df)
    return fit.coefficients, fit.covariance, fit.influence, df, "HC3"
