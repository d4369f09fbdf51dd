"""Where a KPI is heading once the season is taken out, and how sure that is: `kl.kpi_trend`."""

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd

from kpilab.model.cascade import Cascade
from kpilab.model.history import History
from kpilab.model.nouns import Kpi
from kpilab.model.periods import period_text
from kpilab.problems import one_problem
from kpilab.scorecard.panels import kpi_coarse_panel, kpi_panel
from kpilab.show import Result, count_of, quantity

COLUMNS = [
    "kpi",
    "unit",
    "level",
    "period",
    "actual",
    "seasonal",
    "adjusted",
    "trend",
    "conf_low",
    "conf_high",
]
FEWEST_PERIODS = 12
SEASON_LENGTHS = {"D": 7, "W": 52, "M": 12, "Q": 4}


@dataclass(frozen=True, eq=False)
class KpiTrend(Result):
    """A KPI of one unit, taken apart.

    `tidy()` has ``kpi, unit, level, period, actual, seasonal, adjusted`` (actual less its season), ``trend,
    conf_low, conf_high``, all in the KPI's unit of measure.
    """

    kpi: Kpi
    unit_name: str
    table: pd.DataFrame
    confidence: float
    season_length: int
    periods: pd.PeriodIndex

    @property
    def title(self) -> str:  # type: ignore[override]
        """Return the KPI and the unit."""
        return f"{self.kpi.name}, {self.unit_name}: trend without season"

    def tidy(self) -> pd.DataFrame:
        """Return one row per period."""
        return self.table.copy()

    def glance(self) -> pd.DataFrame:
        """Return one row: the trend at the end with its interval, the same a year before, and the method."""
        last, before = self.table.iloc[-1], self.table.iloc[max(len(self.table) - 1 - self._year, 0)]
        return pd.DataFrame(
            {
                "kpi": [self.kpi.id],
                "unit": [last["unit"]],
                "period": [last["period"]],
                "trend": [last["trend"]],
                "conf_low": [last["conf_low"]],
                "conf_high": [last["conf_high"]],
                "trend_before": [before["trend"]],
                "period_before": [before["period"]],
                "confidence": [self.confidence],
                "n_obs": [int(self.table["actual"].notna().sum())],
                "season_length": [self.season_length],
                "method": ["local level" + (" with fixed season" if self.season_length else "")],
            }
        )

    def shown(self) -> pd.DataFrame:
        """Return the last two years, or the last twelve periods where there is no season."""
        recent = self.table.tail(2 * self.season_length or FEWEST_PERIODS)
        return recent.drop(columns=["kpi", "unit", "level"])

    @property
    def text(self) -> str:
        """Return where the trend stands, and whether it moved beyond its interval."""
        about, measured = self.glance().iloc[0], self.kpi.unit_of_measure
        now, low, high, before = (
            quantity(about[key], measured) for key in ("trend", "conf_low", "conf_high", "trend_before")
        )
        inside = about["conf_low"] <= about["trend_before"] <= about["conf_high"]
        moved = "within" if inside else "outside"
        return (
            f"{self.kpi.name}, {self.unit_name}, {about['period']}: {now} without season "
            f"({100 * self.confidence:.0f} % interval {low} to {high}).\n"
            f"In {about['period_before']} it was {before}, {moved} that interval."
        )

    @property
    def _year(self) -> int:
        return self.season_length if self.season_length in (4, 12, 52) else 1


def kpi_trend(
    cascade: Cascade,
    history: History,
    *,
    kpi: str,
    unit: str | None = None,
    until: pd.Period | None = None,
    confidence: float = 0.95,
) -> KpiTrend:
    """Take a KPI's history apart into trend and season.

    A local level with a fixed seasonal pattern, estimated by maximum likelihood and smoothed (Harvey 1989;
    statsmodels `UnobservedComponents`). Missing periods are bridged, not filled: `actual` stays missing there.

    Parameters
    ----------
    cascade : Cascade
    history : History
    kpi : str
    unit : str, optional
        Default: the first unit of the highest level that has the KPI.
    until : Period, optional
        What came later is left out.
    confidence : float
        Of the trend's interval, 0–1.

    Returns
    -------
    KpiTrend

    Raises
    ------
    InputError
        When KPI or unit are unknown, or fewer than 12 periods have a value.
    """
    definition = cascade.kpi(kpi)
    place = _place_of(cascade, definition, unit)
    periods, values = _series(cascade, history, definition, place, until)
    n_known = int((~np.isnan(values)).sum())
    about = cascade.units[place]
    if n_known < FEWEST_PERIODS:
        known = f"'{kpi}' at '{about.id}' has a value in {count_of(n_known, 'period')}"
        said = f"{known}; a trend needs {FEWEST_PERIODS}: deliver more history, or name another unit"
        raise one_problem("kpi_trend", said)
    season_length = _season_length(periods, n_known)
    level, std_error, seasonal = local_level(values, season_length)
    from scipy import special

    reach = special.ndtri(0.5 + confidence / 2) * std_error
    table = pd.DataFrame(
        {
            "kpi": kpi,
            "unit": about.id,
            "level": about.level,
            "period": [period_text(period) for period in periods],
            "actual": values,
            "seasonal": seasonal,
            "adjusted": values - seasonal,
            "trend": level,
            "conf_low": level - reach,
            "conf_high": level + reach,
        },
        columns=COLUMNS,
    )
    return KpiTrend(definition, about.name, table, confidence, season_length, periods)


def local_level(values: np.ndarray, season_length: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Smooth a series: a level that wanders, a season that stays.

    Parameters
    ----------
    values : ndarray, shape (T,)
        NaN where nothing was observed.
    season_length : int
        Periods per season; 0 for none.

    Returns
    -------
    level, std_error, seasonal : ndarray, shape (T,)
        Smoothed with all of the series; the seasonal pattern sums to zero over a season.
    """
    from statsmodels.tsa.statespace.structural import UnobservedComponents

    scale = np.nanstd(values) or 1.0
    centre = np.nanmean(values)
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # a variance of zero lies on the edge and makes the optimiser complain
        model = UnobservedComponents(
            (values - centre) / scale,
            level="local level",
            seasonal=season_length or None,
            stochastic_seasonal=False,
            use_exact_diffuse=True,
        )
        fitted = model.fit(disp=False)
    level = fitted.level.smoothed * scale + centre
    std_error = np.sqrt(np.maximum(fitted.level.smoothed_cov, 0)) * scale
    seasonal = fitted.seasonal.smoothed * scale if season_length else np.zeros(len(values))
    return level, std_error, seasonal


def _place_of(cascade: Cascade, kpi: Kpi, unit: str | None) -> int:
    having = cascade.units_of(kpi)
    ids = [each.id for each in cascade.units]
    if unit is None:
        top = min(having, key=lambda each: cascade.levels.index(each.level))
        return ids.index(top.id)
    if cascade.unit(unit) not in having:
        raise one_problem(
            "unit", f"'{kpi.id}' does not exist at '{unit}'; its levels: {', '.join(cascade.levels_of(kpi))}"
        )
    return ids.index(unit)


def _series(
    cascade: Cascade, history: History, kpi: Kpi, place: int, until: pd.Period | None
) -> tuple[pd.PeriodIndex, np.ndarray]:
    """Return the periods and values between the first and the last that are known."""
    if kpi.every is not None and kpi.every != cascade.frequency:
        periods, panel = kpi_coarse_panel(cascade, history, kpi, kpi.every)
    else:
        periods, panel = history.periods, kpi_panel(cascade, history, kpi)
    values = panel.values[:, place]
    if until is not None:
        early = periods.start_time <= until.end_time
        periods, values = periods[early], values[early]
    known = np.flatnonzero(~np.isnan(values))
    within = slice(known[0], known[-1] + 1) if len(known) else slice(0, 0)
    return periods[within], values[within]


def _season_length(periods: pd.PeriodIndex, n_known: int) -> int:
    """Return how many periods the season has; 0 where there is none, or less than two of it."""
    length = SEASON_LENGTHS.get(periods.freqstr.split("-")[0], 0)
    return length if n_known >= 2 * length and len(periods) >= 2 * length else 0
