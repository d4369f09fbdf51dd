"""Which arrows carry a change, and the equations that say how: one per effect, from the verdicts on the map."""

from dataclasses import dataclass
from typing import Literal, cast

import numpy as np
import pandas as pd

from kpilab.evidence.equations import LinkDataBuilder
from kpilab.evidence.joint import EffectEquation, fit_effect, periods_within
from kpilab.evidence.links import LinkResult, LinkResults
from kpilab.evidence.regress.linear import NotEstimable
from kpilab.model.cascade import Cascade
from kpilab.model.history import History
from kpilab.model.nouns import Link
from kpilab.show import listed
from kpilab.words import Frequency

Doubtful = Literal["in", "out"]

FAR = 2.0

COLUMNS = [
    "cause", "effect", "verdict", "used", "level", "frequency", "response", "std_error", "tested",
    "tested_std_error", "differs", "reason",
]  # fmt: skip


@dataclass(frozen=True, eq=False)
class Dynamics:
    """The equations of a map.

    Attributes
    ----------
    equations : dict of effect to EffectEquation
    table : DataFrame
        One row per arrow: is it used, what does its equation say over the window that was tested, what did the
        test say, do the two differ by more than two standard errors, and why it is not used.
    """

    equations: dict[str, EffectEquation]
    table: pd.DataFrame

    def count(self, verdict: str, used: bool = True) -> int:
        """Return how many arrows of a verdict are used, or left out."""
        return int(((self.table["verdict"] == verdict) & (self.table["used"] == used)).sum())


def fit_dynamics(
    cascade: Cascade,
    history: History,
    links: LinkResults,
    *,
    inconclusive: Doubtful = "in",
    correct_bias: bool = True,
) -> Dynamics:
    """Estimate one equation per effect from the arrows that may carry a change.

    Arrows that history contradicts are out, and the equation is estimated without them; those that cannot be
    tested have no estimate; the inconclusive ones are in, with their full uncertainty, or out, as asked.
    """
    builder = LinkDataBuilder(cascade, history)
    reasons = {result.link: _why_not(result, inconclusive) for result in links}
    equations: dict[str, EffectEquation] = {}
    for effect in dict.fromkeys(result.effect for result in links):
        chosen = _one_per_cause(builder, [r.link for r in links if r.effect == effect], reasons)
        if not chosen:
            continue
        try:
            equations[effect] = fit_effect(cascade, builder, effect, chosen, correct_bias=correct_bias)
        except NotEstimable as error:
            reasons |= dict.fromkeys(chosen, f"the equation with all causes cannot be estimated: {error}")
    rows = [_row(cascade, result, equations.get(result.effect), reasons[result.link]) for result in links]
    return Dynamics(equations, pd.DataFrame(rows, columns=COLUMNS))


def _why_not(result: LinkResult, inconclusive: Doubtful) -> str:
    """Say why an arrow carries nothing; empty when it does."""
    if result.verdict == "contradicted":
        return "contradicted by history"
    if result.verdict == "untestable":
        return result.reason
    return (
        "inconclusive, and left out as asked"
        if result.verdict == "inconclusive" and inconclusive == "out"
        else ""
    )


def _one_per_cause(builder: LinkDataBuilder, links: list[Link], reasons: dict[Link, str]) -> list[Link]:
    """Keep one arrow per cause, that of the lowest level; note why the others are not used."""
    rank = {level: place for place, level in enumerate(builder.cascade.levels)}
    kept: dict[str, Link] = {}
    for link in sorted(
        (link for link in links if not reasons[link]), key=lambda k: -rank[builder.level_of(k)]
    ):
        if link.cause in kept:
            reasons[link] = "the same arrow at a lower level carries the change"
        else:
            kept[link.cause] = link
    return [link for link in links if kept.get(link.cause) is link]


def _row(cascade: Cascade, result: LinkResult, equation: EffectEquation | None, reason: str) -> list[object]:
    nan = float("nan")
    used = not reason and equation is not None
    response, error = _tested_response(cascade, equation, result) if used and equation else (nan, nan)
    tested, tested_error = (result.fit.estimate, result.fit.std_error) if result.fit else (nan, nan)
    differs = used and abs(response - tested) > FAR * max(error, tested_error)
    where = (equation.level, equation.frequency) if used and equation else (result.level, result.frequency)
    return [
        result.cause, result.effect, result.verdict, used, *where, response, error, tested, tested_error,
        bool(differs), reason,
    ]  # fmt: skip


def _tested_response(cascade: Cascade, equation: EffectEquation, result: LinkResult) -> tuple[float, float]:
    """Return what the equation says of the quantity that was tested, and its standard error.

    Where the test counted in quarters and the equation counts in months, that is the mean of the first quarter
    after a step.
    """
    length = periods_within(equation.frequency, cast(Frequency, result.frequency))
    if length == 1:
        return equation.window(result.cause)
    draws = equation.draws(1000, 0)
    own = [
        (term.lag, draws[place]) for place, term in enumerate(equation.terms) if term.kpi == equation.effect
    ]
    path = np.zeros((length, draws.shape[1]))
    for period in range(length):
        for place in equation.columns_of(result.cause):
            path[period] += draws[place] if equation.terms[place].lag <= period else 0.0
        for lag, weight in own:
            path[period] += weight * path[period - lag] if lag <= period else 0.0
    mean = path.mean(axis=0)
    return float(np.median(mean)), float(mean.std())


def left_out(dynamics: Dynamics) -> str:
    """Say in one sentence which arrows carry nothing, and why."""
    table = dynamics.table[~dynamics.table["used"]]
    if table.empty:
        return ""
    said = [f"{row.cause} → {row.effect} ({row.verdict})" for row in table.itertuples()]
    return f"Not carried: {listed(said, most=4)}."
