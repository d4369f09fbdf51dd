"""A cascade: it holds all nouns together and answers who stands where in the unit tree."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import Field, PrivateAttr

from kpilab.model.nouns import (
    Action,
    Factor,
    Kpi,
    Link,
    Objective,
    Owner,
    Process,
    Source,
    Target,
    Unit,
)
from kpilab.model.parts import (
    Measure,
    Noun,
    PeriodText,
)
from kpilab.model.periods import parse_period
from kpilab.model.tree import Generation, generations
from kpilab.problems import did_you_mean, one_problem
from kpilab.words import (
    PERIODS_PER_YEAR,
    Frequency,
)


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
    read_only : bool
        Whether nothing may be written into the folder.
    """

    folder: Path = Path(".")
    lines: dict[tuple[str, ...], str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    read_only: bool = False

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

    def __eq__(self, other: object) -> bool:
        """Compare what two cascades say, whatever either has worked out by now."""
        if not isinstance(other, Cascade):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in Cascade.model_fields)

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
    def read_only(self) -> bool:
        """Tell whether it was read with the promise that nothing is written into its folder."""
        return self._origin.read_only

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
