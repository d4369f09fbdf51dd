"""Signs of gaming: false-alarm rates on honest simulated histories, power on played ones, paper arithmetic."""

import numpy as np
import pytest

from kpilab.scorecard.gaming import BIN_WIDTH, bunching, never_misses, year_end_spike
from kpilab.scorecard.signal import noise_sd

MONTHS, DRAWS = 120, 250


def honest(draw, units, lasting, means):
    """Distances from the target: unit means around it, a lasting part, one-period noise."""
    slow = np.zeros((MONTHS, units))
    for month in range(1, MONTHS):
        slow[month] = lasting * slow[month - 1] + draw.normal(0, 0.5, units)
    values = draw.normal(0.3, means, units) + slow + draw.normal(0, 1, (MONTHS, units))
    return values / noise_sd(values)


def blocks_of(values):
    units = values.shape[1]
    return np.arange(MONTHS)[:, None] // 12 * units + np.arange(units)


def bunched(values):
    return bunching(values.ravel(), blocks_of(values).ravel())


@pytest.mark.parametrize(
    ("units", "lasting", "means"), [(15, 0.0, 1.0), (15, 0.9, 1.0), (4, 0.9, 1.0), (15, 0.0, 0.05)]
)
def test_false_alarms_of_bunching_are_as_rare_as_promised(units, lasting, means):
    """250 honest histories: at the 5 % level about 12 alarms; more than 22 has a probability below 0.3 %."""
    draw = np.random.default_rng(11)
    found = [bunched(honest(draw, units, lasting, means)) for _ in range(DRAWS)]
    alarms = sum(sign.p_value < 0.05 for sign in found if sign)
    assert alarms <= 22
    assert sum(sign is not None for sign in found) > 0.9 * DRAWS


@pytest.mark.parametrize("lasting", [0.0, 0.9])
def test_false_alarms_of_the_year_end_are_as_rare_as_promised(lasting):
    """A trend, a yearly wave and the weather that all units share are no spike."""
    draw = np.random.default_rng(12)
    months = np.arange(MONTHS)[:, None]
    smooth = 0.01 * months + 2 * np.sin(2 * np.pi * (months + draw.uniform(0, 12)) / 12)
    alarms = 0
    for _ in range(DRAWS):
        shared = draw.normal(0, 1, (MONTHS, 1))
        sign = year_end_spike(honest(draw, 10, lasting, 1.0) + smooth + shared, months[:, 0] % 12 == 2)
        alarms += sign.p_value < 0.05
    assert alarms <= 22


@pytest.mark.parametrize("margin", [0.5, 1.5, 2.5])
@pytest.mark.parametrize("lasting", [0.0, 0.9])
def test_a_clean_record_of_honest_values_is_hardly_ever_suspect(margin, lasting):
    draw = np.random.default_rng(13)
    values = draw.normal(0, 1, (MONTHS, 2000))
    for month in range(1, MONTHS):
        values[month] = lasting * values[month - 1] + (1 - lasting**2) ** 0.5 * values[month]
    assert (never_misses(margin + values) < 0.01).mean() < 0.003


@pytest.mark.parametrize("target", [0.3, 0.5, 1.0])
def test_lopsided_honest_values_with_a_thin_lower_tail_are_not_suspect(target):
    """Gamma values with shape 4 hardly ever come near 0: a normal distribution would expect misses there."""
    draw = np.random.default_rng(17)
    values = draw.gamma(4, 1, (MONTHS, 2000)) - target
    distance = values / noise_sd(values)
    assert (distance >= 0).all(axis=0).mean() > 0.05
    assert (never_misses(distance) < 0.01).mean() < 0.01


def test_near_misses_lifted_over_the_target_are_found():
    """Two in five values just below the target are reported just above it."""
    draw = np.random.default_rng(14)
    found = 0
    for _ in range(40):
        values = honest(draw, 15, 0.7, 1.0)
        lifted = (values < 0) & (values > -BIN_WIDTH) & (draw.random(values.shape) < 0.4)
        sign = bunched(np.where(lifted, draw.random(values.shape) * BIN_WIDTH, values))
        found += sign.p_value < 0.01
        assert sign.size > 1
    assert found >= 36


def test_a_record_kept_clean_by_lifting_every_miss_is_found():
    draw = np.random.default_rng(15)
    values = 0.3 + draw.normal(0, 1, (MONTHS, 50))
    played = np.maximum(values, draw.random(values.shape) * 0.1)
    assert (never_misses(played) < 1e-3).all()


def test_a_spike_in_the_last_month_is_found():
    draw = np.random.default_rng(16)
    is_end = np.arange(MONTHS) % 12 == 2
    found = [year_end_spike(honest(draw, 10, 0.7, 1.0) + 2.0 * is_end[:, None], is_end) for _ in range(40)]
    assert all(sign.p_value < 0.01 for sign in found)
    assert np.mean([sign.size for sign in found]) == pytest.approx(2.0 / 1.2, rel=0.25)


def test_a_dip_in_the_last_month_is_no_spike():
    draw = np.random.default_rng(17)
    is_end = np.arange(MONTHS) % 12 == 2
    found = [year_end_spike(honest(draw, 10, 0.7, 1.0) - 2.0 * is_end[:, None], is_end) for _ in range(10)]
    assert all(sign.p_value > 0.99 for sign in found)


def test_bunching_by_paper_arithmetic():
    """Counts 12, 10 | 40, 12 beside a flat slope: (40.5 / 10.5) values where one was expected."""
    values = np.repeat([-0.75, -0.25, 0.25, 0.75], [12, 10, 40, 12])
    sign = bunching(values, np.arange(74))
    assert sign.size == pytest.approx(40.5 / 10.5)
    assert sign.n == 50
    assert sign.p_value < 0.001


def test_too_little_data_gives_no_sign():
    assert bunching(np.repeat([-0.25, 0.25], [9, 10]), np.arange(19)) is None
    assert bunching(np.array([]), np.array([])) is None
    assert year_end_spike(np.zeros((36, 3)), np.arange(36) % 12 == 11) is None
    assert np.isnan(never_misses(np.ones((23, 2)))).all()


def test_one_miss_clears_and_a_constant_unit_is_no_suspect():
    values = np.ones((30, 2))
    values[4, 0] = -0.1
    np.testing.assert_array_equal(never_misses(values), [1.0, 1.0])


def test_a_spike_that_is_always_the_same_has_no_p_value_to_go_by():
    values = np.zeros((60, 2))
    assert year_end_spike(values, np.arange(60) % 12 == 11).p_value == 1.0
