"""Twenty million rows added up, beside DuckDB alone; and a scorecard of 200 KPIs at 60 units.

The rows are 10,000 units × 100 months × 20 measures in Parquet, long and wide. The opponent is SQL that joins
the unit tree and adds up all measures per period, level by level, which is a third faster than grouping all
levels at once. Ours reads, validates and keeps every value, and returns a scorecard with a year's comparison.
Each runs in a process of its own, in turns, so that neither warms the other up and each has its own peak.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

REPEATS = 3
QUIET = "SET enable_progress_bar = false"
N_MEASURES = 20
LAST_PERIOD = "2023-04"
MEASURES = [f"m{number:02}" for number in range(N_MEASURES)]
UNITS = """
    SELECT 'u' || lpad(u::VARCHAR, 5, '0') AS unit, 'r' || (u // 100) AS parent, 'shop' AS level FROM range(10000) s(u)
    UNION ALL SELECT 'r' || r, 'd' || (r // 10), 'region' FROM range(100) s(r)
    UNION ALL SELECT 'd' || d, 'all', 'division' FROM range(10) s(d)
    UNION ALL SELECT 'all', NULL, 'company'
"""
GRID = "range(100) p(p), (SELECT unit FROM units WHERE level = 'shop')"
PERIOD = "strftime(DATE '2015-01-01' + to_months(p::INTEGER), '%Y-%m') AS period"
CASCADE = """
cascade: Ten thousand units
frequency: month
levels: [company, division, region, shop]
history: {path: HISTORY}
units: {path: units.csv}
kpis:
"""
SQL = """
    WITH region AS MATERIALIZED (
        SELECT period, parent AS unit, {sums} FROM {rows} JOIN units USING (unit) GROUP BY {keys}),
    division AS MATERIALIZED (
        SELECT period, parent AS unit, {sums} FROM region JOIN units USING (unit) GROUP BY {keys}),
    company AS MATERIALIZED (
        SELECT period, parent AS unit, {sums} FROM division JOIN units USING (unit) GROUP BY {keys})
    FROM region UNION ALL FROM division UNION ALL FROM company
"""


def write_data(place: str, _: str = "") -> None:
    """Write units and the same history twice, long and wide, and a cascade for each."""
    folder = Path(place)
    with duckdb.connect().execute(QUIET) as connection:
        connection.execute(f"CREATE TABLE units AS {UNITS}")
        connection.execute(
            f"COPY (SELECT unit, unit AS name, level, parent FROM units) TO '{folder / 'units.csv'}' (HEADER)"
        )
        columns = ", ".join(f"round(100 + 50 * random(), 2) AS {name}" for name in MEASURES)
        connection.execute(
            f"COPY (SELECT {PERIOD}, unit, {columns} FROM {GRID} ORDER BY p, unit) "
            f"TO '{folder / 'wide.parquet'}' (FORMAT parquet)"
        )
        connection.execute(
            f"COPY (UNPIVOT '{folder / 'wide.parquet'}' ON {', '.join(MEASURES)} INTO NAME measure VALUE value) "
            f"TO '{folder / 'long.parquet'}' (FORMAT parquet)"
        )
    for shape in ("long", "wide"):
        text = CASCADE.lstrip().replace("HISTORY", f"{shape}.parquet")
        text += "".join(
            f"  - {{id: {name}, name: {name}, sum: {name}, better: higher}}\n" for name in MEASURES
        )
        (folder / f"{shape}.yaml").write_text(text, encoding="utf-8")


def bare_sql(folder: str, shape: str) -> float:
    """Return the seconds of the SQL alone, its result handed over as arrays."""
    with duckdb.connect().execute(QUIET) as connection:
        units = f"CREATE TABLE units AS SELECT unit, parent FROM read_csv('{folder}/units.csv')"
        connection.execute(units)
        sums = (
            "measure, sum(value) AS value"
            if shape == "long"
            else ", ".join(f"sum({m}) AS {m}" for m in MEASURES)
        )
        keys = "period, parent, measure" if shape == "long" else "period, parent"
        start = time.perf_counter()
        connection.execute(SQL.format(sums=sums, keys=keys, rows=f"'{folder}/{shape}.parquet'")).fetchnumpy()
        return time.perf_counter() - start


def ours(folder: str, shape: str) -> float:
    """Return the seconds of read_history and roll_up; the cascade is read before."""
    import kpilab as kl
    import kpilab.model.parquet
    import kpilab.scorecard.rollup

    cascade = kl.read_cascade(f"{folder}/{shape}.yaml")
    start = time.perf_counter()
    history = kl.read_history(cascade)
    card = kl.roll_up(cascade, history, period=LAST_PERIOD)
    seconds = time.perf_counter() - start
    assert len(card.tidy()) == 10_111 * N_MEASURES
    return seconds


def in_new_process(function: str, folder: Path, shape: str) -> dict[str, float]:
    """Run one of the two in a fresh interpreter; return seconds, seconds of processor time and peak megabytes."""
    script = (
        "import json, resource, sys, time\n"
        f"from tests.benchmarks.bench_scorecard import {function}\n"
        f"wall = {function}({str(folder)!r}, {shape!r})\n"
        "use = resource.getrusage(resource.RUSAGE_SELF)\n"
        "print(json.dumps({'wall': wall, 'cpu': use.ru_utime + use.ru_stime, 'peak': use.ru_maxrss / 1024}))\n"
    )
    run = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    return json.loads(run.stdout)


def print_twenty_million_rows() -> None:
    """Print the same values as 20 million rows and as a million rows of 20 columns, ours beside SQL."""
    with tempfile.TemporaryDirectory() as folder:
        in_new_process(
            "write_data", Path(folder), ""
        )  # what a process used counts in the peak of its children
        for shape in ("long", "wide"):
            pairs = [
                [in_new_process(function, Path(folder), shape) for function in ("bare_sql", "ours")]
                for _ in range(REPEATS)
            ]
            sql, own = (statistics.median(pair[i]["wall"] for pair in pairs) for i in (0, 1))
            ratio = statistics.median(pair[1]["wall"] / pair[0]["wall"] for pair in pairs)
            peak = max(pair[1]["peak"] for pair in pairs)
            print(
                f"  20 million values, {shape}:  SQL {sql:5.2f} s   read_history + roll_up {own:5.2f} s",
                end="   ",
            )
            wanted = " (wanted: under 2)" if shape == "long" else ""
            print(f"ratio {ratio:.1f}{wanted}   peak {peak:,.0f} MB (wanted: under 1,500 MB)")


def print_board_scorecard() -> None:
    """Print a scorecard of 200 KPIs at 60 units, and what the same numbers take in pandas."""
    import kpilab as kl

    folder = Path(tempfile.mkdtemp())
    n_kpis, periods = 200, pd.period_range("2019-01", periods=60, freq="M").astype(str)
    units = ["unit,name,level,parent", "all,All,company,", *(f"u{i},U{i},shop,all" for i in range(59))]
    (folder / "units.csv").write_text("\n".join(units) + "\n", encoding="utf-8")
    text = CASCADE.lstrip().replace("[company, division, region, shop]", "[company, shop]")
    kinds = ("ratio: {{of: m{0}, per: m{1}}}", "sum: m{0}")
    for number in range(n_kpis):
        kind = kinds[number % 2].format(number, (number + 1) % n_kpis)
        text += f"  - {{id: k{number}, name: K{number}, {kind}, better: higher}}\n"
    text += "targets:\n" + "".join(f"  - {{kpi: k{number}, target: 1}}\n" for number in range(n_kpis))
    (folder / "cascade.yaml").write_text(text.replace("HISTORY", "none.csv"), encoding="utf-8")
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.uniform(1, 2, (60 * 59, n_kpis)), columns=[f"m{i}" for i in range(n_kpis)])
    frame.insert(0, "unit", np.tile([f"u{i}" for i in range(59)], 60))
    frame.insert(0, "period", np.repeat(periods, 59))
    cascade = kl.read_cascade(folder)
    history = kl.read_history(cascade, frame)
    taken = []
    for _ in range(9):
        start = time.perf_counter()
        kl.roll_up(cascade, history, period="2023-12")
        taken.append(time.perf_counter() - start)
    seconds = f"{statistics.median(taken):.3f} s (median of 9, best {min(taken):.3f} s; wanted: < 0.2 s)"
    print(f"  scorecard of 200 KPIs at 60 units: {seconds}")


def main() -> None:
    """Print both measurements."""
    print_board_scorecard()
    print_twenty_million_rows()


if __name__ == "__main__":
    main()
