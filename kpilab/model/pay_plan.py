"""The nouns of `pay.yaml`, frozen: plans, their measures, payout curves, gates, modifiers, and who takes part.

The file is confidential and kept apart; nothing but pay needs it.
"""

from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PrivateAttr, field_validator, model_validator

from kpilab.model.parts import Id, Noun, PeriodText
from kpilab.problems import did_you_mean, one_problem

CurveShape = Literal["linear", "kinked", "stepped"]
CurveBase = Literal["attainment", "progress", "score", "value"]
Rounding = Literal["half_even", "half_up", "down"]
PayStatus = Literal["official", "illustrative"]
WEIGHT_SLACK = Decimal("0.000001")


def _exact(value: object) -> object:
    """Read a number as it is written: 0.1 is one tenth, not the nearest binary fraction."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise ValueError(f"{value!r} is no number")
    try:
        number = Decimal(str(value).strip())
    except ArithmeticError as error:
        raise ValueError(f"{value!r} is no number") from error
    if not number.is_finite():
        raise ValueError(f"{value!r} is no finite number")
    return number


Number = Annotated[Decimal, BeforeValidator(_exact)]
Money = Annotated[Decimal, BeforeValidator(_exact), Field(ge=0)]
Weight = Annotated[Decimal, BeforeValidator(_exact), Field(ge=0, le=1)]
Mark = tuple[Number, Annotated[Decimal, BeforeValidator(_exact), Field(ge=0)]]


class Curve(Noun):
    """How performance becomes payout: marks ``[performance, payout]``, payout as a share of target pay.

    Below `threshold` nothing is paid; beyond `maximum` the payout stays. *linear* and *kinked* run straight
    between the marks, of which *kinked* has `more`; *stepped* pays the last mark that was reached.

    Parameters
    ----------
    base : {"attainment", "progress", "score", "value"}
        What performance means: attainment (1 = on target), progress from the baseline, the score of 0–10, or
        the KPI's value itself, whose marks may fall where lower is better.
    """

    id: Id = "curve"
    shape: CurveShape = "linear"
    base: CurveBase = "attainment"
    threshold: Mark
    target: Mark
    maximum: Mark
    more: tuple[Mark, ...] = ()

    @model_validator(mode="after")
    def _runs_one_way(self) -> "Curve":
        if self.more and self.shape == "linear":
            raise ValueError("a linear curve has three marks; write shape: kinked for more")
        places = [place for place, _ in self.marks]
        repeated = next((place for place in places if places.count(place) > 1), None)
        if repeated is not None:
            raise ValueError(f"two marks at performance {repeated}; give each its own")
        named = [self.threshold[0], self.target[0], self.maximum[0]]
        if named not in (sorted(named), sorted(named, reverse=True)):
            raise ValueError("threshold, target and maximum must follow one another")
        if self.falls and self.base != "value":
            raise ValueError(f"marks of {self.base} must rise; only marks of the value itself may fall")
        payouts = [payout for _, payout in self.marks]
        if payouts != sorted(payouts):
            raise ValueError("the payout falls while performance rises; a curve never pays less for more")
        return self

    @property
    def falls(self) -> bool:
        """Tell whether lower values are better."""
        return self.maximum[0] < self.threshold[0]

    @property
    def marks(self) -> tuple[tuple[Decimal, Decimal], ...]:
        """Return all marks, from the worst performance to the best."""
        every = (self.threshold, self.target, self.maximum, *self.more)
        return tuple(sorted(every, key=lambda mark: mark[0], reverse=self.maximum[0] < self.threshold[0]))


class Gate(Noun):
    """What must hold before a plan pays in full: a KPI's value, or that another plan paid the same person.

    Where it does not hold, the payout is multiplied by `pays`.
    """

    kpi: Id | None = None
    plan: Id | None = None
    level: str | None = None
    at_least: float | None = Field(default=None, allow_inf_nan=False)
    at_most: float | None = Field(default=None, allow_inf_nan=False)
    pays: Weight = Decimal(0)

    @model_validator(mode="after")
    def _one_condition(self) -> "Gate":
        if (self.kpi is None) == (self.plan is None):
            raise ValueError("a gate rests on a kpi or on a plan: name one of them")
        if self.kpi is not None and (self.at_least is None) == (self.at_most is None):
            raise ValueError("a gate on a kpi says at_least or at_most: one of them")
        return self


class Modifier(Noun):
    """A factor on the whole payout that follows from one more KPI."""

    kpi: Id
    level: str | None = None
    curve: Curve | str


class PayMeasure(Noun):
    """A KPI that a plan pays for.

    Parameters
    ----------
    level : str, optional
        At whose unit: the person's own or the one above it at this level. Default: the person's own unit,
        or the nearest above it that has the KPI.
    unit : str, optional
        One unit for everybody, instead.
    weight : Decimal
        0–1; of the plan, or of its level where the plan has level weights.
    """

    kpi: Id
    level: str | None = None
    unit: Id | None = None
    weight: Weight
    curve: Curve | str | None = None


class Plan(Noun):
    """What is paid for what.

    Parameters
    ----------
    levels : dict of level to weight, optional
        How much rests on each level (organisation 30 %, department 50 %, individual 20 %).
    cap : Decimal, optional
        The highest payout, as a multiple of target pay.
    """

    id: Id
    name: str = ""
    levels: dict[str, Weight] = Field(default_factory=dict)
    measures: Annotated[tuple[PayMeasure, ...], Field(min_length=1)]
    curve: Curve | str | None = None
    cap: Annotated[Decimal, BeforeValidator(_exact), Field(gt=0)] | None = None
    gates: tuple[Gate, ...] = ()
    modifiers: tuple[Modifier, ...] = ()

    @model_validator(mode="after")
    def _weights_sum(self) -> "Plan":
        if not self.levels:
            _check_sum(sum((m.weight for m in self.measures), Decimal(0)), "its measures")
            return self
        _check_sum(sum(self.levels.values(), Decimal(0)), "its levels")
        lost = {measure.level for measure in self.measures} - set(self.levels)
        if lost:
            named = ", ".join("none" if level is None else level for level in sorted(lost, key=str))
            raise ValueError(
                f"measures at levels without a weight: {named}; name one of {', '.join(self.levels)}"
            )
        for level in self.levels:
            own = [measure.weight for measure in self.measures if measure.level == level]
            _check_sum(sum(own, Decimal(0)), f"its measures at level '{level}'")
        return self

    def weight_of(self, measure: PayMeasure) -> Decimal:
        """Return a measure's weight in the whole plan, 0–1."""
        return measure.weight * self.levels[str(measure.level)] if self.levels else measure.weight


class Participant(Noun):
    """Who takes part in a plan, from when to when, with which target pay.

    `target_pay` is for a whole pay period at full time; `fte` is the part of full time, above 0 up to 1.
    """

    person: Id
    plan: Id
    target_pay: Money
    currency: str | None = None
    start: PeriodText | None = Field(default=None, alias="from")
    end: PeriodText | None = Field(default=None, alias="to")
    fte: Annotated[Decimal, BeforeValidator(_exact), Field(gt=0, le=1)] = Decimal(1)

    @property
    def id(self) -> str:
        """Return ``person in plan from start``."""
        return f"{self.person} in {self.plan} from {self.start or 'the beginning'}"


class PayPlan(Noun):
    """All of `pay.yaml`.

    Attributes
    ----------
    status : {"official", "illustrative"}
    round_to : Decimal
        The smallest coin; money is rounded to it once, at the end of a statement.
    places : int
        To how many decimals performance is rounded before it enters a curve, so that a statement can be
        computed by hand.
    """

    name: str = Field(alias="pay")
    status: PayStatus = "official"
    currency: str
    round_to: Annotated[Decimal, BeforeValidator(_exact), Field(gt=0)] = Decimal("0.01")
    rounding: Rounding = "half_even"
    places: Annotated[int, Field(ge=0, le=12)] = 4
    curves: tuple[Curve, ...] = ()
    plans: tuple[Plan, ...] = ()
    people: tuple[Participant, ...] = ()

    _file: Path = PrivateAttr(default_factory=lambda: Path("pay.yaml"))
    _lines: dict[tuple[str, ...], str] = PrivateAttr(default_factory=dict)

    def where(self, *path: str) -> str:
        """Return ``file:line`` of an entry, e.g. ``where("plans", "#0")``, or of what holds it."""
        for depth in range(len(path), 0, -1):
            if path[:depth] in self._lines:
                return self._lines[path[:depth]]
        return "pay.yaml"

    def replace(self, **changes: Any) -> "PayPlan":
        """Return another pay plan with some of its parts replaced; everything is validated again."""
        other = PayPlan.model_validate({**{n: getattr(self, n) for n in PayPlan.model_fields}, **changes})
        other._file, other._lines = self._file, self._lines
        return other

    def plan(self, plan_id: str) -> Plan:
        """Return the plan with this id; an unknown one is an `InputError` that suggests the nearest."""
        found = next((plan for plan in self.plans if plan.id == plan_id), None)
        if found is None:
            raise one_problem(
                "plan", f"unknown plan '{plan_id}'; {did_you_mean(plan_id, [p.id for p in self.plans])}"
            )
        return found

    def curve_of(self, plan: Plan, own: Curve | str | None) -> Curve:
        """Return the curve of a measure or modifier: its own, else that of its plan."""
        chosen = own if own is not None else plan.curve
        return chosen if isinstance(chosen, Curve) else next(c for c in self.curves if c.id == chosen)

    def reshaped(self, plan: str, *, measure: int | None = None, **marks: Any) -> "PayPlan":
        """Return another pay plan in which one curve of a plan has other marks.

        Parameters
        ----------
        plan : str
        measure : int, optional
            The curve is that of the plan's measure at this position; default: the plan's own. What else in this
            plan is paid by the same curve follows; other plans keep theirs.
        **marks
            ``threshold, target, maximum``: (performance, payout).

        Raises
        ------
        ValueError
            When the curve would fall, or two marks would fall together.
        """
        chosen = self.plan(plan)
        before = self.curve_of(chosen, None if measure is None else chosen.measures[measure].curve)
        after = Curve.model_validate(before.model_dump() | marks)

        def changed(own: Curve | str | None) -> Curve | str | None:
            return after if own is not None and self.curve_of(chosen, own) == before else own

        measures = tuple(m.model_copy(update={"curve": changed(m.curve)}) for m in chosen.measures)
        return self._with(chosen.model_copy(update={"curve": changed(chosen.curve), "measures": measures}))

    def reweighted(self, plan: str, weights: Iterable[float | Decimal]) -> "PayPlan":
        """Return another pay plan in which a plan's measures have other weights, made to sum to 1.

        Parameters
        ----------
        plan : str
        weights : iterable of float
            One per measure, each of the whole plan: weights of levels are dissolved into them.

        Raises
        ------
        ValueError
            When there is not one weight per measure, or they sum to 0.
        """
        chosen, given = self.plan(plan), [Decimal(repr(float(weight))) for weight in weights]
        total = sum(given, Decimal(0))
        if len(given) != len(chosen.measures) or total <= 0:
            raise ValueError(f"give {len(chosen.measures)} weights, one of them above 0")
        shares = [round(weight / total, 6) for weight in given]
        shares[-1] = Decimal(1) - sum(shares[:-1], Decimal(0))
        measures = tuple(
            measure.model_copy(update={"weight": share})
            for measure, share in zip(chosen.measures, shares, strict=True)
        )
        return self._with(chosen.model_copy(update={"measures": measures, "levels": {}}))

    def _with(self, plan: Plan) -> "PayPlan":
        return self.replace(plans=tuple(plan if each.id == plan.id else each for each in self.plans))

    @field_validator("currency")
    @classmethod
    def _three_letters(cls, value: str) -> str:
        if len(value) != 3 or not value.isalpha() or not value.isupper():
            raise ValueError(f"{value!r} is no currency code; write three capital letters, like EUR")
        return value


def _check_sum(total: Decimal, what: str) -> None:
    if abs(total - 1) > WEIGHT_SLACK:
        raise ValueError(f"the weights of {what} sum to {total.normalize():f}; make them sum to 1")
