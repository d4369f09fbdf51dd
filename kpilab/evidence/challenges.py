"""Attempts to break a link's estimate. Each, at 1 %, can only lead to *inconclusive*, never to a verdict."""

from dataclasses import dataclass

import numpy as np

from kpilab.evidence.equations import LinkData, lagged, regime_of
from kpilab.evidence.fitting import Equation, LinkFit, estimate
from kpilab.evidence.map_checks import shared_measures
from kpilab.evidence.regress.jackknife import jackknife_inference
from kpilab.evidence.regress.leave_out import leave_one_cluster_out
from kpilab.evidence.regress.linear import NotEstimable
from kpilab.evidence.unroll import has_return_path
from kpilab.model.cascade import Cascade, Link
from kpilab.show import count_of, listed, number

LEVEL = 0.01
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
        _one_unit(equation, fit),
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
    """Test whether the effect differs between regimes; with more than two, Bonferroni over them."""
    name = "break"
    numbers, names = regime_of(cascade, data.periods)
    later = [r for r in range(1, len(names)) if 0 < (numbers[equation.period] == r).mean() < 1]
    if not later:
        return Challenge(name, False, "left out: one regime only")
    p_values = []
    for regime in later:
        own = equation.x * (numbers[equation.period] == regime)
        try:
            p_values.append(estimate(equation.testing(own, "difference"), decide=False).p_value)
        except NotEstimable:
            continue
    if not p_values:
        return Challenge(name, False, "left out: too few rows in a regime")
    p_value = min(1.0, min(p_values) * len(p_values))
    failed = p_value < LEVEL
    said = "the effect differs between regimes" if failed else "the effect does not differ between regimes"
    return Challenge(name, failed, f"{said} (p = {p_value:.2g})", p_value)


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


def _one_unit(equation: Equation, fit: LinkFit) -> Challenge:
    """Leave out each cluster in turn: the estimate must keep its sign and half its size."""
    name = "one unit carries it"
    if not equation.is_panel:
        return Challenge(name, False, "left out: one unit only")
    left = leave_one_cluster_out(equation.within)
    shares = left.estimate[:, 0] / fit.estimate
    weakest = int(shares.argmin())
    unit = equation.unit_names[equation.unit[equation.cluster == left.left_out[weakest]][0]]
    failed = bool(shares[weakest] < 0.5) or len(left.indispensable) > 0
    return Challenge(name, failed, f"without {unit} the estimate is {shares[weakest]:.0%} of its size")


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
