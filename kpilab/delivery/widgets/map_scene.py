"""What the map editor shows, as plain values: nodes, arrows, and what history says of one of them."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from kpilab.delivery.charts import STATUS_COLOURS, STATUS_SIGNS
from kpilab.delivery.layout import Layout, Place, lay_out
from kpilab.delivery.maps import (
    BAND_COLOURS,
    COLOURS,
    DASHES,
    NODE_STYLE,
    SIGNS,
    WIDTHS,
    border_of,
    curve_of,
    ladder_of,
    name_of,
    node_title,
    strategy_map,
    wrapped,
)
from kpilab.delivery.plane import framed, line_svg, plane_of, points_text
from kpilab.evidence.links import LinkResult, LinkResults
from kpilab.evidence.missing import MissingLinks
from kpilab.model.cascade import Cascade
from kpilab.model.nouns import Link
from kpilab.show import number

DENIED = "denied"
_DENIED_COLOUR = "#7b3294"
_WRAP = 18
VERDICT_SIGNS = {
    "supported": "✓",
    "contradicted": "✗",
    "inconclusive": "~",
    "untestable": "∅",
    "untested": "",
}
Key = tuple[str, str, str | None]
Positions = Mapping[str, tuple[float, float]]


def key_of(link: Link) -> Key:
    """Return the key under which a draft edits a link."""
    return link.cause, link.effect, link.at


def edge_id(key: Key) -> str:
    """Return the opaque id of an arrow on the page."""
    return json.dumps(["link", *key])


def link_by_edge(cascade: Cascade, edge: str) -> Link | None:
    """Return the link of an arrow, None when it is not drawn any more."""
    return next((link for link in cascade.links if edge_id(key_of(link)) == edge), None)


def scene_of(
    cascade: Cascade,
    links: LinkResults | None,
    layout: Layout,
    *,
    statuses: Mapping[str, str] | None = None,
    denied: MissingLinks | None = None,
) -> dict[str, Any]:
    """Return nodes, edges and bands for the page.

    Parameters
    ----------
    cascade : Cascade
    links : LinkResults, optional
        What is tested so far; other arrows are *untested*.
    layout : Layout
        Of `settled`.
    statuses : mapping of KPI to status, optional
        Colours the KPIs.
    denied : MissingLinks, optional
        Arrows that history disagrees with the map about are added.
    """
    return {
        "nodes": [_node(cascade, place, statuses) for place in layout.places],
        "edges": [*_ladder(cascade), *_arrows(cascade, links, layout), *_denied(denied, layout)],
        "bands": [
            [band.name, band.top, band.bottom, BAND_COLOURS[position % len(BAND_COLOURS)]]
            for position, band in enumerate(layout.bands)
        ],
        "width": layout.width,
    }


def settled(cascade: Cascade, before: Layout | None) -> Layout:
    """Return where everything stands unless it is put elsewhere: where it stood, as long as nothing is new.

    An arrow more would otherwise reorder the rows under the hand that draws it.
    """
    layout = lay_out(cascade)
    same = before is not None and before.bands == layout.bands and _all_of(before) == _all_of(layout)
    return before if before is not None and same else layout


def put_by_hand(layout: Layout, positions: Positions) -> Layout:
    """Return a layout in which KPIs stand where somebody put them."""
    places = (
        Place(place.kind, place.id, *positions[place.id])
        if place.kind == "kpi" and place.id in positions
        else place
        for place in layout.places
    )
    return Layout(tuple(places), layout.bands, layout.width, layout.height)


def _all_of(layout: Layout) -> set[tuple[str, str]]:
    return {(place.kind, place.id) for place in layout.places}


def _node_id(kind: str, entry: str) -> str:
    return f"{kind}:{entry}"


def _node(cascade: Cascade, place: Place, statuses: Mapping[str, str] | None) -> dict[str, Any]:
    style = NODE_STYLE[place.kind]
    label = wrapped(name_of(cascade, place), _WRAP)
    colour = str(style["color"])
    if statuses is not None and place.kind == "kpi":
        status = statuses.get(place.id, "no data")
        colour = STATUS_COLOURS.get(status, colour)
        label += f"\n{STATUS_SIGNS.get(status, '')} {status}"
    return {
        "id": _node_id(place.kind, place.id),
        "kind": place.kind,
        "entry": place.id,
        "name": name_of(cascade, place),
        "label": label,
        "title": node_title(cascade, place),
        "shape": style["shape"],
        "colour": colour,
        "font": style["font"],
        "size": 17 if place.kind == "factor" else 20,
        "border": border_of(cascade, place),
        "x": place.x,
        "y": place.y,
    }


def _ladder(cascade: Cascade) -> list[dict[str, Any]]:
    return [
        {"id": json.dumps(["ladder", *one, *other]), "from": _node_id(*one), "to": _node_id(*other)}
        for one, other in ladder_of(cascade)
    ]


def _arrows(cascade: Cascade, links: LinkResults | None, layout: Layout) -> list[dict[str, Any]]:
    drawn = set(cascade.links)
    tested = None if links is None else tuple(result for result in links if result.link in drawn)
    rows = strategy_map(cascade, links=tested).arrows.to_dict("records")
    places = {(place.kind, place.id): place for place in layout.places}
    return [
        {
            "id": edge_id(key_of(link)),
            "from": _node_id("kpi", link.cause),
            "to": _node_id("kpi", link.effect),
            "cause": link.cause,
            "effect": link.effect,
            "label": f"{SIGNS[link.sign]} {VERDICT_SIGNS[row['verdict']]}".strip(),
            "title": row["tooltip"],
            "verdict": row["verdict"],
            "colour": COLOURS[row["verdict"]],
            "width": WIDTHS[row["verdict"]],
            "dashes": DASHES.get(row["verdict"], False),
            "smooth": curve_of(places[("kpi", link.cause)], places[("kpi", link.effect)]),
        }
        for link, row in zip(cascade.links, rows, strict=True)
    ]


def _denied(denied: MissingLinks | None, layout: Layout) -> list[dict[str, Any]]:
    """Return the arrows that the map denies and history sees, one for each window of lags."""
    if denied is None:
        return []
    places = {place.id: place for place in layout.places if place.kind == "kpi"}
    return [
        {
            "id": json.dumps([DENIED, one.link.cause, one.link.effect, *one.link.lag]),
            "from": _node_id("kpi", one.link.cause),
            "to": _node_id("kpi", one.link.effect),
            "cause": one.link.cause,
            "effect": one.link.effect,
            "label": "missing?",
            "title": one.reason,
            "verdict": DENIED,
            "colour": _DENIED_COLOUR,
            "width": 4,
            "dashes": [3, 5],
            "smooth": _other_way(curve_of(places[one.link.cause], places[one.link.effect])),
        }
        for one in denied.denials
        if one.verdict == "disagrees" and {one.link.cause, one.link.effect} <= places.keys()
    ]


def _other_way(curve: dict[str, object]) -> dict[str, object]:
    """Bend to the side where a drawn arrow would not lie."""
    return {**curve, "type": "curvedCW" if curve["type"] == "curvedCCW" else "curvedCCW"}


def legend() -> list[dict[str, Any]]:
    """Return a line sample for every verdict."""
    samples = [
        {
            "name": verdict,
            "sign": VERDICT_SIGNS[verdict],
            "colour": colour,
            "width": WIDTHS[verdict],
            "dashes": DASHES.get(verdict, []),
        }
        for verdict, colour in COLOURS.items()
    ]
    missing = {"name": "missing?", "sign": "", "colour": _DENIED_COLOUR, "width": 4, "dashes": [3, 5]}
    return [*samples, missing]


def detail_of(cascade: Cascade, link: Link, result: LinkResult | None) -> dict[str, Any]:
    """Return what the page says of one arrow: verdict, estimate with interval, reason, checks that failed."""
    detail: dict[str, Any] = {
        "edge": edge_id(key_of(link)),
        "ends": [cascade.kpi(link.cause).name, cascade.kpi(link.effect).name],
        "cause": link.cause,
        "effect": link.effect,
        "sign": link.sign,
        "lag": list(link.lag),
        "at": link.at or "",
        "because": link.because,
        "levels": shared_levels(cascade, link.cause, link.effect),
        "verdict": "being tested",
        "reason": "",
        "estimate": "",
        "profile": "",
    }
    if result is None:
        return detail
    detail |= {"verdict": str(result.verdict), "reason": result.reason, "level": result.level}
    if result.fit is not None:
        fit = result.fit
        detail["estimate"] = (
            f"{number(fit.estimate)} [{number(fit.conf_low)}, {number(fit.conf_high)}], "
            f"q = {number(result.q_value)}, n = {fit.n_obs} of {fit.n_units} units"
        )
    return detail


def shared_levels(cascade: Cascade, cause: str, effect: str) -> list[str]:
    """Return the levels at which two KPIs both exist, top down."""
    below = cascade.levels_of(cascade.kpi(effect))
    return [level for level in cascade.levels_of(cascade.kpi(cause)) if level in below]


def profile_svg(result: LinkResult) -> str:
    """Draw the response of the effect 0, 1, … periods after the cause, with its simultaneous band."""
    rows = result.profile()
    if rows.empty:
        return ""
    at, low, high = (rows[name].to_numpy(dtype=float) for name in ("horizon", "band_low", "band_high"))
    middle = rows["estimate"].to_numpy(dtype=float)
    plane = plane_of(np.concatenate([low, high, [0.0]]), at[0], max(at[-1], at[0] + 1))
    outline = [*zip(at, high, strict=True), *zip(at[::-1], low[::-1], strict=True)]
    zero = np.zeros_like(at)
    parts = [
        f'<polygon points="{points_text(plane, outline)}" fill="#cfdcec" opacity="0.7"/>',
        line_svg(plane, at, zero, "#888888", dashes="3,3"),
        line_svg(plane, at, middle, "#1f3a5f", width=2.2),
    ]
    marks = [(float(h), str(int(h))) for h in at]
    return framed(plane, parts, f"Response, {result.frequency}s after the cause", marks, number).svg


def worst_first(statuses: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return one status for each KPI: the first that is listed."""
    found: dict[str, str] = {}
    for kpi, status in statuses:
        found.setdefault(kpi, status)
    return found
