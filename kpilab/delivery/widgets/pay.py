"""Shape a pay plan: drag its marks and weights, and see budget, curves, evidence and one statement change."""

import html
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any

import ipywidgets

from kpilab.decisions.pay import PayResults, simulate_pay
from kpilab.decisions.pay_forecast import Draws, draws_over, period_ahead
from kpilab.decisions.scenario import Scenario
from kpilab.delivery.pay_pages import budget_chart, curve_chart, replay_chart, statement_page
from kpilab.evidence.links import LinkResults
from kpilab.model.cascade import Cascade
from kpilab.model.history import History
from kpilab.model.pay_files import read_pay
from kpilab.model.pay_plan import Curve, PayPlan, Plan
from kpilab.model.periods import Span
from kpilab.problems import InputError
from kpilab.show import paragraphs_html, table_html

NOBODY = ""
_MARKS = ("threshold", "target", "maximum")
_WIDE = {"description_width": "220px"}
_LAYOUT = {"width": "560px"}


class CurveControls(ipywidgets.VBox):
    """The marks of one curve of a plan as sliders, and the curve they describe.

    Attributes
    ----------
    measure : int or None
        The position of the first measure that is paid by it; None for the plan's own curve.
    places, payouts : dict of slider
        By ``threshold, target, maximum``.
    """

    def __init__(self, cascade: Cascade, pay: PayPlan, plan: Plan, measure: int | None):
        self.measure = measure
        self.shape = pay.curve_of(plan, None if measure is None else plan.measures[measure].curve)
        paid = [m for m in plan.measures if pay.curve_of(plan, m.curve) == self.shape]
        self.name = " and ".join(dict.fromkeys(cascade.kpi(m.kpi).name for m in paid))
        self.places = {mark: self._place(mark) for mark in _MARKS}
        self.payouts = {mark: self._payout(mark) for mark in _MARKS}
        self.picture = ipywidgets.HTML()
        self.sliders = [*self.places.values(), *self.payouts.values()]
        super().__init__([ipywidgets.HBox([ipywidgets.VBox(self.sliders), self.picture])])

    def marks(self) -> dict[str, tuple[Decimal, Decimal]]:
        """Return threshold, target and maximum as the sliders stand."""
        return {m: (_decimal(self.places[m].value), _decimal(self.payouts[m].value)) for m in _MARKS}

    def draw(self, curve: Curve, performances: list[float]) -> None:
        """Show the curve, and where those who are paid by it stand."""
        self.picture.value = curve_chart(curve, f"What {curve.base} pays: {self.name}", performances).svg

    def _place(self, mark: str) -> Any:
        place = float(getattr(self.shape, mark)[0])
        return _slider(f"{mark}: {self.shape.base}", place, 0.5 * place, 1.5 * place, place / 100)

    def _payout(self, mark: str) -> Any:
        paid = float(getattr(self.shape, mark)[1])
        return _slider(f"{mark}: payout", paid, 0.0, max(2.0, 1.5 * paid), 0.05, ".0%")


class PayPanel(ipywidgets.VBox):
    """Sliders for one plan; `pay` is the plan as it now is, `results` what it pays.

    `curves` holds the controls of every curve by which the plan pays, `weights` the sliders of its measures;
    `person` chooses whose statement is shown: nobody's until somebody is asked for. With a scenario the budget is
    the distribution over its draws, without one what past years would have cost. `code` is the line that does what
    was done last.
    """

    def __init__(
        self,
        cascade: Cascade,
        history: History,
        *,
        links: LinkResults | None = None,
        pay: PayPlan | None = None,
        plan: str | None = None,
        period: object = None,
        scenario: Scenario | None = None,
    ):
        self._before = pay if pay is not None else read_pay(cascade)
        self.plan = self._before.plan(plan or self._before.plans[0].id)
        self.results = simulate_pay(cascade, history, pay=self._before, links=links, period=period)
        self._ahead = None if scenario is None else _drawn(self.results, scenario)
        self.curves = [
            CurveControls(cascade, self._before, self.plan, position)
            for position in _curves(self._before, self.plan)
        ]
        self.places, self.payouts = self.curves[0].places, self.curves[0].payouts
        self.weights = [self._weight(cascade, position) for position in range(len(self.plan.measures))]
        people = [each.person for each in self._before.people if each.plan == self.plan.id]
        self.person = ipywidgets.Dropdown(
            options=[("nobody's", NOBODY), *((cascade.person(each).name, each) for each in people)],
            description="Statement", style=_WIDE, layout=_LAYOUT,
        )  # fmt: skip
        self.problem, self.code, self.text = ipywidgets.HTML(), ipywidgets.HTML(), ipywidgets.HTML()
        self.budget, self.rests, self.statement = ipywidgets.HTML(), ipywidgets.HTML(), ipywidgets.HTML()
        self.reset = ipywidgets.Button(description="Reset", icon="undo")
        self.reset.on_click(self._begin_again)
        super().__init__(self._parts())
        self._starts = [(slider, slider.value) for slider in self._sliders]
        self._observe()
        self._draw()

    @property
    def pay(self) -> PayPlan:
        """Return the plan that the sliders describe.

        Raises
        ------
        ValueError
            When a curve would fall or repeat a mark, or no weight is above 0.
        """
        found = self._before.reweighted(self.plan.id, [slider.value for slider in self.weights])
        for controls in self.curves:
            found = found.reshaped(self.plan.id, measure=controls.measure, **controls.marks())
        return found

    @property
    def _sliders(self) -> list[Any]:
        return [*(slider for controls in self.curves for slider in controls.sliders), *self.weights]

    def _parts(self) -> list[Any]:
        label = " (illustrative: nobody is paid by it)" if self._before.status == "illustrative" else ""
        title = ipywidgets.HTML(f"<b>{html.escape(self.plan.name or self.plan.id)}</b>{label}")
        tabs = ipywidgets.Tab(children=[*self.curves, ipywidgets.VBox(self.weights)])
        tabs.titles = (*(_shortened(controls.name) for controls in self.curves), "Weights")
        shown = ipywidgets.HBox([self.budget, self.rests])
        return [
            title,
            tabs,
            self.reset,
            self.problem,
            self.code,
            self.text,
            shown,
            self.person,
            self.statement,
        ]

    def _observe(self) -> None:
        plan = self.plan.id
        for controls in self.curves:
            for mark in _MARKS:
                for slider in (controls.places[mark], controls.payouts[mark]):
                    slider.observe(self._said(partial(_reshaping, plan, controls, mark)), "value")
        for slider in self.weights:
            slider.observe(self._said(partial(_reweighting, plan, self.weights)), "value")
        self.person.observe(self._said(lambda: f'paid.of_owner("{self.person.value}")'), "value")

    def _said(self, line: Callable[[], str]) -> Callable[[object], None]:
        def redraw(_change: object) -> None:
            self._draw(line())

        return redraw

    def _weight(self, cascade: Cascade, position: int) -> Any:
        measure = self.plan.measures[position]
        name = f"{cascade.kpi(measure.kpi).name}, {measure.level or 'own unit'}"
        return _slider(name, float(self.plan.weight_of(measure)), 0.0, 1.0, 0.05, ".0%")

    def _begin_again(self, button: object) -> None:
        for slider, value in self._starts:
            slider.value = value
        self._draw("pay = kl.read_pay(cascade); paid = paid.with_plan(pay)")

    def _draw(self, line: str = "paid = kl.simulate_pay(cascade, history, links=links)") -> None:
        try:
            pay = self.pay
            self.results = self.results.with_plan(pay)
        except (InputError, ValueError) as error:
            said = str(error.errors()[0]["ctx"]["error"]) if hasattr(error, "errors") else str(error)
            self.problem.value = f"<p style='color:#b2182b'>{html.escape(said)}</p>"
            return
        self.problem.value = ""
        self.code.value = f"What you just did in code: <code>{html.escape(line)}</code>"
        self.text.value = paragraphs_html(self.results.text)
        plan = pay.plan(self.plan.id)
        for controls in self.curves:
            own = None if controls.measure is None else plan.measures[controls.measure].curve
            curve = pay.curve_of(plan, own)
            controls.draw(curve, _stand_on(self.results, curve))
        self.budget.value = self._budget()
        self.rests.value = table_html(self.results.anonymous())
        self.statement.value = self._chosen_statement(self.results)

    def _budget(self) -> str:
        if self._ahead is None:
            return replay_chart(self.results).svg
        span, draws = self._ahead
        return budget_chart(self.results.forecast(draws, span=span)).svg

    def _chosen_statement(self, results: PayResults) -> str:
        if self.person.value == NOBODY:
            return ""
        own = results.of_owner(self.person.value)
        return "".join(statement_page(own, statement).body for statement in own.statements_)


def _drawn(results: PayResults, scenario: Scenario) -> tuple[Span, Draws]:
    """Add up the scenario's draws once: they do not depend on the plan's curves and weights."""
    places = [line.place for statement in results.statements_ for line in statement.lines]
    span = period_ahead(scenario, results.span)
    return span, draws_over(results.cascade, results.history, scenario, places, span)


def _curves(pay: PayPlan, plan: Plan) -> list[int | None]:
    """Return where the plan's different curves are found, the most used one first."""
    found: dict[Curve, list[int | None]] = {}
    for position, measure in enumerate(plan.measures):
        curve = pay.curve_of(plan, measure.curve)
        found.setdefault(curve, []).append(None if measure.curve is None else position)
    return [positions[0] for positions in sorted(found.values(), key=len, reverse=True)]


def _reshaping(plan: str, controls: CurveControls, mark: str) -> str:
    place, paid = controls.marks()[mark]
    of = "" if controls.measure is None else f", measure={controls.measure}"
    return f'paid = paid.with_plan(paid.pay.reshaped("{plan}"{of}, {mark}=({place}, {paid})))'


def _reweighting(plan: str, weights: list[Any]) -> str:
    shares = ", ".join(f"{slider.value:g}" for slider in weights)
    return f'paid = paid.with_plan(paid.pay.reweighted("{plan}", [{shares}]))'


def _stand_on(results: PayResults, curve: Curve) -> list[float]:
    places = {
        line.place: float(line.performance)
        for statement in results.statements_
        for line in statement.lines
        if line.place.curve == curve and line.performance is not None
    }
    return list(places.values())


def _shortened(text: str, most: int = 34) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _slider(name: str, value: float, low: float, high: float, step: float, written: str = ".3g") -> Any:
    return ipywidgets.FloatSlider(
        value=value, min=low, max=high, step=step, description=name, readout_format=written,
        style=_WIDE, layout=_LAYOUT,
    )  # fmt: skip


def _decimal(value: float, places: int = 4) -> Decimal:
    return round(Decimal(repr(value)), places)
