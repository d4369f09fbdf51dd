"""Links against history: all estimates, one response over time, one scatter."""

from collections.abc import Mapping
from textwrap import wrap

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kpilab.delivery.charts.drawing import Chart, finished, plain, sentence, shortened, styled

VERDICT_COLOURS = {
    "supported": "#1b7837",
    "contradicted": "#b2182b",
    "inconclusive": "#8c6d1f",
    "untestable": "#777777",
}
MOST_MIN_EFFECTS = 12
_FOREST_TICKS = {False: (-4, -2, -1, 0, 1, 2, 4), True: (-12, -8, -4, -1, 0, 1, 4, 8, 12)}


def forest_chart(table: pd.DataFrame, names: Mapping[str, str] | None = None) -> Chart:
    """Draw every link's interval in units of its smallest effect that matters.

    Parameters
    ----------
    table : DataFrame
        `LinkResults.tidy()`.
    names : mapping of KPI id to name, optional

    Notes
    -----
    Between the dashed lines an effect is too small to matter. A link without `min_effect` is drawn in units
    of the effect it could have detected. Arrows mark intervals that leave the picture.
    """
    names = names or {}
    known = table[table["estimate"].notna()].iloc[::-1].reset_index(drop=True)
    if known.empty:
        return sentence("No arrow has an estimate: none is assumed, or history is too short for all of them.")
    unit = known["min_effect"].fillna(known["detectable_effect"]).to_numpy()
    scaled = known[["conf_low", "estimate", "conf_high"]].to_numpy(dtype=float) / unit[:, None]
    limit = float(np.clip(np.ceil(np.abs(scaled[np.isfinite(scaled)]).max()), 4, MOST_MIN_EFFECTS))
    with styled():
        figure = Figure(figsize=(8.4, 1.1 + 0.48 * len(known)), layout="constrained")
        axes = figure.subplots()
        for row, (verdict, interval) in enumerate(zip(known["verdict"], scaled, strict=True)):
            _forest_row(axes, row, str(verdict), interval, limit)
        axes.axvline(0, color="#333333", lw=0.8)
        for edge in (-1, 1):
            axes.axvline(edge, color="#999999", lw=0.8, ls=(0, (4, 3)))
        ends = [
            (names.get(str(r.cause), str(r.cause)), names.get(str(r.effect), str(r.effect)))
            for r in known.itertuples()
        ]
        labels = [f"{shortened(cause, 52)}\n→ {shortened(effect, 50)}" for cause, effect in ends]
        axes.set_yticks(range(len(known)), labels, fontsize=8)
        axes.set_xlim(-limit * 1.02, limit * 1.35)
        axes.set_ylim(-0.7, len(known) - 0.3)
        axes.set_xticks([tick for tick in _FOREST_TICKS[limit > 6] if abs(tick) <= limit])
        axes.set_xlabel("effect in units of the smallest effect that matters (95 % interval)")
        return finished(figure)


def _forest_row(axes: Axes, row: int, verdict: str, interval: np.ndarray, limit: float) -> None:
    low, estimate, high = interval
    colour = VERDICT_COLOURS[verdict]
    style = "-" if verdict in ("supported", "contradicted") else "--"
    axes.plot(np.clip([low, high], -limit, limit), [row, row], color=colour, lw=2, ls=style)
    if abs(estimate) <= limit:
        axes.plot(estimate, row, "o", color=colour, ms=5)
    if low < -limit:
        axes.plot(-limit, row, "<", color=colour, ms=6)
    if high > limit:
        axes.plot(limit, row, ">", color=colour, ms=6)
    axes.text(limit * 1.05, row, verdict, color=colour, va="center", fontsize=8)


def profile_chart(
    profile: pd.DataFrame, frequency: str = "period", lag: tuple[int, int] | None = None
) -> Chart:
    """Draw a lag profile with its simultaneous band; the assumed lag range is shaded.

    Parameters
    ----------
    profile : DataFrame
        Columns ``horizon, estimate, conf_low, conf_high, band_low, band_high``.
    """
    with styled():
        figure = Figure(figsize=(4.6, 2.6), layout="constrained")
        axes = figure.subplots()
        if lag is not None:
            axes.axvspan(lag[0] - 0.3, lag[1] + 0.3, color="#eef2f7", lw=0)
        axes.fill_between(
            profile["horizon"], profile["band_low"], profile["band_high"], color="#d1e0f0", lw=0
        )
        axes.plot(profile["horizon"], profile["estimate"], "o-", color="#2166ac", ms=4)
        axes.vlines(profile["horizon"], profile["conf_low"], profile["conf_high"], color="#2166ac", lw=1)
        axes.axhline(0, color="#333333", lw=0.8)
        axes.set_title(
            "Response after a change of the cause; shaded: what is assumed", loc="left", fontsize=8
        )
        axes.set_xlabel(f"{frequency}s after the cause")
        axes.set_ylabel("change of the effect")
        return finished(figure)


def scatter_chart(
    cause: pd.Series, effect: pd.Series, slope: float, x_label: str = "", y_label: str = ""
) -> Chart:
    """Draw cause and effect with everything else held constant, and the estimated line."""
    with styled():
        figure = Figure(figsize=(3.9, 2.6), layout="constrained")
        axes = figure.subplots()
        axes.plot(cause, effect, "o", ms=2.2, color="#2166ac", alpha=0.35, mew=0)
        ends = np.array([cause.min(), cause.max()])
        axes.plot(ends, slope * ends, color="#b2182b", lw=1.4)
        axes.set_title("What is left of both, all else held constant", loc="left", fontsize=8)
        axes.set_xlabel(shortened(plain(x_label), 52))
        axes.set_ylabel("\n".join(wrap(shortened(plain(y_label), 60), 32)))
        return finished(figure)
