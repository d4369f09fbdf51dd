"""Staggered difference-in-differences against published numbers, paper arithmetic and simulation."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from kpilab.evidence.regress import NotEstimable, att_gt, ols, panel

REFERENCE = Path(__file__).parent / "reference"
INF = np.inf


@pytest.fixture(scope="module")
def counties():
    """Log teen employment of 500 counties, 2003–2007, and the row in which their minimum wage rose."""
    table = pd.read_csv(REFERENCE / "mpdta.csv")
    start = np.where(table["first"] == 0, INF, table["first"] - 2003.0)
    return table.iloc[:, 2:].to_numpy().T, start


def test_group_time_effects_match_r_did(counties):
    """`did::att_gt` in R, "Getting started with the did package": four digits."""
    effects = att_gt(*counties)
    published = [
        *(-0.0105, -0.0704, -0.1373, -0.1008),
        *(0.0065, -0.0028, -0.0046, -0.0412),
        *(0.0305, -0.0027, -0.0311, -0.0261),
    ]
    assert effects.att == pytest.approx(published, abs=5e-5)
    assert (effects.group + 2003).tolist() == [2004] * 4 + [2006] * 4 + [2007] * 4
    assert (effects.period + 2003).tolist() == [2004, 2005, 2006, 2007] * 3


def test_pre_trend_test_matches_r_did(counties):
    assert att_gt(*counties).pre_trend()[2] == pytest.approx(0.16812, abs=5e-6)


@pytest.mark.parametrize(
    ("kind", "overall", "parts"),
    [
        ("simple", -0.0400, [-0.0400]),
        ("group", -0.0310, [-0.0797, -0.0229, -0.0261]),
        ("dynamic", -0.0772, [0.0305, -0.0006, -0.0245, -0.0199, -0.0510, -0.1373, -0.1008]),
        ("calendar", -0.0417, [-0.0105, -0.0704, -0.0488, -0.0371]),
    ],
)
def test_aggregates_match_r_did(counties, kind, overall, parts):
    found = att_gt(*counties).aggregate(kind)
    assert found.overall == pytest.approx(overall, abs=5e-5)
    assert found.att == pytest.approx(parts, abs=5e-5)


def test_standard_errors_match_r_did_within_its_bootstrap(counties):
    """R prints bootstrapped errors: 0.0203 of the dynamic overall, these of its parts."""
    found = att_gt(*counties).aggregate("dynamic")
    assert found.overall_std_error == pytest.approx(0.0203, rel=0.05)
    assert found.std_error == pytest.approx(
        [0.0157, 0.0136, 0.0144, 0.0124, 0.0163, 0.0402, 0.0354], rel=0.11
    )
    assert 2.3 < found.band < 2.9  # R's bands are 2.45 to 2.7 standard errors wide
    assert att_gt(*counties).aggregate("simple").overall_std_error == pytest.approx(0.0120, abs=1e-4)


def test_lalonde_difference_and_adjusted_match_dehejia_and_wahba():
    """National Supported Work: 1794.342 (632.853), adjusted 1676.343; HC2 670.997 is Welch's error."""
    path = Path(__file__).parents[2] / "shared" / "reference" / "data" / "nsw_mixtape.csv"
    if not path.exists():
        pytest.skip("the NSW sample is not here: causaldata (PyPI) has it as nsw_mixtape")
    table = pd.read_csv(path)
    y = np.vstack([np.zeros(len(table)), table["re78"]])
    found = att_gt(y, np.where(table["treat"] == 1, 1, INF)).aggregate()
    assert found.overall == pytest.approx(1794.34240427025, rel=1e-9)
    assert found.welch_std_error == pytest.approx(670.996546381518, rel=1e-9)
    pooled = panel(table["re78"], table[["treat"]], np.arange(445), np.zeros(445), effects="none")
    assert pooled.estimate[0] == pytest.approx(1794.34240427025, rel=1e-9)
    plain = ols(table["re78"], table[["treat"]], cov="classical", constant=True)
    assert plain.std_error[0] == pytest.approx(632.853393623624, rel=1e-9)
    known = ["age", "educ", "black", "hisp", "marr", "nodegree", "re74", "re75"]
    adjusted = ols(table["re78"], table[["treat", *known]], cov="classical", constant=True)
    assert adjusted.estimate[0] == pytest.approx(1676.34264376777, rel=1e-9)
    assert adjusted.std_error[0] == pytest.approx(638.682016206548, rel=1e-9)


@given(st.lists(st.floats(-50, 50), min_size=8, max_size=8))
def test_two_by_two_is_the_hand_formula(numbers):
    before, after = np.array(numbers[:4]), np.array(numbers[4:])
    found = att_gt([before, after], [1, 1, INF, INF]).aggregate()
    by_hand = (after[:2].mean() - before[:2].mean()) - (after[2:].mean() - before[2:].mean())
    assert found.overall == pytest.approx(by_hand, abs=1e-9)
    change = after - before
    error = np.sqrt(change[:2].var(ddof=1) / 2 + change[2:].var(ddof=1) / 2)
    if error > 1e-6:
        assert found.welch_std_error == pytest.approx(error, rel=1e-6)


def test_welch_degrees_of_freedom_match_scipy():
    rng = np.random.default_rng(3)
    y = np.vstack([np.zeros(30), rng.normal(size=30) * np.repeat([1, 3], [12, 18])])
    found = att_gt(y, np.repeat([1, INF], [12, 18])).aggregate()
    welch = stats.ttest_ind(y[1, :12], y[1, 12:], equal_var=False)
    assert found.welch_df == pytest.approx(welch.df, rel=1e-9)
    assert found.overall / found.welch_std_error == pytest.approx(welch.statistic, rel=1e-9)


def test_not_yet_treated_are_used_where_nobody_is_never_treated():
    y = np.array([[0.0, 0, 0, 0], [3, 3, 1, 1], [4, 4, 6, 6]])
    with pytest.raises(NotEstimable):
        att_gt(y, [1, 1, 2, 2], control="never")
    found = att_gt(y, [1, 1, 2, 2], control="not_yet")
    assert found.att[(found.group == 1) & (found.period == 1)].tolist() == [2.0]


def test_missing_values_are_used_pair_by_pair():
    """A unit without a value leaves the cell, as if it were not in the panel."""
    y = np.array([[0.0, 0, 1, 2], [5, np.nan, 2, 5]])
    assert att_gt(y, [1, 1, INF, INF]).att.tolist() == [3.0]
    assert att_gt(y[:, [0, 2, 3]], [1, INF, INF]).att.tolist() == [3.0]


def test_base_of_several_periods_takes_the_season_out():
    """Units with seasons of their own: against one month's base they seem to move, against a year they do not."""
    months = np.arange(24)[:, None]
    y = np.sin(2 * np.pi * (months + np.arange(6)[None, :]) / 12)
    start = np.array([12, 12, 12, INF, INF, INF])
    year = att_gt(y, start, base="universal", base_periods=12).aggregate(horizon=12)
    month = att_gt(y, start, base="universal").aggregate(horizon=12)
    assert abs(year.overall) < 1e-12
    assert abs(month.overall) > 0.1


def test_dynamic_effects_are_recovered_where_two_way_fixed_effects_err():
    """Effects that grow with time, staggered: the truth of each event time is returned exactly."""
    start = np.repeat([3.0, 6.0, INF], 4)
    period = np.arange(10)[:, None]
    y = np.arange(12)[None, :] + 2.0 * period + np.where(period >= start, period - start + 1, 0)
    found = att_gt(y, start, base="universal").aggregate("dynamic")
    expected = [max(e + 1, 0) for e in found.labels]
    assert found.att == pytest.approx(expected, abs=1e-9)


def test_interval_covers_in_simulation():
    """12 treated and 15 control units with autocorrelated noise: Welch's t covers 95 % of 400 draws within error."""
    rng, covered, draws = np.random.default_rng(11), 0, 400
    for _ in range(draws):
        noise = rng.normal(size=(30, 27))
        for t in range(1, 30):
            noise[t] += 0.8 * noise[t - 1]
        noise += rng.normal(size=(30, 1))
        start = np.repeat([18.0, INF], [12, 15])
        found = att_gt(noise, start, base="universal", base_periods=12).aggregate(draws=1)
        covered += abs(found.overall / found.welch_std_error) < stats.t.ppf(0.975, found.welch_df)
    assert 0.92 <= covered / draws <= 0.98


def test_same_seed_same_band(counties):
    effects = att_gt(*counties)
    one, two = (effects.aggregate("dynamic", seed=4).band for _ in range(2))
    assert one == two != effects.aggregate("dynamic", seed=5).band


def test_what_cannot_be_estimated_says_why():
    with pytest.raises(NotEstimable, match="no unit begins"):
        att_gt(np.zeros((3, 2)), [INF, INF])
    with pytest.raises(NotEstimable, match="nobody to compare"):
        att_gt(np.zeros((3, 2)), [1, 1])
    with pytest.raises(ValueError, match="periods × units"):
        att_gt(np.zeros(3), [1, 1])
