"""From estimate, q-value and checks to a verdict and the sentence that says why."""

import numpy as np

from kpilab.evidence.challenges import Challenge
from kpilab.evidence.fitting import LinkFit
from kpilab.model.nouns import Kpi, Link
from kpilab.show import listed, number
from kpilab.words import Verdict

ALPHA = 0.05


def decide(
    link: Link, fit: LinkFit, q_value: float, bound: float, failed: tuple[Challenge, ...]
) -> tuple[Verdict, str]:
    """Return the verdict and which rule decided: "too small", "wrong sign", "right sign", "check", "unclear".

    Without a smallest effect that matters `bound` is NaN, and no effect is too small.
    """
    if -bound < fit.narrow_low and fit.narrow_high < bound:  # both one-sided tests reject at 5 %
        return "contradicted", "too small"
    if q_value < ALPHA:
        if failed:
            return "inconclusive", "check"
        wrong = (link.sign == "+" and fit.estimate < 0) or (link.sign == "-" and fit.estimate > 0)
        return ("contradicted", "wrong sign") if wrong else ("supported", "right sign")
    return "inconclusive", "unclear"


def reason(
    rule: str,
    cause: Kpi,
    effect: Kpi,
    fit: LinkFit,
    q_value: float,
    bound: float,
    detectable: float,
    failed: tuple[Challenge, ...],
    same_period: str,
) -> str:
    """Say in one sentence why, with the number that decided."""
    size = _size(cause)
    moves = f"{_step(cause)} in '{cause.name}' goes with {_amount(effect, fit.estimate * size)} in '{effect.name}'"
    interval = _interval(effect, fit.conf_low * size, fit.conf_high * size)
    shown = f"this history would have shown an effect of {_bare(effect, detectable * size)} or more"
    said = {
        "too small": f"Too small to matter: {moves}, and the 90 % interval lies within ±{_bare(effect, bound * size)}",
        "wrong sign": f"The other way round: {moves} ({interval}; {q_text(q_value)})",
        "right sign": f"{moves} ({interval}; {q_text(q_value)})",
        "check": f"{moves} ({q_text(q_value)}), but {listed([_failure(c) for c in failed])}; {shown}",
        "unclear": f"Not told apart from no effect: {moves} ({interval}; {q_text(q_value)}); {shown}",
    }[rule]
    return f"{said[0].upper()}{said[1:]}{same_period}."


def q_text(q_value: float) -> str:
    """Write a q-value; a simulated one of zero is only known to be small.

    Examples
    --------
    >>> q_text(0.217), q_text(0.0)
    ('q = 0.217', 'q < 0.001')
    """
    return "q < 0.001" if q_value < 0.001 else f"q = {number(q_value)}"


def _interval(effect: Kpi, low: float, high: float) -> str:
    """Write the interval; with few clusters the bootstrap may leave it open on one side or both."""
    if np.isinf(low) and np.isinf(high):
        return "so few clusters that no interval can be given"
    if np.isinf(high):
        return f"95 % interval from {_amount(effect, low)} up, without a bound"
    if np.isinf(low):
        return f"95 % interval up to {_amount(effect, high)}, without a lower bound"
    return f"95 % interval {_plain(effect, low)} to {_amount(effect, high)}"


def _failure(challenge: Challenge) -> str:
    return f"the check '{challenge.name}' failed: {challenge.result}"


def _step(kpi: Kpi) -> str:
    if kpi.transform == "log":
        return "+10 %"
    if kpi.transform == "logit":
        return "+1 logit"
    return "+1 percentage point" if kpi.unit_of_measure == "share" else f"+1 {kpi.unit_of_measure or 'unit'}"


def _size(kpi: Kpi) -> float:
    """Return the step of the cause that the sentence speaks of, on the scale of the equation."""
    if kpi.transform == "log":
        return float(np.log(1.1))
    return 0.01 if kpi.unit_of_measure == "share" and kpi.transform is None else 1.0


def _amount(kpi: Kpi, value: float) -> str:
    if kpi.transform == "log":
        return f"{100 * np.expm1(value):+.2g} %"
    if kpi.transform == "logit":
        return f"{value:+.3g} logits"
    if kpi.unit_of_measure == "share" and kpi.transform is None:
        return f"{100 * value:+.2g} percentage points"
    return f"{value:+.3g} {kpi.unit_of_measure or 'units'}"


def _plain(kpi: Kpi, value: float) -> str:
    return _amount(kpi, value).split(" ")[0]


def _bare(kpi: Kpi, value: float) -> str:
    return _amount(kpi, value).lstrip("+")
