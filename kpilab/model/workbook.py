"""A cascade as an Excel workbook: one sheet per noun, drop-downs for what refers to something, comments that explain.

A cell says what `cascade.yaml` says under the same key, without the outer brackets. Text stays text, whatever it
begins with: nothing in the workbook is a formula.
"""

import os
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import openpyxl
from openpyxl.comments import Comment
from openpyxl.styles import Font, PatternFill
from openpyxl.utils import get_column_letter, quote_sheetname
from openpyxl.worksheet.datavalidation import DataValidation

from kpilab.model.cascade import Cascade
from kpilab.model.entries import IGNORED_COLUMNS, plain
from kpilab.model.files import CASCADE_FILE, LISTS
from kpilab.model.one_line import one_line
from kpilab.model.saving import as_written, short_form
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
from kpilab.problems import Problem, one_problem, stop_on

LONGEST_CELL = 32_767
SPARE_ROWS = 500
"""Rows below the last one that have drop-downs, too."""
_UNFIT = re.compile("[\x00-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff]|x[0-9A-Fa-f]{4}_")
_HEADING = PatternFill("solid", start_color="DDE6F0")
_WIDEST = 60

Row = Mapping[str, Any]


def write_workbook(cascade: Cascade, path: str | os.PathLike[str], *, pay: bool = False) -> Path:
    """Write a cascade as an Excel workbook; `read_workbook` returns the same cascade.

    Parameters
    ----------
    cascade : Cascade
    path : path
        Ends in ``.xlsx``. A file that is there is replaced in one step.
    pay : bool
        Whether `pay.yaml`, which is confidential, goes along: on a sheet of its own, in a file that only you
        can read.

    Returns
    -------
    Path

    Raises
    ------
    InputError
        With everything that a cell cannot hold, before anything is written; when the file is no ``.xlsx``; when
        pay is asked for and there is none.
    """
    file = Path(path)
    if file.suffix.lower() != ".xlsx":
        raise one_problem(str(file), "a workbook's name ends in .xlsx; name it so")
    if not file.parent.is_dir():
        raise one_problem(str(file.parent), "no such folder; make it, or name another")
    rows = {sheet: _rows(cascade, sheet) for sheet in SHEETS}
    confidential = _pay_lines(cascade) if pay else []
    stop_on([*_unfit_cells(rows), *_unfit_lines(confidential)])
    book = openpyxl.Workbook()
    book.remove(book.active)
    _add_lines(book, README_SHEET, ["About this workbook", "", *left_out(cascade, pay=pay)])
    places = _places_of_words(cascade)
    for sheet, entries in rows.items():
        _add_sheet(book, sheet, columns_of(sheet, cascade), entries)
        _add_drop_downs(book[sheet], columns_of(sheet, cascade), places, len(entries))
    _add_words(book, places)
    if pay:
        _add_lines(book, PAY_SHEET, confidential)
    return _replaced(file, book, 0o600 if pay else None)


def left_out(cascade: Cascade, *, pay: bool = False) -> list[str]:
    """Say what of a cascade's folder a workbook does not hold, a sentence each."""
    said = [
        f"One sheet per list of cascade '{cascade.name}'; a cell says what cascade.yaml says under the same key. "
        "Point at a heading to read what it means. An empty cell leaves the key out.",
        f"Not held: history ({', '.join(cascade.history.path) or 'a database'}); it stays where it is.",
    ]
    text = cascade.texts.get(CASCADE_FILE, "")
    comments = sum(1 for line in text.splitlines() if re.search(r"(^|\s)#", line))
    if comments:
        said.append(
            f"Not held: {comments} comments of cascade.yaml; an import into a folder that has them keeps them."
        )
    noted = [name for name, table in cascade.texts.items() if name != CASCADE_FILE and _has_notes(table)]
    said += [f"Not held: the notes of {name}; an import into its folder keeps them." for name in noted]
    if not pay and (cascade.folder / "pay.yaml").is_file():
        said.append("Not held: pay.yaml, which is confidential; it goes along only when asked for (--pay).")
    if pay:
        said.append("CONFIDENTIAL: the last sheet holds pay.yaml, line by line.")
    return said


def _has_notes(table: str) -> bool:
    heading = table.partition("\n")[0].replace('"', "").split(",")
    return bool(IGNORED_COLUMNS & {cell.strip() for cell in heading})


def _pay_lines(cascade: Cascade) -> list[str]:
    file = cascade.folder / "pay.yaml"
    if not file.is_file():
        raise one_problem(str(file), "no such file; export without pay")
    return file.read_text(encoding="utf-8").split("\n")


def _rows(cascade: Cascade, sheet: str) -> list[Row]:
    """Return what a sheet says: a row per entry; of the sheet `cascade` a row per key."""
    if sheet in LISTS:
        return [as_written(entry) for entry in getattr(cascade, sheet)]
    if sheet == MEASURES_SHEET:
        return [{"measure": name, **as_written(measure)} for name, measure in cascade.measures.items()]
    written = as_written(cascade)
    keys = [column.key for column in columns_of(sheet)]
    return [{"key": key, "value": written.get(key)} for key in keys]


def cell_content(value: Any) -> Any:
    """Return what stands in a cell for a value of an entry.

    Examples
    --------
    >>> cell_content((0, 2)), cell_content({"of": "solved", "per": "tickets"}), cell_content(0.95)
    ('0, 2', 'of: solved, per: tickets', 0.95)
    """
    value = plain(short_form(value))
    if isinstance(value, tuple | dict):
        return one_line(value)[1:-1]
    if isinstance(value, float | int) and float(f"{value:.15g}") != value:
        return repr(value)
    return value


def _unfit_cells(rows: Mapping[str, Sequence[Row]]) -> Iterator[Problem]:
    """Say what a cell cannot hold: control characters, texts too long, and empty texts (an empty cell is none)."""
    for sheet, entries in rows.items():
        for number, row in enumerate(entries, 2):
            for key, value in row.items():
                said = _unfit(cell_content(value))
                if said:
                    named = key if sheet != CASCADE_SHEET else str(row["key"])
                    yield Problem(f"sheet {sheet}, row {number}", f"{named} {value!r:.60} {said}")


def _unfit_lines(lines: Sequence[str]) -> Iterator[Problem]:
    for number, line in enumerate(lines, 1):
        said = _unfit(line) if line else ""
        if said:
            yield Problem(f"{PAY_SHEET}:{number}", f"this line {said}")


def _unfit(content: str | int | float | None) -> str:
    if content == "":
        return "is an empty text, which a cell cannot tell from none; write some text or leave the key out"
    if isinstance(content, str) and len(content) > LONGEST_CELL:
        return f"has {len(content):,} characters, a cell holds {LONGEST_CELL:,}; shorten it"
    if isinstance(content, str) and (found := _UNFIT.search(content)):
        return f"holds {found.group()!r}, which a workbook cannot hold; remove it"
    return ""


def _add_sheet(book: Any, sheet: str, columns: Sequence[Column], entries: Sequence[Row]) -> None:
    page = book.create_sheet(sheet)
    headings = [column.key for column in columns] if sheet != CASCADE_SHEET else ["key", "value"]
    contents = [[cell_content(row.get(heading)) for heading in headings] for row in entries]
    for number, texts in enumerate((headings, *contents), 1):
        for position, content in enumerate(texts, 1):
            _put(page.cell(number, position), content)
    for position, down in enumerate(zip(headings, *contents, strict=True), 1):
        page.cell(1, position).font, page.cell(1, position).fill = Font(bold=True), _HEADING
        widest = max(len(str(text)) for text in down if text is not None) + 3
        page.column_dimensions[get_column_letter(position)].width = min(widest, _WIDEST)
    page.freeze_panes = "B2"
    for position, column in enumerate(columns, 1):
        place = (1, position) if sheet != CASCADE_SHEET else (position + 1, 1)
        page.cell(*place).comment = Comment(column.meaning, "kpilab", height=90, width=320)


def _put(cell: Any, content: str | int | float | None) -> None:
    """Fill a cell; text is marked as text, so that one that begins with = is never computed."""
    cell.value = content
    if isinstance(content, str):
        cell.data_type = "s"
        cell.number_format = "@"
        cell.quotePrefix = content[:1] in ("=", "+", "-", "@", "'")


def _add_drop_downs(
    page: Any, columns: Sequence[Column], places: Mapping[tuple[str, ...], str], n_rows: int
) -> None:
    """Offer what may be chosen; something else is questioned, not refused: the import says what is wrong."""
    for position, column in enumerate(columns, 1):
        letter = get_column_letter(position)
        offered = f"{letter}2:{letter}{n_rows + SPARE_ROWS}"
        if page.title == CASCADE_SHEET:
            offered = f"B{position + 1}"
        elif column.form in ("text", "list"):
            for number in range(n_rows + 2, n_rows + 22):
                page.cell(number, position).number_format = "@"
        if not column.choices:
            continue
        if isinstance(column.choices, str):
            source = f"{quote_sheetname(column.choices)}!$A$2:$A$2000"
        else:
            source = places[column.choices]
        choice = DataValidation(type="list", formula1=source, allow_blank=True, errorStyle="warning")
        choice.error, choice.errorTitle, choice.showErrorMessage = column.meaning[:220], column.key, True
        choice.add(offered)
        page.add_data_validation(choice)


def _places_of_words(cascade: Cascade) -> dict[tuple[str, ...], str]:
    """Return where the sheet of vocabularies has each list of words that a drop-down offers."""
    offered = [c.choices for sheet in SHEETS for c in columns_of(sheet, cascade)]
    words = dict.fromkeys(choices for choices in offered if choices and not isinstance(choices, str))
    return {
        choices: f"{LISTS_SHEET}!${get_column_letter(n)}$1:${get_column_letter(n)}${len(choices)}"
        for n, choices in enumerate(words, 1)
    }


def _add_words(book: Any, places: Mapping[tuple[str, ...], str]) -> None:
    page = book.create_sheet(LISTS_SHEET)
    page.sheet_state = "hidden"
    for position, words in enumerate(places, 1):
        for number, word in enumerate(words, 1):
            _put(page.cell(number, position), word)


def _add_lines(book: Any, sheet: str, lines: Sequence[str]) -> None:
    page = book.create_sheet(sheet)
    page.column_dimensions["A"].width = 2 * _WIDEST
    for number, line in enumerate(lines, 1):
        _put(page.cell(number, 1), line or None)


def _replaced(file: Path, book: Any, mode: int | None) -> Path:
    """Save beside its place, then take it: a crash leaves the old workbook or the new one."""
    handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            book.save(stream)
        os.chmod(temporary, mode or (file.stat().st_mode if file.exists() else 0o644))
        os.replace(temporary, file)
    finally:
        Path(temporary).unlink(missing_ok=True)
    return file
