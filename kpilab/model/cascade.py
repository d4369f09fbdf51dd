"""The nouns of a cascade, frozen: what is claimed, by whom, at which level.

Every noun is built from one entry of `cascade.yaml` (or one row of its tables) and knows nothing of the
others; `Cascade` holds them together and answers who stands where in the unit tree.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import BeforeValidator, Field, PrivateAttr, field_validator, model_validator

from kpilab.model.parts import (
    Change,
    Id,
    Mean,
    Measure,
    MinEffect,
    Noun,
    PeriodText,
    Ratio,
    Share,
    Weight,
    as_tuple,
)
from kpilab.model.periods import parse_period
from kpilab.model.tree import Generation, generations
from kpilab.problems import did_you_mean, one_problem
from kpilab.words import (
    KPI_KINDS,
    PERIODS_PER_YEAR,
    ActionKind,
    Better,
    Frequency,
    KpiKind,
    Sign,
    TargetStatus,
    Timing,
    Transform,
)


class Objective(Noun):
    """What the organisation, or one level of it, wants to reach."""

    id: Id
    name: str
    perspective: str | None = None
    why: str = ""
    level: str | None = None
    supports: Id | None = None
    priority: int | None = None
    weight: Weight | None = None
    owner: Id | None = None


class Factor(Noun):
    """A critical success factor: what has to go right for its objective."""

    id: Id
    name: str
    objective: Id
    why: str = ""
    weight: Weight | None = None


class Procedure(Noun):
    """A written way of working within a process."""

    id: Id
    name: str
    document: str | None = None
    owner: Id | None = None


class Process(Noun):
    """A process that carries KPIs and actions."""

    id: Id
    name: str
    owner: Id | None = None
    procedures: tuple[Procedure, ...] = ()


class Owner(Noun):
    """A role or person who answers for KPIs, processes and actions."""

    id: Id
    name: str
    unit: Id | None = None


class Unit(Noun):
    """A unit of the organisation; the tree of units is made of their parents."""

    id: Id = Field(alias="unit")
    name: str
    level: str
    parent: Id | None = None
    owner: Id | None = None


class Kpi(Noun):
    """A key performance indicator: how it is computed, which way is better, who owns it where.

    Exactly one of `ratio`, `sum`, `mean`, `last`, `min`, `max`, `formula` says how it is computed from
    measures.
    """

    id: Id
    name: str
    factor: Id | None = None
    process: Id | None = None
    owner: Id | None = None
    parent: Id | None = None
    ratio: Ratio | None = None
    sum: str | None = None
    mean: Mean | None = None
    last: str | None = None
    min: str | None = None
    max: str | None = None
    formula: str | None = None
    better: Better | None = None
    near: float | None = None
    tolerance: Share = 0.05
    unit_of_measure: str = ""
    levels: Annotated[tuple[str, ...], BeforeValidator(as_tuple)] = ()
    weight: Weight | None = None
    transform: Transform | None = None
    every: Frequency | None = None
    timing: Timing | None = None
    coverage: Share = 1.0
    why: str = ""

    @model_validator(mode="before")
    @classmethod
    def _mean_with_weight(cls, data: Any) -> Any:
        if isinstance(data, dict) and isinstance(data.get("mean"), str):
            data = dict(data)
            weight = data.pop("weight") if isinstance(data.get("weight"), str) else None
            data["mean"] = {"of": data["mean"], "weight": weight}
        return data

    @model_validator(mode="after")
    def _one_definition(self) -> "Kpi":
        given = [kind for kind in KPI_KINDS if getattr(self, kind) is not None]
        if len(given) != 1:
            found = " and ".join(given) or "none of them"
            raise ValueError(f"a KPI is defined by exactly one of {', '.join(KPI_KINDS)}; found {found}")
        return self

    @property
    def kind(self) -> KpiKind:
        """Return how the KPI is computed."""
        return next(kind for kind in KPI_KINDS if getattr(self, kind) is not None)

    @property
    def definition(self) -> str:
        """Return the definition in words."""
        if self.ratio:
            return f"{self.ratio.of} per {self.ratio.per}"
        if self.mean:
            weighted = f" weighted by {self.mean.weight}" if self.mean.weight else ""
            return f"mean of {self.mean.of}{weighted}"
        if self.formula:
            return f"= {self.formula}"
        words = {"sum": "sum of", "last": "last", "min": "smallest", "max": "largest"}
        return f"{words[self.kind]} {getattr(self, self.kind)}"


class Link(Noun):
    """An assumed causal arrow from one KPI to another."""

    cause: Id
    effect: Id
    sign: Sign = "?"
    lag: tuple[int, int] = (0, 0)
    at: str | None = None
    because: str = ""
    min_effect: MinEffect | None = None
    excluded: Annotated[tuple[Id, ...], BeforeValidator(as_tuple)] = Field(default=(), alias="except")
    lags: Annotated[int, Field(ge=1)] | None = None

    @field_validator("lag", mode="before")
    @classmethod
    def _one_lag_or_range(cls, value: Any) -> Any:
        pair = list(value) if isinstance(value, list | tuple) else [value, value]
        if len(pair) != 2 or any(type(lag) is not int or lag < 0 for lag in pair):
            written = list(value) if isinstance(value, list | tuple) else repr(value)
            raise ValueError(f"{written} is no lag; write a whole number of periods, or a range like [0, 2]")
        if pair[0] > pair[1]:
            raise ValueError(f"{pair} runs backwards; write {pair[::-1]}")
        return pair

    @field_validator("min_effect", mode="before")
    @classmethod
    def _effect_size(cls, value: Any) -> Any:
        return MinEffect.parse(value) if isinstance(value, int | float | str) else value

    @property
    def id(self) -> str:
        """Return ``cause->effect``."""
        return f"{self.cause}->{self.effect}"


class Action(Noun):
    """Something done, or something that happened, at some units from some period on.

    `starts` gives single units a start of their own (a staggered roll-out; `start` holds for the rest),
    `ramp` the number of periods until the full effect, `unaffected` KPIs that it cannot have moved: when they
    move all the same, something else happened. `requires` and `excludes` name actions without which, or with
    which, it cannot be done; `status` says whether what it costs and promises is official or the author's own.
    """

    id: Id
    name: str
    kind: ActionKind = "initiative"
    units: Annotated[tuple[Id, ...], BeforeValidator(as_tuple)] = ()
    start: PeriodText
    starts: dict[Id, PeriodText] = Field(default_factory=dict)
    end: PeriodText | None = None
    ramp: Annotated[int, Field(ge=1)] | None = None
    cost: Annotated[float, Field(ge=0)] | None = None
    owner: Id | None = None
    process: Id | None = None
    expects: dict[str, Change] = Field(default_factory=dict)
    unaffected: Annotated[tuple[Id, ...], BeforeValidator(as_tuple)] = ()
    requires: Annotated[tuple[Id, ...], BeforeValidator(as_tuple)] = ()
    excludes: Annotated[tuple[Id, ...], BeforeValidator(as_tuple)] = ()
    status: TargetStatus = "official"
    source: str = ""

    @field_validator("expects", mode="before")
    @classmethod
    def _changes(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {
            kpi: change if isinstance(change, Change) else Change.parse(change)
            for kpi, change in value.items()
        }


class Target(Noun):
    """A target and the periods in which it is in force; no unit means every unit that has the KPI.

    `baseline` is where the way to the target began: progress is measured from it. `red_flag` is the value
    from which on the KPI is called missed; without it the KPI's `tolerance` says how far it may be off.
    """

    kpi: Id
    unit: Id | None = None
    start: PeriodText | None = Field(default=None, alias="from")
    end: PeriodText | None = Field(default=None, alias="to")
    target: float = Field(allow_inf_nan=False)
    baseline: float | None = Field(default=None, allow_inf_nan=False)
    red_flag: float | None = Field(default=None, allow_inf_nan=False)
    status: TargetStatus = "official"
    process: Id | None = None
    source: str = ""

    @property
    def id(self) -> str:
        """Return ``kpi@unit from start``."""
        return f"{self.kpi}@{self.unit or 'every unit'} from {self.start or 'the beginning'}"


class Source(Noun):
    """Where a table comes from: a path (or several, or a pattern) or a database."""

    path: Annotated[tuple[str, ...], BeforeValidator(as_tuple)] = ()
    url: str | None = None
    query: str | None = None

    @model_validator(mode="after")
    def _path_or_query(self) -> "Source":
        if bool(self.path) == bool(self.url) or bool(self.url) != bool(self.query):
            raise ValueError("give either path: …, or url: … and query: …")
        return self


@dataclass(frozen=True)
class Origin:
    """Where a cascade was read from; two cascades that say the same are equal wherever they stand.

    Parameters
    ----------
    folder : Path
    lines : dict
        ``file:line`` of every key and entry.
    texts : dict
        The files that say what the cascade says, as they were read, by their path within the folder.
    """

    folder: Path = Path(".")
    lines: dict[tuple[str, ...], str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Origin)

    def __hash__(self) -> int:
        return 0


class Cascade(Noun):
    """A whole cascade: objectives, factors, KPIs, processes, owners, units, links, actions, targets.

    Attributes
    ----------
    name : str
    frequency : {"day", "week", "month", "quarter", "year"}
    levels : tuple of str
        Top down.
    year_start : int
        The month, 1–12, in which the (financial) year begins: for sums of the year to date.
    objectives, factors, processes, owners, units, kpis, links, actions, targets : tuple
    """

    name: str = Field(alias="cascade")
    frequency: Frequency
    levels: Annotated[tuple[str, ...], Field(min_length=1)]
    history: Source
    year_start: Annotated[int, Field(ge=1, le=12)] = 1
    perspectives: tuple[str, ...] = ()
    objectives: tuple[Objective, ...] = ()
    factors: tuple[Factor, ...] = ()
    processes: tuple[Process, ...] = ()
    owners: tuple[Owner, ...] = ()
    units: tuple[Unit, ...]
    measures: dict[str, Measure] = Field(default_factory=dict)
    kpis: tuple[Kpi, ...] = ()
    links: tuple[Link, ...] = ()
    actions: tuple[Action, ...] = ()
    targets: tuple[Target, ...] = ()
    breaks: tuple[PeriodText, ...] = ()
    attribution: str = ""

    _origin: Origin = PrivateAttr(default_factory=Origin)

    @property
    def folder(self) -> Path:
        """Return the folder the cascade was read from."""
        return self._origin.folder

    @property
    def lines(self) -> dict[tuple[str, ...], str]:
        """Return ``file:line`` of every key and entry, as it was read."""
        return self._origin.lines

    @property
    def texts(self) -> dict[str, str]:
        """Return the files of the folder that say what this cascade says, as they were read, by name."""
        return self._origin.texts

    @property
    def periods_per_year(self) -> int:
        """Return how many periods make a year."""
        return PERIODS_PER_YEAR[self.frequency]

    def where(self, *path: str) -> str:
        """Return ``file:line`` of an entry, e.g. ``where("kpis", "churn", "owner")``, or of what holds it."""
        for depth in range(len(path), 0, -1):
            if path[:depth] in self._origin.lines:
                return self._origin.lines[path[:depth]]
        return "cascade.yaml"

    def has_line(self, noun: str, entry_id: str) -> bool:
        """Tell whether an entry of this id was written, even if it could not be read."""
        return (noun, entry_id) in self._origin.lines

    def replace(self, **changes: Any) -> "Cascade":
        """Return another cascade with some of the nouns replaced."""
        other = Cascade.model_validate(
            {**{name: getattr(self, name) for name in Cascade.model_fields}, **changes}
        )
        other._origin = self._origin
        return other

    def with_origin(self, origin: Origin) -> "Cascade":
        """Return the same cascade, said to come from elsewhere."""
        other = self.model_copy()
        other._origin = origin
        return other

    def kpi(self, kpi_id: str) -> Kpi:
        """Return the KPI with this id; an unknown one is an `InputError` that suggests the nearest."""
        return self._known("kpi", "kpis", kpi_id)

    def unit(self, unit_id: str) -> Unit:
        """Return the unit with this id; an unknown one is an `InputError` that suggests the nearest."""
        return self._known("unit", "units", unit_id)

    def owner(self, owner_id: str) -> Owner:
        """Return the owner with this id; an unknown one is an `InputError` that suggests the nearest."""
        return self._known("owner", "owners", owner_id)

    def person(self, person_id: str) -> "Owner | Unit":
        """Return an owner, or a person who is a unit of the lowest level: a player, somebody in sales.

        An unknown one is an `InputError` that suggests the nearest.
        """
        unit = self.named("units", person_id)
        if self.named("owners", person_id) is None and unit is not None and unit.level == self.levels[-1]:
            return unit
        return self.owner(person_id)

    def known_level(self, level: str) -> str:
        """Return a level of the cascade; an unknown one is an `InputError` that suggests the nearest."""
        if level not in self.levels:
            raise one_problem("level", f"unknown level '{level}'; {did_you_mean(level, self.levels)}")
        return level

    def _known(self, kind: str, noun: str, entry_id: str) -> Any:
        entries = self._by_id[noun]
        if entry_id not in entries:
            raise one_problem(kind, f"unknown {kind} '{entry_id}'; {did_you_mean(entry_id, entries)}")
        return entries[entry_id]

    def named(self, noun: str, entry_id: str | None) -> Any:
        """Return the entry of a list ("owners", "processes", …) with this id, None when there is none."""
        return self._by_id[noun].get(entry_id) if entry_id else None

    def period(self, value: object) -> pd.Period:
        """Read a period of this cascade's frequency."""
        return parse_period(value, self.frequency)

    def weight_of(self, entry: Objective | Factor | Kpi, period: pd.Period | None) -> float | None:
        """Return the weight of an entry in a period; None where it has none, or none yet."""
        if not isinstance(entry.weight, tuple):
            return entry.weight
        begun = [dated for dated in entry.weight if period and self.period(dated.start) <= period]
        return max(begun, key=lambda dated: self.period(dated.start)).weight if begun else None

    def levels_of(self, kpi: Kpi) -> tuple[str, ...]:
        """Return the levels at which a KPI exists, top down."""
        return tuple(level for level in self.levels if not kpi.levels or level in kpi.levels)

    def units_at(self, level: str) -> tuple[Unit, ...]:
        """Return the units of a level."""
        return self._by_level.get(level, ())

    def units_of(self, kpi: Kpi) -> tuple[Unit, ...]:
        """Return the units that have a KPI."""
        levels = self.levels_of(kpi)
        return tuple(unit for unit in self.units if unit.level in levels)

    def children(self, unit_id: str) -> tuple[Unit, ...]:
        """Return the units directly below a unit."""
        return self._children.get(unit_id, ())

    def roots(self) -> tuple[Unit, ...]:
        """Return the units that have no parent."""
        return tuple(unit for unit in self.units if unit.parent is None)

    def with_descendants(self, unit_ids: Iterable[str]) -> frozenset[str]:
        """Return units and everything below them."""
        found: set[str] = set()
        waiting = list(unit_ids)
        while waiting:
            unit_id = waiting.pop()
            if unit_id not in found:
                found.add(unit_id)
                waiting.extend(child.id for child in self.children(unit_id))
        return frozenset(found)

    def with_ancestors(self, unit_ids: Iterable[str]) -> frozenset[str]:
        """Return units and everything above them."""
        found: set[str] = set()
        for unit_id in unit_ids:
            current: str | None = unit_id
            while current is not None and current not in found:
                found.add(current)
                current = self.unit(current).parent
        return frozenset(found)

    @cached_property
    def level_ranks(self) -> np.ndarray:
        """Return the rank of each unit's level, 0 at the top; as many as there are levels for an unknown one."""
        rank = {level: position for position, level in enumerate(self.levels)}
        return np.array([rank.get(unit.level, len(rank)) for unit in self.units], dtype=np.int64)

    @cached_property
    def unit_places(self) -> dict[str, int]:
        """Return the position of each unit in `units`, by its id."""
        return {unit.id: position for position, unit in enumerate(self.units)}

    @cached_property
    def generations(self) -> tuple[Generation, ...]:
        """Return the parents of each level with their children, by their positions, the deepest first."""
        parent = [self.unit_places.get(unit.parent or "", -1) for unit in self.units]
        return generations(parent, self.level_ranks.tolist())

    def home_of(self, person: str) -> str:
        """Return a person's own unit: the one they are placed in, that is them, or that they lead; ``""`` for none."""
        owner = self.named("owners", person)
        if owner is not None and owner.unit is not None:
            return str(owner.unit)
        return person if self.named("units", person) is not None else self._led.get(person, "")

    def objective_of(self, kpi: Kpi) -> Objective | None:
        """Return the objective that a KPI serves through its factor."""
        factor = self.named("factors", kpi.factor)
        return self.named("objectives", factor.objective) if factor else None

    @cached_property
    def _by_level(self) -> dict[str, tuple[Unit, ...]]:
        found: dict[str, list[Unit]] = {}
        for unit in self.units:
            found.setdefault(unit.level, []).append(unit)
        return {level: tuple(units) for level, units in found.items()}

    @cached_property
    def _led(self) -> dict[str, str]:
        return {unit.owner: unit.id for unit in reversed(self.units) if unit.owner is not None}

    @cached_property
    def _by_id(self) -> dict[str, dict[str, Any]]:
        nouns = ("objectives", "factors", "processes", "owners", "units", "kpis", "actions")
        return {noun: {entry.id: entry for entry in getattr(self, noun)} for noun in nouns}

    @cached_property
    def _children(self) -> dict[str, tuple[Unit, ...]]:
        children: dict[str, list[Unit]] = {}
        for unit in self.units:
            if unit.parent is not None:
                children.setdefault(unit.parent, []).append(unit)
        return {parent: tuple(below) for parent, below in children.items()}
