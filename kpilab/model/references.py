"""Do the entries of a cascade name each other rightly? Everything here stops the reader (exit code 2)."""

from collections import Counter
from collections.abc import Iterator

from kpilab.model.cascade import Cascade
from kpilab.model.formula import formula_names
from kpilab.model.nouns import Kpi
from kpilab.model.periods import parse_period
from kpilab.problems import Problem, did_you_mean
from kpilab.words import PERIODS_PER_YEAR

PLURAL = {
    "objective": "objectives",
    "factor": "factors",
    "process": "processes",
    "owner": "owners",
    "unit": "units",
    "kpi": "kpis",
    "action": "actions",
}
REFERENCES = {
    "objectives": {"supports": "objective", "owner": "owner"},
    "factors": {"objective": "objective"},
    "processes": {"owner": "owner"},
    "owners": {"unit": "unit"},
    "units": {"parent": "unit", "owner": "owner"},
    "kpis": {"factor": "factor", "process": "process", "owner": "owner", "parent": "kpi"},
    "links": {"cause": "kpi", "effect": "kpi"},
    "actions": {"owner": "owner", "process": "process"},
    "targets": {"kpi": "kpi", "unit": "unit", "process": "process"},
}
"""Keys of each list that name an entry of another, by what they name."""
_WITH_IDS = tuple(PLURAL.values())


def reference_problems(cascade: Cascade, unread: frozenset[str] = frozenset()) -> list[Problem]:
    """List duplicate ids, unknown references, faults of the unit tree, unreadable periods and formulas.

    Parameters
    ----------
    cascade : Cascade
    unread : frozenset of str
        Top-level keys that could not be read: what rests on them is not checked, so that one mistake is
        told once.
    """
    problems = [*_duplicates(cascade), *_unknown_names(cascade, unread)]
    if "levels" not in unread:
        problems += [*_levels_twice(cascade), *_unknown_levels(cascade), *_unit_tree(cascade)]
    if "perspectives" not in unread:
        problems += _unknown_perspectives(cascade)
    problems += [*_link_faults(cascade), *_kpi_faults(cascade), *_action_faults(cascade)]
    if "frequency" not in unread:
        problems += _periods(cascade)
    return [*problems, *_formulas(cascade)]


def _duplicates(cascade: Cascade) -> Iterator[Problem]:
    for noun in _WITH_IDS:
        seen: dict[str, object] = {}
        for position, entry in enumerate(getattr(cascade, noun)):
            where = cascade.where(noun, f"#{position}")
            if entry.id not in seen:
                seen[entry.id] = entry
            elif noun == "units" and entry.parent != getattr(seen[entry.id], "parent", None):
                first = getattr(seen[entry.id], "parent", None)
                yield Problem(
                    where, f"unit '{entry.id}' has two parents, '{first}' and '{entry.parent}'; keep one row"
                )
            else:
                yield Problem(where, f"duplicate id '{entry.id}' among the {noun}; rename one of the two")
    counted = Counter((link.cause, link.effect, link.at) for link in cascade.links)
    for position, link in enumerate(cascade.links):
        if counted[(link.cause, link.effect, link.at)] > 1:
            counted[(link.cause, link.effect, link.at)] = 0
            yield Problem(
                cascade.where("links", f"#{position}"), f"link {link.id} is drawn twice; keep one of the two"
            )


def references(cascade: Cascade) -> Iterator[tuple[str, int, str, str, str | None]]:
    """Yield (list, position, key, noun referred to, id referred to)."""
    for noun, keys in REFERENCES.items():
        for position, entry in enumerate(getattr(cascade, noun)):
            for key, kind in keys.items():
                yield noun, position, key, kind, getattr(entry, key)
    for position, process in enumerate(cascade.processes):
        for procedure in process.procedures:
            yield "processes", position, "procedures", "owner", procedure.owner
    for position, action in enumerate(cascade.actions):
        yield from (("actions", position, "units", "unit", unit) for unit in action.units)
        yield from (("actions", position, "expects", "kpi", kpi) for kpi in action.expects)
        yield from (("actions", position, "unaffected", "kpi", kpi) for kpi in action.unaffected)
        yield from (("actions", position, "starts", "unit", unit) for unit in action.starts)
        yield from (("actions", position, "requires", "action", other) for other in action.requires)
        yield from (("actions", position, "excludes", "action", other) for other in action.excludes)
    for position, link in enumerate(cascade.links):
        yield from (("links", position, "except", "unit", unit) for unit in link.excluded)


def _unknown_names(cascade: Cascade, unread: frozenset[str]) -> Iterator[Problem]:
    known = {kind: {entry.id for entry in getattr(cascade, noun)} for kind, noun in PLURAL.items()}
    lost = {kind for kind, noun in PLURAL.items() if noun in unread and not known[kind]}
    for noun, position, key, kind, name in references(cascade):
        if name is None or name in known[kind] or kind in lost:
            continue
        if not cascade.has_line(PLURAL[kind], name):
            where = cascade.where(noun, f"#{position}", key)
            yield Problem(where, f"{key}: unknown {kind} '{name}'; {did_you_mean(name, known[kind])}")


def _unknown_levels(cascade: Cascade) -> Iterator[Problem]:
    named: list[tuple[str, int, str, str | None]] = [
        ("units", i, "level", unit.level) for i, unit in enumerate(cascade.units)
    ]
    named += [("objectives", i, "level", objective.level) for i, objective in enumerate(cascade.objectives)]
    named += [("kpis", i, "levels", level) for i, kpi in enumerate(cascade.kpis) for level in kpi.levels]
    named += [("links", i, "at", link.at) for i, link in enumerate(cascade.links)]
    for noun, position, key, level in named:
        if level is not None and level not in cascade.levels:
            where = cascade.where(noun, f"#{position}", key)
            yield Problem(where, f"{key}: unknown level '{level}'; {did_you_mean(level, cascade.levels)}")


def _levels_twice(cascade: Cascade) -> Iterator[Problem]:
    for level in sorted({level for level in cascade.levels if cascade.levels.count(level) > 1}):
        yield Problem(cascade.where("levels"), f"level '{level}' is named twice; keep one of the two")


def _unknown_perspectives(cascade: Cascade) -> Iterator[Problem]:
    for position, objective in enumerate(cascade.objectives):
        if objective.perspective is not None and objective.perspective not in cascade.perspectives:
            hint = did_you_mean(objective.perspective, cascade.perspectives)
            where = cascade.where("objectives", f"#{position}", "perspective")
            yield Problem(where, f"unknown perspective '{objective.perspective}'; {hint}")


def _unit_tree(cascade: Cascade) -> Iterator[Problem]:
    rank = {level: position for position, level in enumerate(cascade.levels)}
    parents = {unit.id: unit.parent for unit in reversed(cascade.units)}
    levels = {unit.id: unit.level for unit in reversed(cascade.units)}
    told: set[str] = set()
    seen: set[str] = set()
    for position, unit in enumerate(cascade.units):
        if unit.id in seen:
            continue
        seen.add(unit.id)
        where = cascade.where("units", f"#{position}")
        loop = _loop_from(unit.id, parents)
        if loop and not told & set(loop):
            told |= set(loop)
            yield Problem(where, f"units form a circle: {' > '.join(loop)}; give one of them another parent")
        elif (
            not loop
            and unit.parent in levels
            and rank.get(levels[unit.parent], -1) >= rank.get(unit.level, len(rank))
        ):
            above = f"'{unit.parent}' is a {levels[unit.parent]}"
            yield Problem(
                where, f"unit '{unit.id}' is a {unit.level} but its parent {above}; a parent stands above"
            )


def _loop_from(unit_id: str, parents: dict[str, str | None]) -> list[str]:
    path = [unit_id]
    while (parent := parents.get(path[-1])) is not None:
        if parent == unit_id:
            return [*path, unit_id]
        if parent in path:
            return []
        path.append(parent)
    return []


def _link_faults(cascade: Cascade) -> Iterator[Problem]:
    for position, link in enumerate(cascade.links):
        if link.cause == link.effect:
            where = cascade.where("links", f"#{position}")
            yield Problem(
                where, f"link {link.id}: cause and effect are the same KPI; name another cause or effect"
            )


def _kpi_faults(cascade: Cascade) -> Iterator[Problem]:
    parents = {kpi.id: kpi.parent for kpi in reversed(cascade.kpis)}
    told: set[str] = set()
    for position, kpi in enumerate(cascade.kpis):
        where = cascade.where("kpis", f"#{position}")
        if kpi.better == "near" and kpi.near is None:
            where = cascade.where("kpis", f"#{position}", "better")
            yield Problem(where, f"kpi '{kpi.id}' is better 'near' something; say what with near: <number>")
        if kpi.every is not None and PERIODS_PER_YEAR[kpi.every] > cascade.periods_per_year:
            where = cascade.where("kpis", f"#{position}", "every")
            finer = f"every {kpi.every} is more often than the cascade counts (by {cascade.frequency})"
            yield Problem(where, f"kpi '{kpi.id}': {finer}; leave 'every' out")
        loop = _loop_from(kpi.id, parents)
        if loop and not told & set(loop):
            told |= set(loop)
            where = cascade.where("kpis", f"#{position}", "parent")
            yield Problem(where, f"KPIs form a circle: {' > '.join(loop)}; give one of them another parent")


def _action_faults(cascade: Cascade) -> Iterator[Problem]:
    for position, action in enumerate(cascade.actions):
        for kpi in sorted(set(action.expects) & set(action.unaffected)):
            where = cascade.where("actions", f"#{position}", "unaffected")
            yield Problem(
                where, f"action '{action.id}' expects '{kpi}' to move and to be unaffected; drop one"
            )
        for other in sorted({action.id} & {*action.requires, *action.excludes}):
            where = cascade.where("actions", f"#{position}")
            yield Problem(where, f"action '{other}' requires or excludes itself; drop it there")
        for other in sorted(set(action.requires) & set(action.excludes)):
            where = cascade.where("actions", f"#{position}", "excludes")
            yield Problem(where, f"action '{action.id}' both requires and excludes '{other}'; drop one")
        elsewhere = sorted(set(action.starts) - cascade.with_descendants(action.units))
        for unit in elsewhere if action.units else []:
            where = cascade.where("actions", f"#{position}", "starts")
            yield Problem(
                where, f"action '{action.id}' starts at '{unit}', which is not among its units; add it"
            )


def _periods(cascade: Cascade) -> Iterator[Problem]:
    dated: list[tuple[str, int, str, str | None]] = [
        ("actions", i, "start", action.start) for i, action in enumerate(cascade.actions)
    ]
    dated += [("actions", i, "end", action.end) for i, action in enumerate(cascade.actions)]
    dated += [
        ("actions", i, "starts", period)
        for i, action in enumerate(cascade.actions)
        for period in action.starts.values()
    ]
    dated += [("targets", i, "from", target.start) for i, target in enumerate(cascade.targets)]
    dated += [("targets", i, "to", target.end) for i, target in enumerate(cascade.targets)]
    dated += [
        (noun, i, "weight", weight.start)
        for noun in ("objectives", "factors", "kpis")
        for i, entry in enumerate(getattr(cascade, noun))
        if isinstance(entry.weight, tuple)
        for weight in entry.weight
    ]
    dated += [("breaks", i, "", period) for i, period in enumerate(cascade.breaks)]
    wrong: set[tuple[str, int]] = set()
    for noun, position, key, period in dated:
        if period is None:
            continue
        try:
            parse_period(period, cascade.frequency)
        except ValueError as error:
            wrong.add((noun, position))
            yield Problem(cascade.where(noun, f"#{position}", key), f"{key}: {error}".lstrip(": "))
    yield from _backwards(cascade, wrong)


def _backwards(cascade: Cascade, unreadable: set[tuple[str, int]]) -> Iterator[Problem]:
    for noun in ("actions", "targets"):
        for position, entry in enumerate(getattr(cascade, noun)):
            if (noun, position) in unreadable or entry.start is None or entry.end is None:
                continue
            if cascade.period(entry.end) < cascade.period(entry.start):
                where = cascade.where(noun, f"#{position}", "to" if noun == "targets" else "end")
                yield Problem(
                    where, f"ends in {entry.end}, before it starts in {entry.start}; exchange the two"
                )


def _formulas(cascade: Cascade) -> Iterator[Problem]:
    names: dict[str, tuple[str, ...]] = {}
    for position, kpi in enumerate(cascade.kpis):
        if kpi.formula is None:
            continue
        try:
            names[kpi.id] = formula_names(kpi.formula)
            if not names[kpi.id]:
                raise ValueError(f"'{kpi.formula}' names no measure and no KPI; a formula computes with some")
        except ValueError as error:
            yield Problem(cascade.where("kpis", f"#{position}", "formula"), f"kpi '{kpi.id}': {error}")
    for kpi in cascade.kpis:
        if _reaches_itself(kpi, names):
            yield Problem(
                cascade.where("kpis", kpi.id, "formula"),
                f"kpi '{kpi.id}' is computed from itself; break the circle",
            )


def _reaches_itself(kpi: Kpi, names: dict[str, tuple[str, ...]]) -> bool:
    waiting = [name for name in names.get(kpi.id, ()) if name != kpi.id]
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name == kpi.id:
            return True
        if name not in seen:
            seen.add(name)
            waiting.extend(names.get(name, ()))
    return False
