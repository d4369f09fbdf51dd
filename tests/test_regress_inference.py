"""Equivalence, detectable effects, robustness, combined p-values: against published figures and R's pwr."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats
from statsmodels.stats.power import FTestPowerF2

from kpilab.evidence.regress import (
    benjamini_hochberg,
    detectable_effect,
    e_value,
    fishers_c,
    robustness_value,
    tost,
)

BH_1995 = [
    0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344,
    0.0459, 0.324, 0.4262, 0.5719, 0.6528, 0.759, 1.0,
]  # fmt: skip


def test_tost_is_the_larger_one_sided_p():
    upper = stats.t.cdf((0.3 - 1.0) / 0.4, 25)
    lower = stats.t.sf((0.3 + 1.0) / 0.4, 25)
    assert_allclose(tost(0.3, 0.4, 25, 1.0), max(upper, lower))
    assert_allclose(tost(-0.3, 0.4, 25, 1.0), tost(0.3, 0.4, 25, 1.0))


def test_tost_rejects_exactly_when_the_ninety_per_cent_interval_lies_inside():
    critical = stats.t.ppf(0.95, 30)
    bound = 0.2 + critical * 0.5
    assert_allclose(tost(0.2, 0.5, 30, bound), 0.05)


@pytest.mark.parametrize(("df", "f2"), [(30, 0.261953594488651), (50, 0.156955096166368)])
def test_detectable_effect_matches_r_pwr_f2(df, f2):
    found = detectable_effect(1.0, df) ** 2 / (df + 2)
    assert_allclose(found, f2, rtol=1e-4)  # pwr stops its root finder at a tolerance of 1e-4


def test_detectable_effect_matches_r_with_a_tight_root_finder():
    # uniroot(function(f) pf(qf(.05, 1, 50, lower = FALSE), 1, 50, f * 52, lower = FALSE) - .8, tol = 1e-14)
    assert_allclose(detectable_effect(1.0, 50) ** 2 / 52, 0.156953326083, rtol=1e-8)


def test_detectable_effect_matches_statsmodels_f2_power():
    effect = detectable_effect(1.0, 40, power=0.9, alpha=0.01)
    power = FTestPowerF2().power(effect**2 / 42, df_num=1, df_denom=40, alpha=0.01, ncc=1)
    assert_allclose(power, 0.9, rtol=1e-8)


def test_detectable_effect_scales_and_is_close_to_the_usual_approximation():
    approximation = stats.t.ppf(0.975, 60) + stats.t.ppf(0.8, 60)
    assert_allclose(detectable_effect(2.0, 60), 2 * approximation, rtol=5e-3)


def test_noncentral_t_power_matches_reference_case_s04():
    critical = stats.t.ppf(0.975, 30)
    found = stats.nct.sf(critical, 30, 2.8) + stats.nct.cdf(-critical, 30, 2.8)
    assert_allclose(detectable_effect(1.0, 30, power=found), 2.8, rtol=1e-9)
    assert_allclose(found, 0.773204853923348, rtol=1e-5)


def test_robustness_value_matches_cinelli_hazlett_darfur():
    assert_allclose(robustness_value(4.18445, 783), 0.13878, atol=2e-5)
    assert_allclose(robustness_value(4.18445, 783, alpha=0.05), 0.07626, atol=2e-5)


def test_robustness_value_solves_its_defining_equation():
    value = robustness_value(3.0, 100, q=0.5)
    assert_allclose(value / np.sqrt(1 - value), 0.5 * 3.0 / 10.0)


def test_robustness_value_brings_the_confounded_t_to_the_critical_value():
    value, df, alpha = robustness_value(4.0, 90, alpha=0.05), 90, 0.05
    bias = value / np.sqrt(1 - value) * np.sqrt(df)
    shrunk = np.sqrt((1 - value) / (1 - value)) * np.sqrt(df / (df - 1))
    assert_allclose((4.0 - bias) / shrunk, stats.t.ppf(1 - alpha / 2, df - 1), rtol=1e-9)


def test_robustness_value_when_the_outcome_side_does_not_bind():
    df, needed = 7, stats.t.ppf(0.975, 6) / np.sqrt(6)
    strength = (1 / 0.3) / np.sqrt(df)
    expected = (strength**2 - needed**2) / (1 + strength**2)
    assert_allclose(robustness_value(1 / 0.3, df, alpha=0.05), expected)


def test_robustness_value_of_an_insignificant_estimate_is_zero():
    assert robustness_value(1.0, 50, alpha=0.05) == 0.0


@pytest.mark.parametrize(
    ("ratio", "expected"),
    [(3.9, 7.26303434416005), (1.8, 3.0), (0.8, 1.80901699437495), (2.0, 3.41421356237309), (1.0, 1.0)],
)
def test_e_value_matches_vanderweele_ding(ratio, expected):
    assert_allclose(e_value(ratio), expected)


def test_fishers_c_matches_scipy_combination():
    p = [0.03, 0.4, 0.77, 0.2]
    statistic, p_value = stats.combine_pvalues(p)
    result = fishers_c(p)
    assert_allclose((result.statistic, result.p_value), (statistic, p_value))
    assert result.df == 8


def test_fishers_c_of_an_impossible_independence_stays_finite():
    assert np.isfinite(fishers_c([0.0, 1.0]).statistic)


def test_benjamini_hochberg_matches_the_paper_of_1995():
    q = benjamini_hochberg(BH_1995)
    assert (q <= 0.05).sum() == 4
    assert_allclose(q[[3, 4, 8]], [0.035625, 0.0603, 0.0765])
    strict = benjamini_hochberg(BH_1995, strict=True)
    assert (strict <= 0.05).sum() == 3
    assert_allclose(strict[3], 0.118211907883783)
    assert benjamini_hochberg([]).size == 0


@pytest.mark.parametrize(
    "call",
    [
        lambda: tost(0.1, 0.0, 10, 1.0),
        lambda: tost(0.1, 1.0, 10, 0.0),
        lambda: tost(float("nan"), 1.0, 10, 1.0),
        lambda: detectable_effect(float("nan"), 10),
        lambda: robustness_value(float("nan"), 10),
        lambda: robustness_value(float("inf"), 10),
        lambda: detectable_effect(1.0, 10, power=0.01),
        lambda: robustness_value(2.0, 0),
        lambda: robustness_value(2.0, 10, alpha=2),
        lambda: e_value(-1.0),
        lambda: fishers_c([]),
        lambda: fishers_c([0.2, float("nan")]),
        lambda: benjamini_hochberg([1.2]),
    ],
)
def test_arguments_outside_their_range_are_refused(call):
    with pytest.raises(ValueError, match="must|need"):
        call()
