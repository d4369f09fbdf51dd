"""How well goals are covered: KPIs per objective and success factor, leading and lagging, targets, evidence."""

from collections.abc import Iterable, Iterator

import pandas as pd

from kpilab.model.cascade import Cascade
from kpilab.model.nouns import Kpi
from kpilab.problems import Finding
from kpilab.scorecard.kpi_quality import TestedLink
from kpilab.show import count_of

COLUMNS = [
    "goal", "kind", "objective", "n_kpis", "n_leading", "n_lagging", "n_without_timing", "leading_share",
    "n_with_target", "n_linked", "n_with_evidence",
]  # fmt: skip


def goal_coverage(cascade: Cascade, links: Iterable[TestedLink] | None = None) -> pd.DataFrame:
    """Count what measures each goal.

    Parameters
    ----------
    cascade : Cascade
    links : LinkResults, optional
        Tested links; without them nothing has evidence.

    Returns
    -------
    DataFrame
        One row per objective, each followed by its success factors. ``leading_share``: of the KPIs that say
        whether they lead or lag, 0–1, NaN when none says so. ``n_linked``: KPIs at either end of a drawn link.
        ``n_with_evidence``: at either end of a supported one.
    """
    drawn = {end for link in cascade.links for end in (link.cause, link.effect)}
    supported = [link for link in links or () if link.verdict == "supported"]
    proven = {end for link in supported for end in (link.cause, link.effect)}
    rows: list[list[object]] = []
    for objective in cascade.objectives:
        factors = [factor for factor in cascade.factors if factor.objective == objective.id]
        served = {factor.id: [kpi for kpi in cascade.kpis if kpi.factor == factor.id] for factor in factors}
        every = [kpi for kpis in served.values() for kpi in kpis]
        rows.append([objective.id, "objective", objective.id, *_counts(cascade, every, drawn, proven)])
        rows += [
            [factor, "factor", objective.id, *_counts(cascade, kpis, drawn, proven)]
            for factor, kpis in served.items()
        ]
    return pd.DataFrame(rows, columns=COLUMNS)


def findings(cascade: Cascade, table: pd.DataFrame, tested: bool) -> Iterator[Finding]:
    """Yield objectives whose KPIs have no target, or, once links were tested, no evidence.

    Parameters
    ----------
    cascade : Cascade
    table : DataFrame
        What `goal_coverage` returns.
    tested : bool
        Whether links were tested.
    """
    for row in table[table["kind"] == "objective"].to_dict("records"):
        where, counted = cascade.where("objectives", row["goal"]), count_of(row["n_kpis"], "KPI")
        if row["n_kpis"] and not row["n_with_target"]:
            what = f"objective '{row['goal']}' has {counted} and no target"
            yield Finding(
                "note", "objective_without_target", where, what, "say for one of them what is enough"
            )
        if tested and row["n_linked"] and not row["n_with_evidence"]:
            what = f"objective '{row['goal']}' has {counted}, none at an end of a link that history supports"
            remedy = "what drives it is a guess so far: look for other causes"
            yield Finding("note", "objective_without_evidence", where, what, remedy)


def _counts(cascade: Cascade, kpis: list[Kpi], drawn: set[str], proven: set[str]) -> list[float]:
    with_target = {target.kpi for target in cascade.targets}
    timings = [kpi.timing for kpi in kpis]
    n_leading, n_lagging = timings.count("leading"), timings.count("lagging")
    timed = n_leading + n_lagging
    return [
        len(kpis), n_leading, n_lagging, len(kpis) - timed, n_leading / timed if timed else float("nan"),
        sum(kpi.id in with_target or kpi.near is not None for kpi in kpis),
        sum(kpi.id in drawn for kpi in kpis), sum(kpi.id in proven for kpi in kpis),
    ]  # fmt: skip
