"""Results on standard output: sentences and a table, or strict JSON and nothing else.

Nothing heavy is imported before it is needed: `kpilab --help` answers at once.
"""

import json
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from kpilab.model.checks import CheckReport
    from kpilab.show import Result


def print_result(result: "Result", as_json: bool, *more: "pd.DataFrame") -> None:
    """Print a result: its sentences, its whole table and more tables; or itself as JSON."""
    if as_json:
        print_json(result.glance().iloc[0].to_dict(), result.tidy().to_dict("records"))
    else:
        from kpilab.show import table_text

        tables = [table_text(table, len(table)) for table in (result.shown(), *more)]
        print("\n".join((result.title, result.text, "", "\n\n".join(tables))).rstrip())


def print_table(result: "Result", table: "pd.DataFrame", as_json: bool) -> None:
    """Print another table of a result than its own."""
    if as_json:
        print_json(result.glance().iloc[0].to_dict(), table.to_dict("records"))
    else:
        from kpilab.show import table_text

        print("\n".join((result.title, result.text, "", table_text(table, len(table)))).rstrip())


def print_check(report: "CheckReport", as_json: bool) -> None:
    """Print everything that was found, or all of it as JSON."""
    if as_json:
        print_result(report, as_json)
    else:
        print("\n".join((report.title, report.text, "", report.listing())).rstrip())


def print_quality(report: "CheckReport", as_json: bool) -> None:
    """Print how good the KPIs are as indicators, and what they cover."""
    table = report.quality()
    if as_json:
        print_json(report.glance().iloc[0].to_dict(), table.to_dict("records"))
    else:
        from kpilab.show import table_text

        parts = [table_text(part, len(table)) for part in (report.quality_shown(), report.coverage())]
        print("\n".join((report.title, report.text, "", parts[0], "", parts[1])).rstrip())


def print_json(glance: Mapping[Any, Any], rows: Sequence[Mapping[Any, Any]]) -> None:
    """Print strict JSON: what is missing or infinite becomes null."""
    whole = {"glance": _plain(glance), "rows": [_plain(row) for row in rows]}
    print(json.dumps(whole, indent=1, allow_nan=False))


def _plain(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(key): _plain_value(value) for key, value in row.items()}


def _plain_value(value: Any) -> Any:
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list | tuple):
        return [_plain_value(item) for item in value]
    return value if value is None or isinstance(value, bool | int | str) else str(value)
