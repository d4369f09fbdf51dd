"""The strategy map: perspectives, objectives, factors, KPIs, and arrows that say what history says of them.

The only pyvis import. The page needs no network and runs no text of the cascade: ids are opaque, names are
drawn on a canvas, and tooltips hold no markup.
"""

import html
import json
import re
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from kpilab.delivery.layout import COLUMN_WIDTH, Box, Layout, Place, free_spot, lay_out
from kpilab.delivery.playing import playing_script
from kpilab.model.cascade import Cascade
from kpilab.model.nouns import Link
from kpilab.show import Result, count_of, number

UNTESTED = "untested"
COLOURS = {
    "supported": "#1b7837",
    "contradicted": "#b2182b",
    "inconclusive": "#a6761d",
    "untestable": "#888888",
    UNTESTED: "#5b6b7f",
}
DASHES: dict[str, list[int]] = {"inconclusive": [9, 6], "untestable": [2, 5], "contradicted": [14, 4, 3, 4]}
WIDTHS = {"supported": 4, "contradicted": 3, "inconclusive": 2.4, "untestable": 2, UNTESTED: 1.6}
SIGNS = {"+": "+", "-": "−", "?": "?"}
NODE_STYLE = {
    "objective": {"shape": "box", "color": "#1f3a5f", "font": "#ffffff", "wrap": 26},
    "factor": {"shape": "ellipse", "color": "#cfdcec", "font": "#1f3a5f", "wrap": 22},
    "kpi": {"shape": "box", "color": "#ffffff", "font": "#222222", "wrap": 24},
}
BAND_COLOURS = ("#f4f6f9", "#faf7f0", "#f2f7f3", "#f8f3f7", "#f3f3f8")
_EXTERNAL = re.compile(
    r"<script[^>]*\bsrc=[^>]*>\s*</script>|<link[^>]*\bhref=[^>]*/?>|<center>.*?</center>", re.DOTALL
)


@dataclass(frozen=True, eq=False)
class StrategyMap(Result):
    """A drawn cascade: shows itself in a notebook; `save` writes one HTML file that needs no network."""

    cascade: Cascade
    arrows: pd.DataFrame
    scenarios: Mapping[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:  # type: ignore[override]
        """Return the name of the cascade."""
        return f"{self.cascade.name}: strategy map"

    def tidy(self) -> pd.DataFrame:
        """Return one row per arrow: cause, effect, level, sign, lag, verdict and its tooltip."""
        return self.arrows.copy()

    def glance(self) -> pd.DataFrame:
        """Return one row: how many KPIs, arrows, and arrows of each verdict."""
        counts = {f"n_{v}": [int((self.arrows["verdict"] == v).sum())] for v in COLOURS}
        return pd.DataFrame({"n_kpis": [len(self.cascade.kpis)], "n_links": [len(self.arrows)], **counts})

    @property
    def text(self) -> str:
        """Return how many arrows history supports."""
        counts = {verdict: int((self.arrows["verdict"] == verdict).sum()) for verdict in COLOURS}
        said = ", ".join(f"{n} {verdict}" for verdict, n in counts.items() if n)
        return f"{count_of(len(self.cascade.kpis), 'KPI')}, {count_of(len(self.arrows), 'arrow')}: {said or 'none'}."

    def html(self) -> str:
        """Return a complete page."""
        return _page(self.cascade, self.arrows, lay_out(self.cascade), self.scenarios)

    def svg(self) -> str:
        """Return the same map as a still picture."""
        return _svg(self.cascade, self.arrows, lay_out(self.cascade))

    def save(self, path: str | Path) -> Path:
        """Write the page and return its path."""
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(self.html(), encoding="utf-8")
        return target

    def _repr_html_(self) -> str:
        page = html.escape(self.html(), quote=True)
        frame = f'<iframe sandbox="allow-scripts" srcdoc="{page}" width="100%" height="620" style="border:0"></iframe>'
        still = f"<details><summary>The map as a still picture</summary>{self.svg()}</details>"
        return f"{frame}{still}"


def strategy_map(cascade: Cascade, *, links: Any = None, scenario: Any = None) -> StrategyMap:
    """Draw a cascade.

    Parameters
    ----------
    cascade : Cascade
    links : LinkResults, optional
        Colours and labels the arrows by verdict, with estimate and interval in the tooltip; without it every
        arrow is *untested*.
    scenario : Scenario, or mapping of name to Scenario, optional
        Of `what_if`: played along the arrows period by period, at the highest unit that it shows, in the
        notebook and in the saved page; of several (`action_scenarios`: one per action) one is chosen there.

    Returns
    -------
    StrategyMap
    """
    tested = {} if links is None else {(r.cause, r.effect, r.link.at): r for r in links}
    rows = [_arrow(cascade, link, tested.get((link.cause, link.effect, link.at))) for link in cascade.links]
    columns = ["cause", "effect", "level", "sign", "lag", "verdict", "tooltip"]
    played = {} if scenario is None else scenario if isinstance(scenario, Mapping) else {"what if": scenario}
    return StrategyMap(cascade, pd.DataFrame(rows, columns=columns), played)


def _arrow(cascade: Cascade, link: Link, result: Any) -> tuple[str, ...]:
    lag = str(link.lag[0]) if link.lag[0] == link.lag[1] else f"{link.lag[0]}–{link.lag[1]}"
    lag = (
        f"{lag} {cascade.frequency}{'s' if lag != '1' else ''} later"
        if link.lag[1]
        else f"same {cascade.frequency}"
    )
    ends = f"{cascade.kpi(link.cause).name} → {cascade.kpi(link.effect).name}"
    lines = [ends, f"assumed: {SIGNS[link.sign]}, {lag}{f', {link.at}' if link.at else ''}"]
    lines += [f"because: {link.because}"] if link.because else []
    if result is None:
        return (
            link.cause,
            link.effect,
            link.at or "",
            link.sign,
            lag,
            UNTESTED,
            "\n".join([*lines, "not tested"]),
        )
    if result.fit is not None:
        fit = result.fit
        interval = f"[{number(fit.conf_low)}, {number(fit.conf_high)}]"
        lines.append(
            f"estimate {number(fit.estimate)} {interval}, q = {number(result.q_value)}, n = {fit.n_obs}"
        )
    lines.append(f"{result.verdict}: {result.reason}")
    return link.cause, link.effect, result.level, link.sign, lag, str(result.verdict), "\n".join(lines)


def _page(cascade: Cascade, arrows: pd.DataFrame, layout: Layout, scenarios: Mapping[str, Any]) -> str:
    from pyvis.network import Network

    network = Network(height="600px", width="100%", directed=True, cdn_resources="in_line", notebook=False)
    network.set_options(_OPTIONS)
    ids = {(place.kind, place.id): f"n{position}" for position, place in enumerate(layout.places)}
    for place in layout.places:
        style = NODE_STYLE[place.kind]
        network.add_node(
            ids[(place.kind, place.id)], label=wrapped(name_of(cascade, place), int(str(style["wrap"]))),
            title=_safe_title(node_title(cascade, place)), shape=style["shape"], x=place.x, y=place.y,
            color={"background": style["color"], "border": "#1f3a5f"}, borderWidth=border_of(cascade, place),
            font={"color": style["font"], "size": 16}, physics=False, margin=8,
        )  # fmt: skip
    for one, other in ladder_of(cascade):
        network.add_edge(ids[one], ids[other], color="#c3ccd6", width=1, arrows="", smooth=False)
    for row in arrows.itertuples():
        ends = layout.of("kpi", str(row.cause)), layout.of("kpi", str(row.effect))
        network.add_edge(
            ids[("kpi", str(row.cause))], ids[("kpi", str(row.effect))], label=f"{SIGNS[str(row.sign)]} {row.verdict}",
            title=_safe_title(str(row.tooltip)), color=COLOURS[str(row.verdict)], width=WIDTHS[str(row.verdict)],
            dashes=DASHES.get(str(row.verdict), False), smooth=curve_of(*ends),
        )  # fmt: skip
    script = _bands_script(layout)
    if scenarios:
        kpi_nodes = {place_id: node for (kind, place_id), node in ids.items() if kind == "kpi"}
        script += playing_script(cascade, scenarios, kpi_nodes, arrows)
    return _offline(network.generate_html(notebook=False), cascade.name, script)


def _bands_script(layout: Layout) -> str:
    """Return the script that draws the perspectives behind everything else; names go in as JSON, not as code."""
    bands = [
        [band.name, band.top, band.bottom - band.top, BAND_COLOURS[position % len(BAND_COLOURS)]]
        for position, band in enumerate(layout.bands)
    ]
    data = json.dumps(bands).replace("<", "\\u003c")
    return f"<script>{_BANDS % (data, layout.width)}</script>"


def curve_of(a: Place, b: Place) -> dict[str, object]:
    """Bend an arrow around what stands between its ends, more where they stand in one row."""
    if a.y != b.y:
        return {"enabled": True, "type": "curvedCW", "roundness": 0.16}
    roundness = 0.75 * min(1.0, COLUMN_WIDTH / max(abs(a.x - b.x), 1.0))
    return {"enabled": True, "type": "curvedCCW", "roundness": round(roundness, 2)}


def _offline(page: str, title: str, script: str) -> str:
    """Take out what would ask a network, and what pyvis draws that is not the map; add title and legend."""
    page = _EXTERNAL.sub("", page)
    legend = "".join(
        f"<span style='color:{colour};margin-right:1.2em;font-weight:600'>{verdict}</span>"
        for verdict, colour in COLOURS.items()
    )
    head = (
        f"<div style='font:14px sans-serif;margin:.4em .6em'><b>{html.escape(title)}</b> "
        f"&nbsp; {legend}<span style='color:#777'>hover over an arrow for its estimate and reason</span></div>"
    )
    style = (
        "<style>body{margin:0}.card{border:0}"
        "#mynetwork{border:0!important;float:none!important;height:calc(100vh - 44px)!important}"
        ".vis-tooltip{white-space:pre-wrap!important;max-width:420px;font:13px sans-serif!important}</style>"
    )
    icon = '<link rel="icon" href="data:,">'
    page = page.replace("<head>", f"<head><title>{html.escape(title)}</title>{icon}{style}", 1)
    page = page.replace("<body>", f"<body>{head}", 1)
    before, after = page.rsplit("</body>", 1)
    return f"{before}{script}</body>{after}"


def _safe_title(text: str) -> str:
    """Return a tooltip that pyvis shows as text: it would read one that contains 'href' as markup."""
    return re.sub("href", "hr\u200bef", text, flags=re.IGNORECASE)


def name_of(cascade: Cascade, place: Place) -> str:
    """Return the name of what stands at a place."""
    noun = {"objective": "objectives", "factor": "factors", "kpi": "kpis"}[place.kind]
    return str(cascade.named(noun, place.id).name)


def node_title(cascade: Cascade, place: Place) -> str:
    """Return a node's tooltip, as text."""
    if place.kind == "objective":
        objective = cascade.named("objectives", place.id)
        return "\n".join(part for part in (f"Objective: {objective.name}", objective.why) if part)
    if place.kind == "factor":
        return f"Critical success factor: {cascade.named('factors', place.id).name}"
    kpi = cascade.kpi(place.id)
    owner = cascade.named("owners", kpi.owner)
    lines = [kpi.name, kpi.definition, f"levels: {', '.join(cascade.levels_of(kpi))}"]
    lines += [f"owner: {owner.name}"] if owner else []
    return "\n".join([*lines, f"{kpi.better} is better" if kpi.better else ""]).strip()


def border_of(cascade: Cascade, place: Place) -> int:
    """Return a thicker border for a KPI that reaches further down."""
    return len(cascade.levels_of(cascade.kpi(place.id))) if place.kind == "kpi" else 1


def ladder_of(cascade: Cascade) -> list[tuple[tuple[str, str], tuple[str, str]]]:
    """Return the lines that are no arrows: objective – factor – KPI."""
    lines = [(("objective", factor.objective), ("factor", factor.id)) for factor in cascade.factors]
    return lines + [(("factor", kpi.factor), ("kpi", kpi.id)) for kpi in cascade.kpis if kpi.factor]


def wrapped(text: str, width: int) -> str:
    """Break a name into three lines at most."""
    lines = textwrap.wrap(text, width) or [""]
    return "\n".join(lines if len(lines) <= 3 else [*lines[:2], f"{lines[2][: width - 1]}…"])


def _svg(cascade: Cascade, arrows: pd.DataFrame, layout: Layout) -> str:
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {layout.width:g} {layout.height:g}" '
        f'style="width:100%;max-width:{layout.width:g}px;height:auto;font-family:sans-serif">',
        "<defs>",
        *(
            f'<marker id="kl-{verdict}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="13" markerHeight="13" '
            f'markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0L10 5L0 10z" fill="{colour}"/></marker>'
            for verdict, colour in COLOURS.items()
        ),
        "</defs>",
    ]
    for position, band in enumerate(layout.bands):
        colour = BAND_COLOURS[position % len(BAND_COLOURS)]
        parts.append(
            f'<rect x="2" y="{band.top:g}" width="{layout.width - 4:g}" height="{band.bottom - band.top:g}" rx="8" '
            f'fill="{colour}" stroke="#dde3ea"/><text x="14" y="{band.top + 22:g}" font-size="17" fill="#7b8794">'
            f"{html.escape(band.name)}</text>"
        )
    for one, other in ladder_of(cascade):
        a, b = layout.of(*one), layout.of(*other)
        parts.append(f'<line x1="{a.x:g}" y1="{a.y:g}" x2="{b.x:g}" y2="{b.y:g}" stroke="#c3ccd6"/>')
    boxes = [_box_of(place) for place in layout.places]
    labels = [_svg_arrow(layout, row, parts, boxes) for row in arrows.itertuples()]
    parts += [_svg_node(cascade, place) for place in layout.places]
    return "".join([*parts, *labels, "</svg>"])


def _svg_arrow(layout: Layout, row: Any, parts: list[str], boxes: list[Box]) -> str:
    """Draw one arrow as a curve around what lies between; return its label, to be drawn on top, clear of `boxes`."""
    a, b = layout.of("kpi", row.cause), layout.of("kpi", row.effect)
    dx, dy = b.x - a.x, b.y - a.y
    length = max((dx * dx + dy * dy) ** 0.5, 1.0)
    bend = 46 if abs(dy) > 1 else 78
    x, y = (a.x + b.x) / 2 - dy / length * bend, (a.y + b.y) / 2 + dx / length * bend
    start, end = _edge_of(a, x, y), _edge_of(b, x, y)
    dashes = ",".join(map(str, DASHES.get(row.verdict, [])))
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    colour = COLOURS[row.verdict]
    parts.append(
        f'<path d="M{start[0]:.1f} {start[1]:.1f}Q{x:.1f} {y:.1f} {end[0]:.1f} {end[1]:.1f}" fill="none" '
        f'stroke="{colour}" stroke-width="{WIDTHS[row.verdict]}"{dashed} marker-end="url(#kl-{row.verdict})">'
        f"<title>{html.escape(row.tooltip)}</title></path>"
    )
    label = f"{SIGNS[row.sign]} {row.verdict}"
    half = (3.6 * len(label), 8.0)
    spots = [
        tuple(
            (1 - t) ** 2 * s + 2 * t * (1 - t) * c + t**2 * e
            for s, c, e in zip(start, (x, y), end, strict=True)
        )
        for t in (0.5, 0.42, 0.58, 0.34, 0.66, 0.26, 0.74, 0.18, 0.82)
    ]
    at = free_spot(spots, half, boxes)
    boxes.append(Box(at[0] - half[0], at[1] - half[1], at[0] + half[0], at[1] + half[1]))
    return (
        f'<text x="{at[0]:.1f}" y="{at[1] + 4:.1f}" text-anchor="middle" font-size="13" fill="{colour}" '
        f'stroke="#ffffff" stroke-width="4" paint-order="stroke">{label}</text>'
    )


def _box_of(place: Place) -> Box:
    return Box(place.x - 98, place.y - 32, place.x + 98, place.y + 32)


def _edge_of(place: Place, x: float, y: float) -> tuple[float, float]:
    """Return the point of a node's box on the way to (x, y)."""
    dx, dy = x - place.x, y - place.y
    share = min(98 / max(abs(dx), 1e-9), 34 / max(abs(dy), 1e-9), 1.0)
    return place.x + dx * share, place.y + dy * share


def _svg_node(cascade: Cascade, place: Place) -> str:
    style = NODE_STYLE[place.kind]
    lines = wrapped(name_of(cascade, place), int(str(style["wrap"]))).split("\n")
    radius = 30 if place.kind == "factor" else 6
    top = place.y - 8.5 * (len(lines) - 1) + 5
    texts = "".join(
        f'<tspan x="{place.x:g}" y="{top + 17 * i:.1f}">{html.escape(line)}</tspan>'
        for i, line in enumerate(lines)
    )
    return (
        f'<g><title>{html.escape(node_title(cascade, place))}</title><rect x="{place.x - 98:g}" '
        f'y="{place.y - 32:g}" width="196" height="64" rx="{radius}" fill="{style["color"]}" stroke="#1f3a5f" '
        f'stroke-width="{border_of(cascade, place)}"/><text text-anchor="middle" font-size="14" '
        f'fill="{style["font"]}">{texts}</text></g>'
    )


_OPTIONS = """{
  "physics": {"enabled": false},
  "interaction": {"hover": true, "tooltipDelay": 80, "dragNodes": true, "multiselect": false,
    "keyboard": {"enabled": true, "bindToWindow": false}},
  "edges": {
    "arrows": {"to": {"enabled": true, "scaleFactor": 0.9}},
    "smooth": {"enabled": true, "type": "curvedCW", "roundness": 0.16},
    "font": {"size": 15, "strokeWidth": 5, "strokeColor": "#ffffff"}
  }
}"""

_BANDS = """(function () {
  var bands = %s, width = %g;
  network.on("beforeDrawing", function (canvas) {
    bands.forEach(function (band) {
      canvas.fillStyle = band[3];
      canvas.fillRect(0, band[1], width, band[2]);
      canvas.fillStyle = "#7b8794";
      canvas.font = "20px sans-serif";
      canvas.fillText(band[0], 14, band[1] + 26);
    });
  });
  network.fit();
})();"""
