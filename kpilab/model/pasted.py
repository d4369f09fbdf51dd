"""Tables pasted from a spreadsheet: entries of a cascade, or a history, every problem with its row."""

import csv
import io
from typing import Any

import pandas as pd

from kpilab.model.cascade import Cascade
from kpilab.model.entries import IGNORED_COLUMNS
from kpilab.model.files import LISTS
from kpilab.model.history import History, read_history
from kpilab.model.new_ids import id_from
from kpilab.model.tables import TextTable, heading_problems
from kpilab.model.typed import COMPUTED, KIND, typed
from kpilab.problems import InputError, Problem, did_you_mean, one_problem, stop_on

_ALSO = {"success_factor": "factor", "how_computed": KIND, "at_level": "at"}


def pasted_table(text: str) -> TextTable:
    """Read a pasted table: the first row are headings; cells are parted by tabs, semicolons or commas.

    Raises
    ------
    InputError
        When it has no rows, or a row has too many cells.
    """
    first = text.strip("\n").partition("\n")[0]
    mark = next((sign for sign in "\t;," if sign in first), "\t")
    rows = [row for row in csv.reader(io.StringIO(text), delimiter=mark) if any(cell.strip() for cell in row)]
    if len(rows) < 2:
        raise one_problem("table", "needs a row of headings and at least one row below; copy both")
    columns = tuple(cell.strip() for cell in rows[0])
    stop_on(heading_problems("table", columns))
    stop_on(
        Problem(
            f"row {number}", f"{len(row)} cells under {len(columns)} headings; check the commas and quotes"
        )
        for number, row in enumerate(rows[1:], 1)
        if len(row) > len(columns)
    )
    cells = [[*(cell.strip() for cell in row), *[""] * (len(columns) - len(row))] for row in rows[1:]]
    return TextTable("table", columns, cells, list(range(1, len(cells) + 1)))


def pasted_entries(cascade: Cascade, noun: str, text: str) -> list[dict[str, Any]]:
    """Return the entries of a pasted table, as `Draft.add_all` takes them; ids are made of names where none is given.

    Raises
    ------
    InputError
        When a heading is no field of the noun.
    """
    table = pasted_table(text)
    model = LISTS[noun]
    known = {field.alias or name for name, field in model.model_fields.items()} | IGNORED_COLUMNS
    known |= {KIND, COMPUTED} if noun == "kpis" else set()
    columns = [_field(column) for column in table.columns]
    stop_on(
        Problem("headings", f"unknown column '{table.columns[place]}'; {did_you_mean(column, known)}")
        for place, column in enumerate(columns)
        if column not in known
    )
    identity = "unit" if noun == "units" else "id"
    taken = {entry.id for entry in getattr(cascade, noun)}
    entries = []
    for row in table.rows:
        texts = {
            column: cell for column, cell in zip(columns, row, strict=True) if column not in IGNORED_COLUMNS
        }
        if "name" in texts and identity in known and not texts.get(identity):
            texts[identity] = id_from(texts["name"], taken)
        taken.add(texts.get(identity, ""))
        entries.append(typed(noun, texts))
    return entries


def pasted_history(cascade: Cascade, text: str) -> str:
    """Return a pasted history as the text of a CSV file, once it is known to be one.

    Raises
    ------
    InputError
        With every problem that the reader of histories has with it.
    """
    read_pasted_history(cascade, text)
    return str(_frame(text).to_csv(index=False, lineterminator="\n"))


def read_pasted_history(cascade: Cascade, text: str) -> History:
    """Read a pasted history.

    Raises
    ------
    InputError
        With every problem that the reader of histories has with it; `where` is the row.
    """
    try:
        return read_history(cascade, _frame(text))
    except InputError as error:
        raise InputError(
            Problem(problem.where.replace("history:", "row "), problem.message) for problem in error.problems
        ) from error


def _frame(text: str) -> pd.DataFrame:
    table = pasted_table(text)
    return pd.DataFrame(table.rows, columns=list(table.columns))


def _field(heading: str) -> str:
    word = "_".join(heading.casefold().split())
    return _ALSO.get(word, word)
