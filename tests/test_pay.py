"""Pay against paper arithmetic: curves, statements, what the money rests on, replay, privacy."""

from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kpilab as kl
from kpilab.decisions.payout import CurveArrays, payout
from kpilab.model.pay_plan import Curve
from tests.test_pay_files import HISTORY, PAY, paid

USUAL = Curve(threshold=(0.8, 0.5), target=(1, 1), maximum=(1.2, 2))
SHAPES = [
    USUAL,
    Curve(shape="stepped", threshold=(0.8, 0.5), target=(1, 1), maximum=(1.2, 2)),
    Curve(shape="kinked", threshold=(0.5, 0), more=((0.9, 0.9),), target=(1, 1), maximum=(1.5, 1.5)),
    Curve(base="value", threshold=(30, 0.5), target=(20, 1), maximum=(10, 2)),
]


@dataclass(frozen=True)
class Verdict:
    """A link with a verdict, as `fit_links` hands it over."""

    cause: str
    effect: str
    verdict: str


@pytest.mark.parametrize(
    ("attained", "pays"),
    [("0.79", "0"), ("0.8", "0.5"), ("0.9", "0.75"), ("1", "1"), ("1.1", "1.5"), ("1.2", "2"), ("3", "2")],
)
def test_eighty_per_cent_pays_half_and_hundredtwenty_pays_double(attained, pays):
    """The usual curve: 80 % of goal pays 50 %, 100 % pays 100 %, 120 % pays 200 %, linear between, zero below."""
    assert payout(USUAL, Decimal(attained)) == Decimal(pays)


def test_steps_pay_the_last_mark_reached_and_falling_marks_pay_for_less():
    assert [str(payout(SHAPES[1], Decimal(x))) for x in ("0.79", "0.99", "1", "9")] == ["0", "0.5", "1", "2"]
    falling = [float(payout(SHAPES[3], Decimal(x))) for x in ("31", "30", "25", "10", "0")]
    assert falling == [0, 0.5, 0.75, 2, 2]


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(SHAPES), st.decimals(-5, 50, places=3), st.decimals(0, 5, places=3))
def test_arrays_agree_with_exact_arithmetic_and_never_pay_less_for_more(curve, performance, more):
    side = -1 if curve.falls else 1
    one, two = payout(curve, performance), payout(curve, performance + side * more)
    assert two >= one
    found = CurveArrays(curve).payout(np.array([float(performance)]))[0]
    near_a_jump = any(abs(float(performance) - at) < 1e-9 for at, _ in CurveArrays(curve).cliffs())
    assert near_a_jump or found == pytest.approx(float(one), abs=1e-12)


def test_slopes_kinks_and_cliffs_of_the_usual_curve():
    arrays = CurveArrays(USUAL)
    assert arrays.slopes(0.9) == pytest.approx((2.5, 2.5))
    assert arrays.slopes(1.0) == pytest.approx((2.5, 5.0))
    assert arrays.slopes(0.5) == (0, 0)
    assert arrays.cliffs() == [(0.8, 0.5)]


def test_statement_by_hand(tmp_path):
    """Ann, January: sales 90 of 100 pay .75, the company's 170 of 200 pay .625, calls 12 of 10 pay 2."""
    results = kl.simulate_pay(*paid(tmp_path), period="2023-01")
    lines = results.of_owner("ann").tidy()
    assert lines["payout"].to_list() == [Decimal("0.75"), Decimal("0.625"), Decimal("2")]
    assert lines["amount"].to_list() == [375, 125, 600]
    assert results.of_owner("ann").statements()["amount"].item() == 1100


def test_statements_add_up_to_the_total_to_the_cent(tmp_path):
    text = PAY.replace("target_pay: 1000}", "target_pay: 333.33, fte: 0.7}")
    results = kl.simulate_pay(*paid(tmp_path, text), period="2023-01..2023-02")
    amounts = results.statements()["amount"]
    assert sum(amounts) == results.total
    assert all(amount == round(amount, 2) for amount in amounts)


@pytest.mark.parametrize(("rule", "amount"), [("half_even", 12), ("half_up", 13), ("down", 12)])
def test_money_rounds_once_at_the_end_by_the_declared_rule(tmp_path, rule, amount):
    """Ann's 1.1 of target pay 11.3636… is 12.5 exactly when it is 125/11; three rules, two results."""
    text = PAY.replace("currency: EUR", f"currency: EUR\nround_to: 1\nrounding: {rule}")
    text = text.replace(
        "person: ann, plan: sellers, target_pay: 1000", "person: ann, plan: sellers, target_pay: 12.5"
    )
    text = text.replace("measures:\n", "measures:\n      - {kpi: sales, level: person, weight: 1}\n", 1)
    text = "\n".join(line for line in text.split("\n") if "weight: 0." not in line)
    results = kl.simulate_pay(*paid(tmp_path, text), period="2023-02")
    assert results.of_owner("ann").statements()["amount"].item() == amount


def test_proration_counts_periods_and_part_time(tmp_path):
    text = PAY.replace("person: ann, plan: sellers", "person: ann, from: 2023-02, fte: 0.5, plan: sellers")
    results = kl.simulate_pay(*paid(tmp_path, text), period="2023-01..2023-02")
    assert results.of_owner("ann").statements()["proration"].item() == Decimal("0.25")
    assert len(kl.simulate_pay(*paid(tmp_path / "b", text), period="2023-01").statements()) == 1


def test_gate_modifier_and_cap_multiply_the_whole(tmp_path):
    more = (
        "    curve: usual\n    cap: 1\n    gates: [{kpi: faults, at_most: 3, pays: 0.5}]\n"
        "    modifiers: [{kpi: faults, curve: {threshold: [0.1, 0.9], target: [1, 1], maximum: [2, 1.1]}}]\n"
    )
    text = PAY.replace("    curve: usual\n", more)
    results = kl.simulate_pay(*paid(tmp_path, text), period="2023-01")
    ann = results.of_owner("ann")
    # faults 4 against 2: gate closed (0.5); attainment 0.5 modifies by 0.9 + 0.1·0.4/0.9
    factor = Decimal("0.5") * (Decimal("0.9") + Decimal("0.1") * Decimal("0.4") / Decimal("0.9"))
    assert float(ann.statements()["amount"].item()) == pytest.approx(float(1100 * factor), abs=0.005)
    bo = results.of_owner("bo").statements()
    assert "open" in bo["factors"].item()  # no faults: the gate is open, the modifier at its maximum
    february = kl.simulate_pay(*paid(tmp_path / "b", text), period="2023-02").of_owner("ann")
    assert february.statements()["amount"].item() <= 1000


def test_gate_on_another_plan_opens_when_that_plan_paid(tmp_path):
    second = (
        "  - id: bonus\n    curve: usual\n    gates: [{plan: sellers}]\n"
        "    measures: [{kpi: sales, level: person, weight: 1}]\npeople:\n"
        "  - {person: ann, plan: bonus, target_pay: 100, from: 2023-02}\n"
        "  - {person: bo, plan: bonus, target_pay: 100, from: 2023-02}\n"
    )
    one_month = ("plan: sellers, target_pay: 1000}", "plan: sellers, target_pay: 1000, to: 2023-01}")
    text = PAY.replace("people:\n", second).replace(*one_month)
    results = kl.simulate_pay(*paid(tmp_path, text), period="2023-01..2023-02")
    assert (results.statements().query("plan == 'bonus' and person == 'ann'")["amount"] > 0).all()


def test_what_cannot_be_paid_is_told_all_at_once(tmp_path):
    rows = HISTORY.replace("2023-01,ann,90,12,4", "2023-01,ann,,12,4").replace(
        "2023-01,bo,80,8,0", "2023-01,bo,-5,8,0"
    )
    with pytest.raises(kl.InputError) as caught:
        kl.simulate_pay(*paid(tmp_path, rows=rows), period="2023-01")
    said = str(caught.value)
    assert "'sales' at 'ann' has no value in the pay period" in said
    assert "attainment of 'sales' at 'bo' is negative" in said


def test_flipping_a_verdict_moves_exactly_the_money_that_rides_on_it(tmp_path):
    """Calls carry 30 % of the money and reach the outcome only through calls → sales."""
    pair = paid(tmp_path)
    shares = {}
    for verdict in ("supported", "contradicted", "inconclusive", "untestable"):
        results = kl.simulate_pay(*pair, period="2023-01", links=[Verdict("calls", "sales", verdict)])
        shares[verdict] = results.rests_on().set_index("footing")["share_of_target_pay"].to_dict()
    for verdict, footing in (("untestable", "untested"), ("supported",) * 2, ("contradicted",) * 2):
        assert shares[verdict][footing] == pytest.approx(0.3)
        assert shares[verdict]["arithmetic"] == pytest.approx(0.7)
        assert sum(shares[verdict].values()) == pytest.approx(1)


def test_incentive_is_the_slope_by_hand(tmp_path):
    """Ann's sales at 90 of 100: 0.5 · 1000 · 2.5 / 100 = 12.5 a unit; the cliff stands at 80 and jumps by 250."""
    table = kl.simulate_pay(*paid(tmp_path), period="2023-01").incentives().set_index(["kpi", "unit"])
    row = table.loc[("sales", "ann")]
    assert row["slope_up"] == pytest.approx(12.5, rel=1e-6)
    assert (row["next_cliff"], row["jump"]) == (pytest.approx(80), pytest.approx(250))
    at_target = (
        kl.simulate_pay(*paid(tmp_path / "b"), period="2023-02").incentives().set_index(["kpi", "unit"])
    )
    assert at_target.loc[("sales", "ann"), "kink"]
    assert at_target.loc[("sales", "ann"), "slope_down"] == pytest.approx(12.5, rel=1e-6)
    assert at_target.loc[("sales", "ann"), "slope_up"] == pytest.approx(25, rel=1e-6)


def test_replay_by_hand(tmp_path):
    """January reached the threshold everywhere, the maximum for Ann's calls only: 300 of 2,000."""
    results = kl.simulate_pay(*paid(tmp_path), period="2023-02", years=2)
    table = results.replay().set_index("period")
    assert table.loc["2023-01", "threshold"] == pytest.approx(1)
    assert table.loc["2023-01", "maximum"] == pytest.approx(300 / 2000)
    assert table.loc["2023-01", "payout"] == pytest.approx(
        (1100 + 500 * 0.5 + 200 * 0.625 + 300 * 0.5) / 2000
    )
    assert results.replay_summary()["n_years"].to_list() == [2, 2, 2]


def test_forecast_of_constant_draws_is_the_statement(tmp_path):
    pair = paid(tmp_path)
    results = kl.simulate_pay(*pair, period="2023-01")
    table = kl.roll_up(*pair, period="2023-01").tidy()
    draws = {(r.kpi, r.unit): np.full(50, r.actual) for r in table.itertuples()}
    found = results.forecast(draws).tidy()
    assert found["total"].to_list() == pytest.approx([float(results.total)] * 5)


def test_lower_is_better_with_nothing_left_pays_the_maximum(tmp_path):
    text = PAY.replace("kpi: calls", "kpi: faults")
    results = kl.simulate_pay(*paid(tmp_path, text), period="2023-01")
    line = results.of_owner("bo").tidy().query("kpi == 'faults'").iloc[0]
    assert line["performance"] is None
    assert line["payout"] == 2


def test_what_a_result_shows_by_itself_names_nobody_and_no_amount(tmp_path):
    text = PAY.replace("target_pay: 1000", "target_pay: 98765.43")
    results = kl.simulate_pay(*paid(tmp_path, text), period="2023-01")
    shown = repr(results) + results._repr_html_() + results.glance().to_csv() + results.anonymous().to_csv()
    for secret in ("98765", "98,765", "ann", "Ann", "bo,", "sellers", "Test plan"):
        assert secret not in shown
    assert results.anonymous()["mean_payout"].isna().all()  # two people are too few for an average


def test_every_fault_of_a_plan_is_found(tmp_path):
    text = PAY.replace(
        "      - {kpi: calls, level: person, weight: 0.3}\n",
        "      - {kpi: calls, level: person, weight: 0.25}\n      - {kpi: calls, level: person, weight: 0.05}\n",
    )
    cascade, history = paid(tmp_path, text)
    found = kl.check(cascade, history, links=[Verdict("calls", "sales", "contradicted")]).tidy()
    rules = set(found["rule"])
    assert {"pay_counted_twice", "pay_small_weight", "pay_cliff", "pay_on_contradicted"} <= rules
    assert {"pay_without_influence"} <= rules
    said = " ".join(found[found["rule"].str.startswith("pay_")]["what"])
    assert "30 % of the money at target rests on 'calls': the way calls → sales is contradicted" in said
    assert "1000" not in said


def test_target_eased_before_payout_is_found(tmp_path):
    from tests.test_pay_files import CASCADE

    text = CASCADE.replace("{kpi: sales, unit: ann, target: 100}",
                           "{kpi: sales, unit: ann, to: 2022-12, target: 150}\n"
                           "  - {kpi: sales, unit: ann, from: 2023-01, target: 100}")  # fmt: skip
    cascade, history = paid(tmp_path, text=text)
    found = kl.check(cascade, history).tidy()
    assert "the target of 'sales' was eased within the year before payout at 1 unit" in set(found["what"])


def test_default_period_is_the_last_complete_financial_year(example_cascade, example_history):
    results = kl.simulate_pay(example_cascade, example_history)
    assert str(results.span) == "2022-04..2023-03"
    assert results.glance()["status"].item() == "illustrative"
    assert "illustrative" in results.text
