"""A small map of one owner's paths, from their KPIs to the objectives, as a still picture."""

import html
import textwrap
from collections.abc import Mapping, Sequence

from kpilab.decisions.footing import Footing

WIDTH, HEIGHT, GAP_X, GAP_Y = 168, 46, 44, 12
COLOURS: dict[Footing, str] = {
    "arithmetic": "#1f3a5f",
    "supported": "#1b7837",
    "inconclusive": "#a6761d",
    "untested": "#5b6b7f",
    "contradicted": "#b2182b",
}
DASHES: dict[Footing, str] = {"inconclusive": "9,6", "untested": "2,5", "contradicted": "14,4,3,4"}
Node = tuple[str, str]


def sight_map(
    paths: Sequence[Sequence[Node]], names: Mapping[Node, str], arrows: Mapping[tuple[Node, Node], Footing]
) -> str:
    """Draw paths from left to right.

    Parameters
    ----------
    paths : sequence of paths, each a sequence of (kind, id)
        Kind is ``kpi`` or ``objective``.
    names : mapping of node to name
    arrows : mapping of (node, node) to footing
        Colour and line style of the arrow; history's word on it.

    Returns
    -------
    str
        An inline SVG without script.
    """
    columns = _columns(paths)
    place = {node: (column, row) for column, nodes in enumerate(columns) for row, node in enumerate(nodes)}
    width = len(columns) * (WIDTH + GAP_X) - GAP_X + 4
    height = max((len(nodes) for nodes in columns), default=1) * (HEIGHT + GAP_Y) + 4
    drawn = dict.fromkeys(pair for path in paths for pair in zip(path, path[1:], strict=False))
    lines = [_arrow(place[a], place[b], arrows.get((a, b), "arithmetic")) for a, b in drawn]
    boxes = [_box(place[node], node[0], names[node]) for node in place]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        f'style="width:100%;max-width:{width}px;height:auto;font-family:sans-serif">'
        "<title>My paths to our goals</title>" + "".join(lines + boxes) + "</svg>"
    )


def _columns(paths: Sequence[Sequence[Node]]) -> list[list[Node]]:
    """Put every node as far to the right as its longest way from a start asks for; objectives at the end."""
    depth: dict[Node, int] = {}
    for path in paths:
        for position, node in enumerate(path):
            depth[node] = max(depth.get(node, 0), position)
    last = max((len(path) for path in paths), default=1) - 1
    depth |= {node: max(last, 0) for node in depth if node[0] == "objective"}
    columns: list[list[Node]] = [[] for _ in range(max(depth.values(), default=0) + 1)]
    for node, column in depth.items():
        columns[column].append(node)
    return columns


def _corner(place: tuple[int, int]) -> tuple[int, int]:
    return 2 + place[0] * (WIDTH + GAP_X), 2 + place[1] * (HEIGHT + GAP_Y)


def _arrow(start: tuple[int, int], end: tuple[int, int], footing: Footing) -> str:
    (x1, y1), (x2, y2) = _corner(start), _corner(end)
    x1, y1, y2 = x1 + WIDTH, y1 + HEIGHT // 2, y2 + HEIGHT // 2
    colour, dash = COLOURS[footing], DASHES.get(footing, "")
    style = f' stroke-dasharray="{dash}"' if dash else ""
    middle = (x1 + x2) / 2
    head = f'<path d="M{x2 - 9} {y2 - 5}L{x2} {y2}L{x2 - 9} {y2 + 5}z" fill="{colour}"/>'
    curve = f"M{x1} {y1}C{middle:g} {y1} {middle:g} {y2} {x2 - 8} {y2}"
    line = f'<path d="{curve}" fill="none" stroke="{colour}" stroke-width="2.4"{style}>'
    return f"{line}<title>{footing}</title></path>{head}"


def _box(place: tuple[int, int], kind: str, name: str) -> str:
    x, y = _corner(place)
    goal = kind == "objective"
    fill, ink = ("#1f3a5f", "#ffffff") if goal else ("#ffffff", "#222222")
    lines = textwrap.wrap(name, 25, max_lines=3, placeholder=" …", break_long_words=True) or [""]
    top = y + HEIGHT / 2 - 7 * (len(lines) - 1) + 4
    texts = "".join(
        f'<tspan x="{x + WIDTH / 2:g}" y="{top + 14 * i:g}">{html.escape(line)}</tspan>'
        for i, line in enumerate(lines)
    )
    return (
        f'<g><title>{html.escape(name)}</title><rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="6" '
        f'fill="{fill}" stroke="#1f3a5f"/><text text-anchor="middle" font-size="12" fill="{ink}">{texts}</text></g>'
    )
