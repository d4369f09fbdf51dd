"""Targets downward: from a parent's target to its children's, so that they add up to it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from kpilab.model.cascade import Cascade
from kpilab.model.history import History
from kpilab.model.nouns import Kpi
from kpilab.model.periods import Span, parse_span
from kpilab.problems import Problem, did_you_mean, one_problem, stop_on
from kpilab.scorecard.composition import Composition, composition_of
from kpilab.scorecard.difficulty import best_tenth, filled_variation, probability_of_reaching
from kpilab.scorecard.drivers import LinksWithVerdicts, plan_drivers
from kpilab.scorecard.family import family_of
from kpilab.scorecard.rollup import last_complete_period
from kpilab.scorecard.standing import Standing, standing_of
from kpilab.scorecard.target_plan import COLUMNS, RESIDUAL_COLUMNS, TargetPlan
from kpilab.scorecard.target_request import Bound, Limits, higher_is_better, read_limits, read_target
from kpilab.scorecard.target_tree import Siblings, Split, taken_down
from kpilab.show import quantity
from kpilab.words import TARGET_METHODS, SplitMethod, TargetMethod


def allocate_targets(
    cascade: Cascade,
    history: History,
    *,
    kpi: str,
    target: float | str,
    period: object = None,
    method: TargetMethod = "capability",
    unit: str | None = None,
    locked: Mapping[str, float] | None = None,
    fixed: Sequence[str] = (),
    bounds: Mapping[str, Bound] | Bound | None = None,
    weights: Mapping[str, float] | None = None,
    down_to: str | None = None,
    links: LinksWithVerdicts | None = None,
) -> TargetPlan:
    """Split a parent's target among its children, so that their roll-up is the parent's target.

    Parameters
    ----------
    cascade : Cascade
    history : History
    kpi : str
    target : float or str
        The parent's value to reach. ``"+5%"`` and ``"-5%"`` are relative to its actual; ``"95%"`` is 0.95
        for a share.
    period : str or Period, optional
        When it is to be reached: a period or span, past or to come. Default: a year after the last complete one.
    method : {"capability", "proportional", "equal", "gap_to_best", "evidence"}
        Least total stretch, in units of each child's own variation (the sum of squares); the same relative
        improvement (for a share, the distance to 0 or 1 shrinks by the same factor); the same level; the same
        share of the gap to the best of its level (of a sum: to its own best); or the drivers of an outcome,
        through supported links only.
    unit : str, optional
        The parent; default: the unit at the top.
    locked : mapping of unit to float, optional
        Targets that are given. With ``evidence``: of KPI to float.
    fixed : sequence of str, optional
        Units that keep their actual.
    bounds : mapping of unit to (low, high), or one pair for all, optional
        None for an open end.
    weights : mapping of unit to float, optional
        Forecast denominators, instead of those of the same periods of the latest year.
    down_to : str, optional
        The lowest level to be given targets; default: the lowest that has the KPI.
    links : LinkResults, optional
        For ``evidence``.

    Returns
    -------
    TargetPlan

    Raises
    ------
    InputError
        When a name is unknown, the KPI does not follow from its children, or the target cannot be reached:
        then with the locks and bounds that are in the way.

    Notes
    -----
    Weights of a future period are the denominators of the same periods of the latest year with history; on
    the example these forecast the shares of boards better than a trend does. A past period has its own
    denominators and its own actuals; its difficulty is that of getting from there to the target in a year.

    Below the children the split goes on by the same method, family by family. A KPI that does not follow
    from its children's values is refused: a formula that is neither a sum nor a quotient of sums.

    Examples
    --------
    >>> import kpilab as kl, tempfile
    >>> from kpilab.model.start import start_cascade
    >>> folder = tempfile.mkdtemp()
    >>> paths = start_cascade(folder)
    >>> cascade = kl.read_cascade(folder)
    >>> history = kl.read_history(cascade)
    >>> plan = kl.allocate_targets(cascade, history, kpi="revenue", target="+5%", period="2025-06")
    >>> bool(plan.residuals()["residual"].abs().max() < 1e-9 * plan.target)
    True
    """
    whole = cascade.kpi(kpi)
    parent = _parent(cascade, whole, unit)
    stop_on(_word_problems(cascade, method, down_to))
    span = _span(cascade, history, period)
    if method == "evidence":
        return plan_drivers(
            cascade, history, whole, parent, span, target, read_limits(locked, fixed, bounds), links
        )
    composition = composition_of(cascade, whole)
    standing = standing_of(cascade, history, whole, parent, span)
    weight = composition.weights(cascade, history, whole, standing.base)
    weight = _with_given_weights(history, weight, weights)
    families, left_out = _families(cascade, history, whole, parent, standing, weight, composition, down_to)
    goal = read_target(target, whole, standing.actual[history.units.index(parent)])
    given = _split_of(
        cascade, history, whole, method, composition, standing, weight, families, goal,
        read_limits(locked, fixed, bounds),
    )  # fmt: skip
    targets = taken_down(given, goal)
    return _plan(cascade, history, whole, parent, span, method, standing, given, targets, left_out)


def _parent(cascade: Cascade, kpi: Kpi, unit: str | None) -> str:
    having = cascade.units_of(kpi)
    known = [each.id for each in having]
    if unit is None:
        top = [each.id for each in having if each.level == cascade.levels_of(kpi)[0]]
        if len(top) != 1:
            raise one_problem("unit", f"{len(top)} units have '{kpi.id}' at the top; say which one: unit=…")
        return top[0]
    level = cascade.unit(unit).level
    if unit not in known:
        levels = ", ".join(cascade.levels_of(kpi))
        raise one_problem(
            "unit",
            f"'{unit}' is a {level}, and kpi '{kpi.id}' exists at {levels} only; add the level to its levels",
        )
    return unit


def _word_problems(cascade: Cascade, method: str, down_to: str | None) -> list[Problem]:
    problems = []
    if method not in TARGET_METHODS:
        problems.append(
            Problem("method", f"unknown method '{method}'; {did_you_mean(method, TARGET_METHODS)}")
        )
    if down_to is not None and down_to not in cascade.levels:
        problems.append(
            Problem("down_to", f"unknown level '{down_to}'; {did_you_mean(down_to, cascade.levels)}")
        )
    return problems


def _span(cascade: Cascade, history: History, period: object) -> Span:
    if period is None:
        last = last_complete_period(cascade, history) + cascade.periods_per_year
        return Span(last, last)
    try:
        return parse_span(period, cascade.frequency)
    except ValueError as error:
        raise one_problem("period", str(error)) from error


def _with_given_weights(
    history: History, weight: np.ndarray, weights: Mapping[str, float] | None
) -> np.ndarray:
    given = dict(weights or {})
    problems = [
        Problem("weights", f"unknown unit '{unit}'; {did_you_mean(unit, history.units)}")
        for unit in given
        if unit not in history.units
    ]
    problems += [
        Problem("weights", f"the weight of '{unit}' is {value!r}; give a number of 0 or more")
        for unit, value in given.items()
        if not (np.isfinite(value) and value >= 0)
    ]
    stop_on(problems)
    return np.array([given.get(unit, own) for unit, own in zip(history.units, weight, strict=True)])


def _families(
    cascade: Cascade, history: History, kpi: Kpi, parent: str, standing: Standing, weight: np.ndarray,
    composition: Composition, down_to: str | None,
) -> tuple[tuple[Siblings, ...], tuple[tuple[str, str], ...]]:  # fmt: skip
    """Return parents with the children that can be given a target, top down, and those that can't."""
    below = _children(cascade, kpi, down_to)
    families, left_out, waiting = [], [], [history.units.index(parent)]
    for unit in waiting:
        reasons = {child: _unusable(standing, weight, composition, child) for child in below.get(unit, [])}
        usable = [child for child, reason in reasons.items() if not reason]
        left_out += [(history.units[child], reason) for child, reason in reasons.items() if reason]
        if usable:
            families.append(Siblings(unit, np.array(usable)))
            waiting += usable
    if not families:
        raise one_problem("kpi", _without_children(cascade, kpi, parent, left_out))
    return tuple(families), tuple(left_out)


def _children(cascade: Cascade, kpi: Kpi, down_to: str | None) -> dict[int, list[int]]:
    """Return, by position, the nearest units below each that have the KPI; a level that lacks it is passed over."""
    depth = cascade.levels.index(down_to) if down_to else len(cascade.levels)
    levels = tuple(level for level in cascade.levels_of(kpi) if cascade.levels.index(level) <= depth)
    family = family_of(cascade, levels)
    children: dict[int, list[int]] = defaultdict(list)
    for position, above in zip(family.positions.tolist(), family.parent.tolist(), strict=True):
        if above >= 0:
            children[int(family.positions[above])].append(position)
    return children


def _unusable(standing: Standing, weight: np.ndarray, composition: Composition, child: int) -> str:
    if np.isnan(standing.actual[child]):
        return f"no value in {standing.base}"
    if composition.rule == "mean" and not weight[child] > 0:
        return f"its weight, {composition.weight}, is {weight[child]:g} in {standing.base}"
    return ""


def _without_children(cascade: Cascade, kpi: Kpi, parent: str, left_out: list[tuple[str, str]]) -> str:
    if left_out:
        named = "; ".join(f"{child}: {why}" for child, why in left_out[:5])
        return f"no child of '{parent}' can be given a target for '{kpi.id}': {named}"
    below = [level for level in cascade.levels if level not in cascade.levels_of(kpi)]
    hint = "; name a unit that has some below it"
    if cascade.children(parent):
        hint = f"; add a level to its levels ({', '.join(below)})" if below else "; split to a lower level"
    return f"no unit below '{parent}' has kpi '{kpi.id}'{hint}"


def _split_of(
    cascade: Cascade, history: History, kpi: Kpi, method: SplitMethod, composition: Composition,
    standing: Standing, weight: np.ndarray, families: tuple[Siblings, ...], goal: float, limits: Limits,
) -> Split:  # fmt: skip
    members = np.concatenate([family.children for family in families])
    higher = higher_is_better(kpi, standing.actual[families[0].parent], goal)
    low, high, said = limits.of_units(history.units, members, standing, kpi)
    variation = np.full(len(history.units), np.nan)
    size = standing.actual[members] if composition.rule == "sum" else None
    variation[members] = filled_variation(standing.record.variation[members], size)
    if method == "capability" and np.isnan(variation[members]).all():
        raise one_problem(
            "method",
            f"capability measures stretch by each child's own changes, and history of '{kpi.id}' has fewer than six, "
            "or none but zeros; choose proportional or equal",
        )
    best = best_tenth(standing.values, higher)
    frontier = best
    if method == "gap_to_best":
        frontier = _frontier(cascade, history, kpi, composition, standing, members, higher)
    return Split(
        method, composition.rule, families, standing.actual, weight, low, high, variation, best, frontier,
        kpi.unit_of_measure == "share", history.units, said,
        lambda value: quantity(value, kpi.unit_of_measure),
    )  # fmt: skip


def _frontier(
    cascade: Cascade, history: History, kpi: Kpi, composition: Composition, standing: Standing,
    members: np.ndarray, higher: bool,
) -> np.ndarray:  # fmt: skip
    """Return the best of each unit's level; of a sum, which knows no common level, the unit's own best."""
    if kpi.better not in ("higher", "lower"):
        raise one_problem(
            cascade.where("kpis", kpi.id),
            f"gap_to_best needs a best, and kpi '{kpi.id}' says neither better: higher nor better: lower; add it, or "
            "choose another method",
        )
    frontier = np.full(len(history.units), np.nan)
    if composition.rule == "sum":
        ends = np.nanmax if higher else np.nanmin
        frontier[members] = ends(np.vstack([standing.values[:, members], standing.actual[members]]), axis=0)
        return frontier
    levels = np.array([cascade.unit(history.units[member]).level for member in members])
    for level in dict.fromkeys(levels.tolist()):
        here = members[levels == level]
        frontier[here] = standing.actual[here].max() if higher else standing.actual[here].min()
    return frontier


def _plan(
    cascade: Cascade, history: History, kpi: Kpi, parent: str, span: Span, method: TargetMethod,
    standing: Standing, given: Split, targets: np.ndarray, left_out: tuple[tuple[str, str], ...],
) -> TargetPlan:  # fmt: skip
    goal = float(targets[given.families[0].parent])
    top = given.families[0].parent
    higher = higher_is_better(kpi, standing.actual[top], goal)
    chance = probability_of_reaching(standing.actual, targets, standing.record, higher)
    tables = [
        _rows(cascade, kpi, span, given, family, targets, chance, standing, higher)
        for family in given.families
    ]
    return TargetPlan(
        cascade=cascade,
        kpi=kpi,
        unit=parent,
        span=span,
        base=standing.base,
        method=method,
        target=goal,
        actual=float(standing.actual[top]),
        difficulty=float(chance[top]),
        stretch=_mean_stretch(given, targets),
        table=pd.concat(tables, ignore_index=True),
        sums=_sums(cascade, kpi, span, given, targets),
        left_out=left_out,
        remarks=_remarks(standing, given),
        rule=given.rule,
    )


def _mean_stretch(given: Split, targets: np.ndarray) -> float:
    """Return the root of the mean squared stretch of the parent's children, weighted by their volume."""
    family = given.families[0]
    below, volume = family.children, given.volumes(family)
    squares = ((targets[below] - given.actual[below]) / given.variation[below]) ** 2
    return float(np.sqrt(volume @ squares / volume.sum()))


def _rows(
    cascade: Cascade, kpi: Kpi, span: Span, given: Split, family: Siblings, targets: np.ndarray,
    chance: np.ndarray, standing: Standing, higher: bool,
) -> pd.DataFrame:  # fmt: skip
    below = family.children
    units = [given.units[child] for child in below]
    target, actual, best = targets[below], given.actual[below], given.best[below]
    sign = 1 if higher else -1
    slack = 1e-12 * np.maximum(1, np.abs(best))
    rows = {
        "kpi": kpi.id,
        "unit": units,
        "level": [cascade.unit(unit).level for unit in units],
        "period": str(span),
        "parent": given.units[family.parent],
        "actual": actual,
        "target": target,
        "change": target - actual,
        "weight": given.weight[below],
        "lower": given.low[below],
        "upper": given.high[below],
        "locked": given.low[below] == given.high[below],
        "best": best,
        "beyond_best": sign * (target - best) > slack,
        "stretch": sign * (target - actual) / given.variation[below],
        "difficulty": chance[below],
        "note": [_note(standing, child) for child in below],
    }
    return pd.DataFrame(rows, columns=COLUMNS)


def _note(standing: Standing, child: int) -> str:
    record = standing.record
    if np.isnan(record.variation[child]):
        return f"{record.n_changes[child]} changes in history: too few for a probability"
    return "never changed in history" if record.variation[child] == 0 else ""


def _sums(cascade: Cascade, kpi: Kpi, span: Span, given: Split, targets: np.ndarray) -> pd.DataFrame:
    rows = []
    for family in given.families:
        unit, wanted = given.units[family.parent], float(targets[family.parent])
        rolled_up = given.roll_up(family, targets)
        level = cascade.unit(unit).level
        rows.append(
            [kpi.id, unit, level, str(span), len(family.children), wanted, rolled_up, wanted - rolled_up]
        )
    return pd.DataFrame(rows, columns=RESIDUAL_COLUMNS)


def _remarks(standing: Standing, given: Split) -> tuple[str, ...]:
    family = given.families[0]
    reported, added = given.actual[family.parent], given.roll_up(family, given.actual)
    if np.isnan(reported) or abs(reported - added) <= 1e-9 * max(1.0, abs(reported)):
        return ()
    said = given.write
    return (
        f"In {standing.base} the children add up to {said(added)}, while {given.units[family.parent]} reports "
        f"{said(reported)}; targets follow the children.",
    )
