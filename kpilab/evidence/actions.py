"""Every action against history: did it move its KPIs, by how much, and against what was promised."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from kpilab.evidence.action_data import Trial, TrialBuilder, level_of
from kpilab.evidence.action_designs import SEED, Effect, estimate
from kpilab.evidence.action_horizon import periods_needed
from kpilab.evidence.action_rivals import SPANS, kpis_of
from kpilab.evidence.action_verdicts import Size, decide, direction_of, reason, size_of
from kpilab.evidence.challenges import Challenge
from kpilab.evidence.regress.did import DRAWS
from kpilab.evidence.regress.linear import NotEstimable
from kpilab.evidence.regress.synthetic_did import PLACEBOS
from kpilab.model.cascade import Cascade
from kpilab.model.history import History
from kpilab.model.nouns import Action, Kpi
from kpilab.model.periods import PANDAS_CODE, period_text
from kpilab.problems import did_you_mean, one_problem
from kpilab.progress import with_bar
from kpilab.show import Result, count_of
from kpilab.words import ACTION_VERDICTS, ActionVerdict

COLUMNS = [
    "action", "kpi", "level", "start", "method", "effect", "std_error", "conf_low", "conf_high", "p_value",
    "relative", "expected", "detectable_effect", "cost", "cost_per_unit", "decidable", "n_treated", "n_controls",
    "n_before", "n_after", "verdict", "reason",
]  # fmt: skip
CONFIDENCE = 0.95


@dataclass(frozen=True, eq=False)
class ActionResult:
    """One action and one KPI against history.

    Attributes
    ----------
    action : Action
    kpi : str
        Id of the KPI; empty when the action names none and its process carries none.
    level : str
    verdict : str
        "worked", "did not work", "inconclusive", "cannot be separated", "ruler changed", "moved" (a shock or a
        structural change) or "untestable".
    reason : str
        One sentence with the number that decided.
    decidable : str
        The period from which on the promised effect can be told from none; empty when unknown or never.
    trial : Trial or None
    estimated : Effect or None
        None when untestable.
    size : Size or None
        The effect in the terms of its promise.
    """

    action: Action
    kpi: str
    level: str
    verdict: ActionVerdict
    reason: str
    decidable: str = ""
    trial: Trial | None = field(default=None, repr=False)
    estimated: Effect | None = field(default=None, repr=False)
    size: Size | None = field(default=None, repr=False)

    @property
    def effect(self) -> float:
        """Return the effect: a share when `relative`, else in units of the KPI; NaN when untestable."""
        return self.size.effect if self.size else float("nan")

    @property
    def expected(self) -> float:
        """Return what was promised, NaN when nothing was."""
        promised = self.action.expects.get(self.kpi)
        return promised.amount if promised else float("nan")

    @property
    def cost_per_unit(self) -> float:
        """Return cost per unit of effect; NaN unless the effect goes the way it was meant to."""
        if self.trial is None or self.size is None or self.action.cost is None:
            return float("nan")
        direction = direction_of(self.trial.kpi, self.size.expected)
        helpful = self.size.effect * direction
        return self.action.cost / helpful if helpful > 0 else float("nan")

    def event_study(self) -> pd.DataFrame:
        """Return the effect by periods since the start, those before it included, with a 95 % band.

        Of counts as shares of what would have been without the action, else in units of the KPI.
        """
        if self.estimated is None or self.trial is None:
            return pd.DataFrame(columns=["since_start", "effect", "conf_low", "conf_high"])
        fit, told = self.estimated, np.expm1 if self.trial.scale == "log" else np.array
        columns = {"effect": fit.gap, "conf_low": fit.gap_low, "conf_high": fit.gap_high}
        return pd.DataFrame(
            {"since_start": fit.since, **{name: told(values) for name, values in columns.items()}}
        )

    def counterfactual(self) -> pd.DataFrame:
        """Return what happened to the treated units and what would have happened without the action.

        Means of the treated units in units of the KPI, by periods since the start; `period` is empty where
        units began at different times.
        """
        columns = ["since_start", "period", "actual", "counterfactual", "conf_low", "conf_high"]
        if self.estimated is None or self.trial is None:
            return pd.DataFrame(columns=columns)
        return _counterfactual(self.estimated, self.trial)[columns]

    def checks(self) -> pd.DataFrame:
        """Return one row per check: name, failed, p_value, result; rivals and what was left out too."""
        found = [*self.estimated.checks] if self.estimated is not None else []
        if self.trial is not None:
            found += [Challenge(f"rival: {r.action.id}", r.inseparable, r.said) for r in self.trial.rivals]
            found += [Challenge("left out", False, said) for said in self.trial.left_out]
        rows = [(c.name, c.failed, c.p_value, c.result) for c in found]
        return pd.DataFrame(rows, columns=["check", "failed", "p_value", "result"])

    def row(self) -> list[object]:
        """Return the row of `ActionResults.tidy()`."""
        fit, size, nan = self.estimated, self.size, float("nan")
        numbers = [size.effect, size.std_error, size.conf_low, size.conf_high] if size else [nan] * 4
        promised = self.action.expects.get(self.kpi)
        return [
            self.action.id, self.kpi, self.level, self.action.start, fit.method if fit else "", *numbers,
            fit.p_value if fit else nan, size.relative if size else bool(promised and promised.relative),
            self.expected, size.detectable if size else nan,
            nan if self.action.cost is None else self.action.cost, self.cost_per_unit, self.decidable,
            *((fit.n_treated, fit.n_controls, fit.n_before, fit.n_after) if fit else (0, 0, 0, 0)),
            self.verdict, self.reason,
        ]  # fmt: skip


@dataclass(frozen=True, eq=False)
class ActionResults(Result, Sequence[ActionResult]):
    """Every action and every KPI it is judged by; indexed by position or by ``(action, kpi)``."""

    cascade: Cascade
    results: tuple[ActionResult, ...]

    @property
    def title(self) -> str:  # type: ignore[override]
        """Return the name of the cascade."""
        return f"{self.cascade.name}: actions against history"

    def tidy(self) -> pd.DataFrame:
        """Return one row per action and KPI, in the order in which they are written."""
        return pd.DataFrame([result.row() for result in self.results], columns=COLUMNS)

    def glance(self) -> pd.DataFrame:
        """Return one row: how many of each verdict, and how they were reached."""
        counts = {
            f"n_{verdict.replace(' ', '_')}": [sum(r.verdict == verdict for r in self.results)]
            for verdict in ACTION_VERDICTS
        }
        how = {
            "confidence": [CONFIDENCE],
            "correction": ["none"],
            "draws": [DRAWS],
            "placebos": [PLACEBOS],
            "seed": [SEED],
        }
        n_actions = len({result.action.id for result in self.results})
        return pd.DataFrame({"n_actions": [n_actions], "n_rows": [len(self.results)], **counts, **how})

    @property
    def text(self) -> str:
        """Return how many actions worked, then one sentence per action and KPI."""
        counted = [(sum(r.verdict == v for r in self.results), v) for v in ACTION_VERDICTS]
        said = ", ".join(f"{n} {verdict}" for n, verdict in counted if n)
        n_actions = len({result.action.id for result in self.results})
        lines = [f"{count_of(n_actions, 'action')} looked at: {said or 'none'}."]
        for result in self.results:
            kpi = f" → {self.cascade.kpi(result.kpi).name}" if result.kpi else ""
            lines.append(f"{result.action.name}{kpi}: {result.verdict}. {result.reason}")
        return "\n".join(lines)

    def shown(self) -> pd.DataFrame:
        """Return the columns that fit on a page."""
        kept = ["action", "kpi", "start", "method", "effect", "conf_low", "conf_high", "p_value", "expected"]
        return self.tidy()[[*kept, "detectable_effect", "decidable", "n_treated", "n_controls", "verdict"]]

    def at(self, level: str) -> "ActionResults":
        """Return the actions judged at one level."""
        return ActionResults(self.cascade, tuple(r for r in self.results if r.level == level))

    def of_unit(self, unit: str) -> "ActionResults":
        """Return the actions that reach a unit.

        Raises
        ------
        InputError
            When the cascade has no such unit.
        """
        known = self.cascade.unit(unit).id
        kept = tuple(
            r for r in self.results if known in self.cascade.with_descendants(_units_of(self.cascade, r))
        )
        return ActionResults(self.cascade, kept)

    def __len__(self) -> int:
        return len(self.results)

    def __iter__(self) -> Iterator[ActionResult]:
        return iter(self.results)

    def __getitem__(self, key):  # type: ignore[no-untyped-def]
        if isinstance(key, int | slice):
            return self.results[key]
        found = [result for result in self.results if key == (result.action.id, result.kpi)]
        if found:
            return found[0]
        known = [f"{result.action.id}, {result.kpi}" for result in self.results]
        asked = ", ".join(map(str, key)) if isinstance(key, tuple) else str(key)
        raise one_problem("action", f"no result for ({asked}); {did_you_mean(asked, known)}")


def evaluate_actions(cascade: Cascade, history: History) -> ActionResults:
    """Ask of every action whether it moved its KPIs.

    The comparison is with units that the action did not reach: staggered difference-in-differences when many
    units are treated, synthetic difference-in-differences with placebo ranks when few are; without such units
    a structural time-series model. Another action on the same units within half a year cannot be separated.

    Parameters
    ----------
    cascade : Cascade
    history : History

    Returns
    -------
    ActionResults
        One row per action and KPI that it expects to move, or each KPI of its process when it expects nothing
        in particular. What cannot be tested is *untestable* with the reason.

    References
    ----------
    Callaway & Sant'Anna (2021); Arkhangelsky et al. (2021); Harvey & Durbin (1986); Schuirmann (1987).
    """
    builder = TrialBuilder(cascade, history)
    asked = [(action, kpi) for action in cascade.actions for kpi in kpis_of(cascade, action) or ("",)]
    with threadpool_limits(1):
        results = tuple(
            _evaluated(cascade, builder, action, kpi) for action, kpi in with_bar(asked, "actions")
        )
    return ActionResults(cascade, results)


def _evaluated(cascade: Cascade, builder: TrialBuilder, action: Action, kpi_id: str) -> ActionResult:
    if not kpi_id:
        said = "Cannot be tested: it expects nothing to move, and no KPI belongs to its process."
        return ActionResult(action, "", "", "untestable", said)
    kpi, level = cascade.kpi(kpi_id), ""
    try:
        level = level_of(cascade, action, kpi)
        trial = builder.build(action, kpi)
        effect = estimate(trial, _unaffected(cascade, builder, action, kpi_id))
    except NotEstimable as error:
        return _untestable(action, kpi_id, level, error, _planned(builder, action, kpi))
    size = size_of(effect, trial)
    needed = periods_needed(effect, trial, size)
    when = "" if needed is None else period_text(trial.periods[trial.first] + (needed - 1))
    verdict, rule = decide(action, kpi, effect, size, trial.rivals)
    said = reason(rule, action, kpi, effect, size, trial.rivals, _when(needed, when, size))
    return ActionResult(action, kpi_id, level, verdict, said, when, trial, effect, size)


def _unaffected(cascade: Cascade, builder: TrialBuilder, action: Action, kpi_id: str) -> tuple[Trial, ...]:
    """Return the trials of the KPIs that an action cannot have moved; those without history are left out."""
    trials = []
    for name in action.unaffected:
        try:
            trials += [builder.build(action, cascade.kpi(name))] if name != kpi_id else []
        except NotEstimable:
            continue
    return tuple(trials)


def _untestable(action: Action, kpi_id: str, level: str, error: NotEstimable, when: str) -> ActionResult:
    text = str(error).rstrip(".")
    if action.kind == "measurement":
        said = f"The ruler changed, not the performance; by how much cannot be said: {text}."
        return ActionResult(action, kpi_id, level, "ruler changed", said)
    later = f"; the promised effect can be told from none from {when} on" if when else ""
    return ActionResult(action, kpi_id, level, "untestable", f"Cannot be tested: {text}{later}.", when)


def _planned(builder: TrialBuilder, action: Action, kpi: Kpi) -> str:
    """Return when an action that history does not reach yet can be judged, as if it had begun earlier."""
    periods = builder.periods_of(kpi)
    start = builder.cascade.period(action.start).asfreq(periods.freqstr)
    spans = SPANS[kpi.every or builder.cascade.frequency]
    if kpi.id not in action.expects or start <= periods[-1] - spans.fewest_after:
        return ""
    shifted = periods[-1] - (spans.after // 2 - 1)
    earlier = shifted.asfreq(PANDAS_CODE[builder.cascade.frequency], "start")
    as_if = action.model_copy(update={"start": period_text(earlier), "starts": {}, "end": None})
    try:
        trial = builder.build(as_if, kpi)
        effect = estimate(trial)
    except NotEstimable:
        return ""
    needed = periods_needed(effect, trial, size_of(effect, trial))
    return "" if needed is None else period_text(start + (needed - 1))


def _when(needed: int | None, when: str, size: Size) -> str:
    if np.isnan(size.expected):
        return ""
    if needed is None:
        return "; waiting longer will not make the promised effect visible with these units"
    return f"; the promised effect can be told from none from {when} on"


def _counterfactual(fit: Effect, trial: Trial) -> pd.DataFrame:
    """Take the effect in each period off what happened, on the scale of the estimate."""
    begins = trial.start[trial.treated].astype(int)
    together = len(set(begins)) == 1
    actual = np.array([_mean_since(trial, begins, int(since)) for since in fit.since])
    with np.errstate(invalid="ignore"):
        if trial.scale == "log":
            without = [actual * np.exp(-gap) for gap in (fit.gap, fit.gap_high, fit.gap_low)]
        else:
            per = _mean_before(trial) if trial.scale == "index" else 1.0
            without = [actual - gap * per for gap in (fit.gap, fit.gap_high, fit.gap_low)]
    periods = [period_text(trial.periods[int(begins[0])] + int(s)) if together else "" for s in fit.since]
    return pd.DataFrame(
        {
            "since_start": fit.since,
            "period": periods,
            "actual": actual,
            "counterfactual": without[0],
            "conf_low": without[1],
            "conf_high": without[2],
        }
    )


def _mean_since(trial: Trial, begins: np.ndarray, since: int) -> float:
    """Return the mean of the treated units so many periods after their start."""
    rows = begins + since
    inside = (rows >= 0) & (rows < len(trial.values))
    found = trial.values[rows[inside], np.flatnonzero(trial.treated)[inside]]
    found = found[np.isfinite(found)]
    return float(found.mean()) if len(found) else float("nan")


def _mean_before(trial: Trial) -> float:
    before = trial.values[: trial.first, trial.treated]
    return float(before[np.isfinite(before)].mean())


def _units_of(cascade: Cascade, result: ActionResult) -> tuple[str, ...]:
    return result.action.units or tuple(root.id for root in cascade.roots())
