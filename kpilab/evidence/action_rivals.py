"""What else happened: other actions that may have moved the same KPI of the same units in the same window."""

from dataclasses import dataclass

import networkx as nx
import numpy as np

from kpilab.model.cascade import Cascade
from kpilab.model.nouns import Action, Kpi
from kpilab.words import Frequency


@dataclass(frozen=True)
class Spans:
    """How many periods are looked at.

    Attributes
    ----------
    before, after : int
        At most, on the two sides of the start.
    base : int
        Just before the start, whose mean is what treated and control units are compared from.
    fewest_before, fewest_after : int
        With fewer nothing is estimated.
    apart : int
        Two actions that begin nearer to each other cannot be told apart.
    """

    before: int
    after: int
    base: int
    fewest_before: int
    fewest_after: int
    apart: int


SPANS: dict[Frequency, Spans] = {
    "day": Spans(182, 91, 28, 28, 7, 28),
    "week": Spans(156, 104, 52, 26, 4, 13),
    "month": Spans(60, 24, 12, 12, 3, 6),
    "quarter": Spans(40, 8, 4, 6, 2, 2),
    "year": Spans(20, 5, 1, 4, 2, 1),
}


@dataclass(frozen=True)
class Rival:
    """Another action on the same units in the same window.

    Attributes
    ----------
    action : Action
    inseparable : bool
        Begins so near that history cannot tell the two apart.
    said : str
        What is done about it, in words.
    """

    action: Action
    inseparable: bool
    said: str


@dataclass(frozen=True, eq=False)
class Window:
    """What rivals leave of the window.

    Attributes
    ----------
    rivals : tuple of Rival
    begin, stop : int
        Rows between which no other action begins on the treated units.
    touched : ndarray of bool, shape (U,)
        Untreated units that another action touched within the window: no controls.
    """

    rivals: tuple[Rival, ...]
    begin: int
    stop: int
    touched: np.ndarray


@dataclass(frozen=True, eq=False)
class Exposure:
    """When another action reached each unit.

    Attributes
    ----------
    action : Action
    start : ndarray, shape (U,)
        Row; infinite if never. A unit that contains one of the action's units is reached too.
    end : float
        Last row; infinite if it goes on.
    """

    action: Action
    start: np.ndarray
    end: float


def kpis_of(cascade: Cascade, action: Action) -> tuple[str, ...]:
    """Return the KPIs that an action is judged by: those it expects to move, or all of its process."""
    if action.expects:
        return tuple(action.expects)
    return tuple(kpi.id for kpi in cascade.kpis if kpi.process is not None and kpi.process == action.process)


def may_move(cascade: Cascade, action: Action, kpi: Kpi) -> bool:
    """Tell whether an action may have moved a KPI, directly or along the map.

    What changes the ruler or the ground and expects nothing in particular may have moved everything.
    """
    if not action.expects and action.kind != "initiative":
        return True
    return kpi.id in downstream(cascade, kpis_of(cascade, action))


def downstream(cascade: Cascade, kpis: tuple[str, ...]) -> frozenset[str]:
    """Return KPIs and all that the map draws from them on."""
    drawn = nx.DiGraph((link.cause, link.effect) for link in cascade.links)
    beyond = (nx.descendants(drawn, kpi) for kpi in kpis if kpi in drawn)
    return frozenset(kpis).union(*beyond)


def window(
    exposures: tuple[Exposure, ...], start: np.ndarray, observed: np.ndarray, spans: Spans, n_rows: int
) -> Window:
    """Find the rivals of an action and what they leave of its window.

    Parameters
    ----------
    exposures : tuple of Exposure
        Of the other actions that may have moved the KPI.
    start : ndarray, shape (U,)
        Row from which the action itself treats each unit; infinite if never.
    observed : ndarray of bool, shape (U,)
    spans : Spans
    n_rows : int
    """
    treated = np.isfinite(start) & observed
    first, last = float(start[treated].min()), float(start[treated].max())
    begin, stop = max(first - spans.before, 0.0), min(last + spans.after, float(n_rows))
    touched, rivals = np.zeros(len(start), dtype=bool), []
    for exposure in exposures:
        theirs = exposure.start
        inside = np.isfinite(theirs) & (theirs < last + spans.after) & (exposure.end >= first - spans.base)
        if not (inside & treated).any():
            touched |= inside & ~treated & (theirs >= first - spans.base)
            continue
        row = float(theirs[inside & treated].min())
        if exposure.end < first - spans.fewest_before or row < begin:
            continue
        rival, cut = _judged(exposure, row, first, _reaches_all(theirs, observed, treated), spans)
        rivals.append(rival)
        if rival.inseparable or cut is None:
            continue
        begin, stop = (max(begin, cut), stop) if cut < first else (begin, min(stop, cut))
    return Window(tuple(rivals), int(begin), int(stop), touched)


def _reaches_all(theirs: np.ndarray, observed: np.ndarray, treated: np.ndarray) -> bool:
    """Tell whether an action reached treated units and controls at once."""
    return bool((observed & ~treated).any() and np.ptp(theirs[observed]) == 0)


def _judged(
    exposure: Exposure, row: float, first: float, everywhere: bool, spans: Spans
) -> tuple[Rival, float | None]:
    """Return the rival, and the row to which it cuts the window (None: not at all)."""
    other = exposure.action
    if everywhere and (other.kind != "initiative" or row <= first):
        return Rival(other, False, "reached the units compared with too, and cancels out"), None
    if -spans.fewest_before < row - first < max(spans.apart, spans.fewest_after):
        return Rival(other, True, f"began {_distance(row - first)}"), None
    if row > first:
        return Rival(other, False, f"began {_distance(row - first)}: looked at only until then"), row
    return Rival(other, False, f"began {_distance(row - first)}: looked at only from then on"), row


def _distance(rows: float) -> str:
    n = int(abs(rows))
    if n == 0:
        return "in the same period"
    return f"{n} period{'s' if n > 1 else ''} {'after' if rows > 0 else 'before'}"
