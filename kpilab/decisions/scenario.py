"""The result of a what-if: per KPI, unit and period, where it goes and where it would have gone anyway."""

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from kpilab.decisions.dynamics import Dynamics, left_out
from kpilab.decisions.interventions import Intervention
from kpilab.decisions.options import Options
from kpilab.model.cascade import Cascade
from kpilab.problems import one_problem
from kpilab.scorecard.in_force import TargetBook
from kpilab.show import Result, count_of, listed, number, quantity

if TYPE_CHECKING:
    from kpilab.decisions.whatif import WhatIf

NOTABLE = 0.005  # of the draws

COLUMNS = [
    "kpi", "unit", "level", "period", "baseline", "median", "conf_low", "conf_high", "p_target", "effect",
    "effect_low", "effect_high", "target", "p_target_baseline", "share_outside", "extrapolated",
]  # fmt: skip


@dataclass(frozen=True, eq=False)
class Scenario(Result):
    """What follows from a change.

    `tidy()` has one row per KPI, unit and period ahead:

    - ``baseline``: the median if nothing is done;
    - ``median, conf_low, conf_high``: where the KPI will be, with all that is uncertain;
    - ``p_target, target``: the probability of meeting the target in force (NaN without one), and
      ``p_target_baseline`` without the change;
    - ``effect, effect_low, effect_high``: what the change does, with what is not known of the arrows alone;
    - ``share_outside``: for shares, which part of the draws lies beyond 0–1;
    - ``extrapolated``: the median leaves what the unit's own history has seen.
    """

    cascade: Cascade
    interventions: tuple[Intervention, ...]
    dynamics: Dynamics
    options: Options
    table: pd.DataFrame
    prepared: "WhatIf" = field(repr=False)

    @property
    def title(self) -> str:  # type: ignore[override]
        """Return the name of the cascade and the change."""
        return f"{self.cascade.name}: what if {listed([str(one) for one in self.interventions])}"

    def tidy(self) -> pd.DataFrame:
        """Return one row per KPI, unit and period."""
        return self.table.copy()

    def shown(self) -> pd.DataFrame:
        """Return the last period of each KPI at the highest units."""
        last = (
            self.table[self.table["period"] == self.table["period"].iloc[-1]]
            if len(self.table)
            else self.table
        )
        rank = last["level"].map({level: place for place, level in enumerate(self.cascade.levels)})
        return last[rank == rank.groupby(last["kpi"]).transform("min")].reset_index(drop=True)

    def glance(self) -> pd.DataFrame:
        """Return one row: the change, the span, how it was computed, and what to be careful about."""
        periods = self.table["period"]
        about = {
            "changes": "; ".join(str(one) for one in self.interventions),
            "first_period": periods.iloc[0] if len(periods) else "",
            "last_period": periods.iloc[-1] if len(periods) else "",
            "horizon": self.options.horizon,
            "confidence": self.options.confidence,
            "draws": self.options.draws,
            "seed": self.options.seed,
            "inference": self.options.inference,
            "inconclusive": self.options.inconclusive,
            "n_equations": len(self.dynamics.equations),
            "n_links_used": int(self.dynamics.table["used"].sum()),
            "n_supported": self.dynamics.count("supported"),
            "n_inconclusive": self.dynamics.count("inconclusive"),
            "n_left_out": int((~self.dynamics.table["used"]).sum()),
            "n_differing": int(self.dynamics.table["differs"].sum()),
            "n_kpis": self.table["kpi"].nunique(),
            "n_units": self.table["unit"].nunique(),
            "n_extrapolated": int(self.table["extrapolated"].sum()),
            "largest_share_outside": float(self.table["share_outside"].max()),
        }
        return pd.DataFrame({name: [value] for name, value in about.items()})

    @property
    def text(self) -> str:
        """Return what happens to each KPI that is reached, at the top, and what to be careful about."""
        lines = [self._sentence(row) for row in self.shown().itertuples(index=False)]
        return "\n".join([*lines, *self._cautions()])

    def equations(self) -> pd.DataFrame:
        """Return one row per arrow: what its equation says, what its test said, and whether the two differ."""
        return self.dynamics.table.copy()

    def at(self, level: str) -> "Scenario":
        """Return the rows of one level.

        Raises
        ------
        InputError
            When the cascade has no such level.
        """
        return self._where(self.table["level"] == self.cascade.known_level(level))

    def of_unit(self, unit: str) -> "Scenario":
        """Return the rows of one unit.

        Raises
        ------
        InputError
            When the cascade has no such unit.
        """
        return self._where(self.table["unit"] == self.cascade.unit(unit).id)

    def path(self, kpi: str, unit: str) -> pd.DataFrame:
        """Return one KPI of one unit, indexed by period."""
        rows = self.table[(self.table["kpi"] == kpi) & (self.table["unit"] == unit)]
        return rows.set_index("period").drop(columns=["kpi", "unit", "level"])

    @property
    def periods(self) -> pd.PeriodIndex:
        """Return the periods ahead."""
        return self.prepared.baseline.periods

    def draws(self, kpi: str, unit: str) -> np.ndarray:
        """Return what one KPI of one unit may become, shape (horizon, draws).

        Column i of every KPI and unit belongs to the same draw of the arrows. NaN where the unit has no forecast.

        Raises
        ------
        InputError
            When the KPI is unknown, or the scenario was not made for the unit.
        """
        name = self.cascade.kpi(kpi).id
        units = self.prepared.baseline.units
        if self.cascade.unit(unit).id not in units:
            raise one_problem("unit", f"the scenario does not hold '{unit}'; add it to its units")
        return self.prepared.outcome(name, self.interventions)[:, units.index(unit)]

    def _where(self, rows: pd.Series) -> "Scenario":
        return replace(self, table=self.table[rows].reset_index(drop=True))

    def _sentence(self, row: Any) -> str:
        kpi, unit = self.cascade.kpi(row.kpi), self.cascade.unit(row.unit)
        of = kpi.unit_of_measure
        share = f"{100 * self.options.confidence:g} %"
        said = (
            f"{unit.name}: {kpi.name}, {quantity(row.median, of)} in {row.period} instead of "
            f"{quantity(row.baseline, of)} ({share} interval {quantity(row.conf_low, of)} to "
            f"{quantity(row.conf_high, of)}); the change does {signed_effect(row.effect, of)}"
        )
        if row.effect_low != row.effect_high:
            said += f" ({signed_effect(row.effect_low, of)} to {signed_effect(row.effect_high, of)})"
        if not np.isnan(row.p_target):
            chances = f"{_chance(row.p_target)} instead of {_chance(row.p_target_baseline)}"
            said += f"; target {quantity(row.target, of)} met with {chances}"
        return said + "."

    def _starts(self) -> list[str]:
        """Say which changes began before the first period ahead, and from when they are counted."""
        begun = {one.began: one.start for one in self.interventions if one.began}
        said = [
            f"Begun in {began}, within history: what came of it since is part of what happens anyway; "
            f"here it begins anew in {start}."
            for began, start in begun.items()
        ]
        first = self.table["period"].iloc[0] if len(self.table) else ""
        early = [
            one
            for one in self.interventions
            if first and one.start and self.cascade.period(one.start) < self.cascade.period(first)
        ]
        said += [f"{one}: counted from {first} on, the first period after history." for one in early]
        return said

    def _cautions(self) -> list[str]:
        said = self._starts()
        reached = set(self.table["kpi"]) - {one.kpi for one in self.interventions}
        if not reached:
            said.append("Nothing else moves: no arrow that carries a change starts here.")
        said += self._balanced()
        open_links = self.dynamics.count("inconclusive")
        if open_links:
            arrows = count_of(open_links, "arrow")
            said.append(f"{arrows} that history leaves open carry the change with their full uncertainty.")
        said += [left_out(self.dynamics)] if left_out(self.dynamics) else []
        for row in self.dynamics.table[self.dynamics.table["differs"]].itertuples():
            said.append(
                f"{row.cause} → {row.effect}: the equation with all causes says {number(row.response)} "
                f"(± {number(row.std_error)}), the test of this arrow alone {number(row.tested)} "
                f"(± {number(row.tested_std_error)})."
            )
        beyond = int(self.table["extrapolated"].sum())
        if beyond:
            values = f"{count_of(beyond, 'value')} of {len(self.table):,}"
            said.append(f"Beyond what history has seen: {values} (column extrapolated).")
        return said + self._beyond_a_share()

    def _balanced(self) -> list[str]:
        """Say which accounts always balanced, and so do ahead."""
        shown = [kpi for kpi in self.table["kpi"].unique() if self.prepared.baseline.balances(kpi)]
        names = listed([self.cascade.kpi(kpi).name for kpi in shown], most=4)
        return (
            [f"Nothing in all of history, as accounts that balance, and so ahead: {names}."] if shown else []
        )

    def _beyond_a_share(self) -> list[str]:
        """Say which shares are foreseen where no share can be, where most, and what to do about it."""
        rows = self.table[self.table["share_outside"] > NOTABLE]
        if rows.empty:
            return []
        worst = rows.loc[rows.groupby("kpi", sort=False)["share_outside"].idxmax()]
        worst = worst.sort_values("share_outside", ascending=False, kind="stable")
        said = [self._foreseen_beyond(row) for row in worst.itertuples(index=False)]
        remedy = "transform: logit keeps a share that never is 0 or 1 within them"
        return [f"Beyond 0–1 (column share_outside): {listed(said, most=4)}; {remedy}."]

    def _foreseen_beyond(self, row: Any) -> str:
        place = f"{self.cascade.unit(row.unit).name}, {row.period}"
        return f"{self.cascade.kpi(row.kpi).name}, {100 * row.share_outside:.0f} % of the draws ({place})"


def targets_ahead(cascade: Cascade, kpi: str, units: tuple[str, ...], periods: pd.PeriodIndex) -> np.ndarray:
    """Return the target in force for each period and unit, shape (H, P); NaN where there is none."""
    if not any(target.kpi == kpi for target in cascade.targets):
        near = cascade.kpi(kpi)
        only = near.near if near.better == "near" and near.near is not None else float("nan")
        return np.full((len(periods), len(units)), only)
    book = TargetBook(cascade)
    found = [[book.in_force(kpi, unit, period) for unit in units] for period in periods]
    return np.array([[target.target if target else float("nan") for target in row] for row in found])


def signed_effect(value: float, unit_of_measure: str) -> str:
    """Write an effect with its sign, shares in points.

    Examples
    --------
    >>> signed_effect(-0.0246, "share"), signed_effect(5.0, "share"), signed_effect(-28800.4, "")
    ('-2.5 points', '+500 points', '-28,800')
    """
    size, digits = (100 * value, 2) if unit_of_measure == "share" else (value, 3)
    said = f"{size:+,.0f}" if abs(size) >= 10**digits else f"{size:+.{digits}g}"
    if unit_of_measure == "share":
        return f"{said} {'point' if said[1:] == '1' else 'points'}"
    return f"{said} {unit_of_measure}".strip()


def _chance(share: float) -> str:
    return "under 1 %" if share < 0.01 else "over 99 %" if share > 0.99 else f"{100 * share:.0f} %"
