"""What is to be explained: which KPI, which units, which spans; read, checked, and moved to other references."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from kpilab.model.cascade import Cascade
from kpilab.model.formula import NO_VALUE
from kpilab.model.history import History
from kpilab.model.nouns import Kpi
from kpilab.model.periods import Span, period_text
from kpilab.problems import InputError, Problem, did_you_mean, one_problem, stop_on
from kpilab.scorecard.ends import End, Ends, Panels
from kpilab.scorecard.rollup import scorecard_span
from kpilab.scorecard.wording import unit_name
from kpilab.show import count_of, listed

SHIFTS = (1, 2, 3)


def read_question(
    cascade: Cascade,
    history: History,
    *,
    kpi: str,
    start: object,
    end: object,
    unit: str | None,
    against: str | None,
) -> tuple[Kpi, Ends]:
    """Return the KPI and the two ends that are asked about.

    Raises
    ------
    InputError
        For an unknown KPI or unit, a unit that does not have the KPI, spans outside history or in the wrong order.
    """
    chosen: Kpi | None = cascade.named("kpis", kpi)
    given, problems = _parsed(cascade, history, start=start, end=end)
    if chosen is None:
        known = [each.id for each in cascade.kpis]
        problems.insert(0, Problem("kpi", f"unknown kpi '{kpi}'; {did_you_mean(kpi, known)}"))
    for name, each in (("unit", unit), ("against", against)):
        problems += unit_problems(cascade, chosen, name, each) if each is not None else []
    stop_on(problems)
    first, last = _completed(cascade, history, given, compares=against is not None)
    stop_on(_span_problems(history, first, last, unit, against, year_before="start" not in given))
    found = cascade.kpi(kpi)
    units = (unit,) if unit else ()
    spans = [first, last, *(_shifted(first, by) for by in shifts(cascade))]
    ends = Ends(Panels(cascade, history, spans), End(first, units), End(last, units))
    if unit is None:
        ends = _of_the_whole(ends, found)
    if against is not None:
        ends = ends.between(End(last, (against,)), ends.end)
    return found, ends


def shifts(cascade: Cascade) -> tuple[int, ...]:
    """Return by how many periods the reference is moved: one to three, and a year."""
    return tuple(sorted({*SHIFTS, cascade.periods_per_year}))


def _parsed(cascade: Cascade, history: History, **given: object) -> tuple[dict[str, Span], list[Problem]]:
    """Return the spans that were given, and what is wrong with the others."""
    problems: list[Problem] = []
    spans: dict[str, Span] = {}
    for name, value in given.items():
        try:
            spans |= {name: scorecard_span(cascade, history, value)} if value is not None else {}
        except InputError as error:
            problems += [Problem(name, problem.message) for problem in error.problems]
    return spans, problems


def _completed(
    cascade: Cascade, history: History, given: dict[str, Span], *, compares: bool
) -> tuple[Span, Span]:
    """Add what was not given: the last complete period, and the same a year before; two units share one span."""
    only = given.get("start") if compares else None
    last = given.get("end") or only or scorecard_span(cascade, history)
    before = last if compares else _shifted(last, cascade.periods_per_year)
    return given.get("start", before), last


def _span_problems(
    history: History, first: Span, last: Span, unit: str | None, against: str | None, *, year_before: bool
) -> Iterable[Problem]:
    for name, span in (("start", first), ("end", last)):
        if history.position(span.start) < 0 or history.position(span.end) >= len(history.periods):
            about = f"{period_text(history.periods[0])} to {period_text(history.periods[-1])}"
            chosen = ", a year before the end," if name == "start" and year_before and against is None else ""
            remedy = "name another start" if name == "start" else "name another end"
            said = f"{span}{chosen} lies outside history, which runs from {about}; {remedy}"
            yield Problem(name, said)
    if against is None and first.start > last.start:
        yield Problem("start", f"{first} comes after the end {last}; give the earlier one as start")
    if against is not None and against == unit:
        yield Problem("against", f"'{against}' is compared with itself; name another unit")
    if against is None and first == last:
        yield Problem("start", f"is the same as the end, {last}; give two spans, or against=… for two units")
    if against is not None and first != last:
        yield Problem(
            "start", f"{first} differs from the end {last}; two units are compared in one span, given as end"
        )


def _shifted(span: Span, earlier: int) -> Span:
    return Span(span.start - earlier, span.end - earlier)


def unit_problems(cascade: Cascade, kpi: Kpi | None, argument: str, unit: str) -> Iterable[Problem]:
    """Say when a unit does not exist or does not have the KPI."""
    found = cascade.named("units", unit)
    levels = cascade.levels_of(kpi) if kpi else cascade.levels
    if found is None:
        known = [each.id for each in cascade.units]
        yield Problem(argument, f"unknown unit '{unit}'; {did_you_mean(unit, known)}")
    elif kpi and found.level not in levels:
        yield Problem(
            argument,
            f"'{unit}' is at level '{found.level}', where '{kpi.id}' does not exist; it has {listed(levels)}",
        )


def level_problems(cascade: Cascade, kpi: Kpi, ends: Ends, level: str) -> Iterable[Problem]:
    """Say when a level does not exist, does not have the KPI, or is not below the explained units."""
    if level not in cascade.levels:
        yield Problem("level", f"unknown level '{level}'; {did_you_mean(level, cascade.levels)}")
        return
    if level not in cascade.levels_of(kpi):
        yield Problem(
            "level", f"'{kpi.id}' does not exist at level '{level}'; it has {listed(cascade.levels_of(kpi))}"
        )
    for unit in dict.fromkeys((*ends.start.units, *ends.end.units)):
        own = cascade.unit(unit).level
        if cascade.levels.index(level) < cascade.levels.index(own) + (len(ends.end.units) == 1):
            yield Problem("level", f"'{level}' is not below the level of '{unit}', which is '{own}'")


def _of_the_whole(ends: Ends, kpi: Kpi) -> Ends:
    """Return the same spans of the highest units that have a value at both ends, or of the highest that exist."""
    candidates = [
        tuple(unit.id for unit in ends.cascade.units_at(level)) for level in ends.cascade.levels_of(kpi)
    ]
    candidates = [units for units in candidates if units]
    if not candidates:
        raise one_problem(ends.cascade.where("kpis", kpi.id), f"no unit has the kpi '{kpi.id}'")
    tried = [ends.between(End(ends.start.span, units), End(ends.end.span, units)) for units in candidates]
    known = (each for each in tried if not np.isnan([each.value(kpi, end) for end in each.both]).any())
    return next(known, tried[0])


def why_no_value(ends: Ends, kpi: Kpi, end: End) -> str:
    """Say why a KPI has no value at one end: zero below the line, reports missing, or nothing reported."""
    unit = unit_name(ends.cascade, end)
    if not kpi.formula:
        whole = ends.whole(kpi, end)
        if whole.denominator == 0:
            return f"'{kpi.id}' has no value at {unit} in {end.span}: what stands below the line is 0"
    late = int(ends.missing(kpi, end, end.units).sum())
    why = f"{count_of(late, 'expected report')} missing" if late else "nothing was reported"
    if kpi.formula and not late:
        parts = {name: ends.value(part, end) for name, part in ends.parts(kpi).items()}
        without = [name for name, value in parts.items() if np.isnan(value)]
        why = f"no value of {listed(without)}" if without else f"'{kpi.formula}' {NO_VALUE} there"
    return f"'{kpi.id}' has no value at {unit} in {end.span}: {why}; choose another span or unit"


def moved_reference(ends: Ends, kpi: Kpi, shift: int) -> Ends | None:
    """Return the ends with the reference moved, earlier or else later; None when history has no such one."""
    for periods in (shift, -shift):
        span = _shifted(ends.start.span, periods)
        end = ends.end
        if ends.start.units != end.units:
            end = replace(end, span=span)
        elif span.end >= end.span.start:
            continue
        moved = ends.between(replace(ends.start, span=span), end)
        inside = ends.history.position(span.start) >= 0 and ends.history.position(span.end) < len(
            ends.history.periods
        )
        if inside and not np.isnan([moved.value(kpi, each) for each in moved.both]).any():
            return moved
    return None
