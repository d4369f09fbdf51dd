"""What follows when KPIs change: a scenario, with what would have happened anyway beside it."""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from kpilab.decisions.baseline import Baseline
from kpilab.decisions.dynamics import Doubtful, Dynamics, fit_dynamics
from kpilab.decisions.interventions import Changes, Intervention, read_changes
from kpilab.decisions.loops import exploding_loops
from kpilab.decisions.options import CONFIDENCE, DRAWS, SEED, Options, check_options
from kpilab.decisions.scenario import COLUMNS, Scenario, targets_ahead
from kpilab.decisions.system import System, build_system
from kpilab.evidence.joint import Inference
from kpilab.evidence.links import LinkResults
from kpilab.model.cascade import Cascade
from kpilab.model.history import History
from kpilab.model.periods import period_text
from kpilab.problems import Problem, did_you_mean, stop_on

MOST_PREPARED = 4
MOST_KEPT = 200  # tables of one KPI, each of a few rows per unit

Places = str | Iterable[str] | None


class WhatIf:
    """A map made ready for many changes: equations, draws and forecasts are there, a change only runs them.

    Made by `prepare_what_if`; `scenario` is what a slider calls.
    """

    def __init__(self, cascade: Cascade, history: History, dynamics: Dynamics, options: "Options"):
        self.cascade, self.history, self.dynamics, self.options = cascade, history, dynamics, options
        self.shown = _units_shown(cascade, options.units)
        units = _units_needed(cascade, self.shown)
        self.baseline = Baseline(cascade, history, units, options.horizon, options.draws, options.seed)
        coefficients = {
            effect: equation.draws(options.draws, options.seed, options.inference)
            for effect, equation in dynamics.equations.items()
        }
        self.system: System = build_system(
            cascade, self.baseline, dynamics.equations, coefficients, _claims(cascade)
        )
        stop_on(exploding_loops(self.system, dynamics.equations))
        self.targets = lru_cache(maxsize=None)(self._targets)
        self.anyway = lru_cache(maxsize=None)(self._anyway)
        self.outcome = lru_cache(maxsize=2)(self._outcome)
        self.causes = lru_cache(maxsize=None)(self._causes)
        self._kept: OrderedDict[tuple[Any, ...], dict[str, np.ndarray]] = OrderedDict()

    def scenario(
        self,
        changes: Changes | None = None,
        *,
        action: str | None = None,
        kpis: Iterable[str] | None = None,
    ) -> Scenario:
        """Run a change; see `what_if`."""
        interventions = self.read(changes, action)
        wanted = None if kpis is None else _known_kpis(self.cascade, kpis)
        table = _table(self._columns_of_all(interventions, wanted))
        return Scenario(self.cascade, interventions, self.dynamics, self.options, table, self)

    def reached(self, kpis: Iterable[str]) -> tuple[str, ...]:
        """Return some KPIs and all that a change of them reaches, in the order of the cascade."""
        found = frozenset().union(*map(self.system.course.delays, _known_kpis(self.cascade, kpis)))
        return tuple(kpi.id for kpi in self.cascade.kpis if kpi.id in found)

    def look_ahead(self, kpis: Iterable[str], progress: Callable[[int, int], None]) -> None:
        """Forecast now what the first scenario of some KPIs would forecast.

        Parameters
        ----------
        kpis : iterable of str
        progress : callable
            Told how many of how many series are forecast, before each one; what it raises ends the work, and what
            is done by then is kept.
        """
        needed: set[str] = set().union(*map(self.causes, kpis))
        self.baseline.look_ahead(needed, progress)

    def read(self, changes: Changes | None, action: str | None = None) -> tuple[Intervention, ...]:
        """Read changes and check that they fall within the horizon; an action under way begins anew."""
        first, last = self.baseline.periods[0], self.baseline.periods[-1]
        found = read_changes(self.cascade, changes, action)
        problems = []
        for one in found:
            start = self.cascade.period(one.start) if one.start else first
            end = self.cascade.period(one.end) if one.end else last
            span = f"{period_text(first)} to {period_text(last)}"
            if start > last or end < first:
                said = (
                    f"is not in force in any of the periods looked at, {span}; move it or change the horizon"
                )
                problems.append(Problem(f"change of '{one.kpi}'", said))
            elif end < start:
                said = f"ends in {one.end}, before it starts in {one.start}; write the earlier period first"
                problems.append(Problem(f"change of '{one.kpi}'", said))
        stop_on(problems)
        return tuple(one.anew(self.cascade, first) if one.added else one for one in found)

    def _columns_of_all(
        self, interventions: tuple[Intervention, ...], wanted: tuple[str, ...] | None
    ) -> list[dict[str, np.ndarray]]:
        """Return the rows of each KPI, column by column; those that no other change reaches than before are kept."""
        if wanted is None:
            deviations = self.system.run(interventions)
            outcomes = self.system.outcomes(deviations, deviations)
            return [self._columns(kpi, deviations[kpi], outcomes[kpi]) for kpi in deviations]
        keys = {kpi: (kpi, self._reaching(kpi, interventions)) for kpi in wanted}
        fresh = [kpi for kpi in wanted if keys[kpi] not in self._kept]
        deviations = self.system.run(interventions, frozenset(fresh))
        outcomes = self.system.outcomes(deviations, fresh)
        for kpi in fresh:
            self._kept[keys[kpi]] = self._columns(kpi, deviations.get(kpi), outcomes[kpi])
        columns = [self._kept[keys[kpi]] for kpi in wanted]
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        return columns

    def _reaching(self, kpi: str, interventions: tuple[Intervention, ...]) -> tuple[Intervention, ...]:
        """Return the interventions that a KPI's rows rest on."""
        causes = self.causes(kpi)
        return tuple(one for one in interventions if one.kpi in causes)

    def _causes(self, kpi: str) -> frozenset[str]:
        return frozenset([kpi]) | self.system.course.before(kpi)

    def _columns(self, kpi: str, deviation: np.ndarray | None, outcome: np.ndarray) -> dict[str, np.ndarray]:
        """Return the rows of one KPI, column by column."""
        places = [place for place, unit in enumerate(self.baseline.units) if unit in self.shown]
        places = [place for place in places if np.isfinite(self.baseline.values(kpi)[:, place]).all()]
        still = np.zeros((*outcome.shape[:2], 1))
        moved = self.system.effects(kpi, still if deviation is None else deviation)[:, places]
        tail = (1 - self.options.confidence) / 2
        low, middle, high = _quantiles(outcome[:, places], (tail, 0.5, 1 - tail))
        less, change, more = _quantiles(moved, (tail, 0.5, 1 - tail))
        anyway, p_anyway = self.anyway(kpi)
        past = self.baseline.history_of(kpi)[:, places]
        target = self.targets(kpi)[:, places]
        columns = {
            "baseline": anyway[:, places],
            "median": middle,
            "conf_low": low,
            "conf_high": high,
            "p_target": _met(self.cascade, kpi, outcome[:, places], target),
            "effect": change,
            "effect_low": less,
            "effect_high": more,
            "target": target,
            "p_target_baseline": p_anyway[:, places],
            "share_outside": _outside(self.cascade, kpi, outcome[:, places]),
            "extrapolated": _beyond(middle, past),
        }
        units = [self.cascade.unit(self.baseline.units[place]) for place in places]
        n_periods = len(self.baseline.periods)
        ahead = np.array([period_text(period) for period in self.baseline.periods], dtype=object)
        index = {
            "kpi": np.full(n_periods * len(units), kpi, dtype=object),
            "unit": np.repeat(np.array([unit.id for unit in units], dtype=object), n_periods),
            "level": np.repeat(np.array([unit.level for unit in units], dtype=object), n_periods),
            "period": np.tile(ahead, len(units)),
        }
        return index | {name: values.T.ravel() for name, values in columns.items()}

    def _outcome(self, kpi: str, interventions: tuple[Intervention, ...]) -> np.ndarray:
        """Return the draws of one KPI, shape (H, P, R)."""
        return self.system.outcomes(self.system.run(interventions, frozenset([kpi])), [kpi])[kpi]

    def _targets(self, kpi: str) -> np.ndarray:
        return targets_ahead(self.cascade, kpi, self.baseline.units, self.baseline.periods)

    def _anyway(self, kpi: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the median without any change, and the probability of meeting the target, shape (H, P)."""
        outcome = self.system.outcomes({}, [kpi])[kpi]
        return _quantiles(outcome, (0.5,))[0], _met(self.cascade, kpi, outcome, self.targets(kpi))


def what_if(
    cascade: Cascade,
    history: History,
    links: LinkResults,
    changes: Changes | None = None,
    *,
    action: str | None = None,
    horizon: int = 12,
    units: Places = None,
    kpis: Iterable[str] | None = None,
    inconclusive: Doubtful = "in",
    inference: Inference = "cluster",
    confidence: float = CONFIDENCE,
    draws: int = DRAWS,
    seed: int = SEED,
) -> Scenario:
    """Carry a change of KPIs along the arrows of the map.

    Parameters
    ----------
    cascade : Cascade
    history : History
    links : LinkResults
        Of `fit_links`: contradicted and untestable arrows carry nothing.
    changes : mapping of KPI to change, or Interventions
        ``{"bed_occupancy": -0.03}``: a number is absolute, a text with ``%`` relative. Without more it is a
        lasting step from the next period on at every unit that has the KPI; ``"-0.03 ramp 6 at S08000015"`` and
        the like: see `Intervention`.
    action : str, optional
        An action whose `expects` is the change, at its units, from its start; where that lies in the past, as if
        it began anew with the first period ahead, which the text says.
    horizon : int
        Periods ahead, 1 or more.
    units : str or iterable of str, optional
        Units or levels to show; fewer are faster. Default: all.
    kpis : iterable of str, optional
        KPIs to show; default: those changed and all that are reached.
    inconclusive : {"in", "out"}
        Whether arrows that history leaves open carry the change, with their full uncertainty.
    inference : {"cluster", "wild"}
        Draws from the clustered covariance, or from the wild cluster bootstrap.
    confidence : float
        Coverage of the intervals, between 0 and 1.
    draws, seed : int

    Returns
    -------
    Scenario

    Raises
    ------
    InputError
        Every problem at once: unknown names, a change of a computed KPI (with the parts to change instead), a
        horizon below one, a loop that feeds itself.

    Notes
    -----
    `median`, `conf_low` and `conf_high` say where the KPI will be: they hold what is not known of the arrows
    *and* what happens anyway. `effect`, `effect_low` and `effect_high` say what the change does: they hold what
    is not known of the arrows alone. A KPI that is changed is held there: it does not listen to its causes; what an
    action promises, or a change with the word ``added``, comes on top of what they do.
    The first call with some `links` estimates and forecasts; the next ones reuse that.
    """
    prepared = prepare_what_if(
        cascade, history, links, horizon=horizon, units=units, inconclusive=inconclusive, inference=inference,
        confidence=confidence, draws=draws, seed=seed,
    )  # fmt: skip
    return prepared.scenario(changes, action=action, kpis=kpis)


def prepare_what_if(
    cascade: Cascade,
    history: History,
    links: LinkResults,
    *,
    horizon: int = 12,
    units: Places = None,
    inconclusive: Doubtful = "in",
    inference: Inference = "cluster",
    confidence: float = CONFIDENCE,
    draws: int = DRAWS,
    seed: int = SEED,
    correct_bias: bool = True,
) -> WhatIf:
    """Estimate the equations and lay out the forecasts once, for many changes; see `what_if` for the parameters.

    The last four preparations are kept, so that calling `what_if` again is fast, too.
    """
    places = None if units is None else ((units,) if isinstance(units, str) else tuple(units))
    options = Options(horizon, places, draws, seed, confidence, inference, inconclusive, correct_bias)
    check_options(cascade, links, options)
    key = (id(cascade), id(history), id(links), options)
    if key not in _PREPARED:
        dynamics = fit_dynamics(cascade, history, links, inconclusive=inconclusive, correct_bias=correct_bias)
        _PREPARED[key] = ((cascade, history, links), WhatIf(cascade, history, dynamics, options))
        while len(_PREPARED) > MOST_PREPARED:
            _PREPARED.popitem(last=False)
    _PREPARED.move_to_end(key)
    return _PREPARED[key][1]


_PREPARED: OrderedDict[tuple[Any, ...], tuple[tuple[Any, ...], WhatIf]] = OrderedDict()


def _units_shown(cascade: Cascade, places: tuple[str, ...] | None) -> frozenset[str]:
    if places is None:
        return frozenset(unit.id for unit in cascade.units)
    named = [
        [u.id for u in cascade.units_at(place)] if place in cascade.levels else [place] for place in places
    ]
    return frozenset(unit for units in named for unit in units)


def _units_needed(cascade: Cascade, shown: frozenset[str]) -> tuple[str, ...]:
    """Return what the shown units rest on: all below them, and those above for causes that exist only there."""
    needed = cascade.with_descendants(shown) | cascade.with_ancestors(shown)
    return tuple(unit.id for unit in cascade.units if unit.id in needed)


def _claims(cascade: Cascade) -> Any:
    """Return at which units an arrow is claimed."""
    everywhere = frozenset(unit.id for unit in cascade.units)
    excluded: dict[tuple[str, str], frozenset[str]] = {}
    for link in cascade.links:
        pair = (link.cause, link.effect)
        excluded[pair] = excluded.get(pair, everywhere) & cascade.with_descendants(link.excluded)
    return lambda cause, effect: everywhere - excluded.get((cause, effect), frozenset())


def _known_kpis(cascade: Cascade, kpis: Iterable[str]) -> tuple[str, ...]:
    wanted = (kpis,) if isinstance(kpis, str) else tuple(kpis)
    known = [kpi.id for kpi in cascade.kpis]
    stop_on(
        Problem("kpis", f"unknown KPI '{kpi}'; {did_you_mean(kpi, known)}")
        for kpi in wanted
        if kpi not in known
    )
    return wanted


def _table(parts: list[dict[str, np.ndarray]]) -> pd.DataFrame:
    """Put the rows of all KPIs below each other."""
    if not parts:
        return pd.DataFrame(columns=COLUMNS)
    return pd.DataFrame({name: np.concatenate([part[name] for part in parts]) for name in COLUMNS})


def _quantiles(values: np.ndarray, shares: tuple[float, ...]) -> list[np.ndarray]:
    """Return quantiles over the draws, the last axis; shape (H, P) each."""
    ordered = np.sort(values, axis=-1)
    n_draws = ordered.shape[-1]
    found = []
    for share in shares:
        place = share * (n_draws - 1)
        below = int(place)
        above = min(below + 1, n_draws - 1)
        found.append(ordered[..., below] + (place - below) * (ordered[..., above] - ordered[..., below]))
    return found


def _met(cascade: Cascade, kpi_id: str, outcome: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return in which share of the draws the target in force is met, shape (H, P); NaN where there is none."""
    kpi = cascade.kpi(kpi_id)
    goal = target[:, :, None]
    if kpi.better == "near":
        met = np.abs(outcome - goal) <= kpi.tolerance * np.abs(goal)
    else:
        slack = 1e-12 * np.abs(goal)
        met = outcome <= goal + slack if kpi.better == "lower" else outcome >= goal - slack
    return np.where(np.isnan(target), np.nan, met.mean(axis=2))


def _outside(cascade: Cascade, kpi_id: str, outcome: np.ndarray) -> np.ndarray:
    """Return which share of the draws lies beyond 0–1, for shares; NaN for anything else."""
    if cascade.kpi(kpi_id).unit_of_measure != "share":
        return np.full(outcome.shape[:2], np.nan)
    return ((outcome < 0) | (outcome > 1)).mean(axis=2)


def _beyond(median: np.ndarray, past: np.ndarray) -> np.ndarray:
    """Tell where the scenario leaves what the unit's own history has seen, shape (H, P)."""
    low, high = np.nanmin(past, axis=0), np.nanmax(past, axis=0)
    slack = 1e-9 * (high - low)
    return (median < low - slack) | (median > high + slack)
