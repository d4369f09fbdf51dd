"""How long `fit_links` takes with 200 links on 60 units × 120 months, bootstrap included."""

import resource
import tempfile
import time
from pathlib import Path

import numpy as np

import kpilab as kl
from tests.simulated import simulated

N_KPIS, N_LINKS, N_PERIODS = 60, 200, 120


def main() -> None:
    for n_units in (60, 11):
        rng = np.random.default_rng(0)
        noise = rng.normal(size=(N_KPIS, N_PERIODS, n_units))
        series = {f"k{i}": 0.5 * noise[i] + 0.5 * np.roll(noise[i], 1, axis=0) for i in range(N_KPIS)}
        pairs = [(i, j) for i in range(N_KPIS) for j in range(i + 1, min(i + 5, N_KPIS))][:N_LINKS]
        links = [f"cause: k{i}, effect: k{j}, sign: '+', lag: [1, 2], min_effect: 0.1" for i, j in pairs]
        with tempfile.TemporaryDirectory() as folder:
            cascade, history = simulated(Path(folder), series, links)
            kl.fit_links(cascade.replace(links=cascade.links[:1]), history)
            start = time.perf_counter()
            results = kl.fit_links(cascade, history)
            seconds = time.perf_counter() - start
        method = results[0].fit.method
        print(
            f"fit_links, {len(results)} links, {n_units} units × {N_PERIODS} months ({method}): {seconds:.1f} s"
        )
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
