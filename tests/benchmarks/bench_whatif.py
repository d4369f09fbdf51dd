"""How long a slider's `what_if` takes: 200 KPIs, 400 links, 24 periods, 2,000 draws, one unit; and how it grows."""

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


def network(n_kpis: int, n_links: int) -> tuple[object, object, LinkResults]:
    """Return a map without loops in which every KPI has one or two causes before it, and its history."""
    rng = np.random.default_rng(0)
    pairs = [(i - 1 - k, i) for k in range(3) for i in range(k + 1, n_kpis)][:n_links]
    values = rng.normal(size=(n_kpis, N_PERIODS, 1))
    for cause, effect in sorted(pairs, key=lambda pair: pair[1]):
        values[effect, 1:] += 0.2 * values[cause, :-1]
    links = [f"cause: k{a}, effect: k{b}, lag: 1" for a, b in pairs]
    with tempfile.TemporaryDirectory() as folder:
        cascade, history = simulated(Path(folder), {f"k{i}": values[i] for i in range(n_kpis)}, links)
    results = tuple(LinkResult(link, "team", "month", "supported", "") for link in cascade.links)
    return cascade, history, LinkResults(cascade, results)


def main() -> None:
    cascade, history, links = network(N_KPIS, N_LINKS)
    options = {"horizon": HORIZON, "units": "u0"}
    shown = [f"k{i}" for i in range(0, N_KPIS, N_KPIS // 12)][:12]

    start = time.perf_counter()
    kl.what_if(cascade, history, links, {"k0": 1.0}, **options)
    print(f"what_if, {N_KPIS} KPIs, {N_LINKS} links, first call: {time.perf_counter() - start:.1f} s")
    dozen = seconds(lambda: kl.what_if(cascade, history, links, {"k0": 1.0}, kpis=shown, **options))
    near = [f"k{i}" for i in range(12)]
    early = seconds(lambda: kl.what_if(cascade, history, links, {"k0": 1.0}, kpis=near, **options))
    whole = seconds(lambda: kl.what_if(cascade, history, links, {"k0": 1.0}, **options))
    print(f"  then, a dozen KPIs spread over the whole map: {1000 * dozen:.0f} ms (to be under 100)")
    print(f"  then, the dozen nearest to the lever: {1000 * early:.0f} ms")
    print(f"  then, all {N_KPIS} KPIs: {1000 * whole:.0f} ms (to be under 1000)")

    for draws in (1000, 4000):
        ready = kl.prepare_what_if(cascade, history, links, draws=draws, **options)
        one = ready.read({"k0": 1.0})
        print(
            f"  carrying alone, {draws} draws: {1000 * seconds(lambda r=ready, i=one: r.system.run(i)):.0f} ms"
        )
    for n_kpis, n_links in ((100, 200), (200, 200), (200, 400)):
        ready = kl.prepare_what_if(*network(n_kpis, n_links), **options)
        one = ready.read({"k0": 1.0})
        took = seconds(lambda r=ready, i=one: r.system.run(i))
        print(f"  carrying alone, {n_kpis} KPIs, {n_links} links: {1000 * took:.0f} ms")


if __name__ == "__main__":
    main()
