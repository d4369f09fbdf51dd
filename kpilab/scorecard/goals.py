"""Weighted scores of what KPIs serve: factors, objectives, processes, and the unit as a whole."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from kpilab.model.cascade import Cascade
from kpilab.problems import did_you_mean, one_problem
from kpilab.scorecard.attainment import HIGHEST_SCORE
from kpilab.scorecard.rollup import Scorecard
from kpilab.show import Result, count_of, listed

Goal = Literal["factor", "objective", "process", "unit"]
GOALS: tuple[Goal, ...] = ("factor", "objective", "process", "unit")
COLUMNS = [
    "goal", "id", "name", "unit", "level", "period", "score", "status", "n_kpis", "n_scored", "weight_known",
    "worst_kpi", "worst_score",
]  # fmt: skip


@dataclass(frozen=True, eq=False)
class GoalScores(Result):
    """Scores of factors, objectives, processes or units, 0–10.

    `tidy()` has ``goal, id, name, unit, level, period, score, status`` (met from 6⅔, near from 3⅓), then how
    many KPIs it has and how many have a score, the share of the weight that these carry, and the worst KPI,
    which an average may hide.
    """

    cascade: Cascade
    goal: Goal
    table: pd.DataFrame

    @property
    def title(self) -> str:  # type: ignore[override]
        """Return the name of the cascade and what is scored."""
        return f"{self.cascade.name}: scores by {self.goal}"

    def tidy(self) -> pd.DataFrame:
        """Return one row per goal and unit."""
        return self.table.copy()

    def glance(self) -> pd.DataFrame:
        """Return one row: how many goals have a score, and how many stand where."""
        counts = {word: [int((self.table["status"] == word).sum())] for word in ("met", "near", "missed")}
        without = int(self.table["score"].isna().sum())
        return pd.DataFrame({"goal": [self.goal], "n_rows": [len(self.table)], **counts, "no_score": without})

    def shown(self) -> pd.DataFrame:
        """Return the columns worth drawing, with names of units and KPIs."""
        units, kpis = ({one.id: one.name for one in each} for each in (self.cascade.units, self.cascade.kpis))
        table = self.table.assign(unit=self.table["unit"].map(units), worst=self.table["worst_kpi"].map(kpis))
        table = table.assign(worst=table["worst"].fillna(""))
        names = ["name"] if self.goal != "unit" else []
        return table[
            [
                *names,
                "unit",
                "level",
                "score",
                "status",
                "n_kpis",
                "n_scored",
                "weight_known",
                "worst",
                "worst_score",
            ]
        ]

    @property
    def text(self) -> str:
        """Return a sentence for each goal at the highest unit."""
        top = self.table[self.table["unit"] == self.table["unit"].iloc[0]] if len(self.table) else self.table
        lines = [self._sentence(row) for row in top.itertuples(index=False)]
        unscored = top[top["score"].isna()]["name"].tolist()
        return "\n".join(
            [line for line in lines if line] + ([f"Without a score: {listed(unscored)}."] if unscored else [])
        )

    def at(self, level: str) -> "GoalScores":
        """Return the rows of one level.

        Raises
        ------
        InputError
            When the cascade has no such level.
        """
        rows = self.table[self.table["level"] == self.cascade.known_level(level)].reset_index(drop=True)
        return GoalScores(self.cascade, self.goal, rows)

    def _sentence(self, row: object) -> str:
        name, unit, score = (getattr(row, key) for key in ("name", "unit", "score"))
        if np.isnan(score):
            return ""
        place = self.cascade.unit(unit).name
        said = f"{place}{'' if self.goal == 'unit' else ': ' + name}, {score:.1f} of 10 ({row.status})"  # type: ignore[attr-defined]
        worst, n_scored, n_kpis = (getattr(row, key) for key in ("worst_kpi", "n_scored", "n_kpis"))
        if n_scored > 1:
            said += f"; worst: {self.cascade.kpi(worst).name}, {row.worst_score:.1f}"  # type: ignore[attr-defined]
        left_out = n_kpis - n_scored
        return said + (f"; {count_of(left_out, 'KPI')} without a score left out." if left_out else ".")


class _Part(NamedTuple):
    """What a goal's score is averaged from: a KPI or a goal below, with its weight."""

    score: float
    weight: float | None
    n_kpis: int
    n_scored: int
    known: float
    worst: tuple[float, str]


def score_goals(scorecard: Scorecard, *, by: Goal = "objective") -> GoalScores:
    """Average the scores of KPIs into scores of what they serve.

    A factor averages its KPIs, an objective its factors, a unit its objectives, each by the weights in force
    at the end of the scorecard's span; a process averages its KPIs. What has no score at a unit, or an
    incomplete one, is left out and the weights of the rest are renormalised. Without any weights all count
    alike; where only some have a weight, the others count nothing (the check names them).

    Parameters
    ----------
    scorecard : Scorecard
    by : {"factor", "objective", "process", "unit"}

    Returns
    -------
    GoalScores

    Raises
    ------
    InputError
        When `by` is none of these.
    """
    if by not in GOALS:
        raise one_problem("by", f"cannot score by '{by}'; {did_you_mean(by, GOALS)}")
    rows: list[list[object]] = []
    for unit, table in scorecard.table.groupby("unit", sort=False):
        about = scorecard.cascade.unit(str(unit))
        for goal_id, name, part in _goals(scorecard, table, by):
            rows.append(
                [by, goal_id, name, about.id, about.level, str(scorecard.span), part.score, _status(part.score),
                 part.n_kpis, part.n_scored, part.known, part.worst[1], part.worst[0]]
            )  # fmt: skip
    frame = pd.DataFrame(rows, columns=COLUMNS)
    order = {unit.id: position for position, unit in enumerate(scorecard.cascade.units)}
    frame = frame.sort_values("unit", key=lambda ids: ids.map(order), kind="stable").reset_index(drop=True)
    return GoalScores(scorecard.cascade, by, frame)


def _goals(scorecard: Scorecard, table: pd.DataFrame, by: Goal) -> Iterator[tuple[str, str, _Part]]:
    """Yield id, name and score of each goal that a unit has KPIs for."""
    cascade = scorecard.cascade
    kpis = _kpi_parts(scorecard, table)
    if by == "process":
        for process in cascade.processes:
            named = {target.kpi for target in cascade.targets if target.process == process.id}
            own = [p for kpi, p in kpis.items() if cascade.kpi(kpi).process == process.id or kpi in named]
            if own:
                yield process.id, process.name, _averaged(own, None)
        return
    factors = {
        factor.id: _averaged(own, cascade.weight_of(factor, scorecard.span.end))
        for factor in cascade.factors
        if (own := [part for kpi, part in kpis.items() if cascade.kpi(kpi).factor == factor.id])
    }
    if by == "factor":
        yield from ((f.id, f.name, factors[f.id]) for f in cascade.factors if f.id in factors)
        return
    objectives = {
        objective.id: _averaged(own, cascade.weight_of(objective, scorecard.span.end))
        for objective in cascade.objectives
        if (
            own := [factors[f.id] for f in cascade.factors if f.objective == objective.id and f.id in factors]
        )
    }
    if by == "objective":
        yield from ((o.id, o.name, objectives[o.id]) for o in cascade.objectives if o.id in objectives)
    elif objectives:
        unit = cascade.unit(str(table["unit"].iloc[0]))
        yield unit.id, unit.name, _averaged(list(objectives.values()), None)


def _kpi_parts(scorecard: Scorecard, table: pd.DataFrame) -> dict[str, _Part]:
    cascade, period = scorecard.cascade, scorecard.span.end
    parts = {}
    for kpi, word, score in zip(table["kpi"], table["status"], table["score"], strict=True):
        score = np.nan if word == "incomplete" else score
        scored = not np.isnan(score)
        weight = cascade.weight_of(cascade.kpi(kpi), period)
        parts[str(kpi)] = _Part(float(score), weight, 1, int(scored), float(scored), (float(score), str(kpi)))
    return parts


def _averaged(parts: list[_Part], weight: float | None) -> _Part:
    """Average by weight what has a score; `known` is the share of the weight that has one."""
    weighted = any(part.weight is not None for part in parts)
    weights = np.array([(part.weight or 0.0) if weighted else 1.0 for part in parts])
    scores = np.array([part.score for part in parts])
    scored = ~np.isnan(scores) & (weights > 0)
    total = weights[scored].sum()
    known = (
        float(weights @ np.array([part.known for part in parts]) / weights.sum()) if weights.sum() else 0.0
    )
    score = float(weights[scored] @ scores[scored] / total) if total > 0 else float("nan")
    found = [part.worst for part in parts if not np.isnan(part.worst[0])]
    worst = min(found) if found else (float("nan"), "")
    return _Part(score, weight, sum(p.n_kpis for p in parts), sum(p.n_scored for p in parts), known, worst)


def _status(score: float) -> str:
    if np.isnan(score):
        return "no score"
    return (
        "met"
        if score >= 2 * HIGHEST_SCORE / 3 - 1e-9
        else "near"
        if score >= HIGHEST_SCORE / 3 - 1e-9
        else "missed"
    )
