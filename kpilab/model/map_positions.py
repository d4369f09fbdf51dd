"""Where KPIs stand on the map: a file of the folder, beside what the cascade says."""

import json
from collections.abc import Mapping
from pathlib import Path

from kpilab.model.files import text_of

POSITIONS_FILE = "map.json"
Position = tuple[float, float]


def positions_in(folder: Path) -> dict[str, Position]:
    """Return the positions saved in a folder; a file that holds none is as good as no file."""
    try:
        rows = json.loads(text_of(folder / POSITIONS_FILE) or "{}")
        return {str(kpi): (float(x), float(y)) for kpi, (x, y) in rows.items()}
    except (ValueError, TypeError, AttributeError):
        return {}


def positions_text(positions: Mapping[str, Position]) -> str:
    """Return what the file says."""
    rows = {kpi: list(at) for kpi, at in sorted(positions.items())}
    return json.dumps(rows, indent=1, ensure_ascii=False) + "\n"


def rounded(positions: Mapping[str, Position]) -> dict[str, Position]:
    """Return positions as precise as the file is."""
    return {kpi: (round(float(x), 1), round(float(y), 1)) for kpi, (x, y) in positions.items()}
