"""The calibration study itself: its histories have the truth it says, and its shares count what they say."""

import math

import numpy as np
import pandas as pd

from tests.benchmarks.calibration import CELLS, Cell, counted, history_of, run_cell


def test_no_more_than_forty_cells_and_none_twice():
    assert len(CELLS) == len(set(CELLS)) <= 40


def test_histories_have_the_truth_they_say():
    """With many units the direct effect of each arrow is recovered by least squares."""
    series = history_of(Cell("chain", 0.5, 120, 400), np.random.default_rng(0))
    m, x = (series[name] - series[name].mean(axis=1, keepdims=True) for name in "mx")
    X = np.column_stack([x[:-1].ravel(), m[:-1].ravel()])
    effect, own = np.linalg.lstsq(X, m[1:].ravel(), rcond=None)[0]
    assert abs(effect - 0.3) < 0.02
    assert abs(own - 0.5) < 0.02


def test_same_seed_gives_the_same_shares():
    task = (Cell("noise", 0.5, 40, 6), 3, 1)
    one, two = run_cell(task), run_cell(task)
    assert all(
        a == b or (math.isnan(a) and math.isnan(b)) for a, b in zip(one.values(), two.values(), strict=True)
    )


def test_shares_are_paper_arithmetic():
    rows = pd.DataFrame(
        {
            "draw": [1, 1, 2, 2],
            "truth": [0.0, 0.3, 0.0, 0.3],
            "verdict": ["supported", "supported", "inconclusive", "contradicted"],
            "p": [0.01, 0.01, 0.5, 0.2],
            "q": [0.01, 0.01, 0.5, 0.2],
            "covered": [0.0, 1.0, 1.0, 1.0],
            **{
                f"{name}_p": [0.01, 0.01, 0.5, 0.5]
                for name in ("ordinary", "newey_west", "granger", "parcorr")
            },
        }
    )
    shares = counted(rows)
    assert shares["null_below_05"] == 0.5
    assert shares["coverage"] == 0.75
    assert shares["fdr"] == 0.25  # half of what the first draw found was false, nothing in the second
    assert shares["null_supported"] == 0.5
    assert shares["boundary_contradicted"] == 0.5
    assert shares["power"] == 0.5
