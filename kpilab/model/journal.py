"""Unsaved edits, kept in a hidden file of the cascade folder, so that they outlive the kernel.

The first line says where the edits began, each further line is one edit: appended, never rewritten.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kpilab.model.cascade import Cascade, Origin
from kpilab.model.saving import as_written, short_form
from kpilab.problems import one_problem

PREFIX, SUFFIX = ".kpilab-draft", ".jsonl"

Step = dict[str, Any]


class Journal:
    """The file of one draft; it comes into being with the first edit.

    Parameters
    ----------
    cascade : Cascade
        Where the edits begin.
    path : Path, optional
        A journal that is there already, to be continued.
    mute : bool
        Note nothing: these edits are in another journal.

    Attributes
    ----------
    trouble : str
        Why unsaved edits are not kept; ``""`` while they are.
    """

    def __init__(self, cascade: Cascade, path: Path | None = None, *, mute: bool = False):
        self._cascade, self._path, self._mute, self.trouble = cascade, path, mute, ""

    def note(self, step: Step) -> None:
        """Append an edit; a folder that cannot be written is no reason to refuse it."""
        if self._mute:
            return
        try:
            if self._path is None:
                self._path = _begun(self._cascade)
            _append(self._path, step)
            self.trouble = ""
        except OSError as error:
            self.trouble = f"unsaved edits are not kept: {error.strerror}; save often"

    def begin_again(self, cascade: Cascade) -> None:
        """Forget every edit: they were saved, or given up."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)
        self._cascade, self._path = cascade, None


def journals_in(folder: Path) -> list[Path]:
    """Return the journals of a folder, the one written last at the end."""
    found = folder.glob(f"{PREFIX}*{SUFFIX}")
    return sorted(found, key=lambda path: (path.stat().st_mtime_ns, path.name))


def read_journal(folder: Path, path: Path) -> tuple[Cascade, list[Step]]:
    """Return where the edits of a journal began, and the edits.

    A line that was cut off while it was written never became an edit.

    Raises
    ------
    InputError
        When the file is no journal.
    """
    steps = list(_steps(path))
    if not steps or "cascade" not in steps[0]:
        raise one_problem(path.name, "is no journal of unsaved edits; delete it")
    first = steps[0]
    origin = Origin(folder, {}, first["texts"])
    return Cascade.model_validate(first["cascade"]).with_origin(origin), steps[1:]


def _steps(path: Path) -> Iterator[Step]:
    for line in path.read_text(encoding="utf-8").split("\n"):
        try:
            step = json.loads(line) if line else None
        except json.JSONDecodeError:
            step = None
        if isinstance(step, dict):
            yield step


def _begun(cascade: Cascade) -> Path:
    """Begin a journal beside those of other drafts."""
    cascade.folder.mkdir(parents=True, exist_ok=True)
    number = 1
    while True:
        path = cascade.folder / f"{PREFIX}-{number}{SUFFIX}"
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            break
        except FileExistsError:
            number += 1
    _append(path, {"cascade": as_written(cascade), "texts": cascade.texts})
    return path


def _append(path: Path, step: Step) -> None:
    """Append a line; it begins on a new one even where the last was cut off."""
    with path.open("a", encoding="utf-8") as stream:
        stream.write("\n" + json.dumps(short_form(step), ensure_ascii=False, default=str) + "\n")
        stream.flush()
        os.fsync(stream.fileno())
