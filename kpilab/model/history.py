"""History: a validated panel, period × unit × measure. Nothing is filled, nothing is dropped unsaid."""

import os
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from kpilab.model.assembly import Duplicate, Lines, assemble
from kpilab.model.cascade import Cascade
from kpilab.model.files import attempt_cascade
from kpilab.model.history_rows import read_table
from kpilab.model.nouns import Source
from kpilab.model.periods import period_text
from kpilab.model.sources import load_tables, table_of
from kpilab.model.understanding import UNDERSTANDING_FILE, answers_table
from kpilab.problems import InputError, Problem, stop_on


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
    lines: Lines = field(default_factory=Lines, repr=False)

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
        return period.ordinal - self._first_ordinal

    def where(self, unit: str, period: pd.Period) -> str:
        """Return ``file:line`` of a unit's row in a period, or the two in words."""
        position = self.position(period)
        inside = 0 <= position < len(self.periods) and unit in self._unit_position
        where = self.lines.where(position, self._unit_position[unit]) if inside else None
        return where or f"{unit}, {period_text(period)}"

    def __repr__(self) -> str:
        about = self.glance().iloc[0]
        return (
            f"History of {about.n_units} units, {about.first_period} to {about.last_period}, "
            f"{about.n_measures} measures, {about.n_values:,} values"
        )

    @cached_property
    def _first_ordinal(self) -> int:
        return int(self.periods[0].ordinal)

    @cached_property
    def _unit_position(self) -> dict[str, int]:
        return {name: position for position, name in enumerate(self.units)}

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
        answers, faults = answers_table(cascade)
        tables += [table_of(answers, UNDERSTANDING_FILE)] if answers is not None and len(answers) else []
        problems += faults
    read = []
    for table in tables:
        known, faults = read_table(cascade, table)
        problems += faults
        read += [known] if known is not None else []
    if not problems and not read:
        problems.append(Problem("history", "has no rows; add at least one period"))
    stop_on(problems)
    panel = assemble(cascade, read)
    return History(panel.values, panel.periods, panel.units, panel.measures, panel.duplicates, panel.lines)


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


def _as_source(source: Any) -> Source:
    return source if isinstance(source, Source) else Source.model_validate({"path": source})
