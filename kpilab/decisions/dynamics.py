"""Which arrows carry a change, and the equations that say how: one per effect, from the verdicts on the map."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Literal, cast

import networkx as nx
import numpy as np
import pandas as pd

from kpilab.evidence.equations import LinkDataBuilder
from kpilab.evidence.joint import EffectEquation, fit_effect, periods_within
from kpilab.evidence.links import LinkResult, LinkResults
from kpilab.evidence.regress.linear import NotEstimable
from kpilab.model.cascade import Cascade, Link
from kpilab.model.history import History
from kpilab.problems import Problem, stop_on
from kpilab.show import listed, number
from kpilab.words import Frequency

Doubtful = Literal["in", "out"]

MOST_LOOPS = 2000
FAR = 2.0
EXPLODES = 1.0 + 1e-6

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

    Raises
    ------
    InputError
        When a loop of arrows feeds itself: which, and by how much per turn.
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
    stop_on(_explosions(cascade, equations))
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


def _explosions(cascade: Cascade, equations: dict[str, EffectEquation]) -> Iterator[Problem]:
    """Name every loop of two KPIs or more that feeds itself, with its gain per turn and per period."""
    graph = nx.DiGraph(
        (link.cause, effect) for effect, equation in equations.items() for link in equation.links
    )
    for members in nx.strongly_connected_components(graph):
        if len(members) < 2:
            continue
        growth = _largest_root({kpi: equations[kpi] for kpi in sorted(members)})
        if growth <= EXPLODES:
            continue
        loops = [
            (loop, _gain(equations, loop))
            for loop in islice(nx.simple_cycles(graph.subgraph(members)), MOST_LOOPS)
        ]
        loop, gain = max(loops, key=lambda pair: abs(pair[1]))
        first = loop.index(min(loop))
        names = [*loop[first:], *loop[:first], loop[first]]
        turn = (
            f"each turn multiplies a change by {number(gain)}"
            if np.isfinite(gain)
            else "a change never fades"
        )
        said = (
            f"the loop {' → '.join(names)} explodes: {turn}, and {number(growth)} times per {cascade.frequency}; "
            "leave out inconclusive arrows (inconclusive='out'), or redraw one of these"
        )
        yield Problem("links", said)


def _largest_root(equations: dict[str, EffectEquation]) -> float:
    """Return by what a deviation within a loop grows per period in the long run (spectral radius)."""
    longest = max(term.lag + term.width for equation in equations.values() for term in equation.terms)
    place = {kpi: position for position, kpi in enumerate(equations)}
    size = len(place)
    lagged = np.zeros((longest + 1, size, size))
    for effect, equation in equations.items():
        for term, weight in zip(equation.terms, equation.estimate, strict=True):
            if term.kpi in place:
                for ago in range(term.lag, term.lag + term.width):
                    lagged[ago, place[effect], place[term.kpi]] += weight / term.width
    now = np.linalg.inv(np.eye(size) - lagged[0])
    companion = np.zeros((size * longest, size * longest))
    companion[:size] = np.hstack([now @ lagged[ago] for ago in range(1, longest + 1)])
    companion[size:, :-size] = np.eye(size * (longest - 1))
    return float(np.abs(np.linalg.eigvals(companion)).max())


def _gain(equations: dict[str, EffectEquation], loop: list[str]) -> float:
    """Return what is left of a lasting change after one turn: the product of the long-run responses."""
    gain = 1.0
    for cause, effect in zip(loop, [*loop[1:], loop[0]], strict=True):
        left = 1 - equations[effect].persistence
        gain *= equations[effect].window(cause)[0] / left if left > 0 else float("inf")
    return gain


def left_out(dynamics: Dynamics) -> str:
    """Say in one sentence which arrows carry nothing, and why."""
    table = dynamics.table[~dynamics.table["used"]]
    if table.empty:
        return ""
    said = [f"{row.cause} → {row.effect} ({row.verdict})" for row in table.itertuples()]
    return f"Not carried: {listed(said, most=4)}."
