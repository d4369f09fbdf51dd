"""Join what every room finds into one report: `kl.check`."""

from collections.abc import Callable, Iterable, Mapping

from kpilab.decisions import pay_checks
from kpilab.evidence import action_checks, map_checks
from kpilab.model import checks, history_checks, level_checks
from kpilab.model.cascade import Cascade
from kpilab.model.checks import CheckReport, in_order
from kpilab.model.history import History
from kpilab.problems import Finding
from kpilab.progress import with_bar
from kpilab.scorecard import goal_coverage, kpi_quality, quality, quality_findings


def check(
    cascade: Cascade,
    history: History | None = None,
    *,
    links: Iterable[kpi_quality.TestedLink] | None = None,
    pay: Mapping[str, float] | None = None,
) -> CheckReport:
    """Report everything wrong or weak in a cascade and its history.

    Parameters
    ----------
    cascade : Cascade
    history : History, optional
        Without it only the cascade itself is checked.
    links : LinkResults, optional
        Tested links: their verdicts enter the findings, the KPI-quality table and the coverage of goals.
    pay : mapping of objective to number, optional
        Bonus money per objective, as amounts or shares, to be compared with the priorities. The plan in a
        `pay.yaml` beside the cascade is checked without being asked for, in words that name nobody and no amount.

    Returns
    -------
    CheckReport
        One row per finding, errors first: severity, rule, where (``file:line`` or unit and period), what,
        remedy. Its `quality()` has one row per KPI, its `coverage()` one per objective and success factor.

    Raises
    ------
    InputError
        When `pay` names an unknown objective.
    """
    tested = None if links is None else list(links)
    covered = goal_coverage.goal_coverage(cascade, tested)
    steps: list[Callable[[], list[Finding]]] = [
        lambda: checks.findings(cascade),
        lambda: level_checks.findings(cascade, pay),
        lambda: map_checks.findings(cascade, tested),
        lambda: action_checks.findings(cascade, history),
        lambda: list(goal_coverage.findings(cascade, covered, tested is not None)),
    ]
    if history is not None:
        steps += [
            lambda: history_checks.findings(cascade, history),
            lambda: quality.findings(cascade, history),
        ]
    found = [finding for step in with_bar(steps, "checks") for finding in step()]
    if history is None:
        return CheckReport(cascade.name, in_order(found), None, covered)
    table = kpi_quality.kpi_quality(cascade, history, tested)
    found += quality_findings.findings(cascade, table)
    found += pay_checks.findings(cascade, history, tested, quality_findings.gaming_signs(cascade, table))
    return CheckReport(cascade.name, in_order(found), table, covered, quality_findings.summary(table))
