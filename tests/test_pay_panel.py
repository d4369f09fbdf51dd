"""The pay panel: its sliders describe a plan, and what it shows is what `simulate_pay` says of that plan."""

import html
import shutil

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
    panel.wait()
    assert "a curve never pays less for more" in panel.problem.value
    assert panel.results is before
    panel.reset_button.click()
    panel.wait()
    assert panel.problem.value == ""


def test_a_statement_is_shown_only_when_somebody_is_asked_for(panel):
    panel.wait()
    assert panel.statement.value == ""
    panel.person.value = "ann"
    panel.wait()
    assert "CONFIDENTIAL" in panel.statement.value
    assert "1,100.00 EUR" in panel.statement.value


def test_curve_chart_marks_threshold_target_and_maximum():
    svg = curve_chart(Curve(threshold=(0.8, 0.5), target=(1, 1), maximum=(1.2, 2)), "Pays", [0.9]).svg
    for said in (">0.8<", ">1<", ">1.2<", "<circle"):
        assert said in svg


def test_every_curve_of_the_plan_can_be_dragged(example_cascade, example_history):
    """Leaders in boards are paid by three curves; those measures that share one move together."""
    panel = kl.Panel("pay", example_cascade, example_history, plan="boards")
    assert len(panel.curves) == 3
    occupancy = next(each for each in panel.curves if each.shape.id == "occupancy")
    before = panel.results
    occupancy.payouts["target"].value = 1.1
    changed = panel.pay.curve_of(panel.pay.plan("boards"), panel.pay.plan("boards").measures[2].curve)
    assert (float(changed.target[1]), changed.more) == (1.1, occupancy.shape.more)
    assert panel.pay.plan("nation") == before.pay.plan("nation")


def test_the_line_of_code_does_what_the_slider_did(panel):
    """The line that the panel shows is run, and pays the same."""
    panel.payouts["threshold"].value = 0.4
    panel.weights[0].value = 0.9
    total = panel.results.total
    names = {"kl": kl, "cascade": panel.cascade, "history": panel.results.history}
    exec(html.unescape(panel.code.value).split("<code>")[1].split("</code>")[0], names)
    assert names["paid"].total == total
    panel.undo()
    assert panel.results.total != total
    exec(html.unescape(panel.code.value).split("<code>")[1].split("</code>")[0], names)
    assert names["paid"].total == panel.results.total
    assert "threshold=(0.8, 0.4)" in panel.code.value
    assert "reweighted" not in panel.code.value


def test_budget_is_a_distribution_with_a_scenario_and_past_years_without(example_cascade, example_history):
    links = kl.fit_links(example_cascade, example_history)
    scenario = kl.what_if(example_cascade, example_history, links, {"bed_occupancy": -0.03}, draws=100)
    panel = kl.Panel("pay", example_cascade, example_history, links=links, scenario=scenario)
    before = panel.picture.svg
    assert "What 2023-04..2024-03 may cost, GBP" in before
    panel.payouts["threshold"].value = 0.9
    assert panel.picture.svg.rpartition("<svg")[2] != before.rpartition("<svg")[2]
    plain = kl.Panel("pay", example_cascade, example_history, links=links)
    assert "would have paid in past years" in plain.picture.svg


def test_reweighting_nothing_or_too_few_is_refused(panel):
    plan = panel.pay
    for weights in ([0.0] * len(panel.weights), [1.0]):
        with pytest.raises(ValueError, match="weights, one of them above 0"):
            plan.reweighted(plan.plans[0].id, weights)
    for slider in panel.weights:
        slider.value = 0.0
    panel.wait()
    assert "one of them above 0" in panel.problem.value


def test_a_saved_plan_pays_what_the_panel_showed_and_all_else_stands_as_it_stood(example_folder, tmp_path):
    folder = tmp_path / "nhs"
    shutil.copytree(example_folder, folder)
    (folder / "pay.yaml").chmod(0o600)
    cascade = kl.read_cascade(folder)
    history = kl.read_history(cascade)
    panel = kl.Panel("pay", cascade, history, plan="boards")
    before = (folder / "pay.yaml").read_text()
    panel.payouts["threshold"].value = 0.4
    panel.weights[0].value = 0.9
    total = panel.results.total
    (button,) = (each for each in panel.buttons.children if getattr(each, "description", "") == "Save…")
    button.click()
    (page,) = panel.save_box.children
    assert "threshold=(0.8, 0.4)" in page.children[0].children[2].value
    assert (folder / "pay.yaml").read_text() == before
    page.children[0].yes.click()
    assert "Saved in nhs: pay.yaml" in panel.save_box.children[0].value
    assert kl.simulate_pay(cascade, history).total == total == panel.results.total
    after = (folder / "pay.yaml").read_text()
    assert [line for line in before.splitlines() if line.startswith(("#", "  - {person"))] == [
        line for line in after.splitlines() if line.startswith(("#", "  - {person"))
    ]
    assert "# of the value itself: falling marks, lower is better" in after
    assert (folder / "pay.yaml").stat().st_mode & 0o777 == 0o600
    assert "kl.simulate_pay(cascade, history)" in panel.code.value  # the file says it now
    panel.undo()
    assert panel.results.total != total
    (folder / "pay.yaml").write_text(after + "# somebody else was here\n")
    with pytest.raises(kl.InputError, match="changed on disk since it was read"):
        panel.save()
    panel.save(overwrite=True)
    assert kl.simulate_pay(cascade, history).total == panel.results.total


def test_a_plan_that_was_given_is_not_saved(tmp_path):
    cascade, history = paid(tmp_path)
    panel = kl.Panel("pay", cascade, history, period="2023-01", pay=kl.read_pay(cascade))
    with pytest.raises(kl.InputError, match="not read from the cascade's folder"):
        panel.save()
