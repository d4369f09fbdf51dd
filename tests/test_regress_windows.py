"""Lag-window regressions against R (lmtest, sandwich), published tables, simulated truth."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from numpy.testing import assert_allclose

from kpilab.evidence.regress import (
    NotEstimable,
    joint_lags,
    link_design,
    link_equation,
    lp_profile,
    lp_window,
    ols,
)
from kpilab.evidence.regress.windows import lagged

REFERENCE = Path(__file__).parent / "reference"
FIELDS = ("estimate", "std_error", "statistic", "p_value", "conf_low", "conf_high", "df", "n_obs")


@pytest.fixture(scope="module")
def from_r():
    table = pd.read_csv(REFERENCE / "regress.csv")
    return {case: dict(zip(rows.name, rows.value, strict=True)) for case, rows in table.groupby("case")}


@pytest.fixture(scope="module")
def farm():
    table = pd.read_csv(REFERENCE / "chickegg.csv")
    return table.chicken.to_numpy(float), table.egg.to_numpy(float)


@pytest.fixture(scope="module")
def belts():
    table = pd.read_csv(REFERENCE / "seatbelts.csv")
    months = pd.get_dummies(table.month, drop_first=True).to_numpy(float)
    logs = np.log(table[["drivers", "petrol_price", "kms"]]).to_numpy()
    return logs[:, 0], logs[:, 1], logs[:, 2], months, table.law.to_numpy(float)


@pytest.fixture(scope="module")
def germany():
    table = pd.read_csv(REFERENCE / "lutkepohl_e1.csv").iloc[:76]
    growth = np.diff(np.log(table[["invest", "income", "consumption"]].to_numpy(float)), axis=0)
    return growth[:75]


def assert_equal_to_r(result, expected, rtol=1e-9):
    for field in FIELDS:
        assert_allclose(getattr(result, field), expected[field], rtol=rtol, err_msg=field)


@pytest.mark.parametrize("cov", ["HC0", "HC1", "HC2", "HC3", "classical"])
def test_link_equation_matches_r_sandwich(farm, from_r, cov):
    result = link_equation(*farm, 1, 3, cov=cov, confidence=0.9)
    assert_equal_to_r(result, from_r[f"link_egg_{cov}"])


def test_link_equation_lag_zero_matches_r(farm, from_r):
    assert_equal_to_r(link_equation(*farm, 0, 0, p=3, confidence=0.9), from_r["link_egg_lag0_p3_HC3"])


def test_link_equation_controls_and_season_match_r(belts, from_r):
    drivers, petrol, kms, months, law = belts
    controls = np.column_stack([lagged(kms, 1), law])
    result = link_equation(drivers, petrol, 1, 2, controls=controls, season=months, confidence=0.9)
    assert_equal_to_r(result, from_r["link_petrol_controls_HC3"])


def test_link_equation_leaves_gaps_open_as_r_does(belts, from_r):
    drivers, petrol, _, months, _ = belts
    drivers = drivers.copy()
    drivers[[39, 40, 89]] = np.nan
    result = link_equation(drivers, petrol, 1, 2, season=months, confidence=0.9)
    assert_equal_to_r(result, from_r["link_petrol_gaps_HC3"])


def test_newey_west_matches_r(belts, from_r):
    drivers, petrol, _, months, _ = belts
    design = link_design(drivers, petrol, 1, 2, season=months)
    rows = design.complete
    X = np.column_stack([design.tested, design.others])[rows]
    result = ols(design.target[rows], X, cov="HAC", hac_lags=3, constant=True, confidence=0.9).only(0)
    assert_equal_to_r(result, from_r["link_petrol_HAC3"])


def test_lp_window_starting_now_omits_present_y_as_r_does(farm, from_r):
    assert_equal_to_r(lp_window(*farm, 0, 2, 2, confidence=0.9), from_r["lp_egg_a0_b2_p2_HC3"])


@pytest.mark.parametrize("cov", ["HC3", "HC2", "classical"])
def test_lp_window_with_months_and_law_matches_r(belts, from_r, cov):
    drivers, petrol, _, months, law = belts
    season = np.column_stack([months, law])
    result = lp_window(drivers, petrol, 1, 3, 2, season=season, cov=cov, confidence=0.9)
    assert_equal_to_r(result, from_r[f"lp_petrol_law_{cov}"])


def test_lp_window_controls_enter_with_their_lags_as_in_r(belts, from_r):
    drivers, petrol, kms, months, _ = belts
    result = lp_window(drivers, petrol, 1, 3, 2, controls=kms, season=months, confidence=0.9)
    assert_equal_to_r(result, from_r["lp_petrol_controls_kms_HC3"])


def test_lp_window_egg_to_chicken_reference_case_t13(farm):
    chicken, egg = farm
    result = lp_window(chicken, egg, 1, 3, 3)
    expected = (83.4276563107707, 45.2256712990599, 1.84469691470351, 0.0726862927174342)
    found = (result.estimate, result.std_error, result.statistic, result.p_value)
    assert_allclose(found, expected, rtol=1e-9)
    assert_allclose((result.conf_low, result.conf_high), (-8.04989837840485, 174.905210999946), rtol=1e-9)
    assert (result.n_obs, result.df) == (48, 39)
    back = lp_window(egg, chicken, 1, 3, 3, cov="HC2")
    assert_allclose((back.estimate, back.std_error), (-0.00154424248070047, 0.00262814478978094), rtol=1e-9)


def test_lp_profile_reference_case_t13(farm):
    profile = lp_profile(*farm, 4, 3)
    estimates = [87.3847232687044, 90.6599576311885, 59.9155570694972, 19.0016010174657]
    errors = [38.431081243454, 58.2298730631566, 52.1711103595177, 58.2211839394439]
    assert_allclose(profile.estimate[1:], estimates, rtol=1e-9)
    assert_allclose(profile.std_error[1:], errors, rtol=1e-9)
    assert profile.horizon.tolist() == [0, 1, 2, 3, 4]
    assert_allclose(profile.estimate[0], lp_window(*farm, 0, 0, 3).estimate)


def test_lp_profile_band_contains_the_intervals_and_repeats(farm):
    one, two = lp_profile(*farm, 6, 2, seed=5), lp_profile(*farm, 6, 2, seed=5)
    assert one.critical == two.critical
    assert np.all(one.band_low < one.conf_low)
    assert np.all(one.band_high > one.conf_high)
    single = lp_profile(*farm, [2], 2)
    assert_allclose(single.band_high, single.conf_high)


def test_sup_t_is_the_known_quantile_for_independent_horizons():
    from kpilab.evidence.regress.profiles import _sup_t

    found = _sup_t(np.eye(5), df=1e7, confidence=0.95, draws=200_000, seed=1)
    assert_allclose(found, 2.5688, atol=0.02)  # normal quantile at (1 + 0.95 ** (1 / 5)) / 2


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_joint_lags_matches_r_grangertest(farm, from_r, order):
    chicken, egg = farm
    for effect, cause, name in ((chicken, egg, "egg"), (egg, chicken, "chicken")):
        result = joint_lags(effect, cause, order, augment=0, cov="classical")
        expected = from_r[f"granger_{name}_{order}"]
        assert_allclose((result.statistic, result.p_value), list(expected.values()), rtol=1e-9)


@pytest.mark.parametrize("cov", ["HC3", "HC0"])
def test_joint_lags_augmented_wald_matches_r(farm, from_r, cov):
    result = joint_lags(*farm, 2, cov=cov)
    expected = from_r[f"joint_egg_k2_{cov}"]
    assert_allclose((result.wald, result.p_value), (expected["wald"], expected["p_value"]), rtol=1e-9)
    assert_allclose(result.statistic, result.wald / 2)


def test_joint_lags_matches_luetkepohl_income_to_consumption(germany):
    invest, income, consumption = germany.T
    controls = np.column_stack([lagged(invest, 1), lagged(invest, 2)])
    result = joint_lags(consumption, income, 2, augment=0, controls=controls, cov="classical")
    assert_allclose((result.statistic, result.p_value), (6.14649785818146, 0.00356528143959739), rtol=1e-8)
    assert result.df == 66


def test_ols_matches_luetkepohl_investment_equation(germany):
    lags = np.column_stack([lagged(series, lag) for lag in (1, 2) for series in germany.T])
    result = ols(germany[2:, 0], lags[2:], cov="classical", constant=True)
    assert_allclose(result.statistic[0], -2.54774478585756, rtol=1e-9)
    assert_allclose(result.estimate[2], 0.961219032460149, rtol=1e-9)


def test_ols_matches_zeileis_2004_investment_equation():
    table = pd.read_csv(REFERENCE / "investment.csv").iloc[1:]
    X = table[["RealGNP", "RealInt"]].to_numpy(float)
    expected = {"HC0": 3.59465505880586, "HC1": 3.91718453455551, "HC2": 4.49421838020461}
    expected |= {"HC3": 5.6309136783041, "classical": 2.36874913222338, "HAC": 3.34237535268281}
    for cov, error in expected.items():
        result = ols(table.RealInv, X, cov=cov, constant=True, hac_lags=4)
        assert_allclose(result.std_error[1], error, rtol=1e-9, err_msg=cov)
    assert_allclose(result.estimate, [0.169136454182171, -1.00143801342344], rtol=1e-9)


def test_link_equation_matches_statsmodels_formula():
    rng = np.random.default_rng(3)
    y, x, z = rng.standard_normal((3, 80)).cumsum(axis=1)
    rows = np.arange(5, 80)
    mean = np.mean([x[rows - 2], x[rows - 3], x[rows - 4]], axis=0)
    X = np.column_stack([mean, x[rows - 5], y[rows - 1], y[rows - 2], z[rows], np.ones(75)])
    expected = sm.OLS(y[rows], X).fit(cov_type="HC3", use_t=True)
    result = link_equation(y, x, 2, 4, controls=z[:, None])
    assert_allclose(
        (result.estimate, result.std_error, result.p_value),
        (expected.params[0], expected.bse[0], expected.pvalues[0]),
        rtol=1e-8,
    )


def test_redundant_controls_change_nothing():
    rng = np.random.default_rng(4)
    y, x = rng.standard_normal((2, 72))
    months = np.tile(np.eye(12), (6, 1))
    doubled = np.column_stack([months, months[:, :3].sum(axis=1), np.full(72, 7.0), 1e6 * months[:, 1]])
    plain = link_equation(y, x, 1, 2, season=months[:, 1:])
    redundant = link_equation(y, x, 1, 2, season=doubled)
    for field in FIELDS:
        assert_allclose(getattr(redundant, field), getattr(plain, field), rtol=1e-9)


def test_dummy_for_one_month_equals_leaving_that_month_out():
    rng = np.random.default_rng(5)
    y, x = rng.standard_normal((2, 60))
    dummy = (np.arange(60) == 30).astype(float)
    gap = np.where(dummy == 1, np.nan, 0.0)
    with_dummy, without = link_equation(y, x, 1, 1, controls=dummy), link_equation(y, x, 1, 1, controls=gap)
    assert_allclose(with_dummy.std_error, without.std_error)
    assert with_dummy.df == without.df


def noise(seed=0, periods=60):
    return np.random.default_rng(seed).standard_normal(periods)


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (lambda: link_equation(np.ones(60), noise(), 1, 2), "no variation"),
        (lambda: link_equation(noise(), np.full(60, 3.3), 1, 2), "no variation"),
        (lambda: link_equation(noise(), noise(1), 1, 1, controls=lagged(noise(1), 1)), "collinear"),
        (lambda: link_equation(noise(), noise(), 1, 1), "collinear"),
        (lambda: link_equation(noise(), noise(), 0, 0), "identity"),
        (lambda: link_equation(noise(0, 7), noise(1, 7), 1, 2), "too few rows"),
        (lambda: link_equation(noise(0, 2), noise(1, 2), 1, 2), "too few rows"),
        (lambda: link_equation(noise(), np.full(60, np.nan), 1, 2), "too few rows"),
        (lambda: link_equation(noise(), (np.arange(60) == 30) * 1.0, 0, 0), "no variation"),
        (lambda: lp_window(noise(), noise(), 1, 3, 2), "collinear"),
        (lambda: lp_profile(noise(), np.ones(60), 3, 2), "no variation"),
        (lambda: joint_lags(noise(), np.tile([1.0, -1.0], 30), 2), "collinear"),
    ],
)
def test_what_cannot_be_estimated_is_refused_with_its_reason(call, reason):
    with pytest.raises(NotEstimable) as refusal:
        call()
    assert refusal.value.reason == reason


def test_nonsense_arguments_are_refused():
    for call in (
        lambda: link_equation(noise(), noise(1, 59), 1, 2),
        lambda: link_equation(noise(), noise(1), 3, 2),
        lambda: link_equation(noise(), noise(1), 1, 2, p=-1),
        lambda: link_equation(noise(), noise(1), 1, 2, cov="HC9"),
        lambda: link_equation(noise(), noise(1), 1, 2, confidence=95),
        lambda: link_equation(noise(), np.where(np.arange(60) == 3, np.inf, 1.0), 1, 2),
        lambda: lp_window(noise(), noise(1), 1, 2, 1, season=np.ones((59, 1))),
        lambda: joint_lags(noise(), noise(1), 0),
        lambda: lp_profile(noise(), noise(1), 3, 1, cov="HAC"),
    ):
        with pytest.raises(ValueError, match="must|needs"):
            call()


def test_inputs_are_left_unchanged(farm):
    before = [series.copy() for series in farm]
    lp_profile(*farm, 2, 1)
    link_equation(*farm, 1, 2)
    assert all(np.array_equal(now, then) for now, then in zip(farm, before, strict=True))


def autoregressive(rng, persistence, periods=100):
    shocks = rng.standard_normal(periods + 50)
    series = np.empty_like(shocks)
    level = 0.0
    for time, shock in enumerate(shocks):
        series[time] = level = persistence * level + shock
    return series[50:]


@pytest.mark.parametrize("persistence", [0.9, 1.0])
def test_link_equation_holds_its_size_on_unrelated_persistent_series(persistence):
    rng = np.random.default_rng(11)
    p_values = [
        link_equation(autoregressive(rng, persistence), autoregressive(rng, persistence), 1, 3).p_value
        for _ in range(400)
    ]
    assert np.mean(np.array(p_values) < 0.05) < 0.085  # 0.05 plus three simulation errors


def test_link_equation_has_power_against_a_real_link():
    rng = np.random.default_rng(12)
    found = 0
    for _ in range(100):
        x = autoregressive(rng, 0.9)
        y = 0.5 * np.nan_to_num(lagged(x, 1)) + rng.standard_normal(100)
        found += link_equation(y, x, 1, 1).p_value < 0.05
    assert found > 90


def test_link_equation_ignores_a_chain_when_the_mediator_is_held():
    rng = np.random.default_rng(13)
    wrong = 0
    for _ in range(200):
        x = autoregressive(rng, 0.5)
        m = np.nan_to_num(lagged(x, 1)) + rng.standard_normal(100)
        y = np.nan_to_num(lagged(m, 1)) + rng.standard_normal(100)
        held = np.column_stack([lagged(m, lag) for lag in (1, 2, 3)])
        wrong += link_equation(y, x, 1, 2, controls=held).p_value < 0.05
    assert wrong / 200 < 0.1
