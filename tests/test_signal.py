"""Signal and noise: simulations whose truth is known, and paper arithmetic."""

import numpy as np
import pytest

from kpilab.scorecard.signal import (
    break_shift,
    longest_run,
    noise_sd,
    noise_variance,
    seasonal_part,
    signal_of,
)

MONTHS = 132


def simulated(draw, signal_variance, noise=1.0):
    """A slow wave and a season of twelve months, together of the given variance, and white noise."""
    months = np.arange(MONTHS)
    slow = np.sin(2 * np.pi * months / 66 + draw.uniform(0, 6)) * 2**0.5
    season = np.sin(2 * np.pi * months / 12) * 2**0.5
    both = np.sqrt(signal_variance / 2) * (slow + season)
    return noise * (both + draw.normal(0, 1, MONTHS))


@pytest.mark.parametrize("truth", [0.2, 1.0, 5.0])
def test_signal_to_noise_is_that_of_the_simulation(truth):
    draw = np.random.default_rng(1)
    found = [signal_of(simulated(draw, truth), 12) for _ in range(60)]
    assert np.mean([each.signal_to_noise for each in found]) == pytest.approx(truth, rel=0.12, abs=0.03)
    assert np.mean([each.noise_sd for each in found]) == pytest.approx(1, rel=0.03)


@pytest.mark.parametrize("truth", [1.0, 5.0])
def test_strength_of_season_is_that_of_the_simulation(truth):
    """Half of the signal is season: F_S = (s/2) / (s/2 + 1), and a little more: eleven free values of 132 fit noise."""
    draw = np.random.default_rng(2)
    found = [signal_of(simulated(draw, truth), 12).seasonality for _ in range(60)]
    assert np.mean(found) == pytest.approx((truth / 2) / (truth / 2 + 1), abs=0.08)


def test_white_noise_has_hardly_any_signal_or_season():
    draw = np.random.default_rng(3)
    found = [signal_of(draw.normal(0, 3, MONTHS), 12) for _ in range(60)]
    assert np.mean([each.signal_to_noise for each in found]) < 0.1
    assert np.mean([each.seasonality for each in found]) < 0.15
    assert np.mean([each.noise_sd for each in found]) == pytest.approx(3, rel=0.03)


def test_scale_and_unit_of_measure_change_nothing():
    values = simulated(np.random.default_rng(4), 1.0)
    one, other = signal_of(values, 12), signal_of(1000 * values + 7e4, 12)
    assert other.signal_to_noise == pytest.approx(one.signal_to_noise)
    assert other.seasonality == pytest.approx(one.seasonality)
    assert other.noise_sd == pytest.approx(1000 * one.noise_sd)


def test_noise_by_paper_arithmetic():
    """0, 3, 0, 3: each inner value is 3 off the line through its neighbours: 9 / 1.5 = 6."""
    assert noise_variance(np.array([0.0, 3.0, 0.0, 3.0])) == 6.0


def test_constant_and_straight_series_have_no_noise_to_compare_with():
    for values in (np.full(40, 2.5), np.arange(40.0), np.zeros(40)):
        found = signal_of(values, 1)
        assert (found.noise_sd, np.isnan(found.signal_to_noise)) == (0.0, True)
    assert seasonal_part(np.full(48, 2.5), 12)[1] == 0.0


def test_only_the_longest_run_without_a_gap_counts():
    values = np.arange(30.0)
    values[[3, 20]] = np.nan
    np.testing.assert_array_equal(longest_run(values), np.arange(4.0, 20.0))
    assert signal_of(values, 1).n_periods == 16
    assert signal_of(values[:14], 12) is None
    assert len(longest_run(np.full(5, np.nan))) == 0


def test_robust_noise_per_unit_survives_a_break():
    draw = np.random.default_rng(5)
    values = draw.normal(0, [1, 4], (400, 2))
    values[200:] += 50
    np.testing.assert_allclose(noise_sd(values), [1, 4], rtol=0.12)
    assert np.isnan(noise_sd(values[:2])).all()


def test_shift_at_a_break_is_in_units_of_noise():
    draw = np.random.default_rng(6)
    values = draw.normal(10, 2, (60, 200))
    values[30:] -= 6
    shift = break_shift(values, 30, 6)
    assert np.median(shift) == pytest.approx(-3, abs=0.2)
    assert np.isnan(break_shift(values, 0, 6)).all()
    assert np.isnan(break_shift(values, 60, 6)).all()
    assert np.isnan(break_shift(values, -5, 6)).all()
