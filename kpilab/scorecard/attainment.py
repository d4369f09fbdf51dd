"""How good is an actual? Attainment, progress, the score on a scale, status: arrays in, arrays out.

Four different questions, kept apart. *Attainment*: which part of the target was reached. *Progress*: which
part of the way from the baseline to the target was made. *Score*: where the actual stands on a scale of
0–10 on which the red flag is 3⅓ and the goal 6⅔, so that KPIs in different units can be averaged.
*Status*: met, near or missed, which follows from the same two marks.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from kpilab.model.nouns import Kpi
from kpilab.words import Better, Status, Trend

FLAT = 0.01
HIGHEST_SCORE = 10.0
_SLACK = 1e-12


def attainment(kpi: Kpi, actual: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return performance against target, 1 = on target; NaN where a quotient has no meaning.

    Examples
    --------
    >>> kpi = Kpi(id="wait", name="Waiting time", sum="days", better="lower")
    >>> attainment(kpi, np.array([50.0]), np.array([40.0]))
    array([0.8])
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        if kpi.better == "lower":
            return np.where((actual > 0) & (target > 0), target / actual, np.nan)
        if kpi.better == "near":
            return np.where(target != 0, 1 - np.abs(actual - target) / np.abs(target), np.nan)
        return np.where(target > 0, actual / target, np.nan)


def progress(actual: np.ndarray, baseline: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return the part of the way from baseline to target that was made; negative when it led away.

    Examples
    --------
    >>> progress(np.array([50.0]), np.array([0.0]), np.array([200.0]))
    array([0.25])
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(target != baseline, (actual - baseline) / (target - baseline), np.nan)


def red_flags(kpi: Kpi, target: np.ndarray, declared: np.ndarray) -> np.ndarray:
    """Return the value from which on a KPI is missed: the declared one, else the target less the tolerance.

    Near a value it stands twice the tolerance away from it.
    """
    allowed = kpi.tolerance * np.abs(target)
    derived = {"lower": target + allowed, "near": target + 2 * allowed}.get(
        kpi.better or "higher", target - allowed
    )
    return np.where(np.isnan(declared), derived, declared)


def scale_score(actual: npt.ArrayLike, goal: npt.ArrayLike, red_flag: npt.ArrayLike) -> np.ndarray:
    """Return the place on a scale of 0–10 on which the red flag stands at 3⅓ and the goal at 6⅔.

    The line through both goes on to 0 and 10 and is cut off there. It works in either direction: a goal
    below the red flag means that lower is better. NaN where the two coincide.

    Examples
    --------
    >>> scale_score([300, 500, 700, 900], goal=700, red_flag=500).round(2)
    array([ 0.  ,  3.33,  6.67, 10.  ])
    """
    actual, goal, red_flag = (np.asarray(values, dtype=float) for values in (actual, goal, red_flag))
    with np.errstate(divide="ignore", invalid="ignore"):
        line = HIGHEST_SCORE / 3 * (1 + (actual - red_flag) / (goal - red_flag))
    return np.clip(np.where(goal == red_flag, np.nan, line), 0, HIGHEST_SCORE)


def score(kpi: Kpi, actual: np.ndarray, target: np.ndarray, red_flag: np.ndarray) -> np.ndarray:
    """Return the score of a KPI, 0–10, higher better whatever its direction; NaN without a target.

    Where goal and red flag coincide (a target of zero without a red flag) it is 10 beyond the goal, 6⅔ on
    it, 0 short of it. Near a value the distance counts: 10 on the value, 6⅔ at the tolerance.
    """
    goal = target
    if kpi.better == "near":
        actual, (goal, red_flag) = np.abs(actual - target), _distances(kpi, target, red_flag)
    better = actual < goal if kpi.better in ("lower", "near") else actual > goal
    step = np.select([actual == goal, better], [2 * HIGHEST_SCORE / 3, HIGHEST_SCORE], default=0.0)
    coincide = ~np.isnan(actual) & (goal == red_flag)
    return np.where(coincide, step, scale_score(actual, goal, red_flag))


def status(
    kpi: Kpi, actual: np.ndarray, target: np.ndarray, red_flag: np.ndarray, coverage: np.ndarray
) -> list[Status]:
    """Return the status of each actual: compared with the target and the red flag directly.

    Parameters
    ----------
    actual, target, red_flag, coverage : ndarray, shape (U,)
        Coverage is the share of reporting units that delivered; below the KPI's own `coverage` the actual
        is *incomplete*, not wrong.
    """
    if kpi.better == "near":
        goal_at, red_at = _distances(kpi, target, red_flag)
        distance = np.abs(actual - target)
        met, near = distance <= goal_at, distance <= red_at
    else:
        sign = -1.0 if kpi.better == "lower" else 1.0
        met = sign * (actual - target) >= -_SLACK * np.abs(target)
        near = sign * (actual - red_flag) >= -_SLACK * np.abs(target)
    words: list[tuple[np.ndarray, Status]] = [
        (np.isnan(actual), "no data"),
        (coverage < kpi.coverage, "incomplete"),
        (np.isnan(target), "no target"),
        (met, "met"),
        (near, "near"),
    ]
    return _first_true([test for test, _ in words], [*(word for _, word in words), "missed"])


def trend(kpi: Kpi, actual: np.ndarray, previous: np.ndarray) -> list[Trend]:
    """Compare with an earlier value; a change of less than one per cent of it is flat."""
    change = actual - previous
    rising: tuple[Trend, Trend] = ("up", "down")
    goes_up = change > 0
    if kpi.better == "near" and kpi.near is not None:
        rising, goes_up = ("better", "worse"), np.abs(actual - kpi.near) < np.abs(previous - kpi.near)
    elif kpi.better is not None:
        rising = ("better", "worse") if kpi.better == "higher" else ("worse", "better")
    flat = np.abs(change) <= FLAT * np.abs(previous)
    return _first_true([np.isnan(change), flat, goes_up], ["", "flat", *rising])


def target_change(better: Better | None, target: np.ndarray, before: np.ndarray) -> list[str]:
    """Say of each target whether it was eased, tightened or moved against an earlier one; else nothing."""
    eased = target > before if better == "lower" else target < before
    words = ("moved", "moved") if better == "near" else ("eased", "tightened")
    same = np.isnan(target) | np.isnan(before) | (target == before)
    return _first_true([same, eased], ["", *words])


def _first_true(tests: list[np.ndarray], words: list[Any]) -> list[Any]:
    """Return for each position the word of the first test that holds, the last word where none does."""
    codes = np.select(tests, list(range(len(tests))), default=len(tests))
    return np.array(words, dtype=object)[codes].tolist()


def _distances(kpi: Kpi, target: np.ndarray, red_flag: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return, for a KPI that is best near a value, how far away goal and red flag stand."""
    red_at = np.abs(red_flag - target)
    return np.minimum(kpi.tolerance * np.abs(target), red_at), red_at
