"""The two ends of an explanation, and what stands below each: which sums, of which units."""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from kpilab.model.cascade import Cascade
from kpilab.model.formula import evaluate_formula
from kpilab.model.history import History
from kpilab.model.nouns import Kpi, Unit
from kpilab.model.periods import Span
from kpilab.scorecard.contributions import Sums
from kpilab.scorecard.panels import KpiPanel, formula_parts, kpi_spans, part_names
from kpilab.words import KpiKind

Shape = Literal["sum", "ratio", "extreme", "own", "formula"]


@dataclass(frozen=True)
class End:
    """One end of a change: some units, taken together, over a span.

    Parameters
    ----------
    span : Span
    units : tuple of str
        One unit, or several without a unit above them.
    """

    span: Span
    units: tuple[str, ...]

    @property
    def label(self) -> str:
        """Return the id of the unit, or ``all`` for several."""
        return self.units[0] if len(self.units) == 1 else "all"


@dataclass(frozen=True)
class Below:
    """The units that a change is divided among.

    Attributes
    ----------
    children : tuple of str
    holders : tuple of str
        The units above them, which may report more or less than their children.
    """

    children: tuple[str, ...]
    holders: tuple[str, ...]


class Panels:
    """KPIs over spans, each computed once, and at every unit, whatever the levels of the KPI.

    Parameters
    ----------
    cascade : Cascade
    history : History
    spans : sequence of Span
        Those that will be asked for: they are computed together.
    """

    def __init__(self, cascade: Cascade, history: History, spans: Sequence[Span]):
        self.cascade = cascade
        self.history = history
        self.spans = tuple(dict.fromkeys(spans))
        self.place = {unit: position for position, unit in enumerate(history.units)}
        self._known: dict[tuple[str, KpiKind], dict[Span, KpiPanel]] = {}

    def at(self, kpi: Kpi, span: Span) -> KpiPanel:
        """Return a KPI over a span, shape (1, U)."""
        known = self._known.setdefault((kpi.id, kpi.kind), {})
        if span not in known:
            spans = [each for each in dict.fromkeys((span, *self.spans)) if each not in known]
            everywhere = kpi.model_copy(update={"levels": ()})
            known |= zip(spans, kpi_spans(self.cascade, self.history, everywhere, spans), strict=True)
        return known[span]


class Ends:
    """The two ends of a change.

    Parameters
    ----------
    panels : Panels
    start, end : End
    """

    def __init__(self, panels: Panels, start: End, end: End):
        self.panels = panels
        self.cascade = panels.cascade
        self.history = panels.history
        self.start = start
        self.end = end
        self.place = panels.place

    def between(self, start: End, end: End) -> "Ends":
        """Return two other ends that share the panels already computed."""
        return Ends(self.panels, start, end)

    @property
    def both(self) -> tuple[End, End]:
        """Return start and end."""
        return self.start, self.end

    def panel(self, kpi: Kpi, end: End) -> KpiPanel:
        """Return a KPI over the span of an end, shape (1, U)."""
        return self.panels.at(kpi, end.span)

    def value(self, kpi: Kpi, end: End) -> float:
        """Return a KPI of the units of an end taken together; NaN when it cannot be computed."""
        panel = self.panel(kpi, end)
        at = [self.place[unit] for unit in end.units]
        if len(at) == 1:
            return float(panel.values[0, at[0]])
        if kpi.formula:
            parts = {name: np.float64(self.value(part, end)) for name, part in self.parts(kpi).items()}
            return float(evaluate_formula(kpi.formula, parts))
        whole = self.whole(kpi, end)
        return float(whole.numerator / whole.denominator) if whole.denominator else float("nan")

    def parts(self, kpi: Kpi) -> dict[str, Kpi]:
        """Return what the names in a formula mean: KPIs, and measures as KPIs of their own."""
        return formula_parts(self.cascade, kpi)

    def shape(self, kpi: Kpi) -> Shape:
        """Return how a KPI of a unit is made of those of its children."""
        if kpi.formula:
            return "formula"
        if kpi.kind in ("min", "max"):
            return "extreme"
        if kpi.mean:
            return "ratio"
        adds = [self._adds(name) for name in part_names(kpi)]
        if all(adds):
            return "ratio" if kpi.ratio else "sum"
        return "sum" if kpi.ratio and adds[0] else "own"

    def _adds(self, name: str) -> bool:
        rule = self.cascade.measures.get(name)
        return rule is None or rule.across == "sum"

    def whole(self, kpi: Kpi, end: End) -> Sums:
        """Return the sums of the units of an end taken together, as floats."""
        sums = self.sums(kpi, end, end.units)
        if len(end.units) == 1:
            return Sums(sums.numerator[0], sums.denominator[0])
        if kpi.kind in ("min", "max"):
            pick = np.fmin if kpi.kind == "min" else np.fmax
            return Sums(pick.reduce(sums.numerator), np.ones(()))
        adds = [True, True] if kpi.mean else [self._adds(name) for name in part_names(kpi)]
        numerator = _joined(sums.numerator, adds[0])
        if len(adds) == 1:
            return Sums(numerator, np.ones(()))
        return Sums(numerator, _joined(sums.denominator, adds[1]))

    def sums(self, kpi: Kpi, end: End, units: Iterable[str]) -> Sums:
        """Return numerators and denominators of some units, shape (C,); NaN where nothing is known."""
        panel = self.panel(kpi, end)
        at = self._positions(units)
        return Sums(panel.numerator[0, at], panel.denominator[0, at])

    def missing(self, kpi: Kpi, end: End, units: Iterable[str]) -> np.ndarray:
        """Return how many reports each unit should have delivered and did not, shape (C,)."""
        at = self._positions(units)
        return self.panel(kpi, end).n_missing[0, at]

    def _positions(self, units: Iterable[str]) -> np.ndarray:
        return np.array(list(map(self.place.__getitem__, units)), dtype=int)

    def below(self, kpi: Kpi, units: tuple[str, ...], level: str | None) -> Below:
        """Return the units of a level under some units, or those directly below when no level is given.

        A branch that has no unit at the level, or where nothing is known of them at one of the two ends, is
        represented by its lowest unit above it.
        """
        if level is None and len(units) > 1:
            return Below(units, ())
        rank = {name: position for position, name in enumerate(self.cascade.levels)}
        children: list[str] = []
        holders: list[str] = []
        tops = set(units)
        waiting = deque(units)
        while waiting:
            unit = waiting.popleft()
            is_top = unit in tops
            reached = not is_top if level is None else rank[self.cascade.unit(unit).level] >= rank[level]
            inner = () if reached else self.cascade.children(unit)
            if not inner or not (is_top or self._known_below(kpi, inner)):
                children.append(unit)
            else:
                holders.append(unit)
                waiting += [child.id for child in inner]
        return Below(tuple(children), tuple(holders))

    def _known_below(self, kpi: Kpi, inner: Sequence[Unit]) -> bool:
        """Tell whether children are known at both ends of a change over time, at either of two units."""
        ids = [unit.id for unit in inner]
        known = [bool((~np.isnan(self.sums(kpi, end, ids).numerator)).any()) for end in self.both]
        return all(known) if self.start.units == self.end.units else any(known)

    def remainder(self, kpi: Kpi, end: End, holders: Iterable[str]) -> Sums:
        """Return what units report beyond the sum of their children, shape (H,); zero where nothing is."""
        pairs = [self._own_part(kpi, end, unit) for unit in holders]
        return Sums(np.array([p[0] for p in pairs]), np.array([p[1] for p in pairs]))

    def _own_part(self, kpi: Kpi, end: End, unit: str) -> tuple[float, float]:
        own = self.sums(kpi, end, [unit])
        below = self.sums(kpi, end, [child.id for child in self.cascade.children(unit)])
        return (
            _beyond(own.numerator[0], below.numerator),
            _beyond(own.denominator[0], below.denominator),
        )


def _joined(values: np.ndarray, adds: bool) -> np.ndarray:
    """Return the sum of what is known, or the common value; NaN where nothing is known."""
    if not adds:
        return np.asarray(np.fmax.reduce(values))
    return np.asarray(np.nansum(values) if (~np.isnan(values)).any() else np.nan)


def _beyond(own: float, children: np.ndarray) -> float:
    """Return own minus children, and zero when the difference is only rounding."""
    known = children[~np.isnan(children)]
    own = 0.0 if np.isnan(own) else float(own)
    rest = own - float(known.sum())
    return 0.0 if abs(rest) <= 1e-12 * (abs(own) + float(np.abs(known).sum())) else rest
