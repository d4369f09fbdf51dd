"""Pay as people read it: a statement that can be followed by hand, and what the money rests on.

Pages with names or amounts are marked confidential and written for their owner's eyes only (mode 0600).
"""

import html
import os
import stat
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TextIO

import numpy as np
import pandas as pd

from kpilab.decisions.pay import PayResults
from kpilab.decisions.pay_forecast import PayForecast
from kpilab.decisions.payout import CurveArrays
from kpilab.decisions.statements import PayLine, PayStatement
from kpilab.delivery.charts import Chart
from kpilab.delivery.pages import Page
from kpilab.delivery.plane import framed, line_svg, plane_of
from kpilab.model.pay_plan import Curve
from kpilab.model.saving import replace_file
from kpilab.show import heading_html, paragraphs_html, quantity, table_html

ONLY_OWNER = 0o600
_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:900px;margin:1.5em auto;padding:0 1em;color:#222}"
    ".mark{background:#b2182b;color:#fff;padding:.2em .8em;font-weight:600;letter-spacing:.08em}"
    "@page{size:A4;margin:15mm}"
)


def curve_chart(curve: Curve, title: str, performances: Sequence[float] = ()) -> Chart:
    """Draw a payout curve, and where those who are paid by it stand on it.

    Parameters
    ----------
    curve : Curve
    title : str
    performances : sequence of float
        Each a dot on the curve.
    """
    places = [float(place) for place, _ in curve.marks]
    room = 0.3 * (max(places) - min(places))
    x = np.linspace(min(places) - room, max(places) + room, 400)
    arrays = CurveArrays(curve)
    y = arrays.payout(x)
    plane = plane_of(np.append(y, 0.0), x[0], x[-1])
    dots = np.clip(np.asarray(performances, dtype=float), x[0], x[-1])
    parts = [line_svg(plane, x, y, "#2166ac", width=2.0)] + [
        f'<circle cx="{plane.x(at):.1f}" cy="{plane.y(pays):.1f}" r="4" fill="#b2182b"/>'
        for at, pays in zip(dots, arrays.payout(dots), strict=True)
    ]
    marks = [(place, f"{place:g}") for place in sorted(places)]
    return framed(plane, parts, title, marks, lambda value: f"{100 * value:.0f} %")


def budget_chart(forecast: PayForecast) -> Chart:
    """Draw what a period may cost: how many draws of a hundred fall into each range; a line at target pay."""
    totals = forecast.totals
    high = max(float(totals.max()), 1e-9)
    counts, edges = np.histogram(
        totals, bins=24, range=(float(totals.min()), max(high, float(totals.min()) + 1))
    )
    shares = counts / len(totals)
    last = max(edges[-1], min(forecast.target_pay, 1.6 * edges[-1]))
    plane = plane_of(np.append(shares, 0.0), edges[0], last)
    bars = [
        f'<rect x="{plane.x(left):.1f}" width="{max(plane.x(right) - plane.x(left) - 1, 0.5):.1f}" '
        f'y="{plane.y(share):.1f}" height="{plane.y(0) - plane.y(share):.1f}" fill="#7da7d9"/>'
        for left, right, share in zip(edges[:-1], edges[1:], shares, strict=True)
    ]
    at = plane.x(min(forecast.target_pay, last))
    if forecast.target_pay <= last:
        bars.append(
            f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{plane.y(plane.high):.1f}" y2="{plane.y(plane.low):.1f}" '
            'stroke="#b2182b" stroke-dasharray="4 3"/>'
        )
    marks = [(float(edges[0]), f"{edges[0]:,.0f}"), (float(np.median(totals)), f"{np.median(totals):,.0f}")]
    beyond = "" if forecast.target_pay <= last else " →"
    marks.append((float(last), f"target pay {forecast.target_pay:,.0f}{beyond}"))
    title = f"What {forecast.span} may cost, {forecast.currency}"
    return framed(plane, bars, title, marks, lambda value: f"{100 * value:.0f} %")


def replay_chart(results: PayResults) -> Chart:
    """Draw what the plan would have paid in past years, as a share of target pay."""
    table = results.replay()
    table = table[table["n_measures"] > 0]
    paid = table["payout"].to_numpy(dtype=float)
    years = np.arange(len(paid), dtype=float)
    plane = plane_of(np.append(paid, [0.0, 1.0]), -0.5, len(paid) - 0.5)
    bars = [
        f'<rect x="{plane.x(year - 0.35):.1f}" width="{plane.x(year + 0.35) - plane.x(year - 0.35):.1f}" '
        f'y="{plane.y(share):.1f}" height="{plane.y(0) - plane.y(share):.1f}" fill="#7da7d9"/>'
        for year, share in zip(years, paid, strict=True)
    ]
    ends = (
        [(0.0, table["period"].iloc[0]), (float(len(paid) - 1), table["period"].iloc[-1])]
        if len(paid)
        else []
    )
    title = "What the plan would have paid in past years, of target pay"
    return framed(plane, bars, title, ends, lambda value: f"{100 * value:.0f} %")


def statement_page(results: PayResults, statement: PayStatement) -> Page:
    """Return one person's statement: every measure from attainment to money, and the sum."""
    person = results.cascade.named("owners", statement.participant.person)
    name = person.name if person is not None else statement.participant.person
    currency = results.pay.currency
    rows = [_line_row(results, statement, line) for line in statement.lines]
    columns = [
        "measure",
        "unit",
        "actual",
        "target",
        "performance",
        "pays",
        "weight",
        "how the amount follows",
    ]
    said = [*_marks(results), f"Pay period {results.span}, plan {statement.participant.plan}."]
    if statement.proration != 1:
        said.append(f"Time taken part, times part of full time: {statement.proration:.4f} of the period.")
    said += [f"Then: {text}, × {factor:.4f}." for text, factor in statement.factors]
    total = (
        f"To be paid: {statement.amount:,f} {currency}, rounded once to {results.pay.round_to:f} {currency}."
    )
    return Page(
        f"<span class='mark'>CONFIDENTIAL</span>{heading_html(f'{name}: statement')}"
        + paragraphs_html("\n".join(said))
        + table_html(pd.DataFrame(rows, columns=columns))
        + f"<p><strong>{html.escape(total)}</strong></p>"
    )


def rests_page(results: PayResults) -> Page:
    """Return what the money rests on, in shares: nobody's name, no amount."""
    rests = results.rests_on().assign(
        share_of_target_pay=lambda t: t["share_of_target_pay"].map("{:.0%}".format),
        share_of_payout=lambda t: t["share_of_payout"].map("{:.0%}".format),
    )
    replay = results.replay_summary()
    return Page(
        heading_html(results.title)
        + paragraphs_html(results.text)
        + table_html(rests)
        + table_html(results.anonymous())
        + (table_html(replay) if len(replay) else "")
    )


def write_statements(results: PayResults, folder: Path, *, named: bool) -> list[Path]:
    """Write the anonymous page, and with `named` a page per statement that only its writer can read.

    Returns
    -------
    list of Path
    """
    folder.mkdir(parents=True, exist_ok=True)
    pages = {"rests_on.html": rests_page(results)} if not named else dict(_named_pages(results))
    paths = []
    for name, page in pages.items():
        body = f"<!doctype html><meta charset='utf-8'><title>Pay</title><style>{_STYLE}</style>{page.body}"
        paths += replace_file(folder / name, body, mode=ONLY_OWNER)
    return paths


def keep_to_owner(stream: TextIO) -> None:
    """Let nobody else read a file that is written to with ``>``; a terminal or a pipe stays as it is."""
    try:
        about = os.fstat(stream.fileno())
    except (OSError, ValueError):  # no file stands behind it
        return
    if os.name == "posix" and stat.S_ISREG(about.st_mode) and about.st_uid == os.geteuid():
        os.fchmod(stream.fileno(), ONLY_OWNER)


def _named_pages(results: PayResults) -> Iterator[tuple[str, Page]]:
    for number, statement in enumerate(results.statements_, 1):
        person = "".join(c if c.isalnum() or c in "-_" else "_" for c in statement.participant.person)
        yield f"confidential_{number:04d}_{person}.html", statement_page(results, statement)


def _marks(results: PayResults) -> list[str]:
    illustrative = results.pay.status == "illustrative"
    return ["ILLUSTRATIVE: no such plan exists, and nobody is paid by it."] if illustrative else []


def _line_row(results: PayResults, statement: PayStatement, line: PayLine) -> list[str]:
    cascade = results.cascade
    kpi, unit = cascade.kpi(line.place.kpi), cascade.unit(line.place.unit)
    performance = "beyond any ratio" if line.performance is None else f"{_plain(line.performance)}"
    how = (
        f"{_plain(statement.target_pay)} × {_plain(line.weight)} × {_plain(line.payout)}"
        + (f" × {statement.factor:.4f}" if statement.factors else "")
        + f" = {line.amount:,.2f} {results.pay.currency}"
    )
    target = (
        quantity(line.target, kpi.unit_of_measure) if line.target == line.target else "the curve's own marks"
    )
    return [
        kpi.name, unit.name, quantity(line.actual, kpi.unit_of_measure), target,
        f"{line.place.curve.base} {performance}", f"{_plain(line.payout)} of target pay", _plain(line.weight), how,
    ]  # fmt: skip


def _plain(value: Decimal) -> str:
    """Write a decimal without trailing zeros and without an exponent, to six places at the most."""
    return f"{round(value, 6).normalize():f}"
