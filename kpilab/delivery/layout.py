"""Where everything stands on a strategy map: bands by perspective, rows by noun and level, crossings kept few."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from kpilab.model.cascade import Cascade
from kpilab.model.nouns import Kpi

COLUMN_WIDTH = 215
ROW_HEIGHT = 118
BAND_GAP = 40
NO_PERSPECTIVE = "Without perspective"
_SWEEPS = 8


@dataclass(frozen=True)
class Place:
    """A node of the map.

    Parameters
    ----------
    kind : {"objective", "factor", "kpi"}
    id : str
    x, y : float
        Centre, pixels.
    """

    kind: str
    id: str
    x: float
    y: float


@dataclass(frozen=True)
class Band:
    """A perspective's stripe across the map, pixels."""

    name: str
    top: float
    bottom: float


@dataclass(frozen=True)
class Box:
    """A rectangle on the map, pixels."""

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True)
class Layout:
    """All places and bands of a map, with its size in pixels."""

    places: tuple[Place, ...]
    bands: tuple[Band, ...]
    width: float
    height: float

    def of(self, kind: str, entry_id: str) -> Place:
        """Return the place of an entry."""
        return next(place for place in self.places if (place.kind, place.id) == (kind, entry_id))


def lay_out(cascade: Cascade) -> Layout:
    """Place objectives, factors and KPIs.

    Within a perspective's band the rows are objectives, factors, then KPIs by the highest level at which they
    exist. Along a row, entries are ordered towards the mean position of their neighbours (the barycentre
    heuristic of Sugiyama, Tagawa & Toda 1981), which keeps crossings few; the order is the same every time.
    """
    bands = [(name, rows) for name in _perspectives(cascade) if (rows := _rows(cascade, name))]
    rows = [row for _, rows_ in bands for row in rows_]
    _order(rows, _neighbours(cascade))
    widest = max((len(row) for row in rows), default=1)
    width = max(widest, 2) * COLUMN_WIDTH + 60
    places: list[Place] = []
    stripes: list[Band] = []
    top = 10.0
    for name, rows_ in bands:
        y = top + 20
        for row in rows_:
            step = (width - 60) / len(row)
            y += ROW_HEIGHT / 2
            places += [Place(kind, entry, 30 + step * (i + 0.5), y) for i, (kind, entry) in enumerate(row)]
            y += ROW_HEIGHT / 2
        stripes.append(Band(name, top, y))
        top = y + BAND_GAP / 4
    return Layout(tuple(places), tuple(stripes), width, top + 10)


def free_spot(
    spots: Sequence[tuple[float, float]], half: tuple[float, float], boxes: Sequence[Box]
) -> tuple[float, float]:
    """Choose the first spot at which a label covers nothing, or else the one at which it covers least.

    Parameters
    ----------
    spots : sequence of (x, y)
        Where the label's centre may stand, best first.
    half : (float, float)
        Half the label's width and height.
    boxes : sequence of Box
        What must not be covered.

    Examples
    --------
    >>> free_spot([(0, 0), (5, 0)], (1, 1), [Box(-2, -2, 2, 2)])
    (5, 0)
    """

    def covered(spot: tuple[float, float]) -> float:
        (x, y), (dx, dy) = spot, half
        overlaps = (
            (min(x + dx, box.right) - max(x - dx, box.left), min(y + dy, box.bottom) - max(y - dy, box.top))
            for box in boxes
        )
        return sum(width * height for width, height in overlaps if width > 0 and height > 0)

    return min(spots, key=covered)


def perspective_of(cascade: Cascade, kpi: Kpi) -> str:
    """Return the perspective of the objective that a KPI serves."""
    objective = cascade.objective_of(kpi)
    return (objective.perspective if objective else None) or NO_PERSPECTIVE


def _perspectives(cascade: Cascade) -> list[str]:
    return [*cascade.perspectives, NO_PERSPECTIVE]


def _rows(cascade: Cascade, perspective: str) -> list[list[tuple[str, str]]]:
    objectives = [o for o in cascade.objectives if (o.perspective or NO_PERSPECTIVE) == perspective]
    ids = {objective.id for objective in objectives}
    factors = [factor for factor in cascade.factors if factor.objective in ids]
    kpis = [kpi for kpi in cascade.kpis if perspective_of(cascade, kpi) == perspective]
    rows = [[("objective", o.id) for o in objectives], [("factor", f.id) for f in factors]]
    rows += [
        [("kpi", k.id) for k in kpis if cascade.levels_of(k)[:1] == (level,)] for level in cascade.levels
    ]
    return [part for row in rows if row for part in _broken(row)]


def _broken(row: list[tuple[str, str]], most: int = 7) -> list[list[tuple[str, str]]]:
    """Break a long row into several of about the same length; hundreds of KPIs make a square, not a tower."""
    n_rows = -(-len(row) // max(most, math.isqrt(len(row))))
    size = -(-len(row) // n_rows)
    return [row[i : i + size] for i in range(0, len(row), size)]


def _neighbours(cascade: Cascade) -> dict[tuple[str, str], list[tuple[str, str]]]:
    pairs = [(("kpi", link.cause), ("kpi", link.effect)) for link in cascade.links]
    pairs += [(("factor", kpi.factor), ("kpi", kpi.id)) for kpi in cascade.kpis if kpi.factor]
    pairs += [(("objective", factor.objective), ("factor", factor.id)) for factor in cascade.factors]
    found: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for one, other in pairs:
        found.setdefault(one, []).append(other)
        found.setdefault(other, []).append(one)
    return found


def _order(
    rows: list[list[tuple[str, str]]], neighbours: dict[tuple[str, str], list[tuple[str, str]]]
) -> None:
    for _ in range(_SWEEPS):
        where = {entry: (i + 0.5) / len(row) for row in rows for i, entry in enumerate(row)}
        for row in rows:
            pull = {
                entry: sum(where[n] for n in neighbours.get(entry, [entry]))
                / len(neighbours.get(entry, [entry]))
                for entry in row
            }
            row.sort(key=lambda entry, pull=pull: (pull[entry], entry))  # type: ignore[misc]
            where |= {entry: (i + 0.5) / len(row) for i, entry in enumerate(row)}
