"""An Excel workbook read back into a cascade: every problem with sheet, cell, value and remedy, all at once."""

import datetime
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openpyxl
from openpyxl.utils import get_column_letter
from openpyxl.utils.exceptions import InvalidFileException

from kpilab.model.cascade import Cascade, Origin
from kpilab.model.changes import find_changes
from kpilab.model.entries import IGNORED_COLUMNS, EntryReader
from kpilab.model.files import CASCADE_FILE, LISTS, TABLES, build_cascade, read_cascade
from kpilab.model.one_line import read_line
from kpilab.model.references import reference_problems
from kpilab.model.saving import replace_file, write_cascade
from kpilab.model.workbook_columns import (
    CASCADE_SHEET,
    LISTS_SHEET,
    MEASURES_SHEET,
    PAY_SHEET,
    README_SHEET,
    SHEETS,
    Column,
    columns_of,
)
from kpilab.problems import Problem, did_you_mean, one_problem, stop_on


def read_workbook(path: str | os.PathLike[str]) -> Cascade:
    """Read a cascade from a workbook that `write_workbook` wrote, and somebody may have edited.

    Parameters
    ----------
    path : path

    Returns
    -------
    Cascade

    Raises
    ------
    InputError
        With every problem at once: no workbook, unknown sheets and columns, formulas, wrong types, duplicate ids,
        unknown references; each with sheet, cell, value and remedy.
    """
    file = Path(path)
    reader = EntryReader(file, Cascade, LISTS, TABLES)
    values = _Sheets(file, reader).values()
    cascade = build_cascade(reader, values)
    cascade = cascade.with_origin(Origin(file.parent, reader.lines))
    stop_on([*reader.problems, *reference_problems(cascade, frozenset(reader.unread))])
    return cascade


def import_workbook(
    path: str | os.PathLike[str], folder: str | os.PathLike[str], *, overwrite: bool = False
) -> list[Path]:
    """Write what a workbook says into a cascade folder; comments that stand there are kept.

    Parameters
    ----------
    path, folder : path
    overwrite : bool
        Whether a cascade that is there may be changed.

    Returns
    -------
    list of Path
        The files written; those that would not change are left alone.

    Raises
    ------
    InputError
        As `read_workbook`; and when the folder has another cascade and `overwrite` is not said, with what would
        change.
    """
    target = Path(folder)
    cascade = read_workbook(path)
    pay = _pay_text(Path(path))
    if (target / CASCADE_FILE).exists() and not overwrite:
        stop_on(_differences(read_cascade(target), cascade, target))
    if pay is not None and not overwrite and _differs(target / "pay.yaml", pay):
        raise one_problem(str(target / "pay.yaml"), "differs from the workbook; import with --overwrite")
    written = write_cascade(cascade.with_origin(Origin(target)), target)
    return written + ([] if pay is None else replace_file(target / "pay.yaml", pay, mode=0o600))


def _differs(file: Path, text: str) -> bool:
    return file.exists() and file.read_text(encoding="utf-8") != text


def _differences(before: Cascade, after: Cascade, folder: Path) -> Iterator[Problem]:
    for change in find_changes(before, after):
        yield Problem(
            str(folder / CASCADE_FILE), f"would change: {change.sentence}; to write it: --overwrite"
        )


class _Sheets:
    """The sheets of one workbook, read into what the entry reader takes."""

    def __init__(self, file: Path, reader: EntryReader):
        self.file, self.reader = file, reader
        self.book = _opened(file)

    def values(self) -> dict[str, Any]:
        known = {*SHEETS, README_SHEET, LISTS_SHEET, PAY_SHEET}
        for name in self.book.sheetnames:
            if name not in known:
                self._tell(
                    f"sheet {name}", f"unknown sheet '{name}'; {did_you_mean(name, SHEETS)}, or delete it"
                )
        values = self._keys() if self._has(CASCADE_SHEET) else {}
        for noun in LISTS:
            if self._has(noun):
                values[noun] = self._entries(noun)
        if self._has(MEASURES_SHEET):
            rows = [(number, data) for number, data, _ in self._rows(MEASURES_SHEET)]
            values["measures"] = {
                str(data.get("measure", f"row {number}")): {k: v for k, v in data.items() if k != "measure"}
                for number, data in rows
            }
        return values

    def _has(self, sheet: str) -> bool:
        if sheet in self.book.sheetnames:
            return True
        self._tell(
            f"sheet {sheet}", f"there is no sheet '{sheet}'; put it back, it may be empty below its heading"
        )
        self.reader.unread.add(sheet)
        return False

    def _keys(self) -> dict[str, Any]:
        """Read the sheet of keys and values."""
        columns = {column.key: column for column in columns_of(CASCADE_SHEET)}
        values = {}
        for number, cells in enumerate(self.book[CASCADE_SHEET].iter_rows(min_row=2, max_col=2), 2):
            key, cell = cells[0].value, cells[1]
            if key is None:
                continue
            where = self._where(CASCADE_SHEET, number, 2)
            if key not in columns:
                self._tell(where, f"unknown key '{key}'; {did_you_mean(key, columns)}")
                continue
            self.reader.lines[(key,)] = where
            value = self._value(cell, columns[key], where)
            if value is not None:
                values[key] = value
        return values

    def _entries(self, noun: str) -> list[Any]:
        entries: list[Any] = []
        before = len(self.reader.problems)
        n_rows = 0
        for number, data, places in self._rows(noun):
            n_rows += 1
            where = self._where(noun, number, 1)
            entries += self.reader.entry(noun, data, where, places, len(entries))
        if len(entries) < n_rows or len(self.reader.problems) > before:
            self.reader.unread.add(noun)
        return entries

    def _rows(self, sheet: str) -> Iterator[tuple[int, dict[str, Any], dict[str, str]]]:
        """Yield number, values and places of every row that is not empty."""
        columns = {column.key: column for column in columns_of(sheet)}
        page = self.book[sheet]
        headings = [None if cell.value is None else str(cell.value).strip() for cell in page[1]]
        for position, heading in enumerate(headings, 1):
            if heading is not None and heading not in {*columns, *IGNORED_COLUMNS}:
                self._tell(
                    self._where(sheet, 1, position),
                    f"unknown column '{heading}'; {did_you_mean(heading, columns)}",
                )
        for heading in sorted({h for h in headings if h and headings.count(h) > 1}):
            self._tell(f"sheet {sheet}, row 1", f"two columns are called '{heading}'; rename one")
        for number, cells in enumerate(page.iter_rows(min_row=2), 2):
            data, places = {}, {}
            for position, cell in enumerate(cells, 1):
                heading = headings[position - 1]
                if cell.value is None or heading not in columns:
                    if cell.value is not None and heading is None:
                        self._tell(
                            self._where(sheet, number, position),
                            f"{cell.value!r} stands under no heading; name the column or empty the cell",
                        )
                    continue
                places[heading] = self._where(sheet, number, position)
                value = self._value(cell, columns[heading], places[heading])
                if value is not None:
                    data[heading] = value
            if data:
                yield number, data, places

    def _value(self, cell: Any, column: Column, where: str) -> Any:
        """Return what a cell says, as `cascade.yaml` would; None where it is empty or cannot be read."""
        content = cell.value
        if content is None:
            return None
        if cell.data_type in ("f", "e"):
            kind = "a formula" if cell.data_type == "f" else "an error"
            self._tell(where, f"{column.key}: {kind}, {content}; paste its value instead")
            return None
        if isinstance(content, datetime.datetime | datetime.date):
            content = self._period(content)
        if isinstance(content, str):
            return self._parsed(content, column, where)
        if column.form == "text" or (column.form == "list" and column.key != "lag"):
            return f"{content:.15g}" if isinstance(content, float) else str(content)
        return content

    def _parsed(self, text: str, column: Column, where: str) -> Any:
        if column.form == "mapping":
            written = text if text.lstrip().startswith("{") else f"{{{text}}}"
        elif column.form == "list" or column.form == "number" and text.lstrip().startswith(("{", "[")):
            written = text if text.lstrip().startswith("[") else f"[{text}]"
        else:
            return text
        try:
            return read_line(written)
        except ValueError:
            said = "a, b" if column.form == "list" else "key: value, key: value"
            self._tell(where, f"{column.key}: {text!r:.80} cannot be read; write it like {said}")
            return None

    def _period(self, date: datetime.date) -> str:
        """Return the period that somebody typed and Excel took for a date."""
        page = self.book[CASCADE_SHEET] if CASCADE_SHEET in self.book.sheetnames else None
        pairs = {row[0]: row[1] for row in page.iter_rows(max_col=2, values_only=True)} if page else {}
        forms = {"month": "%Y-%m", "quarter": f"%Y-Q{(date.month + 2) // 3}", "year": "%Y"}
        return date.strftime(forms.get(str(pairs.get("frequency")), "%Y-%m-%d"))

    def _where(self, sheet: str, row: int, position: int) -> str:
        return f"{self.file.name}, sheet {sheet}, row {row}, column {get_column_letter(position)}"

    def _tell(self, where: str, message: str) -> None:
        where = where if where.startswith(self.file.name) else f"{self.file.name}, {where}"
        self.reader.problems.append(Problem(where, message))


def _opened(file: Path) -> Any:
    try:
        return openpyxl.load_workbook(file)
    except FileNotFoundError as error:
        raise one_problem(
            str(file), "no such file; make one with: kpilab export CASCADE book.xlsx"
        ) from error
    except (InvalidFileException, zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        raise one_problem(str(file), "is no workbook that can be read; save it as .xlsx") from error


def _pay_text(file: Path) -> str | None:
    """Return the text of pay.yaml when the workbook was asked to hold it."""
    book = _opened(file)
    if PAY_SHEET not in book.sheetnames:
        return None
    lines = [row[0] for row in book[PAY_SHEET].iter_rows(max_col=1, values_only=True)]
    return "\n".join("" if line is None else str(line) for line in lines).rstrip("\n") + "\n"
