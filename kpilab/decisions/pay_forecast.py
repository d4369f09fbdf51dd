"""What a plan may cost: the draws of a scenario added up over a pay period, and the budget they give."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from kpilab.decisions.scenario import Scenario
from kpilab.decisions.statements import Place
from kpilab.model.cascade import Cascade
from kpilab.model.history import History
from kpilab.model.nouns import Kpi
from kpilab.model.periods import Span
from kpilab.problems import one_problem
from kpilab.scorecard.panels import KpiPanel, kpi_panel
from kpilab.show import Result

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
Draws = Mapping[tuple[str, str], np.ndarray]


@dataclass(frozen=True, eq=False)
class PayForecast(Result):
    """What everybody together may be paid in a period: confidential.

    Attributes
    ----------
    about : str
        The cascade and the plan.
    span : Span
    totals : ndarray, shape (n_draws,)
        Money in each draw, before gates and modifiers; plans' caps hold.
    target_pay : float
        What it costs when everybody is paid at target.
    currency : str
    n_places, n_drawn : int
        Measures at units that are paid for, and how many of them were drawn; the others count as they are now.
    """

    about: str
    span: Span
    totals: np.ndarray = field(repr=False)
    target_pay: float
    currency: str
    n_places: int
    n_drawn: int

    @property
    def title(self) -> str:  # type: ignore[override]
        """Return what may be paid when."""
        return f"CONFIDENTIAL. {self.about}: what {self.span} may cost"

    def tidy(self) -> pd.DataFrame:
        """Return quantiles of the budget: ``quantile, total`` (money) ``, payout`` (share of target pay)."""
        values = np.quantile(self.totals, QUANTILES) if len(self.totals) else np.full(len(QUANTILES), np.nan)
        return pd.DataFrame(
            {"quantile": QUANTILES, "total": values, "payout": values / (self.target_pay or np.nan)}
        )

    def glance(self) -> pd.DataFrame:
        """Return one row: the period, the mean, the number of draws, what was drawn."""
        about = {
            "period": str(self.span),
            "mean": float(np.mean(self.totals)) if len(self.totals) else np.nan,
            "target_pay": self.target_pay,
            "currency": self.currency,
            "p_over_target_pay": float(np.mean(self.totals > self.target_pay))
            if len(self.totals)
            else np.nan,
            "draws": len(self.totals),
            "n_measures": self.n_places,
            "n_drawn": self.n_drawn,
        }
        return pd.DataFrame([about])

    @property
    def text(self) -> str:
        """Return the middle, the range, and what is left out."""
        total, payout = (self.tidy()[name].to_numpy() for name in ("total", "payout"))
        over = 100 * self.glance()["p_over_target_pay"].item()
        lines = [
            f"{self.span}: {total[2]:,.0f} {self.currency}, {100 * payout[2]:.0f} % of target pay; in nine draws of "
            f"ten between {total[0]:,.0f} and {total[-1]:,.0f}. More than target pay in {over:.0f} % of the draws.",
            "Gates and modifiers are left out.",
        ]
        if self.n_drawn < self.n_places:
            lines.append(
                f"{self.n_drawn} of {self.n_places} measures are drawn; the others count as they are now."
            )
        return "\n".join(lines)


def period_ahead(scenario: Scenario, paid: Span) -> Span:
    """Return the first pay period, as long as the one that was paid, that ends ahead of history.

    Raises
    ------
    InputError
        When the scenario does not look that far, with the horizon that would.
    """
    first, last = scenario.periods[0], scenario.periods[-1]
    start, end = paid.start, paid.end
    while end < first:
        start, end = start + paid.n_periods, end + paid.n_periods
    if end > last:
        needed = (end - first).n + 1
        said = f"the scenario ends in {last}, the pay period in {end}; look ahead {needed} periods"
        raise one_problem("horizon", said)
    return Span(start, end)


def draws_over(
    cascade: Cascade, history: History, scenario: Scenario, places: Iterable[Place], span: Span
) -> dict[tuple[str, str], np.ndarray]:
    """Add up the draws of places over a pay period; its periods within history are what they were.

    Parameters
    ----------
    places : iterable of Place
        Those whose unit the scenario does not hold, or has no forecast for, are left out.

    Returns
    -------
    dict of (kpi, unit) to ndarray, shape (n_draws,)
        Sums are added; of stocks the last value counts; ratios, means and formulas are averaged with the
        denominators of the same periods, a year before where they are still to come.
    """
    found: dict[tuple[str, str], np.ndarray] = {}
    held = set(scenario.prepared.baseline.units)
    for kpi_id in dict.fromkeys(place.kpi for place in places):
        kpi = cascade.kpi(kpi_id)
        panel = kpi_panel(cascade, history, kpi)
        for unit in dict.fromkeys(place.unit for place in places if place.kpi == kpi_id):
            if unit not in held:
                continue
            column = history.units.index(unit)
            values = _values(history, panel, column, scenario.draws(kpi_id, unit), span)
            over = _collapsed(cascade, kpi, values, _volumes(cascade, history, panel, column, span))
            if np.isfinite(over).all():
                found[(kpi_id, unit)] = over
    return found


def _values(history: History, panel: KpiPanel, column: int, draws: np.ndarray, span: Span) -> np.ndarray:
    """Return each period's value in each draw, shape (n_periods, n_draws)."""
    start, n_known = history.position(span.start), len(history.periods)
    known = panel.values[start:n_known, column]
    past = np.repeat(known[:, None], draws.shape[1], axis=1)
    skipped = max(0, start - n_known)
    return np.vstack([past, draws[skipped : skipped + span.n_periods - len(past)]])


def _volumes(cascade: Cascade, history: History, panel: KpiPanel, column: int, span: Span) -> np.ndarray:
    """Return the latest denominator of each period's month, shape (n_periods,); ones where one is unknown."""
    position = history.position(span.start) + np.arange(span.n_periods)
    beyond = np.maximum(0, position - len(history.periods) + 1)
    back = -(-beyond // cascade.periods_per_year) * cascade.periods_per_year
    volumes = panel.denominator[np.maximum(position - back, 0), column]
    usable = np.isfinite(volumes).all() and bool((volumes > 0).all())
    return volumes if usable else np.ones(span.n_periods)


def _collapsed(cascade: Cascade, kpi: Kpi, values: np.ndarray, volumes: np.ndarray) -> np.ndarray:
    match kpi.kind:
        case "last":
            return values[-1]
        case "min":
            return values.min(axis=0)
        case "max":
            return values.max(axis=0)
        case "sum":
            rule = cascade.measures[str(kpi.sum)].over_time if kpi.sum in cascade.measures else "sum"
            return {"sum": values.sum(axis=0), "mean": values.mean(axis=0), "last": values[-1]}[rule]
    return volumes @ values / volumes.sum()
