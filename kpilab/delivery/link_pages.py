"""The page of one link: what history says of it, how it was tested, and what was tried to break it."""

from itertools import groupby

import pandas as pd

from kpilab.delivery.charts import profile_chart, scatter_chart
from kpilab.delivery.pages import Page, names_of
from kpilab.evidence.equations import LinkData
from kpilab.evidence.links import LinkResult, LinkResults
from kpilab.show import count_of, heading_html, listed, paragraphs_html, table_html


def every_link(links: LinkResults) -> Page:
    """Return the page of every link, one under the other, in the order in which they are drawn."""
    return Page("<hr>".join(link_page(links, result).body for result in links))


def link_page(links: LinkResults, result: LinkResult) -> Page:
    """Return everything about one link: verdict, scatter, lag profile, regimes, controls, checks.

    The scatter shows cause and effect with everything else held constant; its slope is the estimate.
    """
    names = names_of(links.cascade)
    head = heading_html(f"{names[result.cause]} → {names[result.effect]}: {result.verdict}")
    said = [result.reason, f"Assumed because: {result.link.because}" if result.link.because else ""]
    body = head + paragraphs_html("\n".join(said))
    if result.fit is None or result.data is None:
        return Page(body)
    beside = "\n".join([_held_constant(links, result, result.data), *_beside(result)])
    tables = table_html(_estimates(result)) + table_html(_checks(result))
    return Page(body + _charts(names, result, result.data) + paragraphs_html(beside) + tables)


def _charts(names: dict[str, str], result: LinkResult, data: LinkData) -> str:
    left = result.partialled
    scatter = scatter_chart(
        left["cause"], left["effect"], result.estimate, names[result.cause], names[result.effect]
    )
    profile = profile_chart(result.profile(), result.frequency, data.lag)
    return f"<div style='display:flex;flex-wrap:wrap;gap:12px'>{scatter.svg}{profile.svg}</div>"


def _held_constant(links: LinkResults, result: LinkResult, data: LinkData) -> str:
    """Name what the estimate holds constant, own history first."""
    names = names_of(links.cascade)
    own = [(result.effect, lag) for lag in range(1, data.own_lags + 1)]
    held = [
        f"'{names[kpi]}' {_when([lag for _, lag in lags], data.frequency)}"
        for kpi, lags in groupby([*own, *data.controls], key=lambda control: control[0])
    ]
    held += [f"the break {_named_break(links, name)}" for name in result.breaks]
    shared = f"each unit's own level and what all units share in a {data.frequency}"
    held.append(shared if result.n_units > 1 else "the season")
    said = f"Held constant: {listed(held, most=99)}."
    if data.from_above:
        borrowed = listed([f"'{names[kpi]}'" for kpi in data.from_above])
        said += f" Known only at a higher level, and taken from there: {borrowed}."
    return said


def _when(lags: list[int], frequency: str) -> str:
    """Say in words which lags of a KPI are meant.

    Examples
    --------
    >>> _when([0, 1, 2], "month")
    'in the same month and 1 and 2 months before'
    """
    before = [str(lag) for lag in lags if lag > 0]
    said = [f"in the same {frequency}"] if 0 in lags else []
    if before:
        said.append(f"{listed(before)} {frequency}{'' if before == ['1'] else 's'} before")
    return " and ".join(said)


def _named_break(links: LinkResults, name: str) -> str:
    """Write 'action at unit' with their names."""
    action, _, unit = name.rpartition(" at ")
    named = {entry.id: entry.name for entry in links.cascade.actions}
    return f"'{named.get(action, action)}' at {names_of(links.cascade).get(unit, unit)}"


def _beside(result: LinkResult) -> tuple[str, str]:
    """Say what was not tested, and how the rest was."""
    return (
        f"An unseen common cause would have to explain {100 * result.robustness_value:.0f} % of what is left of "
        "both to explain the estimate away (shown, not deciding).",
        f"Tested on {count_of(result.n_obs, 'row')} of {count_of(result.n_units, 'unit')}, with {_method(result)}.",
    )


def _method(result: LinkResult) -> str:
    if result.fit is None or result.n_units < 2:
        return "HC3 standard error"
    named = {
        "clustered": "standard error clustered by unit",
        "CR2": "CR2 standard error clustered by unit",
        "wild bootstrap": "wild cluster bootstrap",
    }.get(result.fit.method, result.fit.method)
    return f"{named}, {result.fit.n_clusters} clusters"


def _estimates(result: LinkResult) -> pd.DataFrame:
    """List the estimate on all history, in each regime, and weighted by volume, which does not decide."""
    fit, nan = result.fit, float("nan")
    rows = [("all", fit.estimate, fit.conf_low, fit.conf_high, str(fit.n_obs))] if fit is not None else []
    rows += [(r.name, r.estimate, r.conf_low, r.conf_high, str(r.n_obs)) for r in result.regimes]
    if not pd.isna(result.volume_weighted):
        rows.append(("all, weighted by volume", result.volume_weighted, nan, nan, ""))
    columns = ["history", "effect per unit of the cause", "95 % from", "to", "rows"]
    return pd.DataFrame(rows, columns=columns)


def _checks(result: LinkResult) -> pd.DataFrame:
    """List the checks with their outcome."""
    rows = [
        (
            c.name,
            "failed" if c.failed else "left out" if c.result.startswith("left out") else "passed",
            c.result,
        )
        for c in result.challenges
    ]
    return pd.DataFrame(rows, columns=["check", "outcome", "what was found"])
