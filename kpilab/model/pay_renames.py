"""An id under another name in `pay.yaml` too: through its own text, so that all else stands as it stood."""

from collections.abc import Iterator
from typing import Any

from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import YAMLError

from kpilab.model.cascade import Cascade
from kpilab.model.entries import plain, yaml_format
from kpilab.model.files import text_of

PAY_FILE = "pay.yaml"
_KEYS = {"kpis": "kpi", "units": "unit", "owners": "person"}
"""Under which key a pay plan names an entry of a list."""


def pay_names(cascade: Cascade, noun: str, entry_id: str) -> int:
    """Count how often the pay plan beside a cascade names an entry."""
    text = text_of(cascade.folder / PAY_FILE)
    return 0 if text is None else len(_places(text, noun, entry_id))


def pay_renamed(text: str, noun: str, old: str, new: str) -> str:
    r"""Return the text of a pay plan in which an entry has another id; nothing else changes.

    Examples
    --------
    >>> pay_renamed("people:\n  - {person: ann,  plan: ann}  # ann\n", "owners", "ann", "bo")
    'people:\n  - {person: bo,  plan: ann}  # ann\n'
    """
    lines = text.splitlines(keepends=True)
    for line, column in sorted(_places(text, noun, old), reverse=True):
        before, after = lines[line][:column], lines[line][column:]
        quote = after[0] if after[0] in "'\"" else ""
        lines[line] = f"{before}{quote}{new}{after[len(quote) + len(old) :]}"
    return "".join(lines)


def _places(text: str, noun: str, entry_id: str) -> list[tuple[int, int]]:
    """Return line and column of every value that names the entry."""
    key = _KEYS.get(noun)
    if key is None or entry_id not in text:
        return []
    try:
        document = yaml_format().load(text)
    except (YAMLError, ValueError):
        return []
    return [
        each.lc.value(key) for each in _mappings(document) if key in each and plain(each[key]) == entry_id
    ]


def _mappings(value: Any) -> Iterator[CommentedMap]:
    if isinstance(value, CommentedMap):
        yield value
    if isinstance(value, CommentedMap | CommentedSeq):
        for inner in value.values() if isinstance(value, CommentedMap) else value:
            yield from _mappings(inner)
