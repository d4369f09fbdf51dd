"""A table of history as it was delivered: keys as distinct values, numbers as numbers, rows that know their line.

`SourceTable` is what the reader of history needs of a table, so that it never loops over rows: which values a
key column has, which rows hold one of them, and, once each value has its place in the panel, every row's cell.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

MISSING_TEXTS = {"", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", ":", "-"}


@dataclass(frozen=True, eq=False)
class Cells:
    """The rows of a table in their places.

    Attributes
    ----------
    place : ndarray of int, shape (n,)
        The place of each row in a panel.
    numbers : tuple of ndarray, each of shape (n,)
        One per number column; NaN where nothing was reported.
    """

    place: np.ndarray
    numbers: tuple[np.ndarray, ...]


class FirstRows(ABC):
    """Where each cell was first spoken of."""

    @abstractmethod
    def where(self, place: int) -> str | None:
        """Return ``file:line`` of the first row in a place, None when there is none."""


class SourceTable(ABC):
    """A table with key columns (period, unit, measure) and number columns."""

    name: str
    columns: tuple[str, ...]

    @abstractmethod
    def where(self, row: int) -> str:
        """Return ``file:line`` of a row by its position."""

    @abstractmethod
    def distinct(self, column: str, expected: Sequence[str] = ()) -> list[Any]:
        """Return the different values of a key column, as delivered; measures in order of their first rows.

        When every row holds one of the `expected` texts, these may be returned instead, in their order.
        """

    @abstractmethod
    def rows_with(self, column: str, positions: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows that hold one of these distinct values, in order, and which value each holds."""

    @abstractmethod
    def no_numbers(self, column: str) -> tuple[np.ndarray, list[Any]]:
        """Return the rows whose cell in a number column is text or infinite, in order, and those cells."""

    @abstractmethod
    def cells(self, places: Mapping[str, np.ndarray], numbers: Sequence[str]) -> Cells:
        """Return each row's place and numbers, in the order of the table.

        Parameters
        ----------
        places : dict of ndarray
            For each key column the share of each of its distinct values in a row's place; shares are added.
        numbers : sequence of str
        """

    @abstractmethod
    def blocks(self, places: Mapping[str, np.ndarray], numbers: Sequence[str]) -> Iterator[Cells]:
        """Give the same in pieces and in any order, for tables that are larger than one likes to hold twice."""

    @abstractmethod
    def first_rows(self, places: Mapping[str, np.ndarray], size: int) -> FirstRows:
        """Return where each of `size` places was first spoken of."""


@dataclass(frozen=True, eq=False)
class FrameTable(SourceTable):
    """A table held by pandas: from CSV, Excel, a database or the caller.

    Parameters
    ----------
    name : str
        File name, or the name of the database source.
    frame : pandas.DataFrame
        Texts (from CSV) or typed values.
    lines : sequence of int
        The line (CSV) or row (others) of each row, for messages.
    """

    name: str
    frame: pd.DataFrame
    lines: Sequence[int] | np.ndarray
    _coded: dict[str, tuple[np.ndarray, list[Any]]] = field(default_factory=dict, repr=False)
    _numbers: dict[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict, repr=False)

    @property
    def columns(self) -> tuple[str, ...]:  # type: ignore[override]
        """Return the headings."""
        return tuple(str(column) for column in self.frame.columns)

    def where(self, row: int) -> str:
        """Return ``file:line`` of a row by its position."""
        return f"{self.name}:{self.lines[row]}"

    def distinct(self, column: str, expected: Sequence[str] = ()) -> list[Any]:
        """Return the different values of a key column."""
        return self._codes_and_values(column)[1]

    def rows_with(self, column: str, positions: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows that hold one of these distinct values, and which value each holds."""
        codes = self._codes_and_values(column)[0]
        rows = np.flatnonzero(np.isin(codes, list(positions)))
        return rows, codes[rows]

    def no_numbers(self, column: str) -> tuple[np.ndarray, list[Any]]:
        """Return the rows whose cell is text or infinite, and those cells."""
        numbers, unreadable = self._numbers_of(column)
        rows = np.flatnonzero(unreadable | np.isinf(numbers))
        return rows, list(self.frame[column].iloc[rows])

    def cells(self, places: Mapping[str, np.ndarray], numbers: Sequence[str]) -> Cells:
        """Return each row's place and numbers."""
        return Cells(self._places(places), tuple(self._numbers_of(name)[0] for name in numbers))

    def blocks(self, places: Mapping[str, np.ndarray], numbers: Sequence[str]) -> Iterator[Cells]:
        """Give them in one piece."""
        yield self.cells(places, numbers)

    def first_rows(self, places: Mapping[str, np.ndarray], size: int) -> FirstRows:
        """Return where each place was first spoken of."""
        return _FirstLines(self.name, self.lines, first_of_each(self._places(places), size))

    def _places(self, places: Mapping[str, np.ndarray]) -> np.ndarray:
        place = np.zeros(len(self.frame), dtype=np.int64)
        for column, shares in places.items():
            place += shares[self._codes_and_values(column)[0]]
        return place

    def _codes_and_values(self, column: str) -> tuple[np.ndarray, list[Any]]:
        if column not in self._coded:
            codes, values = pd.factorize(self.frame[column], use_na_sentinel=False)
            self._coded[column] = codes, list(values)
        return self._coded[column]

    def _numbers_of(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Return a column as numbers, and which of its cells are neither a number nor empty."""
        if name not in self._numbers:
            self._numbers[name] = _as_numbers(self.frame[name])
        return self._numbers[name]


@dataclass(frozen=True, eq=False)
class _FirstLines(FirstRows):
    name: str
    lines: Sequence[int] | np.ndarray
    first: np.ndarray

    def where(self, place: int) -> str | None:
        row = self.first[place]
        return f"{self.name}:{self.lines[row]}" if row >= 0 else None


def first_of_each(place: np.ndarray, size: int) -> np.ndarray:
    """Return the first position of each of `size` places in an array, −1 where there is none.

    Examples
    --------
    >>> first_of_each(np.array([2, 0, 2]), 4)
    array([ 1, -1,  0, -1])
    """
    first = np.full(size, -1, dtype=np.int64)
    first[place[::-1]] = np.arange(
        len(place) - 1, -1, -1
    )  # of several writes to one place the last one stays
    return first


def cell_text(value: object) -> str:
    """Return what a cell says, nothing for a missing one."""
    return "" if pd.isna(value) else str(value).strip()  # type: ignore[call-overload]


def _as_numbers(column: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        numbers = column.to_numpy(dtype=float, na_value=np.nan)
        return numbers, np.zeros(len(numbers), dtype=bool)
    if pd.api.types.infer_dtype(column, skipna=False) != "string":
        return _as_stripped_numbers(column)
    numbers = pd.to_numeric(column, errors="coerce").to_numpy(dtype=float, copy=True)
    unread = np.isnan(numbers) & ~column.isin(MISSING_TEXTS).to_numpy()
    numbers[unread], unread[unread] = _as_stripped_numbers(column[unread])
    return numbers, unread


def _as_stripped_numbers(column: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    texts = column.map(cell_text)
    absent = texts.isin(MISSING_TEXTS).to_numpy()
    numbers = pd.to_numeric(texts.where(~absent, None), errors="coerce").to_numpy(dtype=float)
    return numbers, np.isnan(numbers) & ~absent
