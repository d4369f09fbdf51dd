"""Fans, frontier and the panel of levers: they draw what the scenario says, and a moved slider changes it."""

import pytest

import kpilab as kl


@pytest.fixture(scope="module")
def links(example_cascade, example_history):
    return kl.fit_links(example_cascade, example_history)


def test_fan_names_kpi_unit_and_periods(example_cascade, example_history, links):
    scenario = kl.what_if(
        example_cascade, example_history, links, {"bed_occupancy": -0.03}, horizon=6, draws=200
    )
    chart = kl.fan_chart(scenario, example_history, kpi="seen_within_4h", unit="S92000003")
    for said in ("A&amp;E patients seen within four hours, NHS Scotland", "2023-05", "2023-11", "<polygon"):
        assert said in chart.svg
    with pytest.raises(kl.InputError, match="does not show 'attendances'"):
        kl.fan_chart(scenario, example_history, kpi="attendances", unit="S92000003")


def test_frontier_has_a_point_for_every_plan(example_cascade, example_history, links):
    plan = kl.plan_actions(example_cascade, example_history, links, budget=1e6)
    assert kl.frontier_chart(plan).svg.count("<circle") == len(plan.frontier())


def test_moving_a_lever_moves_the_scenario(example_cascade, example_history, links):
    panel = kl.Panel("what_if", example_cascade, example_history, links=links, levers=["bed_occupancy"])
    before = panel.chart.value
    assert panel.scenario.table["effect"].abs().max() == 0
    panel.levers["bed_occupancy"].value = -0.02
    path = panel.scenario.path("bed_occupancy", "S92000003")
    assert path["effect"].iloc[-1] == pytest.approx(panel.levers["bed_occupancy"].value)
    assert panel.chart.value != before
    assert "kl.what_if(cascade, history, links, {&#x27;bed_occupancy&#x27;" in panel.code.value
