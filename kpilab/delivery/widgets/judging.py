"""An edit that is only tried: what is wrong with it, or what is weak about the entry after it."""

from collections.abc import Callable, Sequence
from typing import Any

from kpilab.evidence import map_checks
from kpilab.model import checks, editing, level_checks
from kpilab.model.cascade import Cascade
from kpilab.model.references import PLURAL
from kpilab.model.typed import typed
from kpilab.problems import Finding, InputError, Problem

Place = tuple[str, Any]
"""A noun and the key of an entry."""

RENAMED = "renamed_elsewhere"
WHOLE: Place = (editing.WHOLE, "")
Judgement = tuple[Sequence[Problem], Sequence[Finding]]


def judged_addition(cascade: Cascade, noun: str, texts: dict[str, str]) -> Judgement:
    """Judge an entry that would be added, given as it was typed."""
    return _judged(
        lambda: editing.add(cascade, noun, typed(noun, texts)), noun, lambda after: getattr(after, noun)[-1]
    )


def judged_change(cascade: Cascade, place: Place, texts: dict[str, str]) -> Judgement:
    """Judge an entry that would be changed to what was typed; under another id it is renamed first."""
    noun, key = place
    if place == WHOLE:
        return _judged(
            lambda: editing.change(cascade, noun, "", typed(noun, texts)), noun, lambda after: after
        )
    position = editing.place_of(cascade, noun, key)

    new: Any = texts.get(identity_of(noun), key) if has_id(noun) else key

    def tried() -> Cascade:
        after = editing.rename(cascade, noun, key, new) if new != key else cascade
        return editing.change(after, noun, new, typed(noun, texts))

    problems, findings = _judged(tried, noun, lambda after: getattr(after, noun)[position])
    return problems, [*findings, *(_named_elsewhere(cascade, noun, key) if new != key else ())]


def has_id(noun: str) -> bool:
    """Tell whether entries of a noun have an id of their own."""
    return noun in PLURAL.values()


def identity_of(noun: str) -> str:
    """Return what the id of a noun is called in its file."""
    return "unit" if noun == "units" else "id"


def _named_elsewhere(cascade: Cascade, noun: str, key: str) -> list[Finding]:
    """Say which files beside the cascade go on naming an entry by its old id: no edit reaches them."""
    files = [", ".join(cascade.history.path) or "the query of history"] if noun == "units" else []
    pay = cascade.folder / "pay.yaml"
    if noun in ("units", "owners", "kpis", "objectives") and pay.is_file():
        files += [pay.name] if key in pay.read_text(encoding="utf-8", errors="replace") else []
    return [
        Finding("warning", RENAMED, file, f"{file} goes on saying '{key}'", "rename it there too")
        for file in files
    ]


def _judged(tried: Callable[[], Cascade], noun: str, entry_of: Callable[[Cascade], Any]) -> Judgement:
    try:
        after = tried()
    except InputError as error:
        return error.problems, ()
    entry = entry_of(after)
    names = _named(noun, entry)
    found = (
        [*checks.findings(after), *level_checks.findings(after), *map_checks.findings(after)] if names else []
    )
    return (), [each for each in found if any(name in each.what for name in names)]


def _named(noun: str, entry: Any) -> tuple[str, ...]:
    """Return how findings speak of an entry."""
    if noun == editing.WHOLE:
        return ()
    if noun == "targets":
        return (f"target at '{entry.unit}'", f"'{entry.kpi}'")
    return (f"link {entry.id} ",) if noun == "links" else (f"'{entry.id}'",)
