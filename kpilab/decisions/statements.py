"""Who is paid for what: every participant's lines, from attainment to money, to be followed by hand.

Performance is rounded to the plan's places; from there on everything is exact decimal arithmetic, and money
is rounded once, at the end of a statement.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from math import prod

import networkx as nx
import numpy as np
import pandas as pd

from kpilab.decisions.payout import payout
from kpilab.model.cascade import Cascade
from kpilab.model.pay_plan import Curve, Gate, Modifier, Participant, PayMeasure, PayPlan, Plan
from kpilab.model.periods import Span
from kpilab.problems import Problem, stop_on

_ROUNDING = {"half_even": ROUND_HALF_EVEN, "half_up": ROUND_HALF_UP, "down": ROUND_DOWN}
ONE, NOTHING = Decimal(1), Decimal(0)


@dataclass(frozen=True)
class Place:
    """Where a measure is read, and by which curve: what its standing is looked up by."""

    kpi: str
    unit: str
    curve: Curve


@dataclass(frozen=True)
class PayLine:
    """One measure of a statement.

    Attributes
    ----------
    weight : Decimal
        In the whole plan, 0–1.
    actual, target : float
        In the KPI's unit of measure; `target` is NaN where the curve needs none.
    performance : Decimal or None
        Attainment, progress, score or value, as the curve's base says, rounded to the plan's places; None
        where it lies beyond any ratio (nothing left of what should be low).
    payout, amount : Decimal
        As a share of target pay, and in money, not rounded, after gates, modifiers and cap.
    """

    place: Place
    weight: Decimal
    actual: float
    target: float
    performance: Decimal | None
    payout: Decimal
    amount: Decimal


@dataclass(frozen=True)
class PayStatement:
    """What one participant gets for the pay period, and from what.

    Attributes
    ----------
    proration : Decimal
        The part of the pay period and of full time, 0–1.
    factors : tuple of (str, Decimal)
        Gates, modifiers and cap, and what each multiplies the payout by.
    amount : Decimal
        Rounded to the plan's smallest coin.
    """

    participant: Participant
    proration: Decimal
    lines: tuple[PayLine, ...]
    factors: tuple[tuple[str, Decimal], ...]
    amount: Decimal

    @property
    def target_pay(self) -> Decimal:
        """Return what the participant gets at target, for the time taken part, not rounded."""
        return self.participant.target_pay * self.proration

    @property
    def factor(self) -> Decimal:
        """Return what gates, modifiers and cap together multiply the payout by."""
        return prod((each for _, each in self.factors), start=ONE)


class Standings:
    """Where every KPI of every unit stands over the pay period, by the columns of a scorecard's table."""

    def __init__(self, table: pd.DataFrame):
        columns = ["actual", "target", "attainment", "progress", "score", "status"]
        keys = zip(table["kpi"], table["unit"], strict=True)
        rows = zip(*(table[column] for column in columns), strict=True)
        self._rows = {key: dict(zip(columns, row, strict=True)) for key, row in zip(keys, rows, strict=True)}

    def of(self, kpi: str, unit: str) -> Mapping[str, object]:
        """Return the standing of a KPI at a unit; nothing where the unit does not have it."""
        return self._rows.get((kpi, unit), {})


@dataclass(frozen=True)
class Whereabouts:
    """Where people stand in the unit tree."""

    cascade: Cascade

    def unit_for(self, person: str, kpi: str, level: str | None, unit: str | None = None) -> str:
        """Return the unit at which a KPI counts for a person, ``""`` where there is none.

        It is the one at `level` at or above their own unit; without a level the nearest that has the KPI.
        """
        if unit is not None:
            return unit
        having = self.cascade.levels_of(self.cascade.kpi(kpi))
        at: str | None = self.cascade.home_of(person)
        while at:
            about = self.cascade.unit(at)
            if about.level == level or (level is None and about.level in having):
                return at
            at = about.parent
        return ""


def places_of(people: Whereabouts, pay: PayPlan, participant: Participant) -> list[tuple[PayMeasure, Place]]:
    """Return the measures of a participant with the places at which they are read."""
    plan = pay.plan(participant.plan)
    return [
        (
            m,
            Place(
                m.kpi,
                people.unit_for(participant.person, m.kpi, m.level, m.unit),
                pay.curve_of(plan, m.curve),
            ),
        )
        for m in plan.measures
    ]


def statements(cascade: Cascade, pay: PayPlan, span: Span, standings: Standings) -> tuple[PayStatement, ...]:
    """Compute the statement of every participant of a pay period, in the order of the file.

    Raises
    ------
    InputError
        For every measure that cannot be paid: no unit, no value, no target, a negative attainment.
    """
    taking_part = [(each, part) for each in pay.people if (part := proration(cascade, each, span)) > 0]
    people = Whereabouts(cascade)
    stop_on(dict.fromkeys(_faults(people, pay, [each for each, _ in taking_part], standings)))
    rank = {plan: position for position, plan in enumerate(_plans_in_order(pay))}
    found: dict[str, PayStatement] = {}
    paid: dict[str, set[str]] = defaultdict(set)
    for each, part in sorted(taking_part, key=lambda entry: rank[entry[0].plan]):
        found[each.id] = _statement(people, pay, each, part, standings, paid[each.person])
        if found[each.id].amount > 0:
            paid[each.person].add(each.plan)
    return tuple(found[each.id] for each, _ in taking_part)


def proration(cascade: Cascade, participant: Participant, span: Span) -> Decimal:
    """Return the part of the pay period that a participant takes part in, times the part of full time."""
    first = cascade.period(participant.start).ordinal if participant.start else span.start.ordinal
    last = cascade.period(participant.end).ordinal if participant.end else span.end.ordinal
    n_periods = min(last, span.end.ordinal) - max(first, span.start.ordinal) + 1
    return Decimal(max(n_periods, 0)) / Decimal(span.n_periods) * participant.fte


def performance_of(
    curve: Curve, standing: Mapping[str, object], better: str | None, places: int
) -> Decimal | None:
    """Return the performance that enters a curve; None where nothing is left of what should be low."""
    value = standing["actual"] if curve.base == "value" else standing[curve.base]
    number = float(value)  # type: ignore[arg-type]
    if np.isnan(number) and curve.base == "attainment" and better == "lower" and standing["status"] == "met":
        return None
    return round(Decimal(repr(number)), places)


def _statement(
    people: Whereabouts,
    pay: PayPlan,
    participant: Participant,
    part: Decimal,
    standings: Standings,
    paid: set[str],
) -> PayStatement:
    plan = pay.plan(participant.plan)
    raw = []
    for measure, place in places_of(people, pay, participant):
        standing = standings.of(place.kpi, place.unit)
        performance = performance_of(place.curve, standing, people.cascade.kpi(place.kpi).better, pay.places)
        share = place.curve.marks[-1][1] if performance is None else payout(place.curve, performance)
        raw.append((place, plan.weight_of(measure), standing, performance, share))
    factors = [*_gate_factors(people, participant, plan, standings, paid),
               *_modifier_factors(people, pay, participant, plan, standings)]  # fmt: skip
    factor = prod((each for _, each in factors), start=ONE)
    total = sum((weight * share for _, weight, _, _, share in raw), NOTHING) * factor
    if plan.cap is not None and total > plan.cap:
        factors.append((f"capped at {plan.cap} of target pay", plan.cap / total))
        factor, total = factor * plan.cap / total, plan.cap
    target_pay = participant.target_pay * part
    lines = tuple(
        PayLine(place, weight, float(standing["actual"]), float(standing["target"]), performance, share,  # type: ignore[arg-type]
                target_pay * weight * share * factor)
        for place, weight, standing, performance, share in raw
    )  # fmt: skip
    amount = (target_pay * total / pay.round_to).quantize(ONE, _ROUNDING[pay.rounding]) * pay.round_to
    return PayStatement(participant, part, lines, tuple(factors), amount)


def _gate_factors(
    people: Whereabouts, participant: Participant, plan: Plan, standings: Standings, paid: set[str]
) -> Iterator[tuple[str, Decimal]]:
    for gate in plan.gates:
        if gate.plan is not None:
            is_open, said = gate.plan in paid, f"plan {gate.plan} pays"
        else:
            unit = people.unit_for(participant.person, str(gate.kpi), gate.level)
            is_open = _holds(gate, float(standings.of(str(gate.kpi), unit)["actual"]))  # type: ignore[arg-type]
            said = f"{gate.kpi} at {unit} " + (
                f"at least {gate.at_least:g}" if gate.at_least is not None else f"at most {gate.at_most:g}"
            )
        yield f"gate: {said}: {'open' if is_open else 'closed'}", ONE if is_open else gate.pays


def _holds(gate: Gate, actual: float) -> bool:
    return actual >= gate.at_least if gate.at_least is not None else actual <= float(gate.at_most or 0)


def _modifier_factors(
    people: Whereabouts, pay: PayPlan, participant: Participant, plan: Plan, standings: Standings
) -> Iterator[tuple[str, Decimal]]:
    for modifier in plan.modifiers:
        place = _modifier_place(people, pay, participant, plan, modifier)
        standing = standings.of(place.kpi, place.unit)
        performance = performance_of(place.curve, standing, people.cascade.kpi(place.kpi).better, pay.places)
        factor = place.curve.marks[-1][1] if performance is None else payout(place.curve, performance)
        yield f"modifier: {place.kpi} at {place.unit}", factor


def _modifier_place(
    people: Whereabouts, pay: PayPlan, participant: Participant, plan: Plan, modifier: Modifier
) -> Place:
    unit = people.unit_for(participant.person, modifier.kpi, modifier.level)
    return Place(modifier.kpi, unit, pay.curve_of(plan, modifier.curve))


def _plans_in_order(pay: PayPlan) -> list[str]:
    """Return the plans such that those on which a gate rests come first."""
    graph: nx.DiGraph = nx.DiGraph()
    graph.add_nodes_from(plan.id for plan in pay.plans)
    graph.add_edges_from((gate.plan, plan.id) for plan in pay.plans for gate in plan.gates if gate.plan)
    return list(nx.topological_sort(graph))


def _faults(
    people: Whereabouts, pay: PayPlan, taking_part: list[Participant], standings: Standings
) -> Iterator[Problem]:
    """Say why a measure cannot be paid; each place once, whoever is paid by it."""
    position = {each.id: i for i, each in enumerate(pay.plans)}
    for each in taking_part:
        plan = pay.plan(each.plan)
        where = pay.where("plans", f"#{position[plan.id]}", "measures")
        needed = [place for _, place in places_of(people, pay, each)]
        needed += [_modifier_place(people, pay, each, plan, modifier) for modifier in plan.modifiers]
        for place in needed:
            yield from _place_faults(people.cascade, place, standings, where)
        for gate in plan.gates:
            if gate.kpi is not None:
                unit = people.unit_for(each.person, gate.kpi, gate.level)
                yield from _value_faults(gate.kpi, unit, standings, where)


def _value_faults(kpi: str, unit: str, standings: Standings, where: str) -> Iterator[Problem]:
    if not unit:
        said = f"'{kpi}' has no unit for a participant: none is above them at this level, or they have none"
        yield Problem(where, f"{said}; name another level, or give the owner a unit")
    elif np.isnan(float(standings.of(kpi, unit).get("actual", np.nan))):  # type: ignore[arg-type]
        yield Problem(
            where, f"'{kpi}' at '{unit}' has no value in the pay period; deliver it, or pay on another KPI"
        )


def _place_faults(cascade: Cascade, place: Place, standings: Standings, where: str) -> Iterator[Problem]:
    faults = list(_value_faults(place.kpi, place.unit, standings, where))
    yield from faults
    if faults or place.curve.base == "value":
        return
    standing, name = standings.of(place.kpi, place.unit), f"'{place.kpi}' at '{place.unit}'"
    if np.isnan(float(standing["target"])):  # type: ignore[arg-type]
        yield Problem(
            where, f"{name} has no target in the pay period; set one, or let the curve's base be value"
        )
        return
    performance = performance_of(place.curve, standing, cascade.kpi(place.kpi).better, 12)
    if performance is not None and (
        performance.is_nan() or (place.curve.base == "attainment" and performance < 0)
    ):
        said = "is negative" if not performance.is_nan() else "has no meaning here"
        yield Problem(where, f"{place.curve.base} of {name} {said}; let the curve's base be value or score")
