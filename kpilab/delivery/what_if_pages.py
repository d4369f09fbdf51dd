"""Parts of a page about what may come: which lever of a unit moves its outcome, and where that would lead."""

import networkx as nx
import numpy as np
import pandas as pd

from kpilab.decisions.propagation import arrows
from kpilab.decisions.scenario import Scenario, signed_effect
from kpilab.decisions.whatif import WhatIf, prepare_what_if
from kpilab.decisions.worth import natural_step
from kpilab.delivery.fans import fan_chart
from kpilab.delivery.pages import Page
from kpilab.evidence.links import LinkResults
from kpilab.model.cascade import Cascade
from kpilab.model.history import History
from kpilab.model.nouns import Kpi
from kpilab.model.periods import period_text
from kpilab.scorecard.rollup import Scorecard
from kpilab.show import listed, paragraphs_html, quantity, table_html

DRAWS = 500
MOST_LEVERS = 5
FEWEST_PERIODS = 3
_MOST_URGENT = ("missed", "near", "met")


def unit_levers(
    cascade: Cascade,
    history: History,
    links: LinkResults,
    scorecard: Scorecard,
    unit: str,
    *,
    horizon: int | None = None,
) -> Page:
    """Return what one step of each lever would do to a unit's most urgent outcome, and the fan of the strongest.

    Parameters
    ----------
    scorecard : Scorecard
        Tells which of the unit's targets is missed: the first of these that has a cause on the map is the outcome.
    horizon : int, optional
        Periods ahead of history; default: a year, three periods at least.
    """
    ahead = horizon or max(cascade.periods_per_year, FEWEST_PERIODS)
    ready = prepare_what_if(cascade, history, links, units=unit, horizon=ahead, draws=DRAWS)
    outcome = _outcome(ready, scorecard, unit)
    if outcome is None:
        return Page(
            paragraphs_html("No arrow that carries a change ends at a KPI of this unit that has a target.")
        )
    scenarios = {
        lever.id: _moved(ready, lever, outcome, unit) for lever in _levers(ready, outcome, unit)[:MOST_LEVERS]
    }
    if not scenarios:
        return Page(paragraphs_html(f"Nothing that this unit holds leads to {outcome.name}."))
    ends = {lever: scenario.path(outcome.id, unit).iloc[-1] for lever, scenario in scenarios.items()}
    better = -1.0 if outcome.better == "lower" else 1.0
    gain = {lever: better * float(end["effect"]) for lever, end in ends.items()}
    best = max(ends, key=lambda lever: (_told_apart(ends[lever]) and gain[lever] > 0, gain[lever]))
    wrong = [cascade.kpi(lever).name for lever, end in ends.items() if _told_apart(end) and gain[lever] < 0]
    period = period_text(history.periods[-1] + ahead)
    rows = [_row(cascade, scenarios[lever], ends[lever], outcome) for lever in ends]
    columns = [
        "lever",
        "one step",
        f"{outcome.name} in {period} would change by",
        "95 % interval",
        "target met with",
    ]
    said = _sentence(cascade, scenarios[best], ends[best], outcome, period)
    said += f"\nThe other way than one would think, in this history: {listed(wrong)}." if wrong else ""
    chart = fan_chart(scenarios[best], history, kpi=outcome.id, unit=unit).svg
    return Page(paragraphs_html(said) + chart + table_html(pd.DataFrame(rows, columns=columns)))


def _outcome(ready: WhatIf, scorecard: Scorecard, unit: str) -> Kpi | None:
    """Return the KPI with a target that is missed most urgently and has a cause here."""
    card = scorecard.of_unit(unit).table
    for status in _MOST_URGENT:
        for kpi in card.loc[card["status"] == status, "kpi"]:
            if _levers(ready, ready.cascade.kpi(kpi), unit):
                return ready.cascade.kpi(kpi)
    return None


def _levers(ready: WhatIf, outcome: Kpi, unit: str) -> list[Kpi]:
    """Return what leads to an outcome and can be changed at a unit or below it, the nearest first.

    A KPI that has no better side, such as how many people come, is no lever where there is any other.
    """
    graph = arrows(ready.system.motions)
    if outcome.id not in graph:
        return []
    steps = nx.single_source_shortest_path_length(graph.reverse(copy=False), outcome.id)
    below = ready.cascade.with_descendants([unit])
    near = sorted((far, kpi) for kpi, far in steps.items() if far and ready.cascade.named("kpis", kpi))
    kpis = [ready.cascade.kpi(kpi) for _, kpi in near]
    held = [
        kpi
        for kpi in kpis
        if not kpi.formula
        and below & {each.id for each in ready.cascade.units_of(kpi)}
        and _step(ready, kpi, unit)
    ]
    return [kpi for kpi in held if kpi.better] or held


def _step(ready: WhatIf, kpi: Kpi, unit: str) -> float:
    """Return one step for the better, never more than half of the present value; 0 where nothing is known."""
    past = ready.baseline.history_of(kpi.id)
    below = ready.cascade.with_descendants([unit])
    places = [place for place, each in enumerate(ready.baseline.units) if each in below]
    here = past[:, ready.baseline.units.index(unit)]
    seen = here[np.isfinite(here)]
    known = past[:, places][np.isfinite(past[:, places])]
    current = float(seen[-1]) if seen.size else float(np.median(known)) if known.size else 0.0
    if current == 0:
        return 0.0
    step = natural_step(kpi, current)
    return float(np.sign(step) * min(abs(step), abs(current) / 2))


def _moved(ready: WhatIf, lever: Kpi, outcome: Kpi, unit: str) -> Scenario:
    return ready.scenario({lever.id: f"{_step(ready, lever, unit)!r} at {unit}"}, kpis=[outcome.id])


def _told_apart(end: pd.Series) -> bool:
    return bool(end["effect_low"] > 0 or end["effect_high"] < 0)


def _row(cascade: Cascade, scenario: Scenario, end: pd.Series, outcome: Kpi) -> tuple[str, ...]:
    lever = cascade.kpi(scenario.interventions[0].kpi)
    of = outcome.unit_of_measure
    span = f"{signed_effect(end['effect_low'], of)} to {signed_effect(end['effect_high'], of)}"
    return lever.name, _size(scenario, lever), signed_effect(end["effect"], of), span, _chances(end)


def _sentence(cascade: Cascade, scenario: Scenario, end: pd.Series, outcome: Kpi, period: str) -> str:
    lever = cascade.kpi(scenario.interventions[0].kpi)
    of = outcome.unit_of_measure
    strongest = f"Of this unit's levers, {lever.name} would help {outcome.name} most"
    where = (
        f"{_size(scenario, lever)} for good would bring it to {quantity(end['median'], of)} in {period} instead of "
        f"{quantity(end['baseline'], of)} (95 % interval {quantity(end['conf_low'], of)} to "
        f"{quantity(end['conf_high'], of)})"
    )
    sure = (
        "History tells this effect from none."
        if _told_apart(end)
        else "History can't tell this effect from none; treat it as a question, not as a plan."
    )
    return f"{strongest}: {where}.\n{sure}"


def _size(scenario: Scenario, lever: Kpi) -> str:
    return signed_effect(scenario.interventions[0].change.amount, lever.unit_of_measure)


def _chances(end: pd.Series) -> str:
    if np.isnan(end["p_target"]):
        return ""
    return f"{100 * end['p_target']:.0f} % instead of {100 * end['p_target_baseline']:.0f} %"
