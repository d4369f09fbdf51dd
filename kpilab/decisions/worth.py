"""What one step of a KPI at one unit is worth at the end of a path, up to the top, with an interval.

The effects of the arrows on the path are multiplied; the interval follows from their standard errors by the
delta method (Sobel 1982), as if the arrows were estimated independently. It is the effect along this path,
not the total effect: `kl.what_if` carries a change along all paths together.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from kpilab.model.cascade import Cascade
from kpilab.model.formula import evaluate_formula
from kpilab.model.nouns import Kpi
from kpilab.scorecard.panels import KpiPanel

NORMAL_95 = 1.959963984540054


class FittedLink(Protocol):
    """What is read of a tested link: its arrow and its fit, which is None when untestable."""

    @property
    def cause(self) -> str:
        """Return the id of the causing KPI."""

    @property
    def effect(self) -> str:
        """Return the id of the KPI that is moved."""

    @property
    def fit(self) -> Any:
        """Return the estimate with its standard error, or None."""


@dataclass(frozen=True)
class Worth:
    """What a step of one KPI at one unit does to the last KPI of a path.

    Attributes
    ----------
    step : float
        The step of the first KPI, in its unit of measure, in the direction that is better.
    change, conf_low, conf_high : float
        Of the last KPI at `unit`, in its unit of measure; 95 % interval.
    unit : str
        The highest unit to which the change could be carried.
    """

    step: float
    kpi: str
    unit: str
    change: float
    conf_low: float
    conf_high: float


def natural_step(kpi: Kpi, current: float) -> float:
    """Return one step for the better.

    A percentage point of a share; a tenth of what grows with size; of ratios and means one in the second digit of
    where they stand: 0.01 of 0.412, 1 of 47.

    Examples
    --------
    >>> natural_step(Kpi(id="k", name="K", sum="m", better="lower", unit_of_measure="share"), 0.4)
    -0.01
    >>> natural_step(Kpi(id="k", name="K", mean={"of": "m"}, better="higher"), 0.412)
    0.01
    """
    grows = kpi.transform == "log" or kpi.kind in ("sum", "last", "formula")
    size = 0.1 * abs(current) if grows else float(10.0 ** (np.floor(np.log10(abs(current) or 10.0)) - 1))
    size = 0.01 if kpi.unit_of_measure == "share" else size
    if kpi.better == "near" and kpi.near is not None:
        return size if current < kpi.near else -size
    return -size if kpi.better == "lower" else size


def worth_of_step(
    cascade: Cascade,
    panels: Mapping[str, KpiPanel],
    links: Iterable[FittedLink],
    path: Sequence[str],
    unit: str,
) -> Worth | None:
    """Carry a natural step of the first KPI at a unit along a path and up the unit tree.

    Parameters
    ----------
    panels : mapping of KPI to KpiPanel of shape (1, U)
        Where the KPIs stand over the period.
    links : iterable of tested links
    path : sequence of str
        KPIs, joined by arrows or formulas. Where the later ones exist only further up, as runs do for a team and
        not for a player, the step is first added up to the nearest unit that has them all.
    unit : str

    Returns
    -------
    Worth or None
        None where a value or an estimate on the path is missing.
    """
    at, part = _beginning(cascade, panels, path, unit)
    current = {kpi: float(panels[kpi].values[0, at]) for kpi in path}
    first = cascade.kpi(path[0])
    if np.isnan(list(current.values())).any():
        return None
    step = natural_step(first, float(panels[first.id].values[0, cascade.unit_places[unit]]))
    moved = _on_scale(first, current[first.id] + part * step) - _on_scale(first, current[first.id])
    fitted = {(link.cause, link.effect): link.fit for link in links if link.fit is not None}
    slopes, errors = [], []
    for cause, effect in zip(path, path[1:], strict=False):
        slope, error = _edge(cascade, panels, fitted, cause, effect, at)
        slopes.append(slope)
        errors.append(error)
    if np.isnan(slopes).any() or np.isnan(moved):
        return None
    product = float(np.prod(slopes))
    others = [np.prod([s for k, s in enumerate(slopes) if k != i]) for i in range(len(slopes))]
    std_error = float(np.sqrt(sum((o * e) ** 2 for o, e in zip(others, errors, strict=True))))
    last = cascade.kpi(path[-1])
    ends = [moved * b for b in (product, product - NORMAL_95 * std_error, product + NORMAL_95 * std_error)]
    changes = [_off_scale(last, current[last.id], end) for end in ends]
    top, share = _carried_up(cascade, panels[last.id], last, at)
    change, one, other = (share * each for each in changes)
    return Worth(step, last.id, top, change, min(one, other), max(one, other))


def _beginning(
    cascade: Cascade, panels: Mapping[str, KpiPanel], path: Sequence[str], unit: str
) -> tuple[int, float]:
    """Return the nearest unit at or above that has all KPIs of a path, and which part of a step arrives there."""
    kpis = [cascade.kpi(each) for each in path]
    levels = set(cascade.levels).intersection(*(cascade.levels_of(kpi) for kpi in kpis))
    here = at = cascade.unit_places[unit]
    while cascade.units[at].level not in levels and cascade.units[at].parent is not None:
        at = cascade.unit_places[str(cascade.units[at].parent)]
    return at, _part(kpis[0], panels[path[0]], here, at)


def _part(kpi: Kpi, panel: KpiPanel, here: int, above: int) -> float:
    """Return which part of a change at a unit arrives at one above; NaN where it cannot be said."""
    if kpi.kind == "sum" or here == above:
        return 1.0
    if kpi.kind not in ("ratio", "mean"):
        return float("nan")
    whole = panel.denominator[0, above]
    return float(panel.denominator[0, here] / whole) if whole else float("nan")


def _edge(
    cascade: Cascade, panels: Mapping[str, KpiPanel], fitted: Mapping[tuple[str, str], Any], cause: str, effect: str,
    at: int,
) -> tuple[float, float]:  # fmt: skip
    """Return slope and standard error of one arrow; a formula's slope is exact at the present values."""
    fit = fitted.get((cause, effect))
    if fit is not None:
        return float(fit.estimate), float(fit.std_error)
    formula = cascade.kpi(effect).formula
    if not formula:
        return float("nan"), float("nan")
    return _formula_slope(formula, panels, cause, at), 0.0


def _formula_slope(formula: str, panels: Mapping[str, KpiPanel], cause: str, at: int) -> float:
    values = {name: panel.values[0, at] for name, panel in panels.items()}
    step = 1e-6 * max(abs(values[cause]), 1e-6)
    try:
        low, high = (
            float(evaluate_formula(formula, {**values, cause: values[cause] + side * step}))
            for side in (-1, 1)
        )
    except KeyError:  # a part that is a measure, not a KPI: its value is not at hand here
        return float("nan")
    return (high - low) / (2 * step)


def _carried_up(cascade: Cascade, panel: KpiPanel, kpi: Kpi, at: int) -> tuple[str, float]:
    """Return the highest unit above that has the KPI, and which part of a change here arrives there."""
    top = cascade.units[at]
    levels = cascade.levels_of(kpi)
    if kpi.kind not in ("sum", "ratio", "mean"):
        return top.id, 1.0
    above = top.parent
    while above is not None:
        if cascade.unit(above).level in levels:
            top = cascade.unit(above)
        above = cascade.unit(above).parent
    part = _part(kpi, panel, at, cascade.unit_places[top.id])
    return (cascade.units[at].id, 1.0) if np.isnan(part) else (top.id, part)


def _on_scale(kpi: Kpi, value: float) -> float:
    """Return a value on the scale of the KPI's links."""
    if kpi.transform == "log":
        return float(np.log(value)) if value > 0 else float("nan")
    if kpi.transform == "logit":
        return float(np.log(value / (1 - value))) if 0 < value < 1 else float("nan")
    return value


def _off_scale(kpi: Kpi, current: float, moved: float) -> float:
    """Return the change in the KPI's own unit of measure that a move on the scale of its links is."""
    if kpi.transform == "log":
        return float(current * np.expm1(moved))
    if kpi.transform == "logit":
        odds = current / (1 - current) * np.exp(moved) if current < 1 else np.inf
        return float(odds / (1 + odds) - current) if np.isfinite(odds) else 0.0
    return moved
