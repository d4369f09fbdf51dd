"""The pay panel: its sliders describe a plan, and what it shows is what `simulate_pay` says of that plan."""

import pytest

import kpilab as kl
from kpilab.delivery.pay_pages import curve_chart
from kpilab.model.pay_plan import Curve
from tests.test_pay_files import paid


@pytest.fixture
def panel(tmp_path):
    return kl.Panel("pay", *paid(tmp_path), period="2023-01")


def test_it_begins_with_the_plan_as_written(panel):
    assert float(panel.results.total) == pytest.approx(1100 + 500 * 0.5 + 200 * 0.625 + 300 * 0.5)
    assert "ann" not in panel.rests.value + panel.text.value


def test_moving_a_mark_moves_the_money(panel):
    """At a threshold payout of 40 % instead of 50 %, Bo's 80 % of sales pays 40 % of 500."""
    panel.payouts["threshold"].value = 0.4
    lines = panel.results.of_owner("bo").tidy().set_index(["kpi", "level"])
    assert float(lines.loc[("sales", "person"), "amount"]) == pytest.approx(200)


def test_weights_always_sum_to_one(panel):
    panel.weights[0].value = 1.0
    plan = panel.pay.plans[0]
    assert sum(measure.weight for measure in plan.measures) == 1
    assert float(plan.measures[0].weight) == pytest.approx(1 / 1.5, abs=1e-6)


def test_a_falling_curve_is_refused_in_words_and_the_last_result_stays(panel):
    before = panel.results
    panel.payouts["maximum"].value = 0.2
    assert "a curve never pays less for more" in panel.problem.value
    assert panel.results is before
    panel.reset.click()
    assert panel.problem.value == ""


def test_a_statement_is_shown_only_when_somebody_is_asked_for(panel):
    assert panel.statement.value == ""
    panel.person.value = "ann"
    assert "CONFIDENTIAL" in panel.statement.value
    assert "1,100.00 EUR" in panel.statement.value


def test_curve_chart_marks_threshold_target_and_maximum():
    svg = curve_chart(Curve(threshold=(0.8, 0.5), target=(1, 1), maximum=(1.2, 2)), "Pays", [0.9]).svg
    for said in (">0.8<", ">1<", ">1.2<", "<circle"):
        assert said in svg
