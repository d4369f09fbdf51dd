"""Move levers, and see what follows: a slider per lever, a fan per KPI."""

import html
from collections.abc import Iterable
from typing import Any

import ipywidgets
import numpy as np

from kpilab.decisions.scenario import Scenario
from kpilab.decisions.whatif import WhatIf, prepare_what_if
from kpilab.delivery.fans import fan_charts
from kpilab.delivery.widgets.frame import Answer, Frame, State, file_name, free_of_noise
from kpilab.delivery.widgets.latest import Report
from kpilab.evidence.links import LinkResults, fit_links
from kpilab.model.cascade import Cascade
from kpilab.model.history import History
from kpilab.model.nouns import Kpi
from kpilab.problems import one_problem
from kpilab.scorecard.panels import kpi_panel

STEPS = 40
DRAWS = 1000
"""Half of what `kl.what_if` draws without being asked: a slider is followed twice as fast. The code says so."""
_MOST_RELATIVE = 0.5


class WhatIfPanel(Frame):
    """A slider for each lever; `levers` are the sliders by KPI, `scenario` is the last one, `chart` its fans.

    A lever that stands at zero is no change: its KPI goes on listening to its causes. Levers of KPIs that add up
    are in per cent. Nothing of the cascade changes, so there is nothing to save: the line of code keeps a scenario.
    """

    doing = "Estimating and forecasting"

    def __init__(
        self,
        cascade: Cascade,
        history: History,
        *,
        links: LinkResults | None = None,
        levers: Iterable[str] | None = None,
        unit: str | None = None,
        horizon: int = 12,
        kpis: Iterable[str] | None = None,
    ):
        self._unit = cascade.unit(unit).id if unit else cascade.roots()[0].id
        super().__init__(cascade, f"What if, {cascade.unit(self._unit).name}")
        self._history, self._horizon = history, horizon
        self._links = links or fit_links(cascade, history)
        self._kpis = None if kpis is None else tuple(kpis)
        self._prepared: WhatIf | None = None
        chosen = _levers_of(cascade, self._links) if levers is None else tuple(levers)
        self.levers = {kpi: self._slider(cascade.kpi(kpi)) for kpi in chosen}
        self.sentences = ipywidgets.HTML()
        self._watch(*self.levers.values())
        self._begin(*self.levers.values(), self.code, self.chart, self.sentences)

    @property
    def scenario(self) -> Scenario:
        """Return what follows from the levers."""
        return self._answered().result

    @property
    def changes(self) -> dict[str, float | str]:
        """Return the change of each lever that was moved, as `what_if` takes it; none moved is the first by nothing."""
        return self._changes(self._now)

    def _changes(self, state: State) -> dict[str, float | str]:
        moved = {kpi: value for kpi, value in state.items() if value} or dict([*state.items()][:1])
        return {
            kpi: f"{100 * value:+.6g}%" if _in_per_cent(self._cascade.kpi(kpi)) else value
            for kpi, value in moved.items()
        }

    def _slider(self, kpi: Kpi) -> Any:
        past = kpi_panel(self._cascade, self._history, kpi).values
        known = past[:, ~np.isnan(past).all(axis=0)]
        usual = np.nanmean(known, axis=0, keepdims=True)
        reach = 2 * float(np.nanstd(known - usual)) or 1.0
        if relative := _in_per_cent(kpi):
            size = np.where(usual == 0, np.nan, usual)
            reach = min(2 * float(np.nanstd(known / size - 1)), _MOST_RELATIVE) or _MOST_RELATIVE
        step = float(f"{reach / STEPS:.1g}")
        reach = round(reach / step) * step
        share = relative or kpi.unit_of_measure == "share"
        slider = ipywidgets.FloatSlider(
            value=0.0, min=-reach, max=reach, step=step,
            description=f"{kpi.name}, in per cent of itself" if relative else kpi.name,
            readout_format="+.1%" if share else "+,.4r",
            style={"description_width": "300px"}, layout={"width": "680px"},
        )  # fmt: skip
        slider.add_class("kpilab-long")
        return slider

    def _state(self) -> State:
        return {kpi: free_of_noise(slider.value) for kpi, slider in self.levers.items()}

    def _put(self, state: State) -> None:
        for kpi, slider in self.levers.items():
            slider.value = state[kpi]

    def _answer(self, state: State, report: Report) -> Answer:
        if self._prepared is None:
            self._prepared = self._made_ready(report)
        changes = self._changes(state)
        scenario = self._prepared.scenario(changes, kpis=self._kpis)
        code = (
            f"scenario = kl.what_if(cascade, history, links, {changes}, horizon={self._horizon}, "
            f"units={self._unit!r}, draws={DRAWS})"
        )
        chart = fan_charts(scenario, self._history, unit=self._unit)
        return Answer(scenario, code, chart, scenario.of_unit(self._unit).tidy())

    def _made_ready(self, report: Report) -> WhatIf:
        prepared = prepare_what_if(
            self._cascade, self._history, self._links, horizon=self._horizon, units=self._unit, draws=DRAWS
        )
        if self._kpis is None:
            self._kpis = prepared.reached(self.levers)
        prepared.look_ahead(self._kpis, report)
        return prepared

    def _show(self, state: State, answer: Answer) -> None:
        lines = answer.result.text.splitlines()
        self.sentences.value = "".join(
            f"<p style='margin:.2em 0;max-width:60em'>{html.escape(x)}</p>" for x in lines
        )

    def _file_name(self) -> str:
        return file_name("what_if", self._unit)


def _levers_of(cascade: Cascade, links: LinkResults) -> tuple[str, ...]:
    """Return the causes that no arrow leads to; where all stand in loops, all causes."""
    carrying = [result.link for result in links if result.verdict in ("supported", "inconclusive")]
    causes = {link.cause for link in carrying}
    moved = {link.effect for link in carrying} | {kpi.id for kpi in cascade.kpis if kpi.formula}
    if not causes:
        raise one_problem("levers", "no arrow carries a change; draw or test one first")
    chosen = causes - moved or causes
    return tuple(kpi.id for kpi in cascade.kpis if kpi.id in chosen)


def _in_per_cent(kpi: Kpi) -> bool:
    """Tell whether a KPI is of another size at every unit, so that the same amount everywhere means nothing."""
    return kpi.kind in ("sum", "last")
