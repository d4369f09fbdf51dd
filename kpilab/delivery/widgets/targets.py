"""Tune targets: a slider for every child, locks, and whether it still adds up."""

import html
import json
from typing import Any

import ipywidgets
import pandas as pd

from kpilab.delivery.plans import plan_chart
from kpilab.delivery.widgets.drafted import Quiet
from kpilab.model.cascade import Cascade
from kpilab.model.history import History
from kpilab.problems import InputError
from kpilab.scorecard.target_plan import TargetPlan, probability_text
from kpilab.scorecard.targets import allocate_targets
from kpilab.show import quantity
from kpilab.words import TargetMethod

METHODS: tuple[TargetMethod, ...] = ("capability", "proportional", "equal", "gap_to_best")
SHARE_STEP = 0.001
STEPS = 200
_NAME_WIDTH = "230px"
_BAD, _GOOD = "#b2182b", "#1b7837"


class ChildRow(ipywidgets.HBox):
    """One child: `slider`, `lock`, and in words where it stands and how likely its target is."""

    def __init__(self, name: str, row: Any, unit_of_measure: str):
        low, high, step = _range(row, unit_of_measure)
        self._unit_of_measure = unit_of_measure
        self.slider = ipywidgets.FloatSlider(
            value=min(max(row.target, low), high),
            min=low,
            max=high,
            step=step,
            description=name,
            readout_format=".1%" if unit_of_measure == "share" else ",.4r",
            continuous_update=False,
            style={"description_width": _NAME_WIDTH},
            layout={"width": "640px"},
        )
        self.lock = ipywidgets.ToggleButton(
            icon="unlock", tooltip=f"Lock the target of {name}", layout={"width": "42px"}
        )
        self.words = ipywidgets.HTML(layout={"width": "330px"})
        super().__init__([self.slider, self.lock, self.words])

    def show(self, row: Any, locked: bool) -> None:
        """Show a row of a plan."""
        self.slider.value = row.target
        self.lock.value = locked
        self.lock.icon = "lock" if locked else "unlock"
        said = f"now {quantity(row.actual, self._unit_of_measure)}"
        chance = probability_text(row.difficulty)
        said += f"; probability {chance}" if chance else f"; {row.note}"
        colour = _BAD if row.beyond_best else "#555"
        said += "; beyond its own best tenth" if row.beyond_best else ""
        self.words.value = f"<span style='color:{colour}'>{html.escape(said)}</span>"


class TargetPanel(Quiet, ipywidgets.VBox):
    """Sliders for the children of a unit; those that are not locked follow, so that the target is kept.

    Moving a slider locks it. `plan` is the last plan that adds up, `cascade` has its targets in it; `rows`
    are the children by unit, `residual` what the sliders leave open, in words.
    """

    def __init__(
        self, cascade: Cascade, history: History, *, kpi: str, target: float | str, period: object = None,
        method: TargetMethod = "capability", unit: str | None = None, locked: dict[str, float] | None = None,
    ):  # fmt: skip
        self._cascade, self._history = cascade, history
        self._asked: dict[str, Any] = {"kpi": kpi, "period": period, "unit": unit}
        self._locked = dict(locked or {})
        first = self._first(target, method)
        self.plan = first.at(first.tidy()["level"].iloc[0])
        self._level = str(self.plan.tidy()["level"].iloc[0])
        self._begun = (self.plan.target, method, dict(self._locked))
        self._build(method)
        self._show()

    @property
    def cascade(self) -> Cascade:
        """Return a cascade with the targets of the last plan in it."""
        return self.plan.apply(self._cascade)

    @property
    def locked(self) -> dict[str, float]:
        """Return the targets that are locked, by unit."""
        return dict(self._locked)

    @property
    def targets(self) -> dict[str, float]:
        """Return where the sliders stand, by unit."""
        return {unit: row.slider.value for unit, row in self.rows.items()}

    def _first(self, target: float | str, method: TargetMethod) -> TargetPlan:
        return allocate_targets(
            self._cascade, self._history, target=target, method=method, locked=self._locked, **self._asked
        )

    def _build(self, method: TargetMethod) -> None:
        measure = self.plan.kpi.unit_of_measure
        self.target = ipywidgets.FloatText(
            value=self.plan.target, description="Target", step=_step(self.plan), layout={"width": "200px"}
        )
        self.method = ipywidgets.Dropdown(options=METHODS, value=method, description="Method")
        self.reset = ipywidgets.Button(description="Reset", icon="undo", tooltip="Back to the beginning")
        self.residual = ipywidgets.HTML()
        self.code = ipywidgets.HTML()
        self.chart = ipywidgets.HTML()
        self.rows = {
            str(row.unit): ChildRow(self.plan.name_of(row), row, measure)
            for row in self.plan.tidy().itertuples(index=False)
        }
        controls = ipywidgets.HBox([self.target, self.method, self.reset])
        title = ipywidgets.HTML(f"<b>{html.escape(self.plan.title)}</b>")
        super().__init__([title, controls, self.residual, *self.rows.values(), self.code, self.chart])
        self.target.observe(self._solve, "value")
        self.method.observe(self._solve, "value")
        self.reset.on_click(self._begin_again)
        for unit, row in self.rows.items():
            row.slider.observe(lambda change, unit=unit: self._lock(unit, True), "value")
            row.lock.observe(lambda change, unit=unit: self._lock(unit, change["new"]), "value")

    def _lock(self, unit: str, locked: bool) -> None:
        if not self._listening:
            return
        self._locked.pop(unit, None)
        if locked:
            self._locked[unit] = self.rows[unit].slider.value
        self._solve()

    def _begin_again(self, button: object) -> None:
        target, method, locked = self._begun
        with self._quiet():
            self.target.value, self.method.value = target, method
        self._locked = dict(locked)
        self._solve()

    def _solve(self, change: object = None) -> None:
        """Plan anew; where that cannot be, say why and leave the sliders where they are."""
        if not self._listening:
            return
        try:
            self.plan = allocate_targets(
                self._cascade,
                self._history,
                target=self.target.value,
                method=self.method.value,
                locked=self._locked,
                down_to=self._level,
                **self._asked,
            )
        except InputError as error:
            self._show_locks()
            self._say_residual(str(error))
            return
        self._show()

    def _show(self) -> None:
        with self._quiet():
            for row in self.plan.tidy().itertuples(index=False):
                self.rows[str(row.unit)].show(row, row.unit in self._locked)
        self._say_residual("")
        self.code.value = f"<code>{html.escape(self._line_of_code())}</code>"
        self.chart.value = plan_chart(self.plan)._repr_html_()

    def _show_locks(self) -> None:
        with self._quiet():
            for unit, row in self.rows.items():
                row.lock.value = unit in self._locked
                row.lock.icon = "lock" if unit in self._locked else "unlock"

    def _say_residual(self, why: str) -> None:
        measure, target = self.plan.kpi.unit_of_measure, self.target.value
        added = self.plan.roll_up(self.targets) if why else self.plan.residuals()["rolled_up"].iloc[0]
        gap = 0.0 if abs(target - added) <= 1e-9 * max(1, abs(target)) else target - added
        colour = _GOOD if gap == 0 else _BAD
        said = f"Children add up to {quantity(added, measure)}; target {quantity(target, measure)}; "
        parts = [f"{html.escape(said)}<b style='color:{colour}'>residual {_gap_text(gap, measure)}</b>"]
        parts += [f"<span style='color:{_BAD}'>{html.escape(why)}</span>"] if why else []
        self.residual.value = "<br>".join(parts)

    def _line_of_code(self) -> str:
        asked = {
            **self._asked,
            "target": self.target.value,
            "method": self.method.value,
            "locked": self._locked,
        }
        written = ", ".join(f"{key}={_code(value)}" for key, value in asked.items() if value)
        return f"kl.allocate_targets(cascade, history, {written})"


def _range(row: Any, unit_of_measure: str) -> tuple[float, float, float]:
    """Return the ends and the step of a slider."""
    if unit_of_measure == "share":
        return 0.0, 1.0, SHARE_STEP
    known = [value for value in (row.actual, row.target, row.best) if not pd.isna(value)]
    spread = max(abs(value) for value in known) or 1.0
    low = max(row.lower, min(known) - spread)
    high = min(row.upper, max(known) + spread)
    return low, high, (high - low) / STEPS


def _step(plan: TargetPlan) -> float:
    return 0.01 if plan.kpi.unit_of_measure == "share" else abs(plan.target) / 100 or 1.0


def _gap_text(gap: float, unit_of_measure: str) -> str:
    if gap == 0:
        return "0"
    return f"{100 * gap:+.2f} percentage points" if unit_of_measure == "share" else f"{gap:+,.4g}"


def _code(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_code(key)}: {_code(inner)}" for key, inner in value.items()) + "}"
    return f"{value:.6g}" if isinstance(value, float) else json.dumps(str(value), ensure_ascii=False)
