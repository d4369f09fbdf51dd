"""pydantic's errors as our sentences: one line each, with line, value and remedy."""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from kpilab.model.parts import FORMS
from kpilab.problems import Problem, did_you_mean

_WANTED = {
    "tuple_type": "a list, like [a, b]",
    "too_short": "a longer list",
    "too_long": "a shorter list",
    "model_type": "a set of 'key: value', like {key: value}",
    "dict_type": "a set of 'key: value', like {key: value}",
    "float_type": "a number",
    "float_parsing": "a number",
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "string_type": "text; write it in quotes",
}


def told(
    faults: Iterable[Any], model: type[BaseModel], line: str, keys: Mapping[str, str], label: str
) -> list[Problem]:
    """Say what is wrong with an entry; one mistake is told once.

    Parameters
    ----------
    faults : iterable of pydantic error details
    model : type
        The noun that the entry should have become.
    line : str
        ``file:line`` of the entry.
    keys : mapping of str to str
        ``file:line`` of each of its keys.
    label : str
        What to call the entry.
    """
    faults = _told_once(list(faults), model)
    return [_sentence(fault, model, line, keys, label) for fault in faults]


def _told_once(faults: list[Any], model: type[BaseModel]) -> list[Any]:
    """Leave out what follows from another fault.

    That is a key that is missing because it is misspelt, and a list that is too short because its items are
    wrong.
    """
    misspelt = {fault["loc"] for fault in faults if fault["type"] == "extra_forbidden"}
    within = {fault["loc"][:-1] for fault in faults}

    def follows(fault: Any) -> bool:
        if fault["type"] == "missing":
            return any(
                loc[:-1] == fault["loc"][:-1]
                and difflib.get_close_matches(str(loc[-1]), _keys(model, loc[:-1]), n=1) == [fault["loc"][-1]]
                for loc in misspelt
            )
        return fault["type"] in ("too_short", "too_long") and fault["loc"] in within

    return [fault for fault in faults if not follows(fault)]


def _sentence(fault: Any, model: type[BaseModel], line: str, keys: Mapping[str, str], label: str) -> Problem:
    path = [str(part) for part in fault["loc"] if part not in FORMS]
    where = keys.get(path[0], line) if path else line
    key = ".".join(path)
    value = _as_written(fault.get("input"))
    if fault["type"] == "extra_forbidden":
        hint = did_you_mean(path[-1], _keys(model, path[:-1]))
        return Problem(where, f"{label}: unknown key '{key}'; {hint}")
    if fault["type"] == "missing":
        return Problem(line, f"{label}: '{key}' is missing; add it")
    if fault["type"] == "value_error":
        return Problem(where, f"{label}: {key + ': ' if key else ''}{fault['ctx']['error']}")
    if fault["type"] == "literal_error":
        return Problem(where, f"{label}: {key} is {value}; use one of {fault['ctx']['expected']}")
    message = fault["msg"].removeprefix("Input should be ").removeprefix("a valid ")
    return Problem(where, f"{label}: {key} is {value}; it should be {_WANTED.get(fault['type'], message)}")


def _as_written(value: Any) -> str:
    """Write a value as it stands in YAML."""
    if isinstance(value, tuple):
        return f"[{', '.join(_as_written(item) for item in value)}]"
    return "empty" if value is None else repr(value)


def _keys(model: type[BaseModel], path: Iterable[object]) -> list[str]:
    fields = _model_at(model, path).model_fields
    return [field.alias or name for name, field in fields.items()]


def _model_at(model: type[BaseModel], path: Iterable[object]) -> type[BaseModel]:
    for part in path:
        field = model.model_fields.get(str(part))
        inner = [
            a
            for a in _arguments(field.annotation if field else None)
            if isinstance(a, type) and issubclass(a, BaseModel)
        ]
        model = inner[0] if inner else model
    return model


def _arguments(annotation: Any) -> Iterator[Any]:
    yield annotation
    for argument in getattr(annotation, "__args__", ()):
        yield from _arguments(argument)
