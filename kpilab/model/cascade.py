"""The nouns of a cascade, frozen: what is claimed, by whom, at which level.

Every noun is built from one entry of `cascade.yaml` (or one row of its tables) and knows nothing of the
others; `Cascade` holds them together and answers who stands where in the unit tree.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    field_validator,
    model_validator,
)

from kpilab.model.periods import parse_period
from kpilab.words import (
    KPI_KINDS,
    PERIODS_PER_YEAR,
    AcrossUnits,
    ActionKind,
    Better,
    Frequency,
    KpiKind,
    OverTime,
    Sign,
    TargetStatus,
    Timing,
    Transform,
)

_ID = re.compile(r"\w[\w.:-]*")


def _checked_id(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not text; write it in quotes")
    if not _ID.fullmatch(value):
        raise ValueError(f"{value!r} is no id; use letters, digits, '_', '-', '.' and ':' only")
    return value


def _as_tuple(value: object) -> object:
    return tuple(value) if isinstance(value, list | tuple) else (value,)


def _period_as_text(value: object) -> object:
    return None if value is None else str(value)


Id = Annotated[str, BeforeValidator(_checked_id)]
PeriodText = Annotated[str, BeforeValidator(_period_as_text)]
Share = Annotated[float, Field(ge=0, le=1)]


class Noun(BaseModel):
    """A frozen entry of the cascade; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Change(Noun):
    """A change as people write it: an absolute number, or a relative one with ``%``.

    Parameters
    ----------
    amount : float
        In units of the KPI, or a share of its value when `relative`.
    relative : bool
    """

    amount: float
    relative: bool = False

    @classmethod
    def parse(cls, value: object) -> "Change":
        """Read ``-0.03`` or ``"-10%"``.

        Examples
        --------
        >>> Change.parse("-10%")
        Change(amount=-0.1, relative=True)
        """
        text = str(value).strip()
        relative = text.endswith("%")
        try:
            amount = float(text.removesuffix("%"))
        except ValueError as error:
            raise ValueError(
                f"{value!r} is no change; write a number, or a percentage like '-10%'"
            ) from error
        return cls(amount=amount / 100 if relative else amount, relative=relative)

    def __str__(self) -> str:
        return f"{100 * self.amount:+g}%" if self.relative else f"{self.amount:+g}"


class MinEffect(Noun):
    """The smallest effect of a link that would matter.

    Parameters
    ----------
    size : float
        Greater than 0; in units of the effect per unit of the cause, or per standard deviation of the
        cause within units (in standard deviations of the effect) when `in_sd`.
    in_sd : bool
    """

    size: Annotated[float, Field(gt=0)]
    in_sd: bool = False

    @classmethod
    def parse(cls, value: object) -> "MinEffect":
        """Read ``0.1`` or ``"0.2 sd"``."""
        text = str(value).strip()
        in_sd = text.endswith("sd")
        try:
            return cls(size=float(text.removesuffix("sd")), in_sd=in_sd)
        except ValueError as error:
            raise ValueError(
                f"{value!r} is no effect size; write a number above 0, or one like '0.2 sd'"
            ) from error

    def __str__(self) -> str:
        return f"{self.size:g} sd" if self.in_sd else f"{self.size:g}"


class Ratio(Noun):
    """A quotient of two measures: the ratio of sums, over units and over time."""

    of: str
    per: str


class Mean(Noun):
    """A mean of a measure, weighted by another measure."""

    of: str
    weight: str | None = None


class Measure(Noun):
    """How a measure adds up over units and over time."""

    across: AcrossUnits = "sum"
    over_time: OverTime = "sum"


class Objective(Noun):
    """What the organisation, or one level of it, wants to reach."""

    id: Id
    name: str
    perspective: str | None = None
    why: str = ""
    level: str | None = None
    supports: Id | None = None
    priority: int | None = None
    weight: Share | None = None
    owner: Id | None = None


class Factor(Noun):
    """A critical success factor: what has to go right for its objective."""

    id: Id
    name: str
    objective: Id
    why: str = ""
    weight: Share | None = None


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

    Exactly one of `ratio`, `sum`, `mean`, `last`, `formula` says how it is computed from measures.
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
    formula: str | None = None
    better: Better | None = None
    near: float | None = None
    tolerance: Share = 0.05
    unit_of_measure: str = ""
    levels: Annotated[tuple[str, ...], BeforeValidator(_as_tuple)] = ()
    weight: Share | None = None
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
        return f"sum of {self.sum}" if self.sum else f"last {self.last}"


class Link(Noun):
    """An assumed causal arrow from one KPI to another."""

    cause: Id
    effect: Id
    sign: Sign = "?"
    lag: tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=0)]] = (0, 0)
    at: str | None = None
    because: str = ""
    min_effect: MinEffect | None = None
    excluded: Annotated[tuple[Id, ...], BeforeValidator(_as_tuple)] = Field(default=(), alias="except")
    lags: Annotated[int, Field(ge=1)] | None = None

    @field_validator("lag", mode="before")
    @classmethod
    def _one_lag_or_range(cls, value: Any) -> Any:
        pair = (value, value) if isinstance(value, int) else value
        if (
            isinstance(pair, list | tuple)
            and len(pair) == 2
            and all(isinstance(x, int) for x in pair)
            and pair[0] > pair[1]
        ):
            raise ValueError(f"lag {list(pair)} runs backwards; write [{pair[1]}, {pair[0]}]")
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
    """Something done, or something that happened, at some units from some period on."""

    id: Id
    name: str
    kind: ActionKind = "initiative"
    units: Annotated[tuple[Id, ...], BeforeValidator(_as_tuple)] = ()
    start: PeriodText
    end: PeriodText | None = None
    cost: Annotated[float, Field(ge=0)] | None = None
    owner: Id | None = None
    process: Id | None = None
    expects: dict[str, Change] = Field(default_factory=dict)
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
    """A target and the periods in which it is in force; no unit means every unit that has the KPI."""

    kpi: Id
    unit: Id | None = None
    start: PeriodText | None = Field(default=None, alias="from")
    end: PeriodText | None = Field(default=None, alias="to")
    target: float = Field(allow_inf_nan=False)
    status: TargetStatus = "official"
    process: Id | None = None
    source: str = ""

    @property
    def id(self) -> str:
        """Return ``kpi@unit from start``."""
        return f"{self.kpi}@{self.unit or 'every unit'} from {self.start or 'the beginning'}"


class Source(Noun):
    """Where a table comes from: a path (or several, or a pattern) or a database."""

    path: Annotated[tuple[str, ...], BeforeValidator(_as_tuple)] = ()
    url: str | None = None
    query: str | None = None

    @model_validator(mode="after")
    def _path_or_query(self) -> "Source":
        if bool(self.path) == bool(self.url) or bool(self.url) != bool(self.query):
            raise ValueError("give either path: …, or url: … and query: …")
        return self


@dataclass(frozen=True)
class Origin:
    """Where a cascade was read from; two cascades that say the same are equal wherever they stand."""

    folder: Path = Path(".")
    lines: dict[tuple[str, ...], str] = field(default_factory=dict)

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
    objectives, factors, processes, owners, units, kpis, links, actions, targets : tuple
    """

    name: str = Field(alias="cascade")
    frequency: Frequency
    levels: Annotated[tuple[str, ...], Field(min_length=1)]
    history: Source
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

    def kpi(self, kpi_id: str) -> Kpi:
        """Return the KPI with this id."""
        return self._by_id["kpis"][kpi_id]

    def unit(self, unit_id: str) -> Unit:
        """Return the unit with this id."""
        return self._by_id["units"][unit_id]

    def named(self, noun: str, entry_id: str | None) -> Any:
        """Return the entry of a list ("owners", "processes", …) with this id, None when there is none."""
        return self._by_id[noun].get(entry_id) if entry_id else None

    def period(self, value: object) -> pd.Period:
        """Read a period of this cascade's frequency."""
        return parse_period(value, self.frequency)

    def levels_of(self, kpi: Kpi) -> tuple[str, ...]:
        """Return the levels at which a KPI exists, top down."""
        return tuple(level for level in self.levels if not kpi.levels or level in kpi.levels)

    def units_at(self, level: str) -> tuple[Unit, ...]:
        """Return the units of a level."""
        return tuple(unit for unit in self.units if unit.level == level)

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

    def objective_of(self, kpi: Kpi) -> Objective | None:
        """Return the objective that a KPI serves through its factor."""
        factor = self.named("factors", kpi.factor)
        return self.named("objectives", factor.objective) if factor else None

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
