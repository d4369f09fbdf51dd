"""Two who edit the same files: what somebody else changed since they were read, line by line."""

import difflib
from collections.abc import Mapping
from pathlib import Path

from kpilab.model.files import CASCADE_FILE, text_of
from kpilab.problems import Problem, stop_on

CONFIDENTIAL = {"pay.yaml"}


def refuse_what_changed(folder: Path, read: Mapping[str, str]) -> None:
    """Refuse to go on when a file changed on disk since it was read.

    Parameters
    ----------
    folder : Path
    read : mapping of str to str
        The texts of its files as they were read, by name.

    Raises
    ------
    InputError
        One problem for each file, with its difference.
    """
    problems = []
    for name in dict.fromkeys((CASCADE_FILE, *read)):
        before, now = read.get(name), text_of(folder / name)
        if before == now:
            continue
        how = "came into being" if before is None else "was deleted" if now is None else "changed on disk"
        message = f"{how} since it was read; read it again, or save with overwrite=True\n"
        problems.append(
            Problem(name, message + difference_of(name, before or "", now or "", "read", "on disk"))
        )
    stop_on(problems)


def difference_of(name: str, before: str, after: str, old: str = "now", new: str = "saved") -> str:
    """Return how two texts of a file differ, as a unified diff; of a confidential file only that they do."""
    if name in CONFIDENTIAL and before != after:
        return f"--- {name} ({old})\n+++ {name} ({new})\nits lines are confidential and not shown\n"
    lines = difflib.unified_diff(
        before.splitlines(), after.splitlines(), f"{name} ({old})", f"{name} ({new})", lineterm=""
    )
    return "".join(f"{line}\n" for line in lines)
