"""How often verdicts on actions err, on histories with a known truth: `make calibrate-actions`.

Each cell is a number of treated units and controls, a persistence and a length. Each draw makes one history of
which nothing happened to one KPI, and to another exactly what was promised; both are read as an analyst's file
would be read and judged by `kl.evaluate_actions`. The results go to `docs/calibration_actions.csv` and `.md`.
"""

import argparse
import tempfile
import warnings
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd

import kpilab as kl
from tests.benchmarks.calibration import with_values
from tests.simulated import simulated

DOCS = Path(__file__).resolve().parents[2] / "docs"
LIMIT = 0.06
BURN_IN = 60
SIZE = 3.0


@dataclass(frozen=True)
class Cell:
    """One situation: how many units are treated and not, persistence, length, start, what makes it hard."""

    treated: int
    controls: int
    rho: float
    periods: int
    start: int
    twist: str = ""


CELLS = (
    *(Cell(1, 0, rho, 120, 90) for rho in (0.0, 0.5, 0.9, 1.0)),
    *(Cell(1, 0, rho, 60, 40) for rho in (0.0, 0.5, 0.9)),
    Cell(1, 0, 0.5, 120, 90, "seasonal"),
    *(Cell(1, 29, rho, 84, 60) for rho in (0.0, 0.5, 0.9, 1.0)),
    Cell(1, 29, 0.5, 84, 60, "unequal noise"),
    Cell(1, 29, 0.5, 84, 60, "seasonal"),
    Cell(3, 27, 0.5, 84, 60),
    Cell(3, 27, 0.5, 84, 60, "staggered"),
    *(Cell(12, 18, rho, 84, 60) for rho in (0.0, 0.5, 0.9, 1.0)),
    Cell(12, 18, 0.5, 84, 60, "unequal noise"),
    Cell(12, 18, 0.5, 84, 60, "seasonal"),
    Cell(12, 18, 0.5, 84, 60, "staggered"),
    Cell(20, 40, 0.5, 130, 100),
    Cell(5, 5, 0.5, 60, 40),
)


def history_of(cell: Cell, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Make a history in which nothing happened, one with the promised effect, and the start of each unit."""
    total, n_units = cell.periods + BURN_IN, cell.treated + cell.controls
    noise = rng.normal(size=(total, n_units))
    if cell.twist == "unequal noise":
        noise *= rng.uniform(0.3, 3.0, size=n_units)
    for t in range(1, total):
        noise[t] += cell.rho * noise[t - 1]
    if n_units > 1:
        noise += rng.normal(size=(total, 1))
    if cell.twist == "seasonal":
        phase = rng.uniform(0, 1.5, size=n_units)
        noise += 2 * np.sin(2 * np.pi * (np.arange(total)[:, None] / 12 + phase))
    nothing = 100 + 5 * rng.normal(size=n_units) + noise[BURN_IN:] - noise[BURN_IN]
    start = np.where(np.arange(n_units) < cell.treated, cell.start, np.inf)
    if cell.twist == "staggered":
        start[: cell.treated // 2] -= 8
    after = np.arange(cell.periods)[:, None] >= start
    return nothing, nothing + SIZE * after, start


def action_of(cell: Cell, start: np.ndarray) -> str:
    """Write the action."""
    months = pd.period_range("2012-01", periods=cell.periods, freq="M").astype(str)
    treated = np.flatnonzero(np.isfinite(start))
    starts = ", ".join(f"u{unit}: {months[int(start[unit])]}" for unit in treated)
    units = ", ".join(f"u{unit}" for unit in treated)
    return (
        f"actions:\n  - {{id: push, name: Push, units: [{units}], start: {months[int(start.min())]}, "
        f"starts: {{{starts}}}, expects: {{none: {SIZE}, some: {SIZE}}}}}"
    )


def run_cell(task: tuple[Cell, int, int]) -> dict[str, object]:
    """Draw many histories of one cell and count."""
    cell, draws, seed = task
    warnings.simplefilter("ignore")
    rng = np.random.default_rng([seed, CELLS.index(cell) if cell in CELLS else 0])
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        nothing, something, start = history_of(cell, rng)
        series = {"none": nothing, "some": something}
        cascade, first = simulated(Path(folder), series, [], more=action_of(cell, start))
        for _ in range(draws):
            nothing, something, _ = history_of(cell, rng)
            history = with_values(first, {"none": nothing, "some": something})
            rows += [judged(result) for result in kl.evaluate_actions(cascade, history)]
    return {**asdict(cell), "draws": draws, **counted(pd.DataFrame(rows))}


def judged(result: object) -> dict[str, object]:
    """Return what one result says."""
    size, fit = result.size, result.estimated
    truth = SIZE if result.kpi == "some" else 0.0
    covered = size is not None and size.conf_low <= truth <= size.conf_high
    return {
        "kpi": result.kpi,
        "method": fit.method if fit else "",
        "verdict": result.verdict,
        "p": fit.p_value if fit else np.nan,
        "covered": covered,
        "error": size.effect - truth if size else np.nan,
        "std_error": size.std_error if size else np.nan,
    }


def counted(rows: pd.DataFrame) -> dict[str, object]:
    """Count: how often nothing *worked* and p < .05, how often the promised effect did not work, was covered."""
    none, some = rows[rows["kpi"] == "none"], rows[rows["kpi"] == "some"]
    return {
        "method": rows["method"].mode().iloc[0],
        "null_below_05": float((none["p"] < 0.05).mean()),
        "null_worked": float((none["verdict"] == "worked").mean()),
        "null_did_not_work": float((none["verdict"] == "did not work").mean()),
        "promised_worked": float((some["verdict"] == "worked").mean()),
        "promised_did_not_work": float((some["verdict"] == "did not work").mean()),
        "coverage": float(rows["covered"].mean()),
        "bias": float(rows["error"].mean()),
        "sd_over_se": float(none["error"].std() / none["std_error"].mean()),
    }


def main() -> None:
    """Run every cell; the results are written after each, so that a study may be stopped."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=250, help="histories per cell")
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    tasks = [(cell, given.draws, 0) for cell in CELLS]
    with get_context("spawn").Pool(given.processes) as pool:
        rows = []
        for row in pool.imap(run_cell, tasks, chunksize=1):
            rows.append(row)
            print(len(rows), "of", len(tasks), row, flush=True)
            write(pd.DataFrame(rows))


INTRODUCTION = """\
# How often verdicts on actions err

{cells} situations, {draws} draws each or as many as the row says, seed 0, `make calibrate-actions`. Each draw makes
a history for a cascade that was written and read, in which nothing happened to one KPI (*null*) and to another exactly
what was promised (*promised*: three standard deviations of a month's noise), and calls `kl.evaluate_actions`.
Series remember themselves by rho and share shocks; units differ in level.

*null worked*: how often *worked* is said where nothing happened; it is to be at most 6 %. *coverage*: how
often the 95 % interval holds the truth. *promised did not work*: how often an action that kept its promise is
called smaller than promised; 5 % is what the test of equivalence allows. Placebo ranks cannot go below one in
the number of controls plus one, and their power is that of one unit.

Sets of several controls overlap: 200 sets of 3 out of 27 controls know no more than 27 units do. On 1,000 histories
their ranks alone gave p < .05 in 6.2 % where nothing happened; now that Student's t with 26 degrees of freedom must
agree, 5.4 %.
Staggered difference-in-differences with 20 of 60 units gave 4.5 % on 2,000 histories; a row of 250 draws is known to
±1.4 points, one standard error.

Where nobody is left to compare with (the rows *structural*), one series says little about how far its level
wanders, and errors that take its variances as known are too small. They are widened until the interval holds in
series that the fitted model could have made (a parametric bootstrap, every series estimated anew).
"""


def write(table: pd.DataFrame) -> None:
    """Write the table, and its page."""
    table.round(4).to_csv(DOCS / "calibration_actions.csv", index=False, lineterminator="\n")
    shown = table.copy()
    error = (LIMIT * (1 - LIMIT) / table["draws"]) ** 0.5
    shown["held"] = np.where(table["null_worked"] <= LIMIT + 2 * error, "yes", "**no**")
    lines = [*INTRODUCTION.format(cells=len(table), draws=int(table["draws"].min())).splitlines(), ""]
    lines += ["| " + " | ".join(name.replace("_", " ") for name in shown.columns) + " |"]
    lines += ["|" + "---|" * shown.shape[1]]
    lines += ["| " + " | ".join(_text(value) for value in row) + " |" for row in shown.to_numpy(object)]
    (DOCS / "calibration_actions.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _text(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
