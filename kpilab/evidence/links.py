"""Every assumed link against history: an estimate, an interval, a verdict and its reason."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import pandas as pd

from kpilab.evidence.challenges import FEW_UNITS, Challenge, Regime, by_regime, challenges, second_opinion
from kpilab.evidence.equations import LinkData, LinkDataBuilder, lagged
from kpilab.evidence.fitting import (
    DRAWS,
    SEED,
    Equation,
    LinkFit,
    equation_of,
    estimate,
    one_thread,
    partialled_out,
    statsmodels_fit,
    volume_weighted,
)
from kpilab.evidence.regress.inference import benjamini_hochberg, detectable_effect, robustness_value
from kpilab.evidence.regress.linear import NotEstimable
from kpilab.evidence.unroll import has_return_path
from kpilab.evidence.verdicts import decide, reason
from kpilab.model.cascade import Cascade
from kpilab.model.history import History
from kpilab.model.nouns import Link
from kpilab.problems import did_you_mean, one_problem
from kpilab.progress import with_bar
from kpilab.show import Result, count_of
from kpilab.words import VERDICTS, Verdict

COLUMNS = [
    "cause", "effect", "level", "lag_from", "lag_to", "assumed_sign", "estimate", "std_error", "statistic",
    "p_value", "q_value", "conf_low", "conf_high", "n_obs", "n_units", "min_effect", "detectable_effect",
    "verdict", "reason",
]  # fmt: skip
PROFILE_PERIODS = 6
CONFIDENCE = 0.95


@dataclass(frozen=True, eq=False)
class LinkResult:
    """One link against history.

    Attributes
    ----------
    link : Link
    level, frequency : str
        Where and how often the link was fitted.
    fit : LinkFit or None
        None when the link is untestable.
    verdict : {"supported", "contradicted", "inconclusive", "untestable"}
    reason : str
        One sentence with the number that decided.
    controls : tuple of str
        What was held constant beside own history and effects.
    challenges : tuple of Challenge
    regimes : tuple of Regime
    """

    link: Link
    level: str
    frequency: str
    verdict: Verdict
    reason: str
    fit: LinkFit | None = None
    q_value: float = float("nan")
    min_effect: float = float("nan")
    controls: tuple[str, ...] = ()
    breaks: tuple[str, ...] = ()
    challenges: tuple[Challenge, ...] = ()
    regimes: tuple[Regime, ...] = ()
    n_obs: int = 0
    n_units: int = 0
    equation: Equation | None = field(default=None, repr=False)
    data: LinkData | None = field(default=None, repr=False)

    @property
    def cause(self) -> str:
        """Return the id of the causing KPI."""
        return self.link.cause

    @property
    def effect(self) -> str:
        """Return the id of the KPI that is moved."""
        return self.link.effect

    @property
    def estimate(self) -> float:
        """Return the direct effect per unit of the cause, NaN when untestable."""
        return self.fit.estimate if self.fit else float("nan")

    @property
    def detectable_effect(self) -> float:
        """Return the smallest effect that this history would have shown with 80 % probability."""
        return detectable_effect(self.fit.std_error, self.fit.df) if self.fit else float("nan")

    @cached_property
    def volume_weighted(self) -> float:
        """Return the estimate weighted by the effect's denominator: shown beside, never deciding."""
        return volume_weighted(self.equation) if self.equation is not None else float("nan")

    @property
    def robustness_value(self) -> float:
        """Return how strong an unseen confounder must be to explain the estimate away (Cinelli & Hazlett 2020).

        The share, 0–1, of what is left of both cause and effect that it would have to explain. It follows from
        their partial correlation, whatever the standard error.
        """
        if self.fit is None:
            return float("nan")
        share = float(np.corrcoef(self.partialled.to_numpy().T)[0, 1]) ** 2
        return robustness_value((share / (1 - share) * self.fit.n_obs) ** 0.5, self.fit.n_obs)

    @cached_property
    def statsmodels(self) -> object:
        """Return the fitted statsmodels object of the same equation.

        Raises
        ------
        InputError
            When the link is untestable.
        """
        return statsmodels_fit(self._fitted_equation())

    @cached_property
    def partialled(self) -> pd.DataFrame:
        """Return cause and effect with everything else held constant, one row per observation."""
        return partialled_out(self._fitted_equation())

    def checks(self) -> pd.DataFrame:
        """Return one row per check: name, failed, p_value, result."""
        rows = [(c.name, c.failed, c.p_value, c.result) for c in self.challenges]
        return pd.DataFrame(rows, columns=["check", "failed", "p_value", "result"])

    def profile(self, periods: int = PROFILE_PERIODS) -> pd.DataFrame:
        """Return the response of the effect 0, 1, … periods after the cause: for showing, never for choosing a lag.

        Each row is a local projection with the cause's and the effect's past held constant; the band is
        simultaneous over the horizons (Šidák).
        """
        if self.data is None:
            return pd.DataFrame(columns=_PROFILE_COLUMNS)
        return _profile(self._fitted_equation(), self.data, periods)

    def row(self) -> list[object]:
        """Return the row of `LinkResults.tidy()`."""
        fit, nan = self.fit, float("nan")
        numbers = [fit.estimate, fit.std_error, fit.statistic, fit.p_value] if fit else [nan] * 4
        interval = [fit.conf_low, fit.conf_high] if fit else [nan] * 2
        return [
            self.cause, self.effect, self.level, *self.link.lag, self.link.sign, *numbers, self.q_value, *interval,
            self.n_obs, self.n_units, self.min_effect, self.detectable_effect, self.verdict, self.reason,
        ]  # fmt: skip

    def _fitted_equation(self) -> Equation:
        if self.equation is None:
            raise one_problem(f"link {self.link.id}", f"is untestable: {self.reason}")
        return self.equation


_PROFILE_COLUMNS = ["horizon", "estimate", "std_error", "conf_low", "conf_high", "band_low", "band_high"]


@dataclass(frozen=True, eq=False)
class LinkResults(Result, Sequence[LinkResult]):
    """Every assumed link, tested; indexed by position or by ``(cause, effect)``."""

    cascade: Cascade
    results: tuple[LinkResult, ...]
    strict: bool = False

    @property
    def title(self) -> str:  # type: ignore[override]
        """Return the name of the cascade."""
        return f"{self.cascade.name}: assumed links against history"

    def tidy(self) -> pd.DataFrame:
        """Return one row per link in the order in which they are drawn."""
        return pd.DataFrame([result.row() for result in self.results], columns=COLUMNS)

    def glance(self) -> pd.DataFrame:
        """Return one row: how many links have each verdict, and how they were tested."""
        counts = {f"n_{verdict}": [sum(r.verdict == verdict for r in self.results)] for verdict in VERDICTS}
        how = {
            "confidence": [CONFIDENCE],
            "correction": ["Benjamini-Yekutieli" if self.strict else "Benjamini-Hochberg"],
            "draws": [DRAWS],
            "seed": [SEED],
        }
        return pd.DataFrame({"n_links": [len(self.results)], **counts, **how})

    @property
    def text(self) -> str:
        """Return how many links history supports, then one sentence per link."""
        counted = [f"{sum(r.verdict == v for r in self.results)} {v}" for v in VERDICTS]
        lines = [f"{count_of(len(self.results), 'link')} tested: {', '.join(counted)}."]
        for result in self.results:
            names = f"{self.cascade.kpi(result.cause).name} → {self.cascade.kpi(result.effect).name}"
            lines.append(f"{names}: {result.verdict}. {result.reason}")
        return "\n".join(lines)

    def at(self, level: str) -> "LinkResults":
        """Return the links of one level."""
        return replace(self, results=tuple(result for result in self.results if result.level == level))

    def __len__(self) -> int:
        return len(self.results)

    def __iter__(self) -> Iterator[LinkResult]:
        return iter(self.results)

    def __getitem__(self, key):  # type: ignore[no-untyped-def]
        if isinstance(key, int | slice):
            return self.results[key]
        found = [r for r in self.results if key in ((r.cause, r.effect), (r.cause, r.effect, r.level))]
        if len(found) == 1:
            return found[0]
        if found:
            levels = ", ".join(r.level for r in found)
            raise one_problem(
                "link", f"{key} is assumed at several levels; add one of them to the key: {levels}"
            )
        drawn = [f"{r.cause}->{r.effect}" for r in self.results]
        raise one_problem(
            "link", f"no link {'->'.join(map(str, key))}; {did_you_mean('->'.join(map(str, key)), drawn)}"
        )


def fit_links(
    cascade: Cascade,
    history: History,
    *,
    strict: bool = False,
    earlier: LinkResults | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> LinkResults:
    """Test every assumed link against history.

    The claim of an arrow is its direct effect over its lag range; what else the map draws into the effect
    is held constant, with own history, unit and period effects, and declared breaks.

    Parameters
    ----------
    cascade : Cascade
    history : History
    strict : bool
        Correct for many links with Benjamini–Yekutieli, which holds under any dependence, instead of
        Benjamini–Hochberg.
    earlier : LinkResults, optional
        Of the same history, before the map was redrawn. An arrow whose question is still the same keeps its
        estimate and checks; only q-values and verdicts, which hang on all arrows, are found anew. The result
        is the same as without it, sooner.
    progress : callable, optional
        Called with how many links are done, and of how many; what it raises ends the work.

    Returns
    -------
    LinkResults
        One row per link; a link that cannot be tested is *untestable* with the reason.

    References
    ----------
    Toda & Yamamoto (1995); Cameron, Gelbach & Miller (2008); Benjamini & Hochberg (1995).
    """
    builder = LinkDataBuilder(cascade, history)
    kept = still_valid(earlier, builder) if earlier is not None else {}
    tried = []
    with one_thread():
        for position, link in enumerate(with_bar(cascade.links, "links", hidden=progress is not None)):
            if progress:
                progress(position, len(cascade.links))
            tried.append(kept[link] if link in kept else _tried(cascade, builder, link))
    return judged_together(cascade, tried, strict=strict)


def still_valid(earlier: LinkResults, builder: LinkDataBuilder) -> dict[Link, LinkResult]:
    """Return the earlier results whose question a redrawn map has not changed.

    The other arrows enter a question by what is held constant and by whether the effect comes back to the cause.
    """
    cascade = builder.cascade
    if earlier.cascade.replace(links=()) != cascade.replace(links=()):
        return {}
    before, now = (
        [(link.cause, link.effect, *link.lag) for link in one.links] for one in (earlier.cascade, cascade)
    )
    drawn = set(cascade.links)
    return {
        result.link: result
        for result in earlier
        if result.link in drawn
        and result.data is not None
        and has_return_path(before, result.cause, result.effect)
        == has_return_path(now, result.cause, result.effect)
        and builder.controls_of(result.link) == result.data.controls
    }


def judged_together(cascade: Cascade, tried: Sequence[LinkResult], *, strict: bool = False) -> LinkResults:
    """Give each estimated link its q-value among all of them, and its verdict."""
    fits = [result.fit for result in tried if result.fit]
    first = np.array([fit.p_value for fit in fits])
    second = np.array([np.fmax(fit.p_value, fit.second_p_value) for fit in fits])
    q_values = zip(*(benjamini_hochberg(p, strict=strict) for p in (first, second)), strict=True)
    return LinkResults(
        cascade, tuple(_judged(cascade, r, *next(q_values)) if r.fit else r for r in tried), strict
    )


def _tried(cascade: Cascade, builder: LinkDataBuilder, link: Link) -> LinkResult:
    level = link.at or ""
    data, equation = None, None
    try:
        level = builder.level_of(link)
        _check_identity(cascade, link)
        data = builder.build(link)
        equation = equation_of(cascade, data)
        fit = estimate(equation)
    except NotEstimable as error:
        n_obs, n_units = (len(equation.y), equation.n_units) if equation else _counted(data)
        said = f"Cannot be tested: {_in_words(error, link, estimated=equation is not None)}."
        frequency = data.frequency if data else cascade.frequency
        return LinkResult(link, level, frequency, "untestable", said, n_obs=n_obs, n_units=n_units)
    regimes = by_regime(cascade, data, equation)
    return LinkResult(
        link,
        level,
        data.frequency,
        "inconclusive",
        "",
        fit=fit,
        min_effect=_bound(link, equation),
        controls=data.names[2 : len(data.names) - len(data.breaks)],
        breaks=_effective_breaks(data, equation),
        challenges=challenges(cascade, link, data, equation, fit, regimes),
        regimes=regimes,
        n_obs=fit.n_obs,
        n_units=fit.n_units,
        equation=replace(equation),  # without the intermediate results it has cached
        data=data,
    )


def _in_words(error: NotEstimable, link: Link, *, estimated: bool) -> str:
    """Say for the reader of a map what the arrays could not answer."""
    if not estimated:
        return str(error).rstrip(".")
    beyond = "beyond what its unit, its period and the controls already say"
    said = {
        "no variation": f"'{link.cause}' or '{link.effect}' does not vary {beyond}",
        "collinear": f"'{link.cause}' moves together with its controls; nothing of its own is left",
        "identity": f"'{link.effect}' follows exactly from '{link.cause}' and its controls: arithmetic",
    }
    return said.get(error.reason, str(error).rstrip("."))


def _effective_breaks(data: LinkData, equation: Equation) -> tuple[str, ...]:
    """Return the breaks that fall within the rows used; a step before or after them is no regressor."""
    steps = dict(zip(equation.control_names, equation.controls.T, strict=True))
    return tuple(
        name for name in data.breaks if np.ptp(steps[name]) > 0 and _within_unit(steps[name], equation)
    )


def _within_unit(step: np.ndarray, equation: Equation) -> bool:
    """Tell whether a unit's step changes while the unit is observed."""
    unit = equation.unit[step > 0][0]
    return bool((step[equation.unit == unit] == 0).any())


def _counted(data: LinkData | None) -> tuple[int, int]:
    return (int(data.used.sum()), int(data.used.any(axis=0).sum())) if data is not None else (0, 0)


def _check_identity(cascade: Cascade, link: Link) -> None:
    effect = cascade.kpi(link.effect)
    if effect.formula:
        raise NotEstimable(
            f"'{effect.id}' is computed ({effect.definition}): its arrows are arithmetic", reason="identity"
        )


def _bound(link: Link, equation: Equation) -> float:
    """Return the smallest effect that matters, in units of the effect per unit of the cause."""
    if link.min_effect is None:
        return float("nan")
    if not link.min_effect.in_sd:
        return link.min_effect.size
    within = [_within_sd(values, equation.unit) for values in (equation.y, equation.x)]
    return link.min_effect.size * within[0] / within[1]


def _within_sd(values: np.ndarray, unit: np.ndarray) -> float:
    groups = pd.Series(values).groupby(unit)
    return float((values - groups.transform("mean")).std())


def _judged(cascade: Cascade, result: LinkResult, q_value: float, second_q_value: float) -> LinkResult:
    link, fit = result.link, result.fit
    if fit is None:
        return result
    checked = [challenge for challenge in result.challenges if challenge.name != FEW_UNITS]
    tried = (*checked, *second_opinion(fit, float(second_q_value)))
    failed = tuple(challenge for challenge in tried if challenge.failed)
    verdict, rule = decide(link, fit, float(q_value), result.min_effect, failed)
    same = f"; same {result.frequency}: direction assumed" if link.lag[0] == 0 else ""
    said = reason(
        rule,
        cascade.kpi(link.cause),
        cascade.kpi(link.effect),
        fit,
        q_value,
        result.min_effect,
        result.detectable_effect,
        failed,
        same,
    )
    return replace(result, verdict=verdict, reason=said, q_value=float(q_value), challenges=tried)


def _profile(equation: Equation, data: LinkData, periods: int) -> pd.DataFrame:
    """Project the effect h periods ahead on the cause today, given the past of both."""
    from scipy import special

    rows = []
    season = equation.controls[:, [name.startswith("season ") for name in equation.control_names]]
    share = CONFIDENCE ** (1 / (periods + 1))
    for horizon in range(periods + 1):
        past = [lagged(data.x, horizon + k) for k in range(data.own_lags + 1)]
        past += [lagged(data.y, horizon + k) for k in range(1, data.own_lags + 1)]
        columns = np.stack([values[equation.period, equation.unit] for values in past], axis=1)
        known = ~np.isnan(columns).any(axis=1)
        projection = replace(equation, x=columns[:, 0], controls=np.column_stack([columns[:, 1:], season]))
        try:
            fit = estimate(projection.rows(known), decide=False)
        except NotEstimable:
            continue
        reach = special.stdtrit(fit.df, 0.5 + share / 2) * fit.std_error
        band = (fit.estimate - reach, fit.estimate + reach)
        rows.append((horizon, fit.estimate, fit.std_error, fit.conf_low, fit.conf_high, *band))
    return pd.DataFrame(rows, columns=_PROFILE_COLUMNS)
