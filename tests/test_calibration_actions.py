"""The calibration study of actions: its histories have the truth it says, its shares count what they say."""

import numpy as np
import pandas as pd

from tests.benchmarks.calibration_actions import CELLS, SIZE, Cell, counted, history_of, run_cell


def test_no_cell_twice():
    assert len(CELLS) == len(set(CELLS)) <= 40


def test_histories_have_the_truth_they_say():
    nothing, something, start = history_of(Cell(4, 6, 0.5, 84, 60, "staggered"), np.random.default_rng(0))
    after = np.arange(84)[:, None] >= start
    assert np.allclose(something - nothing, SIZE * after)
    assert start.tolist() == [52, 52, 60, 60, *[np.inf] * 6]


def test_same_seed_gives_the_same_shares():
    task = (Cell(1, 6, 0.5, 60, 40), 2, 1)
    assert run_cell(task) == run_cell(task)


def test_shares_are_paper_arithmetic():
    rows = pd.DataFrame(
        {
            "kpi": ["none", "none", "some", "some"],
            "method": ["structural"] * 4,
            "verdict": ["worked", "did not work", "worked", "did not work"],
            "p": [0.01, 0.5, 0.01, 0.2],
            "covered": [False, True, True, True],
            "error": [1.0, -1.0, 0.0, 0.0],
            "std_error": [1.0, 1.0, 1.0, 1.0],
        }
    )
    shares = counted(rows)
    assert shares["null_worked"] == shares["null_below_05"] == shares["null_did_not_work"] == 0.5
    assert shares["promised_worked"] == shares["promised_did_not_work"] == 0.5
    assert shares["coverage"] == 0.75
    assert shares["bias"] == 0.0
    assert round(shares["sd_over_se"], 4) == 1.4142
