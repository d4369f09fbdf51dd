"""Which fields a form shows for each noun: every one that a file can hold, in an order to read, with its choices."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from kpilab.model.cascade import Cascade
from kpilab.model.editing import WHOLE
from kpilab.model.files import LISTS
from kpilab.model.references import PLURAL
from kpilab.model.rows import Table, table_of
from kpilab.model.typed import COMPUTED, KIND, SEVERAL
from kpilab.model.workbook_columns import CASCADE_SHEET, Column, columns_of, words_of
from kpilab.words import KPI_KINDS

Choices = Sequence[tuple[str, str]]
Control = Literal["text", "choice", "ticks", "names", "rows"]

_FIRST: dict[str, tuple[str, ...]] = {
    WHOLE: (WHOLE, "frequency", "levels", "perspectives", "history", "year_start", "breaks", "measures"),
    "objectives": ("name", "id", "perspective", "level", "supports", "owner", "priority"),
    "factors": ("name", "id", "objective"),
    "kpis": (
        "name", "id", "factor", KIND, COMPUTED, "better", "near", "unit_of_measure", "levels", "owner", "process",
        "parent", "timing", "weight", "why",
    ),
    "units": ("name", "unit"),
    "owners": ("name",),
    "processes": ("name",),
    "links": ("cause", "effect", "sign", "lag", "at", "min_effect", "because"),
    "actions": ("name", "id", "kind", "units", "start", "starts", "end"),
    "targets": (),
}  # fmt: skip
"""What comes first; the other fields of the noun follow as its model has them."""


def _in_order(noun: str) -> tuple[str, ...]:
    model = LISTS.get(noun, Cascade)
    written = [field.alias or name for name, field in model.model_fields.items()]
    elsewhere = KPI_KINDS if noun in LISTS else LISTS
    rest = [name for name in written if name not in elsewhere]
    return tuple(dict.fromkeys((*_FIRST[noun], *rest)))


FIELDS: dict[str, tuple[str, ...]] = {noun: _in_order(noun) for noun in _FIRST}

_REQUIRED = {("kpis", KIND), (WHOLE, "frequency"), ("links", "sign"), ("actions", "kind")} | {
    (noun, "status") for noun in ("actions", "targets")
}
_NAMED = {
    "units": "units",
    "except": "units",
    "unaffected": "kpis",
    "requires": "actions",
    "excludes": "actions",
}
"""Lists that a field with several names takes them from."""
_SAID = {
    "id": "Id", COMPUTED: "From", "from": "From", "to": "To", "at": "At level",
    "because": "Because", "lag": "Lag (periods)", "min_effect": "Least effect", "expects": "Expected changes",
    "near": "Near what", "unit_of_measure": "Unit of measure", "levels": "Levels", "cascade": "Name",
    "parent": "Parent", "history": "History", "year_start": "Year begins in month", "red_flag": "Red flag",
    "supports": "Supports goal", "starts": "Starts by unit", "except": "Except at",
    "lags": "Own lags", "ramp": "Ramp (periods)", "breaks": "Breaks", "measures": "How measures add up",
    "unaffected": "Unaffected KPIs", "unit": "Unit", "every": "Observed every", "factor": "Success factor",
}  # fmt: skip
_HINTS = {
    ("kpis", COMPUTED): "measures: a / b, or a formula: a * b", ("links", "lag"): "1, or a range: 0-2",
    ("links", "min_effect"): "that would matter: 0.1, or 0.2 sd",
    ("links", "because"): "why the cause should move the effect",
    (WHOLE, "levels"): "top down, with commas", (WHOLE, "perspectives"): "with commas",
    ("actions", "units"): "with commas; empty: all", ("actions", "start"): "2024-01", ("targets", "from"): "2024-01",
    ("targets", "to"): "empty: for good",
    (WHOLE, "breaks"): "periods with commas: 2020-03", ("links", "lags"): "own past values: 1",
    ("actions", "ramp"): "until the full effect: 6",
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
    "only_lagging_kpis": "perspective", "objective_untraced": "supports", "objective_wrong_level": "supports",
    "objective_not_carried_down": "level", "kpi_blind_spot": "levels", "shared_measures": "effect",
    "kpi_without_history": COMPUTED, "kpi_incomplete": COMPUTED, "kpi_late": COMPUTED, "kpi_noisy": COMPUTED,
    "kpi_definition_break": COMPUTED, "kpi_near_duplicates": COMPUTED, "sudden_break": COMPUTED,
    "numerator_above_denominator": COMPUTED, "zero_denominator": COMPUTED, "kpi_without_process": "process",
    "leading_without_link": "timing", "leading_unsupported": "timing", "red_kpi_without_action": "better",
    "bunching_at_target": "better", "never_misses": "better", "year_end_spike": "better",
    "action_before_history": "start", "action_after_history": "start", "action_out_of_reach": "units",
    "action_without_kpi": "expects", "action_without_objective": "expects", "gap": "unit", "unit_starts": "unit",
    "unit_ends": "unit", "parent_differs": "parent",
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
    control : {"text", "choice", "ticks", "names", "rows"}
        A line of text; one of the choices; ticks; names with commas, or chosen one by one; a little table.
    choices : sequence of (label, value)
    hint : str
    meaning : str
        What the field says, in a sentence.
    table : Table, optional
        How the text becomes rows.
    columns : sequence of (name, choices)
        Of the rows; a column without choices is typed.
    """

    name: str
    label: str
    control: Control
    choices: Choices = ()
    hint: str = ""
    meaning: str = ""
    table: Table | None = None
    columns: Sequence[tuple[str, Choices]] = ()


def fields_of(cascade: Cascade, noun: str) -> list[Field]:
    """Return the fields of a form, with the choices that the cascade of now offers."""
    sheet = CASCADE_SHEET if noun == WHOLE else noun
    columns = {column.key: column for column in columns_of(sheet, cascade)}
    return [_field(cascade, noun, name, columns.get(name)) for name in FIELDS[noun]]


def _field(cascade: Cascade, noun: str, name: str, column: Column | None) -> Field:
    label = (
        "How computed"
        if (noun, name) == ("kpis", KIND)
        else _SAID.get(name, name.replace("_", " ").capitalize())
    )
    hint, meaning = _HINTS.get((noun, name), ""), column.meaning if column else ""
    if (table := table_of(noun, name)) is not None:
        columns = [(each, _cell_choices(cascade, table, each)) for each in table.columns]
        return Field(name, label, "rows", (), hint, meaning, table, columns)
    if (noun, name) == ("kpis", "levels"):
        return Field(name, label, "ticks", [(level, level) for level in cascade.levels], hint, meaning)
    if name in SEVERAL and name in _NAMED:
        return Field(name, label, "names", _entries(cascade, _NAMED[name]), hint, meaning)
    choices = (
        [(kind, kind) for kind in KPI_KINDS] if (noun, name) == ("kpis", KIND) else _choices(cascade, column)
    )
    if not choices and (column is None or not column.choices):
        return Field(name, label, "text", (), hint, meaning)
    optional = (noun, name) not in _REQUIRED
    return Field(name, label, "choice", [*([("—", "")] if optional else []), *choices], hint, meaning)


def _choices(cascade: Cascade, column: Column | None) -> Choices:
    if column is None:
        return ()
    if isinstance(column.choices, str):
        return _entries(cascade, column.choices)
    return [(word, word) for word in column.choices]


def _cell_choices(cascade: Cascade, table: Table, column: str) -> Choices:
    field = table.part.model_fields.get(column) if table.part else None
    words = words_of(field.annotation) if field else ()
    choices = [(word, word) for word in words] or _entries(cascade, PLURAL.get(column, ""))
    return [("—", ""), *choices] if choices else ()


def _entries(cascade: Cascade, noun: str) -> Choices:
    return [(f"{each.name} ({each.id})", each.id) for each in getattr(cascade, noun, ())]
