"""From an outcome's target to its drivers' targets, through supported links only.

A link says how far the outcome moves per unit of its cause, everything else on the map held constant: the
direct effect. Drivers are the direct causes; what drives them in turn is a question of its own, asked with
the driver as the outcome.

A link that was fitted further down holds there for one unit. Where a sum drives a ratio, or a ratio a sum, what it
does to the units together depends on how many they are: an hour more for each of twelve persons is twelve hours.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd
from scipy import special, stats

from kpilab.model.cascade import Cascade
from kpilab.model.history import History
from kpilab.model.nouns import Kpi
from kpilab.model.periods import Span
from kpilab.problems import one_problem, stop_on
from kpilab.scorecard.allocation import Lines, OutOfReach, least_stretch, split
from kpilab.scorecard.composition import adds_up
from kpilab.scorecard.difficulty import (
    Record,
    best_tenth,
    filled_variation,
    probability_of_reaching,
    record_of,
)
from kpilab.scorecard.standing import Standing, standing_of
from kpilab.scorecard.target_plan import COLUMNS, RESIDUAL_COLUMNS, TargetPlan
from kpilab.scorecard.target_request import Limits, higher_is_better, natural_bounds, read_target
from kpilab.show import listed, quantity
from kpilab.words import Transform

SURE = 0.8
_FORWARD: Mapping[Transform | None, Callable[[Any], Any]] = {
    None: np.asarray,
    "log": np.log,
    "logit": special.logit,
}
_BACK: Mapping[Transform | None, Callable[[Any], Any]] = {
    None: np.asarray,
    "log": np.exp,
    "logit": special.expit,
}


class LinksWithVerdicts(Protocol):
    """Links with verdicts: what `kl.fit_links` returns."""

    def tidy(self) -> pd.DataFrame:
        """Return one row per link: cause, effect, level, estimate, std_error, verdict and more."""


@dataclass(frozen=True, eq=False)
class Driver:
    """A cause at one unit; numbers are on the scale on which its link was fitted.

    Attributes
    ----------
    effect, std_error : float
        Of one unit of the driver on the outcome, at the unit whose target it is.
    alike : str
        Which units below are taken to move alike; nothing when that does not matter.
    actual, low, high : float
    values : ndarray, shape (T, 1)
    record : Record
    words : str
        The user's own constraint; nothing when there is none.
    """

    kpi: Kpi
    effect: float
    std_error: float
    actual: float
    low: float
    high: float
    values: np.ndarray
    record: Record
    words: str
    alike: str


@dataclass(frozen=True, eq=False)
class Outcome:
    """What is to be reached at one unit; `need` and `variation` are on the scale of its links."""

    kpi: Kpi
    unit: str
    standing: Standing
    actual: float
    goal: float
    higher: bool

    @property
    def need(self) -> float:
        """Return the change that the drivers have to bring about."""
        return _scaled(self.kpi, self.goal) - _scaled(self.kpi, self.actual)

    def after(self, change: float) -> float:
        """Return the outcome after a change on the scale of its links."""
        return _unscaled(self.kpi, _scaled(self.kpi, self.actual) + change)


def plan_drivers(
    cascade: Cascade, history: History, kpi: Kpi, unit: str, span: Span, target: float | str,
    limits: Limits, links: LinksWithVerdicts | None,
) -> TargetPlan:  # fmt: skip
    """Return the drivers' targets from which the outcome's target is to be expected.

    Raises
    ------
    InputError
        When no link into the outcome is supported, or its drivers cannot move the outcome that far.
    """
    supported = _supported(kpi, links)
    outcome = _outcome(cascade, history, kpi, unit, span, target)
    drivers, left_out = _drivers(cascade, history, outcome, span, supported, limits)
    moved = _moved(outcome, drivers)
    change = moved - np.array([driver.actual for driver in drivers])
    reached = outcome.after(float(np.array([driver.effect for driver in drivers]) @ change))
    place = history.units.index(unit)
    chance = probability_of_reaching(
        outcome.standing.actual, np.full(len(history.units), outcome.goal), outcome.standing.record, outcome.higher
    )  # fmt: skip
    level = cascade.unit(unit).level
    sums = [kpi.id, unit, level, str(span), len(drivers), outcome.goal, reached, outcome.goal - reached]
    spread = _spread(outcome, drivers, change, place)
    table = _table(outcome, level, span, drivers, moved)
    return TargetPlan(
        cascade=cascade,
        kpi=kpi,
        unit=unit,
        span=span,
        base=outcome.standing.base,
        method="evidence",
        target=outcome.goal,
        actual=outcome.actual,
        difficulty=float(chance[place]),
        stretch=float(np.sqrt(np.mean(table["stretch"] ** 2))),
        table=table,
        sums=pd.DataFrame([sums], columns=RESIDUAL_COLUMNS),
        left_out=left_out,
        remarks=_remarks(outcome, spread, drivers),
        rule="effects",
        probability=_probability(outcome, reached, spread),
    )


def _supported(kpi: Kpi, links: LinksWithVerdicts | None) -> pd.DataFrame:
    if links is None:
        raise one_problem(
            "links", "method 'evidence' rests on tested links; pass links=kl.fit_links(cascade, history)"
        )
    table = links.tidy()
    into = table[table["effect"] == kpi.id]
    supported = into[into["verdict"] == "supported"].drop_duplicates("cause")
    if supported.empty:
        tried = [f"{row.cause} is {row.verdict}" for row in into.itertuples()]
        found = f"of those drawn, {listed(tried, most=8)}" if tried else "none is drawn"
        raise one_problem(
            "links",
            f"no link into '{kpi.id}' is supported: {found}; choose another method, or another outcome",
        )
    return supported


def _outcome(
    cascade: Cascade, history: History, kpi: Kpi, unit: str, span: Span, target: float | str
) -> Outcome:
    standing = standing_of(cascade, history, kpi, unit, span)
    actual = float(standing.actual[history.units.index(unit)])
    goal = read_target(target, kpi, actual)
    outcome = Outcome(kpi, unit, standing, actual, goal, higher_is_better(kpi, actual, goal))
    if not np.isfinite(outcome.need):
        raise one_problem(
            "target",
            f"'{kpi.id}' is measured on a {kpi.transform} scale, where {goal:g} or {actual:g} has no place",
        )
    return outcome


def _drivers(
    cascade: Cascade, history: History, outcome: Outcome, span: Span, supported: pd.DataFrame, limits: Limits
) -> tuple[list[Driver], tuple[tuple[str, str], ...]]:
    drivers, left_out, unit = [], [], outcome.unit
    causes = [str(cause) for cause in supported["cause"]]
    place = history.units.index(unit)
    for row in supported.itertuples():
        kpi = cascade.kpi(str(row.cause))
        if cascade.unit(unit).level not in cascade.levels_of(kpi):
            left_out.append((kpi.id, f"does not exist at level {cascade.unit(unit).level}"))
            continue
        standing = standing_of(cascade, history, kpi, unit, span)
        stop_on(limits.problems(causes, (-np.inf, np.inf), kpi))
        if np.isnan(standing.actual[place]):
            left_out.append((kpi.id, f"no value in {standing.base}"))
            continue
        per_unit, alike = _per_unit(cascade, outcome, kpi, standing, str(row.level))
        drivers.append(_driver(kpi, standing, place, row, limits, per_unit, alike))
    if not drivers:
        named = listed([f"{name} ({why})" for name, why in left_out])
        raise one_problem("unit", f"no driver can be given a target at '{unit}': {named}")
    return drivers, tuple(left_out)


def _per_unit(
    cascade: Cascade, outcome: Outcome, driver: Kpi, standing: Standing, level: str
) -> tuple[float, str]:
    """Return by what an effect at a lower level is multiplied at the unit, and which units then move alike."""
    below = cascade.with_descendants([outcome.unit])
    known = ~np.isnan(outcome.standing.actual) & ~np.isnan(standing.actual)
    n_units = sum(
        each.level == level and each.id in below and bool(there)
        for each, there in zip(cascade.units, known, strict=True)
    )
    power = _adds_up(cascade, outcome.kpi) - _adds_up(cascade, driver)
    if n_units < 2 or power == 0 or cascade.unit(outcome.unit).level == level:
        return 1.0, ""
    return float(n_units) ** power, f"the {n_units} units of level '{level}' in '{driver.name}'"


def _adds_up(cascade: Cascade, kpi: Kpi) -> int:
    """Return 1 for a KPI whose units add up on the scale of its links, else 0: a logarithm knows no size."""
    return int(kpi.transform is None and adds_up(cascade, kpi))


def _driver(
    kpi: Kpi, standing: Standing, place: int, link: Any, limits: Limits, per_unit: float, alike: str
) -> Driver:
    actual = float(standing.actual[place])
    low, high, words = limits.of_one(
        kpi.id, natural_bounds(kpi, standing.values[:, place]), actual, kpi.unit_of_measure
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        values = _FORWARD[kpi.transform](standing.values[:, [place]])
    values = np.where(np.isfinite(values), values, np.nan)
    return Driver(
        kpi, per_unit * float(link.estimate), per_unit * float(link.std_error),
        _scaled(kpi, actual), _scaled(kpi, low), _scaled(kpi, high),
        values, record_of(values, standing.record.lag), words, alike,
    )  # fmt: skip


def _moved(outcome: Outcome, drivers: list[Driver]) -> np.ndarray:
    """Return the drivers' targets on the scale of their links: least total stretch, each driver counting once."""
    actual = np.array([driver.actual for driver in drivers])
    effect = np.array([driver.effect for driver in drivers])
    low, high = np.array([d.low for d in drivers]), np.array([d.high for d in drivers])
    best = [best_tenth(d.values, higher_is_better=d.effect * outcome.need > 0)[0] for d in drivers]
    still = Lines(actual, np.zeros(len(drivers)), effect, low, high)
    goal = float(effect @ actual) + outcome.need
    lines = least_stretch(still, goal, _variation(drivers), np.ones(len(drivers)), np.array(best))
    try:
        return split(lines, goal)
    except OutOfReach as out:
        limit = (out.high if outcome.need > 0 else out.low) - float(effect @ actual)
        allowed, asked = (
            quantity(value, outcome.kpi.unit_of_measure) for value in (outcome.after(limit), outcome.goal)
        )
        most = "at most" if outcome.goal > outcome.actual else "at least"
        named = [driver.words or f"the bounds of {driver.kpi.id}" for driver in drivers]
        raise one_problem(
            "target",
            f"'{outcome.kpi.id}' of {outcome.unit} cannot get to {asked} through supported links: {most} {allowed} "
            f"is possible with {listed(named)}; loosen one of them, or ask for {most} that",
        ) from out


def _variation(drivers: list[Driver]) -> np.ndarray:
    own = np.concatenate([driver.record.variation for driver in drivers])
    filled = filled_variation(own, np.array([driver.actual for driver in drivers]))
    if np.isnan(filled).any():
        raise one_problem(
            "history", "no driver has six changes in history that can be measured; deliver a longer history"
        )
    return filled


def _spread(outcome: Outcome, drivers: list[Driver], change: np.ndarray, place: int) -> float:
    """Return the standard deviation of the outcome around what is expected of it.

    The uncertainty of each effect, and how far the outcome moves anyway. NaN where its history is too short.
    """
    errors = np.array([driver.std_error for driver in drivers])
    with np.errstate(divide="ignore", invalid="ignore"):
        values = _FORWARD[outcome.kpi.transform](outcome.standing.values[:, [place]])
    record = record_of(np.where(np.isfinite(values), values, np.nan), outcome.standing.record.lag)
    return float(np.hypot(np.linalg.norm(change * errors), record.variation[0]))


def _probability(outcome: Outcome, reached: float, spread: float) -> float:
    """Return the probability that the outcome is as good as its target when every driver reaches its own."""
    over = _scaled(outcome.kpi, reached) - _scaled(outcome.kpi, outcome.goal)
    return float(stats.norm.cdf((over if outcome.higher else -over) / spread)) if spread > 0 else float("nan")


def _table(
    outcome: Outcome, level: str, span: Span, drivers: list[Driver], moved: np.ndarray
) -> pd.DataFrame:
    variation = _variation(drivers)
    rows = [
        _row(outcome, level, span, driver, float(target), float(own))
        for driver, target, own in zip(drivers, moved, variation, strict=True)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def _row(
    outcome: Outcome, level: str, span: Span, driver: Driver, moved: float, variation: float
) -> list[object]:
    kpi, rises = driver.kpi, driver.effect * outcome.need > 0
    best = float(best_tenth(driver.values, rises)[0])
    toward = 1 if rises else -1
    target, actual = _unscaled(kpi, moved), _unscaled(kpi, driver.actual)
    chance = probability_of_reaching(np.array([driver.actual]), np.array([moved]), driver.record, rises)
    n_changes = int(driver.record.n_changes[0])
    note = "" if not np.isnan(chance[0]) else f"{n_changes} changes in history: too few for a probability"
    return [
        kpi.id, outcome.unit, level, str(span), outcome.kpi.id, actual, target, target - actual, driver.effect,
        _unscaled(kpi, driver.low), _unscaled(kpi, driver.high), driver.low == driver.high, _unscaled(kpi, best),
        toward * (moved - best) > 1e-12, toward * (moved - driver.actual) / variation, float(chance[0]), note,
    ]  # fmt: skip


def _remarks(outcome: Outcome, spread: float, drivers: list[Driver]) -> tuple[str, ...]:
    said = "Drivers act directly; what drives them in turn is planned with the driver as the outcome."
    if alike := [driver.alike for driver in drivers if driver.alike]:
        said += f" Taken to move alike: {listed(alike)}."
    if np.isnan(spread):
        return (f"{said} History is too short to say how surely the outcome follows.",)
    z = float(stats.norm.ppf((1 + SURE) / 2))
    ends = [outcome.after(outcome.need + side * z * spread) for side in (-1, 1)]
    low, high = (quantity(end, outcome.kpi.unit_of_measure) for end in sorted(ends))
    return (
        f"If every driver reaches its target, {quantity(outcome.goal, outcome.kpi.unit_of_measure)} is what is to be "
        f"expected, no more: a probability of one half, and in 8 cases of 10 between {low} and {high} (uncertain "
        "effects, and how far the outcome moves anyway).",
        said,
    )


def _scaled(kpi: Kpi, value: float) -> float:
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(_FORWARD[kpi.transform](np.float64(value)))


def _unscaled(kpi: Kpi, value: float) -> float:
    return float(_BACK[kpi.transform](np.float64(value)))
