"""The scale on which a KPI's links speak: as it is, logs, or logits."""

import numpy as np

from kpilab.model.nouns import Kpi
from kpilab.scorecard.panels import KpiPanel


def transformed(kpi: Kpi, panel: KpiPanel) -> np.ndarray:
    """Return a KPI's values on the scale of its links: as they are, logs, or logits (k + ½)/(n + 1)."""
    values = panel.values
    with np.errstate(divide="ignore", invalid="ignore"):
        if kpi.transform == "log":
            return np.where(values > 0, np.log(values), np.nan)
        if kpi.transform == "logit":
            share = (panel.numerator + 0.5) / (panel.denominator + 1) if kpi.kind == "ratio" else values
            share = np.where(np.isnan(values), np.nan, share)
            return np.where((share > 0) & (share < 1), np.log(share / (1 - share)), np.nan)
    return values


def per_scale_unit(kpi: Kpi, start: KpiPanel, end: KpiPanel) -> np.ndarray:
    """Return what one unit on the scale of the links is worth in the KPI's own unit, between two ends.

    It is the mean slope over the way from start to end, which turns a change on one scale into the change on
    the other exactly; for logs the logarithmic mean (Ang 2004, Decomposition analysis for policymaking).

    Examples
    --------
    >>> kpi = Kpi(id="ops", name="Operations", sum="ops", transform="log")
    >>> here, there = (KpiPanel(v := np.array([[x]]), v, v, v, v) for x in (100.0, 200.0))
    >>> per_scale_unit(kpi, here, there).round(1)
    array([[144.3]])
    """
    if kpi.transform is None:
        return np.ones_like(start.values)
    before, after = transformed(kpi, start), transformed(kpi, end)
    middle = 0.5 * (start.values + end.values)
    at_a_point = middle if kpi.transform == "log" else middle * (1 - middle)
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = (end.values - start.values) / (after - before)
    return np.where(np.abs(after - before) > 1e-9, slope, at_a_point)
