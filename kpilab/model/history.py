"""History: a validated panel, period × unit × measure. Nothing is filled, nothing is dropped unsaid."""

import os
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from kpilab.model.cascade import Cascade, Source
from kpilab.model.files import attempt_cascade
from kpilab.model.periods import PANDAS_CODE, parse_period, period_text
from kpilab.model.sources import SourceTable, load_tables, table_of
from kpilab.model.tables import heading_problems
from kpilab.problems import InputError, Problem, did_you_mean, shortened, stop_on

_MISSING_TEXTS = {"", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", ":", "-"}


@dataclass(frozen=True)
class Duplicate:
    """A second row for the same period and unit; the first one counts."""

    where: str
    first: str
    unit: str
    period: str
    differs: bool


@dataclass(frozen=True, eq=False)
class History:
    """What happened.

    Attributes
    ----------
    values : ndarray, shape (T, U, M)
        Raw numerators, denominators and counts; NaN where nothing was reported.
    periods : pandas.PeriodIndex, length T
        Every calendar period from the first to the last, gaps included.
    units : tuple of str, length U
        All units of the cascade, in its order.
    measures : tuple of str, length M
    duplicates : tuple of Duplicate
    """

    values: np.ndarray
    periods: pd.PeriodIndex
    units: tuple[str, ...]
    measures: tuple[str, ...]
    duplicates: tuple[Duplicate, ...] = ()
    lines: dict[tuple[str, str], str] = field(default_factory=dict, repr=False)

    def measure(self, name: str) -> np.ndarray:
        """Return one measure, shape (T, U)."""
        return self.values[:, :, self._measure_position[name]]

    def frame(self, name: str) -> pd.DataFrame:
        """Return one measure as a table of periods × units that reported it."""
        table = pd.DataFrame(self.measure(name), index=self.periods, columns=list(self.units))
        return table.dropna(axis="columns", how="all")

    def tidy(self) -> pd.DataFrame:
        """Return one row per period, unit and measure that was reported."""
        t, u, m = np.nonzero(~np.isnan(self.values))
        texts = np.array([period_text(period) for period in self.periods], dtype=object)
        return pd.DataFrame(
            {
                "period": texts[t],
                "unit": np.array(self.units, dtype=object)[u],
                "measure": np.array(self.measures, dtype=object)[m],
                "value": self.values[t, u, m],
            }
        )

    def glance(self) -> pd.DataFrame:
        """Return one row: span, numbers of units and measures, how much was reported."""
        reporting = ~np.isnan(self.values).all(axis=(0, 2))
        return pd.DataFrame(
            {
                "first_period": [period_text(self.periods[0])],
                "last_period": [period_text(self.periods[-1])],
                "n_periods": [len(self.periods)],
                "n_units": [int(reporting.sum())],
                "n_measures": [len(self.measures)],
                "n_values": [int((~np.isnan(self.values)).sum())],
                "n_duplicate_rows": [len(self.duplicates)],
            }
        )

    def position(self, period: pd.Period) -> int:
        """Return the row of a period; may lie outside 0..T-1."""
        return period.ordinal - self.periods[0].ordinal

    def where(self, unit: str, period: pd.Period) -> str:
        """Return ``file:line`` of a unit's row in a period, or the two in words."""
        text = period_text(period)
        return self.lines.get((unit, text), f"{unit}, {text}")

    def __repr__(self) -> str:
        about = self.glance().iloc[0]
        return (
            f"History of {about.n_units} units, {about.first_period} to {about.last_period}, "
            f"{about.n_measures} measures, {about.n_values:,} values"
        )

    @cached_property
    def _measure_position(self) -> dict[str, int]:
        return {name: position for position, name in enumerate(self.measures)}


def read_history(cascade: Cascade, source: Any = None) -> History:
    """Read and validate the history of a cascade.

    Parameters
    ----------
    cascade : Cascade
    source : DataFrame, path, or list of paths, optional
        Default: what `cascade.yaml` says under ``history``. Long (``period, unit, measure, value``) or wide
        (``period, unit`` and one column per measure).

    Returns
    -------
    History

    Raises
    ------
    InputError
        With every problem at once: missing files, text in number columns, infinities, periods of another
        frequency, units outside the tree; each with file, line, value and remedy.
    """
    problems: list[Problem] = []
    if isinstance(source, pd.DataFrame):
        tables = [table_of(source)]
    else:
        tables, problems = load_tables(cascade, cascade.history if source is None else _as_source(source))
    blocks = []
    for table in tables:
        block, faults = _validated(cascade, table)
        problems += faults
        blocks += [block] if block is not None else []
    if not problems and not blocks:
        problems.append(Problem("history", "has no rows; add at least one period"))
    stop_on(problems)
    return _assembled(cascade, blocks)


def read_folder(folder: str | os.PathLike[str]) -> tuple[Cascade, History]:
    """Read a cascade and its history.

    Raises
    ------
    InputError
        With the problems of both at once. History is not looked at while the cascade's frequency, units or
        source of history cannot be read.
    """
    reading = attempt_cascade(folder)
    if reading.unread & {"frequency", "units", "history"}:
        stop_on(reading.problems)
    try:
        history = read_history(reading.cascade)
    except InputError as error:
        raise InputError([*reading.problems, *error.problems]) from error
    stop_on(reading.problems)
    return reading.cascade, history


@dataclass(frozen=True)
class _Block:
    """The cells of one table: parallel arrays of period ordinals, unit positions, measures and values."""

    table: SourceTable
    ordinals: np.ndarray
    units: np.ndarray
    measures: list[str]
    values: np.ndarray
    wide: bool


def _as_source(source: Any) -> Source:
    return source if isinstance(source, Source) else Source.model_validate({"path": source})


def _validated(cascade: Cascade, table: SourceTable) -> tuple[_Block | None, list[Problem]]:
    columns = [str(column) for column in table.frame.columns]
    doubled = heading_problems(table.name, columns)
    if doubled:
        return None, doubled
    missing = [key for key in ("period", "unit") if key not in columns]
    if missing:
        needs = f"history needs the columns period and unit; '{missing[0]}' is missing"
        return None, [Problem(f"{table.name}:1", f"{needs} ({did_you_mean(missing[0], columns)})")]
    wide = not {"measure", "value"} <= set(columns)
    names = [column for column in columns if column not in ("period", "unit")] if wide else ["value"]
    if not names:
        return None, [Problem(f"{table.name}:1", "history has no measure; add a column for each")]
    ordinals, problems = _read_periods(cascade, table)
    units, faults = _read_units(cascade, table)
    problems += faults
    values = np.empty((len(table.frame), len(names)))
    for position, name in enumerate(names):
        values[:, position], faults = _read_numbers(table, name)
        problems += faults
    measures = names if wide else [_cell_text(name) for name in table.frame["measure"]]
    unnamed = [] if wide else [row for row, name in enumerate(measures) if not name]
    faults = [Problem(table.where(row), "measure is missing; name what was measured") for row in unnamed]
    problems += shortened(faults, "no measure")
    if problems:
        return None, problems
    return _Block(table, ordinals, units, measures, values, wide), []


def _read_periods(cascade: Cascade, table: SourceTable) -> tuple[np.ndarray, list[Problem]]:
    codes, distinct = pd.factorize(table.frame["period"], use_na_sentinel=False)
    ordinals = np.zeros(len(distinct), dtype=np.int64)
    wrong: dict[int, str] = {}
    for position, value in enumerate(distinct):
        try:
            ordinals[position] = parse_period("" if pd.isna(value) else value, cascade.frequency).ordinal
        except ValueError as error:
            wrong[position] = str(error)
    rows = np.flatnonzero(np.isin(codes, list(wrong)))
    problems = [Problem(table.where(row), wrong[codes[row]]) for row in rows]
    return ordinals[codes], shortened(problems, "periods that cannot be read")


def _read_units(cascade: Cascade, table: SourceTable) -> tuple[np.ndarray, list[Problem]]:
    known = {unit.id: position for position, unit in enumerate(cascade.units)}
    codes, distinct = pd.factorize(table.frame["unit"], use_na_sentinel=False)
    texts = [_cell_text(value) for value in distinct]
    positions = np.array([known.get(text, -1) for text in texts])
    rows = np.flatnonzero(positions[codes] < 0)
    problems = [
        Problem(
            table.where(row),
            f"unit '{texts[codes[row]]}' is not in the unit tree; {did_you_mean(texts[codes[row]], known)}",
        )
        for row in rows[:200]
    ]
    if len(rows) > 200:
        problems += [Problem(table.where(row), "unit is not in the unit tree") for row in rows[200:]]
    return positions[codes], shortened(problems, "units that are not in the tree")


def _cell_text(value: object) -> str:
    return "" if pd.isna(value) else str(value).strip()  # type: ignore[call-overload]


def _read_numbers(table: SourceTable, name: str) -> tuple[np.ndarray, list[Problem]]:
    column = table.frame[name]
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        numbers = column.to_numpy(dtype=float, na_value=np.nan)
        unreadable = np.zeros(len(numbers), dtype=bool)
    else:
        texts = column.map(_cell_text)
        absent = texts.isin(_MISSING_TEXTS).to_numpy()
        numbers = pd.to_numeric(texts.where(~absent, None), errors="coerce").to_numpy(dtype=float)
        unreadable = np.isnan(numbers) & ~absent
    infinite = np.isinf(numbers)
    problems = [
        Problem(table.where(row), f"{name} is {column.iloc[row]!r}; {_number_remedy(str(column.iloc[row]))}")
        for row in np.flatnonzero(unreadable | infinite)
    ]
    return numbers, shortened(problems, f"no number in column {name}")


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


def _assembled(cascade: Cascade, blocks: list[_Block]) -> History:
    code = PANDAS_CODE[cascade.frequency]
    first = min(int(block.ordinals.min()) for block in blocks)
    last = max(int(block.ordinals.max()) for block in blocks)
    periods = pd.period_range(pd.Period(ordinal=first, freq=code), periods=last - first + 1)
    measures = tuple(dict.fromkeys(name for block in blocks for name in block.measures))
    place = {name: position for position, name in enumerate(measures)}
    units = tuple(unit.id for unit in cascade.units)
    values = np.full((len(periods), len(units), len(measures)), np.nan)
    texts = [period_text(period) for period in periods]
    lines: dict[tuple[str, str], str] = {}
    duplicates: list[Duplicate] = []
    for block in blocks:
        rows, columns = block.ordinals - first, np.array([place[name] for name in block.measures])
        earlier = _values_before(values, block, rows, columns)
        seconds = np.flatnonzero(_is_second(block, earlier))
        keys = [(units[u], texts[t]) for u, t in zip(block.units, rows, strict=True)]
        for row in range(len(keys)):
            lines.setdefault(keys[row], block.table.where(row))
        duplicates += [_duplicate(block, int(row), earlier, keys[row], lines[keys[row]]) for row in seconds]
        _fill(values, block, rows, columns)
    return History(values, periods, units, measures, tuple(duplicates), lines)


def _values_before(values: np.ndarray, block: _Block, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Return, for each row of a block, what earlier tables already said in its cells."""
    if block.wide:
        return values[rows[:, None], block.units[:, None], columns[None, :]]
    return values[rows, block.units, columns][:, None]


def _is_second(block: _Block, earlier: np.ndarray) -> np.ndarray:
    """Tell which rows speak of a cell that another row has already filled."""
    cells = pd.DataFrame({"unit": block.units, "period": block.ordinals})
    if not block.wide:
        cells["measure"] = block.measures
    filled = (~np.isnan(earlier) & ~np.isnan(block.values)).any(axis=1)
    return cells.duplicated().to_numpy() | filled


def _duplicate(block: _Block, row: int, earlier: np.ndarray, key: tuple[str, str], first: str) -> Duplicate:
    same = (block.units == block.units[row]) & (block.ordinals == block.ordinals[row])
    if not block.wide:
        same &= np.array(block.measures, dtype=object) == block.measures[row]
    first_row = int(np.flatnonzero(same)[0])
    said = earlier[row] if first_row == row else block.values[first_row]
    both = ~np.isnan(said) & ~np.isnan(block.values[row])
    differs = bool((said[both] != block.values[row][both]).any())
    return Duplicate(block.table.where(row), first, key[0], key[1], differs)


def _fill(values: np.ndarray, block: _Block, rows: np.ndarray, columns: np.ndarray) -> None:
    """Write a block's cells where nothing was written before; the first row of a cell counts."""
    order = np.arange(len(rows))[::-1]
    if block.wide:
        fresh = np.full((values.shape[0], values.shape[1], len(columns)), np.nan)
        fresh[rows[order], block.units[order]] = block.values[order]
        present = values[:, :, columns]
        values[:, :, columns] = np.where(np.isnan(present), fresh, present)
        return
    fresh = np.full_like(values, np.nan)
    fresh[rows[order], block.units[order], columns[order]] = block.values[order, 0]
    np.copyto(values, fresh, where=np.isnan(values))
