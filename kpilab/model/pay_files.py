"""`pay.yaml` read into nouns, and held against the cascade; all problems before it stops."""

from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import networkx as nx
from pydantic import ValidationError

from kpilab.model.cascade import Cascade
from kpilab.model.entries import EntryReader, read_yaml
from kpilab.model.parts import Noun
from kpilab.model.pay_plan import Curve, Participant, PayPlan, Plan
from kpilab.model.periods import parse_period
from kpilab.problems import Problem, did_you_mean, stop_on

PAY_FILE = "pay.yaml"
_LISTS: dict[str, type[Noun]] = {"curves": Curve, "plans": Plan, "people": Participant}
_STAND_INS = {"pay": "", "currency": "XXX"}  # ISO 4217: no currency


def has_pay(cascade: Cascade) -> bool:
    """Tell whether a pay plan stands beside the cascade."""
    return (cascade.folder / PAY_FILE).is_file()


def read_pay(cascade: Cascade, path: str | Path | None = None) -> PayPlan:
    """Read the pay plan that stands beside a cascade.

    Parameters
    ----------
    cascade : Cascade
    path : path, optional
        Default: `pay.yaml` in the cascade's folder.

    Returns
    -------
    PayPlan

    Raises
    ------
    InputError
        With every problem at once: unknown persons, KPIs, levels, plans and curves, two plans for one person
        in one period, weights that do not sum to 1, curves that fall or have equal marks, circular gates,
        mixed currencies; each with file, line, value and remedy.
    """
    file = Path(path) if path is not None else cascade.folder / PAY_FILE
    reader = EntryReader(file, PayPlan, _LISTS, ("people",))
    values = reader.values(read_yaml(file, "pay"))
    try:
        plan = PayPlan.model_validate(values)
    except ValidationError as error:
        wrong = reader.tell(error, "pay", values)
        sound = {key: value for key, value in values.items() if key not in wrong}
        plan = PayPlan.model_validate({**sound, **{k: v for k, v in _STAND_INS.items() if k not in sound}})
    plan._file, plan._lines = file, reader.lines
    stop_on(dict.fromkeys([*reader.problems, *_faults(cascade, plan, reader.unread)]))
    return plan


def _faults(cascade: Cascade, plan: PayPlan, unread: set[str]) -> Iterator[Problem]:
    yield from _duplicates(plan)
    yield from _unknown_names(cascade, plan, unread)
    yield from _circular_gates(plan)
    readable = []
    for position, each in enumerate(plan.people):
        where = plan.where("people", f"#{position}")
        problems = list(_person_faults(cascade, plan, each, where))
        yield from problems
        readable += [] if problems else [(each, where)]
    yield from _doubled_people(cascade, readable)


def _duplicates(plan: PayPlan) -> Iterator[Problem]:
    for noun in ("curves", "plans"):
        ids = [entry.id for entry in getattr(plan, noun)]
        for position, each in enumerate(ids):
            if each in ids[:position]:
                where = plan.where(noun, f"#{position}")
                yield Problem(where, f"duplicate id '{each}' among the {noun}; rename one of the two")


def _unknown_names(cascade: Cascade, plan: PayPlan, unread: set[str]) -> Iterator[Problem]:
    known = {
        "kpi": [kpi.id for kpi in cascade.kpis],
        "unit": [unit.id for unit in cascade.units],
        "level": list(cascade.levels),
        "plan": [each.id for each in plan.plans],
        "curve": [curve.id for curve in plan.curves],
        "person": [owner.id for owner in cascade.owners],
    }
    lost = {kind for kind, noun in (("plan", "plans"), ("curve", "curves")) if noun in unread}
    for where, kind, name in _names(plan):
        if name is not None and name not in known[kind] and kind not in lost:
            yield Problem(where, f"unknown {kind} '{name}'; {did_you_mean(name, known[kind])}")


def _names(plan: PayPlan) -> Iterator[tuple[str, str, str | None]]:
    """Yield (where, kind, id) for every name that the plan uses."""
    for position, each in enumerate(plan.plans):
        where = plan.where("plans", f"#{position}", "measures")
        yield from ((where, "level", level) for level in each.levels)
        for measure in each.measures:
            yield from (
                (where, "kpi", measure.kpi),
                (where, "level", measure.level),
                (where, "unit", measure.unit),
            )
            yield from _curve_names(where, each, measure.curve)
        for gate in each.gates:
            where_gate = plan.where("plans", f"#{position}", "gates")
            for kind in ("kpi", "plan", "level"):
                yield where_gate, kind, getattr(gate, kind)
        for modifier in each.modifiers:
            where_mod = plan.where("plans", f"#{position}", "modifiers")
            yield from ((where_mod, "kpi", modifier.kpi), (where_mod, "level", modifier.level))
            yield from _curve_names(where_mod, each, modifier.curve)
    for position, person in enumerate(plan.people):
        where = plan.where("people", f"#{position}")
        yield from ((where, "person", person.person), (where, "plan", person.plan))


def _curve_names(where: str, plan: Plan, curve: Curve | str | None) -> Iterator[tuple[str, str, str | None]]:
    chosen = curve if curve is not None else plan.curve
    if not isinstance(chosen, Curve):
        yield where, "curve", chosen if chosen is not None else "(none given)"


def _circular_gates(plan: PayPlan) -> Iterator[Problem]:
    graph = nx.DiGraph((each.id, gate.plan) for each in plan.plans for gate in each.gates if gate.plan)
    for loop in nx.simple_cycles(graph):
        first = next(i for i, each in enumerate(plan.plans) if each.id in loop)
        said = " > ".join([*loop, loop[0]])
        yield Problem(
            plan.where("plans", f"#{first}", "gates"), f"gates go in a circle: {said}; open one of them"
        )


def _person_faults(cascade: Cascade, plan: PayPlan, person: Participant, where: str) -> Iterator[Problem]:
    if person.currency is not None and person.currency != plan.currency:
        said = f"'{person.person}' is paid in {person.currency}, the plan in {plan.currency}"
        yield Problem(where, f"{said}; keep a pay.yaml for each currency")
    unreadable = False
    for key, value in (("from", person.start), ("to", person.end)):
        try:
            if value is not None:
                parse_period(value, cascade.frequency)
        except ValueError as error:
            unreadable = True
            yield Problem(where, f"{key}: {error}")
    if not unreadable and person.start and person.end and _first(cascade, person) > _last(cascade, person):
        yield Problem(where, f"leaves in {person.end}, before joining in {person.start}; exchange the two")


def _doubled_people(cascade: Cascade, people: list[tuple[Participant, str]]) -> Iterator[Problem]:
    by_person: dict[str, list[tuple[Participant, str]]] = {}
    for each, where in people:
        by_person.setdefault(each.person, []).append((each, where))
    for person, entries in by_person.items():
        for (one, _), (two, where) in combinations(entries, 2):
            if _first(cascade, one) <= _last(cascade, two) and _first(cascade, two) <= _last(cascade, one):
                plans = f"'{one.plan}' and '{two.plan}'"
                yield Problem(
                    where, f"'{person}' is in {plans} in the same period; end one before the other begins"
                )


def _first(cascade: Cascade, person: Participant) -> float:
    return cascade.period(person.start).ordinal if person.start else -float("inf")


def _last(cascade: Cascade, person: Participant) -> float:
    return cascade.period(person.end).ordinal if person.end else float("inf")
