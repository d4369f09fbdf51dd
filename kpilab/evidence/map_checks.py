"""What is wrong with the map: loops without a lag, shared measures, and, once tested, arrows that history denies."""

from collections.abc import Iterable, Iterator

from kpilab.evidence.unroll import find_same_period_loops
from kpilab.model.cascade import Cascade
from kpilab.model.formula import formula_names
from kpilab.model.nouns import Link
from kpilab.problems import Finding
from kpilab.scorecard.kpi_quality import TestedLink
from kpilab.scorecard.panels import measures_of
from kpilab.show import listed


def findings(cascade: Cascade, links: Iterable[TestedLink] | None = None) -> list[Finding]:
    """List loops that have no lag, links that are partly true by construction, and links that history contradicts.

    Parameters
    ----------
    cascade : Cascade
    links : LinkResults, optional
        Tested links.
    """
    return [*loops_without_lag(cascade), *_shared(cascade), *_contradicted(cascade, links or ())]


def shared_measures(cascade: Cascade, link: Link) -> tuple[str, ...]:
    """Return the measures that a link's cause and effect both rest on."""
    effect = set(measures_of(cascade, cascade.kpi(link.effect)))
    return tuple(name for name in measures_of(cascade, cascade.kpi(link.cause)) if name in effect)


def loops_without_lag(cascade: Cascade) -> Iterator[Finding]:
    """Find arrows and formulas that go round within one period."""
    drawn = [(link.cause, link.effect, *link.lag) for link in cascade.links]
    for loop in find_same_period_loops([*drawn, *_computed(cascade)]):
        pairs = set(zip(loop, (*loop[1:], loop[0]), strict=True))
        first = next((i for i, link in enumerate(cascade.links) if (link.cause, link.effect) in pairs), None)
        if first is None:
            continue
        what = f"links form a loop without a lag: {' > '.join([*loop, loop[0]])}"
        remedy = "let one of them take a period or more (lag: 1), or drop one"
        yield Finding("error", "loop_without_lag", cascade.where("links", f"#{first}"), what, remedy)


def _computed(cascade: Cascade) -> Iterator[tuple[str, str, int, int]]:
    """Yield what computed KPIs are made of, as arrows without a lag."""
    holders = {kpi.sum or kpi.last: kpi.id for kpi in cascade.kpis if kpi.sum or kpi.last}
    holders |= {kpi.id: kpi.id for kpi in cascade.kpis}
    for kpi in cascade.kpis:
        for name in formula_names(kpi.formula) if kpi.formula else ():
            if holders.get(name, kpi.id) != kpi.id:
                yield holders[name], kpi.id, 0, 0


def _shared(cascade: Cascade) -> Iterator[Finding]:
    for position, link in enumerate(cascade.links):
        shared = shared_measures(cascade, link)
        if shared:
            what = f"link {link.id}: both KPIs are computed from {listed(shared)}, so it is partly true by construction"
            where = cascade.where("links", f"#{position}")
            yield Finding(
                "warning", "shared_measures", where, what, "define one of the two without the shared measure"
            )


def _contradicted(cascade: Cascade, links: Iterable[TestedLink]) -> Iterator[Finding]:
    place = {
        (link.cause, link.effect): f"#{position}" for position, link in reversed([*enumerate(cascade.links)])
    }
    for result in links:
        if result.verdict == "contradicted":
            what = f"history contradicts link {result.cause}->{result.effect}"
            where = cascade.where("links", place.get((result.cause, result.effect), ""))
            remedy = "read its page in the evidence report, then drop or redraw it; nothing should rest on it"
            yield Finding("warning", "link_contradicted", where, what, remedy)
