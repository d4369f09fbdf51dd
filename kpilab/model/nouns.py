"""The nouns of a cascade, frozen: what is claimed, by whom, at which level.

Every noun is built from one entry of `cascade.yaml` (or one row of its tables) and knows nothing of the others.
"""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, field_validator, model_validator

from kpilab.model.parts import (
    Change,
    Id,
    Mean,
    MinEffect,
    Noun,
    PeriodText,
    Ratio,
    Share,
    Weight,
    as_tuple,
)
from kpilab.words import (
    KPI_KINDS,
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
