"""Why a KPI moved, as a picture and as a section of a report."""

from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd

from kpilab.delivery.charts import Chart, waterfall_chart
from kpilab.delivery.pages import Page
from kpilab.model.cascade import Cascade
from kpilab.model.history import History
from kpilab.model.nouns import Kpi
from kpilab.model.periods import Span
from kpilab.problems import InputError
from kpilab.scorecard.causes import FittedLink
from kpilab.scorecard.explain import Explanation, explain
from kpilab.scorecard.rollup import Scorecard, roll_up
from kpilab.scorecard.wording import contributor, unit_name
from kpilab.show import count_of, heading_html, paragraphs_html
from kpilab.words import ContributionEffect, Status

MOST_STEPS = 9
MOST_KPIS = 3
JUDGED: list[Status] = ["met", "near", "missed"]
_EFFECT_SAID: dict[ContributionEffect, str] = {
    "rate": "own ratio",
    "mix": "weight",
    "entered": "came in",
    "left": "went",
    "missing": "not reported",
    "own": "reported itself",
    "no denominator": "no denominator",
    "handover": "took over",
    "numerator": "above the line",
    "denominator": "below the line",
}


def waterfall(explanation: Explanation, *, most: int = MOST_STEPS) -> Chart:
    """Draw an explanation as a waterfall: the largest contributions, the others together.

    Parameters
    ----------
    explanation : Explanation
    most : int
        How many contributions are drawn one by one.
    """
    return _drawn(explanation, most, explanation.kpi.name)


def why_moved(
    cascade: Cascade,
    history: History,
    scorecard: Scorecard,
    unit: str,
    *,
    links: Iterable[FittedLink] | None = None,
    most: int = MOST_KPIS,
) -> Page:
    """Return why KPIs of a unit moved since a year before: those whose status changed, then the largest moves.

    Parameters
    ----------
    links : LinkResults, optional
        To say what tested links account for.
    most : int
        How many KPIs.
    """
    tested = None if links is None else tuple(links)
    then = _year_before(cascade, scorecard.span)
    if history.position(then.start) < 0 or history.position(scorecard.span.end) >= len(history.periods):
        return Page(
            paragraphs_html(f"History does not hold all of {scorecard.span} and the same a year before.")
        )
    before = roll_up(cascade, history, period=then)
    parts = [
        _why_section(cascade, history, scorecard, unit, kpi, moved, tested)
        for kpi, moved in list(_worth_explaining(scorecard, before, unit))[:most]
    ]
    if not parts:
        return Page(paragraphs_html("No KPI of this unit has a value now and a year before."))
    return Page("".join(parts))


def _why_section(
    cascade: Cascade,
    history: History,
    scorecard: Scorecard,
    unit: str,
    kpi: Kpi,
    moved: str,
    links: tuple[FittedLink, ...] | None,
) -> str:
    head = heading_html(f"{kpi.name}{': ' + moved if moved else ''}")
    try:
        found = explain(cascade, history, kpi=kpi.id, end=scorecard.span, unit=unit, links=links)
    except InputError as error:
        return f"<section>{head}{paragraphs_html(f'Cannot be divided: {error}')}</section>"
    picture = _drawn(found, MOST_STEPS, "")
    return f"<section>{head}{picture._repr_html_()}{paragraphs_html(found.text)}</section>"


def _drawn(explanation: Explanation, most: int, title: str) -> Chart:
    table = explanation.tidy()
    order = table["contribution"].abs().sort_values(ascending=False, kind="stable").index
    big, others = table.loc[order[:most]], table.loc[order[most:]]
    steps = pd.DataFrame({"label": _labels(explanation, big), "contribution": big["contribution"].to_numpy()})
    if len(others):
        rest = {
            "label": f"{count_of(len(others), 'other')} together",
            "contribution": others["contribution"].sum(),
        }
        steps = pd.concat([steps, pd.DataFrame([rest])], ignore_index=True)
    steps = steps.assign(good=np.sign(steps["contribution"]) * _direction(explanation.kpi))
    return waterfall_chart(
        steps,
        _ends(explanation),
        share=explanation.kpi.unit_of_measure == "share",
        title=title,
    )


def _worth_explaining(scorecard: Scorecard, before: Scorecard, unit: str) -> Iterator[tuple[Kpi, str]]:
    """Yield the KPIs that moved and how their status did, those with another status first, then by size."""
    rows = scorecard.of_unit(unit).tidy()
    rows = rows[rows["actual"].notna() & rows["previous"].notna() & (rows["change"] != 0)]
    then = before.of_unit(unit).tidy().set_index("kpi")["status"].reindex(rows["kpi"]).to_numpy()
    judged = np.isin(then, JUDGED) & rows["status"].isin(JUDGED)
    rows = rows.assign(
        then=then,
        crossed=judged & (rows["status"] != then),
        size=rows["change"].abs() / rows["previous"].abs().clip(lower=1e-300),
    )
    for row in rows.sort_values(["crossed", "size"], ascending=False, kind="stable").itertuples():
        yield scorecard.cascade.kpi(str(row.kpi)), f"{row.then}, now {row.status}" if row.crossed else ""


def _year_before(cascade: Cascade, span: Span) -> Span:
    return Span(span.start - cascade.periods_per_year, span.end - cascade.periods_per_year)


def _labels(explanation: Explanation, rows: pd.DataFrame) -> list[str]:
    labels = []
    for row in rows.itertuples():
        name = contributor(explanation.cascade, str(row.part), str(row.name), str(row.effect))
        said = _EFFECT_SAID.get(str(row.effect), "")  # type: ignore[call-overload]
        labels.append(f"{name}: {said}" if said else name)
    return labels


def _ends(explanation: Explanation) -> tuple[tuple[str, float], tuple[str, float]]:
    start, end = explanation.ends.both
    names = (str(start.span), str(end.span))
    if explanation.compares_units:
        names = (unit_name(explanation.cascade, start), unit_name(explanation.cascade, end))
    return (names[0], explanation.start_value), (names[1], explanation.end_value)


def _direction(kpi: Kpi) -> int:
    return {"higher": 1, "lower": -1}.get(kpi.better or "", 0)
