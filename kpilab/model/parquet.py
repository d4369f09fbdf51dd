"""History in Parquet files: DuckDB codes the keys and hands over numbers, so that no row becomes a Python object."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd

from kpilab.model.source_table import Cells, FirstRows, FrameTable, SourceTable

_INTEGERS = {f"{sign}{size}INT" for sign in ("", "U") for size in ("TINY", "SMALL", "BIG", "HUGE")}
_INTEGERS |= {"INTEGER", "UINTEGER"}
_FRACTIONS = {"FLOAT", "DOUBLE", "DECIMAL"}
_KEYS = ("period", "unit", "measure")


def parquet_table(path: Path, name: str) -> SourceTable:
    """Return a Parquet file as a table: left to DuckDB when its numbers are numbers, else read whole.

    Raises
    ------
    duckdb.Error
        When the file cannot be read.
    """
    with _connected() as connection:
        relation = connection.read_parquet(str(path))
        types = {
            column: str(kind).split("(")[0]
            for column, kind in zip(relation.columns, relation.types, strict=True)
        }
        numbers = ["value"] if {"measure", "value"} <= types.keys() else [c for c in types if c not in _KEYS]
        if all(types[column] in _INTEGERS | _FRACTIONS for column in numbers):
            return ParquetTable(name, path, tuple(types))
        frame = relation.df()
        return FrameTable(name, frame, range(1, len(frame) + 1))


@dataclass(frozen=True, eq=False)
class ParquetTable(SourceTable):
    """A Parquet file that stays on disk; rows are counted from 1.

    Parameters
    ----------
    name : str
        File name, for messages.
    path : Path
    columns : tuple of str
    """

    name: str
    path: Path
    columns: tuple[str, ...]
    _coded: dict[str, tuple[list[Any], list[str]]] = field(default_factory=dict, repr=False)

    def where(self, row: int) -> str:
        """Return ``file:row`` of a row by its position."""
        return f"{self.name}:{row + 1}"

    def distinct(self, column: str) -> list[Any]:
        """Return the different values of a key column."""
        return self._values_and_texts(column)[0]

    def rows_with(self, column: str, positions: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows that hold one of these distinct values, and which value each holds."""
        texts = self._values_and_texts(column)[1]
        wanted = pd.DataFrame({"text": [texts[each] for each in positions], "position": list(positions)})
        found = _query(
            f"SELECT file_row_number AS row, position FROM {self._rows} JOIN wanted "
            f"ON coalesce({_quoted(column)}::VARCHAR, '') = wanted.text ORDER BY row",
            wanted=wanted,
        )
        return found["row"], found["position"]

    def no_numbers(self, column: str) -> tuple[np.ndarray, list[Any]]:
        """Return the rows whose cell is infinite, in order, and those cells."""
        cell = f"{_quoted(column)}::DOUBLE"
        found = _query(
            f"SELECT file_row_number AS row, {cell} AS cell FROM {self._rows} WHERE isinf({cell}) ORDER BY row"
        )
        return found["row"], found["cell"].tolist()

    def cells(
        self, places: Mapping[str, np.ndarray], numbers: Sequence[str], *, in_order: bool = False
    ) -> Cells:
        """Return each row's place and numbers; in the file's order only on demand, which costs a sort."""
        columns = [f"{_quoted(name)}::DOUBLE AS n{position}" for position, name in enumerate(numbers)]
        place, tables, shares = self._placed(places)
        order = "ORDER BY file_row_number" if in_order else ""
        found = _query(f"SELECT {', '.join([place, *columns])} FROM {tables} {order}", **shares)
        return Cells(found["place"], tuple(found[f"n{position}"] for position in range(len(numbers))))

    def first_rows(self, places: Mapping[str, np.ndarray], size: int) -> FirstRows:
        """Return where each place was first spoken of; looked up when first asked."""
        return _FirstInFile(self, places, size)

    def first_row_numbers(self, places: Mapping[str, np.ndarray], size: int) -> np.ndarray:
        """Return the first row of each place, −1 where there is none."""
        place, tables, shares = self._placed(places)
        found = _query(f"SELECT {place}, min(file_row_number) AS row FROM {tables} GROUP BY 1", **shares)
        first = np.full(size, -1, dtype=np.int64)
        first[found["place"]] = found["row"]
        return first

    @property
    def _rows(self) -> str:
        return f"read_parquet('{str(self.path).replace(chr(39), 2 * chr(39))}', file_row_number = true)"

    def _values_and_texts(self, column: str) -> tuple[list[Any], list[str]]:
        if column not in self._coded:
            key = _quoted(column)
            found = _query(
                f"SELECT {key} AS key, coalesce({key}::VARCHAR, '') AS text "
                f"FROM (SELECT {key}, min(file_row_number) AS row FROM {self._rows} GROUP BY 1) ORDER BY row"
            )
            self._coded[column] = found["key"].tolist(), found["text"].tolist()
        return self._coded[column]

    def _placed(self, places: Mapping[str, np.ndarray]) -> tuple[str, str, dict[str, pd.DataFrame]]:
        """Return the SQL of a row's place, the joined tables it is computed from, and those tables' rows."""
        tables, shares = self._rows, {}
        kind = "INTEGER" if sum(int(share.max()) for share in places.values()) < 2**31 else "BIGINT"
        for number, (column, share) in enumerate(places.items()):
            shares[f"k{number}"] = pd.DataFrame({"text": self._values_and_texts(column)[1], "share": share})
            tables += f" JOIN k{number} ON {_quoted(column)}::VARCHAR = k{number}.text"
        total = " + ".join(f"{name}.share" for name in shares)
        return f"({total})::{kind} AS place", tables, shares


@dataclass(frozen=True, eq=False)
class _FirstInFile(FirstRows):
    table: ParquetTable
    places: Mapping[str, np.ndarray]
    size: int

    def where(self, place: int) -> str | None:
        row = self._first[place]
        return self.table.where(row) if row >= 0 else None

    @cached_property
    def _first(self) -> np.ndarray:
        return self.table.first_row_numbers(self.places, self.size)


def _connected() -> duckdb.DuckDBPyConnection:
    """Open a connection that draws no progress bar: standard output belongs to the results."""
    return duckdb.connect().execute("SET enable_progress_bar = false")


def _query(sql: str, **tables: pd.DataFrame) -> dict[str, np.ndarray]:
    """Run a query on a connection of its own; NULL becomes NaN in numbers and None in texts."""
    with _connected() as connection:
        for name, table in tables.items():
            connection.register(name, table)
        found = connection.execute(sql).fetchnumpy()
    return {name: _without_mask(array) for name, array in found.items()}


def _without_mask(array: Any) -> np.ndarray:
    if not np.ma.is_masked(array):
        return np.asarray(array)
    missing = np.nan if array.dtype.kind == "f" else None
    return np.asarray(np.where(array.mask, missing, array.data))


def _quoted(column: str) -> str:
    """Return a column's name as SQL reads it."""
    return '"' + column.replace('"', '""') + '"'
