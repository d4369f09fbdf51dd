"""Attempts to break a link's estimate. Each, at 1 %, can only lead to *inconclusive*, never to a verdict.

Only the second opinion with few units is asked at 5 %: there CR2 must confirm what was found.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from kpilab.evidence.equations import LinkData, lagged, regime_of
from kpilab.evidence.fitting import Equation, LinkFit, estimate, partialled_out
from kpilab.evidence.map_checks import shared_measures
from kpilab.evidence.regress.breaks import sup_f
from kpilab.evidence.regress.jackknife import jackknife_inference
from kpilab.evidence.regress.leave_out import leave_one_cluster_out
from kpilab.evidence.regress.linear import NotEstimable
from kpilab.evidence.regress.panels import panel_inference
from kpilab.evidence.regress.within import within
from kpilab.evidence.unroll import has_return_path
from kpilab.model.cascade import Cascade
from kpilab.model.nouns import Link
from kpilab.show import count_of, listed, number

LEVEL = 0.01
SECOND_LEVEL = 0.05  # of the q-value
FEW_UNITS = "few units"
LONG_PANEL = 60


@dataclass(frozen=True)
class Challenge:
    """One check of a link.

    Parameters
    ----------
    name : str
    failed : bool
    result : str
        What was found, in words; why the check was left out when it was.
    p_value : float
        NaN for checks that are no test.
    """

    name: str
    failed: bool
    result: str
    p_value: float = float("nan")


@dataclass(frozen=True)
class Regime:
    """The estimate of a link within one regime."""

    name: str
    estimate: float
    conf_low: float
    conf_high: float
    n_obs: int


def challenges(
    cascade: Cascade,
    link: Link,
    data: LinkData,
    equation: Equation,
    fit: LinkFit,
    regimes: tuple[Regime, ...],
) -> tuple[Challenge, ...]:
    """Run every check on a link's estimate."""
    return (
        _lead_placebo(cascade, link, data, equation),
        _regime_difference(cascade, data, equation),
        _sign_between_regimes(regimes),
        _shared_measures(cascade, link),
        _one_unit(cascade, equation, fit),
        _jackknife(equation, fit),
    )


def by_regime(cascade: Cascade, data: LinkData, equation: Equation) -> tuple[Regime, ...]:
    """Estimate the link in each regime on its own; regimes too short for that are left out."""
    numbers, names = regime_of(cascade, data.periods)
    found = []
    for regime, name in enumerate(names):
        if len(names) == 1:
            break
        try:
            fit = estimate(equation.rows(numbers[equation.period] == regime), decide=False)
        except NotEstimable:
            continue
        found.append(Regime(name, fit.estimate, fit.conf_low, fit.conf_high, fit.n_obs))
    return tuple(found)


def _lead_placebo(cascade: Cascade, link: Link, data: LinkData, equation: Equation) -> Challenge:
    """Tomorrow's cause must not explain today's effect, unless the map says that the effect comes back."""
    name = "lead placebo"
    drawn = [(other.cause, other.effect, *other.lag) for other in cascade.links]
    if has_return_path(drawn, link.cause, link.effect):
        return Challenge(name, False, "left out: on the map the effect comes back to the cause")
    lead = lagged(data.x[::-1], 1)[::-1]
    tomorrow = lead[equation.period, equation.unit]
    known = ~np.isnan(tomorrow)
    try:
        fit = estimate(equation.rows(known).testing(tomorrow[known], "next period"), decide=False)
    except NotEstimable as error:
        return Challenge(name, False, f"left out: {error}")
    failed = fit.p_value < LEVEL
    said = (
        "next period's cause explains today's effect"
        if failed
        else "next period's cause does not explain today's effect"
    )
    return Challenge(name, failed, f"{said} (p = {fit.p_value:.2g})", fit.p_value)


def _regime_difference(cascade: Cascade, data: LinkData, equation: Equation) -> Challenge:
    """Test whether the effect differs between regimes: a cluster-robust Wald test; sup-F in a single series."""
    name = "break"
    try:
        tested = _panel_break(cascade, data, equation) if equation.is_panel else _series_break(equation)
    except NotEstimable as error:
        return Challenge(name, False, f"left out: {error}")
    if tested is None:
        return Challenge(name, False, "left out: one regime only")
    p_value, over = tested
    failed = p_value < LEVEL
    said = "the effect differs" if failed else "the effect does not differ"
    return Challenge(name, failed, f"{said} {over} (p = {p_value:.2g})", p_value)


def _panel_break(cascade: Cascade, data: LinkData, equation: Equation) -> tuple[float, str] | None:
    """Return the p of the Wald test that the effect is the same in all regimes, F(r, G − 1)."""
    numbers, names = regime_of(cascade, data.periods)
    member = numbers[equation.period][:, None] == np.arange(1, len(names))[None, :]
    member = member[:, (member.mean(axis=0) > 0) & (member.mean(axis=0) < 1)]
    if not member.shape[1]:
        return None
    controls = np.column_stack([equation.x, member.astype(float), equation.controls])
    fit = within(
        equation.y,
        equation.x[:, None] * member,
        equation.unit,
        equation.period,
        "both",
        controls=controls,
        cluster=equation.cluster,
    )
    estimates = panel_inference(fit, "cluster")
    wald = float(estimates.estimate @ np.linalg.solve(estimates.covariance, estimates.estimate))
    n_regimes, df = member.shape[1], fit.rows.n_clusters - 1
    if df < n_regimes:
        return None
    return float(stats.f.sf(wald / n_regimes, n_regimes, df)), "between regimes"


def _series_break(equation: Equation) -> tuple[float, str]:
    """Return Hansen's p of the sup-F test for one break of the equation at an unknown date."""
    left = partialled_out(equation)
    return float(sup_f(left["effect"].to_numpy(), left[["cause"]].to_numpy()).p_value), "along the series"


def _sign_between_regimes(regimes: tuple[Regime, ...]) -> Challenge:
    name = "sign between regimes"
    if len(regimes) < 2:
        return Challenge(name, False, "left out: one regime only")
    up = [regime.name for regime in regimes if regime.conf_low > 0]
    down = [regime.name for regime in regimes if regime.conf_high < 0]
    if up and down:
        return Challenge(name, True, f"positive {listed(up)}, negative {listed(down)}")
    return Challenge(name, False, "no regime contradicts another")


def _shared_measures(cascade: Cascade, link: Link) -> Challenge:
    shared = shared_measures(cascade, link)
    if shared:
        return Challenge("shared measures", True, f"both KPIs are computed from {listed(shared)}")
    return Challenge("shared measures", False, "the two KPIs have no measure in common")


def _one_unit(cascade: Cascade, equation: Equation, fit: LinkFit) -> Challenge:
    """Leave out each cluster in turn: the estimate must keep its sign and half its size."""
    name = "one unit carries it"
    if not equation.is_panel:
        return Challenge(name, False, "left out: one unit only")
    left = leave_one_cluster_out(equation.within)
    shares = left.estimate[:, 0] / fit.estimate
    weakest = int(shares.argmin())
    member = cascade.unit(equation.unit_names[equation.unit[equation.cluster == left.left_out[weakest]][0]])
    above = fit.n_clusters < fit.n_units and member.parent is not None
    left_out = cascade.unit(str(member.parent)).name if above else member.name
    failed = bool(shares[weakest] < 0.5) or len(left.indispensable) > 0
    return Challenge(name, failed, f"without {left_out} the estimate is {shares[weakest]:.0%} of its size")


def _jackknife(equation: Equation, fit: LinkFit) -> Challenge:
    """Below 60 periods the past of the effect biases the estimate; corrected, it must keep its sign."""
    name = "half-panel jackknife"
    n_periods = len(np.unique(equation.period))
    if not equation.is_panel or n_periods >= LONG_PANEL:
        return Challenge(
            name, False, f"left out: {n_periods} periods of {count_of(equation.n_units, 'unit')}"
        )
    try:
        corrected = float(jackknife_inference(equation.within).estimate[0])
    except NotEstimable as error:
        return Challenge(name, False, f"left out: {error}")
    said = (
        f"corrected for short histories the estimate is {number(corrected)} instead of {number(fit.estimate)}"
    )
    return Challenge(name, bool(corrected * fit.estimate < 0), said)


def second_opinion(fit: LinkFit, second_q_value: float) -> tuple[Challenge, ...]:
    """With few clusters CR2 must find the link too: alone, the others find a little too much there."""
    if np.isnan(fit.second_p_value):
        return ()
    failed = second_q_value >= SECOND_LEVEL
    also = "does not find it" if failed else "finds it too"
    said = f"with {count_of(fit.n_clusters, 'unit')} a second standard error (CR2) must find the link too, and {also}"
    return (Challenge(FEW_UNITS, failed, f"{said} (q = {second_q_value:.2g})", fit.second_p_value),)
