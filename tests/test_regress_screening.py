"""All pairs at once, against statsmodels and against the one-pair regressions."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from statsmodels.tsa.stattools import grangercausalitytests

from kpilab.evidence.regress import NotEstimable, joint_lags, screen


def persistent(seed=0, periods=120, count=7):
    series = np.random.default_rng(seed).standard_normal((periods, count)).cumsum(axis=0)
    return (series - series.mean(axis=0)) / series.std(axis=0)


def seasonal(seed=1, periods=120, count=6):
    rng = np.random.default_rng(seed)
    wave = np.sin(2 * np.pi * np.arange(periods) / 12)[:, None] * rng.uniform(0.5, 2, count)
    series = wave + 0.05 * rng.standard_normal((periods, count))
    return (series - series.mean(axis=0)) / series.std(axis=0)


@pytest.mark.parametrize("lags", [1, 3, 6])
@pytest.mark.parametrize("make", [persistent, seasonal])
def test_f_matches_statsmodels_granger(make, lags):
    Y = make()
    result = screen(Y, lags)
    for cause in range(Y.shape[1]):
        for effect in range(Y.shape[1]):
            if cause == effect:
                assert np.isnan(result.f_statistic[cause, effect])
                continue
            F, p, df, _ = grangercausalitytests(Y[:, [effect, cause]], maxlag=[lags])[lags][0]["ssr_ftest"]
            assert_allclose(result.f_statistic[cause, effect], F, rtol=1e-8, atol=1e-8)
            assert_allclose(result.p_value[cause, effect], p, atol=1e-8)
            assert result.df == df


@pytest.mark.parametrize("augment", [0, 1, 2])
def test_every_table_matches_the_one_pair_regression(augment):
    Y = persistent(seed=3, periods=60, count=5) * np.array([1, 10, 0.01, 5, 300]) + 40
    result = screen(Y, 3, augment=augment, robust=True)
    for cause in range(5):
        for effect in range(5):
            if cause == effect:
                continue
            pair = (cause, effect)
            robust = joint_lags(Y[:, effect], Y[:, cause], 3, augment)
            classical = joint_lags(Y[:, effect], Y[:, cause], 3, augment, cov="classical")
            assert_allclose(result.f_statistic[pair], classical.statistic, rtol=1e-8)
            assert_allclose(result.wald_statistic[pair], robust.wald, rtol=1e-8)
            assert_allclose(result.wald_p_value[pair], robust.p_value, rtol=1e-7)
            assert_allclose(result.window_estimate[pair], robust.estimate.mean(), rtol=1e-7)
            assert_allclose(result.window_std_error[pair], np.sqrt(robust.covariance.mean()), rtol=1e-7)
            assert (result.df, result.n_obs) == (robust.df, robust.n_obs)


def test_nearly_collinear_pairs_are_recomputed_and_counted():
    Y = persistent(seed=4, count=3)
    twin = Y[:, :1] + 1e-6 * np.random.default_rng(5).standard_normal((120, 1))
    result = screen(np.hstack([Y, twin]), 2, robust=True)
    assert result.recomputed == 2
    assert result.untestable == 0
    expected = joint_lags(twin[:, 0], Y[:, 0], 2, augment=0, cov="classical")
    assert_allclose(result.f_statistic[0, 3], expected.statistic, rtol=1e-8)


def test_constant_and_duplicate_series_are_counted_as_untestable():
    Y = persistent(seed=6, count=4)
    Y[:, 1] = 5.0
    Y[:, 3] = Y[:, 0]
    result = screen(Y, 2, robust=True)
    assert result.untestable == 6 + 2
    for table in (result.f_statistic, result.p_value, result.wald_statistic, result.window_p_value):
        assert np.isnan(table).sum() == 8 + 4
    assert np.isfinite(result.f_statistic[0, 2])


def test_more_series_than_one_block():
    Y = persistent(seed=7, periods=40, count=130)
    whole, part = screen(Y, 2, robust=True), screen(Y[:, 100:], 2, robust=True)
    assert_allclose(whole.f_statistic[100:, 100:], part.f_statistic, rtol=1e-9)
    assert_allclose(whole.wald_statistic[100:, 100:], part.wald_statistic, rtol=1e-9)


def test_robust_tables_are_absent_unless_asked_for():
    result = screen(persistent(count=3), 1)
    assert result.wald_statistic is None
    assert result.window_p_value is None


def test_size_on_independent_noise():
    Y = np.random.default_rng(8).standard_normal((100, 40))
    result = screen(Y, 2, robust=True)
    off = ~np.eye(40, dtype=bool)
    for table in (result.p_value, result.wald_p_value, result.window_p_value):
        assert 0.03 < np.mean(table[off] < 0.05) < 0.07


def test_missing_values_are_refused_by_name():
    Y = pd.DataFrame(persistent(count=3), columns=["beds", "waits", "stays"])
    Y.loc[4, "waits"] = np.nan
    with pytest.raises(ValueError, match="waits"):
        screen(Y, 2)


def test_nonsense_is_refused():
    with pytest.raises(NotEstimable, match="too few"):
        screen(persistent(periods=12), 4)
    for call in (lambda: screen(np.ones(20), 1), lambda: screen(persistent(), 0)):
        with pytest.raises(ValueError, match="must"):
            call()


def test_input_is_left_unchanged():
    Y = persistent(count=3)
    before = Y.copy()
    screen(Y, 2, robust=True)
    assert np.array_equal(Y, before)
