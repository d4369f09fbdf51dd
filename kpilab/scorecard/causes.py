"""What the tested links into a KPI account for in its change; the rest is unexplained."""

from collections.abc import Iterable
from typing import Any, Protocol

import numpy as np
import pandas as pd

from kpilab.model.nouns import Kpi, Link
from kpilab.model.periods import PANDAS_CODE, Span
from kpilab.problems import one_problem
from kpilab.scorecard.ends import End, Ends
from kpilab.scorecard.scales import per_scale_unit, transformed
from kpilab.words import Frequency, Verdict

COLUMNS = [
    "cause", "level", "verdict", "cause_start", "cause_end", "estimate", "implied", "contribution", "conf_low",
    "conf_high", "share_of_change", "n_units", "reason",
]  # fmt: skip
UNEXPLAINED = "unexplained"
NOT_ASKED: dict[str, float | str | bool] = {
    "explained": np.nan,
    "explained_low": np.nan,
    "explained_high": np.nan,
    "top_cause": "",
    "top_cause_unstable": False,
}


class Interval(Protocol):
    """The estimate of a link with its interval."""

    @property
    def estimate(self) -> float:
        """Return the direct effect per unit of the cause."""

    @property
    def conf_low(self) -> float:
        """Return the lower end."""

    @property
    def conf_high(self) -> float:
        """Return the upper end."""


class FittedAt(Protocol):
    """How often, and over which lags, a link was fitted."""

    @property
    def frequency(self) -> Frequency:
        """Return how often cause and effect were observed."""

    @property
    def lag(self) -> tuple[int, int]:
        """Return the lag range in periods of that frequency."""


class FittedLink(Protocol):
    """What is read of a tested link; `kl.fit_links` returns these."""

    @property
    def link(self) -> Link:
        """Return the link."""

    @property
    def level(self) -> str:
        """Return where it was tested."""

    @property
    def verdict(self) -> Verdict:
        """Return the verdict."""

    @property
    def reason(self) -> str:
        """Return what decided."""

    @property
    def fit(self) -> Interval | None:
        """Return the estimate, None when the link is untestable."""

    @property
    def data(self) -> FittedAt | None:
        """Return how it was fitted."""


def causal_rows(
    ends: Ends, kpi: Kpi, links: Iterable[FittedLink], references: Iterable[Ends] = ()
) -> pd.DataFrame:
    """Divide a change between the supported links into the KPI and what they leave unexplained.

    A link accounts for its direct effect: the estimate times the change of the cause over the lag range, at
    every unit of the level at which it was tested, weighted into the whole. Its interval is that of the
    estimate; the interval of the unexplained row holds whatever the correlation between the estimates.

    Parameters
    ----------
    ends : Ends
    kpi : Kpi
    links : iterable of FittedLink
    references : iterable of Ends
        Other starts, to see whether the top cause stays the same.

    Returns
    -------
    DataFrame
        Columns `COLUMNS`; contributions add up to the change.

    Raises
    ------
    InputError
        When two units are compared: links are claims about one unit over time.
    """
    if ends.start.units != ends.end.units:
        raise one_problem(
            "against", "links are claims about one unit over time; causes need two spans, not two units"
        )
    into = [each for each in links if each.link.effect == kpi.id]
    change = ends.value(kpi, ends.end) - ends.value(kpi, ends.start)
    table = _with_unexplained(pd.DataFrame([_row(ends, kpi, each) for each in into], columns=COLUMNS), change)
    top = _top_cause(table)
    moved = [_top_cause(causal_rows(other, kpi, into)) for other in references]
    return table.assign(unstable=[cause == top and any(m != top for m in moved) for cause in table["cause"]])


def explained_part(table: pd.DataFrame) -> dict[str, float | str | bool]:
    """Return what supported links account for together, with its interval, and the top cause.

    Parameters
    ----------
    table : DataFrame
        Of `causal_rows`.
    """
    counted = table[table["verdict"] == "supported"]
    return {
        "explained": float(counted["contribution"].sum()),
        "explained_low": float(counted["conf_low"].sum()),
        "explained_high": float(counted["conf_high"].sum()),
        "top_cause": _top_cause(table),
        "top_cause_unstable": bool(table["unstable"].any()),
    }


def _with_unexplained(table: pd.DataFrame, change: float) -> pd.DataFrame:
    counted = table[table["verdict"] == "supported"]
    rest = {
        "cause": UNEXPLAINED, "level": "", "verdict": "", "cause_start": np.nan, "cause_end": np.nan,
        "estimate": np.nan, "contribution": change - counted["contribution"].sum(),
        "conf_low": change - counted["conf_high"].sum(), "conf_high": change - counted["conf_low"].sum(),
        "n_units": 0, "reason": "what no supported link accounts for",
    }  # fmt: skip
    rest["implied"] = rest["contribution"]
    whole = (
        pd.concat([table.astype({"n_units": int}), pd.DataFrame([rest], columns=COLUMNS)])
        if len(table)
        else (pd.DataFrame([rest], columns=COLUMNS))
    )
    shares = whole["contribution"] / change + 0.0 if change else np.nan
    return whole.assign(share_of_change=shares).reset_index(drop=True)


def _top_cause(table: pd.DataFrame) -> str:
    """Return the cause that accounts for most, empty when no link accounts for anything."""
    causes = table[(table["cause"] != UNEXPLAINED) & (table["contribution"] != 0)]
    if causes.empty:
        return ""
    return str(causes["cause"].iloc[int(causes["contribution"].abs().argmax())])


def _row(ends: Ends, kpi: Kpi, fitted: FittedLink) -> list[Any]:
    cause = ends.cascade.kpi(fitted.link.cause)
    before, after = (ends.value(cause, end) for end in ends.both)
    head = [cause.id, fitted.level, fitted.verdict, before, after]
    if fitted.fit is None or fitted.data is None:
        return [*head, np.nan, np.nan, 0.0, np.nan, np.nan, 0.0, 0, fitted.reason]
    pushed, n_units = _pushed(ends, kpi, cause, fitted, fitted.data)
    reason = fitted.reason if n_units else f"tested at level '{fitted.level}', of which nothing is known here"
    low, high = sorted((fitted.fit.conf_low * pushed + 0.0, fitted.fit.conf_high * pushed + 0.0))
    implied = fitted.fit.estimate * pushed + 0.0
    counted = implied if fitted.verdict == "supported" else 0.0
    return [*head, fitted.fit.estimate, implied, counted, low, high, 0.0, n_units, reason]


def _pushed(ends: Ends, kpi: Kpi, cause: Kpi, fitted: FittedLink, data: FittedAt) -> tuple[float, int]:
    """Return the change of the cause, weighted into the whole, per unit of the estimate; and of how many units."""
    cascade = ends.cascade
    below = cascade.with_descendants(ends.end.units) - cascade.with_descendants(fitted.link.excluded)
    units = [unit.id for unit in cascade.units_at(fitted.level) if unit.id in below]
    at = np.array([ends.place[unit] for unit in units], dtype=int)
    change = _cause_at(ends, cause, ends.end, data)[at] - _cause_at(ends, cause, ends.start, data)[at]
    start, end = (ends.panel(kpi, each) for each in ends.both)
    weighted = _weights(ends, kpi, units) * per_scale_unit(kpi, start, end)[0, at] * change
    known = ~np.isnan(weighted)
    return float(weighted[known].sum()), int(known.sum())


def _cause_at(ends: Ends, cause: Kpi, end: End, data: FittedAt) -> np.ndarray:
    """Return the cause on the scale of its links, averaged over the lag range before a span, shape (U,)."""
    spans = [_lagged(ends, end.span, data.frequency, lag) for lag in range(data.lag[0], data.lag[1] + 1)]
    panels = [ends.panel(cause, End(span, end.units)) for span in spans]
    return np.asarray(np.mean([transformed(cause, panel)[0] for panel in panels], axis=0))


def _lagged(ends: Ends, span: Span, frequency: Frequency, periods: int) -> Span:
    fine, coarse = PANDAS_CODE[ends.cascade.frequency], PANDAS_CODE[frequency]
    if fine == coarse:
        return Span(span.start - periods, span.end - periods)
    first, last = span.start.asfreq(coarse) - periods, span.end.asfreq(coarse) - periods
    return Span(first.asfreq(fine, "start"), last.asfreq(fine, "end"))


def _weights(ends: Ends, kpi: Kpi, units: list[str]) -> np.ndarray:
    """Return how much of a unit's own change arrives at the whole: its mean weight in a ratio, one in a sum."""
    shape = ends.shape(kpi)
    if shape == "sum" or tuple(units) == ends.end.units:
        return np.ones(len(units))
    if shape != "ratio":
        return np.full(len(units), np.nan)
    shares = [ends.sums(kpi, end, units).denominator / ends.whole(kpi, end).denominator for end in ends.both]
    return np.asarray(0.5 * (shares[0] + shares[1]))
