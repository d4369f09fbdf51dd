"""Text tables with line numbers: a CSV file read as text, so that every problem can name its line."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kpilab.problems import Problem, shortened


@dataclass(frozen=True)
class TextTable:
    """A table of texts.

    Parameters
    ----------
    name : str
        File name, for messages.
    columns : tuple of str
    rows : list of list of str
        Each as long as `columns`.
    lines : list of int
        The line in the file at which each row begins.
    """

    name: str
    columns: tuple[str, ...]
    rows: list[list[str]]
    lines: list[int]

    def column(self, name: str) -> list[str]:
        """Return the texts of one column."""
        position = self.columns.index(name)
        return [row[position] for row in self.rows]


def read_text(path: Path, name: str) -> tuple[str | None, list[Problem]]:
    """Read a UTF-8 file; a wrong encoding is a problem for every line that has it."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return None, [
            Problem(name, f"no such file in {path.parent.name or '.'}/; create it or correct the path")
        ]
    except OSError as error:
        return None, [
            Problem(name, f"cannot be read ({error.strerror}); check that it is a file you may read")
        ]
    if not raw.strip():
        return None, [Problem(name, "the file is empty; it needs at least a heading and one row")]
    try:
        return raw.decode("utf-8-sig"), []
    except UnicodeDecodeError:
        return None, shortened(_badly_encoded(raw, name), "bytes that are not UTF-8")


def read_csv_table(path: Path, name: str) -> tuple[TextTable | None, list[Problem]]:
    """Read a CSV file as text, with the line of every row."""
    text, problems = read_text(path, name)
    if text is None:
        return None, problems
    reader = csv.reader(io.StringIO(text), delimiter="\t" if path.suffix.lower() == ".tsv" else ",")
    rows: list[list[str]] = []
    lines: list[int] = []
    columns: tuple[str, ...] = ()
    try:
        before = 0
        for row in reader:
            begins, before = before + 1, reader.line_num
            if not columns:
                columns = tuple(cell.strip() for cell in row)
            elif any(row):
                if len(row) != len(columns):
                    problems.append(
                        Problem(
                            f"{name}:{begins}",
                            f"{len(row)} cells under {len(columns)} headings; check the commas and quotes",
                        )
                    )
                    continue
                rows.append([cell.strip() for cell in row])
                lines.append(begins)
    except csv.Error as error:
        problems.append(
            Problem(f"{name}:{reader.line_num}", f"is no CSV ({error}); save the table as CSV UTF-8")
        )
    faults = heading_problems(name, columns)
    if faults:
        return None, faults
    if columns and not rows and not problems:
        problems.append(Problem(name, "has a heading but no rows; add at least one"))
    return TextTable(name, columns, rows, lines), shortened(problems, "the wrong number of cells")


def heading_problems(name: str, columns: Sequence[str]) -> list[Problem]:
    """List columns that share a name, and a heading that was not cut into columns."""
    if len(columns) == 1 and ";" in columns[0]:
        return [Problem(f"{name}:1", "cells are separated by ';'; save the table with commas (CSV UTF-8)")]
    if "" in columns:
        number = columns.index("") + 1
        return [Problem(f"{name}:1", f"column {number} has no heading; name it, or delete the column")]
    doubled = sorted({column for column in columns if columns.count(column) > 1})
    return [Problem(f"{name}:1", f"two columns are called '{column}'; rename one") for column in doubled]


def _badly_encoded(raw: bytes, name: str) -> list[Problem]:
    problems = []
    for number, line in enumerate(raw.split(b"\n"), 1):
        try:
            line.decode("utf-8")
        except UnicodeDecodeError as error:
            byte = line[error.start]
            problems.append(
                Problem(f"{name}:{number}", f"byte 0x{byte:02x} is not UTF-8; save the file as UTF-8")
            )
    return problems
