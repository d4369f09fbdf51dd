"""Where KPIs stand, where they are heading, and why they moved."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from kpilab.delivery.charts.drawing import Chart, finished, plain, shortened, styled
from kpilab.show import number
from kpilab.words import STATUSES

STATUS_COLOURS = {
    "met": "#a6dba0",
    "near": "#fde0a5",
    "missed": "#f4a698",
    "incomplete": "#d9d9e8",
    "no target": "#f2f2f2",
    "no data": "#ffffff",
}
STATUS_SIGNS = {"met": "✓", "near": "~", "missed": "✗", "incomplete": "…", "no target": "", "no data": ""}
STEP_COLOURS = {1: "#1b7837", -1: "#b2182b", 0: "#5b7a9d"}


def trend_chart(
    values: pd.DataFrame,
    targets: pd.Series | None = None,
    title: str = "",
    share: bool = False,
    band: pd.DataFrame | None = None,
) -> Chart:
    """Draw series over time.

    Parameters
    ----------
    values : DataFrame, periods × names
    targets : Series, optional
        The target in force in each period, drawn as a dashed step.
    share : bool
        Write the axis in per cent.
    band : DataFrame, optional
        ``trend, conf_low, conf_high`` in each period: a line with its interval.
    """
    with styled():
        figure = Figure(figsize=(7.2, 2.3), layout="constrained")
        axes = figure.subplots()
        when = values.index.to_timestamp() if isinstance(values.index, pd.PeriodIndex) else values.index
        for position, name in enumerate(values.columns):
            main = position == 0
            axes.plot(
                when,
                values[name],
                color="#2166ac" if main else "#b0b7c3",
                lw=1.8 if main else 1,
                label=str(name),
            )
        if band is not None:
            axes.fill_between(when, band["conf_low"], band["conf_high"], color="#2166ac", alpha=0.15, lw=0)
            axes.plot(when, band["trend"], color="#1f3a5f", lw=2, label="trend, 95 % interval")
        if targets is not None and targets.notna().any():
            axes.step(
                when, targets.to_numpy(), where="post", color="#b2182b", ls="--", lw=1.2, label="target"
            )
        if share:
            axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")
        axes.set_title(plain(title), loc="left", fontsize=10)
        if len(values.columns) > 1 or targets is not None or band is not None:
            axes.legend(frameon=False, fontsize=8, loc="best")
        return finished(figure)


def waterfall_chart(
    steps: pd.DataFrame,
    ends: tuple[tuple[str, float], tuple[str, float]],
    share: bool = False,
    title: str = "",
) -> Chart:
    """Draw how contributions lead from one value to another, the first at the top.

    Parameters
    ----------
    steps : DataFrame
        Columns ``label, contribution, good``: ``good`` is 1 for the better, -1 for the worse, 0 for neither.
    ends : pair of (label, value)
        Where the steps begin and end.
    share : bool
        Write values in per cent.
    """
    scale = 100 if share else 1
    (first, begun), (last, ended) = ends
    levels = scale * np.concatenate([[begun], begun + np.cumsum(steps["contribution"].to_numpy())])
    labels = [first, *steps["label"], last]
    with styled():
        figure = Figure(figsize=(7.6, 0.9 + 0.3 * len(labels)), layout="constrained")
        axes = figure.subplots()
        reach = max(float(np.ptp(levels)), 1e-12 * max(float(np.abs(levels).max()), 1e-300))
        for row, step in enumerate(steps.itertuples(), start=1):
            before, after = levels[row - 1], levels[row]
            colour = STEP_COLOURS[int(step.good)]  # type: ignore[arg-type]
            axes.barh(row, after - before, left=before, height=0.62, color=colour)
            axes.plot([after, after], [row, row + 1], color="#999999", lw=0.7)
            axes.text(
                max(before, after) + 0.01 * reach, row, _step_text(after - before), va="center", fontsize=8
            )
        axes.plot([levels[0], levels[0]], [0, 1], color="#999999", lw=0.7)
        for row, value in ((0, levels[0]), (len(labels) - 1, scale * ended)):
            axes.plot(value, row, "D", color="#333333", ms=6)
            axes.text(
                value + 0.02 * reach, row, _value_text(value, share), va="center", weight="bold", fontsize=8
            )
        axes.set_yticks(range(len(labels)), [shortened(str(label), 52) for label in labels], fontsize=8)
        axes.set_ylim(len(labels) - 0.4, -0.6)
        axes.set_xlim(levels.min() - 0.06 * reach, levels.max() + 0.16 * reach)
        axes.xaxis.set_major_formatter(lambda value, _: _value_text(value, share))
        axes.set_title(plain(title), loc="left", fontsize=10)
        return finished(figure)


def status_grid(table: pd.DataFrame, names: Mapping[str, str] | None = None) -> Chart:
    """Draw units × KPIs coloured by status; a sign in each cell says it without colour.

    Parameters
    ----------
    table : DataFrame
        `Scorecard.tidy()`.
    names : mapping of KPI and unit ids to names, optional
    """
    names = names or {}
    grid = table.pivot(index="unit", columns="kpi", values="status")
    grid = grid.reindex(index=table["unit"].drop_duplicates(), columns=table["kpi"].drop_duplicates())
    with styled():
        height = 1.9 + 0.26 * max(len(grid), 1)
        figure = Figure(figsize=(2.6 + 0.5 * max(grid.shape[1], 1), height), layout="constrained")
        axes = figure.subplots()
        for (row, column), status in np.ndenumerate(grid.to_numpy(dtype=object)):
            known = status if status in STATUSES else "no data"
            colour = STATUS_COLOURS[known]
            axes.add_patch(Rectangle((column, row), 1, 1, facecolor=colour, edgecolor="white", lw=1))
            axes.text(column + 0.5, row + 0.52, STATUS_SIGNS[known], ha="center", va="center", fontsize=8)
        axes.set_xlim(0, max(grid.shape[1], 1))
        axes.set_ylim(max(len(grid), 1), 0)
        labels = [shortened(names.get(k, k), 34) for k in grid.columns]
        axes.set_xticks(
            np.arange(grid.shape[1]) + 0.5, labels, rotation=40, ha="left", rotation_mode="anchor", fontsize=8
        )
        axes.set_yticks(
            np.arange(len(grid)) + 0.5, [shortened(names.get(u, u), 34) for u in grid.index], fontsize=8
        )
        axes.xaxis.tick_top()
        axes.tick_params(length=0)
        for spine in axes.spines.values():
            spine.set_visible(False)
        shown = [s for s in STATUSES if STATUS_SIGNS[s]]
        axes.set_xlabel("   ".join(f"{STATUS_SIGNS[s]} {s}" for s in shown), fontsize=8)
        return finished(figure)


def _step_text(step: float) -> str:
    return f"{'+' if step > 0 else ''}{number(float(f'{step:.3g}'))}"


def _value_text(value: float, share: bool) -> str:
    return f"{value:.4g} %" if share else number(float(value))
