"""A YAML file of nouns, read entry by entry: every mistake with its line, and all of them at once."""

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from kpilab.model.faults import told
from kpilab.model.parts import Noun
from kpilab.model.tables import read_csv_table, read_text
from kpilab.problems import Problem, did_you_mean, one_problem, stop_on

IGNORED_COLUMNS = {"note"}


class EntryReader:
    """Reads the top-level keys of one YAML file, each on its own so that one mistake does not hide another.

    Parameters
    ----------
    file : Path
    whole : type of Noun
        What the file as a whole makes.
    lists : mapping of str to type of Noun
        The keys that hold a list of entries.
    tables : tuple of str
        Those of them that may be a table: ``{path: table.csv}``.

    Attributes
    ----------
    lines : dict
        ``file:line`` of every key and entry, e.g. of ``("kpis", "churn", "owner")`` and ``("kpis", "#0")``.
    problems : list of Problem
    unread : set of str
        The top-level keys of which something is lost.
    """

    def __init__(
        self, file: Path, whole: type[Noun], lists: Mapping[str, type[Noun]], tables: tuple[str, ...]
    ):
        self.file, self.whole, self.lists, self.tables = file, whole, lists, tables
        self.lines: dict[tuple[str, ...], str] = {}
        self.problems: list[Problem] = []
        self.unread: set[str] = set()

    def values(self, document: CommentedMap) -> dict[str, Any]:
        """Return the value of each known key; lists as the entries that could be read."""
        values: dict[str, Any] = {}
        known = {field.alias or name for name, field in self.whole.model_fields.items()}
        for key, value in document.items():
            where = _line(document, key, f"{self.file.name}:1", self.file.name)
            self.lines[(str(key),)] = where
            lost = False
            if key not in known:
                self.problems.append(Problem(where, f"unknown key '{key}'; {did_you_mean(key, known)}"))
                self.unread.update(difflib.get_close_matches(str(key), known - set(document), n=1))
            elif key in self.tables and isinstance(value, dict):
                values[key], lost = self._table(key, value, where)
            elif key in self.lists:
                values[key], lost = self._list(key, value, where)
            else:
                values[key] = plain(value)
            if lost:
                self.unread.add(key)
        return values

    def tell(self, error: ValidationError, label: str, values: Mapping[str, Any]) -> set[str]:
        """Note what is wrong with the file as a whole, unless told before; return the keys it is wrong with."""
        keys = {path[0]: line for path, line in self.lines.items() if len(path) == 1}
        fresh = [f for f in error.errors() if not f["loc"] or f["loc"][0] not in self.unread - values.keys()]
        self.problems += told(fresh, self.whole, f"{self.file.name}:1", keys, label)
        wrong = {str(fault["loc"][0]) for fault in error.errors() if fault["loc"]}
        self.unread |= wrong
        return wrong

    def _list(self, noun: str, value: Any, where: str) -> tuple[list[Noun], bool]:
        """Return the entries of a list, and whether any is lost."""
        if value is None:
            return [], False
        if not isinstance(value, CommentedSeq):
            self.problems.append(Problem(where, f"{noun} is a list; begin each entry with '- '"))
            return [], True
        entries: list[Noun] = []
        for position, item in enumerate(value):
            line = f"{self.file.name}:{value.lc.item(position)[0] + 1}"
            if not isinstance(item, CommentedMap):
                said = f"an entry of {noun} is a set of 'key: value', not {item!r}"
                self.problems.append(Problem(line, said))
                continue
            keys = {key: _line(item, key, line, self.file.name) for key in item}
            entries += self.entry(noun, plain(item), line, keys, len(entries))
        return entries, len(entries) < len(value)

    def _table(self, noun: str, value: dict, where: str) -> tuple[list[Noun], bool]:
        """Return the entries of a table, and whether any is lost."""
        if not isinstance(value.get("path"), str) or len(value) != 1:
            self.problems.append(Problem(where, f"{noun}: write a list, or {{path: {noun}.csv}}"))
            return [], True
        table, faults = read_csv_table(self.file.parent / value["path"], value["path"])
        self.problems += faults
        if table is None:
            return [], True
        fields = self.lists[noun].model_fields
        known = {field.alias or name for name, field in fields.items()} | IGNORED_COLUMNS
        strange = [column for column in table.columns if column not in known]
        self.problems += [
            Problem(f"{table.name}:1", f"unknown column '{c}'; {did_you_mean(c, known)}") for c in strange
        ]
        used = [i for i, column in enumerate(table.columns) if column in known - IGNORED_COLUMNS]
        entries: list[Noun] = []
        for row, number in zip(table.rows, table.lines, strict=True):
            data = {table.columns[i]: row[i] for i in used if row[i] != ""}
            entries += self.entry(noun, data, f"{table.name}:{number}", {}, len(entries))
        return entries, bool(faults or strange) or len(entries) < len(table.rows)

    def entry(self, noun: str, data: dict, line: str, keys: dict, position: int) -> list[Noun]:
        """Read one entry; of one with faults the sound rest, if any, so that its references are checked too."""
        model = self.lists[noun]
        found: list[Noun] = []
        written_id = data.get("id", data.get("unit") if noun == "units" else None)
        try:
            found.append(model.model_validate(data))
        except ValidationError as error:
            self.lines.setdefault((noun, str(written_id)), line)
            named = written_id or " -> ".join(str(data[end]) for end in ("cause", "effect") if end in data)
            self.problems += told(error.errors(), model, line, keys, f"{noun}: '{named}'" if named else noun)
            faulty = {str(fault["loc"][0]) for fault in error.errors() if fault["loc"]}
            found += _sound_rest(model, data, faulty)
        for name in (name for entry in found for name in (f"#{position}", entry.id)):  # type: ignore[attr-defined]
            self.lines.setdefault((noun, name), line)
            for key, key_line in keys.items():
                self.lines.setdefault((noun, name, str(key)), key_line)
        return found


def _sound_rest(model: type[Noun], data: dict, faulty: set[str]) -> list[Noun]:
    stand_in = {"name": ""} if "name" in faulty else {}
    try:
        return [model.model_validate({**{k: v for k, v in data.items() if k not in faulty}, **stand_in})]
    except ValidationError:
        return []


def yaml_format() -> YAML:
    """Return the YAML reader and writer that keeps comments and order."""
    yaml = YAML(typ="rt")
    yaml.preserve_quotes = True
    yaml.width = 120
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml


def read_yaml(file: Path, kind: str) -> CommentedMap:
    """Read a file of 'key: value' lines; `kind` is what it describes and its first key.

    Raises
    ------
    InputError
        With the line, when the file is missing or is no YAML.
    """
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
            f"{file.name}:1", f"a {kind} is a list of 'key: value' lines; begin with '{kind}: <name>'"
        )
    return document


def plain(value: Any) -> Any:
    """Turn ruamel's containers and scalars into plain Python; dates that YAML made stay as written."""
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return tuple(plain(inner) for inner in value)
    if isinstance(value, bool) or value is None:
        return value
    return next((kind(value) for kind in (int, float, str) if isinstance(value, kind)), str(value))


def _line(item: CommentedMap, key: object, default: str, name: str) -> str:
    """Return ``file:line`` of a key; keys that come from a merge (``<<``) have no line of their own."""
    return f"{name}:{item.lc.key(key)[0] + 1}" if key in (item.lc.data or {}) else default
