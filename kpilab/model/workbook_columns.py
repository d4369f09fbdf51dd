"""The columns of the workbook's sheets: what each means, in which form its cells are, what may be chosen."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args

from pydantic import BaseModel

from kpilab.model.cascade import Cascade
from kpilab.model.files import LISTS
from kpilab.model.parts import DatedWeight, Measure, MinEffect
from kpilab.model.references import PLURAL, REFERENCES

Form = Literal["text", "number", "list", "mapping"]

CASCADE_SHEET, MEASURES_SHEET, PAY_SHEET = "cascade", "measures", "pay.yaml"
README_SHEET, LISTS_SHEET = "read me", "lists"

_LISTED = "Several are separated by commas: a, b."
_SHARED = {
    "id": "A short fixed name: letters, digits, '_', '-', '.' and ':'. Other sheets refer to it.",
    "name": "What people call it.",
    "why": "Why it matters, in a sentence.",
    "owner": "Who answers for it: an id of the sheet owners.",
    "process": "The process that carries it: an id of the sheet processes.",
    "weight": "A share from 0 to 1, or dated ones: {from: 2022-01, weight: 0.4}, {from: 2023-01, weight: 0.6}.",
    "source": "Where the figure comes from.",
    "status": "official, or illustrative when the author made it up.",
}
_OWN = {
    CASCADE_SHEET: {
        "cascade": "The name of the whole.",
        "frequency": "How often is counted: day, week, month, quarter or year.",
        "levels": f"The levels of the organisation, top down. {_LISTED}",
        "history": "Where history is: path: history.csv, or url: … and query: …. The workbook does not hold it.",
        "year_start": "The month, 1-12, in which the year begins.",
        "perspectives": f"The perspectives that objectives name. {_LISTED}",
        "breaks": f"Periods in which another regime begins. {_LISTED}",
        "attribution": "Whom to credit for the data.",
    },
    "objectives": {
        "perspective": "One of the perspectives of the sheet cascade.",
        "level": "The level whose objective it is; empty: the whole.",
        "supports": "The objective above that it serves.",
        "priority": "1 is the most important.",
    },
    "factors": {"objective": "The objective that it makes possible: an id of the sheet objectives."},
    "processes": {
        "procedures": "Written ways of working: {id: triage, name: Triage, document: triage.pdf, owner: nurse}, {…}."
    },
    "owners": {"unit": "The unit where this person or role belongs."},
    "units": {
        "unit": "A short fixed name. Other sheets and history refer to it.",
        "level": "One of the levels of the sheet cascade.",
        "parent": "The unit above; empty at the top.",
    },
    "kpis": {
        "factor": "The success factor that it measures: an id of the sheet factors.",
        "parent": "The KPI that it is a part of.",
        "ratio": "Quotient of two measures: of: solved, per: tickets. Give exactly one definition per KPI.",
        "sum": "The measure that is added up.",
        "mean": "Mean of a measure: of: wait, weight: patients.",
        "last": "The measure whose last value counts (a stock).",
        "min": "The measure whose smallest value counts.",
        "max": "The measure whose largest value counts.",
        "formula": "Computed from measures and KPIs: a * b. Written without an equals sign.",
        "better": "Which way is better: higher, lower, or near.",
        "near": "The value to be near to, where better is near.",
        "tolerance": "How far it may miss its target and still be near it: a share, 0.05 unless given.",
        "unit_of_measure": "share, days, EUR, …: how values are written.",
        "levels": f"The levels that have it; empty: all. {_LISTED}",
        "transform": "For links only: log or logit.",
        "every": "Observed less often than the cascade counts: quarter, year, ….",
        "timing": "leading or lagging.",
        "coverage": "The least share of children that must report: 1 unless given.",
    },
    "links": {
        "cause": "The KPI that moves first.",
        "effect": "The KPI that follows.",
        "sign": "+ when both move the same way, - when opposite, ? when open.",
        "lag": "Periods until the effect: 1, or a range: 0, 2.",
        "at": "The level at which it is tested.",
        "because": "Why the one should move the other.",
        "min_effect": "The smallest effect that matters: 0.1, or 0.2 sd.",
        "except": f"Units where it does not hold. {_LISTED}",
        "lags": "How many of its own past values explain the effect.",
    },
    "actions": {
        "kind": "initiative, measurement, structural or shock.",
        "units": f"Where it is done; empty: everywhere. {_LISTED}",
        "start": "The period in which it begins: 2023-04.",
        "starts": "Units with a start of their own: north: 2023-06, south: 2023-09.",
        "end": "The last period, where it ends.",
        "ramp": "Periods until the full effect.",
        "cost": "In the currency of the cascade, 0 or more.",
        "expects": "What it should change, by KPI: attendances: -10%, wait: -2.",
        "unaffected": f"KPIs that it cannot have moved. {_LISTED}",
        "requires": f"Actions without which it cannot be done. {_LISTED}",
        "excludes": f"Actions with which it cannot be done. {_LISTED}",
    },
    "targets": {
        "kpi": "The KPI that has this target.",
        "unit": "Whose target; empty: every unit that has the KPI.",
        "from": "The first period in which it is in force.",
        "to": "The last period in which it is in force.",
        "target": "The value to reach, as a number: 0.95 for 95 %.",
        "baseline": "Where the way to the target began.",
        "red_flag": "The value from which on the KPI is called missed.",
    },
    MEASURES_SHEET: {
        "measure": "The name of a measure in history; only those that differ from the rest need a row.",
        "across": "sum: units add up; same: siblings share it.",
        "over_time": "How periods make a longer one: sum, mean or last.",
    },
}


@dataclass(frozen=True)
class Column:
    """One column of a sheet, or one row of the sheet `cascade`.

    Parameters
    ----------
    key : str
        As in `cascade.yaml`.
    form : {"text", "number", "list", "mapping"}
    choices : str or tuple of str
        What a drop-down offers: the ids of another sheet, by the sheet's name; or words; or nothing.
    meaning : str
        What the comment on its heading says.
    """

    key: str
    form: Form
    choices: str | tuple[str, ...]
    meaning: str


def columns_of(sheet: str, cascade: Cascade | None = None) -> tuple[Column, ...]:
    """Return the columns of a sheet; with a cascade its levels and perspectives may be chosen."""
    if sheet == MEASURES_SHEET:
        name = Column("measure", "text", (), _meaning(sheet, "measure"))
        return (name, *_model_columns(sheet, Measure, cascade))
    if sheet == CASCADE_SHEET:
        skipped = {*LISTS, MEASURES_SHEET}
        return tuple(c for c in _model_columns(sheet, Cascade, cascade) if c.key not in skipped)
    return tuple(_model_columns(sheet, LISTS[sheet], cascade))


def _model_columns(sheet: str, model: type[BaseModel], cascade: Cascade | None) -> Iterator[Column]:
    for name, field in model.model_fields.items():
        key = field.alias or name
        form = _form(list(_types(field.annotation)))
        words = words_of(field.annotation)
        yield Column(key, form, words or _known(sheet, name, form, cascade), _meaning(sheet, key))


def _meaning(sheet: str, key: str) -> str:
    return _OWN[sheet].get(key) or _SHARED.get(key, "")


def _form(types: list[Any]) -> Form:
    """Return the form of a column's cells; a weight may be a number or a list, an effect size a number or text."""
    if DatedWeight in types or MinEffect in types:
        return "number"
    if tuple in types:
        return "list"
    if dict in types or any(isinstance(t, type) and issubclass(t, BaseModel) for t in types):
        return "mapping"
    return "number" if int in types or float in types else "text"


def _types(annotation: Any) -> Iterator[Any]:
    """Yield what an annotation is made of, down to the members of unions but not into containers."""
    origin = getattr(annotation, "__origin__", None)
    if origin in (tuple, dict):
        yield origin
        if origin is tuple:
            yield from (a for a in get_args(annotation) if a is DatedWeight)
        return
    inner = get_args(annotation)
    if not inner:
        yield annotation
    for argument in inner:
        yield from _types(argument)


def words_of(annotation: Any) -> tuple[str, ...]:
    """Return the words that an annotation allows, nothing where it allows more than words."""
    if getattr(annotation, "__origin__", None) is Literal:
        return tuple(get_args(annotation))
    return next((words for words in map(words_of, get_args(annotation)) if words), ())


def _known(sheet: str, name: str, form: Form, cascade: Cascade | None) -> str | tuple[str, ...]:
    if form == "list" or cascade is None:
        return ()
    if name in ("level", "at"):
        return cascade.levels
    if name == "perspective":
        return cascade.perspectives
    kind = REFERENCES.get(sheet, {}).get(name)
    return PLURAL[kind] if kind else ()


SHEETS = (CASCADE_SHEET, *LISTS, MEASURES_SHEET)
"""The sheets that hold the cascade, in their order."""
