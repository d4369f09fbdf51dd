"""How long `evaluate_actions` takes for 20 actions on 60 units × 130 months, by each design."""

import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

import kpilab as kl
from tests.simulated import simulated

N_ACTIONS, N_UNITS, N_PERIODS = 20, 60, 130
MONTHS = pd.period_range("2012-01", periods=N_PERIODS, freq="M").astype(str)


def actions(units_of: object) -> str:
    """Write twenty actions on KPIs of their own, so that none is another's rival."""
    lines = [
        f"  - {{id: a{i}, name: Action {i}, units: [{', '.join(f'u{u}' for u in units_of(i))}], "
        f"start: {MONTHS[70 + i]}, expects: {{k{i}: 1}}}}"
        for i in range(N_ACTIONS)
    ]
    return "actions:\n" + "\n".join(lines)


def main() -> None:
    rng = np.random.default_rng(0)
    noise = 100 + rng.normal(size=(N_ACTIONS, N_PERIODS, N_UNITS)).cumsum(axis=1) * 0.1
    series = {f"k{i}": noise[i] for i in range(N_ACTIONS)}
    designs = {
        "one treated unit": lambda i: [i],
        "four treated units": lambda i: range(i, i + 4),
        "thirty treated units": lambda i: range(i, i + 30),
        "all units": lambda i: range(N_UNITS),
    }
    for name, units_of in designs.items():
        with tempfile.TemporaryDirectory() as folder:
            cascade, history = simulated(Path(folder), series, [], more=actions(units_of))
            kl.evaluate_actions(cascade.replace(actions=cascade.actions[:1]), history)
            start, worked = time.perf_counter(), time.process_time()
            results = kl.evaluate_actions(cascade, history)
            seconds, worked = time.perf_counter() - start, time.process_time() - worked
        print(
            f"evaluate_actions, {N_ACTIONS} actions, {N_UNITS} units × {N_PERIODS} months, {name} "
            f"({results[0].estimated.method}): {seconds:.1f} s, {worked:.1f} s of them computing"
        )


if __name__ == "__main__":
    main()
