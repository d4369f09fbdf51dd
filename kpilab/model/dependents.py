"""What hangs on an entry of a cascade, and what becomes of it when the entry goes."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kpilab.model.cascade import Cascade
from kpilab.model.changes import entry_label
from kpilab.model.formula import formula_names
from kpilab.model.references import PLURAL, REFERENCES, references

_VITAL = {
    ("factors", "objective"), ("links", "cause"), ("links", "effect"), ("targets", "kpi"), ("targets", "unit"),
    ("units", "parent"), ("kpis", "formula"),
}  # fmt: skip
"""References without which an entry would say nothing, or something else."""
_SEVERAL = {
    "units": "units", "excluded": "units", "starts": "units", "expects": "kpis", "unaffected": "kpis",
    "requires": "actions", "excludes": "actions",
}  # fmt: skip
_SAID = {"objective": "serves", "factor": "serves", "formula": "computes with", "parent": "stands below"}


@dataclass(frozen=True)
class Dependent:
    """An entry that names another one.

    Parameters
    ----------
    noun : str
        The list it stands in.
    key : str
        Its id.
    field : str
        Where it names the other, as it is written in the file.
    position : int
        Of the entry in its list.
    goes : bool
        Whether it is removed with the other; else it stays and names nothing there.
    sentence : str
    """

    noun: str
    key: str
    field: str
    position: int
    goes: bool
    sentence: str


def dependents_of(cascade: Cascade, noun: str, entry: Any) -> tuple[Dependent, ...]:
    """List the entries that name this one directly, in the order of the file."""
    found = [_dependent(cascade, *place, entry) for place in _naming(cascade, noun, entry.id)]
    return tuple(dict.fromkeys(found))


def _naming(cascade: Cascade, noun: str, entry_id: str) -> Iterator[tuple[str, int, str]]:
    """Yield list, position and key wherever an entry is named."""
    if noun not in PLURAL.values():
        return
    for other, position, key, kind, named in references(cascade):
        if named == entry_id and PLURAL[kind] == noun:
            yield other, position, key
    if noun == "kpis":
        for position, kpi in enumerate(cascade.kpis):
            if kpi.formula is not None and kpi.id != entry_id and entry_id in formula_names(kpi.formula):
                yield "kpis", position, "formula"


def _dependent(cascade: Cascade, noun: str, position: int, key: str, named: Any) -> Dependent:
    entry = getattr(cascade, noun)[position]
    goes = (noun, key) in _VITAL or (noun == "actions" and key == "units" and entry.units == (named.id,))
    stays = "it stays, without that"
    if key == "formula" and named.id in _measures_of(cascade):
        goes, stays = False, "it stays, and computes with the measure of that name"
    how = f"{_SAID.get(key, f'names it under {key}:')}".removesuffix(":")
    fate = "it goes too" if goes else stays
    if noun == "links":
        how = {"cause": "begins there", "effect": "ends there"}.get(key, how)
    elif how in _SAID.values():
        how = f"{how} it"
    sentence = f"{entry_label(noun, entry)} {how}: {fate}."
    return Dependent(noun, entry.id, key, position, goes, sentence[:1].upper() + sentence[1:])


def _measures_of(cascade: Cascade) -> frozenset[str]:
    """Return the names that KPIs use for measures, formulas aside: there a KPI comes first."""
    named: set[str] = set(cascade.measures)
    for kpi in cascade.kpis:
        named |= {kpi.ratio.of, kpi.ratio.per} if kpi.ratio else set()
        named |= {kpi.mean.of, kpi.mean.weight or kpi.mean.of} if kpi.mean else set()
        named |= {name for name in (kpi.sum, kpi.last, kpi.min, kpi.max) if name}
    return frozenset(named)


def without(entry: Any, noun: str, gone: Mapping[str, Collection[str]]) -> Any:
    """Return an entry that no longer names what is gone; `gone` are ids by the list they stood in."""
    changes: dict[str, Any] = {}
    for field, kind in REFERENCES[noun].items():
        if getattr(entry, field) in gone.get(PLURAL[kind], ()):
            changes[field] = None
    for field, plural in _SEVERAL.items():
        named = getattr(entry, field, None)
        if named and plural in gone:
            kept = [name for name in named if name not in gone[plural]]
            changes[field] = {name: named[name] for name in kept} if isinstance(named, dict) else tuple(kept)
    if noun == "processes":
        changes["procedures"] = tuple(
            step.model_copy(update={"owner": None}) if step.owner in gone.get("owners", ()) else step
            for step in entry.procedures
        )
    return entry.model_copy(update=changes)
