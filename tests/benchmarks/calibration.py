"""How often verdicts err, on cascades and histories with a known truth: `make calibrate`.

Each cell is a small map and a way to make its history; each draw makes one history, reads it as an analyst's
file would be read, and calls `kl.fit_links`. The results go to `docs/calibration.csv`, `.md` and `.svg`.
"""

import argparse
import math
import tempfile
import warnings
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd
import statsmodels.api as sm
from scipy import stats
from statsmodels.tsa.stattools import grangercausalitytests
from tigramite.independence_tests.parcorr import ParCorr

import kpilab as kl
from kpilab.evidence.regress import NotEstimable, ols
from tests.simulated import simulated

DOCS = Path(__file__).resolve().parents[2] / "docs"
EFFECT = 0.3
BURN_IN = 50
FDR_LIMIT = 0.05


@dataclass(frozen=True)
class Cell:
    """One situation: map, persistence, size, and what makes it hard."""

    structure: str
    rho: float
    periods: int
    units: int
    twist: str = ""

    @property
    def limit(self) -> float:
        """Return the largest share of true-null links that may reach p < .05."""
        return 0.07 if self.periods >= 60 and self.twist != "heteroskedastic" else 0.10


CELLS = (
    *(Cell("noise", rho, periods, 1) for rho in (0.0, 0.5, 0.9, 1.0) for periods in (60, 120)),
    *(Cell("noise", rho, 36, 1) for rho in (0.5, 0.9)),
    *(Cell("noise", 0.9, 60, units) for units in (5, 10, 20, 50)),
    Cell("noise", 1.0, 60, 20),
    Cell("noise", 0.5, 36, 20),
    Cell("noise", 0.5, 120, 1, "seasonal"),
    Cell("noise", 0.5, 120, 1, "heteroskedastic"),
    Cell("noise", 0.9, 60, 20, "heteroskedastic"),
    Cell("noise", 0.5, 60, 10, "heteroskedastic"),
    *(Cell("fork", 0.5, periods, units) for periods, units in ((120, 1), (60, 10), (60, 20))),
    *(
        Cell("chain", rho, periods, units)
        for rho, periods, units in ((0.5, 120, 1), (0.9, 120, 1), (0.5, 60, 20))
    ),
    *(Cell("collider", 0.5, periods, units) for periods, units in ((120, 1), (60, 20))),
    *(Cell("loop", 0.5, periods, units) for periods, units in ((120, 1), (60, 20))),
    *(Cell("shocks", rho, 60, units) for rho, units in ((0.5, 10), (0.9, 20), (0.9, 50))),
)  # at most forty

# structure -> arrows of the truth (cause, effect, effect size) and false arrows on the map, all at one lag
_TRUE = {
    "noise": (),
    "shocks": (),
    "fork": (("z", "x", EFFECT), ("z", "y", EFFECT)),
    "chain": (("x", "m", EFFECT), ("m", "y", EFFECT)),
    "collider": (("x", "c", EFFECT), ("y", "c", EFFECT)),
    "loop": (("x", "y", EFFECT), ("y", "x", -EFFECT)),
}
_FALSE = {
    "noise": (("x", "y"), ("v", "w")),
    "shocks": (("x", "y"), ("v", "w")),
    "fork": (("x", "y"),),
    "chain": (("x", "y"),),
    "collider": (("x", "y"),),
    "loop": (("v", "y"),),
}
_KPIS = {
    "noise": "xyvw",
    "shocks": "xyvw",
    "fork": "zxy",
    "chain": "xmy",
    "collider": "xyc",
    "loop": "xyv",
}


def history_of(cell: Cell, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Make one history: each series is persistent, moved by its causes one period later, and by noise."""
    total = cell.periods + BURN_IN
    names = _KPIS[cell.structure]
    noise = rng.normal(size=(len(names), total, cell.units))
    if cell.units > 1:
        noise += rng.normal(size=(len(names), total, 1))
    if cell.structure == "shocks":
        noise += 1.5 * rng.normal(size=(1, total, 1))
    if cell.twist == "heteroskedastic":
        noise *= np.where(rng.random((1, total, 1)) < 0.1, 3.0, 1.0)
    values = np.zeros_like(noise)
    place = {name: i for i, name in enumerate(names)}
    for t in range(1, total):
        values[:, t] = cell.rho * values[:, t - 1] + noise[:, t]
        for cause, effect, size in _TRUE[cell.structure]:
            values[place[effect], t] += size * values[place[cause], t - 1]
    if cell.twist == "seasonal":
        values += 3 * np.sin(2 * np.pi * np.arange(total) / 12)[None, :, None]
    return {name: values[i, BURN_IN:] for name, i in place.items()}


def links_of(cell: Cell) -> list[str]:
    """Write the map: the true arrows, each exactly as large as would just matter, and the false ones."""
    true = [
        f'cause: {c}, effect: {e}, sign: "{"+" if size > 0 else "-"}", lag: 1, min_effect: {abs(size)}'
        for c, e, size in _TRUE[cell.structure]
    ]
    lag = "[1, 2]" if cell.structure in ("noise", "shocks", "chain") else "1"
    return true + [
        f'cause: {c}, effect: {e}, sign: "+", lag: {lag}, min_effect: 0.05' for c, e in _FALSE[cell.structure]
    ]


def run_cell(task: tuple[Cell, int, int]) -> dict[str, object]:
    """Draw many histories of one cell and count."""
    cell, draws, seed = task
    warnings.simplefilter("ignore")
    rng = np.random.default_rng([seed, CELLS.index(cell) if cell in CELLS else 0])
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        cascade, _ = simulated(Path(folder), history_of(cell, rng), links_of(cell))
        for _ in range(draws):
            rows += one_draw(cell, cascade, history_of(cell, rng))
    return {**asdict(cell), "draws": draws, "limit": cell.limit, **counted(pd.DataFrame(rows))}


def one_draw(cell: Cell, cascade: object, series: dict[str, np.ndarray]) -> list[dict[str, object]]:
    """Fit the links of one history; one record per link."""
    periods = pd.period_range("2012-01", periods=cell.periods, freq="M").astype(str)
    index = pd.MultiIndex.from_product(
        [periods, [f"u{i}" for i in range(cell.units)]], names=["period", "unit"]
    )
    frame = pd.DataFrame({name: values.ravel() for name, values in series.items()}, index=index).reset_index()
    results = kl.fit_links(cascade, kl.read_history(cascade, frame))
    truth = {(c, e): size for c, e, size in _TRUE[cell.structure]}
    draw = np.random.default_rng(abs(hash(float(series[results[0].cause][0, 0])))).integers(1 << 60)
    return [
        _record(result, truth.get((result.cause, result.effect), 0.0), series, int(draw))
        for result in results
    ]


def _record(result: object, truth: float, series: dict[str, np.ndarray], draw: int) -> dict[str, object]:
    fit = result.fit
    if fit is None:
        return {
            "draw": draw,
            "truth": truth,
            "verdict": result.verdict,
            "p": math.nan,
            "q": math.nan,
            "covered": math.nan,
        }
    pair = series[result.cause][:, 0], series[result.effect][:, 0]
    return {
        "draw": draw,
        "truth": truth,
        "verdict": result.verdict,
        "p": fit.p_value,
        "q": result.q_value,
        "covered": float(fit.conf_low <= truth <= fit.conf_high),
        "ordinary_p": _ordinary(result.equation),
        "newey_west_p": _newey_west(*pair) if truth == 0 else math.nan,
        "granger_p": _granger(*pair) if truth == 0 else math.nan,
        "parcorr_p": _parcorr(*pair) if truth == 0 else math.nan,
    }


def _ordinary(equation: object) -> float:
    """Return the p of the equally augmented regression with ordinary errors."""
    if equation.is_panel:
        fit = equation.within
        residual = float(fit.residuals @ fit.residuals)
        df = fit.n_obs - fit.n_coefficients - fit.rows.n_units + 1
        error = math.sqrt(residual / df / float(1 / (fit.influence[:, 0] @ fit.influence[:, 0])))
        return float(2 * stats.t.sf(abs(fit.estimate[0]) / error, df))
    X = np.column_stack([equation.x, equation.controls])
    try:
        return float(ols(equation.y, X, cov="classical", constant=True).p_value[0])
    except NotEstimable:
        return math.nan


def _newey_west(x: np.ndarray, y: np.ndarray) -> float:
    fit = sm.OLS(y[1:], sm.add_constant(x[:-1])).fit(cov_type="HAC", cov_kwds={"maxlags": 4}, use_t=True)
    return float(fit.pvalues[1])


def _granger(x: np.ndarray, y: np.ndarray) -> float:
    return float(grangercausalitytests(np.column_stack([y, x]), maxlag=[2])[2][0]["ssr_ftest"][1])


def _parcorr(x: np.ndarray, y: np.ndarray) -> float:
    """Return tigramite's analytic p for x₋₁ → y given y₋₁, y₋₂ and x₋₂."""
    test = ParCorr(significance="analytic")
    past = np.column_stack([y[1:-1], y[:-2], x[:-2]])
    return float(test.run_test_raw(x[1:-1, None], y[2:, None], past)[1])


def counted(rows: pd.DataFrame) -> dict[str, object]:
    """Turn the records of one cell into shares."""
    null, real = rows[rows["truth"] == 0], rows[rows["truth"] != 0]
    found = rows[rows["q"] < 0.05].groupby("draw")["truth"].agg(lambda t: (t == 0).mean())
    return {
        "n_null": len(null),
        "null_below_05": (null["p"] < 0.05).mean(),
        "coverage": rows["covered"].mean(),
        "fdr": found.sum() / rows["draw"].nunique(),
        "null_supported": (null["verdict"] == "supported").mean(),
        "boundary_contradicted": (real["verdict"] == "contradicted").mean() if len(real) else math.nan,
        "power": (real["p"] < 0.05).mean() if len(real) else math.nan,
        "ordinary_power": (real["ordinary_p"] < 0.05).mean() if len(real) else math.nan,
        "newey_west": (null["newey_west_p"] < 0.05).mean(),
        "granger": (null["granger_p"] < 0.05).mean(),
        "parcorr": (null["parcorr_p"] < 0.05).mean(),
        "untestable": (rows["verdict"] == "untestable").mean(),
    }


def write(table: pd.DataFrame) -> None:
    """Write the table, its reading and a figure to docs/."""
    table.round(4).to_csv(DOCS / "calibration.csv", index=False)
    shown = table.drop(columns=["n_null"]).copy()
    shown["held"] = np.where(_held(table), "yes", "**no**")
    lines = [
        "# How often verdicts err",
        "",
        f"{len(table)} cells, {int(table['draws'].min())} draws each, seed 0, `make calibrate`. Each draw writes a",
        "cascade and a history with a known truth and calls `kl.fit_links`. *limit*: the largest share of true-null",
        "links that may reach p < .05; *held*: neither it nor a false-discovery rate of 5 % is exceeded by more than",
        "two Monte-Carlo standard errors. *boundary contradicted*: links exactly as large as `min_effect` that are",
        "called contradicted (at most 6 %). Newey–West (static OLS, four lags), statsmodels' Granger test (two lags)",
        "and tigramite's ParCorr (given two own lags and the cause's second) look at the first unit's series of the",
        "same draws; not knowing the map, they find the false arrows of forks and chains.",
        "",
        "| " + " | ".join(name.replace("_", " ") for name in shown.columns) + " |",
        "|" + "---|" * shown.shape[1],
    ]
    for row in shown.itertuples(index=False):
        cells = [
            "" if isinstance(v, float) and math.isnan(v) else f"{v:.3g}" if isinstance(v, float) else str(v)
            for v in row
        ]
        lines.append("| " + " | ".join(cells) + " |")
    (DOCS / "calibration.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    _figure(table)


def _held(table: pd.DataFrame) -> pd.Series:
    """Tell where p-values and false-discovery rate are within their limits, give or take two standard errors."""
    by_link = 2 * np.sqrt(table["limit"] * (1 - table["limit"]) / table["n_null"])
    by_draw = 2 * np.sqrt(FDR_LIMIT * (1 - FDR_LIMIT) / table["draws"])
    return (table["null_below_05"] <= table["limit"] + by_link) & (table["fdr"] <= FDR_LIMIT + by_draw)


def _figure(table: pd.DataFrame) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.5, 0.26 * len(table) + 1.2), layout="constrained")
    axes = figure.subplots()
    rows = np.arange(len(table))[::-1]
    for column, mark, colour, label in (
        ("null_below_05", "o", "#1b7837", "kpilab"),
        ("granger", "s", "#8c6d1f", "Granger (statsmodels)"),
        ("parcorr", "^", "#5b6b7f", "ParCorr (tigramite)"),
        ("newey_west", "x", "#b2182b", "Newey–West, static"),
    ):
        axes.plot(table[column], rows, mark, color=colour, label=label, ms=5)
    axes.plot(table["limit"], rows, "|", color="#333333", ms=10, label="limit")
    labels = [
        f"{r.structure} ρ={r.rho:g} T={r.periods} units={r.units} {r.twist}".strip()
        for r in table.itertuples()
    ]
    axes.set_yticks(rows, labels, fontsize=7)
    axes.axvline(0.05, color="#999999", lw=0.8, ls="--")
    axes.set_xlabel("share of true-null links with p < .05")
    axes.legend(frameon=False, fontsize=8)
    figure.savefig(DOCS / "calibration.svg", metadata={"Date": None, "Creator": None})


def main() -> None:
    """Run every cell and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=300, help="histories per cell")
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    tasks = [(cell, given.draws, 0) for cell in CELLS]
    with get_context("spawn").Pool(given.processes) as pool:
        rows = []
        for row in pool.imap(run_cell, tasks, chunksize=1):
            rows.append(row)
            print(len(rows), "of", len(tasks), tasks[len(rows) - 1][0], row["null_below_05"], flush=True)
    write(pd.DataFrame(rows))


if __name__ == "__main__":
    main()
