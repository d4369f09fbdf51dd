"""Validated tables put together into one panel: where each row belongs, which row came first, which came twice."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from kpilab.model.cascade import Cascade
from kpilab.model.history_rows import ReadTable
from kpilab.model.periods import PANDAS_CODE, period_text
from kpilab.model.source_table import Cells, FirstRows, first_of_each


@dataclass(frozen=True)
class Duplicate:
    """A second row for the same period and unit; the first one counts."""

    where: str
    first: str
    unit: str
    period: str
    differs: bool


@dataclass(frozen=True, eq=False)
class Lines:
    """Where each unit's row of a period stands; looked up only when somebody asks."""

    tables: tuple[FirstRows, ...] = ()
    n_units: int = 0

    def where(self, period: int, unit: int) -> str | None:
        """Return ``file:line`` of the first row of a period and unit by their positions, None without one."""
        found = (table.where(period * self.n_units + unit) for table in self.tables)
        return next((where for where in found if where), None)


@dataclass(frozen=True, eq=False)
class Assembled:
    """A panel and where it came from; the attributes are those of `History`."""

    values: np.ndarray
    periods: pd.PeriodIndex
    units: tuple[str, ...]
    measures: tuple[str, ...]
    duplicates: tuple[Duplicate, ...]
    lines: Lines


def assemble(cascade: Cascade, tables: Sequence[ReadTable]) -> Assembled:
    """Put tables into one panel; what an earlier row said of a cell counts."""
    code = PANDAS_CODE[cascade.frequency]
    first = min(int(table.ordinals.min()) for table in tables)
    last = max(int(table.ordinals.max()) for table in tables)
    periods = pd.period_range(pd.Period(ordinal=first, freq=code), periods=last - first + 1)
    measures = tuple(dict.fromkeys(name for table in tables for name in table.measures))
    units = tuple(unit.id for unit in cascade.units)
    stored = np.full((len(measures), len(periods), len(units)), np.nan)  # a measure lies in one piece
    values = stored.transpose(1, 2, 0)
    lines, duplicates = Lines((), len(units)), []
    for position, table in enumerate(tables):
        lines = Lines((*lines.tables, _first_rows(table, first, values.shape)), len(units))
        block = _Block(table, first, stored, measures)
        if block.add_at_once() if position else block.fill_at_once():
            continue
        cells = block.cells()
        duplicates += [
            Duplicate(where, lines.where(*key) or "", units[key[1]], period_text(periods[key[0]]), differs)
            for key, where, differs in block.seconds(cells)
        ]
        block.fill(Cells(cells.place[::-1], tuple(numbers[::-1] for numbers in cells.numbers)))
    return Assembled(values, periods, units, measures, tuple(duplicates), lines)


def _first_rows(table: ReadTable, first: int, shape: tuple[int, ...]) -> FirstRows:
    places = {"period": (table.ordinals - first) * shape[1], "unit": table.units}
    return table.table.first_rows(places, shape[0] * shape[1])


class _Block:
    """One table on its way into the panel.

    `slots` is the panel, measures first, with a row for each place that a row of the table can have: period ×
    unit for a wide table, measure × period × unit for a long one; `columns` are those of the table's numbers.
    """

    def __init__(self, table: ReadTable, first: int, stored: np.ndarray, measures: tuple[str, ...]):
        self.table = table
        n_measures, n_periods, self.n_units = stored.shape
        self.n_places = n_periods * self.n_units
        columns = np.array([measures.index(name) for name in table.measures], dtype=np.int64)
        self.places = {"period": (table.ordinals - first) * self.n_units, "unit": table.units}
        if table.wide:
            self.columns, self.slots = columns, stored.reshape(n_measures, -1).T
        else:
            self.places["measure"] = columns * self.n_places
            self.columns, self.slots = np.zeros(1, dtype=np.int64), stored.reshape(-1, 1)

    def fill_at_once(self) -> bool:
        """Write every number into a panel that is empty; tell whether no place is spoken of by two rows.

        A place is spoken of if it holds a number in the first column, or was noted because a row leaves it empty
        there; where these are fewer than the rows, two rows share a place.
        """
        spoken, n_rows = np.zeros(len(self.slots), dtype=bool), 0
        for cells in self.table.table.blocks(self.places, self.table.numbers):
            n_rows += len(cells.place)
            for column, numbers in zip(self.columns, cells.numbers, strict=True):
                self.slots[:, column][cells.place] = numbers
            unsaid = np.isnan(cells.numbers[0])
            if unsaid.any():
                spoken[cells.place[unsaid]] = True
        spoken |= ~np.isnan(self.slots[:, self.columns[0]])
        if int(np.count_nonzero(spoken)) == n_rows:
            return True
        self.slots[:] = np.nan
        return False

    def add_at_once(self) -> bool:
        """Write the numbers beside those of earlier tables, if no place is spoken of twice; else nothing."""
        blocks = list(self.table.table.blocks(self.places, self.table.numbers))
        place = np.concatenate([cells.place for cells in blocks])
        cells = Cells(
            place, tuple(map(np.concatenate, zip(*(cells.numbers for cells in blocks), strict=True)))
        )
        spoken = np.zeros(len(self.slots), dtype=bool)
        spoken[place] = True
        if np.count_nonzero(spoken) < len(place) or self._filled_before(cells).any():
            return False
        self.fill(cells)
        return True

    def cells(self) -> Cells:
        """Return the place and numbers of each row, in the table's order."""
        return self.table.table.cells(self.places, self.table.numbers)

    def seconds(self, cells: Cells) -> list[tuple[tuple[int, int], str, bool]]:
        """Return, for each row that speaks of a place again: its period and unit, its line, whether it differs."""
        first = first_of_each(cells.place, len(self.slots))[cells.place]
        again = np.flatnonzero((first != np.arange(len(first))) | self._filled_before(cells))
        found = []
        for row in again:
            place = int(cells.place[row])
            said = np.array([numbers[first[row]] for numbers in cells.numbers])
            if first[row] == row:
                said = self.slots[place, self.columns]
            says = np.array([numbers[row] for numbers in cells.numbers])
            both = ~np.isnan(said) & ~np.isnan(says)
            key = divmod(place % self.n_places, self.n_units)
            differs = bool((said[both] != says[both]).any())
            found.append((key, self.table.table.where(int(row)), differs))
        return found

    def fill(self, cells: Cells) -> None:
        """Write the numbers where no earlier table wrote; of two rows for a place the last one stays."""
        for column, numbers in zip(self.columns, cells.numbers, strict=True):
            before = self.slots[cells.place, column]
            self.slots[cells.place, column] = np.where(np.isnan(before), numbers, before)

    def _filled_before(self, cells: Cells) -> np.ndarray:
        filled = np.zeros(len(cells.place), dtype=bool)
        for column, numbers in zip(self.columns, cells.numbers, strict=True):
            filled |= ~np.isnan(self.slots[cells.place, column]) & ~np.isnan(numbers)
        return filled
