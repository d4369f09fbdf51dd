"""The wild cluster bootstrap against refits draw by draw, and its error rate with few clusters."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from kpilab.evidence.regress.linear import NotEstimable
from kpilab.evidence.regress.panels import panel
from kpilab.evidence.regress.wild import cluster_weights, wild_cluster

UNBALANCED = pd.read_csv(Path(__file__).parent / "reference" / "panel_unbalanced.csv")
EFFECTS = ("none", "unit", "period", "both")


def design(table: pd.DataFrame, effects: str) -> np.ndarray:
    parts = [table[["x1", "x2"]].to_numpy(float), np.ones((len(table), 1))]
    for name in {"none": [], "unit": ["unit"], "period": ["period"], "both": ["unit", "period"]}[effects]:
        parts.append(pd.get_dummies(table[name], drop_first=True).to_numpy(float))
    return np.column_stack(parts)


def clustered_t(y, X, column, groups, null=0.0):
    fit = sm.OLS(y, X).fit(cov_type="cluster", cov_kwds={"groups": groups, "use_correction": False})
    return (fit.params[column] - null) / fit.bse[column]


def refitted_p(table, effects, column, sampled, groups, null=0.0):
    """Impose the null, flip the restricted residuals by cluster, refit with all dummies, compare."""
    y, X = table["y"].to_numpy(), design(table, effects)
    restricted = np.delete(X, column, axis=1)
    offset = null * X[:, column]
    fitted = offset + sm.OLS(y - offset, restricted).fit().fittedvalues
    code = pd.factorize(groups, sort=True)[0]
    statistic = clustered_t(y, X, column, code, null)
    drawn = [clustered_t(fitted + draw[code] * (y - fitted), X, column, code, null) for draw in sampled]
    return np.mean(np.abs(drawn) >= abs(statistic) - 1e-9)


def bootstrapped(table, column, effects, **options):
    return wild_cluster(
        table["y"], table[["x1", "x2"]], table["unit"], column, table["period"], effects, **options
    )


@pytest.mark.parametrize("effects", EFFECTS)
@pytest.mark.parametrize("weights", ["webb", "rademacher"])
@pytest.mark.parametrize("column", [0, 1])
def test_p_value_matches_refitting_every_draw(effects, weights, column):
    result = bootstrapped(UNBALANCED, column, effects, weights=weights, draws=99, seed=3)
    sampled, _ = cluster_weights(9, weights, 99, 3)
    expected = refitted_p(UNBALANCED, effects, column, sampled, UNBALANCED["unit"])
    assert result.p_value == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("effects", ["none", "both"])
def test_enumerated_p_value_by_region_matches_refits(effects):
    result = bootstrapped(UNBALANCED, 0, effects, weights="rademacher", cluster=UNBALANCED["region"])
    sampled, enumerated = cluster_weights(5, "rademacher", 9999, 0)
    assert enumerated
    assert result.enumerated
    assert result.draws == len(np.unique(sampled, axis=0)) == 32
    expected = refitted_p(UNBALANCED, effects, 0, sampled, UNBALANCED["region"])
    assert result.p_value == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("effects", EFFECTS)
def test_interval_inverts_the_test(effects):
    result = bootstrapped(UNBALANCED, 0, effects, draws=199, seed=1)
    sampled, _ = cluster_weights(9, "webb", 199, 1)
    step = 1e-5 * result.std_error
    for bound, outward in ((result.conf_low, -step), (result.conf_high, step)):
        at = [
            refitted_p(UNBALANCED, effects, 0, sampled, UNBALANCED["unit"], bound + d)
            for d in (-outward, outward)
        ]
        assert at[0] > 0.05 >= at[1]


@pytest.mark.parametrize("seed", range(12))
def test_interval_and_p_value_agree_about_zero(seed):
    rng = np.random.default_rng(seed)
    unit, x = np.repeat(np.arange(7), 12), rng.normal(size=84)
    y = 0.25 * x + rng.normal(size=84) + np.repeat(rng.normal(size=7), 12)
    result = wild_cluster(y, x, unit, 0, effects="unit", draws=499)
    assert (result.p_value <= 0.05) == (not result.conf_low <= 0 <= result.conf_high)
    assert result.conf_low < result.estimate < result.conf_high


def test_statistic_is_that_of_the_clustered_panel():
    result = bootstrapped(UNBALANCED, 1, "both", draws=99)
    reference = panel(UNBALANCED["y"], UNBALANCED[["x1", "x2"]], UNBALANCED["unit"], UNBALANCED["period"])
    assert result.estimate == pytest.approx(reference.estimate[1], rel=1e-12)
    assert result.std_error == pytest.approx(reference.std_error[1], rel=1e-12)
    assert (result.df, result.n_obs, result.n_units) == (8.0, len(UNBALANCED), 9)


def test_five_clusters_and_rademacher_reject_nothing_at_five_percent():
    result = bootstrapped(UNBALANCED, 0, "unit", weights="rademacher", cluster=UNBALANCED["region"])
    assert result.p_value >= 2 / 32
    assert (result.conf_low, result.conf_high) == (-np.inf, np.inf)


def test_same_seed_same_result_and_weights_are_kept_safe():
    assert bootstrapped(UNBALANCED, 0, "both") == bootstrapped(UNBALANCED, 0, "both")
    with pytest.raises(ValueError, match="read-only"):
        cluster_weights(9, "webb", 9999, 0)[0][0, 0] = 1.0


def test_webb_weights_have_mean_zero_and_variance_one():
    sampled, enumerated = cluster_weights(6, "webb", 9999, 0)
    assert not enumerated
    assert sampled.mean() == pytest.approx(0, abs=0.02)
    assert sampled.var() == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("n_units", [6, 11])
def test_size_with_few_units_is_held(n_units):
    rng, rejected = np.random.default_rng(n_units), 0
    unit, period = np.repeat(np.arange(n_units), 24), np.tile(np.arange(24), n_units)
    for _ in range(300):
        scale = rng.uniform(0.5, 2, (n_units, 1))
        x = rng.normal(size=(n_units, 24)).cumsum(axis=1) * scale + rng.normal(size=24)
        y = rng.normal(size=(n_units, 24)).cumsum(axis=1) * 0.3 + rng.normal(size=(n_units, 24)) * scale
        p = wild_cluster(y.ravel(), x.ravel(), unit, 0, period, "both", draws=199).p_value
        rejected += p < 0.05
    assert rejected / 300 < 0.09


@pytest.mark.parametrize(
    ("options", "message"),
    [({"column": 2}, "column"), ({"weights": "mammen"}, "weights"), ({"draws": 0}, "draws")],
)
def test_wrong_arguments_are_refused(options, message):
    arguments = {"column": 0} | options
    with pytest.raises(ValueError, match=message):
        wild_cluster(UNBALANCED["y"], UNBALANCED[["x1"]], UNBALANCED["unit"], **arguments)


def test_one_cluster_is_refused():
    one = UNBALANCED[UNBALANCED["unit"] == 1]
    with pytest.raises(NotEstimable, match="one cluster"):
        wild_cluster(one["y"], one[["x1"]], one["unit"], 0)


def test_period_effects_need_periods():
    with pytest.raises(ValueError, match="needs period"):
        wild_cluster(UNBALANCED["y"], UNBALANCED[["x1"]], UNBALANCED["unit"], 0, effects="both")
