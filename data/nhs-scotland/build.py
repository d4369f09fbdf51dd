"""Make the csv files of this folder from the extract of Public Health Scotland's open data.

    python data/nhs-scotland/build.py [SOURCE]

SOURCE is the folder of the extract; by default `shared/data/nhs-scotland` beside the project. Numbers are
copied as text, so nothing is rounded. What is added, renamed or left out is said in README.md.
"""

import csv
import sys
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

Row = dict[str, str]

HERE = Path(__file__).resolve().parent
SOURCE = HERE.parents[2] / "shared" / "data" / "nhs-scotland"

MEASURES = (
    *("ae_attendances", "ae_within_4h", "ae_episodes", "ae_over_8h", "ae_over_12h", "ae_admitted"),
    *("ae_dest_unknown", "ops_planned", "ops_cancelled", "ops_cancelled_capacity", "ops_cancelled_clinical"),
    *("ops_cancelled_patient", "ops_cancelled_other", "delayed_bed_days", "delayed_bed_days_hsc"),
    *("delayed_bed_days_family", "delayed_bed_days_awi", "delayed_bed_days_code9_other"),
    *("beds_staffed_q", "beds_occupied_q", "days_in_month", "staffed_bed_days"),
)
HISTORY_COLUMNS = ("period", "unit", *MEASURES)
UNIT_COLUMNS = ("unit", "name", "level", "parent")
TARGET_COLUMNS = ("kpi", "unit", "from", "to", "target", "status", "source")

KPI_IDS = {
    "ae_4h_pct": "seen_within_4h",
    "ae_12h_pct": "over_12h",
    "bed_occupancy_pct": "bed_occupancy",
    "ops_cancel_capacity_pct": "cancelled_for_capacity",
}
STATUSES = {"official": "official", "official interim": "official", "illustrative": "illustrative"}


def build(source: Path, folder: Path) -> list[Path]:
    """Write history, later history, units and targets into a folder; return the files."""
    hospitals = _panel_rows(source / "hospital_month.csv", "hospital")
    boards = _panel_rows(source / "board_month.csv", "board")
    later = _panel_rows(source / "board_month_later.csv", "board")
    return [
        _write(folder / "history.csv", HISTORY_COLUMNS, sorted([*hospitals, *boards], key=_unit_and_period)),
        _write(folder / "history_later.csv", HISTORY_COLUMNS, sorted(later, key=_unit_and_period)),
        _write(folder / "units.csv", UNIT_COLUMNS, _rows(source / "units.csv")),
        _write(folder / "targets.csv", TARGET_COLUMNS, _target_rows(source / "targets.csv")),
    ]


def _rows(path: Path) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def _panel_rows(path: Path, unit_column: str) -> list[Row]:
    """Return one row per unit and period."""
    rows = [{**row, "unit": row[unit_column]} for row in _rows(path)]
    for row in rows:
        row["staffed_bed_days"] = _staffed_bed_days(row)
        row |= {name: _plain(row.get(name, "")) for name in MEASURES}
    return rows


def _unit_and_period(row: Row) -> tuple[str, str]:
    return row["unit"], row["period"]


def _staffed_bed_days(row: Row) -> str:
    """Multiply a quarter's staffed beds by the days of the month; hospitals' rows carry no days."""
    beds, days = row.get("beds_staffed_q", ""), row.get("days_in_month", "")
    return str(Decimal(beds) * Decimal(days)) if beds and days else ""


def _plain(text: str) -> str:
    """Write whole numbers without a decimal point."""
    return text.removesuffix(".0")


def _target_rows(path: Path) -> list[Row]:
    """Return the computable targets as shares, in force for every unit that has the KPI."""
    return [
        {
            **row,
            "kpi": KPI_IDS[row["kpi"]],
            "unit": "",
            "target": f"{Decimal(row['target']) / 100:f}",
            "status": STATUSES[row["status"]],
        }
        for row in _rows(path)
        if row["target"]
    ]


def _write(path: Path, columns: tuple[str, ...], rows: Iterable[Row]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, columns, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return path


if __name__ == "__main__":
    build(Path(sys.argv[1]) if len(sys.argv) > 1 else SOURCE, HERE)
