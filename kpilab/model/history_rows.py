"""The tables of a history, validated: their periods, units and numbers, or every problem with its line."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from kpilab.model.cascade import Cascade
from kpilab.model.periods import parse_period
from kpilab.model.source_table import SourceTable, cell_text
from kpilab.model.tables import heading_problems
from kpilab.problems import MOST_SHOWN_PER_KIND, Problem, did_you_mean


@dataclass(frozen=True, eq=False)
class ReadTable:
    """A table whose keys are known.

    Attributes
    ----------
    table : SourceTable
    ordinals : ndarray of int
        The period of each distinct value of the column period.
    units : ndarray of int
        The position in the cascade of each distinct value of the column unit.
    measures : list of str
        Long: the distinct values of the column measure; wide: the number columns.
    wide : bool
    """

    table: SourceTable
    ordinals: np.ndarray
    units: np.ndarray
    measures: list[str]
    wide: bool

    @property
    def numbers(self) -> list[str]:
        """Return the columns that hold numbers."""
        return self.measures if self.wide else ["value"]


def read_table(cascade: Cascade, table: SourceTable) -> tuple[ReadTable | None, list[Problem]]:
    """Validate one table; None when it has a problem or no rows."""
    columns = list(table.columns)
    doubled = heading_problems(table.name, columns)
    if doubled:
        return None, doubled
    missing = [key for key in ("period", "unit") if key not in columns]
    if missing:
        needs = f"history needs the columns period and unit; '{missing[0]}' is missing"
        return None, [Problem(f"{table.name}:1", f"{needs} ({did_you_mean(missing[0], columns)})")]
    wide = not {"measure", "value"} <= set(columns)
    measures = [column for column in columns if column not in ("period", "unit")]
    if not measures:
        return None, [Problem(f"{table.name}:1", "history has no measure; add a column for each")]
    ordinals, problems = _periods(cascade, table)
    units, faults = _units(cascade, table)
    problems += faults
    if not wide:
        measures, faults = _measures(table)
        problems += faults
    for name in measures if wide else ["value"]:
        problems += _no_numbers(table, name)
    if problems or not len(ordinals):
        return None, problems
    return ReadTable(table, ordinals, units, measures, wide), []


def _periods(cascade: Cascade, table: SourceTable) -> tuple[np.ndarray, list[Problem]]:
    distinct = table.distinct("period")
    ordinals = np.zeros(len(distinct), dtype=np.int64)
    wrong: dict[int, str] = {}
    for position, value in enumerate(distinct):
        try:
            ordinals[position] = parse_period("" if pd.isna(value) else value, cascade.frequency).ordinal
        except ValueError as error:
            wrong[position] = str(error)
    return ordinals, _row_problems(table, "period", wrong, "periods that cannot be read")


def _units(cascade: Cascade, table: SourceTable) -> tuple[np.ndarray, list[Problem]]:
    known = {unit.id: position for position, unit in enumerate(cascade.units)}
    texts = [cell_text(value) for value in table.distinct("unit", list(known))]
    positions = np.array([known.get(text, -1) for text in texts], dtype=np.int64)
    strange = {
        position: f"unit '{texts[position]}' is not in the unit tree"
        for position in np.flatnonzero(positions < 0).tolist()
    }
    problems = _row_problems(
        table,
        "unit",
        strange,
        "units that are not in the tree",
        remedy=lambda position: did_you_mean(texts[position], known),
    )
    return positions, problems


def _measures(table: SourceTable) -> tuple[list[str], list[Problem]]:
    names = [cell_text(value) for value in table.distinct("measure")]
    unnamed = {
        position: "measure is missing; name what was measured"
        for position, name in enumerate(names)
        if not name
    }
    return names, _row_problems(table, "measure", unnamed, "no measure")


def _row_problems(
    table: SourceTable,
    column: str,
    wrong: dict[int, str],
    kind: str,
    *,
    remedy: Callable[[int], str] | None = None,
) -> list[Problem]:
    """Tell of each row that holds a wrong value; the first ones in full, the rest counted."""
    if not wrong:
        return []
    rows, positions = table.rows_with(column, list(wrong))
    told = [
        wrong[int(position)] + (f"; {remedy(int(position))}" if remedy else "")
        for position in positions[:MOST_SHOWN_PER_KIND]
    ]
    return _first_and_count(table, rows, told, kind)


def _first_and_count(table: SourceTable, rows: np.ndarray, told: list[str], kind: str) -> list[Problem]:
    shown = zip(rows[:MOST_SHOWN_PER_KIND], told, strict=True)
    problems = [Problem(table.where(int(row)), message) for row, message in shown]
    rest = len(rows) - len(problems)
    if rest:
        where = table.where(int(rows[MOST_SHOWN_PER_KIND]))
        problems.append(Problem(where, f"… and {rest:,} more lines with {kind}"))
    return problems


def _no_numbers(table: SourceTable, name: str) -> list[Problem]:
    rows, cells = table.no_numbers(name)
    told = [f"{name} is {cell!r}; {_number_remedy(str(cell))}" for cell in cells[:MOST_SHOWN_PER_KIND]]
    return _first_and_count(table, rows, told, f"no number in column {name}")


def _number_remedy(text: str) -> str:
    if "inf" in text.lower():
        return "infinity is no measurement; leave the cell empty or correct it"
    if "\n" in text:
        return "a quotation mark is opened in this row and not closed"
    if "," in text:
        return "write numbers with a decimal point and no thousands separator"
    if text.endswith("%"):
        return "write a share as a plain number, 0.95 instead of 95%"
    return "it should be a number; leave the cell empty where nothing was reported"
