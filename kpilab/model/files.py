"""The cascade folder: `cascade.yaml` and its tables, read into frozen nouns; all problems before it stops."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from kpilab.model.cascade import Cascade, Origin
from kpilab.model.entries import EntryReader, read_yaml
from kpilab.model.nouns import Action, Factor, Kpi, Link, Objective, Owner, Process, Target, Unit
from kpilab.model.parts import Noun
from kpilab.model.references import reference_problems
from kpilab.problems import Problem, one_problem, stop_on

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


def read_cascade(folder: str | os.PathLike[str], *, read_only: bool = False) -> Cascade:
    """Read a cascade folder.

    Parameters
    ----------
    folder : path
        The folder that holds `cascade.yaml`, or that file.
    read_only : bool
        Refuse whatever would write into the folder: `Draft.save`, `write_cascade`, the journal of unsaved edits.

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
    cascade = reading.cascade
    return cascade.with_origin(replace(cascade._origin, read_only=True)) if read_only else cascade


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
    if not file.exists() and not file.parent.is_dir():
        raise one_problem(
            str(file.parent),
            f"{'is a file' if file.parent.exists() else 'no such folder'}; name a folder that holds cascade.yaml "
            "(make one with: kpilab init DIR)",
        )
    document = read_yaml(file, "cascade")
    texts = files_of(document, file.parent, file.name)
    reader = EntryReader(file, Cascade, LISTS, TABLES)
    cascade = build_cascade(reader, reader.values(document))
    cascade._origin = Origin(file.parent, reader.lines, texts)
    problems = [*reader.problems, *reference_problems(cascade, frozenset(reader.unread))]
    return Reading(cascade, tuple(problems), frozenset(reader.unread))


def files_of(document: Mapping[str, Any], folder: Path, name: str = CASCADE_FILE) -> dict[str, str]:
    """Return the text of a cascade's YAML file and of its tables, by their path within the folder."""
    tables = (document.get(noun) for noun in TABLES)
    paths = [name, *(str(table.get("path")) for table in tables if isinstance(table, Mapping))]
    found = {path: text_of(folder / path) for path in paths}
    return {path: text for path, text in found.items() if text is not None}


def text_of(path: Path) -> str | None:
    """Return the text of a file, None where there is none."""
    if not path.is_file():
        return None
    return path.read_text(encoding="utf-8", errors="replace")


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


_STAND_INS: dict[str, Any] = {
    "cascade": "",
    "frequency": "month",
    "levels": ("",),
    "history": {"path": "history.csv"},
}


def build_cascade(reader: EntryReader, values: dict[str, Any]) -> Cascade:
    """Build the cascade; a key that cannot be read is told, and gets a stand-in so that the rest is checked."""
    if not values.setdefault("units", []) and "units" not in reader.unread:
        where = reader.lines.get(("units",), f"{reader.file.name}:1")
        reader.problems.append(Problem(where, "no units; list at least one: {unit: …, name: …, level: …}"))
        reader.unread.add("units")
    try:
        return Cascade.model_validate(values)
    except ValidationError as error:
        wrong = reader.tell(error, "cascade", values)
    sound = {key: value for key, value in values.items() if key not in wrong}
    return Cascade.model_validate({**sound, **{key: _STAND_INS[key] for key in wrong & _STAND_INS.keys()}})
