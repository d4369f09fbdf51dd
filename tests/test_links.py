"""Links against simulated histories with a known truth, and against statsmodels."""

import numpy as np
import pandas as pd
import pytest

import kpilab as kl
from tests.simulated import chain, simulated

PINNED = [
    "cause", "effect", "level", "lag_from", "lag_to", "assumed_sign", "estimate", "std_error", "statistic",
    "p_value", "q_value", "conf_low", "conf_high", "n_obs", "n_units", "min_effect", "detectable_effect",
    "verdict", "reason",
]  # fmt: skip
X_TO_M = 'cause: x, effect: m, sign: "+", lag: 1, min_effect: 0.1'
M_TO_Y = 'cause: m, effect: y, sign: "+", lag: 1, min_effect: 0.1'
X_TO_Y = 'cause: x, effect: y, sign: "+", lag: [1, 2], min_effect: 0.2'


def test_columns_are_as_pinned(tmp_path):
    assert list(kl.fit_links(*simulated(tmp_path, chain(), [X_TO_M])).tidy().columns) == PINNED


def test_direct_effects_of_a_known_chain_lie_in_their_intervals(tmp_path):
    links = kl.fit_links(*simulated(tmp_path, chain(seed=3), [X_TO_M, M_TO_Y, X_TO_Y]))
    for key, truth in ((("x", "m"), 0.5), (("m", "y"), 0.4), (("x", "y"), 0.0)):
        assert links[key].fit.conf_low < truth < links[key].fit.conf_high
    assert [result.verdict for result in links] == ["supported", "supported", "contradicted"]
    assert "Too small to matter" in links[("x", "y")].reason


def test_changing_the_map_changes_controls_and_estimate(tmp_path):
    whole = kl.fit_links(*simulated(tmp_path / "a", chain(), [X_TO_M, M_TO_Y, X_TO_Y]))[("x", "y")]
    alone = kl.fit_links(*simulated(tmp_path / "b", chain(), [X_TO_Y]))[("x", "y")]
    assert set(whole.controls) - set(alone.controls) == {"m[t-1]"}
    assert abs(whole.estimate - alone.estimate) > 0.02


def test_wrong_sign_is_contradicted(tmp_path):
    links = kl.fit_links(*simulated(tmp_path, chain(), [X_TO_M.replace('"+"', '"-"')]))
    assert links[0].verdict == "contradicted"
    assert links[0].reason.startswith("The other way round")


@pytest.mark.parametrize("n_units", [1, 12, 25])
def test_estimate_and_clustered_error_equal_statsmodels(tmp_path, n_units):
    """Under 20 units the error is CR2, so that only the estimate is compared; HC3 and clustered are compared too."""
    result = kl.fit_links(*simulated(tmp_path, chain(n_units=n_units), [M_TO_Y]))[0]
    fitted = result.statsmodels
    assert result.estimate == pytest.approx(fitted.params.iloc[0], rel=1e-8)
    if n_units == 1:
        assert result.fit.std_error == pytest.approx(fitted.bse.iloc[0], rel=1e-8)
    if n_units == 25:
        n, k, groups = fitted.nobs, len(fitted.params), n_units
        nested = n_units  # unit dummies lie inside the clusters and are not counted
        factor = np.sqrt((n - k) / (n - (k - nested + 1)))
        assert result.fit.std_error == pytest.approx(fitted.bse.iloc[0] * factor, rel=1e-6), groups


def test_few_units_are_decided_by_the_wild_bootstrap_and_too_few_are_untestable(tmp_path):
    few = kl.fit_links(*simulated(tmp_path / "a", chain(n_units=9), [X_TO_M]))[0]
    assert few.fit.method == "wild bootstrap"
    three = kl.fit_links(*simulated(tmp_path / "b", chain(n_units=3), [X_TO_M]))[0]
    assert three.verdict == "untestable"
    assert "only 3 units" in three.reason
    assert three.n_obs > 0


def test_measurement_break_that_is_declared_is_taken_out(tmp_path):
    """Two units' ruler changes by 10 just when their cause rises: without the break the link looks real."""
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(2, 100, 20))
    x[50:, :2] += 5
    y[50:, :2] += 10
    link = 'cause: x, effect: y, sign: "+", lag: 0, min_effect: 0.5'
    action = "actions:\n  - {id: ruler, name: R, kind: measurement, units: [u0, u1], start: 2016-03, expects: {y: 1}}"
    without = kl.fit_links(*simulated(tmp_path / "a", {"x": x, "y": y}, [link]))[0]
    declared = kl.fit_links(*simulated(tmp_path / "b", {"x": x, "y": y}, [link], action))[0]
    assert without.fit.conf_low > 0.1
    assert abs(declared.estimate) < 0.1
    assert declared.breaks == ("ruler at u0", "ruler at u1")
    assert declared.n_obs == without.n_obs - 2 * 2  # two units, two periods whose lags straddle the break


def test_action_of_kind_initiative_is_no_break(tmp_path):
    action = "actions:\n  - {id: i, name: I, kind: initiative, units: [u0], start: 2016-03}"
    assert kl.fit_links(*simulated(tmp_path, chain(), [X_TO_M], action))[0].breaks == ()


def test_excluded_units_are_left_out(tmp_path):
    link = X_TO_M + ", except: [u0, u1]"
    assert kl.fit_links(*simulated(tmp_path, chain(n_units=14), [link]))[0].n_units == 12


def test_formula_is_an_identity(tmp_path):
    cascade, history = simulated(tmp_path, chain(), [X_TO_M])
    kpi = cascade.kpi("y").model_copy(update={"last": None, "formula": "x + m"})
    cascade = cascade.replace(
        kpis=(*cascade.kpis[:2], kpi), links=(cascade.links[0].model_copy(update={"effect": "y"}),)
    )
    result = kl.fit_links(cascade, history)[0]
    assert result.verdict == "untestable"
    assert "arithmetic" in result.reason


@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (lambda s: s["x"].__setitem__(slice(None), 3.0), "does not vary"),
        (lambda s: s["m"].__setitem__(slice(None), s["x"]), ""),
        (lambda s: s["m"].__setitem__(slice(None), np.nan), "no period"),
        (lambda s: s["m"].__setitem__(slice(4, None), np.nan), ""),
        (
            lambda s: [s["x"].__setitem__(slice(0, 50), np.nan), s["m"].__setitem__(slice(50, None), np.nan)],
            "no period",
        ),
    ],
    ids=["constant cause", "cause = effect", "no effect at all", "two periods", "disjoint periods"],
)
def test_hopeless_data_is_untestable_with_the_reason_and_never_nan(tmp_path, spoil, word):
    series = chain(n_units=12)
    series["m"] = series["m"].copy()
    spoil(series)
    result = kl.fit_links(*simulated(tmp_path, series, [X_TO_M.replace("lag: 1", "lag: 0")]))[0]
    assert result.verdict == "untestable"
    assert word in result.reason
    assert result.reason.startswith("Cannot be tested")


def test_units_with_disjoint_periods_are_untestable_because_nobody_can_be_compared(tmp_path):
    series = chain(n_units=12)
    for values in series.values():
        for unit in range(12):
            values[: 8 * unit, unit] = np.nan
            values[8 * (unit + 1) :, unit] = np.nan
    result = kl.fit_links(*simulated(tmp_path, series, [X_TO_M]))[0]
    assert result.verdict == "untestable"
    assert "shares both its unit and its period with others" in result.reason


def test_an_effect_that_copies_its_cause_is_untestable_and_named(tmp_path):
    series = chain(n_units=12)
    series["m"] = np.roll(series["x"], 1, axis=0)
    result = kl.fit_links(*simulated(tmp_path, series, [X_TO_M]))[0]
    assert result.verdict == "untestable"
    assert "'m' follows exactly from 'x'" in result.reason


@pytest.mark.parametrize(("name", "scale", "shift"), [("m", 1e12, 0.0), ("x", 1e-9, 0.0), ("x", 1.0, 1e9)])
def test_units_of_measure_change_the_estimate_in_proportion_and_nothing_else(tmp_path, name, scale, shift):
    """Least squares is equivariant: statistic, p and verdict stay, the estimate follows the units."""
    series = chain(n_units=12)
    moved = {**series, name: scale * series[name] + shift}
    before = kl.fit_links(*simulated(tmp_path / "before", series, [X_TO_M]))[0]
    after = kl.fit_links(*simulated(tmp_path / "after", moved, [X_TO_M]))[0]
    factor = scale if name == "m" else 1 / scale
    np.testing.assert_allclose(after.estimate, factor * before.estimate, rtol=1e-5)
    np.testing.assert_allclose(after.fit.statistic, before.fit.statistic, rtol=1e-5)
    assert after.verdict == before.verdict


def test_levels_at_which_the_kpis_do_not_meet_are_untestable(tmp_path):
    links = kl.fit_links(*simulated(tmp_path, chain(), [X_TO_M + ", at: company"]))
    assert links[0].verdict == "untestable"
    assert "do not both exist at company" in links[0].reason


def test_same_period_says_that_the_direction_is_assumed(tmp_path):
    links = kl.fit_links(*simulated(tmp_path, chain(), ['cause: x, effect: m, sign: "+", lag: [0, 1]']))
    assert "same month: direction assumed" in links[0].reason


def test_q_values_are_benjamini_hochberg_over_testable_links(tmp_path):
    from statsmodels.stats.multitest import multipletests

    links = kl.fit_links(
        *simulated(tmp_path, chain(), [X_TO_M, M_TO_Y, X_TO_Y, "cause: y, effect: x, lag: 40, at: company"])
    )
    table = links.tidy()
    tested = table["p_value"].notna()
    expected = multipletests(table.loc[tested, "p_value"], method="fdr_bh")[1]
    np.testing.assert_allclose(table.loc[tested, "q_value"], expected, rtol=1e-12)


def test_quarterly_kpi_is_used_once_a_quarter(tmp_path):
    cascade, history = simulated(tmp_path, chain(n_periods=120), [X_TO_M.replace("lag: 1", "lag: [0, 2]")])
    kpi = cascade.kpi("x").model_copy(update={"every": "quarter"})
    result = kl.fit_links(cascade.replace(kpis=(kpi, *cascade.kpis[1:])), history)[0]
    assert result.frequency == "quarter"
    assert result.data.lag == (0, 1)  # two months round up to one quarter
    assert len(result.data.periods) == 40


def test_unknown_link_is_named(tmp_path):
    links = kl.fit_links(*simulated(tmp_path, chain(), [X_TO_M]))
    with pytest.raises(kl.InputError, match="did you mean 'x->m'"):
        links[("x", "mm")]


def test_rows_in_another_order_give_the_same_bytes(tmp_path):
    cascade, history = simulated(tmp_path, chain(), [X_TO_M, M_TO_Y])
    turned = kl.read_history(cascade, history.tidy().sample(frac=1, random_state=0))
    pd.testing.assert_frame_equal(kl.fit_links(cascade, history).tidy(), kl.fit_links(cascade, turned).tidy())


def test_profile_begins_at_nothing_and_shows_the_delayed_response(tmp_path):
    profile = kl.fit_links(*simulated(tmp_path, chain(n_units=25), [X_TO_M]))[0].profile()
    assert list(profile["horizon"]) == list(range(7))
    assert profile["band_low"].iloc[0] < 0 < profile["band_high"].iloc[0]  # nothing happens in the same month
    assert profile["band_low"].iloc[1] < 0.5 < profile["band_high"].iloc[1]
    assert (profile["band_low"] < profile["conf_low"]).all()


def test_checks_lead_only_to_inconclusive(tmp_path):
    """The effect runs from m to x, the map says x to m: next month's x explains today's m."""
    series = chain(n_units=25, seed=7)
    links = kl.fit_links(
        *simulated(tmp_path, {"x": series["m"], "m": series["x"]}, ['cause: x, effect: m, sign: "+", lag: 0'])
    )
    checks = links[0].checks().set_index("check")
    assert checks.loc["lead placebo", "failed"]
    assert links[0].verdict == "inconclusive"


def test_null_links_reach_five_percent_about_as_often_as_promised(tmp_path):
    """Persistent unrelated series with common shocks; 60 draws of 10 links, rate of p < .05 at most 9 %."""
    rng = np.random.default_rng(11)
    p_values = []
    for draw in range(20):
        shocks = rng.normal(size=(80, 10, 20)) + rng.normal(size=(80, 10, 1))
        series = np.zeros_like(shocks)
        for t in range(1, 80):
            series[t] = 0.9 * series[t - 1] + shocks[t]
        names = {f"k{i}": series[:, i] for i in range(10)}
        links = [f"cause: k{i}, effect: k{i + 1}, lag: [1, 3]" for i in range(0, 10, 2)]
        p_values += list(kl.fit_links(*simulated(tmp_path / str(draw), names, links)).tidy()["p_value"])
    assert len(p_values) == 100
    assert np.mean(np.array(p_values) < 0.05) <= 0.11
