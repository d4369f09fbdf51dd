"""Lists and sets of 'key: value' written in one line, as YAML has them, and read back: for cells and fields."""

import json
import re
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from kpilab.model.entries import plain

_PLAIN = re.compile(r"[^\W\d_][\w.%-]*( [\w.%-]+)*|\d{4}-[\dQW]\d?|[-+]?\d+(\.\d+)?%")
_NOT_TEXT = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"}
_BREAKING = re.compile("[\x7f-\xa0\u2028\u2029\ufeff]")


def one_line(value: Any) -> str:
    """Write a value as YAML in one line; text is quoted unless it can be read in one way only.

    Examples
    --------
    >>> one_line({"from": "2022-01", "weight": 0.4})
    '{from: 2022-01, weight: 0.4}'
    """
    match value:
        case dict():
            return f"{{{', '.join(f'{one_line(key)}: {one_line(inner)}' for key, inner in value.items())}}}"
        case tuple() | list():
            return f"[{', '.join(one_line(inner) for inner in value)}]"
        case str() if _PLAIN.fullmatch(value) and value.lower() not in _NOT_TEXT:
            return value
        case _:
            quoted = json.dumps(value, ensure_ascii=False)
            return _BREAKING.sub(lambda found: f"\\u{ord(found.group()):04x}", quoted)


def read_line(text: str) -> Any:
    """Read what `one_line` wrote, or a person.

    Raises
    ------
    ValueError
        When it is no YAML.
    """
    try:
        return plain(YAML(typ="safe", pure=True).load(text))
    except (YAMLError, RecursionError) as error:
        raise ValueError(f"{text!r:.80} cannot be read") from error
