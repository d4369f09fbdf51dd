"""Parts of a page about actions: what each did, beside what would have happened without it."""

import numpy as np
import pandas as pd

from kpilab.delivery.charts import before_after_chart, event_study_chart
from kpilab.delivery.pages import Page
from kpilab.evidence.action_verdicts import amount
from kpilab.evidence.actions import ActionResult, ActionResults
from kpilab.show import heading_html, number, paragraphs_html, table_html


def action_page(actions: ActionResults, result: ActionResult) -> Page:
    """Return everything about one action and KPI: verdict, before and after, event study, checks.

    Examples
    --------
    In a notebook: ``kl.action_page(actions, actions[("lothian_recording", "seen_within_4h")])``.
    """
    name = f" → {actions.cascade.kpi(result.kpi).name}" if result.kpi else ""
    head = heading_html(f"{result.action.name}{name}: {result.verdict}")
    said = [result.reason, f"Source: {result.action.source}" if result.action.source else ""]
    if result.estimated is None or result.trial is None:
        return Page(head + paragraphs_html("\n".join(said)) + table_html(result.checks()))
    kpi = result.trial.kpi
    share = kpi.unit_of_measure == "share"
    charts = before_after_chart(result.counterfactual(), kpi.name, share=share, start=result.action.start).svg
    relative = result.trial.scale != "absolute"
    charts += event_study_chart(
        result.event_study(),
        unit="per cent" if relative else "percentage points" if share else kpi.unit_of_measure,
        share=relative or share,
        expected=_expected(result),
    ).svg
    return Page(
        head + paragraphs_html("\n".join([*said, _how(result)])) + charts + table_html(result.checks())
    )


def action_table(actions: ActionResults) -> Page:
    """Return the actions with what was promised, what came of it, verdict and reason."""
    rows = [
        (
            result.action.name,
            actions.cascade.kpi(result.kpi).name if result.kpi else "",
            result.action.start,
            _written(actions, result, result.expected),
            _written(actions, result, result.effect),
            result.verdict,
            result.reason,
        )
        for result in actions
    ]
    columns = ["action", "KPI", "start", "promised", "effect", "verdict", "reason"]
    return Page(table_html(pd.DataFrame(rows, columns=columns)))


def unit_actions(actions: ActionResults, unit: str) -> Page:
    """Return the actions that reach a unit, and the picture of those that were taken there and then judged."""
    ours = actions.of_unit(unit)
    if not len(ours):
        return Page(paragraphs_html("No action reaches this unit."))
    pictures = [
        paragraphs_html(f"{result.action.name}: {result.verdict}.")
        + before_after_chart(
            result.counterfactual(),
            result.trial.kpi.name,
            share=result.trial.kpi.unit_of_measure == "share",
            start=result.action.start,
        ).svg
        for result in ours
        if result.trial is not None and result.estimated is not None and unit in result.action.units
    ]
    return Page(action_table(ours).body + "".join(pictures))


def _how(result: ActionResult) -> str:
    """Say how the effect was estimated."""
    fit, size = result.estimated, result.size
    if fit is None or size is None:
        return ""
    whom = {
        "staggered DiD": f"{fit.n_treated} treated units against {fit.n_controls} others",
        "synthetic DiD": f"{fit.n_treated} treated against a weighted mean of {fit.n_controls} others",
        "structural": f"{fit.n_treated} treated, nobody to compare with: a model of the series itself",
    }[fit.method]
    cost = (
        "" if np.isnan(result.cost_per_unit) else f" Cost per unit of effect: {number(result.cost_per_unit)}."
    )
    return f"Estimated by {fit.method}: {whom}, {fit.n_before} periods before and {fit.n_after} after the start.{cost}"


def _expected(result: ActionResult) -> float:
    """Return what was promised in the terms of the event study; NaN where the two do not compare."""
    if result.size is None or result.trial is None:
        return float("nan")
    same = result.size.relative == (result.trial.scale != "absolute")
    return result.expected if same else float("nan")


def _written(actions: ActionResults, result: ActionResult, value: float) -> str:
    if np.isnan(value):
        return ""
    promised = result.action.expects.get(result.kpi)
    relative = result.size.relative if result.size else bool(promised and promised.relative)
    return amount(actions.cascade.kpi(result.kpi), value, relative)
