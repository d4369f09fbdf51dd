"""Actions against simulated histories with a known truth, and against what history says of the example."""

import numpy as np
import pandas as pd
import pytest

import kpilab as kl
from kpilab.model.parts import Change
from kpilab.problems import InputError
from tests.real_data import AIRPORTS, write_airports
from tests.simulated import simulated

PERIODS, START = 72, 48


def panel(n_units, seed=0, rho=0.5, periods=PERIODS):
    """Autocorrelated series with a common shock and a level of each unit's own, shape (T, U)."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(periods, n_units))
    for t in range(1, periods):
        noise[t] += rho * noise[t - 1]
    return 100 + 5 * rng.normal(size=n_units) + noise + rng.normal(size=(periods, 1))


def with_actions(folder, series, actions, more=""):
    lines = "\n".join(f"  - {{{action}}}" for action in actions)
    return simulated(folder, series, [], more=f"{more}\nactions:\n{lines}")


def period(row):
    return str(pd.Period("2012-01", "M") + row)


def action(units, *, start=START, expects='{y: "+10%"}', name="push", more=""):
    named = ", ".join(f"u{unit}" for unit in units)
    return f"id: {name}, name: {name.title()}, units: [{named}], start: {period(start)}, expects: {expects}{more}"


def moved(series, units, by, start=START):
    changed = series.copy()
    changed[start:, list(units)] *= 1 + by
    return changed


def one(folder, series, text, **kwargs):
    cascade, history = with_actions(folder, {"y": series}, [text], **kwargs)
    return kl.evaluate_actions(cascade, history)[0]


def test_many_treated_units_are_compared_by_staggered_did(tmp_path):
    units = range(12)
    result = one(tmp_path, moved(panel(30), units, 0.1), action(units))
    assert result.estimated.method == "staggered DiD"
    assert result.verdict == "worked"
    assert result.size.conf_low < 0.1 < result.size.conf_high
    assert result.size.conf_high - result.size.conf_low < 0.02
    assert (result.row()[16], result.row()[17]) == (12, 18)


def test_few_treated_units_are_compared_by_synthetic_did(tmp_path):
    result = one(tmp_path, moved(panel(30), [0], 0.1), action([0]))
    assert result.estimated.method == "synthetic DiD"
    assert result.verdict == "worked"
    assert result.estimated.p_value == result.estimated.smallest_p == pytest.approx(1 / 30)
    assert result.size.conf_low < 0.1 < result.size.conf_high


def test_nobody_to_compare_with_is_a_structural_model(tmp_path):
    result = one(tmp_path, moved(panel(3), range(3), 0.1), action(range(3)))
    assert result.estimated.method == "structural"
    assert result.verdict == "worked"
    assert result.size.conf_low < 0.1 < result.size.conf_high


def test_few_controls_can_give_no_small_p_and_that_is_said(tmp_path):
    result = one(tmp_path, moved(panel(8), [0], 0.1), action([0]))
    assert result.estimated.smallest_p == pytest.approx(1 / 8)
    assert result.verdict == "inconclusive"
    assert "no p below 0.12 is possible" in result.reason


def test_nothing_where_much_was_promised_did_not_work(tmp_path):
    result = one(tmp_path, panel(30), action(range(12)))
    assert result.verdict == "did not work"
    assert "Smaller than promised" in result.reason


def test_the_other_way_did_not_work(tmp_path):
    result = one(tmp_path, moved(panel(30), range(12), -0.1), action(range(12)))
    assert result.verdict == "did not work"
    assert result.reason.startswith("It went the other way")


def test_half_of_the_promise_worked_and_is_told(tmp_path):
    result = one(tmp_path, moved(panel(30), range(12), 0.07), action(range(12)))
    assert result.verdict == "worked"
    assert "less than the promised +10 %" in result.reason


def test_a_tenth_of_the_promise_did_not_work_however_sure(tmp_path):
    result = one(
        tmp_path, moved(panel(40, rho=0.0), range(20), 0.02), action(range(20), expects='{y: "+20%"}')
    )
    assert result.estimated.p_value < 0.001
    assert result.verdict == "did not work"


def test_small_history_of_much_noise_is_inconclusive_with_what_it_could_have_shown(tmp_path):
    noisy = 100 + 20 * (panel(24, seed=3, rho=0.0) - 100)
    result = one(tmp_path, noisy, action(range(12), expects="{y: 1}"))
    assert result.verdict == "inconclusive"
    assert result.size.detectable > 1
    assert "would have shown an effect of" in result.reason


def test_another_action_on_the_same_units_cannot_be_separated(tmp_path):
    cascade, history = with_actions(
        tmp_path,
        {"y": moved(panel(30), range(12), 0.1)},
        [action(range(12)), action(range(12), start=START + 2, name="pull")],
    )
    results = kl.evaluate_actions(cascade, history)
    assert [result.verdict for result in results] == ["cannot be separated"] * 2
    assert "'Pull', which began 2 periods after" in results[("push", "y")].reason


def test_a_rival_later_on_cuts_the_window(tmp_path):
    cascade, history = with_actions(
        tmp_path,
        {"y": moved(panel(30), range(12), 0.1)},
        [action(range(12)), action(range(12), start=START + 10, name="pull")],
    )
    result = kl.evaluate_actions(cascade, history)[("push", "y")]
    assert result.verdict == "worked"
    assert result.estimated.n_after == 10


def test_units_touched_by_another_action_are_no_controls(tmp_path):
    cascade, history = with_actions(
        tmp_path,
        {"y": moved(panel(40), range(12), 0.1)},
        [action(range(12)), action(range(30, 40), start=START + 3, name="pull")],
    )
    result = kl.evaluate_actions(cascade, history)[("push", "y")]
    assert result.row()[17] == 18
    assert "10 units touched by another action in the window" in " ".join(result.checks()["result"])


def test_the_ruler_changed_is_no_performance(tmp_path):
    result = one(tmp_path, moved(panel(30), range(12), 0.1), action(range(12), more=", kind: measurement"))
    assert result.verdict == "ruler changed"
    assert result.reason.startswith("The ruler changed, not the performance")


def test_a_difference_that_was_there_before_is_no_effect(tmp_path):
    """The lead placebo: the treated units drift away from the others a year before the action."""
    drifting = panel(30)
    drifting[START - 14 :, :12] *= 1.1
    result = one(tmp_path, drifting, action(range(12)))
    assert result.verdict == "inconclusive"
    assert "the check" in result.reason


def test_a_kpi_that_cannot_have_moved_unmasks_something_else(tmp_path):
    both = {"y": moved(panel(30), range(12), 0.1), "z": moved(panel(30, seed=9), range(12), 0.1)}
    cascade, history = with_actions(tmp_path, both, [action(range(12), more=", unaffected: [z]")])
    result = kl.evaluate_actions(cascade, history)[("push", "y")]
    assert result.verdict == "inconclusive"
    assert "'Z' moved all the same" in result.reason


def test_staggered_starts_are_read_per_unit(tmp_path):
    series = panel(30)
    series[40:, :6] *= 1.1
    series[52:, 6:12] *= 1.1
    starts = "{" + ", ".join(f"u{unit}: {period(52)}" for unit in range(6, 12)) + "}"
    result = one(tmp_path, series, action(range(12), start=40, more=f", starts: {starts}"))
    assert result.verdict == "worked"
    assert result.effect == pytest.approx(0.1, abs=0.01)


def test_absolute_and_relative_promises_are_told_in_their_own_terms(tmp_path):
    series = moved(panel(30), range(12), 0.1)
    relative = one(tmp_path / "r", series, action(range(12)))
    absolute = one(tmp_path / "a", series, action(range(12), expects="{y: 10}"))
    level = series[START:, :12].mean() / 1.1
    assert absolute.effect == pytest.approx(relative.effect * level, rel=0.01)
    assert (relative.size.relative, absolute.size.relative) == (True, False)


def test_cost_per_unit_of_effect(tmp_path):
    result = one(tmp_path, moved(panel(30), range(12), 0.1), action(range(12), more=", cost: 5000"))
    assert result.cost_per_unit == pytest.approx(5000 / result.effect)
    backwards = one(tmp_path / "b", moved(panel(30), range(12), -0.1), action(range(12), more=", cost: 5000"))
    assert np.isnan(backwards.cost_per_unit)


@pytest.mark.parametrize(
    ("start", "said"),
    [
        (2, "2 periods before its start"),
        (PERIODS - 1, "1 period after its start"),
        (PERIODS + 5, "after the end"),
    ],
)
def test_outside_history_is_untestable_with_the_reason(tmp_path, start, said):
    cascade, history = with_actions(tmp_path, {"y": panel(10)}, [action([0], start=start)])
    result = kl.evaluate_actions(cascade, history)[0]
    assert result.verdict == "untestable"
    assert said in result.reason
    rule = {2: "action_before_history"}.get(start, "action_after_history")
    assert rule in set(kl.check(cascade, history).tidy()["rule"])


def test_a_planned_action_knows_when_it_will_be_decidable(tmp_path):
    result = one(tmp_path, panel(30), action(range(12), start=PERIODS + 5))
    assert result.verdict == "untestable"
    assert period(PERIODS + 5) < result.decidable <= period(PERIODS + 29)


def test_results_are_addressed_shown_and_counted(tmp_path):
    cascade, history = with_actions(tmp_path, {"y": moved(panel(30), [0], 0.1)}, [action([0])])
    results = kl.evaluate_actions(cascade, history)
    table, about = results.tidy(), results.glance().iloc[0]
    assert len(results) == len(table) == about["n_rows"] == about["n_worked"] == 1
    assert about["seed"] == 0
    assert results.text.splitlines()[1].startswith("Push → Y: worked.")
    assert len(results.at("team")) == 1
    assert len(results.at("company")) == 0
    assert len(results.of_unit("u0")) == 1
    assert len(results.of_unit("u5")) == 0
    with pytest.raises(InputError, match="unknown unit 'nobody'"):
        results.of_unit("nobody")
    with pytest.raises(InputError, match="no result for"):
        results[("push", "x")]
    assert repr(results) == repr(kl.evaluate_actions(cascade, history))


def test_counterfactual_is_what_happened_less_the_effect(tmp_path):
    series = moved(panel(30), range(12), 0.1)
    result = one(tmp_path, series, action(range(12)))
    frame, study = result.counterfactual(), result.event_study()
    after = frame[frame["since_start"] >= 0]
    assert after["period"].iloc[0] == period(START)
    assert after["actual"].to_numpy() == pytest.approx(series[START:, :12].mean(axis=1))
    assert (after["actual"] / after["counterfactual"]).mean() == pytest.approx(1.1, abs=0.01)
    assert (after["conf_low"] < after["counterfactual"]).all()
    assert study.loc[study["since_start"] >= 0, "effect"].mean() == pytest.approx(0.1, abs=0.01)


def test_verbs_leave_history_as_it_was(tmp_path):
    cascade, history = with_actions(tmp_path, {"y": panel(30)}, [action([0])])
    before = history.values.copy()
    kl.evaluate_actions(cascade, history)
    assert np.array_equal(before, history.values, equal_nan=True)


def test_pure_noise_seldom_worked(tmp_path):
    """Forty histories where nothing was done, three designs; the calibration study counts thousands."""
    worked = 0
    for draw in range(20):
        noise = panel(26, seed=100 + draw, rho=0.7, periods=60)
        cascade, history = with_actions(
            tmp_path / str(draw),
            {"y": noise},
            [action([0], start=40), action(range(3, 15), start=40, name="wide")],
        )
        worked += sum(result.verdict == "worked" for result in kl.evaluate_actions(cascade, history))
    assert worked <= 5  # 6 % of 40 draws is 2.4; more than 5 has a chance of two per cent


def test_an_action_that_reaches_no_kpi_or_no_objective_is_a_finding(tmp_path):
    cascade, history = with_actions(
        tmp_path, {"y": panel(10)}, [action([0]), f"id: idle, name: Idle, units: [u1], start: {period(40)}"]
    )
    found = kl.check(cascade, history).tidy()
    rules = set(found["rule"])
    assert {"action_without_objective", "action_without_kpi"} <= rules
    assert kl.evaluate_actions(cascade, history)[1].verdict == "untestable"


def test_a_kpi_above_the_actions_units_is_out_of_reach(tmp_path):
    series = {"y": panel(10), "top": panel(10, seed=1)}
    cascade, history = with_actions(tmp_path, series, [action([0], expects="{top: 5}")])
    kpis = [k.model_copy(update={"levels": ("company",)}) if k.id == "top" else k for k in cascade.kpis]
    cascade = cascade.replace(kpis=tuple(kpis))
    result = kl.evaluate_actions(cascade, history)[0]
    assert result.verdict == "untestable"
    assert "exists at level company only" in result.reason
    assert "action_out_of_reach" in set(kl.check(cascade, history).tidy()["rule"])


def test_a_red_kpi_without_an_initiative_is_a_finding(tmp_path):
    """Every team misses the target; the initiative works at one of them only."""
    cascade, history = with_actions(
        tmp_path, {"y": panel(6)}, [action([0])], more="targets:\n  - {kpi: y, target: 500}"
    )
    kpis = tuple(kpi.model_copy(update={"better": "higher"}) for kpi in cascade.kpis)
    found = kl.check(cascade.replace(kpis=kpis), history).tidy()
    what = found.loc[found["rule"] == "red_kpi_without_action", "what"].item()
    assert "misses its target at 5 units (u1, u2, u3 and 2 more)" in what


def test_us_airports_of_four_runways_and_two_caps_some_worked_and_some_did_not(tmp_path):
    """Chicago's new runway in 2008 brought flights back on time, Washington Dulles' did not do what was hoped;
    nor did the caps on flights per hour at New York's JFK and Newark."""
    if not AIRPORTS.exists():
        pytest.skip(
            "the airports extract is not here: BTS on-time statistics, via the CORGIS Dataset Project"
        )
    cascade = kl.read_cascade(write_airports(tmp_path / "airports"))
    hoped = {"on_time": Change(amount=0.05)}
    actions = tuple(a.model_copy(update={"expects": hoped}) for a in cascade.actions)
    results = kl.evaluate_actions(cascade.replace(actions=actions), kl.read_history(cascade))
    found = {result.action.id: result for result in results}
    assert found["ord_runway"].verdict == "worked"
    assert found["ord_runway"].size.conf_low > 0.02
    assert found["sea_runway"].verdict == "worked"
    assert found["iad_runway"].verdict == "did not work"
    assert found["atl_runway"].verdict == "inconclusive"
    assert found["jfk_cap"].verdict == found["ewr_cap"].verdict == "did not work"
    assert "Smaller than promised" in found["ewr_cap"].reason


def test_the_example_says_what_history_can_say(example_cascade, example_history):
    """Lothian's recording is a change of the ruler, about half the audit's size; one month is too short for
    telling the pathfinder from its roll-out; with 13 boards no rank is rare enough."""
    results = kl.evaluate_actions(example_cascade, example_history)
    lothian = results[("lothian_recording", "seen_within_4h")]
    assert lothian.verdict == "ruler changed"
    assert -0.10 < lothian.effect < 0
    pathfinder = results[("urgent_care", "attendances")]
    assert pathfinder.verdict == "cannot be separated"
    assert "national roll-out" in pathfinder.reason
    covid = results[("covid", "attendances")]
    assert covid.verdict == "moved"
    assert covid.size.conf_high < -0.15
    assert not (results.tidy()["verdict"] == "worked").any()
