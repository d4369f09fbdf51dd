"""What changed between two versions of a cascade, in sentences: every noun, every field."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from pydantic import BaseModel

from kpilab.model.cascade import Cascade
from kpilab.model.files import LISTS
from kpilab.model.nouns import Target
from kpilab.model.renames import LEVELS, Renames, find_renames, renamed
from kpilab.show import number
from kpilab.words import KPI_KINDS

Kind = Literal["added", "removed", "changed", "renamed"]
DEFINITION = "definition"
_SINGULAR = {
    "objectives": "objective", "factors": "factor", "processes": "process", "owners": "owner", "units": "unit",
    "kpis": "KPI", "links": "link", "actions": "action", "targets": "target", "measures": "measure",
    LEVELS: "level",
}  # fmt: skip
_PARTLY_SAME = {"targets": ("kpi", "unit"), "links": ("cause", "effect")}


@dataclass(frozen=True, eq=False)
class Difference:
    """One change between two versions of a cascade.

    Attributes
    ----------
    kind : {"added", "removed", "changed", "renamed"}
    noun : str
        The list of the cascade it stands in, ``measures``, ``levels`` or ``cascade``.
    id : str
        Of the entry, as it is called now.
    field : str
        As it is written in the file; ``""`` when a whole entry came or went.
    old, new : str
        As people write them; ``""`` where there was or is nothing.
    sentence : str
    before, after : object
        The entry (or value) in either version, under the ids of now; None where there is none.
    fields : tuple of str
        The fields of the entry that change together.
    position : int
        Of the entry in the old list; −1 for one that was added.
    """

    kind: Kind
    noun: str
    id: str
    field: str
    old: str
    new: str
    sentence: str
    before: Any = None
    after: Any = None
    fields: tuple[str, ...] = ()
    position: int = -1


def find_changes(old: Cascade, new: Cascade) -> tuple[Difference, ...]:
    """List everything that differs between two versions of a cascade, list by list in the order of the file."""
    renames = find_renames(old, new)
    same = renamed(old, renames)
    found = [*_of_the_whole(same, new), *_of_measures(same, new)]
    for noun in LISTS:
        for position, before, after in _paired(noun, getattr(same, noun), getattr(new, noun)):
            found += [replace(each, position=position) for each in _of_entry(noun, before, after, new)]
    return (*_renames_said(renames), *found)


def with_changes(old: Cascade, new: Cascade, chosen: Collection[Difference]) -> Cascade:
    """Return the old cascade with some of the changes made: all of them give the new one.

    Parameters
    ----------
    old : Cascade
        Already under the new names; see `renamed`.
    new : Cascade
    chosen : collection of Difference
        Some of `find_changes` of these two.
    """
    by_noun: dict[str, list[Difference]] = defaultdict(list)
    for change in chosen:
        by_noun[change.noun].append(change)
    lists: dict[str, Any] = {
        noun: _list_with(getattr(old, noun), getattr(new, noun), by_noun[noun])
        for noun in LISTS
        if by_noun[noun]
    }
    whole = {change.field: change.after for change in by_noun["cascade"]}
    measures = dict(old.measures)
    for change in by_noun["measures"]:
        measures.pop(change.id, None)
        measures |= {change.id: change.after} if change.after is not None else {}
    return old.replace(**lists, **whole, measures=measures)


def _list_with(old: tuple[Any, ...], new: tuple[Any, ...], changes: list[Difference]) -> tuple[Any, ...]:
    updates: dict[int, dict[str, Any]] = defaultdict(dict)
    gone = {change.position for change in changes if change.kind == "removed"}
    for change in changes:
        if change.kind == "changed":
            updates[change.position] |= {field: getattr(change.after, field) for field in change.fields}
    kept = [
        entry.model_copy(update=updates[position]) if position in updates else entry
        for position, entry in enumerate(old)
        if position not in gone
    ]
    order = {entry.id: position for position, entry in reversed([*enumerate(new)])}
    entries = [*kept, *(change.after for change in changes if change.kind == "added")]
    return tuple(sorted(entries, key=lambda entry: order.get(entry.id, len(order))))


def _renames_said(renames: Renames) -> Iterator[Difference]:
    for noun, names in renames.items():
        for before, after in names.items():
            said = f"{_SINGULAR[noun]} '{before}' is now called '{after}'; nothing else about it changed."
            yield Difference("renamed", noun, after, "id", before, after, _sentence_case(said))


def _of_the_whole(old: Cascade, new: Cascade) -> Iterator[Difference]:
    for field in Cascade.model_fields:
        before, after = getattr(old, field), getattr(new, field)
        if field in LISTS or field == "measures" or before == after:
            continue
        name = _written(Cascade, field)
        said = f"The cascade: {_in_words(name)} {_from_to(before, after)}."
        yield Difference(
            "changed", "cascade", field, field, value_text(before), value_text(after), said, before, after
        )


def _of_measures(old: Cascade, new: Cascade) -> Iterator[Difference]:
    for name in dict.fromkeys((*old.measures, *new.measures)):
        before, after = old.measures.get(name), new.measures.get(name)
        if before != after:
            kind: Kind = "added" if before is None else "removed" if after is None else "changed"
            said = f"How measure '{name}' adds up {_from_to(before, after)}."
            yield Difference(
                kind, "measures", name, "", value_text(before), value_text(after), said, before, after
            )


def _paired(noun: str, old: tuple[Any, ...], new: tuple[Any, ...]) -> Iterator[tuple[int, Any, Any]]:
    """Pair equal entries, then by id, then by what identifies them in part; None for no partner.

    The number is the position in the old list, −1 for a new entry.
    """
    partner: dict[int, int] = {}
    free_old, free_new = dict(enumerate(old)), dict(enumerate(new))
    for key in (("",), ("id",), _PARTLY_SAME.get(noun, ("id",))):
        waiting: dict[object, list[int]] = defaultdict(list)
        for place, entry in free_new.items():
            waiting[_key(entry, key)].append(place)
        for position, entry in list(free_old.items()):
            if waiting[_key(entry, key)]:
                partner[position] = waiting[_key(entry, key)].pop(0)
                del free_old[position], free_new[partner[position]]
    yield from ((i, entry, new[partner[i]] if i in partner else None) for i, entry in enumerate(old))
    yield from ((-1, None, entry) for entry in free_new.values())


def _key(entry: Any, fields: tuple[str, ...]) -> object:
    return repr(entry) if fields == ("",) else tuple(getattr(entry, field) for field in fields)


def _of_entry(noun: str, before: Any, after: Any, new: Cascade) -> Iterator[Difference]:
    entry = after if before is None else before
    label = entry_label(noun, entry)
    if before is None:
        said = f"{label} was added{_told(after)}."
        yield Difference(
            "added", noun, entry.id, "", "", value_text(after), _sentence_case(said), None, after
        )
    elif after is None:
        said = f"{label} was removed."
        yield Difference(
            "removed", noun, entry.id, "", value_text(before), "", _sentence_case(said), before, None
        )
    else:
        yield from _of_fields(noun, label, before, after, new)


def _of_fields(noun: str, label: str, before: Any, after: Any, new: Cascade) -> Iterator[Difference]:
    differing = [f for f in type(after).model_fields if getattr(before, f) != getattr(after, f)]
    defined = tuple(field for field in differing if noun == "kpis" and field in KPI_KINDS)
    if defined:
        texts = before.definition, after.definition
        said = _sentence_case(f"{label}: its definition changed from '{texts[0]}' to '{texts[1]}'.")
        yield Difference("changed", noun, after.id, DEFINITION, *texts, said, before, after, defined)
    for field in differing:
        if field in defined:
            continue
        old, value = getattr(before, field), getattr(after, field)
        written = _written(type(after), field)
        said = f"{label}: {_in_words(written)} {_from_to(old, value)}{_eased(before, after, field, new)}."
        yield Difference(
            "changed", noun, after.id, written, value_text(old), value_text(value), _sentence_case(said),
            before, after, (field,),
        )  # fmt: skip


def _eased(before: Any, after: Any, field: str, new: Cascade) -> str:
    """Say whether a target became easier or harder to reach."""
    if not isinstance(after, Target) or field != "target":
        return ""
    kpi = new.named("kpis", after.kpi)
    better = kpi.better if kpi else None
    if better not in ("higher", "lower"):
        return ""
    easier = (after.target < before.target) == (better == "higher")
    return " (eased)" if easier else " (tightened)"


def entry_label(noun: str, entry: Any) -> str:
    """Return what an entry of a list is called in a sentence."""
    if noun == "targets":
        unit = f"unit '{entry.unit}'" if entry.unit else "every unit"
        return f"target of '{entry.kpi}' for {unit} from {entry.start or 'the beginning'}"
    if noun == "links":
        return f"link {entry.id}" + (f" at level {entry.at}" if entry.at else "")
    name = getattr(entry, "name", "")
    return f"{_SINGULAR[noun]} '{entry.id}'" + (f" ({name})" if name and name != entry.id else "")


def _told(entry: Any) -> str:
    """Return the one thing to know of a new entry."""
    if isinstance(entry, Target):
        return f": {value_text(entry.target)}"
    return f": {entry.definition}" if hasattr(entry, "definition") else ""


def _from_to(before: object, after: object) -> str:
    if before in (None, "", (), {}):
        return f"is now {value_text(after)}; there was none"
    if after in (None, "", (), {}):
        return f"was {value_text(before)}; now there is none"
    return f"changed from {value_text(before)} to {value_text(after)}"


def value_text(value: object) -> str:
    """Write a value as people write it in the file.

    Examples
    --------
    >>> value_text(("a", "b")), value_text(0.25), value_text(None)
    ('[a, b]', '0.25', '')
    """
    if value is None:
        return ""
    if isinstance(value, BaseModel):
        if "__str__" in type(value).__dict__:
            return str(value)
        given = ((_written(type(value), f), getattr(value, f)) for f in type(value).model_fields)
        return ", ".join(
            f"{name}: {value_text(part)}" for name, part in given if part not in (None, "", (), {})
        )
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {value_text(part)}" for key, part in value.items())
    if isinstance(value, tuple | list):
        return f"[{', '.join(value_text(part) for part in value)}]"
    return (
        f"{value:.10g}"
        if isinstance(value, float)
        else str(value)
        if isinstance(value, str)
        else number(value)
    )


def _written(model: type[BaseModel], field: str) -> str:
    return model.model_fields[field].alias or field


def _in_words(field: str) -> str:
    return {"from": "its beginning", "to": "its end", "because": "its reason", "why": "its reason"}.get(
        field, f"its {field.replace('_', ' ')}"
    )


def _sentence_case(text: str) -> str:
    return text[:1].upper() + text[1:]
