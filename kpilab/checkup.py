"""Join what every room finds into one report: `kl.check`."""

from collections.abc import Mapping

from kpilab.evidence import map_checks
from kpilab.model import checks, history_checks, level_checks
from kpilab.model.cascade import Cascade
from kpilab.model.checks import CheckReport, in_order
from kpilab.model.history import History
from kpilab.scorecard import quality


def check(
    cascade: Cascade, history: History | None = None, *, pay: Mapping[str, float] | None = None
) -> CheckReport:
    """Report everything wrong or weak in a cascade and its history.

    Parameters
    ----------
    cascade : Cascade
    history : History, optional
        Without it only the cascade itself is checked.
    pay : mapping of objective to number, optional
        Bonus money per objective, as amounts or shares, to be compared with the priorities.

    Returns
    -------
    CheckReport
        One row per finding, errors first: severity, rule, where (``file:line`` or unit and period), what,
        remedy.
    """
    found = [*checks.findings(cascade), *level_checks.findings(cascade, pay), *map_checks.findings(cascade)]
    if history is not None:
        found += history_checks.findings(cascade, history)
        found += quality.findings(cascade, history)
    return CheckReport(cascade.name, in_order(found))
