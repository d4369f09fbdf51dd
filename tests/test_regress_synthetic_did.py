"""Synthetic difference-in-differences against the published California case, properties and simulation."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from kpilab.evidence.regress import NotEstimable, synthetic_cohorts, synthetic_did
from kpilab.evidence.regress.synthetic_did import jackknife_std_error, placebos, sets_of

REFERENCE = Path(__file__).parent / "reference"
BEFORE = 19


@pytest.fixture(scope="module")
def california():
    """Packs of cigarettes per head, 39 states, 1970–2000; California's Proposition 99 from 1989 on."""
    table = pd.read_csv(REFERENCE / "prop99.csv", index_col="year")
    return table.to_numpy(), np.array(table.columns == "california")


@pytest.mark.parametrize(("method", "published"), [("sdid", -15.6), ("sc", -19.6), ("did", -27.3)])
def test_california_matches_table_1_of_the_paper(california, method, published):
    """Arkhangelsky et al. (2021), table 1; their synthetic control stops its iterations a little early."""
    assert synthetic_did(*california, BEFORE, method=method).estimate == pytest.approx(published, abs=0.1)


def test_california_matches_the_authors_package(california):
    """R's synthdid prints −15.604: its iterations stop within 0.002 of the minimum, which is solved exactly here."""
    assert synthetic_did(*california, BEFORE).estimate == pytest.approx(-15.604, abs=2e-3)


def test_california_time_weights_match_the_paper(california):
    """Figure 1 of the paper: only 1986, 1987 and 1988 have weight, .366, .206 and .427 in R's synthdid."""
    weights = synthetic_did(*california, BEFORE).time_weights
    assert weights[-3:] == pytest.approx([0.366, 0.206, 0.427], abs=2e-3)
    assert weights[:-3].sum() == pytest.approx(0, abs=1e-9)


def test_california_placebo_error_and_rank(california):
    """The paper's placebo error is 8.4 (random draws; all 38 states here); no state's effect is as large."""
    found = placebos(*california, BEFORE)
    assert 7 < found.std_error < 11
    assert len(found.estimates) == 38
    assert found.p_value == found.smallest_p == pytest.approx(1 / 39)


def test_weights_minimise_against_a_general_solver(california):
    """scipy's SLSQP on the same quadratic from another start comes no lower."""
    from scipy import optimize

    y, treated = california
    fit = synthetic_did(y, treated, BEFORE)
    columns = y[:BEFORE, ~treated] - y[:BEFORE, ~treated].mean(axis=0)
    target = y[:BEFORE, treated][:, 0] - y[:BEFORE, treated].mean()

    def loss(w):
        return ((columns @ w - target) ** 2).sum() + BEFORE * fit.zeta**2 * (w**2).sum()

    start = np.full(38, 1 / 38)
    found = optimize.minimize(
        loss, start, bounds=[(0, 1)] * 38, constraints={"type": "eq", "fun": lambda w: w.sum() - 1}, tol=1e-12
    )
    assert loss(fit.unit_weights) <= found.fun * (1 + 1e-6)
    assert np.abs(found.x - fit.unit_weights).max() < 5e-3


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000), st.floats(-20, 20), st.floats(-5, 5))
def test_unit_and_period_effects_do_not_matter(seed, level, effect):
    """Weights sum to one, so that levels of units and common shocks drop out; an added effect is returned."""
    rng = np.random.default_rng(seed)
    y, treated = rng.normal(size=(20, 8)), np.arange(8) < 2
    base = synthetic_did(y, treated, 14)
    moved = y + level * np.arange(8) + rng.normal(size=(20, 1))
    moved[14:, :2] += effect
    fit = synthetic_did(moved, treated, 14, zeta=base.zeta)
    assert fit.estimate - base.estimate == pytest.approx(effect, abs=1e-4)
    assert fit.unit_weights.sum() == pytest.approx(1)
    assert fit.time_weights.sum() == pytest.approx(1)
    assert (fit.unit_weights >= 0).all()


def test_did_is_the_hand_formula():
    y = np.array([[1.0, 2, 4], [3, 3, 5], [9, 5, 6]])
    fit = synthetic_did(y, [True, False, False], 2, method="did")
    assert fit.estimate == pytest.approx((9 - 2) - (5.5 - 3.5))


def test_factor_model_is_recovered_where_plain_did_is_biased():
    """Controls follow the treated units' factor in part only: sDiD is near the truth of 2, DiD is not."""
    rng = np.random.default_rng(5)
    trend = np.linspace(0, 10, 60)[:, None]
    loads = np.concatenate([[1.0, 1.0], np.linspace(0, 1.2, 28)])
    y = trend * loads + rng.normal(scale=0.3, size=(60, 30))
    y[45:, :2] += 2
    treated = np.arange(30) < 2
    assert synthetic_did(y, treated, 45).estimate == pytest.approx(2, abs=0.25)
    assert abs(synthetic_did(y, treated, 45, method="did").estimate - 2) > 0.8


def test_cohorts_with_one_start_are_the_single_block(california):
    y, treated = california
    found = synthetic_cohorts(y, np.where(treated, BEFORE, np.inf), before=99, after=99)
    assert found.estimate == pytest.approx(synthetic_did(y, treated, BEFORE).estimate)
    assert found.gap[found.since >= 0].mean() == pytest.approx(found.estimate)
    assert found.unit_weights.sum() == pytest.approx(1)


def test_cohorts_average_by_treated_units_and_periods():
    """Two starts, effects 1 (8 periods) and 4 (2 periods), no noise: (8·1 + 2·4) / 10."""
    rng = np.random.default_rng(2)
    y = rng.normal(size=(20, 1)) + rng.normal(size=(1, 10)) + 1e-9 * rng.normal(size=(20, 10))
    y[12:, 0] += 1
    y[18:, 1] += 4
    start = np.array([12.0, 18.0, *[np.inf] * 8])
    assert synthetic_cohorts(y, start, before=99, after=99).estimate == pytest.approx(1.6, abs=1e-6)


def test_ranks_reject_as_often_as_they_say():
    """One treated unit of 20, autocorrelated noise: p ≤ .05 in 5 % of draws, within the error of 300."""
    rng, rejected = np.random.default_rng(8), 0
    for _ in range(300):
        noise = rng.normal(size=(30, 20)) * rng.uniform(0.5, 2, size=20)
        for t in range(1, 30):
            noise[t] += 0.7 * noise[t - 1]
        start = np.array([20.0, *[np.inf] * 19])
        rejected += synthetic_cohorts(noise, start, before=20, after=10).p_value <= 0.05
    assert rejected / 300 <= 0.085


def test_overlapping_sets_reject_as_often_as_they_say():
    """Three treated of thirty: 200 sets of 27 controls know the spread no better than t with 26 degrees (1,000 runs:
    ranks alone 6.2 %, with t 5.4 %)."""
    rng, below, t_below = np.random.default_rng(9), 0, 0
    for _ in range(20):
        noise = rng.normal(size=(30, 30))
        found = synthetic_cohorts(
            noise, np.where(np.arange(30) < 3, 20.0, np.inf), before=20, after=10, most=60
        )
        single = 2 * stats.t.sf(abs(found.estimate / found.std_error), 26)
        assert found.p_value >= single - 1e-12
        below, t_below = below + (found.p_value < 0.05), t_below + (single < 0.05)
    assert below <= t_below <= 4


def test_jackknife_matches_leaving_out_by_hand():
    """With equal weights on both sides the jackknife of a difference in means is known."""
    rng = np.random.default_rng(0)
    y = np.vstack([np.zeros((12, 40)), rng.normal(size=(1, 40))])
    treated = np.arange(40) < 20
    fit = synthetic_did(y, treated, 12)
    assert np.ptp(fit.unit_weights) < 1e-9
    means = [y[-1, :20].mean(), y[-1, 20:].mean()]
    spread = [
        ((y[-1, s] - m) ** 2).sum() / 19**2 for s, m in zip((slice(20), slice(20, 40)), means, strict=True)
    ]
    assert jackknife_std_error(y, treated, 12) == pytest.approx(np.sqrt(39 / 40 * sum(spread)), rel=1e-6)


def test_sets_are_all_or_different():
    assert len(list(sets_of(5, 2, 200, 0))) == 10
    drawn = list(sets_of(30, 4, 50, 1))
    assert len(set(drawn)) == 50
    assert drawn == list(sets_of(30, 4, 50, 1))


def test_what_cannot_be_estimated_says_why():
    y = np.random.default_rng(0).normal(size=(10, 4))
    with pytest.raises(NotEstimable, match="treated units and controls"):
        synthetic_did(y, [True] * 4, 5)
    with pytest.raises(NotEstimable, match="periods before"):
        synthetic_did(y, [True, False, False, False], 1)
    with pytest.raises(NotEstimable, match="nobody for a placebo"):
        placebos(y, [True, True, False, False], 5)
    with pytest.raises(ValueError, match="complete"):
        synthetic_did(np.where(y > 1, np.nan, y), [True, False, False, False], 5)
