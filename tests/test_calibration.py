"""The calibration study itself: its histories have the truth it says, and its shares count what they say."""

import math

import numpy as np
import pandas as pd

from tests.benchmarks.calibration import (
    CELLS,
    Cell,
    counted,
    history_of,
    links_of,
    not_held,
    run_cell,
    table_of,
    with_values,
)
from tests.simulated import simulated


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


def test_values_put_into_a_history_are_those_that_a_file_would_give(tmp_path):
    cell = Cell("chain", 0.5, 36, 6)
    first, second = (history_of(cell, np.random.default_rng(seed)) for seed in (0, 1))
    _, history = simulated(tmp_path / "a", first, links_of(cell))
    _, read = simulated(tmp_path / "b", second, links_of(cell))
    np.testing.assert_array_equal(with_values(history, second).values, read.values)


def test_same_seed_gives_the_same_records_and_another_batch_others():
    cell = Cell("noise", 0.5, 40, 6)
    one, two, other = (run_cell((cell, 2, 1, batch)) for batch in (0, 0, 1))
    pd.testing.assert_frame_equal(one, two)
    assert not np.isin(one["p"], other["p"]).any()


def test_weak_arrows_are_found_about_as_often_whatever_the_panel():
    """The standard error shrinks with the root of the number of rows, and so does the effect."""
    small, large = (Cell("chain", 0.5, 60, units, "weak").effect for units in (5, 20))
    assert small / large == 2
    assert Cell("chain", 0.5, 120, 1, "weak").effect == Cell("chain", 0.5, 120, 1).effect == 0.3


def records_of(**columns):
    rows = {
        "draw": ["0-1", "0-1", "0-2", "0-2"],
        "truth": [0.0, 0.3, 0.0, 0.3],
        "verdict": ["supported", "supported", "inconclusive", "contradicted"],
        "p": [0.01, 0.01, 0.01, 0.2],
        "q": [0.01, 0.01, 0.02, 0.2],
        "covered": [0.0, 1.0, 1.0, 1.0],
        "called": [True, True, False, False],
        "ordinary_p": [math.nan, 0.01, math.nan, 0.5],
        **{f"{name}_p": [0.01, math.nan, 0.5, math.nan] for name in ("newey_west", "granger", "parcorr")},
    }
    return pd.DataFrame(rows | columns)


def test_shares_are_paper_arithmetic():
    shares = counted(records_of())
    assert shares["null_below_05"] == 1.0
    assert shares["coverage"] == 0.75
    assert shares["fdr"] == 0.75  # half of what the first draw found was false, all of the second
    assert shares["fdr_of_verdicts"] == 0.25  # a failed check kept the second from being called
    assert shares["null_supported"] == 0.5
    assert shares["boundary_contradicted"] == 0.5
    assert shares["power"] == shares["ordinary_power"] == 0.5
    assert shares["granger"] == 0.5  # of the two false arrows


def test_every_bound_that_is_not_held_is_named():
    held = table_of({Cell("noise", 0.5, 60, 20): [records_of()] * 400}).iloc[0]
    within = {
        "null_below_05": 0.05,
        "coverage": 0.95,
        "fdr": 0.05,
        "fdr_of_verdicts": 0.05,
        "null_supported": 0.02,
    }
    within |= {
        "boundary_contradicted": 0.05,
        "power": 0.8,
        "ordinary_power": 0.9,
        "n_null": 4000,
        "draws": 2000,
    }
    good = pd.Series(held.to_dict() | within)
    assert not_held(good) == []
    for change, name in (
        ({"null_below_05": 0.079}, "p"),
        ({"coverage": 0.91}, "coverage"),
        ({"fdr": 0.061}, "FDR of q"),
        ({"fdr_of_verdicts": 0.061}, "FDR"),
        ({"boundary_contradicted": 0.075}, "boundary"),
        ({"null_supported": 0.031}, "supported"),
        ({"power": 0.74}, "power"),
    ):
        assert not_held(pd.Series(good.to_dict() | change)) == [name]
    assert not_held(pd.Series(good.to_dict() | {"null_below_05": 0.079, "limit": 0.10})) == []
