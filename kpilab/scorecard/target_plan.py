"""The result of splitting a target: who is asked for what, how hard that is, and that it adds up."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from kpilab.model.cascade import Cascade
from kpilab.model.nouns import Kpi, Target
from kpilab.model.periods import Span, period_text
from kpilab.problems import one_problem
from kpilab.show import Result, count_of, listed, quantity
from kpilab.words import TargetMethod, TargetStatus

PlanRule = Literal["mean", "sum", "min", "max", "effects"]
COLUMNS = [
    "kpi", "unit", "level", "period", "parent", "actual", "target", "change", "weight", "lower", "upper",
    "locked", "best", "beyond_best", "stretch", "difficulty", "note",
]  # fmt: skip
RESIDUAL_COLUMNS = [
    "kpi", "unit", "level", "period", "n_children", "target", "rolled_up", "residual",
]  # fmt: skip
SHOWN_COLUMNS = [
    "actual", "target", "change", "weight", "locked", "best", "beyond_best", "stretch", "difficulty",
]  # fmt: skip
DRIVER_COLUMNS = ["actual", "target", "change", "locked", "best", "beyond_best", "stretch", "difficulty"]
AIMS = {
    "proportional": "everyone improves by the same share",
    "equal": "everyone gets the same level",
    "capability": "the least total stretch, in units of each one's own variation",
    "gap_to_best": "everyone closes the same share of the gap to the best",
    "evidence": "the least total stretch of the drivers, through supported links only",
}


@dataclass(frozen=True, eq=False)
class TargetPlan(Result):
    """A target and what follows from it, one row per child, deeper levels after it.

    `tidy()` has the columns ``kpi, unit, level, period, parent, actual`` (in the periods `base`), ``target,
    change, weight`` (forecast denominator), ``lower, upper, locked, best`` (what the unit reached in the best
    tenth of its own history), ``beyond_best``, ``stretch`` (change toward better in units of its own variation),
    ``difficulty`` (probability, 0–1, of reaching the target from history alone: 1 is easy) and ``note`` (what
    is missing). With the method ``evidence`` the rows are drivers, and `parent` is the outcome.

    Attributes
    ----------
    cascade : Cascade
    kpi : Kpi
    unit : str
    span, base : Span
        The target's periods, and those of the actuals.
    method : str
    target, actual, difficulty : float
        Of the parent.
    stretch : float
        Of its children: the root of the mean squared stretch, weighted by volume; what ``capability`` makes least.
    table, sums : DataFrame
        The rows, and the residuals.
    left_out : tuple of (str, str)
        Children without a target, with the reason.
    remarks : tuple of str
        Sentences that belong to the method.
    rule : {"mean", "sum", "min", "max", "effects"}
        How children make the parent; drivers do by their effects.
    probability : float
        Method ``evidence`` only: of reaching the outcome's target when every driver reaches its own.
    """

    cascade: Cascade
    kpi: Kpi
    unit: str
    span: Span
    base: Span
    method: TargetMethod
    target: float
    actual: float
    difficulty: float
    stretch: float
    table: pd.DataFrame
    sums: pd.DataFrame
    left_out: tuple[tuple[str, str], ...] = ()
    remarks: tuple[str, ...] = ()
    rule: PlanRule = "mean"
    probability: float = float("nan")

    @property
    def title(self) -> str:  # type: ignore[override]
        """Return whose target it is."""
        return f"{self.cascade.unit(self.unit).name}: {self.kpi.name}, targets for {self.span}"

    def tidy(self) -> pd.DataFrame:
        """Return one row per child."""
        return self.table.copy()

    def shown(self) -> pd.DataFrame:
        """Return what is worth drawing: names instead of ids, and no column that says the same in every row."""
        rows = list(self.table.itertuples(index=False))
        named = self.table.assign(name=[self.name_of(row) for row in rows])
        columns = ["name", "unit", "level", *(SHOWN_COLUMNS if self.method != "evidence" else DRIVER_COLUMNS)]
        return named[[*columns, *(["note"] if (named["note"] != "").any() else [])]]

    def residuals(self) -> pd.DataFrame:
        """Return one row per parent: its target, what its children's targets add up to, the residual."""
        return self.sums.copy()

    def glance(self) -> pd.DataFrame:
        """Return one row about the whole."""
        about = {
            "kpi": self.kpi.id,
            "unit": self.unit,
            "period": str(self.span),
            "base": str(self.base),
            "method": self.method,
            "objective": AIMS[self.method],
            "actual": self.actual,
            "target": self.target,
            "difficulty": self.difficulty,
            "probability": self.probability,
            "feasible": True,
            "n_children": len(self.table),
            "n_locked": int(self.table["locked"].sum()),
            "n_beyond_best": int(self.table["beyond_best"].sum()),
            "n_left_out": len(self.left_out),
            "stretch": self.stretch,
            "largest_residual": float(self.sums["residual"].abs().max()) if len(self.sums) else 0.0,
        }
        return pd.DataFrame([about])

    @property
    def text(self) -> str:
        """Return whose target it is, who is asked for most, what nobody ever reached, what is missing."""
        whole = self.cascade.unit(self.unit).name
        lines = [
            f"{whole}: {self.kpi.name} from {self._said(self.actual)} ({self.base}) to {self._said(self.target)} "
            f"({self.span}), method {self.method}: {AIMS[self.method]}.",
            *([self._chance(whole)] if not np.isnan(self.difficulty) else []),
            *self._largest_move(),
            *self._beyond_best(),
            *self.remarks,
        ]
        if self.left_out:
            named = listed([f"{name} ({why})" for name, why in self.left_out])
            lines.append(f"Without a target: {named}.")
        return "\n".join(lines)

    def at(self, level: str) -> "TargetPlan":
        """Return the rows of one level, with the residuals of its parents.

        Raises
        ------
        InputError
            When the cascade has no such level.
        """
        rows = self.table[self.table["level"] == self.cascade.known_level(level)].reset_index(drop=True)
        sums = self.sums[self.sums["unit"].isin(rows["parent"])].reset_index(drop=True)
        left_out = tuple(pair for pair in self.left_out if self._level_of(pair[0]) == level)
        return replace(self, table=rows, sums=sums, left_out=left_out)

    def name_of(self, row: Any) -> str:
        """Return the name of a row's unit; of a driver, that of its KPI."""
        return (
            self.cascade.kpi(row.kpi).name if self.method == "evidence" else self.cascade.unit(row.unit).name
        )

    def roll_up(self, targets: Mapping[str, float]) -> float:
        """Return what the unit would get if its own children had these targets instead of the plan's.

        Parameters
        ----------
        targets : mapping of unit to float
            Children that are left out keep the plan's target.

        Raises
        ------
        InputError
            For a plan of drivers, which do not add up to their outcome.
        """
        if self.rule == "effects":
            raise one_problem("method", "drivers move their outcome by effects, and do not add up to it")
        own = self.table[self.table["parent"] == self.unit]
        weight, planned = own["weight"].to_numpy(dtype=float), own["target"].to_numpy(dtype=float)
        values = np.array([targets.get(unit, by) for unit, by in zip(own["unit"], planned, strict=True)])
        if self.rule == "mean":
            return float(weight @ values / weight.sum())
        if self.rule == "sum":
            return float(values.sum())
        return float(values.min() if self.rule == "min" else values.max())

    def apply(self, cascade: Cascade, *, status: TargetStatus = "illustrative") -> Cascade:
        """Return a cascade in which these targets stand; `kl.write_cascade` saves it.

        The target of a sum over several periods is spread evenly over them. A target of the same unit gives way
        in these periods and is in force before and after them as it was; one for every unit stays as it is.

        Parameters
        ----------
        cascade : Cascade
        status : {"illustrative", "official"}
        """
        n_periods = self.span.n_periods if self.kpi.kind == "sum" else 1
        rows = [(self.kpi.id, self.unit, self.target / n_periods)]
        for row in self.table.itertuples(index=False):
            share = self.span.n_periods if cascade.kpi(str(row.kpi)).kind == "sum" else 1
            rows.append((str(row.kpi), str(row.unit), float(row.target) / share))  # type: ignore[arg-type]
        source = f"split of {self.kpi.id} at {self.unit} by method {self.method}"
        added = [
            Target(
                kpi=kpi,
                unit=unit,
                start=period_text(self.span.start),
                end=period_text(self.span.end),
                target=target,
                status=status,
                source=source,
            )
            for kpi, unit, target in rows
        ]
        own = {(target.kpi, target.unit) for target in added}
        kept: list[Target] = []
        for target in cascade.targets:
            kept += _around(cascade, target, self.span) if (target.kpi, target.unit) in own else [target]
        return cascade.replace(targets=(*kept, *added))

    def _level_of(self, left_out: str) -> str:
        """Return the level of a unit without a target; drivers stand at the outcome's."""
        unit = self.cascade.named("units", left_out)
        return self.cascade.unit(self.unit).level if unit is None else unit.level

    def _said(self, value: float) -> str:
        return quantity(value, self.kpi.unit_of_measure)

    def _chance(self, whole: str) -> str:
        return f"From history alone, {whole} reaches it with a probability of {probability_text(self.difficulty)}."

    def _largest_move(self) -> list[str]:
        free = self.table[~self.table["locked"] & self.table["stretch"].notna()]
        if free.empty:
            return []
        asked = free["stretch"].abs() if self.method == "evidence" else free["stretch"]
        if not asked.max() > 0:
            return ["Nobody is asked for more than there is."]
        row: Any = next(free.loc[[asked.idxmax()]].itertuples(index=False))
        unit_of_measure = self.cascade.kpi(row.kpi).unit_of_measure
        was, said = quantity(row.actual, unit_of_measure), quantity(row.target, unit_of_measure)
        chance = "" if pd.isna(row.difficulty) else f"; probability {probability_text(row.difficulty)}"
        return [
            f"The furthest to go: {self.name_of(row)}, from {was} to {said} ({row.stretch:.1f} times its usual "
            f"change{chance})."
        ]

    def _beyond_best(self) -> list[str]:
        beyond = self.table[self.table["beyond_best"]]
        if beyond.empty:
            return []
        names = [self.name_of(row) for row in beyond.itertuples(index=False)]
        return [
            f"{count_of(len(beyond), 'target')} of {len(self.table)} beyond what the best tenth of its own history "
            f"reached: {listed(names)}."
        ]


def _around(cascade: Cascade, target: Target, span: Span) -> list[Target]:
    """Return what is left of a target before and after a span that another one takes."""
    start, end = (cascade.period(text) if text else None for text in (target.start, target.end))
    if (start is not None and start > span.end) or (end is not None and end < span.start):
        return [target]
    parts = []
    if start is None or start < span.start:
        parts.append(target.model_copy(update={"end": period_text(span.start - 1)}))
    if end is None or end > span.end:
        parts.append(target.model_copy(update={"start": period_text(span.end + 1)}))
    return parts


def probability_text(probability: float) -> str:
    """Write a probability in whole per cent, never as certain; nothing when it is not known.

    Examples
    --------
    >>> probability_text(0.024), probability_text(0.0004), probability_text(0.9996)
    ('2 %', 'under 1 %', 'over 99 %')
    """
    if np.isnan(probability):
        return ""
    if probability < 0.005:
        return "under 1 %"
    return "over 99 %" if probability > 0.995 else f"{100 * probability:.0f} %"
