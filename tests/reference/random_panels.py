"""Random panels as analysts have them: unsorted, with gaps, missing values, a lonely unit and text labels.

Run as a script, this writes the files that `random_panels.R` reads: ``python random_panels.py folder``.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

SEEDS = range(10)


def random_panel(seed: int) -> pd.DataFrame:
    """Return columns unit, region, period, y and x0, x1, …; every third panel is complete."""
    rng = np.random.default_rng(seed)
    n_regions, size, n_periods = (int(rng.integers(*span)) for span in ((4, 8), (1, 4), (5, 14)))
    n_columns, n_units = int(rng.integers(1, 4)), n_regions * size
    unit, period = np.repeat(np.arange(n_units), n_periods), np.tile(np.arange(n_periods), n_units)
    common = rng.normal(size=n_units)[unit] + rng.normal(size=n_periods)[period]
    x = rng.normal(size=(len(unit), n_columns)) * 10.0 ** rng.integers(-2, 3, n_columns) + common[:, None]
    noise = rng.standard_t(4, size=len(unit)) * (1 + unit % 3) + rng.normal(size=n_regions)[unit // size]
    table = pd.DataFrame(x, columns=[f"x{i}" for i in range(n_columns)])
    table["y"] = x @ rng.normal(size=n_columns) * 0.2 + noise + common
    table["unit"] = [f"ward {chr(122 - i)}" for i in unit]
    table["region"] = [f"region {i}" for i in unit // size]
    table["period"] = 2000 + period
    if seed % 3:
        table = table[rng.random(len(table)) < 0.8]
        table.iloc[3, table.columns.get_loc("y")] = np.nan
        lonely = {
            "x0": 1.0,
            "x1": 2.0,
            "x2": 3.0,
            "y": 2.0,
            "unit": "alone",
            "region": "region 0",
            "period": 2001,
        }
        table = pd.concat([table, pd.DataFrame([lonely])[table.columns]])
    return table.sample(frac=1, random_state=seed).reset_index(drop=True)


def main(folder: Path) -> None:
    for seed in SEEDS:
        random_panel(seed).to_csv(folder / f"panel_{seed}.csv", index=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
