"""What an action did: before and after, period by period."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from kpilab.delivery.charts.drawing import Chart, finished, plain, shortened, styled


def before_after_chart(
    frame: pd.DataFrame, title: str = "", *, share: bool = False, start: str = "start"
) -> Chart:
    """Draw what happened beside what would have happened without an action.

    Parameters
    ----------
    frame : DataFrame
        Columns ``since_start, period, actual, counterfactual, conf_low, conf_high``
        (`ActionResult.counterfactual`).
    share : bool
        Write the axis in per cent.
    start : str
        What begins at the vertical line.
    """
    with styled():
        figure = Figure(figsize=(7.2, 2.8), layout="constrained")
        axes = figure.subplots()
        since, after = frame["since_start"], frame[frame["since_start"] >= 0]
        axes.fill_between(
            after["since_start"], after["conf_low"], after["conf_high"], color="#e6e6ea", lw=0, label="95 %"
        )
        axes.plot(
            since, frame["counterfactual"], color="#666666", ls="--", lw=1.4, label="without the action"
        )
        axes.plot(since, frame["actual"], color="#2166ac", lw=1.8, label="what happened")
        axes.axvline(-0.5, color="#b2182b", lw=1)
        axes.annotate(
            shortened(start, 40), (-0.5, 1), xycoords=("data", "axes fraction"), xytext=(3, 0),
            textcoords="offset points", color="#b2182b", fontsize=8, va="top",
        )  # fmt: skip
        _label_periods(axes, frame)
        if share:
            axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")
        axes.set_title(plain(title), loc="left", fontsize=10)
        axes.legend(frameon=False, fontsize=8, loc="best")
        return finished(figure)


def event_study_chart(
    study: pd.DataFrame, *, unit: str = "", share: bool = False, expected: float | None = None
) -> Chart:
    """Draw an effect by periods since the start, with its band; before the start it should be none.

    Parameters
    ----------
    study : DataFrame
        Columns ``since_start, effect, conf_low, conf_high`` (`ActionResult.event_study`).
    unit : str
        In what the effect is measured.
    share : bool
        Write the axis times a hundred.
    expected : float, optional
        What was promised, drawn as a dashed line after the start.
    """
    with styled():
        figure = Figure(figsize=(7.2, 2.6), layout="constrained")
        axes = figure.subplots()
        since = study["since_start"]
        axes.fill_between(since, study["conf_low"], study["conf_high"], color="#d1e0f0", lw=0)
        axes.plot(since, study["effect"], "o-", color="#2166ac", ms=2.5, lw=1)
        axes.axhline(0, color="#333333", lw=0.8)
        axes.axvline(-0.5, color="#b2182b", lw=1)
        if expected is not None and np.isfinite(expected):
            axes.hlines(expected, -0.5, since.max(), color="#1b7837", ls="--", lw=1.2, label="promised")
            axes.legend(frameon=False, fontsize=8, loc="best")
        if share:
            axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g}")
        axes.set_xlabel("periods since the start")
        axes.set_ylabel(shortened(plain(f"effect, {unit}" if unit else "effect"), 34))
        return finished(figure)


def _label_periods(axes: Any, frame: pd.DataFrame) -> None:
    """Write periods where there are any, else how many passed since the start."""
    if not frame["period"].any():
        axes.set_xlabel("periods since the start")
        return
    step = max(len(frame) // 7, 1)
    shown = frame[(frame["since_start"] % step) == 0]
    axes.set_xticks(shown["since_start"], shown["period"])
