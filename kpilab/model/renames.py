"""Ids that were only renamed between two versions of a cascade: everything else about them is equal."""

import re
from collections.abc import Mapping
from typing import Any

from kpilab.model.cascade import Cascade
from kpilab.model.parts import Noun
from kpilab.model.references import PLURAL, REFERENCES

LEVELS = "levels"
_NAMED = tuple(PLURAL.values())

Renames = Mapping[str, Mapping[str, str]]
"""Old id to new id, per list of the cascade (and for ``levels``)."""


def find_renames(old: Cascade, new: Cascade) -> Renames:
    """Find the ids of `old` that stand in `new` under another name, with everything else equal.

    An entry whose references were renamed too still counts as equal. One that could be either of two others
    counts as removed, and they as added.
    """
    found: dict[str, dict[str, str]] = {noun: {} for noun in _NAMED}
    found[LEVELS] = _renamed_levels(old, new)
    while True:
        known = sum(map(len, found.values()))
        translated = renamed(old, found)
        for noun in _NAMED:
            found[noun] |= _renamed_entries(getattr(translated, noun), getattr(new, noun))
        if sum(map(len, found.values())) == known:
            return found


def renamed(cascade: Cascade, renames: Renames) -> Cascade:
    """Return the cascade with ids, and whatever refers to them, under their new names."""
    changes: dict[str, Any] = {
        noun: tuple(_entry_renamed(noun, entry, renames) for entry in getattr(cascade, noun))
        for noun in (
            "objectives",
            "factors",
            "processes",
            "owners",
            "units",
            "kpis",
            "links",
            "actions",
            "targets",
        )
    }
    levels = renames.get(LEVELS, {})
    return cascade.replace(**changes, levels=tuple(levels.get(level, level) for level in cascade.levels))


def _renamed_levels(old: Cascade, new: Cascade) -> dict[str, str]:
    """Levels are renamed when as many stand in the same order, and no name moved to another place."""
    if len(old.levels) != len(new.levels) or old.levels == new.levels:
        return {}
    pairs = [(a, b) for a, b in zip(old.levels, new.levels, strict=True) if a != b]
    if any(a in new.levels or b in old.levels for a, b in pairs):
        return {}
    return dict(pairs)


def _renamed_entries(old: tuple[Any, ...], new: tuple[Any, ...]) -> dict[str, str]:
    old_ids, new_ids = {entry.id for entry in old}, {entry.id for entry in new}
    gone = [entry for entry in old if entry.id not in new_ids]
    fresh = [entry for entry in new if entry.id not in old_ids]
    candidates = {
        before.id: [after.id for after in fresh if before.model_copy(update={"id": after.id}) == after]
        for before in gone
    }
    taken = [after for found in candidates.values() for after in found]
    return {
        before: found[0]
        for before, found in candidates.items()
        if len(found) == 1 and taken.count(found[0]) == 1
    }


def _entry_renamed(noun: str, entry: Noun, renames: Renames) -> Noun:
    changes: dict[str, Any] = {}

    def change(field: str, kind: str, value: Any) -> None:
        if value is not None and value in renames.get(kind, {}):
            changes[field] = renames[kind][value]

    if noun in renames:
        change("id", noun, getattr(entry, "id", None))
    for field, kind in REFERENCES[noun].items():
        change(field, PLURAL[kind], getattr(entry, field))
    for field in ("level", "at"):
        change(field, LEVELS, getattr(entry, field, None))
    changes |= _nested(entry, renames)
    return entry.model_copy(update=changes) if changes else entry


def _nested(entry: Any, renames: Renames) -> dict[str, Any]:
    """Return the fields that hold several references, translated."""
    units, kpis, owners = (renames.get(noun, {}) for noun in ("units", "kpis", "owners"))
    changes: dict[str, Any] = {}
    actions = renames.get("actions", {})
    lists = {"units": units, "excluded": units, "unaffected": kpis, LEVELS: renames.get(LEVELS, {})}
    lists |= {"requires": actions, "excludes": actions}
    for field, names in lists.items():
        if names and hasattr(entry, field):
            changes[field] = tuple(names.get(name, name) for name in getattr(entry, field))
    for field, names in (("expects", kpis), ("starts", units)):
        if names and hasattr(entry, field):
            changes[field] = {names.get(name, name): value for name, value in getattr(entry, field).items()}
    if kpis and getattr(entry, "formula", None):
        changes["formula"] = re.sub(r"\w+", lambda word: kpis.get(word[0], word[0]), entry.formula)
    if owners and hasattr(entry, "procedures"):
        changes["procedures"] = tuple(
            step.model_copy(update={"owner": owners.get(step.owner or "", step.owner)})
            for step in entry.procedures
        )
    return changes
