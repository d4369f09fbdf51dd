"""The cascade folder: `cascade.yaml` and its tables, read into frozen nouns; all problems before it stops."""

import difflib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from kpilab.model.cascade import (
    Action,
    Cascade,
    Factor,
    Kpi,
    Link,
    Objective,
    Origin,
    Owner,
    Process,
    Target,
    Unit,
)
from kpilab.model.faults import told
from kpilab.model.parts import Noun
from kpilab.model.references import reference_problems
from kpilab.model.tables import read_csv_table, read_text
from kpilab.problems import Problem, did_you_mean, one_problem, stop_on

CASCADE_FILE = "cascade.yaml"
LISTS: dict[str, type[Noun]] = {
    "objectives": Objective,
    "factors": Factor,
    "processes": Process,
    "owners": Owner,
    "units": Unit,
    "kpis": Kpi,
    "links": Link,
    "actions": Action,
    "targets": Target,
}
TABLES = ("units", "targets")
IGNORED_COLUMNS = {"note"}


def read_cascade(folder: str | os.PathLike[str]) -> Cascade:
    """Read a cascade folder.

    Parameters
    ----------
    folder : path
        The folder that holds `cascade.yaml`, or that file.

    Returns
    -------
    Cascade

    Raises
    ------
    InputError
        With every problem at once: unreadable files, YAML syntax, unknown keys, wrong types, duplicate ids,
        unknown references, faults of the unit tree; each with file, line, value and remedy.
    """
    reading = attempt_cascade(folder)
    stop_on(reading.problems)
    return reading.cascade


@dataclass(frozen=True)
class Reading:
    """What could be read of a cascade, and every problem that was met.

    Parameters
    ----------
    cascade : Cascade
        Fit for use only without problems: what could not be read is missing or has a stand-in.
    problems : tuple of Problem
    unread : frozenset of str
        The top-level keys of which something is lost.
    """

    cascade: Cascade
    problems: tuple[Problem, ...]
    unread: frozenset[str]


def attempt_cascade(folder: str | os.PathLike[str]) -> Reading:
    """Read as much of a cascade folder as can be read.

    Raises
    ------
    InputError
        When `cascade.yaml` itself is missing or is no YAML.
    """
    path = Path(folder)
    file = path if path.suffix in {".yaml", ".yml"} else path / CASCADE_FILE
    document = _read_yaml(file)
    problems: list[Problem] = []
    lines: dict[tuple[str, ...], str] = {}
    values, unread = _read_values(document, file, lines, problems)
    cascade = _build(values, file, lines, problems, unread)
    cascade._origin = Origin(file.parent, lines)
    problems += reference_problems(cascade, frozenset(unread))
    return Reading(cascade, tuple(problems), frozenset(unread))


def cascade_schema() -> dict[str, Any]:
    """Return the JSON Schema of `cascade.yaml`; units and targets may also be ``{path: table.csv}``."""
    schema = Cascade.model_json_schema(by_alias=True)
    for noun in TABLES:
        rows = schema["properties"][noun]
        schema["properties"][noun] = {
            "anyOf": [rows, {"$ref": "#/$defs/Source"}],
            "title": rows.get("title", noun),
        }
    return schema


def yaml_format() -> YAML:
    """Return the YAML reader and writer that keeps comments and order."""
    yaml = YAML(typ="rt")
    yaml.preserve_quotes = True
    yaml.width = 120
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml


def _read_yaml(file: Path) -> CommentedMap:
    if not file.exists() and not file.parent.is_dir():
        raise one_problem(
            str(file.parent),
            f"{'is a file' if file.parent.exists() else 'no such folder'}; name a folder that holds cascade.yaml "
            "(make one with: kpilab init DIR)",
        )
    text, problems = read_text(file, file.name)
    stop_on(problems)
    try:
        document = yaml_format().load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        reason = " ".join(str(error.problem or error.context).split())
        raise one_problem(
            f"{file.name}:{line}", f"YAML: {reason}; check indentation, colons and quotes here"
        ) from error
    except RecursionError as error:
        raise one_problem(file.name, "YAML: nested too deeply; write it flatter") from error
    except (YAMLError, ValueError) as error:
        raise one_problem(
            file.name, f"YAML: {' '.join(str(error).split())}; remove what is not plain text"
        ) from error
    if not isinstance(document, CommentedMap):
        raise one_problem(
            f"{file.name}:1", "a cascade is a list of 'key: value' lines; begin with 'cascade: <name>'"
        )
    return document


def _read_values(
    document: CommentedMap, file: Path, lines: dict, problems: list[Problem]
) -> tuple[dict[str, Any], set[str]]:
    """Read each key on its own so that one mistake does not hide another; tell which keys had one."""
    values: dict[str, Any] = {}
    unread: set[str] = set()
    known = {field.alias or name for name, field in Cascade.model_fields.items()}
    for key, value in document.items():
        where = _line(document, key, f"{file.name}:1", file.name)
        lines[(str(key),)] = where
        lost = False
        if key not in known:
            problems.append(Problem(where, f"unknown key '{key}'; {did_you_mean(key, known)}"))
            unread.update(difflib.get_close_matches(str(key), known - set(document), n=1))
        elif key in TABLES and isinstance(value, dict):
            values[key], lost = _read_table(key, value, file, where, lines, problems)
        elif key in LISTS:
            values[key], lost = _read_list(key, value, file, where, lines, problems)
        else:
            values[key] = plain(value)
        if lost:
            unread.add(key)
    return values, unread


def _line(item: CommentedMap, key: object, default: str, name: str) -> str:
    """Return ``file:line`` of a key; keys that come from a merge (``<<``) have no line of their own."""
    return f"{name}:{item.lc.key(key)[0] + 1}" if key in (item.lc.data or {}) else default


def _read_list(
    noun: str, value: Any, file: Path, where: str, lines: dict, problems: list[Problem]
) -> tuple[list[Noun], bool]:
    """Return the entries of a list, and whether any is lost."""
    if value is None:
        return [], False
    if not isinstance(value, CommentedSeq):
        problems.append(Problem(where, f"{noun} is a list; begin each entry with '- '"))
        return [], True
    entries: list[Noun] = []
    for position, item in enumerate(value):
        line = f"{file.name}:{value.lc.item(position)[0] + 1}"
        if not isinstance(item, CommentedMap):
            problems.append(Problem(line, f"an entry of {noun} is a set of 'key: value', not {item!r}"))
            continue
        keys = {key: _line(item, key, line, file.name) for key in item}
        entries += _entry(noun, plain(item), line, keys, len(entries), lines, problems)
    return entries, len(entries) < len(value)


def _read_table(
    noun: str, value: dict, file: Path, where: str, lines: dict, problems: list[Problem]
) -> tuple[list[Noun], bool]:
    """Return the entries of a table, and whether any is lost."""
    if not isinstance(value.get("path"), str) or len(value) != 1:
        problems.append(Problem(where, f"{noun}: write a list, or {{path: {noun}.csv}}"))
        return [], True
    table, faults = read_csv_table(file.parent / value["path"], value["path"])
    problems += faults
    if table is None:
        return [], True
    known = {field.alias or name for name, field in LISTS[noun].model_fields.items()} | IGNORED_COLUMNS
    strange = [column for column in table.columns if column not in known]
    problems += [
        Problem(f"{table.name}:1", f"unknown column '{c}'; {did_you_mean(c, known)}") for c in strange
    ]
    used = [i for i, column in enumerate(table.columns) if column in known - IGNORED_COLUMNS]
    entries: list[Noun] = []
    for row, number in zip(table.rows, table.lines, strict=True):
        data = {table.columns[i]: row[i] for i in used if row[i] != ""}
        entries += _entry(noun, data, f"{table.name}:{number}", {}, len(entries), lines, problems)
    return entries, bool(faults or strange) or len(entries) < len(table.rows)


def _entry(
    noun: str, data: dict, line: str, keys: dict, position: int, lines: dict, problems: list[Problem]
) -> list[Noun]:
    """Read one entry; of one with faults the sound rest, if any, so that its references are checked as well."""
    model = LISTS[noun]
    found: list[Noun] = []
    written_id = data.get("id", data.get("unit") if noun == "units" else None)
    try:
        found.append(model.model_validate(data))
    except ValidationError as error:
        lines.setdefault((noun, str(written_id)), line)
        named = written_id or " -> ".join(str(data[end]) for end in ("cause", "effect") if end in data)
        label = f"{noun}: '{named}'" if named else noun
        problems += told(error.errors(), model, line, keys, label)
        found += _sound_rest(model, data, {str(fault["loc"][0]) for fault in error.errors() if fault["loc"]})
    for name in (name for entry in found for name in (f"#{position}", entry.id)):  # type: ignore[attr-defined]
        lines.setdefault((noun, name), line)
        for key, key_line in keys.items():
            lines.setdefault((noun, name, str(key)), key_line)
    return found


def _sound_rest(model: type[Noun], data: dict, faulty: set[str]) -> list[Noun]:
    stand_in = {"name": ""} if "name" in faulty else {}
    try:
        return [model.model_validate({**{k: v for k, v in data.items() if k not in faulty}, **stand_in})]
    except ValidationError:
        return []


_STAND_INS: dict[str, Any] = {
    "cascade": "",
    "frequency": "month",
    "levels": ("",),
    "history": {"path": "history.csv"},
}


def _build(values: dict, file: Path, lines: dict, problems: list[Problem], unread: set[str]) -> Cascade:
    """Build the cascade; a key that cannot be read is told, and gets a stand-in so that the rest is checked."""
    if not values.setdefault("units", []) and "units" not in unread:
        where = lines.get(("units",), f"{file.name}:1")
        problems.append(Problem(where, "no units; list at least one: {unit: …, name: …, level: …}"))
        unread.add("units")
    try:
        return Cascade.model_validate(values)
    except ValidationError as error:
        keys = {path[0]: line for path, line in lines.items() if len(path) == 1}
        wrong = {str(fault["loc"][0]) for fault in error.errors()}
        fresh = [
            fault for fault in error.errors() if fault["loc"][0] not in unread or fault["loc"][0] in values
        ]
        problems += told(fresh, Cascade, f"{file.name}:1", keys, "cascade")
    unread |= wrong
    sound = {key: value for key, value in values.items() if key not in wrong}
    return Cascade.model_validate({**sound, **{key: _STAND_INS[key] for key in wrong & _STAND_INS.keys()}})


def plain(value: Any) -> Any:
    """Turn ruamel's containers and scalars into plain Python; dates that YAML made stay as written."""
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return tuple(plain(inner) for inner in value)
    if isinstance(value, bool) or value is None:
        return value
    return next((kind(value) for kind in (int, float, str) if isinstance(value, kind)), str(value))
