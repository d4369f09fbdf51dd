"""One trial, estimated: the design that its numbers of treated units and controls allow.

Many treated units and controls: staggered difference-in-differences from the mean of the year before. Few
treated units: synthetic difference-in-differences with placebo ranks. Nobody to compare with: a structural
time-series model of the treated units' mean. Each estimate is then attacked: by a start that was none, and by
KPIs that the action cannot have moved.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
from scipy import special

from kpilab.evidence.action_data import Trial
from kpilab.evidence.challenges import Challenge
from kpilab.evidence.fitting import seasonal_columns
from kpilab.evidence.regress.did import Aggregate, Control, att_gt
from kpilab.evidence.regress.linear import Floats, NotEstimable
from kpilab.evidence.regress.structural import (
    intervention,
    placebo_steps,
    predicted,
    ramp,
    step,
)
from kpilab.evidence.regress.structural_bootstrap import bootstrap_statistics
from kpilab.evidence.regress.synthetic_cohorts import synthetic_cohorts
from kpilab.show import count_of

Method = Literal["staggered DiD", "synthetic DiD", "structural"]

MANY = 10
SEED = 0
LEVEL = 0.05
STRICT = 0.01
LEAD = "lead placebo"
IN_TIME = "placebo in time"
LONGEST_GAP = 2
PLACEBO_STARTS = 12
FEWEST_PLACEBOS = 4
MOST_BEYOND = 0.1


@dataclass(frozen=True, eq=False)
class Effect:
    """The effect of an action on the scale of its trial.

    Attributes
    ----------
    method : {"staggered DiD", "synthetic DiD", "structural"}
    estimate, std_error, df, p_value, conf_low, conf_high : float
    smallest_p : float
        What the first rank among the placebos would give; 0 where p comes from no ranks.
    n_treated, n_controls, n_before, n_after : int
        Periods before and after the start that were used.
    since : ndarray of int, shape (m,)
        Periods since the start.
    gap, gap_low, gap_high : ndarray, shape (m,)
        Effect in each of them: treated less what they would have been, and its band (95 %).
    band : str
        "simultaneous" or "pointwise".
    weights : dict of unit to weight
        Of the controls; empty for the structural design.
    checks : tuple of Challenge
    """

    method: Method
    estimate: float
    std_error: float
    df: float
    p_value: float
    conf_low: float
    conf_high: float
    smallest_p: float
    n_treated: int
    n_controls: int
    n_before: int
    n_after: int
    since: np.ndarray
    gap: Floats
    gap_low: Floats
    gap_high: Floats
    band: str
    weights: dict[str, float]
    checks: tuple[Challenge, ...]


@dataclass(frozen=True, eq=False)
class _Curve:
    """Effects by periods since the start, with a band."""

    since: np.ndarray
    gap: Floats
    low: Floats
    high: Floats
    band: str


def estimate(trial: Trial, unaffected: tuple[Trial, ...] = ()) -> Effect:
    """Estimate a trial by the design that it allows, and attack it.

    Parameters
    ----------
    trial : Trial
    unaffected : tuple of Trial
        Of the same action and KPIs that it cannot have moved.

    Raises
    ------
    NotEstimable
        When no design can answer.
    """
    design = _design(trial)
    effect = design(trial)
    checks = [*effect.checks, *(_negative_control(other) for other in unaffected)]
    return replace(effect, checks=tuple(checks))


def _design(trial: Trial) -> Callable[[Trial], Effect]:
    n_treated, n_controls = int(trial.treated.sum()), int((~trial.treated).sum())
    many = n_treated >= MANY and n_controls >= MANY
    if many or (n_controls <= n_treated and min(n_treated, n_controls) >= 3):
        return _staggered
    return _synthetic if n_controls > n_treated else _structural


def _negative_control(other: Trial) -> Challenge:
    """Whatever the action did, it did not move this KPI: if it seems so, something else happened."""
    name = f"unaffected: {other.kpi.id}"
    try:
        effect = _design(other)(other)
    except NotEstimable as error:
        return Challenge(name, False, f"left out: {error}")
    failed = effect.p_value <= LEVEL
    said = "moved all the same" if failed else "did not move"
    return Challenge(name, failed, f"'{other.kpi.name}' {said} (p = {effect.p_value:.2g})", effect.p_value)


def _staggered(trial: Trial) -> Effect:
    """Compare changes since the mean of the base year, by Callaway & Sant'Anna, with Welch's t."""
    spans = trial.spans
    base = min(spans.base, trial.first)
    control: Control = "never" if (~trial.treated).any() else "not_yet"
    effects = att_gt(trial.y, trial.start, control=control, base="universal", base_periods=base)
    dynamic = effects.aggregate("dynamic", horizon=spans.after, seed=SEED)
    average = effects.aggregate("simple", horizon=spans.after, seed=SEED)
    shown = (dynamic.labels >= -spans.before) & (dynamic.labels < spans.after)
    half = dynamic.band * dynamic.std_error
    curve = _Curve(
        dynamic.labels[shown], dynamic.att[shown], (dynamic.att - half)[shown], (dynamic.att + half)[shown],
        "simultaneous",
    )  # fmt: skip
    if not average.welch_std_error > 0:
        raise NotEstimable(
            "a start with one unit only: its precision cannot be judged", reason="too few rows"
        )
    t = average.overall / average.welch_std_error
    sizes = (int(trial.treated.sum()), int((~trial.treated).sum()))
    checks = (_trend_before(dynamic, base, min(sizes) - 1.0), _lead_of_staggered(trial, base))
    p_value = min(1.0, 2 * float(special.stdtr(average.welch_df, -abs(t))))
    return _effect(
        "staggered DiD", average.overall, average.welch_std_error, average.welch_df, p_value, sizes,
        _periods_of(trial), curve, checks,
    )  # fmt: skip


def _trend_before(dynamic: Aggregate, base: int, df: float) -> Challenge:
    """Ask whether treated units and others differed in any period before the base.

    With few units the multiplier bootstrap finds too much: Šidák's bound with Student's t must agree.
    """
    name = "trend before"
    if np.isnan(dynamic.sup_p_before):
        return Challenge(name, False, f"left out: no period before the base of {base}")
    before = (dynamic.labels < -base) & (dynamic.std_error > 0)
    largest = float(np.abs(dynamic.att[before] / dynamic.std_error[before]).max())
    single = 2 * float(special.stdtr(df, -largest))
    p_value = max(dynamic.sup_p_before, float(-np.expm1(before.sum() * np.log1p(-min(single, 1 - 1e-16)))))
    failed = p_value < STRICT
    said = "differed before it began" if failed else "did not differ before it began"
    return Challenge(name, failed, f"treated units and others {said} (p = {p_value:.2g})", p_value)


def _lead_of_staggered(trial: Trial, base: int) -> Challenge:
    """Let the action begin where it did not, in the periods before it: that must show nothing."""
    length = _lead_length(trial)
    if length == 0:
        return Challenge(LEAD, False, "left out: too few periods before the start")
    rows = trial.first
    start = np.where(trial.treated, rows - length, np.inf)
    try:
        effects = att_gt(
            trial.y[:rows], start, base="universal", base_periods=min(base, rows - length)
        ).aggregate("simple")
    except NotEstimable as error:
        return Challenge(LEAD, False, f"left out: {error}")
    if not effects.welch_std_error > 0:
        return Challenge(LEAD, False, "left out: its precision cannot be judged")
    t = effects.overall / effects.welch_std_error
    return _lead_result(2 * float(special.stdtr(effects.welch_df, -abs(t))), STRICT, length)


def _synthetic(trial: Trial) -> Effect:
    """Compare with weighted controls, and the effect with what the same gives where nothing happened."""
    y, start, names, said = _complete(trial)
    spans = trial.spans
    fit = synthetic_cohorts(y, start, before=spans.before, after=spans.after, seed=SEED)
    df = float(min(fit.n_controls, len(fit.placebos)) - 1)
    critical = float(special.stdtrit(df, 0.975))
    spread = (fit.placebo_gap / fit.placebo_rmse[:, None]).std(axis=0) * fit.pre_rmse
    curve = _Curve(fit.since, fit.gap, fit.gap - critical * spread, fit.gap + critical * spread, "pointwise")
    treated = np.isfinite(start)
    effect = _effect(
        "synthetic DiD", fit.estimate, fit.std_error, df, fit.p_value, (fit.n_treated, fit.n_controls),
        (fit.n_before, fit.n_after), curve, (_lead_of_synthetic(y, start, trial),),
    )  # fmt: skip
    weights = dict(zip(np.array(names)[~treated], (float(w) for w in fit.unit_weights), strict=True))
    ranks = Challenge(
        "placebo ranks", False,
        f"{len(fit.placebos)} placebos; the smallest p they can give is {fit.smallest_p:.2g}{said}", fit.p_value,
    )  # fmt: skip
    return replace(effect, smallest_p=fit.smallest_p, weights=weights, checks=(ranks, *effect.checks))


def _lead_of_synthetic(y: Floats, start: Floats, trial: Trial) -> Challenge:
    treated = np.isfinite(start)
    first = int(start[treated].min())
    length = _lead_length(trial, first)
    if length == 0:
        return Challenge(LEAD, False, "left out: too few periods before the start")
    lead = np.where(treated, first - length, np.inf)
    fit = synthetic_cohorts(y[:first], lead, before=trial.spans.before, after=length, seed=SEED)
    return _lead_result(fit.p_value, LEVEL, length)


def _structural(trial: Trial) -> Effect:
    """Look for a step or ramp in the treated units' mean, by a model whose level wanders.

    Its variances are estimated and then taken as known, which makes errors too small in short series: they are
    widened until the 95 % interval holds in series that the fitted model could have made, and further by how much
    steps at other dates before the start vary, where these vary by more than they should.
    """
    series, regressors = _single_series(trial)
    rows, first = len(series), trial.first
    length = trial.action.ramp
    shape = ramp(rows, first, length) if length else step(rows, first)
    fit = intervention(series, shape, regressors)
    elsewhere = _steps_elsewhere(trial, series, regressors)
    straying = np.abs(bootstrap_statistics(series, shape, regressors, fit, seed=SEED))
    usual = float(np.quantile(straying, 1 - LEVEL) / special.stdtrit(fit.df, 1 - LEVEL / 2))
    enough = len(elsewhere) >= FEWEST_PLACEBOS
    wider = max(1.0, usual, float(np.sqrt((elsewhere**2).mean())) if enough else 1.0)
    p_value = min(1.0, 2 * float(special.stdtr(fit.df, -abs(fit.statistic) / wider)))
    mean, error = predicted(series, first, regressors)
    half = float(special.stdtrit(fit.df, 0.975)) * error
    gap = series - mean
    curve = _Curve(np.arange(rows) - first, gap, gap - half, gap + half, "pointwise")
    sizes = (int(trial.treated.sum()), int((~trial.treated).sum()))
    return _effect(
        "structural", fit.estimate, wider * fit.std_error, fit.df, p_value, sizes, (fit.n_before, fit.n_after),
        curve, (_placebo_in_time(elsewhere, fit.statistic, p_value, wider),),
    )  # fmt: skip


def _steps_elsewhere(trial: Trial, series: Floats, regressors: Floats) -> Floats:
    """Return the t statistics of steps at other dates before the start; none when history is too short."""
    first, spans = trial.first, trial.spans
    latest = first - min(len(series) - first, spans.apart)
    starts = np.unique(
        np.linspace(spans.fewest_before, max(latest, spans.fewest_before), PLACEBO_STARTS).astype(int)
    )
    try:
        found = placebo_steps(series[:first], starts[starts < first], len(series) - first, regressors[:first])
    except NotEstimable:
        return np.empty(0)
    return found[np.isfinite(found)]


def _placebo_in_time(elsewhere: Floats, statistic: float, p_value: float, wider: float) -> Challenge:
    """Ask whether steps at other dates before the start are as large; hardly any may be."""
    if len(elsewhere) < FEWEST_PLACEBOS:
        return Challenge(IN_TIME, False, "left out: too few periods before the start")
    beyond = int((np.abs(elsewhere) >= abs(statistic)).sum())
    said = f"{beyond} of {len(elsewhere)} steps at other dates before it are as large"
    said += f"; errors widened by {wider:.2f}, as much as such steps vary" if wider > 1 else ""
    failed = p_value < LEVEL and beyond > MOST_BEYOND * len(elsewhere)
    return Challenge(IN_TIME, failed, said, (1 + beyond) / (1 + len(elsewhere)))


def _single_series(trial: Trial) -> tuple[Floats, Floats]:
    """Return the mean of the treated units less its gaps, and what is held constant: season and controls."""
    with np.errstate(invalid="ignore"):
        treated = (
            np.nanmean(trial.y[:, trial.treated], axis=1)
            if trial.treated.sum() > 1
            else (trial.y[:, trial.treated][:, 0])
        )
    season = seasonal_columns(trial.periods)
    if season.shape[1] and trial.first < 2 * trial.spans.base:
        season = season[:, :0]
    others = _bridged(trial.y[:, ~trial.treated])
    complete = np.isfinite(others).all(axis=0)
    if complete.any():
        season = np.column_stack([season, others[:, complete].mean(axis=1)])
    return treated, np.column_stack([season, trial.covariates])


def _complete(trial: Trial) -> tuple[Floats, Floats, tuple[str, ...], str]:
    """Return y, start and names of the units that are complete, short gaps bridged, and what that cost."""
    y = _bridged(trial.y)
    gaps = np.flatnonzero(~np.isfinite(y[:, trial.treated]).all(axis=1))
    first_row = max((int(gap) + 1 for gap in gaps if gap < trial.first), default=0)
    last_row = min((int(gap) for gap in gaps if gap >= trial.first), default=len(y))
    window = slice(first_row, last_row)
    whole = np.asarray(~np.isnan(y[window]).any(axis=0))
    start = trial.start[whole] - first_row
    start = np.where(start >= last_row - first_row, np.inf, start)
    if not np.isfinite(start).any():
        raise NotEstimable("the treated units have gaps around the start", reason="too few rows")
    if (
        int(start.min()) < trial.spans.fewest_before
        or last_row - first_row - start.min() < trial.spans.fewest_after
    ):
        raise NotEstimable("gaps leave too few periods around the start", reason="too few rows")
    dropped = int((~whole).sum())
    bridged = int((np.isfinite(y) & np.isnan(trial.y))[:, whole].sum())
    said = f"; {count_of(dropped, 'unit')} with gaps left out" if dropped else ""
    said += f"; {count_of(bridged, 'single gap')} bridged" if bridged else ""
    names = tuple(unit for unit, keep in zip(trial.units, whole, strict=True) if keep)
    return y[window][:, whole], start, names, said


def _bridged(y: Floats) -> Floats:
    """Fill gaps of up to two periods inside a series along a straight line."""
    frame = pd.DataFrame(y)
    known = frame.notna()
    run = (~known).astype(int).apply(lambda gaps: gaps.groupby(known[gaps.name].cumsum()).transform("sum"))
    filled = frame.interpolate(limit_area="inside")
    return frame.where(known | (run > LONGEST_GAP), filled).to_numpy()


def _lead_length(trial: Trial, first: int | None = None) -> int:
    """Return how long the placebo before the start is, 0 when history is too short for one."""
    rows = trial.first if first is None else first
    length = min(len(trial.periods) - trial.first, rows // 2, trial.spans.after)
    return length if rows - length >= trial.spans.fewest_before and length >= trial.spans.fewest_after else 0


def _lead_result(p_value: float, level: float, length: int) -> Challenge:
    failed = p_value <= level
    said = "already shows an effect" if failed else "shows no effect"
    text = f"a start {count_of(length, 'period')} before the real one {said} (p = {p_value:.2g})"
    return Challenge(LEAD, failed, text, p_value)


def _periods_of(trial: Trial) -> tuple[int, int]:
    return trial.first, min(len(trial.periods) - trial.first, trial.spans.after)


def _effect(
    method: Method,
    estimate: float,
    std_error: float,
    df: float,
    p_value: float,
    sizes: tuple[int, int],
    periods: tuple[int, int],
    curve: _Curve,
    checks: tuple[Challenge, ...],
) -> Effect:
    half = float(special.stdtrit(df, 0.975)) * std_error
    return Effect(
        method, estimate, std_error, df, p_value, estimate - half, estimate + half, 0.0, *sizes, *periods,
        curve.since, curve.gap, curve.low, curve.high, curve.band, {}, checks,
    )  # fmt: skip
