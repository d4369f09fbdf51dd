"""Are the indicators any good? One row per KPI, from its history, its targets and the tested links."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

import numpy as np
import pandas as pd

from kpilab.model.cascade import Cascade
from kpilab.model.history import History
from kpilab.model.nouns import Action, Kpi, Target
from kpilab.progress import with_bar
from kpilab.scorecard.gaming import (
    BIN_WIDTH,
    Sign,
    bunching,
    never_misses,
    year_end_spike,
)
from kpilab.scorecard.kpi_series import KpiSeries
from kpilab.scorecard.panels import measures_of
from kpilab.scorecard.redundancy import change_correlations
from kpilab.scorecard.signal import LEAST_PERIODS, break_shift, longest_run, noise_sd, signal_of
from kpilab.words import Frequency, Verdict

COLUMNS = [
    "kpi", "completeness", "periods_late", "signal_to_noise", "signal_to_noise_top", "seasonality",
    "nearest", "nearest_correlation", "leads_to", "n_supported", "break_shift", "break_at",
    "bunching", "bunching_p", "n_never_missed", "year_end_spike", "year_end_p",
    "owner", "process", "n_units", "n_periods", "note",
]  # fmt: skip
SEASON: dict[Frequency, int] = {"day": 7, "week": 52, "month": 12, "quarter": 4, "year": 1}
MOST_UNITS = 30
BREAK_WINDOW = 6
NEVER_MISSES = 0.001
MISSING = float("nan")


class TestedLink(Protocol):
    """What is asked of a tested link: which KPI is said to move which, and what history says of it."""

    @property
    def cause(self) -> str:
        """Return the id of the causing KPI."""

    @property
    def effect(self) -> str:
        """Return the id of the KPI that is moved."""

    @property
    def verdict(self) -> Verdict:
        """Return what history says."""


def kpi_quality(
    cascade: Cascade, history: History, links: Iterable[TestedLink] | None = None
) -> pd.DataFrame:
    """Measure every KPI's quality as an indicator.

    Parameters
    ----------
    cascade : Cascade
    history : History
    links : LinkResults, optional
        Tested links; without them the drawn ones are shown as not tested.

    Returns
    -------
    DataFrame
        One row per KPI. At its highest level: ``completeness`` (share of expected reports, 0–1) and
        ``periods_late`` (of its own periods, how many since its last value). Medians over its units, 30 of them,
        evenly spread, when there are more: ``signal_to_noise`` and ``seasonality`` (see `signal_of`);
        ``signal_to_noise_top`` is that of its highest level. ``nearest``: the KPI whose changes within units are
        most alike, and their correlation. ``leads_to``: what it is said to move, with verdicts. ``break_shift``:
        the largest shift at a declared measurement action or break, in standard deviations of one-period noise.
        Signs of gaming (see `gaming`), at the lowest level with targets: ``bunching`` (how many times as many
        values just on the good side as expected), ``n_never_missed`` (units with a record cleaner than their
        margin explains), ``year_end_spike`` (in standard deviations of noise). ``note`` says what could not be
        measured, and why; its number is then missing.
    """
    tested = None if links is None else list(links)
    targets: dict[str, list[Target]] = defaultdict(list)
    for target in cascade.targets:
        targets[target.kpi].append(target)
    series = [KpiSeries(cascade, history, kpi, tuple(targets[kpi.id])) for kpi in cascade.kpis]
    rows = [
        {"kpi": one.kpi.id, **nearest, **_leads(cascade, one.kpi, tested), **_own_row(one)}
        for one, nearest in zip(with_bar(series, "KPI quality"), _nearest(series), strict=True)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def _own_row(series: KpiSeries) -> dict[str, Any]:
    row = {
        "owner": series.kpi.owner or "",
        "process": series.kpi.process or "",
        **_reporting(series),
        **_signal(series),
        **_shift_at_breaks(series),
        **_gaming(series),
    }
    return {**row, "note": "; ".join(_not_measured(series, row))}


def _reporting(series: KpiSeries) -> dict[str, Any]:
    values = series.own[1]
    expected = series.fine.n_expected[:, series.top].sum()
    missing = series.fine.n_missing[:, series.top].sum()
    known = np.flatnonzero(~np.isnan(values[:, series.top]).all(axis=1))
    return {
        "completeness": float(1 - missing / expected) if expected else 0.0,
        "periods_late": float(len(values) - 1 - known[-1]) if len(known) else MISSING,
        "n_units": int((~np.isnan(values)).any(axis=0).sum()),
        "n_periods": len(known),
    }


def _signal(series: KpiSeries) -> dict[str, Any]:
    values, season = series.own[1], SEASON[series.frequency]
    top, each = (
        [found for u in columns if (found := signal_of(values[:, u], season))]
        for columns in (_spread(series.top), _spread(np.flatnonzero((~np.isnan(values)).any(axis=0))))
    )
    return {
        "signal_to_noise": _median(signal.signal_to_noise for signal in each),
        "signal_to_noise_top": _median(signal.signal_to_noise for signal in top),
        "seasonality": _median(signal.seasonality for signal in each),
    }


def _spread(columns: np.ndarray | list[int]) -> np.ndarray:
    """Choose the units to be looked at: all, or 30 evenly spread over them."""
    known = np.asarray(columns, dtype=int)
    if len(known) <= MOST_UNITS:
        return known
    return known[np.linspace(0, len(known) - 1, MOST_UNITS).round().astype(int)]


def _median(numbers: Iterable[float]) -> float:
    known = [number for number in numbers if not np.isnan(number)]
    return float(np.median(known)) if known else MISSING


def _nearest(series: list[KpiSeries]) -> Iterator[dict[str, Any]]:
    """Yield, per KPI, the other one whose changes within units are most alike."""
    if not series:
        return
    correlation, _ = change_correlations(np.stack([each.between_periods for each in series]))
    np.fill_diagonal(correlation, np.nan)
    for row in correlation:
        if np.isnan(row).all():
            yield {"nearest": "", "nearest_correlation": MISSING}
        else:
            most = int(np.nanargmax(np.abs(row)))
            yield {"nearest": series[most].kpi.id, "nearest_correlation": float(row[most])}


def _leads(cascade: Cascade, kpi: Kpi, links: list[TestedLink] | None) -> dict[str, Any]:
    if links is None:
        said = [f"{link.effect} (not tested)" for link in cascade.links if link.cause == kpi.id]
        return {"leads_to": ", ".join(said), "n_supported": 0}
    own = [link for link in links if link.cause == kpi.id]
    said = [f"{link.effect} ({link.verdict})" for link in own]
    return {"leads_to": ", ".join(said), "n_supported": sum(link.verdict == "supported" for link in own)}


def _shift_at_breaks(series: KpiSeries) -> dict[str, Any]:
    """Return the largest median shift at a declared change of the ruler or break of regime."""
    periods, values = series.own
    largest, label = MISSING, ""
    for name, start, units in _declared_breaks(series.cascade, series.kpi):
        position = int((periods < start.asfreq(periods.freqstr)).sum())
        columns = [u for u, unit in enumerate(series.cascade.units) if unit.id in units]
        shift = _median(break_shift(values[:, columns], position, BREAK_WINDOW))
        if not np.isnan(shift) and not abs(shift) <= abs(largest):
            largest, label = shift, name
    return {"break_shift": largest, "break_at": label}


def _declared_breaks(cascade: Cascade, kpi: Kpi) -> Iterator[tuple[str, pd.Period, frozenset[str]]]:
    everyone = frozenset(unit.id for unit in cascade.units)
    yield from ((start, cascade.period(start), everyone) for start in cascade.breaks)
    for action in cascade.actions:
        if action.kind == "measurement" and _touches(cascade, action, kpi):
            units = cascade.with_descendants(action.units) if action.units else everyone
            yield action.id, cascade.period(action.start), units


def _touches(cascade: Cascade, action: Action, kpi: Kpi) -> bool:
    if action.expects:
        return bool({kpi.id, *measures_of(cascade, kpi)} & set(action.expects))
    return action.process is None or action.process == kpi.process


def _gaming(series: KpiSeries) -> dict[str, Any]:
    columns = series.bottom_with_target
    clean = never_misses(_scaled_distance(series)) * max(len(columns), 1)  # Bonferroni over the units
    piled = bunching(*_near_target(series)) if columns else None
    spike = _year_end(series)
    return {
        "bunching": piled.size if piled else MISSING,
        "bunching_p": piled.p_value if piled else MISSING,
        "n_never_missed": int((clean < NEVER_MISSES).sum()),
        "year_end_spike": spike.size if spike else MISSING,
        "year_end_p": spike.p_value if spike else MISSING,
    }


def _scaled_distance(series: KpiSeries) -> np.ndarray:
    """Return distances from the target in standard deviations of each unit's one-period noise, shape (T, columns)."""
    noise = _noise(series)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(noise > 0, series.distance[:, series.bottom_with_target] / noise, np.nan)


def _noise(series: KpiSeries) -> np.ndarray:
    """Return one-period noise, at the KPI's own frequency, of the units that are held to a target."""
    return noise_sd(series.own[1][:, series.bottom_with_target])


def _near_target(series: KpiSeries) -> tuple[np.ndarray, np.ndarray]:
    """Return distances from the target in units of noise, and the unit's year to which each belongs.

    Left out is what heaps by arithmetic: values of so few cases that one case is a quarter of a bin, and targets
    so near to 0, or a share's 1, that the bins reach over it.
    """
    columns, noise = series.bottom_with_target, _noise(series)
    step, room = series.step[:, columns], series.room[:, columns]
    with np.errstate(invalid="ignore"):
        smooth = (step <= BIN_WIDTH * noise / 4) & (room >= 2 * BIN_WIDTH * noise)
    scaled = np.where(smooth, _scaled_distance(series), np.nan)
    years = np.arange(len(scaled))[:, None] // series.cascade.periods_per_year
    blocks = years * len(columns) + np.arange(len(columns))
    known = ~np.isnan(scaled)
    return scaled[known], blocks[known]


def _year_end(series: KpiSeries) -> Sign | None:
    """Test the last month of the (financial) year; other frequencies cannot tell a spike from a season."""
    if series.frequency != "month" or np.isnan(series.good_way):
        return None
    values = series.fine.values[:, series.bottom]
    noise = noise_sd(values)
    with np.errstate(divide="ignore", invalid="ignore"):
        scaled = np.where(noise > 0, series.good_way * values / noise, np.nan)
    last_month = (series.cascade.year_start - 2) % 12 + 1
    return year_end_spike(scaled, np.asarray(series.history.periods.month == last_month))


def _not_measured(series: KpiSeries, found: Mapping[str, Any]) -> Iterator[str]:
    """Yield what could not be measured, each with the number that was too small."""
    if not series.top:
        yield "no value at any unit"
        return
    if np.isnan(found["signal_to_noise"]):
        longest = max(len(longest_run(column)) for column in series.own[1].T)
        yield f"signal: {longest} periods without a gap, {LEAST_PERIODS} needed"
    if not series.bottom_with_target:
        yield "bunching: no official target" if series.kpi.better else "gaming: neither way is better"
    elif np.isnan(found["bunching_p"]):
        distance = np.abs(_near_target(series)[0])
        near, beside = (
            int(((distance >= low) & (distance < low + BIN_WIDTH)).sum()) for low in (0, BIN_WIDTH)
        )
        yield f"bunching: too few values, {near} within half a sd of noise of the target and {beside} in the next half"
