"""Fields that hold several small parts, as a little table: procedures, dated weights, starts, measures.

A row is what the columns say, as text; the text of the whole field is what a file would say, in one line.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel

from kpilab.model.cascade import Cascade
from kpilab.model.files import LISTS
from kpilab.model.nouns import Source
from kpilab.model.one_line import one_line, read_line
from kpilab.model.parts import DatedWeight, Noun

Shape = Literal["entries", "pairs", "named", "one"]
Row = dict[str, str]

_KEYS = {"starts": ("unit", "start"), "expects": ("kpi", "change"), "measures": ("measure", "")}
"""What the keys, and the values, of a set of 'key: value' are called."""
_NAMES = re.compile(r'\s*("(?:[^"]|"")*"(?=\s*(?:[,;]|$))|[^,;]+)')
_PARTED = re.compile(r'[,;]|^\s|\s$|^"')
_NUMBERS = {"weight"}


@dataclass(frozen=True)
class Table:
    """How a field becomes rows.

    Parameters
    ----------
    shape : {"entries", "pairs", "named", "one"}
        A list of parts, a set of 'key: value', a set of parts by their names, or one part.
    columns : tuple of str
        As the file calls them.
    part : type, optional
        The model of a part.
    """

    shape: Shape
    columns: tuple[str, ...]
    part: type[Noun] | None = None


@cache
def table_of(noun: str, field: str) -> Table | None:
    """Return how a field becomes rows; None for one that says a single thing, or a list of names.

    Examples
    --------
    >>> table_of("processes", "procedures").columns
    ('id', 'name', 'document', 'owner')
    >>> table_of("factors", "weight").columns, table_of("kpis", "name")
    (('weight', 'from'), None)
    """
    if (noun, field) == ("cascade", "history"):
        return Table("one", _written(Source), Source)
    model = LISTS.get(noun, Cascade)
    annotation = next(
        (f.annotation for name, f in model.model_fields.items() if field in (name, f.alias)), None
    )
    within = list(_within(annotation))
    if DatedWeight in within:
        return Table("entries", ("weight", "from"), DatedWeight)
    if field in _KEYS:
        key, value = _KEYS[field]
        part = None if value else within[-1]
        return Table(
            "pairs" if value else "named", (key, *((value,) if part is None else _written(part))), part
        )
    parts = [each for each in within if _is_part(each)]
    listed = any(get_origin(each) is tuple for each in _unions(annotation))
    return Table("entries", _written(parts[0]), parts[0]) if parts and listed else None


def _written(model: type[BaseModel]) -> tuple[str, ...]:
    return tuple(field.alias or name for name, field in model.model_fields.items())


def _is_part(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Noun) and "__str__" not in vars(kind)


def _unions(annotation: Any) -> tuple[Any, ...]:
    return (annotation,) if get_origin(annotation) is tuple else get_args(annotation)


def _within(annotation: Any) -> list[Any]:
    """Return what an annotation is made of, innermost last."""
    inner = get_args(annotation)
    return [annotation] if not inner else [each for part in inner for each in _within(part)]


def value_of(table: Table, text: str) -> Any:
    """Return what a file would hold for a text.

    Raises
    ------
    ValueError
        When it cannot be read.
    """
    text = text.strip()
    if table.shape == "pairs":
        return _pairs(text)
    if table.shape == "one" and not text.startswith(tuple(f"{name}:" for name in (*table.columns, "{"))):
        names = listed_in(text)
        return {"path": names[0] if len(names) == 1 else names}
    if table.shape != "entries":
        return read_line(text if text.startswith("{") else f"{{{text}}}")
    if table.columns[0] in _NUMBERS and not text.startswith(("{", "[")):
        return text
    whole = text if text.startswith("[") else f"[{text}]" if text.startswith("{") else f"[{{{text}}}]"
    return list(read_line(whole))


def listed_in(text: str) -> list[str]:
    """Return names that are parted by commas or semicolons; one that holds some stands in quotes.

    Examples
    --------
    >>> listed_in('a, b; "Money, and time"')
    ['a', 'b', 'Money, and time']
    """
    found = (part.strip() for part in _NAMES.findall(text))
    return [part[1:-1].replace('""', '"') if part[:1] == '"' == part[-1:] else part for part in found if part]


def listing(names: Sequence[Any]) -> str:
    """Return names as one types them."""
    return ", ".join(
        f'"{each.replace(chr(34), chr(34) * 2)}"' if _PARTED.search(each) else each
        for each in map(str, names)
    )


def _pairs(text: str) -> dict[str, str]:
    parts = [part.rpartition(":") for part in re.split(r"[,;]", text) if part.strip()]
    names = [name.strip() or value.strip() for name, _, value in parts]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"'{twice[0]}' is named twice; keep one of the two")
    return {name.strip(): value.strip() for name, _, value in parts}


def rows_of(table: Table, text: str) -> list[Row]:
    """Return the rows that a text says.

    Raises
    ------
    ValueError
        When it cannot be read.
    """
    return rows_of_value(table, value_of(table, text)) if text.strip() else []


def rows_of_value(table: Table, value: Any) -> list[Row]:
    """Return the rows of a value as a file holds it."""
    first = table.columns[0]
    if table.shape == "one":
        found: Any = [value]
    elif isinstance(value, Mapping):
        inner = table.columns[1]
        found = [
            {first: key, **(part if table.shape == "named" else {inner: part})} for key, part in value.items()
        ]
    else:
        found = value if isinstance(value, list | tuple) else [{first: value}]
    return [{name: _cell(part) for name, part in row.items()} for row in found]


def _cell(value: Any) -> str:
    if isinstance(value, list | tuple):
        return listing(value)
    return "" if value is None else f"{value:.10g}" if isinstance(value, float) else str(value)


def text_of_rows(table: Table, rows: Sequence[Row]) -> str:
    """Return rows as the text of their field; empty rows and cells say nothing.

    Examples
    --------
    >>> weight = table_of("kpis", "weight")
    >>> text_of_rows(weight, [{"weight": "0.4", "from": "2022-01"}, {"weight": "0.6", "from": "2023-01"}])
    '{weight: 0.4, from: 2022-01}, {weight: 0.6, from: 2023-01}'
    >>> text_of_rows(weight, [{"weight": "0.4", "from": ""}])
    '0.4'
    """
    filled = [{name: text.strip() for name, text in row.items() if text.strip()} for row in rows]
    filled = [row for row in filled if row]
    first = table.columns[0]
    if not filled:
        return ""
    if table.shape == "entries":
        alone = filled[0] if len(filled) == 1 and first in _NUMBERS else {}
        return alone[first] if list(alone) == [first] else one_line([_numbers(row) for row in filled])[1:-1]
    if table.shape == "one":
        return filled[0]["path"] if list(filled[0]) == ["path"] else one_line(filled[0])[1:-1]
    pairs = []
    for row in filled:
        name = row.pop(first, "")
        part = one_line(row) if table.shape == "named" else row.get(table.columns[1], "")
        pairs.append(f"{one_line(name) if table.shape == 'named' else name}: {part}")
    return ", ".join(pairs)


def _numbers(row: Row) -> dict[str, Any]:
    return {name: _number(text) if name in _NUMBERS else text for name, text in row.items()}


def _number(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return text
