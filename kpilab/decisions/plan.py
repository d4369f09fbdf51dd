"""The result of planning: what is chosen, what it achieves, what each budget would buy, and why the rest is not."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from kpilab.model.cascade import Cascade
from kpilab.model.nouns import Kpi
from kpilab.show import Result, count_of, listed, number, quantity

COLUMNS = ["action", "name", "chosen", "cost", "cost_status", "achieves_alone", "gain_alone", "reason"]
FRONTIER_COLUMNS = ["cost", "achieves", "n_actions", "actions"]


@dataclass(frozen=True, eq=False)
class Goal:
    """A target to be met, and the draws of its KPI if nothing is done."""

    kpi: Kpi
    target: float
    still: np.ndarray

    def distance(self, draws: np.ndarray) -> np.ndarray:
        """Return by how much each draw is on the right side of the target."""
        if self.kpi.better == "near":
            return self.kpi.tolerance * abs(self.target) - np.abs(draws - self.target)
        return self.target - draws if self.kpi.better == "lower" else draws - self.target


@dataclass(frozen=True, eq=False)
class ActionPlan(Result):
    """Which initiatives to take.

    `tidy()` has one row per candidate: ``action, name, chosen, cost, cost_status`` (official or illustrative),
    what it achieves by itself (``achieves_alone``) and how much more that is than nothing (``gain_alone``), and
    ``reason``: for a chosen action what is lost without it, for a rejected one why. What counts as achieved,
    the probability of meeting all targets, the share of targets met or the expected value, stands in
    ``glance()['achieves']``.
    """

    cascade: Cascade
    budget: float
    unit: str
    period: str
    goals: tuple[Goal, ...]
    objective: str
    together: bool
    probability: float
    probability_without: float
    number_met: float
    number_met_without: float
    value: float
    table: pd.DataFrame
    points: pd.DataFrame
    draws: int
    seed: int
    n_inconclusive: int

    @property
    def title(self) -> str:  # type: ignore[override]
        """Return the name of the cascade and the budget."""
        return f"{self.cascade.name}: plan for a budget of {number(self.budget)}"

    @property
    def achieves(self) -> str:
        """Return what is made as large as possible."""
        if self.objective == "value":
            return "expected value"
        return "probability of all targets" if self.together else "share of targets met"

    @property
    def chosen(self) -> tuple[str, ...]:
        """Return the ids of the chosen actions."""
        return tuple(self.table.loc[self.table["chosen"], "action"])

    def tidy(self) -> pd.DataFrame:
        """Return one row per candidate, the chosen ones first among equals."""
        return self.table.copy()

    def frontier(self) -> pd.DataFrame:
        """Return what each budget buys: ``cost, achieves, n_actions, actions``; every step is worth its cost."""
        return self.points.copy()

    def glance(self) -> pd.DataFrame:
        """Return one row: budget and cost, what is achieved with and without, and how it was computed."""
        about = {
            "budget": self.budget,
            "cost": float(self.table.loc[self.table["chosen"], "cost"].sum()),
            "unit": self.unit,
            "period": self.period,
            "targets": ", ".join(goal.kpi.id for goal in self.goals),
            "achieves": self.achieves,
            "probability": self.probability,
            "probability_without": self.probability_without,
            "targets_met": self.number_met,
            "targets_met_without": self.number_met_without,
            "value": self.value,
            "n_candidates": len(self.table),
            "n_chosen": len(self.chosen),
            "n_illustrative": int((self.table["cost_status"] == "illustrative").sum()),
            "draws": self.draws,
            "seed": self.seed,
        }
        return pd.DataFrame({name: [value] for name, value in about.items()})

    @property
    def text(self) -> str:
        """Return what to do, what that achieves, and why the rest is left."""
        names = self.table.set_index("action")["name"]
        done = listed([str(names[action]) for action in self.chosen]) if self.chosen else "nothing"
        cost = number(float(self.table.loc[self.table["chosen"], "cost"].sum()))
        targets = listed([f"{g.kpi.name} {quantity(g.target, g.kpi.unit_of_measure)}" for g in self.goals])
        lines = [f"Take {done}: {cost} of {number(self.budget)}.", f"Targets in {self.period}: {targets}."]
        whole = f"{_chance(self.probability)} instead of {_chance(self.probability_without)}"
        if self.objective == "value":
            lines.append(f"Expected value {number(self.value)}; all targets together met with {whole}.")
        elif self.together:
            lines.append(f"All of them are met with {whole}.")
        else:
            lines.append(
                f"No set of these actions gives a chance of meeting all {len(self.goals)} together, so the number that "
                f"is met counts: {number(self.number_met)} instead of {number(self.number_met_without)} expected."
            )
        rejected = self.table[~self.table["chosen"]]
        lines += [f"Not {row.name}: {row.reason}." for row in rejected.itertuples(index=False)]
        illustrative = int((self.table["cost_status"] == "illustrative").sum())
        if illustrative:
            lines.append(
                f"{count_of(illustrative, 'action')} with illustrative costs and promises: no decision rests on them."
            )
        if self.n_inconclusive:
            arrows = count_of(self.n_inconclusive, "arrow")
            lines.append(
                f"{arrows} that history leaves open carry what is promised, with their full uncertainty."
            )
        return "\n".join(lines)


def _chance(share: float) -> str:
    return "under 1 %" if share < 0.01 else "over 99 %" if share > 0.99 else f"{100 * share:.0f} %"
