"""Move levers, and see what follows: a slider per lever, a fan per KPI."""

import html
from collections.abc import Iterable
from typing import Any

import ipywidgets
import numpy as np

from kpilab.decisions.whatif import prepare_what_if
from kpilab.delivery.fans import fan_charts
from kpilab.evidence.links import LinkResults
from kpilab.model.cascade import Cascade
from kpilab.model.history import History
from kpilab.problems import one_problem

STEPS = 40


class WhatIfPanel(ipywidgets.VBox):
    """A slider for each lever; `levers` are the sliders by KPI, `scenario` is the last one, `chart` its fans."""

    def __init__(
        self,
        cascade: Cascade,
        history: History,
        *,
        links: LinkResults,
        levers: Iterable[str] | None = None,
        unit: str | None = None,
        horizon: int = 12,
        kpis: Iterable[str] | None = None,
    ):
        self._history = history
        self._unit = unit or cascade.roots()[0].id
        self._kpis = None if kpis is None else tuple(kpis)
        self._prepared = prepare_what_if(cascade, history, links, horizon=horizon, units=self._unit)
        self.levers = {kpi: self._slider(kpi) for kpi in self._chosen(levers)}
        self.sentences, self.code = ipywidgets.HTML(), ipywidgets.HTML()
        self.chart = ipywidgets.HTML()
        reset = ipywidgets.Button(description="Reset", icon="undo")
        reset.on_click(self._begin_again)
        title = ipywidgets.HTML(f"<b>What if, {html.escape(cascade.unit(self._unit).name)}</b>")
        super().__init__([title, *self.levers.values(), reset, self.code, self.chart, self.sentences])
        for slider in self.levers.values():
            slider.observe(self._draw, "value")
        self._draw()

    @property
    def changes(self) -> dict[str, float]:
        """Return the change of each lever, as `what_if` takes it."""
        return {kpi: float(f"{slider.value:.9g}") for kpi, slider in self.levers.items()}

    def _chosen(self, levers: Iterable[str] | None) -> tuple[str, ...]:
        """Return the levers, by default the causes that no arrow leads to."""
        if levers is not None:
            return tuple(levers)
        motions = self._prepared.system.motions
        causes = {flow.kpi for motion in motions.values() for flow in motion.inflows}
        found = tuple(kpi.id for kpi in self._prepared.cascade.kpis if kpi.id in causes - set(motions))
        if not found and not causes:
            raise one_problem("levers", "no arrow carries a change; draw or test one first")
        return found or tuple(sorted(causes))

    def _slider(self, kpi: str) -> Any:
        noun = self._prepared.cascade.kpi(kpi)
        past = self._prepared.baseline.history_of(kpi)
        known = past[:, ~np.isnan(past).all(axis=0)]
        reach = 2 * float(np.nanstd(known - np.nanmean(known, axis=0, keepdims=True))) or 1.0
        step = float(f"{reach / STEPS:.1g}")
        reach = round(reach / step) * step
        return ipywidgets.FloatSlider(
            value=0.0, min=-reach, max=reach, step=step, description=noun.name,
            readout_format="+.1%" if noun.unit_of_measure == "share" else "+,.4r",
            style={"description_width": "260px"}, layout={"width": "640px"},
        )  # fmt: skip

    def _begin_again(self, button: object) -> None:
        for slider in self.levers.values():
            slider.value = 0.0

    def _draw(self, change: object = None) -> None:
        self.scenario = self._prepared.scenario(self.changes, kpis=self._kpis)
        self.chart.value = fan_charts(self.scenario, self._history, unit=self._unit).svg
        moved = {kpi: value for kpi, value in self.changes.items() if value}
        horizon = self._prepared.options.horizon
        said = f"kl.what_if(cascade, history, links, {moved}, horizon={horizon}, units={self._unit!r})"
        self.code.value = f"<code>{html.escape(said)}</code>"
        lines = self.scenario.text.splitlines()
        self.sentences.value = "".join(
            f"<p style='margin:.2em 0;max-width:60em'>{html.escape(x)}</p>" for x in lines
        )
