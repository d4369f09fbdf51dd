"""Choose, and see: a scorecard by level and period, a link by name, a KPI's targets.

Everything a widget does, a cell can do: each calls a public verb and shows its result.
"""

import html
from typing import Any

import ipywidgets

from kpilab.delivery.action_pages import action_page
from kpilab.delivery.link_pages import link_page
from kpilab.delivery.pages import named_scores, value_grid
from kpilab.delivery.widgets.entry_form import BAD, said
from kpilab.delivery.widgets.targets import TargetPanel
from kpilab.evidence.actions import ActionResults
from kpilab.evidence.links import LinkResults
from kpilab.model.cascade import Cascade
from kpilab.model.history import History
from kpilab.model.periods import period_text
from kpilab.problems import InputError, one_problem
from kpilab.scorecard.rollup import last_complete_period, roll_up
from kpilab.show import table_html

_WIDE = {"description_width": "initial"}


class ScorecardChooser(ipywidgets.VBox):
    """Choose level and period, see the scorecard; `level`, `period` and `output` are its parts."""

    def __init__(self, cascade: Cascade, history: History):
        self._cascade, self._history = cascade, history
        periods = [period_text(period) for period in history.periods]
        self.level = ipywidgets.Dropdown(options=list(cascade.levels), description="Level")
        last = period_text(last_complete_period(cascade, history))
        self.period = ipywidgets.SelectionSlider(
            options=periods,
            value=last,
            description="Period",
            continuous_update=False,
            layout={"width": "480px"},
        )
        self.output, self.code = ipywidgets.HTML(), ipywidgets.HTML()
        super().__init__([ipywidgets.HBox([self.level, self.period]), self.code, self.output])
        self.level.observe(self._draw, "value")
        self.period.observe(self._draw, "value")
        self._draw()

    def _draw(self, change: object = None) -> None:
        card = roll_up(self._cascade, self._history, period=self.period.value).at(self.level.value)
        self.code.value = _line(
            f"kl.roll_up(cascade, history, period={self.period.value!r}).at({self.level.value!r})"
        )
        one_unit = card.table["unit"].nunique() == 1
        self.output.value = table_html(named_scores(card)) if one_unit else value_grid(card).body


class LinkChooser(ipywidgets.VBox):
    """Choose a link, see its page; `link` and `output` are its parts."""

    def __init__(self, links: LinkResults):
        self._links = links
        name = {kpi.id: kpi.name for kpi in links.cascade.kpis}
        options = [
            (f"{name[r.cause]} → {name[r.effect]} ({r.verdict})", position)
            for position, r in enumerate(links)
        ]
        self.link = ipywidgets.Dropdown(
            options=options, description="Link", style=_WIDE, layout={"width": "720px"}
        )
        self.output, self.code = ipywidgets.HTML(), ipywidgets.HTML()
        super().__init__([self.link, self.code, self.output])
        self.link.observe(self._draw, "value")
        self._draw()

    def _draw(self, change: object = None) -> None:
        if self.link.value is not None:
            chosen = self._links[self.link.value]
            self.code.value = _line(f"kl.link_page(links, links[{self.link.value}])")
            self.output.value = link_page(self._links, chosen).body


class ActionChooser(ipywidgets.VBox):
    """Choose an action and a KPI, see its page; `action` and `output` are its parts."""

    def __init__(self, actions: ActionResults):
        self._actions = actions
        name = {kpi.id: kpi.name for kpi in actions.cascade.kpis}
        options = [
            (f"{r.action.name or r.action.id} → {name.get(r.kpi, r.kpi)} ({r.verdict})", position)
            for position, r in enumerate(actions)
        ]
        self.action = ipywidgets.Dropdown(
            options=options, description="Action", style=_WIDE, layout={"width": "720px"}
        )
        self.output, self.code = ipywidgets.HTML(), ipywidgets.HTML()
        super().__init__([self.action, self.code, self.output])
        self.action.observe(self._draw, "value")
        self._draw()

    def _draw(self, change: object = None) -> None:
        if self.action.value is not None:
            chosen = self._actions[self.action.value]
            self.code.value = _line(f"kl.action_page(actions, actions[{self.action.value}])")
            self.output.value = action_page(self._actions, chosen).body


class TargetChooser(ipywidgets.VBox):
    """Choose a KPI and a unit, and tune the targets of the unit's children.

    `kpi` and `unit` are its controls, `panel` the target panel or, where the target cannot be split, why not. It
    begins with the target in force, or, without one, with where the unit stands.
    """

    def __init__(self, cascade: Cascade, history: History):
        self._cascade, self._history = cascade, history
        parents = [unit for unit in cascade.units if cascade.children(unit.id)]
        self.kpi = ipywidgets.Dropdown(
            options=[(kpi.name, kpi.id) for kpi in cascade.kpis],
            description="KPI",
            style=_WIDE,
            layout={"width": "720px"},
        )
        self.unit = ipywidgets.Dropdown(
            options=[(unit.name, unit.id) for unit in parents],
            description="Unit",
            style=_WIDE,
            layout={"width": "320px"},
        )
        self.panel: Any = None
        super().__init__()
        self.kpi.observe(self._draw, "value")
        self.unit.observe(self._draw, "value")
        self._draw()

    def _draw(self, change: object = None) -> None:
        try:
            if self.kpi.value is None or self.unit.value is None:
                raise one_problem(
                    "targets", "needs a KPI, and a unit with children to share its target among"
                )
            self.panel = TargetPanel(
                self._cascade,
                self._history,
                kpi=self.kpi.value,
                unit=self.unit.value,
            )
        except InputError as error:
            self.panel = ipywidgets.HTML("".join(said(each.message, BAD) for each in error.problems))
        self.children = [ipywidgets.HBox([self.kpi, self.unit]), self.panel]


def _line(code: str) -> str:
    """Show the line that does what was chosen, as text."""
    return f"What you just did in code: <code>{html.escape(code)}</code>"


def choose_scorecard(cascade: Cascade, history: History) -> ScorecardChooser:
    """Choose level and period and see the scorecard: ``kl.roll_up(…, period=…).at(level)``."""
    return ScorecardChooser(cascade, history)


def choose_link(links: LinkResults) -> LinkChooser:
    """Choose a link and see its page: ``kl.link_page(links, links[(cause, effect)])``."""
    return LinkChooser(links)


def choose_action(actions: ActionResults) -> ActionChooser:
    """Choose an action and see its page: ``kl.action_page(actions, actions[(action, kpi)])``."""
    return ActionChooser(actions)
