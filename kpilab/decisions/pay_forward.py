"""What a plan would have paid in past years, and what it may pay: distributions of payouts.

Measures are computed once per place (KPI, unit, curve), whoever is paid by them; people are added up in
blocks, so that memory does not grow with people × draws.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kpilab.decisions.payout import CurveArrays
from kpilab.decisions.statements import PayStatement, Place
from kpilab.model.cascade import Cascade
from kpilab.model.history import History
from kpilab.model.nouns import Kpi
from kpilab.model.pay_plan import Curve
from kpilab.model.periods import Span
from kpilab.scorecard.attainment import attainment, progress, red_flags, score
from kpilab.scorecard.in_force import TargetBook
from kpilab.scorecard.panels import kpi_spans

PEOPLE_AT_ONCE = 50
THREADS = 2
USUAL = {"threshold": 0.90, "target": 0.55, "maximum": 0.15}
"""How often a usual plan is meant to reach its marks."""


@dataclass(frozen=True, eq=False)
class PlaceYears:
    """Where the places of a plan stood in each of several spans.

    Attributes
    ----------
    performance : ndarray, shape (n_spans, n_places)
        NaN where it cannot be computed.
    with_current_target : ndarray of bool, shape (n_spans, n_places)
        The target of the pay period was used, since none was in force then.
    """

    performance: np.ndarray
    with_current_target: np.ndarray


def past_spans(history: History, span: Span, years: int) -> list[Span]:
    """Return the pay period and those before it, as far back as history has all of it; oldest first."""
    length = span.n_periods
    spans = [Span(span.start - length * i, span.end - length * i) for i in range(years)]
    return [each for each in reversed(spans) if history.position(each.start) >= 0]


def place_years(
    cascade: Cascade, history: History, places: Sequence[Place], spans: Sequence[Span], current: Span
) -> PlaceYears:
    """Compute the performance of places in spans, against the targets in force then."""
    book, unit_at = TargetBook(cascade), {unit: i for i, unit in enumerate(history.units)}
    performance = np.full((len(spans), len(places)), np.nan)
    borrowed = np.zeros(performance.shape, dtype=bool)
    by_kpi: dict[str, list[int]] = {}
    for position, place in enumerate(places):
        by_kpi.setdefault(place.kpi, []).append(position)
    for kpi_id, positions in by_kpi.items() if spans else ():
        kpi = cascade.kpi(kpi_id)
        units = tuple(cascade.unit(places[i].unit) for i in positions)
        columns = [unit_at[unit.id] for unit in units]
        now = book.over(kpi, units, current)
        for row, (span, panel) in enumerate(zip(spans, kpi_spans(cascade, history, kpi, spans), strict=True)):
            actual, then = panel.values[0, columns], book.over(kpi, units, span)
            missing = np.isnan(then.target)
            target = np.where(missing, now.target, then.target)
            baseline = np.where(missing, now.baseline, then.baseline)
            flags = np.where(missing, now.red_flag, then.red_flag)
            for k, i in enumerate(positions):
                at = slice(k, k + 1)
                found = _performance(kpi, places[i], actual[at], target[at], baseline[at], flags[at])
                performance[row, i] = found[0]
            borrowed[row, positions] = [missing[k] and places[i].curve.base != "value"
                                        for k, i in enumerate(positions)]  # fmt: skip
    return PlaceYears(performance, borrowed)


def place_draws(
    book: TargetBook, places: Sequence[Place], draws: Mapping[tuple[str, str], np.ndarray], current: Span
) -> np.ndarray:
    """Turn draws of KPI values, each of shape (n_draws,), into performances, shape (n_draws, n_places).

    Places without draws are NaN.
    """
    cascade = book.cascade
    n_draws = len(next(iter(draws.values()), ()))
    found = np.full((len(places), n_draws), np.nan)  # the draws of a place lie in one piece
    alike: dict[tuple[str, str], list[int]] = {}
    for position, place in enumerate(places):
        if (place.kpi, place.unit) in draws:
            alike.setdefault((place.kpi, place.curve.base), []).append(position)
    for (kpi_id, _), positions in alike.items():
        kpi = cascade.kpi(kpi_id)
        over = book.over(kpi, tuple(cascade.unit(places[i].unit) for i in positions), current)
        values = np.stack(
            [draws[(kpi_id, places[i].unit)] for i in positions], dtype=float, casting="same_kind"
        )
        marks = (each[:, None] for each in (over.target, over.baseline, over.red_flag))
        found[positions] = _performance(kpi, places[positions[0]], values, *marks)
    return found.T


def payouts(places: Sequence[Place], performance: np.ndarray) -> np.ndarray:
    """Return the payout of each performance, shape (n, n_places), as a share of target pay."""
    found = np.empty_like(performance)
    alike: dict[Curve, list[int]] = {}
    for position, place in enumerate(places):
        alike.setdefault(place.curve, []).append(position)
    for curve, positions in alike.items():
        found[:, positions] = CurveArrays(curve).payout(performance.T[positions]).T
    return found


def total_pay(
    statements: Sequence[PayStatement], places: Sequence[Place], paid: np.ndarray, caps: Mapping[str, float]
) -> np.ndarray:
    """Add up what all participants get, shape (n,), before gates and modifiers; plans' caps hold.

    Parameters
    ----------
    paid : ndarray, shape (n, n_places)
        Payouts of the places; what is NaN counts as it does in the statement.
    caps : mapping of plan to the highest payout as a multiple of target pay
    """
    column = {place: i for i, place in enumerate(places)}
    unknown = np.isnan(paid)
    total = np.zeros(len(paid))
    money, stated = np.zeros(len(places)), np.zeros(len(places))
    for statement in statements:
        index, target_pay = [column[line.place] for line in statement.lines], float(statement.target_pay)
        weight = np.array([float(line.weight) for line in statement.lines])
        instead = weight * np.array([float(line.payout) for line in statement.lines])
        if (cap := caps.get(statement.participant.plan)) is None:
            np.add.at(money, index, target_pay * weight)
            np.add.at(stated, index, target_pay * instead)
            continue
        share = np.where(unknown[:, index], instead, weight * paid[:, index]).sum(axis=1)
        total += target_pay * np.minimum(share, cap)
    if unknown.any():
        paid = np.where(unknown, 0.0, paid)
        total += unknown @ stated
    return total + paid @ money


def marks_reached(places: Sequence[Place], performance: np.ndarray) -> np.ndarray:
    """Tell which marks were reached, shape (n, n_places, 3): threshold, target, maximum; False where unknown."""
    found = np.zeros((*performance.shape, 3), dtype=bool)
    for position, place in enumerate(places):
        side = -1.0 if place.curve.falls else 1.0
        marks = [float(mark[0]) for mark in (place.curve.threshold, place.curve.target, place.curve.maximum)]
        for k, mark in enumerate(marks):
            found[:, position, k] = side * performance[:, position] >= side * mark - 1e-12
    return found


def _performance(
    kpi: Kpi, place: Place, actual: np.ndarray, target: np.ndarray, baseline: np.ndarray, red_flag: np.ndarray
) -> np.ndarray:
    """Return what enters a place's curve; attainment is infinite where nothing is left of what should be low."""
    match place.curve.base:
        case "value":
            return actual
        case "progress":
            return progress(actual, baseline, target)
        case "score":
            return score(kpi, actual, target, red_flags(kpi, target, red_flag))
    found = attainment(kpi, actual, target)
    if kpi.better != "lower":
        return found
    return np.where((actual <= 0) & (target >= 0) & np.isnan(found), np.inf, found)
