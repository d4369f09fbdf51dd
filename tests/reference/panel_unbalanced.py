"""Makes panel_unbalanced.csv, an unbalanced panel with gaps and common shocks, seed 20261123."""

from pathlib import Path

import numpy as np
import pandas as pd

rng = np.random.default_rng(20261123)
units, periods = 9, 14
common = rng.normal(size=periods).cumsum()
rows = []
for unit in range(units):
    x1 = rng.normal(size=periods).cumsum() + 0.5 * common
    x2 = rng.normal(size=periods) * (1 + unit / 4)
    y = 0.4 * x1 - 0.2 * x2 + unit + common + rng.normal(size=periods) * (0.5 + unit / 6)
    first = unit % 4
    rows += [(unit + 1, unit // 2 + 1, 2001 + t, y[t], x1[t], x2[t]) for t in range(first, periods)]
table = pd.DataFrame(rows, columns=["unit", "region", "period", "y", "x1", "x2"])
keep = rng.random(len(table)) > 0.15
keep &= table.period != 2009
table[keep].round(6).to_csv(Path(__file__).with_name("panel_unbalanced.csv"), index=False)
