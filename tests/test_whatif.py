"""What-ifs on simulated maps with known responses, on small cascades to check by hand, and on bad input."""

from copy import copy
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import kpilab as kl
from kpilab.decisions.interventions import read_changes
from kpilab.evidence.joint import studentized_wild_errors
from tests.simulated import chain, simulated

PINNED = ["kpi", "unit", "level", "period", "baseline", "median", "conf_low", "conf_high", "p_target"]
X_TO_M = 'cause: x, effect: m, sign: "+", lag: 1'
M_TO_Y = 'cause: m, effect: y, sign: "+", lag: 1'
X_TO_Y = 'cause: x, effect: y, sign: "+", lag: 1'
HORIZON = 12


def with_links(folder, series, links, more=""):
    cascade, history = simulated(folder, series, links, more)
    return cascade, history, kl.fit_links(cascade, history)


def true_paths(direct: float = 0.0, step: float = 1.0) -> dict[str, np.ndarray]:
    """Return what a lasting step of x does in `tests.simulated.chain`, period by period, by its own recursion."""
    m, y = np.zeros(HORIZON), np.zeros(HORIZON)
    for t in range(1, HORIZON):
        m[t] = 0.5 * m[t - 1] + 0.5 * step
        y[t] = 0.5 * y[t - 1] + 0.4 * m[t - 1] + direct * step
    return {"x": np.full(HORIZON, step), "m": m, "y": y}


@pytest.fixture(scope="module")
def chain_of_three(tmp_path_factory):
    folder = tmp_path_factory.mktemp("chain")
    return with_links(folder, chain(n_periods=120, n_units=20, seed=5, direct=0.2), [X_TO_M, M_TO_Y, X_TO_Y])


def test_columns_begin_as_pinned_and_rows_are_whole(chain_of_three):
    scenario = kl.what_if(*chain_of_three, {"x": 1}, horizon=HORIZON)
    assert list(scenario.tidy().columns[: len(PINNED)]) == PINNED
    assert len(scenario.tidy()) == 3 * 20 * HORIZON
    without_target = ["p_target", "target", "p_target_baseline", "share_outside"]
    assert scenario.tidy().drop(columns=without_target).notna().all(axis=None)
    assert scenario.glance()["seed"].item() == 0


def test_known_responses_lie_in_their_intervals_and_a_mediator_is_not_counted_twice(chain_of_three):
    """x moves y directly (0.2) and through m (0.4 × 0.5 / (1 − 0.5)): the sum, not the direct effect twice."""
    scenario = kl.what_if(*chain_of_three, {"x": 1}, horizon=HORIZON, confidence=0.999)
    for kpi, truth in true_paths(direct=0.2).items():
        path = scenario.path(kpi, "u0")
        assert (path["effect_low"] <= truth + 1e-9).all()
        assert (path["effect_high"] >= truth - 1e-9).all()
        assert path["effect"].to_numpy() == pytest.approx(truth, abs=0.15)


def test_total_effect_agrees_with_a_direct_regression_of_the_outcome_on_the_cause(chain_of_three):
    """x two periods ago, with x's own later value held back: local projection of y on x, statsmodels."""
    import statsmodels.api as sm

    cascade, history, links = chain_of_three
    impulse = kl.what_if(cascade, history, links, {"x": "1 impulse"}, horizon=4).path("y", "u0")
    wide = {name: kl.kpi_frame(cascade, history, name) for name in ("x", "m", "y")}
    lags = {f"{n}{k}": wide[n].shift(k) for n in ("x", "m", "y") for k in (2, 3, 4)}
    columns = {"x_later": wide["x"].shift(1), "x_now": wide["x"]} | lags
    panel = pd.DataFrame({name: frame.stack(future_stack=True) for name, frame in columns.items()})
    panel["y"] = wide["y"].stack(future_stack=True)
    panel = panel.dropna()
    for effects in (0, 1):
        panel = panel - panel.groupby(level=effects).transform("mean")
    fit = sm.OLS(panel["y"], panel.drop(columns="y")).fit()
    low, high = fit.conf_int().loc["x2"]
    assert low < impulse["effect_high"].iloc[2]
    assert high > impulse["effect_low"].iloc[2]


def test_intervals_widen_when_history_is_halved(tmp_path):
    series = chain(n_periods=160, n_units=20, seed=2)
    links = [X_TO_M, M_TO_Y]
    width = {}
    for name, rows in (("whole", slice(None)), ("half", slice(80, None))):
        given = with_links(tmp_path / name, {kpi: values[rows] for kpi, values in series.items()}, links)
        last = kl.what_if(*given, {"x": 1}, horizon=6).path("y", "u0").iloc[-1]
        width[name] = last["effect_high"] - last["effect_low"]
    assert width["half"] > 1.15 * width["whole"]


def test_unchanged_scenario_is_the_baseline(chain_of_three):
    scenario = kl.what_if(*chain_of_three, {"x": 0}, horizon=HORIZON).tidy()
    assert scenario["median"].to_numpy() == pytest.approx(scenario["baseline"].to_numpy(), abs=1e-9)
    assert (scenario["effect"] == 0).all()


def test_shapes_units_and_spans_of_a_change(chain_of_three):
    cascade, history, links = chain_of_three
    scenario = kl.what_if(cascade, history, links, {"x": "2 ramp 4 at u3"}, horizon=6)
    assert scenario.path("x", "u3")["effect"].round(9).tolist() == [0.5, 1.0, 1.5, 2.0, 2.0, 2.0]
    assert (scenario.path("y", "u4")["effect"] == 0).all()
    taken_back = {"x": {"change": 1.0, "start": "2022-02", "end": "2022-03"}}
    back = kl.what_if(cascade, history, links, taken_back, horizon=6)
    assert back.path("x", "u0")["effect"].round(9).tolist() == [0.0, 1.0, 1.0, 0.0, 0.0, 0.0]


def test_relative_change_is_a_share_of_the_forecast(chain_of_three):
    path = kl.what_if(*chain_of_three, {"x": "-50%"}, horizon=3).path("x", "u0")
    anyway = kl.prepare_what_if(*chain_of_three, horizon=3).baseline.values("x")[:, 1]
    assert path["effect"].to_numpy() == pytest.approx(-0.5 * anyway)


def test_wild_bootstrap_and_clustered_draws_agree(chain_of_three):
    by = {
        how: kl.what_if(*chain_of_three, {"x": 1}, horizon=6, inference=how).path("y", "u0").iloc[-1]
        for how in ("cluster", "wild")
    }
    width = {how: row["effect_high"] - row["effect_low"] for how, row in by.items()}
    assert width["wild"] == pytest.approx(width["cluster"], rel=0.3)


@pytest.mark.parametrize(("n_clusters", "quantile"), [(8, 2.365), (20, 2.093)])
def test_wild_draws_of_few_clusters_reach_as_far_as_students_t(n_clusters, quantile):
    """Scores alike in distribution: the 97.5 % quantile of t with one degree of freedom less than clusters (table)."""
    rng = np.random.default_rng(n_clusters)
    found = []
    for seed in range(300):
        scores = rng.normal(size=(n_clusters, 1))
        scores -= scores.mean()
        errors = studentized_wild_errors(scores, 999, seed)[0]
        found.append(np.quantile(errors, 0.975) / np.sqrt((scores**2).sum()))
    assert np.mean(found) == pytest.approx(quantile, abs=0.06)


def test_contradicted_arrow_is_out_and_the_equation_estimated_without_it(tmp_path):
    wrong = 'cause: x, effect: m, sign: "-", lag: 1'
    cascade, history, links = with_links(tmp_path, chain(seed=3), [wrong, M_TO_Y])
    assert links[0].verdict == "contradicted"
    scenario = kl.what_if(cascade, history, links, {"x": 1})
    assert set(scenario.tidy()["kpi"]) == {"x"}
    assert "Not carried: x → m (contradicted)." in scenario.text
    assert scenario.equations()["used"].tolist() == [False, True]


def test_inconclusive_arrows_carry_the_change_or_not_as_asked(tmp_path):
    noise = np.random.default_rng(0).normal(size=(2, 60, 12))
    given = with_links(tmp_path, {"x": noise[0], "y": noise[1]}, [X_TO_Y])
    assert given[2][0].verdict == "inconclusive"
    inside = kl.what_if(*given, {"x": 1}, horizon=3)
    assert inside.path("y", "u0")["effect_low"].iloc[-1] < 0 < inside.path("y", "u0")["effect_high"].iloc[-1]
    assert "1 arrow that history leaves open" in inside.text
    assert set(kl.what_if(*given, {"x": 1}, inconclusive="out").tidy()["kpi"]) == {"x"}


def test_a_loop_that_feeds_itself_is_named_with_its_gain(tmp_path):
    rng = np.random.default_rng(1)
    a, b = np.zeros((80, 15)), np.zeros((80, 15))
    for t in range(1, 80):
        a[t] = 0.2 * a[t - 1] + 0.85 * b[t - 1] + rng.normal(size=15)
        b[t] = 0.2 * b[t - 1] + 0.85 * a[t - 1] + rng.normal(size=15)
    loop = ["cause: a, effect: b, lag: 1", "cause: b, effect: a, lag: 1"]
    given = with_links(tmp_path, {"a": a, "b": b}, loop)
    with pytest.raises(
        kl.InputError, match=r"loop a → b → a explodes: each turn multiplies a change by 1\.\d+"
    ):
        kl.what_if(*given, {"a": 1})


def test_a_loop_with_lags_that_fades_is_carried(tmp_path):
    rng = np.random.default_rng(1)
    a, b = np.zeros((150, 15)), np.zeros((150, 15))
    for t in range(1, 150):
        a[t] = 0.3 * a[t - 1] - 0.3 * b[t - 1] + rng.normal(size=15)
        b[t] = 0.3 * b[t - 1] + 0.4 * a[t - 1] + rng.normal(size=15)
    loop = ["cause: a, effect: b, lag: 1", "cause: b, effect: a, lag: 1"]
    scenario = kl.what_if(*with_links(tmp_path, {"a": a, "b": b}, loop), {"a": "1 impulse"}, horizon=8)
    da, db = np.zeros(8), np.zeros(8)
    da[0] = 1.0
    for t in range(1, 8):
        da[t], db[t] = 0.3 * da[t - 1] - 0.3 * db[t - 1], 0.3 * db[t - 1] + 0.4 * da[t - 1]
    for kpi, truth in (("a", da), ("b", db)):
        path = scenario.path(kpi, "u0")
        assert path["effect"].to_numpy() == pytest.approx(truth, abs=0.06)


def test_every_mistake_is_told_at_once(chain_of_three):
    with pytest.raises(kl.InputError) as caught:
        kl.what_if(*chain_of_three, {"z": 1, "x": "a lot", "m": "1 at nowhere", "y": "1 from 2022-Q1"})
    said = [str(problem) for problem in caught.value.problems]
    assert len(said) == 4
    assert "unknown KPI 'z'" in "\n".join(said)
    assert "'nowhere'" in "\n".join(said)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"horizon": 0}, "horizon: is 0; look at least one month ahead"),
        ({"horizon": True}, "horizon: is True; look at least one month ahead"),
        ({"draws": "many"}, "draws: is 'many'; 2000 is usual"),
        ({"seed": 0.5}, "seed: is 0.5; write a whole number"),
        ({"horizon": 10**7}, "are more than fit into memory; look less far ahead"),
        ({"seed": -1}, "seed: is -1; write a whole number"),
        ({"units": "nowhere"}, "unknown unit or level 'nowhere'"),
        ({"inconclusive": "maybe"}, "'maybe' is not known"),
        ({"confidence": 95}, "write a share between 0 and 1"),
        ({"kpis": ["z"]}, "unknown KPI 'z'"),
    ],
)
def test_bad_options_are_named_with_their_remedy(chain_of_three, options, message):
    with pytest.raises(kl.InputError, match=message):
        kl.what_if(*chain_of_three, {"x": 1}, **options)


def test_no_change_and_a_change_outside_the_horizon_are_refused(chain_of_three):
    with pytest.raises(kl.InputError, match="nothing is changed"):
        kl.what_if(*chain_of_three)
    with pytest.raises(
        kl.InputError, match="not in force in any of the periods looked at, 2022-01 to 2022-12"
    ):
        kl.what_if(*chain_of_three, {"x": "1 from 2030-01"})


@pytest.mark.parametrize("changes", ["x=1", ["x"], [("x", 1, 2)]])
def test_what_is_no_change_is_refused_with_an_example(chain_of_three, changes):
    with pytest.raises(
        kl.InputError, match=r"is no change; write a KPI and its change, like \{'beds': '-3%'\}"
    ):
        kl.what_if(*chain_of_three, changes)


def test_links_that_are_none_are_refused(chain_of_three):
    with pytest.raises(kl.InputError, match="links: is a NoneType; give what fit_links returns"):
        kl.what_if(*chain_of_three[:2], None, {"x": 1})


def test_links_of_another_map_are_refused(chain_of_three):
    cascade, history, links = chain_of_three
    other = cascade.replace(links=cascade.links[:1])
    with pytest.raises(kl.InputError, match="those of another map"):
        kl.what_if(other, history, links, {"x": 1})


def test_nothing_is_changed_by_a_scenario(chain_of_three):
    cascade, history, links = chain_of_three
    before = history.values.copy()
    first = kl.what_if(cascade, history, links, {"x": 1}, horizon=3)
    again = kl.what_if(cascade, history, links, {"x": 1}, horizon=3)
    np.testing.assert_array_equal(history.values, before)
    pd.testing.assert_frame_equal(first.tidy(), again.tidy())
    assert repr(first) == repr(again)
    assert first.at("team").tidy().equals(first.tidy())
    assert set(first.of_unit("u2").tidy()["unit"]) == {"u2"}
    assert replace(first).title == "Simulated: what if x +1"


def test_a_prepared_slider_says_what_a_fresh_what_if_says_whatever_is_shown(chain_of_three):
    """Moved to and fro, and with only some KPIs on show, the numbers are those of a first call."""
    cascade, history, links = chain_of_three
    ready = kl.prepare_what_if(cascade, history, links, horizon=HORIZON, units="u0")
    for step in (2.0, -0.5, 1.0):
        moved = ready.scenario({"x": step}, kpis=["y"]).tidy()
    fresh = kl.what_if(copy(cascade), history, links, {"x": 1.0}, horizon=HORIZON, units="u0").tidy()
    expected = fresh[fresh["kpi"] == "y"].reset_index(drop=True)
    pd.testing.assert_frame_equal(moved, expected, check_exact=True)


def test_targets_in_force_give_a_probability(tmp_path):
    more = "targets:\n  - {kpi: y, target: 0.0}\n"
    cascade, history, links = with_links(tmp_path, chain(n_units=12, seed=5), [X_TO_M, M_TO_Y], more)
    more_of_x = kl.what_if(cascade, history, links, {"x": 3}, horizon=6).path("y", "u0").iloc[-1]
    assert more_of_x["p_target"] > more_of_x["p_target_baseline"]
    assert 0 <= more_of_x["p_target_baseline"] <= 1


def test_changes_on_the_same_kpi_add_up(chain_of_three):
    both = [("x", "1"), ("x", "0.5 from 2022-03")]
    path = kl.what_if(*chain_of_three, both, horizon=3).path("x", "u0")
    assert path["effect"].round(9).tolist() == [1.0, 1.0, 1.5]
    assert len(read_changes(chain_of_three[0], both)) == 2


def test_action_under_way_begins_anew_and_says_when_it_began(tmp_path):
    """Its effect so far is in the forecast; as a step the promise is there in full from the first period on."""
    more = (
        "actions:\n  - {id: push, name: Push, units: [u0], start: 2014-03, end: 2014-09, expects: {x: 0.5}}\n"
        "  - {id: pull, name: Pull, units: [u0], start: 2014-03, ramp: 2, expects: {x: 0.5}}"
    )
    given = with_links(tmp_path, chain(n_periods=60, n_units=8), [X_TO_M], more)
    scenario = kl.what_if(*given, action="pull", horizon=3)
    assert scenario.path("x", "u0")["effect"].to_numpy() == pytest.approx([0.25, 0.5, 0.5])
    assert "Begun in 2014-03, within history" in scenario.text
    assert "here it begins anew in 2017-01" in scenario.text
    with pytest.raises(kl.InputError, match="not in force in any of the periods"):
        kl.what_if(*given, action="push", horizon=3)
    played = kl.action_scenarios(*given, horizon=3)
    assert "Begun in 2014-03" in played["Push"].text
    early = kl.what_if(*given, {"x": "1 from 2016-01"}, horizon=3)
    assert "x +1 from 2016-01: counted from 2017-01 on" in early.text
