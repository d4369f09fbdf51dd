"""What is changed: of which KPI, by how much, where, from when, in which shape.

In a notebook and on the command line alike a change is a number or a short text:

    -0.03                               3 points (or units) less, from the next period on, everywhere
    "-10%"                              10 per cent less
    "-0.03 at S08000015"                at one unit and everything below it, or at the units of a level
    "-0.03 ramp 6"                      reached step by step over six periods
    "-0.03 impulse from 2023-09"        in that period only
    "-0.03 from 2023-09 to 2024-02"     a step that is taken back
    "-0.03 added"                       on top of what its causes do; otherwise it is held there
"""

import math
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
from pydantic import BeforeValidator, Field, ValidationError

from kpilab.model.cascade import Cascade
from kpilab.model.formula import formula_names
from kpilab.model.nouns import Action
from kpilab.model.parts import Change, Id, Noun, PeriodText, as_tuple
from kpilab.model.periods import period_text
from kpilab.problems import Problem, did_you_mean, one_problem, stop_on

Shape = Literal["step", "impulse", "ramp"]
Changes = Mapping[str, Any] | Iterable["Intervention | tuple[str, Any]"]

_GRAMMAR = (
    "write a number or a percentage, then: step | impulse | ramp N, added, from PERIOD, to PERIOD, "
    "at UNIT or LEVEL"
)


class Intervention(Noun):
    """One change of one KPI.

    Parameters
    ----------
    kpi : str
    change : Change, number or text
        Absolute in the KPI's unit of measure, or relative with ``%``.
    shape : {"step", "impulse", "ramp"}
        For good; in one period only; or reached in equal steps.
    over : int
        Periods of a ramp.
    start, end : str, optional
        First and last period; default: the first one ahead of history, and for good. After its end the KPI
        follows its own equation again.
    at : tuple of str
        Units or levels; a unit stands for everything below it. Default: every unit that has the KPI.
    added : bool
        Add the change to what the KPI's causes do, as an action does, instead of holding the KPI there.
    began : str, optional
        When an action really began, where that lies in the past and it is run as if it began anew.

    Examples
    --------
    >>> change = Intervention.parse("beds", "-3% ramp 6 from 2023-09 at north")
    >>> change.change, change.shape, change.over, change.start, change.at
    (Change(amount=-0.03, relative=True), 'ramp', 6, '2023-09', ('north',))
    """

    kpi: Id
    change: Change
    shape: Shape = "step"
    over: Annotated[int, Field(ge=1)] = 1
    start: PeriodText | None = None
    end: PeriodText | None = None
    at: Annotated[tuple[str, ...], BeforeValidator(as_tuple)] = ()
    added: bool = False
    began: PeriodText | None = None

    @classmethod
    def parse(cls, kpi: str, value: object) -> "Intervention":
        """Read one change as people write it: a number, a text, or a mapping with the names of the parameters.

        Raises
        ------
        ValueError
            With what could not be read and how to write it.
        """
        if isinstance(value, Intervention):
            return value
        if isinstance(value, Mapping):
            given = {**value, "kpi": kpi}
            if not isinstance(given.get("change"), Change):
                given["change"] = Change.parse(given.get("change"))
            return cls.model_validate(given)
        if isinstance(value, Change):
            return cls(kpi=kpi, change=value)
        words = str(value).split()
        if not words:
            raise ValueError(f"'{value}' is no change; {_GRAMMAR}")
        return cls(kpi=kpi, change=Change.parse(words[0]), **_read_words(words[1:]))

    def __str__(self) -> str:
        said = f"{self.kpi} {self.change}"
        said += (
            "" if self.shape == "step" else f" {self.shape}{f' {self.over}' if self.shape == 'ramp' else ''}"
        )
        said += f" from {self.start}" if self.start else ""
        said += f" to {self.end}" if self.end else ""
        said += " added" if self.added else ""
        return said + (f" at {', '.join(self.at)}" if self.at else "")

    def anew(self, cascade: Cascade, first: pd.Period) -> "Intervention":
        """Return the same change as if it began with `first`, where it began before: `began` says when it did."""
        if self.start is None or cascade.period(self.start) >= first:
            return self
        return self.model_copy(update={"start": period_text(first), "began": self.began or self.start})

    def profile(self, cascade: Cascade, periods: pd.PeriodIndex) -> tuple[np.ndarray, np.ndarray]:
        """Return which part of the change is there in each period, and where the KPI is held, shape (H,)."""
        ordinals = periods.asi8
        first = cascade.period(self.start).ordinal if self.start else ordinals[0]
        last = cascade.period(self.end).ordinal if self.end else ordinals[-1]
        last = first if self.shape == "impulse" else last
        held = (ordinals >= first) & (ordinals <= last)
        part = np.ones(len(periods))
        if self.shape == "ramp":
            part = np.clip((ordinals - first + 1) / self.over, 0.0, 1.0)
        return np.where(held, part, 0.0), held

    def units(self, cascade: Cascade) -> frozenset[str]:
        """Return the units that have the KPI and are touched."""
        having = {unit.id for unit in cascade.units_of(cascade.kpi(self.kpi))}
        if not self.at:
            return frozenset(having)
        named = [unit for place in self.at for unit in _units_of_place(cascade, place)]
        return cascade.with_descendants(named) & having


def read_changes(
    cascade: Cascade, changes: Changes | None, action: str | None = None
) -> tuple[Intervention, ...]:
    """Read all changes and check them against the cascade.

    Raises
    ------
    InputError
        With every problem at once: unknown KPIs, units, periods or actions, and computed KPIs with the parts to
        change instead.
    """
    found, problems = [], []
    for kpi, value in _pairs(changes):
        try:
            found.append(Intervention.parse(kpi, value))
        except ValidationError as error:
            problems += _unreadable(f"change of '{kpi}'", error)
        except ValueError as error:
            problems.append(Problem(f"change of '{kpi}'", str(error)))
    found += [] if action is None else of_action(cascade, action)
    problems += [problem for intervention in found for problem in _problems(cascade, intervention)]
    stop_on(problems)
    if not found:
        raise one_problem("changes", "nothing is changed; name a KPI and a change, like {'beds': '-3%'}")
    return tuple(found)


def _pairs(changes: Changes | None) -> list[tuple[str, Any]]:
    """Return KPI and change of each.

    Raises
    ------
    InputError
        When it is neither a mapping nor changes one by one.
    """
    if isinstance(changes, Mapping):
        return list(changes.items())
    given = [changes] if isinstance(changes, str | Intervention) else list(changes or ())
    found = [(one.kpi, one) if isinstance(one, Intervention) else one for one in given]
    stop_on(
        Problem("changes", f"'{one}' is no change; write a KPI and its change, like {{'beds': '-3%'}}")
        for one in found
        if not isinstance(one, tuple | list) or len(one) != 2
    )
    return [(str(kpi), value) for kpi, value in found]


def read_settings(settings: Iterable[str]) -> list[tuple[str, str]]:
    """Split changes as they stand on the command line, ``KPI=CHANGE``; `read_changes` reads them.

    Examples
    --------
    >>> read_settings(["beds=-3% ramp 6"])
    [('beds', '-3% ramp 6')]
    """
    split = [setting.partition("=") for setting in settings]
    stop_on(
        Problem(f"--set {kpi}", "is no setting; write KPI=CHANGE, like beds=-3%")
        for kpi, equals, _ in split
        if not equals
    )
    return [(kpi.strip(), change) for kpi, _, change in split]


def read_amounts(settings: Iterable[str]) -> dict[str, float]:
    """Read amounts as they stand on the command line, ``ACTION=AMOUNT``.

    Examples
    --------
    >>> read_amounts(["beds=250000"])
    {'beds': 250000.0}
    """
    found: dict[str, float] = {}
    problems = []
    for setting in settings:
        name, _, amount = setting.partition("=")
        try:
            found[name.strip()] = float(amount)
        except ValueError:
            problems.append(
                Problem(f"--cost {setting}", "is no amount; write ACTION=AMOUNT, like beds=250000")
            )
    stop_on(problems)
    return found


def of_action(cascade: Cascade, action_id: str) -> list[Intervention]:
    """Return the changes that an action promises, on top of everything else, at its units, from its start on.

    Raises
    ------
    InputError
        When there is no such action, or it promises nothing.
    """
    action: Action | None = cascade.named("actions", action_id)
    if action is None:
        known = [other.id for other in cascade.actions]
        raise one_problem("action", f"unknown action '{action_id}'; {did_you_mean(action_id, known)}")
    if not action.expects:
        where = cascade.where("actions", action_id)
        raise one_problem(
            where, f"action '{action_id}' promises nothing; write under expects which KPI it moves"
        )
    shape: dict[str, Any] = {"shape": "ramp", "over": action.ramp} if action.ramp else {}
    rest = tuple(unit for unit in action.units if unit not in action.starts)
    groups: list[tuple[tuple[str, ...], str]] = [((unit,), start) for unit, start in action.starts.items()]
    groups += [(rest, action.start)] if rest or not action.starts else []
    return [
        Intervention(kpi=kpi, change=change, start=start, end=action.end, at=at, added=True, **shape)
        for kpi, change in action.expects.items()
        for at, start in groups
    ]


def changeable_parts(cascade: Cascade, kpi_id: str) -> tuple[str, ...]:
    """Return the KPIs through which a computed KPI can be changed."""
    found: list[str] = []
    for name in formula_names(cascade.kpi(kpi_id).formula or ""):
        inner = cascade.named("kpis", name) if name != kpi_id else None
        if inner is not None:
            found += changeable_parts(cascade, name) if inner.formula else [name]
        else:
            found += [
                k.id for k in cascade.kpis if name in (k.sum, k.last) or (k.ratio and k.ratio.of == name)
            ]
    return tuple(dict.fromkeys(found))


def _unreadable(where: str, error: ValidationError) -> list[Problem]:
    return [Problem(where, f"{'.'.join(map(str, e['loc']))}: {e['msg']}; {_GRAMMAR}") for e in error.errors()]


def _read_words(words: list[str]) -> dict[str, Any]:
    """Read what follows the size of a change."""
    found: dict[str, Any] = {}
    left = iter(words)
    for word in left:
        if word in ("step", "impulse"):
            found["shape"] = word
            continue
        if word == "added":
            found["added"] = True
            continue
        following = next(left, None)
        if following is None or word not in ("ramp", "from", "to", "at"):
            raise ValueError(f"'{word}' is not understood; {_GRAMMAR}")
        if word == "ramp":
            found |= {"shape": "ramp", "over": following}
        elif word == "at":
            found["at"] = (*found.get("at", ()), *following.split(","))
        else:
            found["start" if word == "from" else "end"] = following
    return found


def _units_of_place(cascade: Cascade, place: str) -> list[str]:
    return [unit.id for unit in cascade.units_at(place)] if place in cascade.levels else [place]


def _problems(cascade: Cascade, intervention: Intervention) -> list[Problem]:
    where = f"change of '{intervention.kpi}'"
    kpi = cascade.named("kpis", intervention.kpi)
    if kpi is None:
        known = [other.id for other in cascade.kpis]
        return [Problem(where, f"unknown KPI '{intervention.kpi}'; {did_you_mean(intervention.kpi, known)}")]
    found = []
    if not math.isfinite(intervention.change.amount):
        found.append(Problem(where, f"'{intervention.change}' is no number; {_GRAMMAR}"))
    if kpi.formula:
        parts = changeable_parts(cascade, kpi.id)
        instead = ", ".join(parts) if parts else "none of its parts is a KPI: declare one"
        found.append(Problem(where, f"is computed ({kpi.definition}); change its parts instead: {instead}"))
    places = [*cascade.levels, *(unit.id for unit in cascade.units)]
    for place in intervention.at:
        if place not in places:
            found.append(Problem(where, f"unknown unit or level '{place}'; {did_you_mean(place, places)}"))
    for text in (intervention.start, intervention.end):
        try:
            _ = cascade.period(text) if text else None
        except ValueError as error:
            found.append(Problem(where, str(error)))
    if not found and not intervention.units(cascade):
        has = ", ".join(cascade.levels_of(kpi))
        found.append(Problem(where, f"no unit at {', '.join(intervention.at)} has it; it exists at: {has}"))
    return found
