"""History in Parquet files: DuckDB codes the keys and hands over numbers, so that no row becomes a Python object."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, cached_property
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
MOST_LISTED = 300
VECTORS = 32  # of 2,048 rows: what is handed over at once


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
            return ParquetTable(name, path, types)
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
    types : dict of str
        DuckDB's type of each column.
    """

    name: str
    path: Path
    types: Mapping[str, str]
    _found: dict[str, tuple[list[Any], list[str]]] = field(default_factory=dict, repr=False)

    @property
    def columns(self) -> tuple[str, ...]:  # type: ignore[override]
        """Return the headings."""
        return tuple(self.types)

    def where(self, row: int) -> str:
        """Return ``file:row`` of a row by its position."""
        return f"{self.name}:{row + 1}"

    def distinct(self, column: str, expected: Sequence[str] = ()) -> list[Any]:
        """Return the different values of a key column, or what was expected if every row holds one of these."""
        if column not in self._found:
            all_expected = bool(expected) and self._holds_only(column, expected)
            self._found[column] = (list(expected), list(expected)) if all_expected else self._distinct(column)
        return self._found[column][0]

    def rows_with(self, column: str, positions: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows that hold one of these distinct values, and which value each holds."""
        texts = self._texts(column)
        wanted = pd.DataFrame({"text": [texts[each] for each in positions], "position": list(positions)})
        found = _query(
            f"SELECT file_row_number AS row, position FROM {self._rows} JOIN wanted "
            f"ON coalesce({_quoted(column)}::VARCHAR, '') = wanted.text ORDER BY row",
            wanted=wanted,
        )
        return found["row"], found["position"]

    def no_numbers(self, column: str) -> tuple[np.ndarray, list[Any]]:
        """Return the rows whose cell is infinite, in order, and those cells.

        Comparisons with constants, other than isinf(), are answered by the file's own statistics where it has
        them.
        """
        if self.types[column] not in ("FLOAT", "DOUBLE"):
            return np.empty(0, dtype=np.int64), []
        cell = _quoted(column)
        infinite = " OR ".join(f"{cell} = '{sign}inf'::{self.types[column]}" for sign in ("", "-"))
        found = _query(
            f"SELECT file_row_number AS row, {cell}::DOUBLE AS cell FROM {self._rows} WHERE {infinite} ORDER BY row"
        )
        return found["row"], found["cell"].tolist()

    def cells(self, places: Mapping[str, np.ndarray], numbers: Sequence[str]) -> Cells:
        """Return each row's place and numbers in the file's order, which costs a sort."""
        sql, given = self._cells_query(places, numbers)
        found = _query(f"{sql} ORDER BY file_row_number", **given)
        return _cells(found, len(numbers))

    def blocks(self, places: Mapping[str, np.ndarray], numbers: Sequence[str]) -> Iterator[Cells]:
        """Give the cells block by block while DuckDB reads on."""
        sql, given = self._cells_query(places, numbers)
        with _executed(sql, given) as result:
            while len(frame := result.fetch_df_chunk(VECTORS)):
                yield _cells({str(name): frame[name].to_numpy() for name in frame}, len(numbers))

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
        return f"read_parquet({_text(str(self.path))}, file_row_number = true)"

    def _texts(self, column: str) -> list[str]:
        self.distinct(column)
        return self._found[column][1]

    def _distinct(self, column: str) -> tuple[list[Any], list[str]]:
        """Return the distinct values of a key column and their texts: measures in order of their first rows."""
        key, order = _quoted(column), "text"
        distinct = f"SELECT DISTINCT {key} FROM {self._rows}"
        if column == "measure":
            distinct = f"SELECT {key}, min(file_row_number) AS row FROM {self._rows} GROUP BY 1"
            order = "row"
        values = _query(
            f"SELECT {key} AS key, coalesce({key}::VARCHAR, '') AS text FROM ({distinct}) ORDER BY {order}"
        )
        return values["key"].tolist(), values["text"].tolist()

    def _holds_only(self, column: str, texts: Sequence[str]) -> bool:
        """Tell whether each row holds one of some texts, which is sooner known than the texts that it has."""
        strange = _query(
            f"SELECT count(*) - count(try_cast({_quoted(column)}::VARCHAR AS texts)) AS n FROM {self._rows}",
            texts=_Enumeration(texts),
        )
        return int(strange["n"][0]) == 0

    def _cells_query(
        self, places: Mapping[str, np.ndarray], numbers: Sequence[str]
    ) -> tuple[str, dict[str, Any]]:
        columns = [f"{_quoted(name)}::DOUBLE AS n{position}" for position, name in enumerate(numbers)]
        place, tables, given = self._placed(places)
        return f"SELECT {', '.join([place, *columns])} FROM {tables}", given

    def _placed(self, places: Mapping[str, np.ndarray]) -> tuple[str, str, dict[str, Any]]:
        """Return the SQL of a row's place, the tables it is computed from, and what both are given.

        The shares of a few texts follow from a list, shares that are their positions from an enumeration, both
        of which DuckDB looks up once per entry of the file's own dictionary; the rest is joined.
        """
        tables, shares = self._rows, []
        given: dict[str, Any] = {}
        kind = "INTEGER" if sum(int(share.max()) for share in places.values()) < 2**31 else "BIGINT"
        for number, (column, share) in enumerate(places.items()):
            texts, key = self._texts(column), f"{_quoted(column)}::VARCHAR"
            if len(texts) <= MOST_LISTED:
                given |= {f"texts{number}": texts, f"shares{number}": share.tolist()}
                shares.append(f"($shares{number}::{kind}[])[list_position($texts{number}, {key})]")
            elif np.array_equal(share, np.arange(len(texts))):
                given[f"texts{number}"] = _Enumeration(texts)
                shares.append(f"enum_code(try_cast({key} AS texts{number}))::{kind}")
            else:
                given[f"k{number}"] = pd.DataFrame({"text": texts, "share": share})
                tables += f" JOIN k{number} ON {key} = k{number}.text"
                shares.append(f"k{number}.share")
        return f"({' + '.join(shares)})::{kind} AS place", tables, given


@dataclass(frozen=True)
class _Enumeration:
    """A type of the database: each text is stored as its position."""

    texts: Sequence[str]


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
    """Return a cursor of this process's database, which is costly to open and holds nothing."""
    return _database(os.getpid()).cursor()


@cache
def _database(_process: int) -> duckdb.DuckDBPyConnection:
    """Open a database in memory: no progress bar, as standard output belongs to the results; no pages kept."""
    settings = {"enable_progress_bar": False, "enable_external_file_cache": False}
    connection = duckdb.connect()
    for name, value in settings.items():
        connection.execute(f"SET {name} = {value}")
    return connection


def _query(sql: str, **given: Any) -> dict[str, np.ndarray]:
    """Run a query; NULL becomes NaN in numbers and None in texts."""
    with _executed(sql, given) as result:
        return {name: _without_mask(array) for name, array in result.fetchnumpy().items()}


@contextmanager
def _executed(sql: str, given: Mapping[str, Any]) -> Iterator[duckdb.DuckDBPyConnection]:
    """Run a query with tables, types and parameters on a cursor that is closed afterwards."""
    parameters = {}
    with _connected() as connection:
        for name, value in given.items():
            if isinstance(value, pd.DataFrame):
                connection.register(name, value)
            elif isinstance(value, _Enumeration):
                listed = ", ".join(_text(text) for text in value.texts)
                connection.execute(f"CREATE TEMP TYPE {name} AS ENUM ({listed})")
            else:
                parameters[name] = value
        yield connection.execute(sql, parameters)


def _cells(found: Mapping[str, np.ndarray], n_numbers: int) -> Cells:
    return Cells(found["place"], tuple(found[f"n{position}"] for position in range(n_numbers)))


def _without_mask(array: Any) -> np.ndarray:
    if not np.ma.is_masked(array):
        return np.asarray(array)
    missing = np.nan if array.dtype.kind == "f" else None
    return np.asarray(np.where(array.mask, missing, array.data))


def _quoted(column: str) -> str:
    """Return a column's name as SQL reads it."""
    return '"' + column.replace('"', '""') + '"'


def _text(text: str) -> str:
    """Return a text as SQL reads it."""
    return "'" + text.replace("'", "''") + "'"
