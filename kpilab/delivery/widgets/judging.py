"""An edit that is only tried: what is wrong with it, or what is weak about the entry after it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from kpilab.evidence import action_checks, map_checks
from kpilab.model import checks, editing, history_checks, level_checks
from kpilab.model.cascade import Cascade
from kpilab.model.history import History
from kpilab.model.references import PLURAL
from kpilab.model.typed import typed
from kpilab.problems import Finding, InputError, Problem
from kpilab.scorecard import goal_coverage, kpi_quality, quality, quality_findings

Place = tuple[str, Any]
"""A noun and the key of an entry."""

RENAMED = "renamed_elsewhere"
WHOLE: Place = (editing.WHOLE, "")
REFUSED = {"loop_without_lag": "lag", "objective_circle": "supports"}
"""Errors of a strategy that an edit may not bring in, and the field that does: a reader of files lets them pass."""


@dataclass(frozen=True)
class Judgement:
    """What an edit would lead to.

    Parameters
    ----------
    problems : sequence of Problem
        Why it is refused; `where` is the field.
    findings : sequence of Finding
        What is weak about the entry, history aside.
    after : Cascade, optional
        With the edit made; None when it is refused.
    noun : str
    entry : object
        After the edit.
    """

    problems: Sequence[Problem]
    findings: Sequence[Finding]
    after: Cascade | None
    noun: str
    entry: Any = None


def judged_addition(cascade: Cascade, noun: str, texts: dict[str, str]) -> Judgement:
    """Judge an entry that would be added, given as it was typed."""
    return _judged(
        cascade,
        lambda: editing.add(cascade, noun, typed(noun, texts)),
        noun,
        lambda after: getattr(after, noun)[-1],
    )


def judged_change(cascade: Cascade, place: Place, texts: dict[str, str]) -> Judgement:
    """Judge an entry that would be changed to what was typed; under another id it is renamed first."""
    noun, key = place
    if place == WHOLE:

        def whole() -> Cascade:
            fields, after = typed(noun, texts), cascade
            for old, new in renamed_levels(cascade, fields.get("levels")):
                after = editing.rename(after, "levels", old, new)
            return editing.change(after, noun, "", fields)

        return _judged(cascade, whole, noun, lambda after: after)
    position = editing.place_of(cascade, noun, key)
    new: Any = texts.get(identity_of(noun), key) if has_id(noun) else key

    def tried() -> Cascade:
        after = editing.rename(cascade, noun, key, new) if new != key else cascade
        return editing.change(after, noun, new, typed(noun, texts))

    return _judged(cascade, tried, noun, lambda after: getattr(after, noun)[position])


def renamed_levels(cascade: Cascade, levels: Sequence[str] | None) -> list[tuple[str, str]]:
    """Return the levels that stand in the same place under a new name: as many, and none moved."""
    if levels is None or len(levels) != len(cascade.levels):
        return []
    pairs = [(old, new) for old, new in zip(cascade.levels, levels, strict=True) if old != new]
    moved = any(old in levels or new in cascade.levels for old, new in pairs)
    return [] if moved else pairs


def named_elsewhere(cascade: Cascade, noun: str, key: str) -> list[Finding]:
    """Say which files of history go on naming a unit by its old id: no edit reaches them."""
    files = cascade.history.path or ("the query of history",)
    return [
        Finding("warning", RENAMED, file, f"{file} goes on saying '{key}'", "rename it there by hand")
        for file in (files if noun == "units" else ())
    ]


def fits(cascade: Cascade, history: History) -> bool:
    """Tell whether a history was read for the units that a cascade has."""
    return history.units == tuple(unit.id for unit in cascade.units)


def has_id(noun: str) -> bool:
    """Tell whether entries of a noun have an id of their own."""
    return noun in PLURAL.values()


def identity_of(noun: str) -> str:
    """Return what the id of a noun is called in its file."""
    return "unit" if noun == "units" else "id"


def history_findings(cascade: Cascade, history: History) -> list[Finding]:
    """List what a history says against the entries of a cascade; on the example this takes half a second."""
    table = kpi_quality.kpi_quality(cascade, history, None)
    return [
        *action_checks.findings(cascade, history),
        *history_checks.findings(cascade, history),
        *quality.findings(cascade, history),
        *quality_findings.findings(cascade, table),
    ]


def about(found: Iterable[Finding], noun: str, entry: Any) -> list[Finding]:
    """Return the findings that speak of an entry."""
    names = _named(noun, entry)
    begins = (f"{entry.id}:", f"{entry.id} ", f"{entry.id},") if noun == "units" else ()
    return [
        each for each in found if any(name in each.what for name in names) or each.what.startswith(begins)
    ]


def _judged(
    before: Cascade, tried: Callable[[], Cascade], noun: str, entry_of: Callable[[Cascade], Any]
) -> Judgement:
    try:
        after = tried()
    except InputError as error:
        return Judgement(error.problems, (), None, noun)
    entry = entry_of(after)
    if noun == editing.WHOLE:
        return Judgement((), (), after, noun, entry)
    found = _findings(after)
    refused = [each for each in found if each.rule in REFUSED]
    if refused:
        known = {each.what for each in _findings(before)}
        brought_in = [each for each in refused if each.what not in known]
        if brought_in:
            first = {
                each.rule: each for each in reversed(brought_in)
            }.values()  # a circle is told from each end
            problems = [Problem(REFUSED[each.rule], f"{each.what}; {each.remedy}") for each in first]
            return Judgement(problems, (), None, noun)
    return Judgement((), about(found, noun, entry), after, noun, entry)


def _findings(cascade: Cascade) -> list[Finding]:
    """List what is weak in a cascade, history aside."""
    covered = goal_coverage.goal_coverage(cascade, None)
    return [
        *checks.findings(cascade),
        *level_checks.findings(cascade),
        *map_checks.findings(cascade),
        *action_checks.findings(cascade, None),
        *goal_coverage.findings(cascade, covered, False),
    ]


def _named(noun: str, entry: Any) -> tuple[str, ...]:
    """Return how findings speak of an entry."""
    if noun == editing.WHOLE:
        return ()
    if noun == "targets":
        return (f"target at '{entry.unit}'", f"'{entry.kpi}'")
    return (f"link {entry.id} ", f"link {entry.id}:") if noun == "links" else (f"'{entry.id}'",)
