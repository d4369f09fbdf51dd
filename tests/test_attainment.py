"""Attainment, progress, score and status against paper arithmetic and the published two-mark scale."""

import numpy as np
import pytest

from kpilab.model.nouns import Kpi
from kpilab.scorecard.attainment import progress, red_flags, scale_score, score, status, target_change


def kpi(better="higher", **more):
    return Kpi.model_validate({"id": "k", "name": "K", "sum": "m", "better": better, **more})


def arrays(*values):
    return tuple(np.array([value], dtype=float) for value in values)


def test_progress_of_a_quarter_of_the_way():
    """Paper arithmetic: from 0 to 200, 50 is a quarter of the way; downward 90 of 100..60 is too."""
    assert progress(*arrays(50, 0, 200))[0] == 0.25
    assert progress(*arrays(90, 100, 60))[0] == 0.25
    assert progress(*arrays(110, 100, 60))[0] == -0.25
    assert np.isnan(progress(*arrays(5, 3, 3))[0])


def test_scale_of_ten_with_red_flag_500_and_goal_700():
    """The scale of balanced-scorecard software: red flag at a third, goal at two thirds, straight on to 0 and 10."""
    found = scale_score([300, 500, 700, 900, 100, 2000], goal=700, red_flag=500)
    np.testing.assert_allclose(found, [0, 10 / 3, 20 / 3, 10, 0, 10], atol=1e-12)
    np.testing.assert_allclose(scale_score([40, 30, 20], goal=20, red_flag=30), [0, 10 / 3, 20 / 3])


@pytest.mark.parametrize(
    ("better", "actual", "expected"),
    [("higher", 95, 20 / 3), ("higher", 90.25, 10 / 3), ("lower", 95, 20 / 3), ("lower", 99.75, 10 / 3),
     ("near", 95, 10), ("near", 99.75, 20 / 3), ("near", 104.5, 10 / 3), ("near", 85.5, 10 / 3)],
)  # fmt: skip
def test_score_stands_on_target_and_tolerance(better, actual, expected):
    """Without a red flag the tolerance of 5 % of the target makes it: 95 ± 4.75; near, twice that."""
    about = kpi(better, near=95)
    target = np.array([95.0])
    flag = red_flags(about, target, np.array([np.nan]))
    assert score(about, np.array([float(actual)]), target, flag)[0] == pytest.approx(expected)


def test_score_at_a_target_of_zero_is_a_step_and_never_infinite():
    about, target = kpi("lower"), np.zeros(3)
    flag = red_flags(about, target, np.full(3, np.nan))
    found = score(about, np.array([0.0, 1.0, np.nan]), target, flag)
    np.testing.assert_array_equal(found, [20 / 3, 0, np.nan])


def test_red_flag_decides_between_near_and_missed():
    about = kpi("higher")
    actual, target = np.array([10.0, 8.0, 6.9, np.nan, 9.0]), np.array([10.0, 10, 10, 10, np.nan])
    flag = red_flags(about, target, np.full(5, 7.0))
    full = np.ones(5)
    assert status(about, actual, target, flag, full) == ["met", "near", "missed", "no data", "no target"]
    assert status(about, actual, target, flag, full * 0.9)[0] == "incomplete"


def test_eased_and_tightened_depend_on_direction():
    now, before = np.array([1.0, 3.0, 2.0, np.nan]), np.array([2.0, 2.0, 2.0, 2.0])
    assert target_change("higher", now, before) == ["eased", "tightened", "", ""]
    assert target_change("lower", now, before) == ["tightened", "eased", "", ""]
    assert target_change("near", now, before) == ["moved", "moved", "", ""]
