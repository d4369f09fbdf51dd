"""What people type into a cell or a form, as a file would hold it, and back again."""

import re
from collections.abc import Mapping
from typing import Any

from kpilab.model.files import LISTS
from kpilab.model.parts import Noun
from kpilab.model.rows import listed_in, listing, rows_of_value, table_of, text_of_rows, value_of
from kpilab.model.saving import as_written
from kpilab.problems import one_problem
from kpilab.words import KPI_KINDS

SEVERAL = {"levels", "perspectives", "breaks", "units", "except", "unaffected", "requires", "excludes"}
KIND, COMPUTED = "kind", "computed"
_WEIGHTED = " weighted by "


def typed(noun: str, texts: Mapping[str, str]) -> dict[str, Any]:
    """Return an entry as a file would hold it; a field that is left empty is None.

    Parameters
    ----------
    noun : str
        A list of the cascade, or "cascade".
    texts : mapping of str to str
        By field. Of a KPI, ``kind`` and ``computed`` together say how it is computed.

    Examples
    --------
    >>> typed("kpis", {"kind": "ratio", "computed": "orders / visits", "levels": "shop, company"})
    {'levels': ['shop', 'company'], 'ratio': {'of': 'orders', 'per': 'visits'}}
    >>> typed("links", {"cause": "calls", "lag": "0-2", "because": ""})
    {'cause': 'calls', 'lag': [0, 2], 'because': None}
    """
    texts = dict(texts)
    if noun == "kpis" and KIND in texts:
        kind, computed = texts.pop(KIND), texts.pop(COMPUTED, "")
        if kind in KPI_KINDS:
            texts[kind] = computed
    return {field: _value(noun, field, text.strip()) for field, text in texts.items()}


def texts_of(noun: str, entry: Noun) -> dict[str, str]:
    """Return what one would type to say the same."""
    written = as_written(entry)
    said = [field for field in written if noun in LISTS or field not in LISTS]
    texts = {field: _text(noun, field, written[field]) for field in said}
    if noun == "kpis":
        kind = next(kind for kind in KPI_KINDS if kind in texts)
        texts |= {KIND: kind, COMPUTED: texts.pop(kind)}
    return texts


def _value(noun: str, field: str, text: str) -> Any:
    if not text:
        return None
    if field in SEVERAL:
        return listed_in(text)
    table = table_of(noun, field)
    if table is not None:
        try:
            return value_of(table, text)
        except ValueError as error:
            raise one_problem(field, str(error)) from error
    if field == "ratio":
        of, _, per = text.partition("/")
        return {"of": of.strip(), **({"per": per.strip()} if per.strip() else {})}
    if field == "mean":
        of, _, weight = text.partition(_WEIGHTED)
        return {"of": of.strip(), "weight": weight.strip() or None}
    if field == "lag":
        found = re.fullmatch(r"\[?(\d+)(?:\s*(?:-|–|,|\.\.|to)\s*(\d+))?\]?", text)
        return [int(lag or found[1]) for lag in found.groups()] if found else text
    if noun == "links" and field == "min_effect" and re.fullmatch(r"[\d.]+", text):
        return float(text)
    return text


def _text(noun: str, field: str, value: Any) -> str:
    table = table_of(noun, field)
    if table is not None:
        return text_of_rows(table, rows_of_value(table, value))
    match value:
        case {"of": of, "per": per}:
            return f"{of} / {per}"
        case {"of": of}:
            return f"{of}{_WEIGHTED}{value['weight']}" if value.get("weight") else str(of)
        case [int(first), int(last)]:
            return str(first) if first == last else f"{first}-{last}"
        case list():
            return listing(value)
        case _:
            return "" if value is None else f"{value:.15g}" if isinstance(value, float) else str(value)
