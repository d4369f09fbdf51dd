"""Fans, frontier and the panel of levers: they draw what the scenario says, and a moved slider changes it."""

import html
import re

import numpy as np
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


def test_all_fans_are_those_of_each_kpi_side_by_side(example_cascade, example_history, links):
    scenario = kl.what_if(
        example_cascade, example_history, links, {"bed_occupancy": -0.03}, horizon=6, draws=50, units="nation"
    )
    one = kl.fan_chart(scenario, example_history, kpi="seen_within_4h", unit="S92000003").svg
    for charts in (
        kl.fan_charts(scenario, example_history),
        kl.fan_charts(scenario, example_history, unit="S92000003"),
    ):
        assert one.partition(" ")[2].partition("viewBox")[2] in charts.svg
        assert charts.svg.count("<polygon") == scenario.tidy()["kpi"].nunique()


def test_frontier_has_a_point_for_every_plan(example_cascade, example_history, links):
    plan = kl.plan_actions(example_cascade, example_history, links, budget=1e6)
    assert kl.frontier_chart(plan).svg.count("<circle") == len(plan.frontier())


@pytest.fixture(scope="module")
def panel(example_cascade, example_history, links):
    levers = ["delayed_share", "bed_occupancy", "attendances"]
    return kl.Panel("what_if", example_cascade, example_history, links=links, levers=levers)


def test_moving_a_lever_moves_the_scenario(panel):
    panel.reset()
    before = panel.picture.svg
    assert panel.scenario.table["effect"].abs().max() == 0
    panel.levers["bed_occupancy"].value = -0.02
    path = panel.scenario.path("bed_occupancy", "S92000003")
    assert path["effect"].iloc[-1] == pytest.approx(panel.levers["bed_occupancy"].value)
    assert panel.picture.svg != before
    panel.undo()
    assert panel.picture.svg == before


def test_the_line_of_code_gives_what_the_panel_shows(panel, example_cascade, example_history, links):
    """The line is run; a lever left at zero goes on listening to its causes, in the panel as in the line."""
    panel.reset()
    panel.levers["delayed_share"].value = -0.02
    panel.levers["attendances"].value = 0.05
    scenario = panel.scenario
    assert panel.changes == {"delayed_share": -0.02, "attendances": "+5%"}
    names = {"kl": kl, "cascade": example_cascade, "history": example_history, "links": links}
    exec(html.unescape(panel.code.value).split("<code>")[1].split("</code>")[0], names)
    for kpi in ("bed_occupancy", "seen_within_4h", "attendances"):
        ours, theirs = (each.path(kpi, "S92000003") for each in (scenario, names["scenario"]))
        np.testing.assert_allclose(ours["median"], theirs["median"], rtol=1e-12)
    assert scenario.path("bed_occupancy", "S92000003")["effect"].abs().max() > 0


def test_long_names_take_two_lines_and_are_whole_when_pointed_at(example_cascade, example_history, links):
    name = "Patients who were seen, treated, admitted or sent home " * 4 + "<b>"
    kpis = [
        kpi.model_copy(update={"name": name}) if kpi.id == "seen_within_4h" else kpi
        for kpi in example_cascade.kpis
    ]
    cascade = example_cascade.replace(kpis=kpis)
    scenario = kl.what_if(
        cascade, example_history, kl.fit_links(cascade, example_history), {"bed_occupancy": -0.03}, draws=10
    )
    svg = kl.fan_chart(scenario, example_history, kpi="seen_within_4h", unit="S92000003").svg
    lines = re.findall(r"<tspan[^>]*>([^<]*)</tspan>", svg)
    assert len(lines) == 2
    assert max(map(len, lines)) <= 64
    assert f"<title>{html.escape(name)}" in svg
