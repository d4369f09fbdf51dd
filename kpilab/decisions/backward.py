"""From a target back to the levers: the least effort that reaches it, or that none of them does."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

import networkx as nx
import numpy as np
import pandas as pd
from scipy import optimize

from kpilab.decisions.interventions import Intervention
from kpilab.decisions.options import DRAWS, SEED
from kpilab.decisions.propagation import arrows
from kpilab.decisions.system import holder_of
from kpilab.decisions.whatif import WhatIf, prepare_what_if
from kpilab.evidence.links import LinkResults
from kpilab.model.cascade import Cascade
from kpilab.model.history import History
from kpilab.model.nouns import Kpi
from kpilab.model.parts import Change
from kpilab.model.periods import period_text
from kpilab.problems import Problem, did_you_mean, one_problem, stop_on
from kpilab.scorecard.target_request import read_target
from kpilab.show import Result, number, quantity

Reach = Literal["already there", "reachable", "not reachable"]

COLUMNS = [
    "lever", "change", "change_in_sd", "sd", "baseline", "needed", "lowest_seen", "highest_seen",
]  # fmt: skip
ROUNDS = 6
CLOSE = 1e-3


@dataclass(frozen=True, eq=False)
class Requirement(Result):
    """What it takes to reach a target.

    `tidy()` has one row per lever: ``change`` in its unit of measure and in standard deviations of its own
    history, where it stands without (``baseline``) and with it (``needed``), and the range that
    history has seen, which is never left. When the target is not reachable the changes are those that come
    nearest to it.
    """

    cascade: Cascade
    kpi: Kpi
    unit: str
    period: str
    target: float
    asked: float
    now: float
    reached: float
    verdict: Reach
    levers: pd.DataFrame
    interventions: tuple[Intervention, ...]
    draws: int
    seed: int

    @property
    def title(self) -> str:  # type: ignore[override]
        """Return the question."""
        goal = quantity(self.target, self.kpi.unit_of_measure)
        return f"What would it take: {self.kpi.name}, {goal} in {self.period}"

    def tidy(self) -> pd.DataFrame:
        """Return one row per lever."""
        return self.levers.copy()

    def glance(self) -> pd.DataFrame:
        """Return one row: the target, the probabilities without, asked for and reached, the effort, the verdict."""
        about = {
            "kpi": self.kpi.id,
            "unit": self.unit,
            "period": self.period,
            "target": self.target,
            "verdict": self.verdict,
            "probability": self.asked,
            "probability_now": self.now,
            "probability_reached": self.reached,
            "effort": self.effort,
            "n_levers": len(self.levers),
            "draws": self.draws,
            "seed": self.seed,
        }
        return pd.DataFrame({name: [value] for name, value in about.items()})

    @property
    def effort(self) -> float:
        """Return the length of the change, each lever in standard deviations of its own history."""
        return float(np.sqrt((self.levers["change_in_sd"] ** 2).sum()))

    @property
    def text(self) -> str:
        """Return the answer, then one sentence per lever that moves."""
        unit = self.cascade.unit(self.unit).name
        goal = f"{quantity(self.target, self.kpi.unit_of_measure)} in {self.period}"
        if self.verdict == "already there":
            return f"{unit}: nothing need change, {goal} is met with {100 * self.now:.0f} % as things stand."
        if self.verdict == "not reachable":
            first = (
                f"{unit}: {goal} is not reachable with these levers within what history has seen of them: at best "
                f"with {100 * self.reached:.0f} %, {100 * self.now:.0f} % as things stand, "
                f"{100 * self.asked:.0f} % asked for."
            )
        else:
            first = (
                f"{unit}: {goal} is met with {100 * self.reached:.0f} % ({100 * self.now:.0f} % as things stand) by "
                f"an effort of {number(self.effort)} standard deviations."
            )
        moving = self.levers[self.levers["change_in_sd"].abs() >= 0.01]
        return "\n".join([first, *(self._sentence(row) for row in moving.itertuples(index=False))])

    def changes(self) -> tuple[Intervention, ...]:
        """Return the change as `what_if` takes it."""
        return self.interventions

    def _sentence(self, row: Any) -> str:
        lever = self.cascade.kpi(row.lever)
        start, end = (quantity(value, lever.unit_of_measure) for value in (row.baseline, row.needed))
        return f"{lever.name}: {end} instead of {start} ({number(row.change_in_sd)} standard deviations)."


def what_would_it_take(
    cascade: Cascade,
    history: History,
    links: LinkResults,
    *,
    kpi: str,
    target: float | str | None = None,
    period: object = None,
    unit: str | None = None,
    levers: Iterable[str] | None = None,
    probability: float = 0.5,
    inconclusive: Literal["in", "out"] = "in",
    draws: int = DRAWS,
    seed: int = SEED,
) -> Requirement:
    """Find the least-effort change of some levers that reaches a target with a given probability.

    Parameters
    ----------
    kpi : str
    target : float or str, optional
        In the KPI's unit of measure, ``"95%"`` of a share, or ``"+5%"`` relative to the last value of history;
        default: the target in force in that period.
    period : str, optional
        When it is to be reached, ahead of history; default: a year ahead.
    unit : str, optional
        Where; default: the highest unit that has the KPI.
    levers : iterable of str, optional
        KPIs that may be changed, by lasting steps from the next period on, at the unit and everything below
        it (or at the unit above that has them), on top of what other levers do to them; default: every KPI
        from which arrows lead to this one.
    probability : float
        Of meeting the target, between 0 and 1.
    inconclusive, draws, seed
        As in `what_if`.

    Returns
    -------
    Requirement
        Effort is the Euclidean length of the change, each lever in standard deviations of the unit's history;
        no lever leaves the range that the unit's history has seen. "not reachable" is an answer, with the
        best that is reachable.

    Raises
    ------
    InputError
        Unknown names, a lever from which no arrow leads to the KPI, a period that is not ahead, no target or one
        that the KPI cannot have.
    """
    when = _period_ahead(cascade, history, period)
    where = unit or _highest(cascade, kpi)
    _check_names(cascade, kpi, where, probability)
    horizon = when.ordinal - history.periods[-1].ordinal
    prepared = prepare_what_if(
        cascade,
        history,
        links,
        horizon=horizon,
        units=where,
        inconclusive=inconclusive,
        draws=draws,
        seed=seed,
    )
    chosen = _levers(prepared, kpi, where, levers)
    search = _Search(prepared, kpi, where, _goal(prepared, kpi, where, when, target), chosen, probability)
    z, verdict = search.least_effort()
    return Requirement(
        cascade, cascade.kpi(kpi), where, period_text(when), search.target, probability,
        search.probability_at(np.zeros(len(chosen))), search.probability_at(z), verdict, search.table(z),
        tuple(search.interventions(z)), draws, seed,
    )  # fmt: skip


class _Search:
    """The search over changes of the levers, in standard deviations of their own history.

    What each lever does is run once; between runs the map is taken as straight, which it is where no KPI has a
    transform or a formula; the answer is checked, and the aim corrected, by runs of the whole map.
    """

    def __init__(
        self,
        prepared: WhatIf,
        kpi: str,
        unit: str,
        target: float,
        levers: tuple[str, ...],
        probability: float,
    ):
        self.prepared, self.kpi, self.target, self.levers = prepared, kpi, target, levers
        self.unit, self.probability = unit, probability
        self.place = prepared.baseline.units.index(unit)
        self.holders = [holder_of(prepared.cascade, lever, unit) or unit for lever in levers]
        self.spread = np.array([float(np.nanstd(self._past(lever), ddof=1)) or 1.0 for lever in levers])
        self.low, self.high = self._bounds()
        self.still = self._run(np.zeros(len(levers)))
        steps = [self._run(0.5 * row) - self.still for row in np.eye(len(levers))]
        self.response = 2 * np.array(steps) if steps else np.empty((0, len(self.still)))

    def least_effort(self) -> tuple[np.ndarray, Reach]:
        """Return the change and whether it reaches the target."""
        zero = np.zeros(len(self.levers))
        if self._margin(self.still) >= 0:
            return zero, "already there"
        best = self._furthest()
        if not len(zero) or self._margin(self._run(best)) < 0:
            return best, "not reachable"
        aim, found = 0.0, best
        for _ in range(ROUNDS):
            found = self._nearest(best, aim)
            short = self._margin(self._run(found))
            if 0 <= short <= CLOSE * self._scale():
                break
            aim -= short - 0.1 * CLOSE * self._scale()
        if self._margin(self._run(found)) < 0:
            way = best - found
            share = _shortest_share(lambda part: self._margin(self._run(found + part * way)), halvings=8)
            found = found + share * way
        return found, "reachable"

    def probability_at(self, z: np.ndarray) -> float:
        """Return the probability of meeting the target with a change."""
        return float(np.mean(self._distance(self._run(z)) >= 0))

    def interventions(self, z: np.ndarray) -> list[Intervention]:
        """Return a change as interventions, without the levers that stay."""
        return [
            Intervention(kpi=lever, change=Change(amount=float(amount)), at=(holder,), added=True)
            for lever, holder, amount in zip(self.levers, self.holders, z * self.spread, strict=True)
            if amount
        ]

    def table(self, z: np.ndarray) -> pd.DataFrame:
        """Return one row per lever."""
        base = [self._baseline_of(lever) for lever in self.levers]
        change = z * self.spread
        seen = [self._seen(lever) for lever in self.levers]
        rows = zip(self.levers, change, z, self.spread, base, np.array(base) + change, seen, strict=True)
        return pd.DataFrame([(*row[:-1], *row[-1]) for row in rows], columns=COLUMNS)

    def _run(self, z: np.ndarray) -> np.ndarray:
        """Return the draws of the KPI in the last period under a change."""
        interventions = self.interventions(z)
        deviations = self.prepared.system.run(interventions, frozenset([self.kpi])) if interventions else {}
        outcome: np.ndarray = self.prepared.system.outcomes(deviations, [self.kpi])[self.kpi][-1, self.place]
        return outcome

    def _straight(self, z: np.ndarray) -> np.ndarray:
        return self.still + z @ self.response

    def _distance(self, draws: np.ndarray) -> np.ndarray:
        """Return by how much each draw is on the right side of the target."""
        kpi = self.prepared.cascade.kpi(self.kpi)
        if kpi.better == "near":
            return kpi.tolerance * abs(self.target) - np.abs(draws - self.target)
        return self.target - draws if kpi.better == "lower" else draws - self.target

    def _margin(self, draws: np.ndarray) -> float:
        """Return the distance that is kept with the probability asked for."""
        return float(np.quantile(self._distance(draws), 1 - self.probability, method="lower"))

    def _scale(self) -> float:
        return float(np.std(self.still)) or abs(self.target) or 1.0

    def _furthest(self) -> np.ndarray:
        """Return the change within bounds that comes furthest: the best corner, improved."""
        corner = np.where(self._towards() > 0, self.high, self.low)
        if not len(corner):
            return corner
        found = optimize.minimize(
            lambda z: -self._margin(self._straight(z)) / self._scale(), corner,
            bounds=optimize.Bounds(self.low, self.high), method="COBYQA", options={"maxfev": 300},
        )  # fmt: skip
        tried = [corner, np.clip(found.x, self.low, self.high)]
        return max(tried, key=lambda z: self._margin(self._straight(z)))

    def _nearest(self, feasible: np.ndarray, aim: float) -> np.ndarray:
        """Return the shortest change whose margin is `aim` or more, starting from one that has it."""
        scale = self._scale()

        def kept(z: np.ndarray) -> float:
            return (self._margin(self._straight(z)) - aim) / scale

        start = feasible * _shortest_share(lambda share: kept(share * feasible))
        found = optimize.minimize(
            lambda z: float(z @ z), start, bounds=optimize.Bounds(self.low, self.high), method="COBYQA",
            constraints=[optimize.NonlinearConstraint(kept, 0.0, np.inf)], options={"maxfev": 500},
        )  # fmt: skip
        better = np.clip(found.x, self.low, self.high)
        if kept(better) < 0:
            way = feasible - better
            better = better + way * _shortest_share(lambda share: kept(better + share * way))
        return better if better @ better <= start @ start else start

    def _towards(self) -> np.ndarray:
        """Return in which direction each lever brings the median nearer."""
        middle = float(np.median(self.still))
        kpi = self.prepared.cascade.kpi(self.kpi)
        upwards = self.target > middle if kpi.better == "near" else kpi.better != "lower"
        return np.asarray(np.median(self.response, axis=1) * (1 if upwards else -1))

    def _bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Return how far each lever may go and stay within what history has seen, in standard deviations."""
        base = np.array([self._baseline_of(lever) for lever in self.levers])
        seen = np.array([self._seen(lever) for lever in self.levers]).reshape(-1, 2)
        low, high = (seen[:, 0] - base) / self.spread, (seen[:, 1] - base) / self.spread
        return np.minimum(low, 0.0), np.maximum(high, 0.0)

    def _baseline_of(self, lever: str) -> float:
        return float(self.prepared.baseline.values(lever)[-1, self._place_of(lever)])

    def _past(self, lever: str) -> np.ndarray:
        return self.prepared.baseline.history_of(lever)[:, self._place_of(lever)]

    def _seen(self, lever: str) -> tuple[float, float]:
        return float(np.nanmin(self._past(lever))), float(np.nanmax(self._past(lever)))

    def _place_of(self, lever: str) -> int:
        return self.prepared.baseline.units.index(self.holders[self.levers.index(lever)])


def _shortest_share(kept: Callable[[float], float], halvings: int = 40) -> float:
    """Return the smallest share, 0–1, of a way at which a condition holds that holds at its end: bisection."""
    low, high = 0.0, 1.0
    for _ in range(halvings):
        middle = (low + high) / 2
        low, high = (low, middle) if kept(middle) >= 0 else (middle, high)
    return high


def _levers(prepared: WhatIf, kpi: str, unit: str, levers: Iterable[str] | None) -> tuple[str, ...]:
    graph = arrows(prepared.system.motions)
    upstream = nx.ancestors(graph, kpi) if kpi in graph else set()
    cascade = prepared.cascade
    known = [each.id for each in cascade.kpis if not each.formula and each.id != kpi]
    if levers is None:
        found = tuple(e for e in known if e in upstream and _forecast_at_all(prepared, e, unit))
        if not found:
            raise one_problem(
                "levers", f"no arrow that carries a change leads to '{kpi}'; draw or test one first"
            )
        return found
    chosen = (levers,) if isinstance(levers, str) else tuple(levers)
    problems = [
        Problem("levers", f"'{lever}' cannot be changed; {did_you_mean(lever, known)}")
        for lever in chosen
        if lever not in known
    ]
    problems += [
        Problem("levers", f"'{lever}' has no recent history at {unit}, so there is nothing to change it from")
        for lever in chosen
        if lever in known and lever in upstream and not _forecast_at_all(prepared, lever, unit)
    ]
    problems += [
        Problem("levers", f"no arrow that carries a change leads from '{lever}' to '{kpi}'")
        for lever in chosen
        if lever in known and lever not in upstream
    ]
    stop_on(problems)
    return chosen


def _forecast_at_all(prepared: WhatIf, lever: str, unit: str) -> bool:
    holder = holder_of(prepared.cascade, lever, unit)
    return holder is not None and bool(
        np.isfinite(prepared.baseline.values(lever)[:, prepared.baseline.units.index(holder)]).all()
    )


def _goal(prepared: WhatIf, kpi: str, unit: str, when: pd.Period, target: float | str | None) -> float:
    place = prepared.baseline.units.index(unit)
    if target is not None:
        past = prepared.baseline.history_of(kpi)[:, place]
        known = past[~np.isnan(past)]
        return read_target(target, prepared.cascade.kpi(kpi), float(known[-1]) if len(known) else np.nan)
    found = float(prepared.targets(kpi)[-1, place])
    if np.isnan(found):
        raise one_problem("target", f"'{kpi}' has no target at {unit} in {period_text(when)}; give one")
    return found


def _period_ahead(cascade: Cascade, history: History, period: object) -> pd.Period:
    last = history.periods[-1]
    if period is None:
        return last + cascade.periods_per_year
    try:
        when = cascade.period(period)
    except ValueError as error:
        raise one_problem("period", str(error)) from error
    if when <= last:
        ends = period_text(last)
        raise one_problem("period", f"{period_text(when)} is not ahead: history ends in {ends}")
    return when


def _highest(cascade: Cascade, kpi_id: str) -> str:
    kpi = cascade.named("kpis", kpi_id)
    units = cascade.units_at(cascade.levels_of(kpi)[0]) if kpi else ()
    return units[0].id if units else ""


def _check_names(cascade: Cascade, kpi: str, unit: str, probability: float) -> None:
    known = [each.id for each in cascade.kpis]
    if kpi not in known:
        raise one_problem("kpi", f"unknown KPI '{kpi}'; {did_you_mean(kpi, known)}")
    units = [each.id for each in cascade.units_of(cascade.kpi(kpi))]
    if unit not in units:
        raise one_problem("unit", f"'{unit}' does not have '{kpi}'; {did_you_mean(unit, units)}")
    if not 0 < probability < 1:
        raise one_problem("probability", f"is {probability}; write a share between 0 and 1, like 0.5")
