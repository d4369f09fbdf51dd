"""Tune targets: a slider for every child, locks, and whether it still adds up."""

import html
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import ipywidgets
import numpy as np
import pandas as pd

from kpilab.delivery.plans import plan_chart
from kpilab.delivery.widgets.frame import BAD, Answer, Frame, State, file_name, free_of_noise
from kpilab.delivery.widgets.latest import Report
from kpilab.delivery.widgets.save_page import SavePage
from kpilab.model.cascade import Cascade
from kpilab.model.draft import Draft
from kpilab.model.history import History
from kpilab.model.nouns import Kpi, Unit
from kpilab.model.saving import as_written
from kpilab.problems import InputError, one_problem
from kpilab.scorecard.rollup import roll_up
from kpilab.scorecard.target_plan import TargetPlan, probability_text
from kpilab.scorecard.targets import allocate_targets
from kpilab.show import quantity
from kpilab.words import TargetMethod

METHODS: tuple[TargetMethod, ...] = ("capability", "proportional", "equal", "gap_to_best")
SHARE_STEP = 0.001
STEPS = 200
_NAME_WIDTH = "230px"
_GOOD = "#1b7837"


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
        self.add_class("kpilab-long")

    def show(self, row: Any, locked: bool) -> None:
        """Show a row of a plan."""
        self.slider.value = row.target
        self.show_lock(locked)
        said = f"now {quantity(row.actual, self._unit_of_measure)}"
        chance = probability_text(row.difficulty)
        said += f"; probability {chance}" if chance else f"; {row.note}"
        colour = BAD if row.beyond_best else "#555"
        said += "; beyond its own best tenth" if row.beyond_best else ""
        self.words.value = f"<span style='color:{colour}'>{html.escape(said)}</span>"

    def show_lock(self, locked: bool) -> None:
        """Show whether the target is locked."""
        self.lock.value, self.lock.icon = locked, "lock" if locked else "unlock"


class TargetPanel(Frame):
    """Sliders for the children of a unit; those that are not locked follow, so that the target is kept.

    Moving a slider locks it. `plan` is the last plan that adds up, `cascade` has its targets in it; `rows`
    are the children by unit, `residual` what the sliders leave open, in words. `save` writes the targets into the
    cascade's folder.
    """

    def __init__(
        self, cascade: Cascade, history: History, *, kpi: str | None = None, target: float | str | None = None,
        period: object = None, method: TargetMethod = "capability", unit: str | None = None,
        locked: dict[str, float] | None = None,
    ):  # fmt: skip
        whole = cascade.unit(unit) if unit else cascade.roots()[0]
        noun = cascade.kpi(kpi or _first_with_target(cascade))
        super().__init__(cascade, f"{whole.name}: {noun.name}, targets")
        self._history, self._measure = history, noun.unit_of_measure
        self._asked: dict[str, Any] = {"kpi": noun.id, "period": period, "unit": unit}
        self._wanted: float | str = target_now(cascade, history, noun, whole) if target is None else target
        self._locked = dict(locked or {})
        self._rows: dict[str, ChildRow] = {}
        self._level: str | None = None
        step = 0.01 if self._measure == "share" else 1.0
        self.target = ipywidgets.FloatText(description="Target", step=step, layout={"width": "200px"})
        self.method = ipywidgets.Dropdown(options=METHODS, value=method, description="Method")
        self.residual = ipywidgets.HTML()
        self.children_box, self.save_box = ipywidgets.VBox(), ipywidgets.VBox()
        self.target.observe(self._aim, "value")
        self._watch(self.method)
        controls = ipywidgets.HBox([self.target, self.method])
        self._begin(
            self.save_box,
            controls,
            self.residual,
            self.children_box,
            self.code,
            self.chart,
            saves=not cascade.read_only,
        )

    @property
    def plan(self) -> TargetPlan:
        """Return the last plan that adds up."""
        return self._answered().result

    @property
    def cascade(self) -> Cascade:
        """Return a cascade with the targets of the last plan in it."""
        return self.plan.apply(self._cascade)

    @property
    def rows(self) -> dict[str, ChildRow]:
        """Return slider, lock and words of each child, by unit."""
        self.wait()
        return self._rows

    @property
    def locked(self) -> dict[str, float]:
        """Return the targets that are locked, by unit."""
        return dict(self._locked)

    @property
    def targets(self) -> dict[str, float]:
        """Return where the sliders stand, by unit."""
        return {unit: row.slider.value for unit, row in self.rows.items()}

    def save(self, *, overwrite: bool = False) -> list[Path]:
        """Write the targets into the cascade's folder without being asked; the button shows the difference first.

        Parameters
        ----------
        overwrite : bool
            Also over what somebody else wrote in the meantime.

        Raises
        ------
        InputError
            When a file changed on disk since the cascade was read: with its difference.
        """
        draft = self._draft()
        try:
            written = draft.save(overwrite=overwrite)
        except InputError:
            draft.give_up()
            raise
        self._cascade = draft.cascade
        return written

    def _draft(self) -> Draft:
        draft = Draft(self._cascade)
        draft.put("targets", [as_written(target) for target in self.cascade.targets])
        return draft

    def _ask_to_save(self) -> None:
        draft = self._draft()

        def done(said: str) -> None:
            self._cascade = draft.cascade
            self.save_box.children = [ipywidgets.HTML(html.escape(said))]

        def back() -> None:
            draft.give_up()
            self.save_box.children = []

        self.save_box.children = [SavePage(draft, back, done)]

    def _state(self) -> State:
        return {"target": self._wanted, "method": self.method.value, "locked": dict(self._locked)}

    def _put(self, state: State) -> None:
        self._wanted, self.method.value = state["target"], state["method"]
        self._locked = dict(state["locked"])
        if not isinstance(self._wanted, str):
            self.target.value = self._wanted
        for unit, row in self._rows.items():
            row.show_lock(unit in self._locked)

    def _answer(self, state: State, report: Report) -> Answer:
        asked = {**self._asked, **state}
        found = allocate_targets(self._cascade, self._history, down_to=self._level, **asked)
        plan = found.at(str(found.tidy()["level"].iloc[0]))
        written = ", ".join(f"{key}={_code(value)}" for key, value in asked.items() if value)
        code = f"plan = kl.allocate_targets(cascade, history, {written})"
        return Answer(plan, code, plan_chart(plan), plan.tidy())

    def _show(self, state: State, answer: Answer) -> None:
        plan: TargetPlan = answer.result
        if not self._rows:
            self._build_rows(plan)
        with self._quiet():
            self.target.value = plan.target
            for row in plan.tidy().itertuples(index=False):
                self._rows[str(row.unit)].show(row, row.unit in self._locked)
        self._show_residual(plan.target, float(plan.residuals()["rolled_up"].iloc[0]))

    def _build_rows(self, plan: TargetPlan) -> None:
        self._level = str(plan.tidy()["level"].iloc[0])
        if self._measure != "share":
            self.target.step = abs(plan.target) / 100 or 1.0
        for row in plan.tidy().itertuples(index=False):
            unit, made = str(row.unit), ChildRow(plan.name_of(row), row, self._measure)
            made.slider.observe(self._locking(unit), "value")
            made.lock.observe(self._locking(unit), "value")
            self._rows[unit] = made
        self.children_box.children = tuple(self._rows.values())

    def _locking(self, unit: str) -> Callable[[Mapping[str, Any]], None]:
        """Return what follows when a child's slider or lock was moved."""

        def moved(change: Mapping[str, Any]) -> None:
            with self._lock:
                if not self._listening:
                    return
                row = self._rows[unit]
                if change["owner"] is row.slider:
                    self._locked[unit] = free_of_noise(row.slider.value)
                elif change["new"]:
                    self._locked[unit] = row.slider.value  # as it adds up, to the last digit
                else:
                    self._locked.pop(unit, None)
            self._heard(change)

        return moved

    def _aim(self, change: Mapping[str, Any]) -> None:
        with self._lock:
            if not self._listening:
                return
            self._wanted = change["new"]
        self._heard(change)

    def _refuse(self, error: InputError) -> None:
        """Say why there is no plan, and leave the sliders where they are."""
        super()._refuse(error)
        if self._shown is None:
            return
        with self._quiet():
            for unit, row in self._rows.items():
                row.show_lock(unit in self._locked)
        plan: TargetPlan = self._shown.result
        standing = {unit: row.slider.value for unit, row in self._rows.items()}
        self._show_residual(self.target.value, plan.roll_up(standing))

    def _show_residual(self, target: float, added: float) -> None:
        gap = 0.0 if abs(target - added) <= 1e-9 * max(1, abs(target)) else target - added
        added_text, target_text = quantity(added, self._measure), quantity(target, self._measure)
        said = html.escape(f"Children add up to {added_text}; target {target_text}; ")
        colour = _GOOD if gap == 0 else BAD
        self.residual.value = f"{said}<b style='color:{colour}'>residual {_gap_text(gap, self._measure)}</b>"

    def _file_name(self) -> str:
        return file_name("targets", self._asked["kpi"], self.plan.unit, self.plan.span)


def target_now(cascade: Cascade, history: History, kpi: Kpi, unit: Unit) -> float:
    """Return the target in force or, without one, where the unit stands.

    Raises
    ------
    InputError
        When the unit has neither.
    """
    rows = roll_up(cascade, history).of_unit(unit.id).table
    known = rows.loc[rows["kpi"] == kpi.id, ["target", "actual"]].to_numpy(dtype=float).ravel()
    known = known[~np.isnan(known)]
    if not known.size:
        raise one_problem("target", f"{unit.name} has no value of '{kpi.name}' to begin with; choose another")
    return float(known[0])


def _first_with_target(cascade: Cascade) -> str:
    """Return the first KPI that has a target or, where none has, the first one."""
    if not cascade.kpis:
        raise one_problem("kpi", "there is none yet; add one first")
    aimed = {target.kpi for target in cascade.targets}
    return next((kpi.id for kpi in cascade.kpis if kpi.id in aimed), cascade.kpis[0].id)


def _range(row: Any, unit_of_measure: str) -> tuple[float, float, float]:
    """Return the ends and the step of a slider."""
    if unit_of_measure == "share":
        return 0.0, 1.0, SHARE_STEP
    known = [value for value in (row.actual, row.target, row.best) if not pd.isna(value)]
    spread = max(abs(value) for value in known) or 1.0
    low = max(row.lower, min(known) - spread)
    high = min(row.upper, max(known) + spread)
    return low, high, (high - low) / STEPS


def _gap_text(gap: float, unit_of_measure: str) -> str:
    if gap == 0:
        return "0"
    return f"{100 * gap:+.2f} percentage points" if unit_of_measure == "share" else f"{gap:+,.4g}"


def _code(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_code(key)}: {_code(inner)}" for key, inner in value.items()) + "}"
    return repr(float(value)) if isinstance(value, float) else json.dumps(str(value), ensure_ascii=False)
