"""Write a cascade back to its folder: only what changed, so that comments and key order survive.

Every file is replaced in one step: a crash leaves the old file or the new one, never half of it.
"""

import csv
import io
import os
import tempfile
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import CommentMark
from ruamel.yaml.tokens import CommentToken

from kpilab.model.cascade import Cascade
from kpilab.model.entries import IGNORED_COLUMNS, plain, yaml_format
from kpilab.model.files import CASCADE_FILE, LISTS, TABLES, text_of
from kpilab.model.nouns import Kpi, Link, Source
from kpilab.model.parts import Change, Measure, MinEffect, Noun
from kpilab.model.relaying import laid_out_as_before
from kpilab.model.tables import read_csv_table
from kpilab.problems import one_problem

READ_ONLY = "was opened to be read only; nothing is saved (a web app saves when it is served with --edit)"


def write_cascade(cascade: Cascade, folder: str | os.PathLike[str] | None = None) -> list[Path]:
    """Write a cascade back to its folder, or to another one, touching only what changed.

    Parameters
    ----------
    cascade : Cascade
    folder : path, optional
        Default: where the cascade was read from.

    Returns
    -------
    list of Path
        The files that were written; files that would not change are left alone.

    Raises
    ------
    InputError
        When the cascade was read with `read_only`, and the folder is its own.
    """
    target = Path(folder) if folder is not None else cascade.folder
    if target.resolve() == cascade.folder.resolve():
        refuse_if_read_only(cascade)
    target.mkdir(parents=True, exist_ok=True)
    return replace_files({target / name: text for name, text in rewritten_files(cascade, target).items()})


def refuse_if_read_only(cascade: Cascade) -> None:
    """Stop before anything is written where the cascade was read to be looked at only."""
    if cascade.read_only:
        raise one_problem(cascade.folder.name, READ_ONLY)


def rewritten_files(cascade: Cascade, folder: Path) -> dict[str, str]:
    """Return what each file of the folder says once the cascade is written there, by its path within it.

    What already stands there is kept wherever it says the same; nothing is written.
    """
    source = next((f for f in (folder / CASCADE_FILE, cascade.folder / CASCADE_FILE) if f.exists()), None)
    original = source.read_text(encoding="utf-8") if source else ""
    document = yaml_format().load(original) if source else CommentedMap()
    rewritten = yaml_text(document) if source else ""
    files = {}
    for noun in TABLES:
        table = document.get(noun)
        if isinstance(table, dict):
            path = str(table["path"])
            files[path] = _table_text(getattr(cascade, noun), noun, cascade.folder / path)
    _merge_document(document, cascade)
    changed = yaml_text(document)
    text = laid_out_as_before(original, rewritten, changed)
    same = plain(yaml_format().load(text)) == plain(yaml_format().load(changed))
    return {**files, CASCADE_FILE: text if same else changed}


def yaml_text(document: CommentedMap) -> str:
    """Return a document as the YAML writer lays it out."""
    stream = io.StringIO()
    yaml_format().dump(document, stream)
    return stream.getvalue()


def as_written(entry: Noun) -> dict[str, Any]:
    """Return what a person would write for an entry: no defaults, short forms."""
    written: dict[str, Any] = {}
    for name, field in type(entry).model_fields.items():
        value = getattr(entry, name)
        if value == field.get_default(call_default_factory=True) and not field.is_required():
            continue
        written[field.alias or name] = short_form(value)
    return written


def short_form(value: Any) -> Any:
    """Return a value as a person would write it in the file."""
    match value:
        case Change(relative=True):
            return str(value)
        case Change():
            return value.amount
        case MinEffect():
            return str(value) if value.in_sd else value.size
        case BaseModel():
            return as_written(value)  # type: ignore[arg-type]
        case dict():
            return {key: short_form(inner) for key, inner in value.items()}
        case Decimal():
            return int(value) if value == int(value) else float(value)
        case tuple():
            return _flow([short_form(inner) for inner in value])
        case _:
            return value


def _flow(values: list) -> CommentedSeq:
    sequence = CommentedSeq(values)
    if not any(isinstance(value, dict) for value in values):
        sequence.fa.set_flow_style()
    return sequence


def _merge_document(document: CommentedMap, cascade: Cascade) -> None:
    for name, field in Cascade.model_fields.items():
        key = field.alias or name
        value = getattr(cascade, name)
        if name in TABLES and isinstance(document.get(key), dict):
            continue
        if name in LISTS:
            if value or key in document:
                document[key] = merged_list(document.get(key), value, LISTS[name])
        elif key not in document:
            if field.is_required() or value != field.get_default(call_default_factory=True):
                document[key] = short_form(value)
        elif _reread(name, document[key]) != value:
            document[key] = short_form(value)


def _reread(name: str, written: Any) -> Any:
    value = plain(written)
    if name == "history":
        return Source.model_validate(value)
    if name == "measures":
        return {key: Measure.model_validate(inner) for key, inner in value.items()}
    return tuple(str(item) for item in value) if name == "breaks" else value


def merged_list(existing: CommentedSeq | None, entries: tuple, model: type[Noun]) -> CommentedSeq:
    """Keep the written form of every entry that did not change, with its comments."""
    if existing is None:
        return CommentedSeq([CommentedMap(as_written(entry)) for entry in entries])
    before = {}
    for item in existing:
        parsed = model.model_validate(plain(item))
        before[_identity(parsed)] = (item, parsed)
    if [_identity(entry) for entry in entries] == list(before):
        for entry, (item, parsed) in zip(entries, before.values(), strict=True):
            _merge_entry(item, entry, parsed)
        return existing
    kept = [(_identity(entry), entry) for entry in entries]
    wanted = {identity for identity, _ in kept}
    for position in reversed(range(len(existing))):
        if _identity(model.model_validate(plain(existing[position]))) not in wanted:
            del existing[position]
    for position, (identity, entry) in enumerate(kept):
        if identity in before:
            _merge_entry(before[identity][0], entry, before[identity][1])
        else:
            existing.insert(position, CommentedMap(as_written(entry)))
    order = {identity: position for position, (identity, _) in enumerate(kept)}
    places = [order[_identity(model.model_validate(plain(item)))] for item in existing]
    if places != sorted(places):
        _reorder(existing, [places.index(position) for position in range(len(places))])
    return existing


def _reorder(existing: CommentedSeq, order: list[int]) -> None:
    """Put entries in another order: a comment on a line of an entry goes with it, those between entries stay."""
    notes = [_note_after(existing, place) for place in range(len(order))]
    texts = [note.value.partition("\n") if note else ("", "\n", "") for note in notes]
    items = [existing[source] for source in order]
    above = [(existing.ca.items.get(place) or [None] * 4)[1] for place in range(len(order))]
    for place, item in enumerate(items):
        existing[place] = item
        existing.ca.items.pop(place, None)
        if above[place]:
            existing.ca.items[place] = [None, above[place], None, None]
    for place, source in enumerate(order):
        text = texts[source][0] + "\n" + texts[place][2]
        container, key, slot = _end_of(existing, place)
        kept = container.ca.items.pop(key, None) or [None] * 4
        moved = notes[source]
        mark = CommentMark(moved.start_mark.column if moved else 0)
        token = CommentToken(text, mark, None) if text.strip() else None
        if token or kept[1]:
            container.ca.items[key] = [
                token if slot == each else kept[1] if each == 1 else None for each in range(4)
            ]


def _note_after(existing: CommentedSeq, place: int) -> CommentToken | None:
    """Return the comment that follows an entry: the rest of its last line, and the lines below."""
    container, key, slot = _end_of(existing, place)
    note = container.ca.items.get(key)
    return note[slot] if note else None


def _end_of(existing: CommentedSeq, place: int) -> tuple[Any, Any, int]:
    """Return the container and key of the last value of an entry, and where that keeps its comment."""
    container: Any = existing
    key: Any = place
    while (
        (value := container[key])
        and isinstance(value, CommentedMap | CommentedSeq)
        and not value.fa.flow_style()
    ):
        container, key = value, [*value][-1] if isinstance(value, CommentedMap) else len(value) - 1
    return container, key, 2 if isinstance(container, CommentedMap) else 0


def _identity(entry: Any) -> str:
    return f"{entry.id}@{entry.at}" if isinstance(entry, Link) else str(entry.id)


def _merge_entry(item: CommentedMap, entry: Noun, parsed: Noun) -> None:
    if entry == parsed:
        return
    new, old = as_written(entry), as_written(parsed)
    if isinstance(entry, Kpi) and isinstance(item.get("mean"), str) and old.get("mean") != new.get("mean"):
        item.pop("weight", None)
    for key in old.keys() - new.keys():
        item.pop(key, None)
    for key, value in new.items():
        if old.get(key) != value:
            item[key] = value


def _table_text(entries: tuple, noun: str, original: Path) -> str:
    """Return a table as text; a row that did not change keeps its cells as they were written, notes included."""
    columns: list[str] = []
    before: dict[str, tuple[Noun, dict[str, str]]] = {}
    table = read_csv_table(original, original.name)[0] if original.exists() else None
    if table is not None:
        columns = list(table.columns)
        for texts in table.rows:
            cells = dict(zip(columns, texts, strict=True))
            data = {key: text for key, text in cells.items() if text and key not in IGNORED_COLUMNS}
            entry = LISTS[noun].model_validate(data)
            before[_identity(entry)] = (entry, cells)
    rows = []
    for entry in entries:
        was, cells = before.get(_identity(entry), (None, {}))
        notes = {key: text for key, text in cells.items() if key in IGNORED_COLUMNS}
        fresh = {key: _cell(value) for key, value in as_written(entry).items()}
        rows.append(cells if was == entry else {**notes, **fresh})
    columns += [key for row in rows for key in row if key not in columns]
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(dict.fromkeys(columns)), restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def _cell(value: Any) -> str:
    return "" if value is None else f"{value:.15g}" if isinstance(value, float) else str(value)


def replace_file(path: Path, text: str, *, mode: int | None = None) -> list[Path]:
    """Write in one step: the old file or the new one, never half of it.

    Parameters
    ----------
    path : Path
    text : str
    mode : int, optional
        Who may read it, as 0o600 for the owner only. Default: as before, or everybody.

    Returns
    -------
    list of Path
        The file, or nothing when it would not change.
    """
    return replace_files({path: text}, mode=mode)


def replace_files(texts: Mapping[Path, str], *, mode: int | None = None) -> list[Path]:
    """Write several files, all of them to the end before the first one takes its place; see `replace_file`."""
    staged: list[tuple[str, Path]] = []
    try:
        for path, text in texts.items():
            if mode is not None or text_of(path) != text:
                staged.append((_staged(path, text, mode), path))
        for temporary, path in staged:
            os.replace(temporary, path)
    finally:
        for temporary, _ in staged:
            Path(temporary).unlink(missing_ok=True)
    return [path for _, path in staged]


def _staged(path: Path, text: str, mode: int | None) -> str:
    """Write a file beside its place, to the disk, and return its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "w", encoding="utf-8", newline="") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    os.chmod(temporary, mode or (path.stat().st_mode if path.exists() else 0o644))
    return temporary
