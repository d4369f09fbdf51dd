"""Which inference decides a link, by its numbers of units and periods: against the functions it is said to use."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import kpilab as kl
from kpilab.evidence.fitting import seasonal_columns
from kpilab.evidence.links import judged_together
from kpilab.evidence.regress import panel, tost, wild_cluster
from kpilab.model.nouns import Unit
from tests.simulated import chain, simulated

LINK = 'cause: x, effect: m, sign: "+", lag: 1, min_effect: 0.1'


def fitted(tmp_path, n_units, n_periods=40, link=LINK):
    return kl.fit_links(*simulated(tmp_path, chain(n_periods, n_units), [link]))[0]


def arrays(equation):
    return (equation.y, equation.x[:, None], equation.unit), {"controls": equation.controls}


def by_bootstrap(equation, confidence=0.95):
    where, options = arrays(equation)
    return wild_cluster(*where, 0, equation.period, "both", confidence=confidence, **options)


def by_panel(equation, cov, confidence=0.95):
    where, options = arrays(equation)
    return panel(*where, equation.period, "both", cov, confidence=confidence, **options).only()


def interval(estimate):
    return [estimate.conf_low, estimate.conf_high]


@pytest.mark.parametrize(("n_units", "cov", "method"), [(15, "cr2", "CR2"), (20, "cluster", "clustered")])
def test_from_twelve_units_the_analytic_error_decides(tmp_path, n_units, cov, method):
    result = fitted(tmp_path, n_units)
    expected = by_panel(result.equation, cov)
    assert result.fit.method == method
    assert (result.fit.std_error, result.fit.p_value, result.fit.df) == pytest.approx(
        (expected.std_error, expected.p_value, expected.df), rel=1e-9
    )
    assert interval(result.fit) == pytest.approx(interval(expected), rel=1e-9)


@pytest.mark.parametrize("n_units", [8, 11])
def test_under_twelve_units_the_wild_bootstrap_decides(tmp_path, n_units):
    result = fitted(tmp_path, n_units)
    expected = by_bootstrap(result.equation)
    assert result.fit.method == "wild bootstrap"
    assert result.fit.p_value == expected.p_value
    assert interval(result.fit) == pytest.approx(interval(expected), rel=1e-9)


@pytest.mark.parametrize("n_units", [8, 11, 20, 29])
def test_with_few_units_cr2_is_asked_too(tmp_path, n_units):
    result = fitted(tmp_path, n_units)
    assert result.fit.second_p_value == pytest.approx(by_panel(result.equation, "cr2").p_value, rel=1e-9)
    assert "few units" in result.checks()["check"].tolist()


@pytest.mark.parametrize("n_units", [5, 12, 19, 30])
def test_where_cr2_or_two_methods_decide_anyway_and_with_many_units_it_is_not(tmp_path, n_units):
    result = fitted(tmp_path, n_units)
    assert np.isnan(result.fit.second_p_value)
    assert "few units" not in result.checks()["check"].tolist()


def test_what_cr2_does_not_find_with_few_units_is_inconclusive_whatever_the_bootstrap_says(tmp_path):
    found = kl.fit_links(*simulated(tmp_path, chain(80, 9), [LINK]))
    assert found[0].verdict == "supported"
    doubtful = replace(found[0], fit=replace(found[0].fit, second_p_value=0.06))
    judged = judged_together(found.cascade, [doubtful])[0]
    assert (judged.verdict, judged.q_value) == ("inconclusive", found[0].q_value)
    assert (
        "a second standard error (CR2) must find the link too, and does not find it (q = 0.06)"
        in judged.reason
    )
    assert judged_together(found.cascade, [judged])[0].challenges == judged.challenges


@pytest.mark.parametrize("n_units", [5, 7])
def test_under_eight_units_the_larger_p_decides_and_the_interval_spans_both(tmp_path, n_units):
    result = fitted(tmp_path, n_units)
    wild, kraay = by_bootstrap(result.equation), by_panel(result.equation, "driscoll_kraay")
    assert result.fit.p_value == pytest.approx(max(wild.p_value, kraay.p_value), rel=1e-9)
    spanned = [min(wild.conf_low, kraay.conf_low), max(wild.conf_high, kraay.conf_high)]
    assert interval(result.fit) == pytest.approx(spanned, rel=1e-9)


def test_the_ninety_per_cent_interval_is_that_of_the_method_that_decides(tmp_path):
    wild = fitted(tmp_path / "a", 9)
    expected = by_bootstrap(wild.equation, confidence=0.90)
    assert [wild.fit.narrow_low, wild.fit.narrow_high] == pytest.approx(interval(expected), rel=1e-6)
    clustered = fitted(tmp_path / "b", 20)
    expected = by_panel(clustered.equation, "cluster", confidence=0.90)
    assert [clustered.fit.narrow_low, clustered.fit.narrow_high] == pytest.approx(
        interval(expected), rel=1e-9
    )


@pytest.mark.parametrize("size", [0.02, 0.05, 0.1, 0.3])
def test_too_small_to_matter_is_the_equivalence_test_at_five_per_cent(tmp_path, size):
    """x does not move y; with 20 units both one-sided t tests say whether ±size is excluded."""
    link = f'cause: x, effect: y, sign: "+", lag: 5, min_effect: {size}'
    series = chain(40, 20, seed=3) | {"y": np.random.default_rng(0).normal(size=(40, 20))}
    result = kl.fit_links(*simulated(tmp_path, series, [link]))[0]
    excluded = tost(result.estimate, result.fit.std_error, result.fit.df, size) < 0.05
    assert (result.verdict == "contradicted") == excluded


@pytest.mark.parametrize(("n_regions", "clusters"), [(5, 5), (4, 12)])
def test_units_cluster_by_the_level_above_where_it_has_five_members(tmp_path, n_regions, clusters):
    cascade, history = simulated(tmp_path, chain(40, 12), [LINK])
    company, *teams = cascade.units
    regions = [
        Unit.model_validate({"unit": f"r{i}", "name": f"Region {i}", "level": "region", "parent": "company"})
        for i in range(n_regions)
    ]
    moved = [team.model_copy(update={"parent": f"r{i % n_regions}"}) for i, team in enumerate(teams)]
    nested = cascade.replace(levels=("company", "region", "team"), units=(company, *regions, *moved))
    result = kl.fit_links(nested, kl.read_history(nested, history.tidy()))[0]
    assert (result.fit.n_clusters, result.n_units) == (clusters, 12)


def test_seasons_are_two_harmonics_below_sixty_periods_and_dummies_from_there_on():
    short, long = (pd.period_range("2019-01", periods=n, freq="M") for n in (59, 60))
    assert seasonal_columns(short).shape == (59, 4)
    np.testing.assert_allclose(seasonal_columns(short)[:12], seasonal_columns(short)[12:24], atol=1e-12)
    dummies = pd.get_dummies(long.month).to_numpy(float)[:, 1:]
    np.testing.assert_array_equal(seasonal_columns(long), dummies)
    assert seasonal_columns(pd.period_range("2019Q1", periods=20, freq="Q")).shape == (20, 3)
    assert seasonal_columns(pd.period_range("2000", periods=30, freq="Y")).shape == (30, 0)


@pytest.mark.parametrize(("n_periods", "left_out"), [(50, False), (70, True)])
def test_jackknife_is_shown_below_sixty_periods(tmp_path, n_periods, left_out):
    checks = fitted(tmp_path, 12, n_periods).checks().set_index("check")
    assert checks.loc["half-panel jackknife", "result"].startswith("left out") == left_out
    assert not checks.loc["half-panel jackknife", "failed"]
