"""How fast `screen` is: beside a loop of statsmodels' Granger tests and beside the bare matrix products.

Run ``python tests/benchmarks/bench_screen.py``. All figures are ratios within one run.
"""

import time
from collections.abc import Callable

import numpy as np
from statsmodels.tsa.stattools import grangercausalitytests

from kpilab.evidence.regress import screen

SERIES, PERIODS, LAGS, SEED = 200, 120, 6, 0
LOOP_PAIRS = 400


def best_time(work: Callable[[], object], repeats: int = 7) -> float:
    """Seconds of the fastest of several runs."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def loop_seconds(Y: np.ndarray) -> float:
    """Seconds per pair of statsmodels' joint F test."""
    rng = np.random.default_rng(SEED)
    pairs = [rng.choice(Y.shape[1], 2, replace=False) for _ in range(LOOP_PAIRS)]
    start = time.perf_counter()
    for pair in pairs:
        grangercausalitytests(Y[:, pair], maxlag=[LAGS])
    return (time.perf_counter() - start) / LOOP_PAIRS


def largest_difference(Y: np.ndarray, pairs: int = 200) -> float:
    """Largest difference of F from statsmodels over some pairs."""
    rng, result = np.random.default_rng(SEED + 1), screen(Y, LAGS)
    worst = 0.0
    for _ in range(pairs):
        cause, effect = rng.choice(Y.shape[1], 2, replace=False)
        F = grangercausalitytests(Y[:, [effect, cause]], maxlag=[LAGS])[LAGS][0]["ssr_ftest"][0]
        worst = max(worst, abs(float(result.f_statistic[cause, effect]) - F))
    return worst


def products(Y: np.ndarray, robust: bool) -> Callable[[], object]:
    """The matrix products no exact method avoids: all lags with all lags, and small ones per pair."""
    n_obs, count = len(Y) - LAGS, Y.shape[1]
    rng = np.random.default_rng(SEED)
    lags = rng.standard_normal((count * LAGS, n_obs))
    columns = rng.standard_normal((count * (LAGS + 1), n_obs))
    small = rng.standard_normal((count * count, LAGS, LAGS))
    residuals = rng.standard_normal((100, LAGS, n_obs))

    def work() -> None:
        np.matmul(columns, columns.T)
        np.matmul(small, small.transpose(0, 2, 1))
        if robust:
            for first in range(0, count * count, 100):
                np.matmul(lags[: 100 * LAGS, :LAGS], residuals[0])
                np.matmul(small[first : first + 100], residuals)
                np.matmul(residuals, residuals.transpose(0, 2, 1))

    return work


def main() -> dict[str, float]:
    """Measure and print; returns the ratios."""
    series = np.random.default_rng(SEED).standard_normal((PERIODS, SERIES)).cumsum(axis=0)
    Y = (series - series.mean(axis=0)) / series.std(axis=0)
    pairs = SERIES * (SERIES - 1)
    loop = loop_seconds(Y) * pairs
    plain, robust = best_time(lambda: screen(Y, LAGS)), best_time(lambda: screen(Y, LAGS, robust=True), 5)
    gram = np.ascontiguousarray(
        np.random.default_rng(SEED).standard_normal((SERIES * (LAGS + 1), len(Y) - LAGS))
    )
    ratios = {
        "faster_than_loop": loop / plain,
        "faster_than_loop_robust": loop / robust,
        "times_one_product": plain / best_time(lambda: gram @ gram.T),
        "times_products": plain / best_time(products(Y, robust=False)),
        "times_products_robust": robust / best_time(products(Y, robust=True), 5),
        "largest_f_difference": largest_difference(Y),
    }
    print(f"screen: {SERIES} series x {PERIODS} periods, lags 1-{LAGS}, {pairs} ordered pairs, seed {SEED}")
    print(f"  joint F       {plain * 1e3:8.1f} ms   {ratios['faster_than_loop']:7.0f} x faster than the loop")
    print(f"  with HC3      {robust * 1e3:8.1f} ms   {ratios['faster_than_loop_robust']:7.0f} x faster")
    print(f"  joint F       {ratios['times_one_product']:.1f} x the time of the one large product alone")
    print(f"  joint F       {ratios['times_products']:.1f} x the time of all products needed")
    print(f"  with HC3      {ratios['times_products_robust']:.1f} x the time of all products needed")
    print(f"  largest difference of F from statsmodels {ratios['largest_f_difference']:.1e}")
    return ratios


if __name__ == "__main__":
    main()
