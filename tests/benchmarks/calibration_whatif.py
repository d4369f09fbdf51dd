"""How often the intervals of what-ifs hold the truth, on simulated maps with known responses: `make calibrate-whatif`.

The map is x → m → y and x → y, each arrow one period later, with a shock common to all units. x is raised by one
for good. Per cell: how often the 95 % interval of the *effect* holds the true response of y, one, four and twelve
periods later, and how often that of the *outcome* holds what y then was. The table goes to
`docs/calibration_whatif.csv` and `.md`.
"""

import argparse
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import kpilab as kl
from kpilab.evidence.links import LinkResult, LinkResults
from tests.simulated import chain, simulated

DOCS = Path(__file__).resolve().parents[2] / "docs"
HORIZON, DIRECT = 13, 0.2
AFTER = (1, 4, 12)
ARROWS = ("cause: x, effect: m, lag: 1", "cause: m, effect: y, lag: 1", "cause: x, effect: y, lag: 1")


@dataclass(frozen=True)
class Cell:
    """One situation."""

    periods: int
    units: int
    inference: Any = "cluster"
    correct_bias: bool = True

    @property
    def name(self) -> str:
        """Return how the draws were made."""
        return self.inference + (", half-panel jackknife" if self.correct_bias and self.units > 1 else "")


CELLS = (
    Cell(120, 1),
    Cell(60, 8),
    Cell(40, 12),
    Cell(60, 20),
    Cell(60, 20, correct_bias=False),
    Cell(60, 20, inference="wild"),
    Cell(120, 20),
    Cell(60, 40),
)


def true_effect() -> np.ndarray:
    """Return the response of y to a lasting step of x, period by period."""
    m, y = np.zeros(HORIZON), np.zeros(HORIZON)
    for t in range(1, HORIZON):
        m[t] = 0.5 * m[t - 1] + 0.5
        y[t] = 0.5 * y[t - 1] + 0.4 * m[t - 1] + DIRECT
    return y


def measured(cell: Cell, seed: int) -> list[float]:
    """Return error and coverage of the effect, and coverage of the outcome, at each of `AFTER`."""
    series = chain(n_periods=cell.periods + HORIZON, n_units=cell.units, seed=seed, direct=DIRECT)
    past = {name: values[: cell.periods] for name, values in series.items()}
    with tempfile.TemporaryDirectory() as folder:
        cascade, history = simulated(Path(folder), past, list(ARROWS))
    links = LinkResults(
        cascade, tuple(LinkResult(link, "team", "month", "supported", "") for link in cascade.links)
    )
    ready = kl.prepare_what_if(
        cascade, history, links, horizon=HORIZON, units="u0", inference=cell.inference,
        correct_bias=cell.correct_bias,
    )  # fmt: skip
    path = ready.scenario({"x": 1.0}, kpis=["y"]).path("y", "u0")
    effect = true_effect()
    happened = series["y"][cell.periods :, 0] + effect
    found = []
    for after in AFTER:
        row = path.iloc[after]
        found += [
            row["effect"] - effect[after],
            float(row["effect_low"] <= effect[after] <= row["effect_high"]),
            float(row["conf_low"] <= happened[after] <= row["conf_high"]),
        ]
    return found


def study(draws: int) -> pd.DataFrame:
    """Return one row per cell; table and page are written after each, so that a study may be stopped."""
    rows: list[dict[str, Any]] = []
    for cell in CELLS:
        found = np.array([measured(cell, 1000 + seed) for seed in range(draws)])
        mean = found.mean(axis=0)
        row: dict[str, Any] = {"periods": cell.periods, "units": cell.units, "draws from": cell.name}
        for place, after in enumerate(AFTER):
            row[f"effect after {after}"] = mean[3 * place + 1]
        row["bias after 12"] = mean[6]
        row["spread after 12"] = found[:, 6].std()
        for place, after in enumerate(AFTER):
            row[f"outcome after {after}"] = mean[3 * place + 2]
        print(row, flush=True)
        rows.append(row)
        write(pd.DataFrame(rows), draws)
    return pd.DataFrame(rows)


def write(table: pd.DataFrame, draws: int) -> None:
    """Write table and page."""
    table.round(4).to_csv(DOCS / "calibration_whatif.csv", index=False)
    (DOCS / "calibration_whatif.md").write_text(written(table, draws), encoding="utf-8")


def written(table: pd.DataFrame, draws: int) -> str:
    """Return the page."""
    head = "| " + " | ".join(table.columns) + " |\n|" + "---|" * table.shape[1]
    rows = ([_cell(name, row[name]) for name in table.columns] for _, row in table.iterrows())
    body = ["| " + " | ".join(row) + " |" for row in rows]
    error = round(100 * (0.95 * 0.05 / draws) ** 0.5, 1)
    return "\n".join([INTRODUCTION.format(draws=draws, error=error), head, *body, ""])


def _cell(name: str, value: Any) -> str:
    if name.startswith(("effect", "outcome")):
        return f"{100 * value:.0f} %"
    return (
        f"{value:+.3f}"
        if name.startswith("bias")
        else f"{value:.3f}"
        if name.startswith("spread")
        else str(value)
    )


INTRODUCTION = """\
# Calibration of what-ifs

How often 95 % intervals of `kl.what_if` hold the truth, on simulated maps x → m → y and x → y with known
responses; {draws} histories per row (95 % is known to ±{error} points, one standard error). x is raised by one for
good; *effect* is the response of y that long after, *outcome* what y then was, without and with the change added.
The true effect after twelve periods is 1.20. Written by `make calibrate-whatif`.

Own lags in a panel are biased downward (Nickell 1981), and over a horizon that adds up: without the half-panel
jackknife the intervals of lasting effects would be too short and off centre; with it they are not. That is why every
equation of a panel is corrected, and the tests of single arrows, whose bias is small, are not.

What happens anyway is forecast by exponential smoothing. Its errors are widened by what the fit has used up, a
season counted as the eleven numbers or more that it is and used only where it earns them; their size follows
Student's t; and the estimated season has an error of its own. Without these three, outcomes of the first months lay
in their intervals 86 to 92 % of the time. A level that wanders is a cautious picture of a series that comes back:
twelve months ahead the intervals are rather too wide.

The wild bootstrap draws t, not the coefficients: with twenty clusters these vary too little. On the same 1,000
histories of 60 periods and 20 units its intervals of the effect held the truth after 1, 4 and 12 periods 93.5,
94.1 and 94.2 % of the time, and 91.5, 93.0 and 92.1 % when it drew coefficients.
"""


def main() -> None:
    """Run the study and write table and page."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--draws", type=int, default=400)
    study(parser.parse_args().draws)


if __name__ == "__main__":
    main()
