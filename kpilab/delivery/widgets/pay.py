"""Shape a pay plan: drag its marks and weights, and see budget, curves, evidence and one statement change."""

import html
from decimal import Decimal
from pathlib import Path
from typing import Any

import ipywidgets

from kpilab.decisions.pay import PayResults, simulate_pay
from kpilab.decisions.pay_forecast import Draws, draws_over, period_ahead
from kpilab.decisions.scenario import Scenario
from kpilab.delivery.charts import Chart
from kpilab.delivery.pay_pages import budget_chart, curve_chart, replay_chart, statement_page
from kpilab.delivery.plane import side_by_side
from kpilab.delivery.widgets.frame import Answer, Frame, State, file_name, free_of_noise
from kpilab.delivery.widgets.latest import Report
from kpilab.delivery.widgets.save_page import SavePage
from kpilab.evidence.links import LinkResults
from kpilab.model.cascade import Cascade
from kpilab.model.files import text_of
from kpilab.model.history import History
from kpilab.model.pay_files import PAY_FILE, read_pay
from kpilab.model.pay_plan import Curve, PayPlan, Plan
from kpilab.model.pay_saving import PayDraft
from kpilab.model.periods import Span
from kpilab.problems import InputError, one_problem
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
        self.sliders = [*self.places.values(), *self.payouts.values()]
        super().__init__(self.sliders)

    def marks(self, values: State) -> dict[str, tuple[Decimal, Decimal]]:
        """Return threshold, target and maximum, given the values of sliders."""
        return {
            mark: (_decimal(values[self.places[mark]]), _decimal(values[self.payouts[mark]]))
            for mark in _MARKS
        }

    def chart(self, curve: Curve, performances: list[float]) -> Chart:
        """Draw the curve, and where those who are paid by it stand."""
        return curve_chart(curve, f"What {curve.base} pays: {self.name}", performances)

    def _place(self, mark: str) -> Any:
        place = float(getattr(self.shape, mark)[0])
        return _slider(f"{mark}: {self.shape.base}", place, 0.5 * place, 1.5 * place, place / 100)

    def _payout(self, mark: str) -> Any:
        paid = float(getattr(self.shape, mark)[1])
        return _slider(f"{mark}: payout", paid, 0.0, max(2.0, 1.5 * paid), 0.01, ".0%")


class PayPanel(Frame):
    """Sliders for one plan; `pay` is the plan as it now is, `results` what it pays.

    `curves` holds the controls of every curve by which the plan pays, `weights` the sliders of its measures;
    `person` chooses whose statement is shown: nobody's until somebody is asked for. With a scenario the budget is
    the distribution over its draws, without one what past years would have cost. The table that is downloaded
    names nobody. `save` writes the plan into `pay.yaml`; the cascade stays as it is.
    """

    doing = "Working out who gets what"

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
        self._given = pay
        self._before = pay if pay is not None else read_pay(cascade)
        self.plan = self._before.plan(plan or self._before.plans[0].id)
        label = " (illustrative: nobody is paid by it)" if self._before.status == "illustrative" else ""
        super().__init__(cascade, self.plan.name or self.plan.id, label)
        self._history, self._links, self._period, self._scenario = history, links, period, scenario
        self._begun: PayResults | None = None
        self._ahead: tuple[Span, Draws] | None = None
        self.curves = [
            CurveControls(cascade, self._before, self.plan, position)
            for position in _curves(self._before, self.plan)
        ]
        self.places, self.payouts = self.curves[0].places, self.curves[0].payouts
        self.weights = [self._weight(cascade, position) for position in range(len(self.plan.measures))]
        self._sliders = [*(slider for controls in self.curves for slider in controls.sliders), *self.weights]
        people = [each.person for each in self._before.people if each.plan == self.plan.id]
        self.person = ipywidgets.Dropdown(
            options=[("nobody's", NOBODY), *((cascade.person(each).name, each) for each in people)],
            description="Statement", style=_WIDE, layout=_LAYOUT,
        )  # fmt: skip
        self.text, self.rests, self.statement = (ipywidgets.HTML() for _ in range(3))
        tabs = ipywidgets.Tab(children=[*self.curves, ipywidgets.VBox(self.weights)])
        tabs.add_class("kpilab-tabs")
        tabs.titles = (*(_shortened(controls.name) for controls in self.curves), "Weights")
        self._watch(*self._sliders, self.person)
        self.save_box = ipywidgets.VBox()
        self._read = None if pay is not None or cascade.read_only else text_of(cascade.folder / PAY_FILE)
        self._begin(
            self.save_box,
            tabs,
            self.code,
            self.text,
            self.chart,
            self.rests,
            self.person,
            self.statement,
            saves=self._read is not None,
        )

    @property
    def results(self) -> PayResults:
        """Return what the last plan pays that could be one."""
        return self._answered().result

    @property
    def pay(self) -> PayPlan:
        """Return the plan that the sliders describe.

        Raises
        ------
        InputError
            When a curve would fall or repeat a mark, or no weight is above 0.
        """
        return self._shaped(self._now)

    def save(self, *, overwrite: bool = False) -> list[Path]:
        """Write the plan into `pay.yaml` without being asked; the button says first what changes.

        Parameters
        ----------
        overwrite : bool
            Also over what somebody else wrote in the meantime.

        Raises
        ------
        InputError
            When a file changed on disk since it was read, the sliders describe no plan, or the plan was not read
            from the cascade's folder.
        """
        written = self._draft().save(overwrite=overwrite)
        self._saved()
        return written

    def _draft(self) -> PayDraft:
        if self._read is None:
            raise one_problem("pay", "was not read from the cascade's folder to be saved there")
        changes = [f"Plan '{self.plan.id}' is {verb}: {said}" for verb, said, _ in self._moves(self._now)]
        return PayDraft(self._cascade, self._read, self.pay, tuple(changes))

    def _ask_to_save(self) -> None:
        def back() -> None:
            self.save_box.children = []

        def done(said: str) -> None:
            self._saved()
            self.save_box.children = [ipywidgets.HTML(html.escape(said))]

        try:
            self.save_box.children = [SavePage(self._draft(), back, done)]
        except InputError as error:
            self._say(error.problems[0].message)

    def _saved(self) -> None:
        """Begin anew from what the file says now."""
        self._before, self._read = read_pay(self._cascade), text_of(self._cascade.folder / PAY_FILE)
        self._first = self._now
        self._ask()

    def _state(self) -> State:
        return {slider: free_of_noise(slider.value) for slider in self._sliders} | {
            self.person: self.person.value
        }

    def _put(self, state: State) -> None:
        for control, value in state.items():
            control.value = value

    def _shaped(self, state: State) -> PayPlan:
        found = self._before
        try:
            for verb, _, arguments in self._moves(state):
                found = getattr(found, verb)(self.plan.id, **arguments)
        except InputError:
            raise
        except ValueError as error:
            said = str(error.errors()[0]["ctx"]["error"]) if hasattr(error, "errors") else str(error)
            raise one_problem("plan", said) from error
        return found

    def _moves(self, state: State) -> list[tuple[str, str, dict[str, Any]]]:
        """Return what leads from the plan as it was to a state: a method, its arguments as written, as given."""
        moves: list[tuple[str, str, dict[str, Any]]] = []
        for controls in self.curves:
            before, now = controls.marks(self._first), controls.marks(state)
            changed = {mark: now[mark] for mark in _MARKS if now[mark] != before[mark]}
            if changed:
                of = {} if controls.measure is None else {"measure": controls.measure}
                said = [f"measure={controls.measure}"] * bool(of)
                said += [
                    f"{mark}=({place.normalize():f}, {paid.normalize():f})"
                    for mark, (place, paid) in changed.items()
                ]
                moves.append(("reshaped", ", ".join(said), {**of, **changed}))
        weights = [state[slider] for slider in self.weights]
        if weights != [self._first[slider] for slider in self.weights]:
            said = [f"[{', '.join(f'{weight:g}' for weight in weights)}]"]
            moves.append(("reweighted", said[0], {"weights": weights}))
        return moves

    def _answer(self, state: State, report: Report) -> Answer:
        pay = self._shaped(state)
        results = self._start(report).with_plan(pay)
        report(0, 0)
        return Answer(results, self._code(state), self._drawn(results, pay), results.anonymous())

    def _start(self, report: Report) -> PayResults:
        """Return what the plan as it was pays, worked out once."""
        if self._begun is not None:
            return self._begun
        begun = simulate_pay(
            self._cascade, self._history, pay=self._before, links=self._links, period=self._period
        )
        report(0, 0)
        self._ahead = None if self._scenario is None else _ahead(begun, self._scenario)
        self._begun = begun
        return begun

    def _drawn(self, results: PayResults, pay: PayPlan) -> Chart:
        """Draw the curves, and the budget."""
        plan = pay.plan(self.plan.id)
        charts = []
        for controls in self.curves:
            own = None if controls.measure is None else plan.measures[controls.measure].curve
            curve = pay.curve_of(plan, own)
            charts.append(controls.chart(curve, _stand_on(results, curve)))
        if self._ahead is None:
            return side_by_side([*charts, replay_chart(results)])
        span, draws = self._ahead
        return side_by_side([*charts, budget_chart(results.forecast(draws, span=span))])

    def _code(self, state: State) -> str:
        moves = "".join(f'.{verb}("{self.plan.id}", {said})' for verb, said, _ in self._moves(state))
        start = "kl.read_pay(cascade)" if self._given is None else "pay"
        asked = [f"pay={start}{moves}"] if moves or self._given is not None else []
        asked += ["links=links"] if self._links is not None else []
        asked += [f"period={str(self._period)!r}"] if self._period is not None else []
        person = f".of_owner({state[self.person]!r})" if state[self.person] else ""
        return f"paid = kl.simulate_pay({', '.join(['cascade', 'history', *asked])}){person}"

    def _show(self, state: State, answer: Answer) -> None:
        results: PayResults = answer.result
        self.text.value = paragraphs_html(results.text)
        self.rests.value = table_html(results.anonymous())
        self.statement.value = _statement(results, str(state[self.person]))

    def _weight(self, cascade: Cascade, position: int) -> Any:
        measure = self.plan.measures[position]
        name = f"{cascade.kpi(measure.kpi).name}, {measure.level or 'own unit'}"
        return _slider(name, float(self.plan.weight_of(measure)), 0.0, 1.0, 0.01, ".0%")

    def _file_name(self) -> str:
        return file_name("pay", self.plan.id, self.results.span)


def _statement(results: PayResults, person: str) -> str:
    if person == NOBODY:
        return ""
    own = results.of_owner(person)
    return "".join(statement_page(own, statement).body for statement in own.statements_)


def _ahead(results: PayResults, scenario: Scenario) -> tuple[Span, Draws]:
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
    """Return a slider with the value on one of its steps: the page would move it to the nearest one."""
    first = value - step * round((value - low) / step)
    made = ipywidgets.FloatSlider(
        value=value, min=first + step * (first < low - 1e-9), max=high, step=step, description=name,
        readout_format=written, style=_WIDE, layout=_LAYOUT,
    )  # fmt: skip
    made.add_class("kpilab-long")
    return made


def _written(value: Decimal) -> str:
    return f"{value.normalize():f}"


def _decimal(value: float, places: int = 4) -> Decimal:
    return round(Decimal(repr(value)), places)
