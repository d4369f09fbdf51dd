"""The sentences of a card: short, plain, and made from what the owner's own paths and numbers are."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from kpilab.decisions.footing import Basis, Footing
from kpilab.decisions.worth import Worth, natural_step
from kpilab.model.cascade import Cascade
from kpilab.model.nouns import Action, Kpi
from kpilab.show import quantity

_SURE: dict[Footing, str] = {
    "arithmetic": "We judge this goal by {first}, and {place} is part of it.",
    "supported": "The past backs the step from {first} to {last}. It does not prove it.",
    "inconclusive": "The past cannot tell yet if {first} moves {last}.",
    "contradicted": "The past speaks against the idea that {first} moves {last}. Ask before you act on it.",
    "untested": "Nobody has yet tested if {first} moves a goal.",
}


@dataclass(frozen=True)
class OwnKpi:
    """One KPI of an owner at one unit: where it stands, what it leads to, what a step is worth."""

    kpi: Kpi
    unit: str
    actual: float
    target: float
    status: str
    trend: str
    basis: Basis
    worth: Worth | None


def owned(cascade: Cascade, owner: str, kpis: tuple[OwnKpi, ...]) -> Iterator[str]:
    """Say what an owner holds: KPIs, processes with their procedures, actions."""
    goals = [objective for objective in cascade.objectives if objective.owner == owner]
    yield from (f"You answer for the goal {_quoted(goal.name)}." for goal in goals)
    for own in kpis:
        name, factor = _quoted(own.kpi.name), _factor(cascade, own.kpi)
        why = f" It shows if {_inner(factor)}." if factor else ""
        if own.kpi.owner == owner:
            yield f"You look after {name}.{why}"
        elif _holds_process(cascade, owner, own.kpi):
            yield f"What you run is measured by {name}.{why}"
        elif goals and cascade.objective_of(own.kpi) in goals:
            yield f"Your goal is read off in {name}."
        else:
            yield f"What you do should show in {name}."
    if kpis and not cascade.home_of(owner):
        where = cascade.unit(kpis[0].unit).name
        whole = f"You work for all of {where}." if len(cascade.roots()) == 1 else "No unit is named for you."
        yield f"{whole} The numbers are those of {where}."
    for process in cascade.processes:
        if process.owner == owner:
            yield f"You run {_quoted(process.name)}."
        for procedure in process.procedures:
            if procedure.owner == owner:
                yield f"You keep the rule {_quoted(procedure.name)}."


def _holds_process(cascade: Cascade, owner: str, kpi: Kpi) -> bool:
    process = cascade.named("processes", kpi.process)
    return process is not None and owner in {process.owner, *(step.owner for step in process.procedures)}


def leads_to(cascade: Cascade, own: OwnKpi) -> Iterator[str]:
    """Say what a KPI moves, up to which objective, and why that matters."""
    names = [_quoted(cascade.kpi(each).name) for each in own.basis.path]
    place = cascade.unit(own.unit).name
    for step, (cause, effect) in enumerate(zip(names, names[1:], strict=False)):
        yield f"{cause}{'' if step else f' at {place}'} is meant to move {effect}."
    reasons = {(link.cause, link.effect): link.because for link in cascade.links}
    for pair in zip(own.basis.path, own.basis.path[1:], strict=False):
        if reasons.get(pair):
            yield f"The reason: {_inner(reasons[pair])}."
    objective = cascade.named("objectives", own.basis.objective)
    if objective is None:
        yield f"No path leads from {_quoted(own.kpi.name)} to a goal yet."
        return
    counts = names[-1] if len(names) > 1 else f"{names[-1]} at {place}"
    yield f"{counts} counts for the goal {_quoted(objective.name)}."
    if objective.why:
        yield f"Why it matters: {_inner(objective.why)}."


def sureness(cascade: Cascade, own: OwnKpi) -> str:
    """Say in words how sure the path is."""
    first = _quoted(own.kpi.name)
    last = _quoted(cascade.kpi(own.basis.path[-1]).name) if own.basis.path else "a goal"
    if own.basis.footing == "arithmetic" and len(own.basis.path) > 1:
        return f"{first} is a part of {last}. That is plain arithmetic."
    return _SURE[own.basis.footing].format(first=first, last=last, place=cascade.unit(own.unit).name)


def worth(cascade: Cascade, own: OwnKpi) -> Iterator[str]:
    """Say what one step better here is worth at the top, with its interval."""
    if own.worth is None or len(own.basis.path) < 2:
        return
    last, measured = cascade.kpi(own.worth.kpi), cascade.kpi(own.worth.kpi).unit_of_measure
    place = cascade.unit(own.worth.unit).name
    step = _amount(abs(own.worth.step), own.kpi.unit_of_measure)
    way = "more" if own.worth.step > 0 else "less"
    best = _signed(own.worth.change, measured)
    low, high = _signed(own.worth.conf_low, measured), _signed(own.worth.conf_high, measured)
    moved = "gets better" if own.kpi.better else "rises"
    yield f"Say your number for {_quoted(own.kpi.name)} {moved} by one step: {step} {way}."
    yield f"Then {_quoted(last.name)} for {place} may change by {best}."
    yield f"It could be anything from {low} to {high}."


def standing(cascade: Cascade, own: OwnKpi) -> Iterator[str]:
    """Say where a KPI stands against its target."""
    measured, place = own.kpi.unit_of_measure, cascade.unit(own.unit).name
    name = _quoted(own.kpi.name)
    if np.isnan(own.actual):
        yield f"There is no number for {name} at {place} in this time."
        return
    yield f"{name} at {place} stands at {quantity(own.actual, measured)}."
    if np.isnan(own.target):
        yield f"No target is set for {name}."
        return
    said = {"met": "That is met", "near": "You are close", "missed": "You are not there yet"}
    yield f"The target is {quantity(own.target, measured)}. {said.get(own.status, 'Some reports are missing')}."
    if own.trend in ("better", "worse"):
        yield f"{name} at {place} is {own.trend} than a year ago."


def under_way(cascade: Cascade, action: Action) -> Iterator[str]:
    """Say what is being done, since when, and what is hoped for."""
    if action.kind == "measurement":
        yield f"{_quoted(action.name)}, in {action.start}, changed the ruler, not the work."
        return
    until = f" It ends in {action.end}." if action.end else ""
    yield f"{_quoted(action.name)} has run since {action.start}.{until}"
    for kpi_id, change in action.expects.items():
        kpi = cascade.kpi(kpi_id)
        size = str(change) if change.relative else _signed(change.amount, kpi.unit_of_measure)
        yield f"It should change {_quoted(kpi.name)} by {size}."


def earlier(actions: Sequence[Action]) -> Iterator[str]:
    """Say how many actions began before those that are told."""
    if actions:
        yield f"{len(actions):,} more began in {actions[0].start} or before."


def explained(cascade: Cascade, kpis: tuple[OwnKpi, ...]) -> Iterator[str]:
    """Explain the words that the card uses, with the owner's own KPIs as examples."""
    for own in kpis[:1]:
        step = _amount(abs(natural_step(own.kpi, own.actual)), own.kpi.unit_of_measure)
        if not np.isnan(own.target):
            yield f"Target: what {_quoted(own.kpi.name)} should reach at {cascade.unit(own.unit).name}."
        if own.worth is not None and len(own.basis.path) > 1:
            yield f"Step: for {_quoted(own.kpi.name)} one step is {step}."
            yield f"Path: the way from {_quoted(own.kpi.name)} to a goal, arrow by arrow."


def _factor(cascade: Cascade, kpi: Kpi) -> str:
    factor = cascade.named("factors", kpi.factor)
    return factor.name if factor is not None else ""


def _quoted(name: str) -> str:
    return f"“{name}”"


def _inner(text: str) -> str:
    """Fit a sentence into another one: no full stop at its end, no capital at its start unless it is a name."""
    text = text.strip().rstrip(".")
    first, _, _ = text.partition(" ")
    return text[:1].lower() + text[1:] if first[1:].islower() or len(first) == 1 else text


def _amount(value: float, measured: str) -> str:
    if measured == "share":
        points = 100 * value
        return f"{_tiny(points) or format(points, '.2g')} point" + ("" if points == 1 else "s")
    tiny = _tiny(value)
    return f"{tiny} {measured}".rstrip() if tiny else quantity(value, measured)


def _tiny(value: float) -> str:
    """Write what is below a thousandth with its zeros, not with an exponent; anything else as ``""``."""
    return f"{Decimal(f'{value:.2g}'):f}" if 0 < abs(value) < 0.001 else ""


def _signed(value: float, measured: str) -> str:
    sign = "+" if value > 0 else "−" if value < 0 else ""
    return f"{sign}{_amount(abs(value), measured)}"
