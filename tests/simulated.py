"""Cascades and histories with a known truth, for the tests of links."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

import kpilab as kl

HEAD = """\
cascade: Simulated
frequency: month
levels: [company, team]
history: {{path: history.csv}}
units:
  - {{unit: company, name: Company, level: company}}
{units}
kpis:
{kpis}
links:
{links}
{more}
"""


def simulated(
    folder: Path, series: Mapping[str, np.ndarray], links: list[str], more: str = "", first: str = "2012-01"
):
    """Return the cascade and history of series of shape (T, U), one stock KPI each, with links as YAML."""
    n_periods, n_units = next(iter(series.values())).shape
    units = "\n".join(
        f"  - {{unit: u{i}, name: Team {i}, level: team, parent: company}}" for i in range(n_units)
    )
    kpis = "\n".join(
        f"  - {{id: {name}, name: {name.upper()}, last: {name}, levels: [team]}}" for name in series
    )
    text = HEAD.format(
        units=units, kpis=kpis, links="\n".join(f"  - {{{link}}}" for link in links), more=more
    )
    periods = pd.period_range(first, periods=n_periods, freq="M").astype(str)
    index = pd.MultiIndex.from_product([periods, [f"u{i}" for i in range(n_units)]], names=["period", "unit"])
    frame = pd.DataFrame({name: values.ravel() for name, values in series.items()}, index=index).reset_index()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cascade.yaml").write_text(text, encoding="utf-8")
    cascade = kl.read_cascade(folder)
    return cascade, kl.read_history(cascade, frame)


def chain(
    n_periods: int = 100, n_units: int = 12, seed: int = 1, direct: float = 0.0
) -> dict[str, np.ndarray]:
    """Return x → m → y at one lag each: m = .5 m₋₁ + .5 x₋₁, y = .5 y₋₁ + .4 m₋₁ + direct · x₋₁."""
    noise = np.random.default_rng(seed).normal(size=(4, n_periods, n_units))
    x, m, y = (np.zeros((n_periods, n_units)) for _ in range(3))
    for t in range(1, n_periods):
        x[t] = 0.8 * x[t - 1] + noise[0, t] + noise[3, t, :1]
        m[t] = 0.5 * m[t - 1] + 0.5 * x[t - 1] + noise[1, t]
        y[t] = 0.5 * y[t - 1] + 0.4 * m[t - 1] + direct * x[t - 1] + noise[2, t]
    return {"x": x, "m": m, "y": y}
