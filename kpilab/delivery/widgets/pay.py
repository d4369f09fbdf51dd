"""Shape a pay plan: drag its marks and weights, and see budget, curve, evidence and one statement change."""

import html
from decimal import Decimal
from typing import Any

import ipywidgets

from kpilab.decisions.pay import PayResults, simulate_pay
from kpilab.delivery.pay_pages import curve_chart, statement_page
from kpilab.evidence.links import LinkResults
from kpilab.model.cascade import Cascade
from kpilab.model.history import History
from kpilab.model.pay_files import read_pay
from kpilab.model.pay_plan import Curve, PayPlan
from kpilab.problems import InputError
from kpilab.show import paragraphs_html, table_html

NOBODY = ""
_MARKS = ("threshold", "target", "maximum")
_WIDE = {"description_width": "220px"}
_LAYOUT = {"width": "560px"}


class PayPanel(ipywidgets.VBox):
    """Sliders for one plan; `pay` is the plan as it now is, `results` what it pays.

    `places` and `payouts` are the sliders of threshold, target and maximum, `weights` those of the measures;
    `person` chooses whose statement is shown: nobody's until somebody is asked for.
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
    ):
        self._cascade, self._history, self._links, self._period = cascade, history, links, period
        self._before = pay if pay is not None else read_pay(cascade)
        self.plan = self._before.plan(plan or self._before.plans[0].id)
        self._curve = self._before.curve_of(self.plan, None)
        self.places = {mark: self._place(mark) for mark in _MARKS}
        self.payouts = {mark: self._payout(mark) for mark in _MARKS}
        self.weights = [self._weight(position) for position in range(len(self.plan.measures))]
        people = [each.person for each in self._before.people if each.plan == self.plan.id]
        self.person = ipywidgets.Dropdown(
            options=[("nobody's", NOBODY), *((cascade.owner(each).name, each) for each in people)],
            description="Statement", style=_WIDE, layout=_LAYOUT,
        )  # fmt: skip
        self.problem, self.code, self.text = ipywidgets.HTML(), ipywidgets.HTML(), ipywidgets.HTML()
        self.curve, self.rests, self.statement = ipywidgets.HTML(), ipywidgets.HTML(), ipywidgets.HTML()
        sliders = [*self.places.values(), *self.payouts.values(), *self.weights]
        title = ipywidgets.HTML(f"<b>{html.escape(self.plan.name or self.plan.id)}</b>{self._label()}")
        self.reset = ipywidgets.Button(description="Reset", icon="undo")
        self.reset.on_click(self._begin_again)
        parts = [self.problem, self.code, self.text, self.curve, self.rests, self.person, self.statement]
        super().__init__([title, *sliders, self.reset, *parts])
        self._starts = [(slider, slider.value) for slider in sliders]
        for control in (*sliders, self.person):
            control.observe(self._draw, "value")
        self._draw()

    @property
    def pay(self) -> PayPlan:
        """Return the plan that the sliders describe.

        Raises
        ------
        ValueError
            When the curve would fall or repeat a mark.
        """
        marks = {m: (_decimal(self.places[m].value), _decimal(self.payouts[m].value)) for m in _MARKS}
        curve = Curve.model_validate({**self._curve.model_dump(exclude={"more", *_MARKS}), **marks})
        total = sum(slider.value for slider in self.weights) or 1.0
        shares = [_decimal(slider.value / total, 6) for slider in self.weights]
        shares[-1] = Decimal(1) - sum(shares[:-1], Decimal(0))
        measures = tuple(
            measure.model_copy(update={"weight": share})
            for measure, share in zip(self.plan.measures, shares, strict=True)
        )
        changed = self.plan.model_copy(update={"curve": curve, "measures": measures, "levels": {}})
        plans = tuple(changed if each.id == self.plan.id else each for each in self._before.plans)
        return self._before.replace(plans=plans)

    def _place(self, mark: str) -> Any:
        place = float(getattr(self._curve, mark)[0])
        return _slider(f"{mark}: {self._curve.base}", place, 0.5 * place, 1.5 * place, place / 100)

    def _payout(self, mark: str) -> Any:
        paid = float(getattr(self._curve, mark)[1])
        return _slider(f"{mark}: payout", paid, 0.0, max(2.0, 1.5 * paid), 0.05, ".0%")

    def _weight(self, position: int) -> Any:
        measure = self.plan.measures[position]
        name = f"weight: {self._cascade.kpi(measure.kpi).name}, {measure.level or 'own unit'}"
        return _slider(name, float(self.plan.weight_of(measure)), 0.0, 1.0, 0.05, ".0%")

    def _label(self) -> str:
        return " (illustrative: nobody is paid by it)" if self._before.status == "illustrative" else ""

    def _begin_again(self, button: object) -> None:
        for slider, value in self._starts:
            slider.value = value

    def _draw(self, change: object = None) -> None:
        try:
            pay = self.pay
            self.results = simulate_pay(
                self._cascade, self._history, pay=pay, links=self._links, period=self._period, years=0
            )
        except (InputError, ValueError) as error:
            said = str(error.errors()[0]["ctx"]["error"]) if hasattr(error, "errors") else str(error)
            self.problem.value = f"<p style='color:#b2182b'>{html.escape(said)}</p>"
            return
        self.problem.value = ""
        self.text.value = paragraphs_html(self.results.text)
        curve = pay.curve_of(pay.plan(self.plan.id), None)
        self.curve.value = curve_chart(curve, f"What {curve.base} pays", self._stand_on(curve)).svg
        self.rests.value = table_html(self.results.anonymous())
        self.code.value = (
            "<code>kl.simulate_pay(cascade, history, pay=panel.pay, links=links).anonymous()</code>"
        )
        self.statement.value = self._chosen_statement(self.results)

    def _stand_on(self, curve: Curve) -> list[float]:
        places = {
            line.place: float(line.performance)
            for statement in self.results.statements_
            for line in statement.lines
            if line.place.curve == curve and line.performance is not None
        }
        return list(places.values())

    def _chosen_statement(self, results: PayResults) -> str:
        if self.person.value == NOBODY:
            return ""
        own = results.of_owner(self.person.value)
        return "".join(statement_page(own, statement).body for statement in own.statements_)


def _slider(name: str, value: float, low: float, high: float, step: float, written: str = ".3g") -> Any:
    return ipywidgets.FloatSlider(
        value=value, min=low, max=high, step=step, description=name, readout_format=written,
        continuous_update=False, style=_WIDE, layout=_LAYOUT,
    )  # fmt: skip


def _decimal(value: float, places: int = 4) -> Decimal:
    return round(Decimal(repr(value)), places)
