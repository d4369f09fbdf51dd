"""Periods as people write them: 2023-03, 2023-Q1, 2023, 2023-03-31, 2023-W05, and spans 2012-04..2013-03."""

import datetime
import re
from dataclasses import dataclass

import pandas as pd

from kpilab.words import Frequency

PANDAS_CODE: dict[Frequency, str] = {
    "day": "D",
    "week": "W-SUN",
    "month": "M",
    "quarter": "Q-DEC",
    "year": "Y-DEC",
}
EXAMPLE: dict[Frequency, str] = {
    "day": "2023-03-31",
    "week": "2023-W05",
    "month": "2023-03",
    "quarter": "2023-Q1",
    "year": "2023",
}
_SHAPES: dict[Frequency, re.Pattern[str]] = {
    "day": re.compile(r"(\d{4})-(\d{2})-(\d{2})"),
    "week": re.compile(r"(\d{4})-?W(\d{2})"),
    "month": re.compile(r"(\d{4})-(\d{2})"),
    "quarter": re.compile(r"(\d{4})-?Q([1-4])"),
    "year": re.compile(r"(\d{4})"),
}
_EXCEL_TEXT = re.compile(
    r"\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}(:\d{2})?(\.0+)?|\d{1,2}[/.]\d{1,2}[/.]\d{2,4}|[A-Za-z]{3}-\d{2}"
)
YEARS = (1800, 2200)
_EXCEL_SERIAL = re.compile(r"[3-5]\d{4}(\.0+)?")


@dataclass(frozen=True)
class Span:
    """A run of periods, both ends included.

    Parameters
    ----------
    start, end : pandas.Period
        Of the cascade's frequency.
    """

    start: pd.Period
    end: pd.Period

    def __str__(self) -> str:
        first = period_text(self.start)
        return first if self.start == self.end else f"{first}..{period_text(self.end)}"

    @property
    def n_periods(self) -> int:
        """Return how many periods the span has."""
        return self.end.ordinal - self.start.ordinal + 1


def parse_period(value: object, frequency: Frequency) -> pd.Period:
    """Read one period of the given frequency.

    Raises
    ------
    ValueError
        With the value, what it looks like, and how to write it.

    Examples
    --------
    >>> parse_period("2023-03", "month")
    Period('2023-03', 'M')
    """
    text = _as_text(value)
    if frequency == "day" and isinstance(value, datetime.datetime):
        text = text.removesuffix(" 00:00:00")
    shape = shape_of(text)
    if shape == frequency:
        return _built(text, frequency)
    raise ValueError(
        f"period '{text}' {_looks_like(text, shape)}; this cascade counts by {frequency}: "
        f"write it like {EXAMPLE[frequency]}"
    )


def parse_span(value: object, frequency: Frequency) -> Span:
    """Read a period, a coarser period (a year of months), or a span ``first..last``.

    Raises
    ------
    ValueError
        When either end is not a period, or the span runs backwards.

    Examples
    --------
    >>> str(parse_span("2023-Q1", "month")), parse_span("2012-04..2013-03", "month").n_periods
    ('2023-01..2023-03', 12)
    """
    if isinstance(value, Span):
        return value
    text = _as_text(value)
    if ".." in text:
        first, last = (parse_span(part.strip(), frequency) for part in text.split("..", 1))
        span = Span(first.start, last.end)
        if span.start > span.end:
            raise ValueError(f"span '{text}' runs backwards; write the earlier period first")
        return span
    shape = shape_of(text)
    if shape is None or _rank(shape) < _rank(frequency):
        period = parse_period(text, frequency)
        return Span(period, period)
    coarse, code = _built(text, shape), PANDAS_CODE[frequency]
    return Span(coarse.asfreq(code, "start"), coarse.asfreq(code, "end"))


def period_text(period: pd.Period) -> str:
    """Write a period the way `parse_period` reads it."""
    code = period.freqstr.split("-")[0]
    if code == "Q":
        return f"{period.year}-Q{period.quarter}"
    if code == "W":
        year, week, _ = period.end_time.isocalendar()
        return f"{year}-W{week:02d}"
    return str(period)


def shape_of(text: str) -> Frequency | None:
    """Tell which frequency a text is written in, None when it is no period."""
    return next((frequency for frequency, shape in _SHAPES.items() if shape.fullmatch(text)), None)


def _as_text(value: object) -> str:
    if isinstance(value, pd.Period):
        return period_text(value)
    if isinstance(value, datetime.datetime):
        return value.isoformat(sep=" ")
    return str(value).strip()


def _built(text: str, frequency: Frequency) -> pd.Period:
    match = _SHAPES[frequency].fullmatch(text)
    parts = [int(part) for part in match.groups()] if match else []
    if parts and not YEARS[0] <= parts[0] <= YEARS[1]:
        raise ValueError(
            f"period '{text}' lies in the year {parts[0]}; write one from {YEARS[0]} to {YEARS[1]}"
        )
    try:
        if frequency == "week":
            return pd.Period(
                datetime.date.fromisocalendar(parts[0], parts[1], 7), freq=PANDAS_CODE[frequency]
            )
        if frequency == "quarter":
            return pd.Period(year=parts[0], quarter=parts[1], freq=PANDAS_CODE[frequency])
        return pd.Period(text, freq=PANDAS_CODE[frequency])
    except ValueError as error:
        raise ValueError(
            f"period '{text}' is not in the calendar; write it like {EXAMPLE[frequency]}"
        ) from error


def _looks_like(text: str, shape: Frequency | None) -> str:
    if shape:
        return f"is a {shape}"
    if _EXCEL_TEXT.fullmatch(text) or _EXCEL_SERIAL.fullmatch(text):
        return "looks like an Excel date (format that column as text)"
    return "is missing" if not text else "is not a period"


def _rank(frequency: Frequency) -> int:
    return list(PANDAS_CODE).index(frequency)


def year_to_date(period: pd.Period, year_start: int = 1) -> Span:
    """Return the span from the first period of the year to a period.

    Parameters
    ----------
    period : Period
    year_start : int
        The month, 1–12, in which the year begins; a period belongs to the year in which it begins.

    Examples
    --------
    >>> str(year_to_date(pd.Period("2023-02", "M"), year_start=4))
    '2022-04..2023-02'
    """
    begun = period.start_time
    year = begun.year if begun.month >= year_start else begun.year - 1
    first = pd.Timestamp(year, year_start, 1)
    start = pd.Period(first, period.freqstr)
    if start.start_time < first and start < period:
        start += 1
    return Span(min(start, period), period)
