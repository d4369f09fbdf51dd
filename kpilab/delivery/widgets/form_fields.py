"""Which fields a form shows for each noun, in which order, and with which choices."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from kpilab.model.cascade import Cascade
from kpilab.model.references import PLURAL, REFERENCES
from kpilab.model.typed import COMPUTED, KIND
from kpilab.words import KPI_KINDS, ActionKind, Better, Frequency, Sign, TargetStatus, Timing, Transform

Choices = Sequence[tuple[str, str]]

FIELDS: dict[str, tuple[str, ...]] = {
    "cascade": ("cascade", "frequency", "levels", "perspectives", "history", "year_start", "attribution"),
    "objectives": ("name", "id", "perspective", "level", "supports", "owner", "priority", "weight", "why"),
    "factors": ("name", "id", "objective", "weight", "why"),
    "kpis": (
        "name", "id", "factor", KIND, COMPUTED, "better", "near", "unit_of_measure", "levels", "owner", "process",
        "parent", "timing", "weight", "why", "tolerance", "every", "transform", "coverage",
    ),
    "units": ("name", "unit", "level", "parent", "owner"),
    "owners": ("name", "id", "unit"),
    "processes": ("name", "id", "owner"),
    "links": ("cause", "effect", "sign", "lag", "at", "min_effect", "because"),
    "actions": (
        "name", "id", "kind", "units", "start", "end", "cost", "owner", "process", "expects", "requires", "status",
    ),
    "targets": ("kpi", "unit", "from", "to", "target", "baseline", "red_flag", "status"),
}  # fmt: skip

_LITERALS: dict[tuple[str, str], Any] = {
    ("cascade", "frequency"): Frequency, ("kpis", "better"): Better, ("kpis", "timing"): Timing,
    ("kpis", "every"): Frequency, ("kpis", "transform"): Transform,
    ("links", "sign"): Sign, ("actions", "kind"): ActionKind, ("actions", "status"): TargetStatus,
    ("targets", "status"): TargetStatus,
}  # fmt: skip
_REQUIRED = {("kpis", KIND), ("cascade", "frequency"), ("links", "sign"), ("actions", "kind")} | {
    (noun, "status") for noun in ("actions", "targets")
}
_SAID = {
    "id": "Id", "unit": "Unit", KIND: "How computed", COMPUTED: "From", "from": "From", "to": "To", "at": "At level",
    "because": "Because", "lag": "Lag (periods)", "min_effect": "Least effect", "expects": "Expected changes",
    "near": "Near what", "unit_of_measure": "Unit of measure", "levels": "Levels", "cascade": "Name",
    "parent": "Parent", "history": "History file", "year_start": "Year begins in month", "red_flag": "Red flag",
    "supports": "Supports goal", "every": "Observed every", "factor": "Success factor",
}  # fmt: skip
_HINTS = {
    ("kpis", COMPUTED): "measures: a / b, or a formula: a * b", ("links", "lag"): "1, or a range: 0-2",
    ("links", "min_effect"): "that would matter: 0.1, or 0.2 sd",
    ("links", "because"): "why the cause should move the effect",
    ("cascade", "levels"): "top down, with commas", ("cascade", "perspectives"): "with commas",
    ("actions", "units"): "with commas; empty: all", ("actions", "expects"): "kpi: -10%, other: 0.05",
    ("actions", "start"): "2024-01", ("targets", "from"): "2024-01", ("targets", "to"): "empty: for good",
    ("objectives", "weight"): "0 to 1", ("factors", "weight"): "0 to 1", ("kpis", "weight"): "0 to 1",
    ("kpis", "tolerance"): "share off the target that is near: 0.05",
    ("kpis", "coverage"): "least share of children: 1",
    ("kpis", "unit_of_measure"): "share, hours, …",
}  # fmt: skip
BY_RULE = {
    "kpi_without_owner": "owner", "kpi_without_factor": "factor", "kpi_without_target": "better",
    "link_without_min_effect": "min_effect", "link_without_reason": "because", "link_level": "at",
    "weights_incomplete": "weight", "weights_do_not_sum": "weight", "process_without_owner": "owner",
    "level_without_kpis": "levels", "level_without_units": "levels", "target_without_kpi": "unit",
    "red_flag_beyond_target": "red_flag", "baseline_is_target": "baseline", "targets_overlap": "from",
    "only_lagging_kpis": "perspective",
}  # fmt: skip
"""Beside which field a finding of `kl.check` stands; others stand under the form."""


@dataclass(frozen=True)
class Field:
    """One field of a form.

    Parameters
    ----------
    name : str
        As it is written in the file.
    label : str
    control : {"text", "choice", "several"}
    choices : sequence of (label, value)
    hint : str
    """

    name: str
    label: str
    control: Literal["text", "choice", "several"]
    choices: Choices = ()
    hint: str = ""


def fields_of(cascade: Cascade, noun: str) -> list[Field]:
    """Return the fields of a form, with the choices that the cascade of now offers."""
    return [_field(cascade, noun, name) for name in FIELDS[noun]]


def _field(cascade: Cascade, noun: str, name: str) -> Field:
    label = _SAID.get(name, name.replace("_", " ").capitalize())
    hint = _HINTS.get((noun, name), "")
    if (noun, name) == ("kpis", "levels"):
        levels = [(level, level) for level in cascade.levels]
        return Field(name, label, "several", levels, "none ticked: all levels")
    choices = _choices(cascade, noun, name)
    if choices is None:
        return Field(name, label, "text", (), hint)
    optional = (noun, name) not in _REQUIRED
    return Field(name, label, "choice", [*([("—", "")] if optional else []), *choices], hint)


def _choices(cascade: Cascade, noun: str, name: str) -> Choices | None:
    if (noun, name) == ("kpis", KIND):
        return [(kind, kind) for kind in KPI_KINDS]
    if (noun, name) in _LITERALS:
        return [(word, word) for word in get_args(_LITERALS[(noun, name)])]
    if name in ("level", "at"):
        return [(level, level) for level in cascade.levels]
    if name == "perspective":
        return [(each, each) for each in cascade.perspectives]
    kind = REFERENCES.get(noun, {}).get(name)
    if kind is None:
        return None
    return [(f"{each.name} ({each.id})", each.id) for each in getattr(cascade, PLURAL[kind])]
