"""Where history comes from: CSV, Parquet, Excel or a database; each becomes a table that knows its rows."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kpilab.model.cascade import Cascade
from kpilab.model.nouns import Source
from kpilab.model.source_table import FrameTable, SourceTable
from kpilab.model.tables import read_csv_table
from kpilab.problems import Problem


def load_tables(cascade: Cascade, source: Source) -> tuple[list[SourceTable], list[Problem]]:
    """Load every table of a source; what cannot be read is a problem, not an exception."""
    if source.url:
        return _from_database(cascade, source)
    tables: list[SourceTable] = []
    problems: list[Problem] = []
    for pattern in source.path:
        matches = sorted(cascade.folder.glob(pattern)) if any(sign in pattern for sign in "*?[") else []
        paths = matches or [cascade.folder / pattern]
        for path in paths:
            found, faults = _from_file(path, os.path.relpath(path, cascade.folder))
            tables += found
            problems += faults
    return tables, problems


def table_of(frame: pd.DataFrame, name: str = "history") -> SourceTable:
    """Wrap a DataFrame, counting rows from 1."""
    return FrameTable(name, frame.reset_index(drop=True), range(1, len(frame) + 1))


def _from_file(path: Path, name: str) -> tuple[list[SourceTable], list[Problem]]:
    suffix = path.suffix.lower()
    if suffix in {".csv", ".txt", ".tsv", ""}:
        table, problems = read_csv_table(path, name)
        if table is None or not table.rows:
            return [], problems
        frame = pd.DataFrame(table.rows, columns=list(table.columns), dtype=object)
        return [FrameTable(name, frame, np.asarray(table.lines))], problems
    if not path.exists():
        return [], [
            Problem(name, f"no such file in {path.parent.name or '.'}/; create it or correct the path")
        ]
    try:
        if suffix in {".xlsx", ".xlsm"}:
            frame = pd.read_excel(path, dtype=object)
            return [FrameTable(name, frame, range(2, len(frame) + 2))], []
        if suffix == ".parquet":
            from kpilab.model.parquet import parquet_table

            return [parquet_table(path, name)], []
    except Exception as error:  # noqa: BLE001 — a damaged file raises whatever its reader likes
        return [], [Problem(name, f"cannot be read ({' '.join(str(error).split())}); write the file again")]
    return [], [Problem(name, f"'{suffix}' is no kind of file kpilab reads; use .csv, .parquet or .xlsx")]


def _from_database(cascade: Cascade, source: Source) -> tuple[list[SourceTable], list[Problem]]:
    try:
        import sqlalchemy
    except ImportError:
        missing = "reading from a database needs SQLAlchemy; install it with: pip install 'kpilab[sql]'"
        return [], [Problem("history", missing)]
    url = source.url or ""
    if url.startswith("env:"):
        variable = url.removeprefix("env:")
        if variable not in os.environ:
            remedy = f"export {variable}=<database url>"
            return [], [Problem("history", f"environment variable {variable} is not set; {remedy}")]
        url = os.environ[variable]
    try:
        address = _beside(cascade.folder, sqlalchemy.make_url(url))
        engine = sqlalchemy.create_engine(address)
        with engine.connect() as connection:
            frame = pd.read_sql_query(sqlalchemy.text(source.query or ""), connection)
        engine.dispose()
    except ModuleNotFoundError as error:
        remedy = f"install it with: pip install {error.name}"
        return [], [Problem("history", f"the database's driver '{error.name}' is missing; {remedy}")]
    except (sqlalchemy.exc.SQLAlchemyError, pd.errors.DatabaseError, OSError) as error:
        reason = " ".join(str(error).split())[:300]
        return [], [
            Problem("history", f"the database did not answer the query ({reason}); check url and query")
        ]
    return [table_of(frame, "query")], []


def _beside(folder: Path, address: Any) -> Any:
    """Let the path of an SQLite file start from the cascade folder; a file that is missing is not created."""
    if address.get_backend_name() != "sqlite" or address.database in (None, "", ":memory:"):
        return address
    path = folder.resolve() / address.database
    if not path.is_file():
        raise FileNotFoundError(f"no such file: {address.database}")
    return address.set(database=str(path))
