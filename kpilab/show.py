"""Draw every result alike: a title, the sentences for the meeting, a table.

Nothing is computed here, and nothing that changes from run to run is printed: the same result gives the
same bytes.
"""

import html
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import pandas as pd

MOST_ROWS_SHOWN = 60

_WORD_COLOURS = {
    "supported": "#1b7837",
    "contradicted": "#b2182b",
    "inconclusive": "#8c6d1f",
    "untestable": "#666666",
    "worked": "#1b7837",
    "did not work": "#b2182b",
    "cannot be separated": "#8c6d1f",
    "ruler changed": "#666666",
    "met": "#1b7837",
    "near": "#8c6d1f",
    "missed": "#b2182b",
    "error": "#b2182b",
    "warning": "#8c6d1f",
}
_TABLE_STYLE = "border-collapse:collapse;font-size:13px;margin:.4em 0"
_CELL_STYLE = "padding:2px 9px;border-bottom:1px solid #ddd;text-align:{align};vertical-align:top"


class Result(ABC):
    """What every verb returns: a table, one row of facts about it, and sentences.

    Attributes
    ----------
    title : str
    text : str
        Sentences that can be read out.
    """

    title: str = ""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Keep one repr for all: a dataclass would write its own over the inherited one."""
        super().__init_subclass__(**kwargs)
        if "__repr__" not in cls.__dict__:
            cls.__repr__ = Result.__repr__  # type: ignore[method-assign]

    @abstractmethod
    def tidy(self) -> pd.DataFrame:
        """Return one row per thing."""

    @abstractmethod
    def glance(self) -> pd.DataFrame:
        """Return one row about the whole."""

    @property
    @abstractmethod
    def text(self) -> str:
        """Return the sentences for the meeting."""

    def shown(self) -> pd.DataFrame:
        """Return the part of `tidy` worth drawing; all of it unless a result says otherwise."""
        return self.tidy()

    def _repr_html_(self) -> str:
        return heading_html(self.title) + paragraphs_html(self.text) + table_html(self.shown())

    def __repr__(self) -> str:
        return f"{self.title}\n{self.text}\n\n{table_text(self.shown())}".rstrip()


def heading_html(title: str) -> str:
    """Return the title as a heading."""
    return f"<h3 style='margin:.2em 0'>{html.escape(title)}</h3>" if title else ""


def paragraphs_html(text: str) -> str:
    """Return the lines of a text as paragraphs."""
    return "".join(
        f"<p style='margin:.2em 0;max-width:60em'>{html.escape(line)}</p>"
        for line in text.splitlines()
        if line
    )


def table_html(frame: pd.DataFrame, most_rows: int = MOST_ROWS_SHOWN) -> str:
    """Return a table as HTML, every text escaped, what is left out counted."""
    shown = frame.head(most_rows)
    numeric = [pd.api.types.is_numeric_dtype(shown.dtypes.iloc[i]) for i in range(shown.shape[1])]
    head = _row_html([str(name).replace("_", " ") for name in shown.columns], numeric, "th")
    body = "".join(_row_html(row, numeric, "td") for row in shown.itertuples(index=False, name=None))
    table = f"<table style='{_TABLE_STYLE}'><thead>{head}</thead><tbody>{body}</tbody></table>"
    return table + paragraphs_html(_left_out(frame, most_rows))


def table_text(frame: pd.DataFrame, most_rows: int = MOST_ROWS_SHOWN) -> str:
    """Return a table as aligned text, words to the left and numbers to the right; an empty one is nothing.

    Examples
    --------
    >>> print(table_text(pd.DataFrame({"unit": ["Shop A", "B"], "actual": [1234.5, 0.5]})))
    unit    actual
    Shop A   1,234
    B          0.5
    """
    if frame.empty:
        return ""
    shown = frame.head(most_rows)
    columns = []
    for i, name in enumerate(shown.columns):
        cells = [str(name), *(number(value) for value in shown.iloc[:, i].tolist())]
        width = max(map(len, cells))
        to_the_right = pd.api.types.is_numeric_dtype(shown.dtypes.iloc[i])
        columns.append([cell.rjust(width) if to_the_right else cell.ljust(width) for cell in cells])
    lines = ["  ".join(cells).rstrip() for cells in zip(*columns, strict=True)]
    return "\n".join([*lines, *([rest] if (rest := _left_out(frame, most_rows)) else [])])


def number(value: object) -> str:
    """Write a value as people read it: three or four significant digits, nothing for what is missing.

    Examples
    --------
    >>> number(0.93612), number(1234567.0), number(float("nan")), number("met"), number(-0.0)
    ('0.936', '1,234,567', '', 'met', '0')
    """
    if value is None or value is pd.NaT or value is pd.NA:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}" if abs(value) >= 10_000 else str(value)
    if isinstance(value, float):
        return _float_text(value)
    return str(value)


def quantity(value: float, unit_of_measure: str = "") -> str:
    """Write a value with its unit of measure; shares become percentages.

    Examples
    --------
    >>> quantity(0.93612, "share"), quantity(1432.2, "beds")
    ('93.6 %', '1,432 beds')
    """
    if value is None or math.isnan(value):
        return "no value"
    if unit_of_measure == "share":
        return f"{100 * value:.1f} %" if abs(value) >= 0.001 else f"{100 * value:.2g} %"
    return f"{_float_text(value)} {unit_of_measure}".strip()


def signed(change: float, unit_of_measure: str = "") -> str:
    """Write a change with its sign; a change of a share is in percentage points.

    Examples
    --------
    >>> signed(-0.25846, "share"), signed(1432.2, "beds"), signed(0.0)
    ('-25.8 percentage points', '+1,432 beds', '0')
    """
    if math.isnan(change):
        return "no value"
    sign = "+" if change > 0 else ""
    if unit_of_measure == "share":
        points = f"{100 * change:.1f}" if abs(change) >= 0.001 else f"{100 * change:.2g}"
        return f"{sign}{points} percentage points"
    return f"{sign}{_float_text(change)} {unit_of_measure}".strip()


def count_of(n: int, singular: str, plural: str = "") -> str:
    """Write a count with its noun.

    Examples
    --------
    >>> count_of(1, "link"), count_of(3, "link"), count_of(2, "child", "children")
    ('1 link', '3 links', '2 children')
    """
    return f"{n:,} {singular if n == 1 else (plural or singular + 's')}"


def listed(words: Sequence[str], most: int = 5) -> str:
    """Join words for a sentence; what is left out is counted.

    Examples
    --------
    >>> listed(["a", "b", "c"]), listed(["a", "b", "c"], most=2)
    ('a, b and c', 'a, b and 1 more')
    """
    words = list(words)
    if len(words) > most:
        return f"{', '.join(words[:most])} and {len(words) - most:,} more"
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _float_text(value: float) -> str:
    if math.isnan(value):
        return ""
    value += 0.0  # of minus zero it makes zero
    size = abs(value)
    if size >= 1000:
        return f"{value:,.0f}"
    if size >= 100:
        return f"{value:.1f}".removesuffix(".0")
    if size >= 0.001 or size == 0:
        return f"{value:.3g}"
    return f"{value:.1e}"


def _row_html(cells: Sequence[object], numeric: Sequence[bool], tag: str) -> str:
    return "<tr>" + "".join(_cell_html(c, n, tag) for c, n in zip(cells, numeric, strict=True)) + "</tr>"


def _cell_html(value: object, is_number: bool, tag: str) -> str:
    style = _CELL_STYLE.format(align="right" if is_number else "left")
    colour = _WORD_COLOURS.get(value) if tag == "td" and isinstance(value, str) else None
    if colour:
        style += f";color:{colour};font-weight:600"
    return f"<{tag} style='{style}'>{html.escape(number(value))}</{tag}>"


def _left_out(frame: pd.DataFrame, most_rows: int) -> str:
    rest = len(frame) - most_rows
    return f"… and {count_of(rest, 'more row')}: see .tidy()" if rest > 0 else ""
