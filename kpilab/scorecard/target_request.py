"""What a user asks of a split: the target as people write it, locks, fixed units and bounds, checked."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kpilab.model.nouns import Kpi
from kpilab.model.parts import Change
from kpilab.problems import Problem, did_you_mean, one_problem, stop_on
from kpilab.scorecard.standing import Standing
from kpilab.show import quantity

Bound = tuple[float | None, float | None]


@dataclass(frozen=True)
class Limits:
    """Locks, fixed units and bounds, by unit (or by KPI, for drivers)."""

    locked: Mapping[str, float]
    fixed: frozenset[str]
    bounds: Mapping[str, Bound]
    every: Bound

    def of_units(
        self, units: tuple[str, ...], members: np.ndarray, standing: Standing, kpi: Kpi
    ) -> tuple[np.ndarray, np.ndarray, dict[int, str]]:
        """Return low and high of every unit, shape (U,), and the user's own constraints in words.

        Raises
        ------
        InputError
            When a lock or bound names a unit that gets no target, or contradicts another one.
        """
        natural = natural_bounds(kpi, standing.values)
        names = [units[member] for member in members]
        stop_on(self.problems(names, natural, kpi))
        low = np.full(len(units), natural[0])
        high = np.full(len(units), natural[1])
        said: dict[int, str] = {}
        for member in members:
            actual = float(standing.actual[member])
            low[member], high[member], words = self.of_one(
                units[member], natural, actual, kpi.unit_of_measure
            )
            if words:
                said[int(member)] = words
        return low, high, said

    def of_one(
        self, name: str, natural: tuple[float, float], actual: float, unit_of_measure: str
    ) -> tuple[float, float, str]:
        """Return low, high and the constraint in words (nothing when there is none)."""
        if name in self.locked:
            value = float(self.locked[name])
            return value, value, f"{name} locked at {quantity(value, unit_of_measure)}"
        if name in self.fixed:
            return actual, actual, f"{name} fixed at {quantity(actual, unit_of_measure)}"
        bound = self.bounds.get(name, self.every)
        low = natural[0] if bound[0] is None else max(natural[0], float(bound[0]))
        high = natural[1] if bound[1] is None else min(natural[1], float(bound[1]))
        if name not in self.bounds:
            return low, high, ""
        ends = " to ".join(
            "open" if math.isinf(end) else quantity(end, unit_of_measure) for end in (low, high)
        )
        return low, high, f"{name} bounded by {ends}"

    def problems(self, names: Sequence[str], natural: tuple[float, float], kpi: Kpi) -> list[Problem]:
        """List unknown names and impossible values."""
        found = []
        for where, given in (("locked", self.locked), ("fixed", self.fixed), ("bounds", self.bounds)):
            found += [
                Problem(where, f"'{name}' gets no target of '{kpi.id}' here; {did_you_mean(name, names)}")
                for name in given
                if name not in names
            ]
        twice = sorted(set(self.locked) & self.fixed)
        found += [Problem("fixed", f"'{name}' is locked too; choose one") for name in twice]
        found += [
            Problem("locked", f"'{name}' is locked at {value!r}; {_allowed(natural)}")
            for name, value in self.locked.items()
            if not natural[0] <= value <= natural[1]
        ]
        for name, (low, high) in {**self.bounds, "every child": self.every}.items():
            if any(end is not None and math.isnan(end) for end in (low, high)):
                found.append(Problem("bounds", f"of '{name}' hold no number; use None for an open end"))
            elif low is not None and high is not None and low > high:
                found.append(Problem("bounds", f"of '{name}' run backwards: {low:g} is above {high:g}"))
            elif (low is not None and low > natural[1]) or (high is not None and high < natural[0]):
                found.append(Problem("bounds", f"of '{name}' leave nothing; {_allowed(natural)}"))
        return found


def read_limits(
    locked: Mapping[str, float] | None,
    fixed: Sequence[str],
    bounds: Mapping[str, Bound] | Bound | None,
) -> Limits:
    """Collect what a user set."""
    each = dict(bounds) if isinstance(bounds, Mapping) else {}
    every = bounds if isinstance(bounds, tuple) else (None, None)
    names = (fixed,) if isinstance(fixed, str) else fixed
    return Limits(dict(locked or {}), frozenset(names), each, every)


def natural_bounds(kpi: Kpi, values: np.ndarray) -> tuple[float, float]:
    """Return what a KPI can be: 0 to 1 for a share, 0 and more for what was never negative."""
    if kpi.unit_of_measure == "share":
        return 0.0, 1.0
    known = values[~np.isnan(values)]
    return (0.0 if (known >= 0).all() else -math.inf), math.inf


def higher_is_better(kpi: Kpi, actual: float, goal: float) -> bool:
    """Return which way is better; where the KPI does not say, the way to the target."""
    if kpi.better in ("higher", "lower"):
        return kpi.better == "higher"
    return bool(goal >= actual) if not math.isnan(actual) else True


def read_target(target: float | str, kpi: Kpi, actual: float) -> float:
    """Read a target: a number, ``"+5%"`` relative to the actual, ``"95%"`` of a share.

    Raises
    ------
    InputError
        When it is no number, or no value that the KPI can have.
    """
    value = _number(target, kpi, actual)
    if not math.isfinite(value):
        raise one_problem("target", f"{target!r} is no number that can be reached")
    if kpi.unit_of_measure == "share" and not 0 <= value <= 1:
        hint = f"; write {value / 100:g}" if 1 < value <= 100 else ""
        raise one_problem("target", f"'{kpi.id}' is a share between 0 and 1; {value:g} is outside{hint}")
    return value


def _number(target: float | str, kpi: Kpi, actual: float) -> float:
    text = str(target).strip()
    try:
        change = Change.parse(text)
    except ValueError as error:
        raise one_problem(
            "target", f"{target!r} is no target; write a number, '+5%' or, for a share, '95%'"
        ) from error
    if not change.relative:
        return change.amount
    if text[0] in "+-":
        if math.isnan(actual):
            raise one_problem("target", f"'{text}' is relative, and there is no actual of '{kpi.id}'")
        return actual + change.amount * abs(actual)
    if kpi.unit_of_measure == "share":
        return change.amount
    raise one_problem(
        "target", f"'{text}' of what? write '+{text}' for a relative change, or the number itself"
    )


def _allowed(natural: tuple[float, float]) -> str:
    low, high = ("" if math.isinf(end) else f"{end:g}" for end in natural)
    return (
        f"the KPI lies between {low} and {high}"
        if high
        else f"the KPI is {low} or more"
        if low
        else "give a number"
    )
