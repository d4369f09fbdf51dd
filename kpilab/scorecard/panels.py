"""KPIs as panels, period × unit: measures added up over the unit tree, then divided, never the other way round."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from kpilab.model.cascade import Cascade
from kpilab.model.formula import evaluate_formula, formula_names
from kpilab.model.history import History
from kpilab.model.nouns import Kpi
from kpilab.model.parts import Measure
from kpilab.model.periods import PANDAS_CODE, Span
from kpilab.words import Frequency

_FLOW = Measure()
_STOCK = Measure(over_time="last")
_Extreme = Literal["min", "max"]
_EXTREMES: dict[_Extreme, np.ufunc] = {"min": np.fmin, "max": np.fmax}


@dataclass(frozen=True)
class KpiPanel:
    """A KPI for every period and unit.

    Attributes
    ----------
    values : ndarray, shape (T, U)
        In the KPI's unit of measure; NaN where it cannot be computed.
    numerator, denominator : ndarray, shape (T, U)
        The two sums of a ratio or mean; for other kinds the values and ones.
    n_expected, n_missing : ndarray of int, shape (T, U)
        How many reporting units should have delivered, and how many did not.
    """

    values: np.ndarray
    numerator: np.ndarray
    denominator: np.ndarray
    n_expected: np.ndarray
    n_missing: np.ndarray

    @property
    def coverage(self) -> np.ndarray:
        """Return the share of reporting units that delivered, 0–1; NaN where none was expected."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(self.n_expected > 0, 1 - self.n_missing / self.n_expected, np.nan)


@dataclass(frozen=True)
class _Sums:
    """Parts of a KPI, each of shape (T, U), added up over units; the first row is that of period `start`."""

    start: int
    parts: dict[str, np.ndarray]
    rules: dict[str, "Measure | _Extreme"]
    n_expected: np.ndarray
    n_missing: np.ndarray


def kpi_panel(cascade: Cascade, history: History, kpi: Kpi) -> KpiPanel:
    """Compute a KPI for every period and every unit that has it.

    A unit that reports a KPI's measures itself is taken at its word; any other gets the sum of its children.
    A child counts in a ratio only in periods in which both its numerator and its denominator are known.
    """
    return _panels(cascade, history, kpi, [None])[0]


def kpi_spans(cascade: Cascade, history: History, kpi: Kpi, spans: Sequence[Span]) -> list[KpiPanel]:
    """Compute a KPI over several spans of periods, each of shape (1, U), adding up over units only once."""
    return _panels(cascade, history, kpi, [_whole_span(cascade, kpi, span) for span in spans])


def kpi_at(cascade: Cascade, history: History, kpi: Kpi, span: Span) -> KpiPanel:
    """Compute a KPI over a span of periods, shape (1, U): ratios of sums, never means of ratios."""
    return kpi_spans(cascade, history, kpi, [span])[0]


def kpi_coarse_panel(
    cascade: Cascade, history: History, kpi: Kpi, every: Frequency
) -> tuple[pd.PeriodIndex, KpiPanel]:
    """Compute a KPI once per quarter or year, from whole ones only.

    A quarter in which a unit lacks a month has no value there, except for a KPI that is itself observed
    that seldom, where one month is enough. Shape of the panel: (coarse periods, U).
    """
    coarse = history.periods.asfreq(PANDAS_CODE[every])
    periods = coarse.unique()
    code = PANDAS_CODE[cascade.frequency]
    spans = [Span(period.asfreq(code, "start"), period.asfreq(code, "end")) for period in periods]
    fine, *panels = _panels(cascade, history, kpi, [None, *spans])
    seldom = kpi.every is not None and kpi.every != cascade.frequency
    n_known = [(~np.isnan(fine.values[coarse == period])).sum(axis=0) for period in periods]
    whole = np.array(
        [known > 0 if seldom else known == s.n_periods for known, s in zip(n_known, spans, strict=True)]
    )
    fields = {
        name: np.vstack([getattr(panel, name) for panel in panels]) for name in KpiPanel.__dataclass_fields__
    }
    fields["values"] = np.where(whole, fields["values"], np.nan)
    return periods, KpiPanel(**fields)


def kpi_frame(cascade: Cascade, history: History, kpi_id: str) -> pd.DataFrame:
    """Return a KPI's history as a table of periods × units that have a value."""
    panel = kpi_panel(cascade, history, cascade.kpi(kpi_id))
    frame = pd.DataFrame(panel.values, index=history.periods, columns=list(history.units))
    return frame.dropna(axis="columns", how="all")


def measures_of(cascade: Cascade, kpi: Kpi) -> tuple[str, ...]:
    """Return every measure a KPI rests on, through formulas too."""
    names: list[str] = []
    for name in part_names(kpi):
        inner = _formula_kpi(cascade, kpi, name)
        names += measures_of(cascade, inner) if inner else [name]
    return tuple(dict.fromkeys(names))


def part_names(kpi: Kpi) -> tuple[str, ...]:
    """Return the names in a KPI's own definition."""
    if kpi.ratio:
        return (kpi.ratio.of, kpi.ratio.per)
    if kpi.mean:
        return (kpi.mean.of, kpi.mean.weight) if kpi.mean.weight else (kpi.mean.of,)
    if kpi.formula:
        return formula_names(kpi.formula)
    return (str(getattr(kpi, kpi.kind)),)


def _formula_kpi(cascade: Cascade, kpi: Kpi, name: str) -> Kpi | None:
    """Return the KPI that a name in a formula means, None when it means a measure."""
    return cascade.named("kpis", name) if kpi.formula and name != kpi.id else None


def formula_parts(cascade: Cascade, kpi: Kpi) -> dict[str, Kpi]:
    """Return what the names in a formula mean: KPIs, and measures as KPIs of their own."""
    return {name: _formula_kpi(cascade, kpi, name) or _measure_kpi(cascade, name) for name in part_names(kpi)}


def _measure_kpi(cascade: Cascade, name: str) -> Kpi:
    rule = cascade.measures.get(name, _FLOW)
    kind = "last" if rule.over_time == "last" else "sum"
    return Kpi.model_validate({"id": name, "name": name, kind: name})


def _panels(cascade: Cascade, history: History, kpi: Kpi, spans: Sequence[Span | None]) -> list[KpiPanel]:
    """Compute a KPI over each span, or for every period where the span is None, at the units that have it."""
    absent = _absent(cascade, kpi)
    return [_restricted(panel, absent) for panel in _unrestricted(cascade, history, kpi, spans)]


def _unrestricted(
    cascade: Cascade, history: History, kpi: Kpi, spans: Sequence[Span | None]
) -> list[KpiPanel]:
    if kpi.formula:
        return _formula_panels(cascade, history, kpi, spans)
    own, rules = _own_parts(cascade, history, kpi)
    sums = _over_units(cascade, history, kpi, own, rules, _window(history, spans))
    return [_divided(sums if span is None else _over_time(history, sums, span)) for span in spans]


def _window(history: History, spans: Sequence[Span | None]) -> slice:
    """Return the rows of history that any of the spans needs; where there is none, its end."""
    chosen = [span for span in spans if span is not None]
    n_periods = len(history.periods)
    if len(chosen) < len(spans):
        return slice(0, n_periods)
    first = min(max(min(history.position(span.start) for span in chosen), 0), n_periods - 1)
    stop = min(max(history.position(span.end) + 1 for span in chosen), n_periods)
    return slice(first, max(stop, first + 1))


def _own_parts(
    cascade: Cascade, history: History, kpi: Kpi
) -> tuple[dict[str, np.ndarray], dict[str, Measure | _Extreme]]:
    names = part_names(kpi)
    raw = {name: _measure(history, name) for name in names}
    rules = {name: cascade.measures.get(name, _FLOW) for name in names}
    if kpi.kind in ("min", "max"):
        return {"of": raw[names[0]]}, {"of": kpi.kind}
    if kpi.mean:
        weight = raw[kpi.mean.weight] if kpi.mean.weight else np.ones_like(raw[kpi.mean.of])
        return {
            "of": raw[kpi.mean.of] * weight,
            "per": np.where(np.isnan(raw[kpi.mean.of]), np.nan, weight),
        }, {
            "of": _FLOW,
            "per": _FLOW,
        }
    if kpi.ratio:
        return {"of": raw[names[0]], "per": raw[names[1]]}, {"of": rules[names[0]], "per": rules[names[1]]}
    return {"of": raw[names[0]]}, {"of": _STOCK if kpi.last else rules[names[0]]}


def _measure(history: History, name: str) -> np.ndarray:
    if name in history.measures:
        return history.measure(name)
    return np.full(history.values.shape[:2], np.nan)


def _over_units(
    cascade: Cascade,
    history: History,
    kpi: Kpi,
    own: dict[str, np.ndarray],
    rules: dict[str, Measure | _Extreme],
    window: slice,
) -> _Sums:
    known = ~np.isnan(next(iter(own.values())))
    for values in own.values():
        known &= ~np.isnan(values)
    reports = known.any(axis=0)
    parts = {name: np.where(known[window], values[window], np.nan) for name, values in own.items()}
    expected = _expected(cascade, known)[window]
    missing = expected & ~_known_within(cascade, history, kpi, known)[window]
    n_expected, n_missing = expected.astype(int), missing.astype(int)
    for generation in cascade.generations:
        silent = generation.only(~reports[generation.parents])
        if not len(silent.parents):
            continue
        parents, children, starts = silent.parents, silent.children, silent.starts
        for name, values in parts.items():
            values[:, parents] = _added(values[:, children], starts, rules[name])
        for counts in (n_expected, n_missing):
            counts[:, parents] = np.add.reduceat(counts[:, children], starts, axis=1)
    return _Sums(window.start, parts, rules, n_expected, n_missing)


def _added(values: np.ndarray, starts: np.ndarray, rule: Measure | _Extreme) -> np.ndarray:
    """Add up families side by side, each from its start on; missing only where every child is."""
    if not isinstance(rule, Measure):
        return _EXTREMES[rule].reduceat(values, starts, axis=1)
    if rule.across == "same":
        return np.fmax.reduceat(values, starts, axis=1)
    known = ~np.isnan(values)
    total = np.add.reduceat(np.where(known, values, 0.0), starts, axis=1)
    return np.where(np.logical_or.reduceat(known, starts, axis=1), total, np.nan)


def _expected(cascade: Cascade, known: np.ndarray) -> np.ndarray:
    """Tell when a reporting unit should have delivered: from its first value until silent for a year."""
    periods = np.arange(known.shape[0])[:, None]
    first, last = _first_known(known), known.shape[0] - 1 - _first_known(known[::-1])
    return (periods >= first) & (periods < last + cascade.periods_per_year + 1)


def _first_known(known: np.ndarray) -> np.ndarray:
    """Return the first row of each column that is known, the number of rows where none is."""
    first = np.zeros(known.shape[1], dtype=int)
    late = np.flatnonzero(~known[0])
    first[late] = np.where(known[:, late].any(axis=0), known[:, late].argmax(axis=0), len(known))
    return first


def _known_within(cascade: Cascade, history: History, kpi: Kpi, known: np.ndarray) -> np.ndarray:
    """For a KPI observed less often, one value in its quarter or year is enough."""
    if kpi.every is None or kpi.every == cascade.frequency:
        return known
    groups = pd.factorize(history.periods.asfreq(PANDAS_CODE[kpi.every]))[0]
    any_known = np.zeros((groups.max() + 1, known.shape[1]), dtype=bool)
    np.logical_or.at(any_known, groups, known)
    return any_known[groups]


def _over_time(history: History, sums: _Sums, span: Span) -> _Sums:
    """Collapse (T, U) to (1, U); periods after the end of history count as missing, not as nothing."""
    first, stop = max(history.position(span.start), 0), max(history.position(span.end) + 1, 0)
    window = slice(max(first - sums.start, 0), max(stop - sums.start, first - sums.start, 0))
    parts = {name: _collapsed(values[window], sums.rules[name]) for name, values in sums.parts.items()}
    n_late = max(0, stop - max(first, len(history.periods)))
    late = n_late * sums.n_expected[-1:]
    n_expected = sums.n_expected[window].sum(axis=0, keepdims=True) + late
    n_missing = sums.n_missing[window].sum(axis=0, keepdims=True) + late
    return _Sums(sums.start, parts, sums.rules, n_expected, n_missing)


def _collapsed(values: np.ndarray, rule: Measure | _Extreme) -> np.ndarray:
    """Collapse (T, U) to (1, U) by a measure's rule over time; one period is what it is."""
    if len(values) == 1:
        return values
    known = ~np.isnan(values)
    some = known.any(axis=0) if len(values) else np.zeros(values.shape[1], dtype=bool)
    if not some.any():
        return np.full((1, values.shape[1]), np.nan)
    if not isinstance(rule, Measure):
        return _EXTREMES[rule].reduce(values, axis=0, keepdims=True)
    if rule.over_time == "last":
        last = len(values) - 1 - known[::-1].argmax(axis=0)
        return np.where(some, values[last, np.arange(values.shape[1])], np.nan)[None, :]
    total = np.where(known, values, 0.0).sum(axis=0)
    if rule.over_time == "mean":
        total = total / np.maximum(known.sum(axis=0), 1)
    return np.where(some, total, np.nan)[None, :]


def _divided(sums: _Sums) -> KpiPanel:
    numerator = sums.parts["of"]
    if "per" not in sums.parts:
        return KpiPanel(numerator, numerator, np.ones_like(numerator), sums.n_expected, sums.n_missing)
    denominator = sums.parts["per"]
    with np.errstate(divide="ignore", invalid="ignore"):
        values = np.where(denominator != 0, numerator / denominator, np.nan)
    return KpiPanel(values, numerator, denominator, sums.n_expected, sums.n_missing)


def _formula_panels(
    cascade: Cascade, history: History, kpi: Kpi, spans: Sequence[Span | None]
) -> list[KpiPanel]:
    parts = {
        name: _unrestricted(cascade, history, part, spans)
        for name, part in formula_parts(cascade, kpi).items()
    }
    each = [{name: panels[position] for name, panels in parts.items()} for position in range(len(spans))]
    return [_computed(kpi, panels) for panels in each]


def _computed(kpi: Kpi, parts: dict[str, KpiPanel]) -> KpiPanel:
    shape = np.shape(next(iter(parts.values())).values)
    values = evaluate_formula(kpi.formula or "", {name: panel.values for name, panel in parts.items()})
    values = np.broadcast_to(values, shape).copy()
    expected = _largest(panel.n_expected for panel in parts.values())
    missing = _largest(panel.n_missing for panel in parts.values())
    return KpiPanel(values, values, np.ones_like(values), expected, missing)


def _largest(counts: Iterable[np.ndarray]) -> np.ndarray:
    return np.maximum.reduce(list(counts))


def _whole_span(cascade: Cascade, kpi: Kpi, span: Span) -> Span:
    """Widen a span to whole quarters or years for a KPI that is observed once in them."""
    if kpi.every is None or kpi.every == cascade.frequency:
        return span
    coarse, code = PANDAS_CODE[kpi.every], PANDAS_CODE[cascade.frequency]
    return Span(span.start.asfreq(coarse).asfreq(code, "start"), span.end.asfreq(coarse).asfreq(code, "end"))


def _absent(cascade: Cascade, kpi: Kpi) -> np.ndarray:
    """Tell which units stand at a level at which the KPI does not exist."""
    levels = cascade.levels_of(kpi)
    absent = np.ones(len(cascade.levels) + 1, dtype=bool)
    absent[[cascade.levels.index(level) for level in levels]] = False
    return absent[cascade.level_ranks]


def _restricted(panel: KpiPanel, absent: np.ndarray) -> KpiPanel:
    if not absent.any():
        return panel
    values = np.where(absent[None, :], np.nan, panel.values)
    return KpiPanel(values, panel.numerator, panel.denominator, panel.n_expected, panel.n_missing)
