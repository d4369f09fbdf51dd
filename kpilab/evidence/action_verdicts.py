"""From an effect to a verdict and the sentence that says why, in the terms in which it was promised."""

from dataclasses import dataclass

import numpy as np
from scipy import special

from kpilab.evidence.action_data import Trial
from kpilab.evidence.action_designs import Effect
from kpilab.evidence.action_rivals import Rival
from kpilab.evidence.challenges import Challenge
from kpilab.evidence.regress.inference import detectable_effect
from kpilab.model.nouns import Action, Kpi
from kpilab.show import listed, number
from kpilab.words import ActionVerdict

ALPHA = 0.05
MOSTLY = 0.5


@dataclass(frozen=True)
class Size:
    """An effect in the terms of its promise: relative to what would have been, or in units of the KPI.

    Attributes
    ----------
    effect, std_error, conf_low, conf_high, detectable, expected : float
        NaN where unknown; `expected` is NaN where nothing was promised.
    low, high : float
        Ends of the 90 % interval, for equivalence.
    relative : bool
        As shares of what would have been without the action.
    """

    effect: float
    std_error: float
    conf_low: float
    conf_high: float
    low: float
    high: float
    detectable: float
    expected: float
    relative: bool


def size_of(effect: Effect, trial: Trial) -> Size:
    """Bring an effect from the scale of its estimate to the terms in which it was promised."""
    promised = trial.action.expects.get(trial.kpi.id)
    relative = promised.relative if promised else trial.scale != "absolute"
    level = _level_without(effect, trial)
    half = float(special.stdtrit(effect.df, 0.95)) * effect.std_error
    smallest = detectable_effect(effect.std_error, effect.df)
    at = effect.estimate

    def told(value: float) -> float:
        return _told(value, trial.scale, relative, level)

    slope = (told(at + 1e-6) - told(at - 1e-6)) / 2e-6
    low, high, low90, high90 = (told(v) for v in (effect.conf_low, effect.conf_high, at - half, at + half))
    return Size(
        told(at), abs(slope) * effect.std_error, low, high, low90, high90, abs(slope) * smallest,
        promised.amount if promised else float("nan"), relative,
    )  # fmt: skip


def decide(
    action: Action,
    kpi: Kpi,
    effect: Effect,
    size: Size,
    rivals: tuple[Rival, ...],
) -> tuple[ActionVerdict, str]:
    """Return the verdict and which rule decided it."""
    if action.kind == "measurement":
        return "ruler changed", "ruler"
    if any(rival.inseparable for rival in rivals):
        return "cannot be separated", "rival"
    if any(check.failed for check in effect.checks):
        return "inconclusive", "check"
    told_apart = effect.p_value < ALPHA
    if action.kind != "initiative":
        return ("moved", "moved") if told_apart else ("inconclusive", "unclear")
    direction = direction_of(kpi, size.expected)
    right = direction == 0 or size.effect * direction > 0
    promised = abs(size.expected)
    small = not np.isnan(promised) and max(direction * size.low, direction * size.high) < promised
    if told_apart and right and not (small and abs(size.effect) < MOSTLY * promised):
        return "worked", "less than promised" if small else "worked"
    if told_apart and not right:
        return "did not work", "wrong way"
    if small:
        return "did not work", "too small"
    return "inconclusive", "unclear"


def direction_of(kpi: Kpi, expected: float) -> int:
    """Return 1 or −1, the way in which an action is meant to move a KPI; 0 when nobody said."""
    if expected and not np.isnan(expected):
        return 1 if expected > 0 else -1
    return {"higher": 1, "lower": -1}.get(kpi.better or "", 0)


def reason(
    rule: str, action: Action, kpi: Kpi, effect: Effect, size: Size, rivals: tuple[Rival, ...], decidable: str
) -> str:
    """Say in one sentence why, with the number that decided."""
    moved = f"'{kpi.name}' moved by {amount(kpi, size.effect, size.relative)}"
    span = (
        f"95 % interval {amount(kpi, size.conf_low, size.relative).split(' ')[0]} to "
        f"{amount(kpi, size.conf_high, size.relative)}; p = {number(effect.p_value)}{_ranked(effect)}"
    )
    promise = f"promised {amount(kpi, size.expected, size.relative)}" if not np.isnan(size.expected) else ""
    beside = f", {promise}" if promise else ""
    failed = [check for check in effect.checks if check.failed]
    said = {
        "ruler": f"The ruler changed, not the performance: with it {moved} ({span}{beside})",
        "rival": f"{moved} ({span}), but {_rivals(rivals)}",
        "check": f"{moved} ({span}), but {_failures(failed)}",
        "moved": f"{moved} with it ({span})",
        "worked": f"{moved} ({span}{beside})",
        "less than promised": f"{moved} ({span}), less than the {promise}",
        "wrong way": f"It went the other way: {moved} ({span}{beside})",
        "too small": f"Smaller than promised: {moved}, {promise}, and the 90 % interval ends before that ({span})",
        "unclear": f"Not told apart from no effect: {moved} ({span}{beside}); this history would have shown an effect "
        f"of {amount(kpi, size.detectable, size.relative).lstrip('+')} or more{_smallest(effect)}{decidable}",
    }[rule]
    return f"{said}."


def amount(kpi: Kpi, value: float, relative: bool) -> str:
    """Write a change: in per cent, in percentage points, or in units of the KPI."""
    if np.isnan(value):
        return "an unknown amount"
    if relative:
        return f"{100 * value:+.3g} %"
    if kpi.unit_of_measure == "share":
        return f"{100 * value:+.3g} percentage points"
    return f"{value:+.3g} {kpi.unit_of_measure}".strip()


def _level_without(effect: Effect, trial: Trial) -> float:
    """Return the mean of the treated units, after the start, without the effect, in the KPI's own unit."""
    rows = np.arange(len(trial.periods))[:, None]
    after = (rows >= trial.start[None, :]) & np.isfinite(trial.values)
    level = float(trial.values[after].mean()) if after.any() else float("nan")
    if trial.scale == "log":
        return level / float(np.exp(effect.estimate))
    if trial.scale == "index":
        share = float(trial.y[after].mean())
        return level * (share - effect.estimate) / share if share else float("nan")
    return level - effect.estimate


def _told(value: float, scale: str, relative: bool, level: float) -> float:
    """Convert an effect from the scale of the estimate; `level` is what would have been."""
    if scale == "absolute":
        return value / level if relative and level else value if not relative else float("nan")
    share = float(np.expm1(value)) if scale == "log" else value
    return share if relative else share * level


def _ranked(effect: Effect) -> str:
    return f" by placebo ranks among {effect.n_controls} controls" if effect.smallest_p else ""


def _smallest(effect: Effect) -> str:
    if effect.smallest_p < ALPHA:
        return ""
    return f"; with {effect.n_controls} controls no p below {effect.smallest_p:.2g} is possible"


def _rivals(rivals: tuple[Rival, ...]) -> str:
    named = [f"'{r.action.name}', which {r.said}" for r in rivals if r.inseparable]
    return f"cannot be told from {listed(named)}"


def _failures(failed: list[Challenge]) -> str:
    return listed([f"the check '{check.name}' failed: {check.result}" for check in failed])
