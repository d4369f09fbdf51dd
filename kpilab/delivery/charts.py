"""Charts for notebooks and reports, as SVG: the only matplotlib import.

Figures are made without pyplot, so that nothing is global, and with fixed ids and no date, so that the same
data give the same bytes.
"""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from kpilab.show import number
from kpilab.words import STATUSES

VERDICT_COLOURS = {
    "supported": "#1b7837",
    "contradicted": "#b2182b",
    "inconclusive": "#8c6d1f",
    "untestable": "#777777",
}
STATUS_COLOURS = {
    "met": "#a6dba0",
    "near": "#fde0a5",
    "missed": "#f4a698",
    "incomplete": "#d9d9e8",
    "no target": "#f2f2f2",
    "no data": "#ffffff",
}
STATUS_SIGNS = {"met": "✓", "near": "~", "missed": "✗", "incomplete": "…", "no target": "", "no data": ""}
_MOVE_COLOURS = {False: "#2166ac", True: "#b2182b"}
MOST_MIN_EFFECTS = 12
STEP_COLOURS = {1: "#1b7837", -1: "#b2182b", 0: "#5b7a9d"}
_FOREST_TICKS = {False: (-4, -2, -1, 0, 1, 2, 4), True: (-12, -8, -4, -1, 0, 1, 4, 8, 12)}
_STYLE: dict = {
    "svg.hashsalt": "kpilab",
    "svg.fonttype": "none",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "font.family": "sans-serif",
}


@dataclass(frozen=True)
class Chart:
    """A finished chart.

    Attributes
    ----------
    svg : str
        A complete SVG element.
    """

    svg: str

    def _repr_html_(self) -> str:
        return f"<div style='max-width:100%;overflow-x:auto'>{self.svg}</div>"

    def __repr__(self) -> str:
        return "Chart"

    def save(self, path: str | Path) -> Path:
        """Write the chart as an SVG file."""
        target = Path(path)
        target.write_text(self.svg, encoding="utf-8")
        return target


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
    with _styled():
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
        axes.set_title(_plain(title), loc="left", fontsize=10)
        if len(values.columns) > 1 or targets is not None or band is not None:
            axes.legend(frameon=False, fontsize=8, loc="best")
        return _finished(figure)


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
        return _sentence(
            "No arrow has an estimate: none is assumed, or history is too short for all of them."
        )
    unit = known["min_effect"].fillna(known["detectable_effect"]).to_numpy()
    scaled = known[["conf_low", "estimate", "conf_high"]].to_numpy(dtype=float) / unit[:, None]
    limit = float(np.clip(np.ceil(np.abs(scaled[np.isfinite(scaled)]).max()), 4, MOST_MIN_EFFECTS))
    with _styled():
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
        labels = [f"{_shortened(cause, 52)}\n→ {_shortened(effect, 50)}" for cause, effect in ends]
        axes.set_yticks(range(len(known)), labels, fontsize=8)
        axes.set_xlim(-limit * 1.02, limit * 1.35)
        axes.set_ylim(-0.7, len(known) - 0.3)
        axes.set_xticks([tick for tick in _FOREST_TICKS[limit > 6] if abs(tick) <= limit])
        axes.set_xlabel("effect in units of the smallest effect that matters (95 % interval)")
        return _finished(figure)


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
    with _styled():
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
        return _finished(figure)


def scatter_chart(
    cause: pd.Series, effect: pd.Series, slope: float, x_label: str = "", y_label: str = ""
) -> Chart:
    """Draw cause and effect with everything else held constant, and the estimated line."""
    with _styled():
        figure = Figure(figsize=(3.9, 2.6), layout="constrained")
        axes = figure.subplots()
        axes.plot(cause, effect, "o", ms=2.2, color="#2166ac", alpha=0.35, mew=0)
        ends = np.array([cause.min(), cause.max()])
        axes.plot(ends, slope * ends, color="#b2182b", lw=1.4)
        axes.set_title("What is left of both, all else held constant", loc="left", fontsize=8)
        axes.set_xlabel(_shortened(_plain(x_label), 52))
        axes.set_ylabel("\n".join(wrap(_shortened(_plain(y_label), 60), 32)))
        return _finished(figure)


def target_chart(
    rows: pd.DataFrame, share: bool = False, axis: str = "", parent: float | None = None
) -> Chart:
    """Draw from where to where everyone is asked to go, with words on how likely that is.

    Parameters
    ----------
    rows : DataFrame
        Columns ``name, actual, target, best, locked, beyond_best, words``.
    share : bool
        Write the axis in per cent.
    axis : str
        What the axis shows.
    parent : float, optional
        The parent's target, drawn as a dashed line.

    Notes
    -----
    Hollow: actual; full: target; the small tick is what was reached in the best tenth of own history.
    """
    with _styled():
        figure = Figure(figsize=(8.4, 0.95 + 0.3 * max(len(rows), 1)))
        figure.subplots_adjust(
            left=0.27, right=0.8, top=1 - 0.3 / figure.get_figheight(), bottom=0.5 / figure.get_figheight()
        )
        axes = figure.subplots()
        if parent is not None:
            axes.axvline(parent, color="#999999", lw=0.8, ls=(0, (4, 3)))
        _moves(axes, rows)
        for place, (words, beyond) in enumerate(zip(rows["words"], rows["beyond_best"], strict=True)):
            axes.annotate(
                words, (1.02, place), xycoords=("axes fraction", "data"), va="center", fontsize=8,
                color=_MOVE_COLOURS[bool(beyond)], annotation_clip=False,
            )  # fmt: skip
        axes.annotate("probability", (1.02, 1.01), xycoords="axes fraction", fontsize=8, color="#555555")
        if share:
            axes.xaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")
        axes.set_yticks(range(len(rows)), [_shortened(str(name), 34) for name in rows["name"]])
        axes.set_ylim(max(len(rows), 1) - 0.5, -0.5)
        axes.grid(axis="x", color="#eeeeee", lw=0.8)
        axes.set_axisbelow(True)
        axes.set_xlabel(f"{_plain(axis)}  (○ actual, ● target, ■ locked, | best tenth of own history)")
        return _finished(figure)


def _moves(axes: Axes, rows: pd.DataFrame) -> None:
    """Draw actuals, targets and bests, one row each."""
    places = np.arange(len(rows))
    colours = [_MOVE_COLOURS[bool(beyond)] for beyond in rows["beyond_best"]]
    actual, target = rows["actual"].to_numpy(), rows["target"].to_numpy()
    axes.hlines(places, actual, target, colors=colours, lw=2, alpha=0.45)
    axes.scatter(actual, places, s=34, facecolors="white", edgecolors="#777777", zorder=3)
    for locked, marker in ((False, "o"), (True, "s")):
        chosen = rows["locked"].to_numpy() == locked
        shown = [colour for colour, here in zip(colours, chosen, strict=True) if here]
        axes.scatter(target[chosen], places[chosen], s=34, c=shown, marker=marker, zorder=3)
    axes.scatter(rows["best"], places, s=80, c="#333333", marker="|", lw=1.2, zorder=4)


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
    with _styled():
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
        axes.set_yticks(range(len(labels)), [_shortened(str(label), 52) for label in labels], fontsize=8)
        axes.set_ylim(len(labels) - 0.4, -0.6)
        axes.set_xlim(levels.min() - 0.06 * reach, levels.max() + 0.16 * reach)
        axes.xaxis.set_major_formatter(lambda value, _: _value_text(value, share))
        axes.set_title(_plain(title), loc="left", fontsize=10)
        return _finished(figure)


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
    with _styled():
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
            _shortened(start, 40), (-0.5, 1), xycoords=("data", "axes fraction"), xytext=(3, 0),
            textcoords="offset points", color="#b2182b", fontsize=8, va="top",
        )  # fmt: skip
        _label_periods(axes, frame)
        if share:
            axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")
        axes.set_title(_plain(title), loc="left", fontsize=10)
        axes.legend(frameon=False, fontsize=8, loc="best")
        return _finished(figure)


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
    with _styled():
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
        axes.set_ylabel(_shortened(_plain(f"effect, {unit}" if unit else "effect"), 34))
        return _finished(figure)


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
    with _styled():
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
        labels = [_shortened(names.get(k, k), 34) for k in grid.columns]
        axes.set_xticks(
            np.arange(grid.shape[1]) + 0.5, labels, rotation=40, ha="left", rotation_mode="anchor", fontsize=8
        )
        axes.set_yticks(
            np.arange(len(grid)) + 0.5, [_shortened(names.get(u, u), 34) for u in grid.index], fontsize=8
        )
        axes.xaxis.tick_top()
        axes.tick_params(length=0)
        for spine in axes.spines.values():
            spine.set_visible(False)
        shown = [s for s in STATUSES if STATUS_SIGNS[s]]
        axes.set_xlabel("   ".join(f"{STATUS_SIGNS[s]} {s}" for s in shown), fontsize=8)
        return _finished(figure)


def _step_text(step: float) -> str:
    return f"{'+' if step > 0 else ''}{number(float(f'{step:.3g}'))}"


def _value_text(value: float, share: bool) -> str:
    return f"{value:.4g} %" if share else number(float(value))


def _label_periods(axes: Any, frame: pd.DataFrame) -> None:
    """Write periods where there are any, else how many passed since the start."""
    if not frame["period"].any():
        axes.set_xlabel("periods since the start")
        return
    step = max(len(frame) // 7, 1)
    shown = frame[(frame["since_start"] % step) == 0]
    axes.set_xticks(shown["since_start"], shown["period"])


def _styled():  # type: ignore[no-untyped-def]
    return matplotlib.rc_context(_STYLE)


def _sentence(text: str) -> Chart:
    """Return a chart that only says why there is none."""
    with _styled():
        figure = Figure(figsize=(8.4, 0.4))
        figure.text(0, 0.5, text, va="center", fontsize=10)
        return _finished(figure)


def _finished(figure: Figure) -> Chart:
    stream = io.StringIO()
    figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    text = stream.getvalue()
    return Chart(text[text.index("<svg") :])


def _plain(text: str) -> str:
    """Keep matplotlib from reading a name as mathematics."""
    return text.replace("$", r"\$")


def _shortened(text: str, most: int = 62) -> str:
    return _plain(text if len(text) <= most else text[: most - 1] + "…")
