"""The structural time-series model against the seat-belt law, CausalImpact's example and simulation."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kpilab.evidence.regress import NotEstimable, intervention, placebo_steps
from kpilab.evidence.regress.structural import predicted, ramp, step
from kpilab.evidence.regress.structural_bootstrap import bootstrap_statistics

REFERENCE = Path(__file__).parent / "reference"


@pytest.fixture(scope="module")
def belts():
    """Log drivers killed or seriously injured in Great Britain 1969–1984, season and petrol price, law."""
    table = pd.read_csv(REFERENCE / "seatbelts.csv")
    season = np.eye(12)[np.arange(len(table)) % 12][:, 1:]
    return (
        np.log(table["drivers"].to_numpy(float)),
        table["law"].to_numpy(float),
        np.column_stack([season, np.log(table["petrol_price"].to_numpy(float))]),
    )


def test_seat_belt_law_matches_commandeur_and_koopman(belts):
    """Commandeur & Koopman (2007): law −0.23774, level variance .000267632, irregular .00378629 with a wandering
    season; with a fixed season and exact diffuse start −.237588 (statsmodels)."""
    y, law, regressors = belts
    fit = intervention(y, law, regressors, irregular="white")
    assert fit.estimate == pytest.approx(-0.23758716870561727, rel=1e-4)
    assert fit.std_error == pytest.approx(0.04644598272406557, rel=1e-3)
    assert fit.coefficients[-1] == pytest.approx(-0.27674052597359977, rel=1e-3)
    assert fit.std_errors[-1] == pytest.approx(0.09840684589313677, rel=1e-3)
    assert fit.level_sd**2 == pytest.approx(0.0002680842829168652, rel=1e-3)
    assert fit.irregular_sd**2 == pytest.approx(0.004033991998183715, rel=1e-3)


def test_autocorrelated_irregular_agrees_on_the_seat_belt_law(belts):
    """Harvey & Durbin (1986) report −23 %; this model's interval holds that and not zero."""
    y, law, regressors = belts
    fit = intervention(y, law, regressors)
    assert fit.conf_low < np.log(0.77) < fit.conf_high < 0
    assert 0 < fit.ar < 0.5


@pytest.mark.parametrize("irregular", ["ar1", "white"])
def test_variances_are_those_of_statsmodels_own_maximum(belts, irregular):
    """The restricted likelihood by regression against the filter's, maximised by statsmodels."""
    from statsmodels.tsa.statespace.structural import UnobservedComponents

    y, law, regressors = belts
    fit = intervention(y, law, regressors, irregular=irregular)
    noise = {"irregular": True} if irregular == "white" else {"autoregressive": 1}
    model = UnobservedComponents(
        y / y.std(), level=True, stochastic_level=True, **noise, exog=np.column_stack([regressors, law]),
        mle_regression=False, use_exact_diffuse=True,
    )  # fmt: skip
    theirs = model.fit(fit.parameters * [1.5, 0.7, 1.2][: len(fit.parameters)], disp=False, maxiter=500)
    assert model.loglike(fit.parameters) >= theirs.llf - 1e-6
    assert fit.parameters == pytest.approx(theirs.params, rel=2e-2, abs=1e-5)


def test_placebos_are_what_the_filter_gives(belts):
    """One placebo: the smoothed coefficient of the step over its error, with the variances of the series alone."""
    from statsmodels.tsa.statespace.structural import UnobservedComponents

    y, _, regressors = belts
    before, columns = y[:169] / y[:169].std(), regressors[:169]
    found = placebo_steps(y[:169], [100], 24, columns)[0]
    options = {"level": True, "stochastic_level": True, "autoregressive": 1, "mle_regression": False}
    base = UnobservedComponents(before, **options, exog=columns, use_exact_diffuse=True)
    parameters = base.fit([1e-4, 1e-2, 0.3], disp=False, maxiter=500).params
    exog = np.column_stack([columns[:124], step(124, 100)])
    seen = UnobservedComponents(before[:124], **options, exog=exog, use_exact_diffuse=True).smooth(parameters)
    t = seen.smoothed_state[-1, -1] / np.sqrt(seen.smoothed_state_cov[-1, -1, -1])
    assert found == pytest.approx(t, rel=0.02)


def test_placebo_laws_before_the_law_are_small(belts):
    y, law, regressors = belts
    real = intervention(y, law, regressors).statistic
    found = placebo_steps(y[:169], np.arange(36, 150, 12), 23, regressors[:169])
    assert np.abs(found).max() < abs(real)


def test_causal_impact_example_is_recovered():
    """The example of CausalImpact's vignette: y = 1.2 x + noise, x near a unit root, +10 in the last 30 of 100."""
    rng, found = np.random.default_rng(1), []
    for _ in range(8):
        x = np.zeros(100)
        shocks = rng.normal(size=100)
        for t in range(1, 100):
            x[t] = 0.999 * x[t - 1] + shocks[t]
        y = 1.2 * (100 + x) + rng.normal(size=100) + 10 * step(100, 70)
        fit = intervention(y, step(100, 70), x[:, None])
        found.append((fit.estimate, fit.conf_low < 10 < fit.conf_high))
    assert np.mean([estimate for estimate, _ in found]) == pytest.approx(10, abs=0.5)
    assert sum(covers for _, covers in found) >= 7


def test_bootstrapped_statistics_are_those_of_the_model_estimated_anew():
    """Series that the fit could have made, each estimated by `intervention` itself, stray as far: 80 of them."""
    rng = np.random.default_rng(4)
    y = np.cumsum(0.2 * rng.normal(size=50)) + rng.normal(size=50)
    fit = intervention(y, step(50, 35))
    strays = np.abs(bootstrap_statistics(y, step(50, 35), None, fit, draws=2000))
    again = []
    for _ in range(80):
        irregular = rng.normal(size=90) * fit.irregular_sd
        for t in range(1, 90):
            irregular[t] += fit.ar * irregular[t - 1]
        path = np.cumsum(fit.level_sd * rng.normal(size=50)) + irregular[40:]
        again.append(abs(intervention(path, step(50, 35)).statistic))
    assert np.median(again) == pytest.approx(np.median(strays), abs=0.25)
    assert np.mean(np.array(again) > np.quantile(strays, 0.9)) == pytest.approx(0.1, abs=0.1)


def test_bootstrap_finds_steps_where_nothing_happened_as_often_as_it_says():
    """Simulated AR(1) of .9, 60 periods, start 40: p < .05 in 5 % of 150 series, give or take two errors."""
    rng = np.random.default_rng(8)
    found = []
    for _ in range(150):
        y = rng.normal(size=110)
        for t in range(1, 110):
            y[t] += 0.9 * y[t - 1]
        fit = intervention(y[50:], step(60, 40))
        strays = bootstrap_statistics(y[50:], step(60, 40), None, fit, draws=199)
        found.append(abs(fit.statistic) > np.quantile(np.abs(strays), 0.95))
    assert np.mean(found) <= 0.05 + 2 * (0.05 * 0.95 / 150) ** 0.5


def test_bootstrap_is_the_same_for_any_size_and_repeats_itself(belts):
    y, law, regressors = belts
    fit = intervention(y, law, regressors)
    found = bootstrap_statistics(y, law, regressors, fit, draws=99)
    other = bootstrap_statistics(
        y + 5 * law, law, regressors, intervention(y + 5 * law, law, regressors), draws=99
    )
    assert found == pytest.approx(other, abs=1e-3)
    assert 1.6 < np.quantile(np.abs(found), 0.95) < 2.6


def test_scale_and_level_do_not_matter(belts):
    y, law, regressors = belts
    one, two = intervention(y, law, regressors), intervention(50 + 1000 * y, law, regressors)
    assert two.estimate == pytest.approx(1000 * one.estimate, rel=1e-3)
    assert two.p_value == pytest.approx(one.p_value, rel=0.02)


def test_ramp_is_told_from_nothing():
    rng = np.random.default_rng(4)
    shape = ramp(80, 50, 10)
    y = rng.normal(scale=0.5, size=80) + 3 * shape
    assert intervention(y, shape).conf_low > 1.5


def test_missing_values_are_skipped():
    rng = np.random.default_rng(6)
    y = rng.normal(size=70) + 4 * step(70, 40)
    y[[5, 20, 50]] = np.nan
    fit = intervention(y, step(70, 40))
    assert fit.n_obs == 67
    assert np.isnan(fit.counterfactual[5])
    assert fit.conf_low < 4 < fit.conf_high


def test_prediction_does_not_look_at_what_came_after(belts):
    y, _, regressors = belts
    one = predicted(y, 169, regressors)
    two = predicted(np.concatenate([y[:169], y[169:] + 5]), 169, regressors)
    assert one[0].tolist() == two[0].tolist()
    assert (np.diff(one[1][169:]) > 0).mean() > 0.9  # the further ahead, the less is known


def test_what_cannot_be_estimated_says_why():
    with pytest.raises(NotEstimable, match="does not vary"):
        intervention(np.ones(40), step(40, 20))
    with pytest.raises(NotEstimable, match="one side"):
        intervention(np.arange(40.0), step(40, 40))
    with pytest.raises(NotEstimable, match="too few"):
        intervention(np.arange(10.0), step(10, 5))
    with pytest.raises(NotEstimable, match="cannot be told"):
        intervention(np.random.default_rng(0).normal(size=40), step(40, 20), step(40, 20)[:, None])


def test_reference_is_the_one_in_shared():
    """The numbers typed above are those of the reference folder, where that is present."""
    path = Path(__file__).parents[2] / "shared" / "reference" / "E02_seatbelts_ucm__py.json"
    if not path.exists():
        pytest.skip("the reference folder is not here; its numbers are typed into this file")
    case = json.loads(path.read_text())[
        "stochastic_level_fixed_seasonal__mle_regression_False__exact_diffuse_True"
    ]
    assert case["lambda_law"] == pytest.approx(-0.23758716870561727)
