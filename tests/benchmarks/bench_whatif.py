"""How long a slider's `what_if` takes: 200 KPIs, 400 links, 24 periods, 2,000 draws, one unit; and how it grows."""

import itertools
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import kpilab as kl
from kpilab.evidence.links import LinkResult, LinkResults
from tests.simulated import simulated

N_KPIS, N_LINKS, N_PERIODS, HORIZON = 200, 400, 120, 24


def seconds(run: Callable[[], object], times: int = 5) -> float:
    """Return the shortest of some runs."""
    found = []
    for _ in range(times):
        start = time.perf_counter()
        run()
        found.append(time.perf_counter() - start)
    return min(found)


def chain(n_kpis: int, n_links: int) -> list[tuple[int, int]]:
    """Return the arrows of a map as long as can be: every KPI has its one or two causes right before it."""
    return [(i - 1 - k, i) for k in range(3) for i in range(k + 1, n_kpis)][:n_links]


def bush(n_kpis: int, n_links: int) -> list[tuple[int, int]]:
    """Return the arrows of a map as short as can be: every KPI is reached from the first within a few periods."""
    rng = np.random.default_rng(0)
    pairs = {((i - 1) // 3, i) for i in range(1, n_kpis)}
    while len(pairs) < n_links:
        cause, effect = sorted(rng.choice(n_kpis, 2, replace=False).tolist())
        pairs.add((cause, effect))
    return sorted(pairs)


def network(pairs: list[tuple[int, int]], n_kpis: int) -> tuple[object, object, LinkResults]:
    """Return a map of these arrows and its history."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(n_kpis, N_PERIODS, 1))
    for cause, effect in sorted(pairs, key=lambda pair: pair[1]):
        values[effect, 1:] += 0.2 * values[cause, :-1]
    links = [f"cause: k{a}, effect: k{b}, lag: 1" for a, b in pairs]
    with tempfile.TemporaryDirectory() as folder:
        cascade, history = simulated(Path(folder), {f"k{i}": values[i] for i in range(n_kpis)}, links)
    results = tuple(LinkResult(link, "team", "month", "supported", "") for link in cascade.links)
    return cascade, history, LinkResults(cascade, results)


def print_slider(shape: Callable[[int, int], list[tuple[int, int]]]) -> None:
    """Print the first call and the next ones, for a dozen KPIs and for all."""
    cascade, history, links = network(shape(N_KPIS, N_LINKS), N_KPIS)
    options = {"horizon": HORIZON, "units": "u0"}
    spread = [f"k{i}" for i in range(0, N_KPIS, N_KPIS // 12)][:12]
    ends = [f"k{i}" for i in range(N_KPIS - 12, N_KPIS)]
    near = [f"k{i}" for i in range(12)]

    start = time.perf_counter()
    kl.what_if(cascade, history, links, {"k0": 1.0}, **options)
    first = time.perf_counter() - start
    print(f"what_if, {N_KPIS} KPIs, {N_LINKS} links, a {shape.__name__}, first call: {first:.1f} s")
    sizes = itertools.count(1.0, 0.01)  # a slider that moves: nothing of the last call serves the next
    for name, shown in (("spread over the map", spread), ("farthest", ends), ("nearest", near)):
        took = seconds(
            lambda kpis=shown: kl.what_if(cascade, history, links, {"k0": next(sizes)}, kpis=kpis, **options)
        )
        print(f"  then, a dozen KPIs, {name}: {1000 * took:.0f} ms (to be under 100)")
    whole = seconds(lambda: kl.what_if(cascade, history, links, {"k0": next(sizes)}, **options))
    print(f"  then, all {N_KPIS} KPIs: {1000 * whole:.0f} ms (to be under 1000)")
    for draws in (1000, 2000, 4000):
        ready = kl.prepare_what_if(cascade, history, links, draws=draws, **options)
        one = ready.read({"k0": 1.0})
        took = seconds(lambda r=ready, i=one: r.system.run(i))
        print(f"  carrying alone, {draws} draws: {1000 * took:.0f} ms")


def main() -> None:
    print_slider(chain)
    print_slider(bush)
    for n_links in (200, 400, 800):
        ready = kl.prepare_what_if(*network(bush(N_KPIS, n_links), N_KPIS), horizon=HORIZON, units="u0")
        one = ready.read({"k0": 1.0})
        took = seconds(lambda r=ready, i=one: r.system.run(i))
        print(f"carrying alone, {N_KPIS} KPIs, {n_links} links: {1000 * took:.0f} ms")


if __name__ == "__main__":
    main()
