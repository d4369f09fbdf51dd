"""What is wrong or weak in a history: duplicates, gaps, units that start or end, sums that do not add up."""

from collections.abc import Iterator

import numpy as np

from kpilab.model.cascade import Cascade
from kpilab.model.history import History
from kpilab.model.periods import period_text
from kpilab.problems import Finding
from kpilab.show import count_of, listed

SUM_SLACK = 1e-6
MOSTLY = 0.95
MORE_THAN_HALF = 0.5
MANY = 20  # findings of one rule under one parent that are told as one


def findings(cascade: Cascade, history: History) -> list[Finding]:
    """List what is wrong or weak in a history."""
    per_unit = [*_gaps(history), *_starts_and_ends(history)]
    steps = (_negative_counts, _parents_that_differ, _same_that_differ)
    rest = [finding for step in steps for finding in step(cascade, history)]
    return [*_duplicates(history), *_folded(cascade, per_unit), *rest]


def _folded(cascade: Cascade, found: list[tuple[str, Finding]]) -> list[Finding]:
    """Tell more than `MANY` findings of one rule under one parent as one: persons come and go by the thousand."""
    groups: dict[tuple[str | None, str], list[tuple[str, Finding]]] = {}
    for unit, finding in found:
        groups.setdefault((cascade.unit(unit).parent, finding.rule), []).append((unit, finding))
    folded: list[Finding] = []
    for (parent, _), members in groups.items():
        if parent is None or len(members) <= MANY:
            folded += [finding for _, finding in members]
        else:
            folded.append(_as_one(cascade, parent, members))
    return folded


def _as_one(cascade: Cascade, parent: str, members: list[tuple[str, Finding]]) -> Finding:
    units, first = {unit for unit, _ in members}, members[0][1]
    n_children = len(cascade.children(parent))
    what = (
        f"{parent}: {len(members)} times in {len(units)} of its {n_children} units; the first: {first.what}"
    )
    return Finding(first.severity, first.rule, first.where, what, first.remedy)


def _duplicates(history: History) -> Iterator[Finding]:
    for second in history.duplicates:
        how = "with other values" if second.differs else "with the same values"
        what = f"second row for {second.unit} in {second.period} {how} (first: {second.first}); the first one counts"
        remedy = "keep the right one of the two rows"
        yield Finding("error" if second.differs else "warning", "duplicate_rows", second.where, what, remedy)


def _gaps(history: History) -> Iterator[tuple[str, Finding]]:
    """Report runs of missing periods inside a unit's span, measures with the same gap together."""
    runs: dict[tuple[int, int, int], list[str]] = {}
    for measure in history.measures:
        for run in _runs_inside(~np.isnan(history.measure(measure))):
            runs.setdefault(run, []).append(measure)
    for (u, first, last), measures in sorted(runs.items()):
        unit, span = history.units[u], _span(history, first, last)
        before = history.where(unit, history.periods[first - 1])
        length = count_of(last - first + 1, "period")
        what = f"{unit}: no {listed(measures, most=3)} in {span} ({length}; row before: {before})"
        remedy = "find the missing rows, or say that the unit did not report"
        yield unit, Finding("warning", "gap", f"{unit}, {span}", what, remedy)


def _runs_inside(known: np.ndarray) -> Iterator[tuple[int, int, int]]:
    """Return (unit, first, last) of each run of missing periods between a unit's first and last value."""
    unit, period = np.nonzero(known.T)
    for i in np.flatnonzero((np.diff(unit) == 0) & (np.diff(period) > 1)):
        yield int(unit[i]), int(period[i]) + 1, int(period[i + 1]) - 1


def _starts_and_ends(history: History) -> Iterator[tuple[str, Finding]]:
    """Report units whose measures start after the first period of a measure, or end before the last of all."""
    found: dict[tuple[int, str, int], list[str]] = {}
    periods, last_period = list(history.periods), len(history.periods) - 1
    texts = [period_text(period) for period in periods]
    for measure in history.measures:
        known = ~np.isnan(history.measure(measure))
        reports = known.any(axis=0)
        first, last = known.argmax(axis=0), last_period - known[::-1].argmax(axis=0)
        late = np.flatnonzero(reports & (first > first.min(where=reports, initial=last_period)))
        early = np.flatnonzero(reports & (last < last_period))
        for rule, units, positions in (("unit_starts", late, first), ("unit_ends", early, last)):
            for u in units.tolist():
                found.setdefault((u, rule, int(positions[u])), []).append(measure)
    for u, rule, position in sorted(found, key=lambda key: (key[0], key[1] == "unit_ends", key[2])):
        unit = history.units[u]
        verb = "starts" if rule == "unit_starts" else "ends"
        what = f"{unit} {verb} {texts[position]}: {listed(found[u, rule, position], most=3)}"
        remedy = "expected if it opened, closed or changed its reporting then; else find the rows"
        yield unit, Finding("note", rule, history.where(unit, periods[position]), what, remedy)


def _negative_counts(cascade: Cascade, history: History) -> Iterator[Finding]:
    """Report negative values of measures that are hardly ever negative, and of stocks that mostly are not."""
    stocks = {kpi.last for kpi in cascade.kpis}
    stocks |= {name for name, rule in cascade.measures.items() if rule.over_time == "last"}
    for m, measure in enumerate(history.measures):
        values = history.values[:, :, m]
        known, negative = ~np.isnan(values), values < 0
        usual = MORE_THAN_HALF if measure in stocks else MOSTLY
        if not negative.any() or (values[known] >= 0).mean() < usual:
            continue
        for t, u in np.argwhere(negative):
            unit, period = history.units[u], history.periods[t]
            what = f"{unit}, {period_text(period)}: {measure} is {values[t, u]:g}"
            yield Finding(
                "error",
                "negative_count",
                history.where(unit, period),
                what,
                "correct it, or leave the cell empty",
            )


def _parents_that_differ(cascade: Cascade, history: History) -> Iterator[Finding]:
    place = {unit: position for position, unit in enumerate(history.units)}
    families = {
        unit.id: [place[child.id] for child in cascade.children(unit.id)]
        for unit in cascade.units
        if cascade.children(unit.id)
    }
    for m, measure in enumerate(history.measures):
        rule = cascade.measures.get(measure)
        if rule is not None and rule.across == "same":
            continue
        values = history.values[:, :, m]
        for unit, below in families.items():
            own = values[:, place[unit]]
            if not np.isnan(own).all():
                yield from _difference(history, measure, unit, own, values[:, below])


def _difference(
    history: History, measure: str, unit: str, own: np.ndarray, children: np.ndarray
) -> Iterator[Finding]:
    reported = ~np.isnan(children)
    some = reported.any(axis=1) & ~np.isnan(own)
    total = np.where(some, np.nansum(children, axis=1), np.nan)
    apart = np.flatnonzero(some & (np.abs(own - total) > SUM_SLACK * np.maximum(np.abs(own), 1)))
    if not len(apart):
        return
    worst = int(apart[np.abs(own[apart] - total[apart]).argmax()])
    span = _span(history, apart[0], apart[-1])
    what = (
        f"{unit}: {measure} differs from the sum of its children in "
        f"{count_of(len(apart), 'period')} of {int(some.sum())}, {span}; "
        f"most in {period_text(history.periods[worst])}: {own[worst]:g} against {total[worst]:g}"
    )
    where = history.where(unit, history.periods[apart[0]])
    yield Finding(
        "warning", "parent_differs", where, what, "the unit's own figure is used; find out which one is right"
    )


def _same_that_differ(cascade: Cascade, history: History) -> Iterator[Finding]:
    for measure, rule in cascade.measures.items():
        if rule.across != "same" or measure not in history.measures:
            continue
        values = history.measure(measure)
        known = ~np.isnan(values)
        low = np.where(known, values, np.inf).min(axis=1)
        high = np.where(known, values, -np.inf).max(axis=1)
        for t in np.flatnonzero(known.any(axis=1) & (high > low)):
            period = period_text(history.periods[int(t)])
            what = f"{measure} should be the same for all units, but runs from {low[t]:g} to {high[t]:g} in {period}"
            yield Finding("error", "same_differs", period, what, "correct the rows, or drop across: same")


def _span(history: History, first: int | np.integer, last: int | np.integer) -> str:
    texts = [period_text(history.periods[int(position)]) for position in (first, last)]
    return texts[0] if first == last else "..".join(texts)
