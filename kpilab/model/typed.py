"""What people type into a cell or a form, as a file would hold it, and back again."""

import re
from collections.abc import Mapping
from typing import Any

from kpilab.model.parts import Noun
from kpilab.model.saving import as_written
from kpilab.words import KPI_KINDS

SEVERAL = {"levels", "perspectives", "breaks", "units", "except", "unaffected", "requires", "excludes"}
PAIRS = {"expects", "starts"}
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
    """Return what one would type to say the same; what has no short form is left out."""
    texts = {field: _text(value) for field, value in as_written(entry).items()}
    if noun == "kpis":
        kind = next(kind for kind in KPI_KINDS if kind in texts)
        texts |= {KIND: kind, COMPUTED: texts.pop(kind)}
    return {field: text for field, text in texts.items() if text is not None}


def _value(noun: str, field: str, text: str) -> Any:
    if not text:
        return None
    if field in SEVERAL:
        return [part.strip() for part in re.split(r"[,;]", text) if part.strip()]
    if field in PAIRS:
        parts = (part.partition(":") for part in re.split(r"[,;]", text) if part.strip())
        return {name.strip(): value.strip() for name, _, value in parts}
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
    return {"path": text} if noun == "cascade" and field == "history" else text


def _text(value: Any) -> str | None:
    match value:
        case {"of": of, "per": per}:
            return f"{of} / {per}"
        case {"of": of}:
            return f"{of}{_WEIGHTED}{value['weight']}" if value.get("weight") else str(of)
        case {"path": [path]}:
            return str(path)
        case dict():
            return ", ".join(f"{name}: {part}" for name, part in value.items())
        case list() if any(isinstance(part, dict) for part in value):
            return None
        case [int(first), int(last)]:
            return str(first) if first == last else f"{first}-{last}"
        case list():
            return ", ".join(str(part) for part in value)
        case _:
            return "" if value is None else f"{value:.10g}" if isinstance(value, float) else str(value)
