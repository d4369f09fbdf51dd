"""A saved map plays a scenario along its arrows, without network and without running a name."""

import pytest

import kpilab as kl


@pytest.fixture(scope="module")
def played(example_cascade, example_history, tmp_path_factory):
    hostile = "</script><img src=x onerror=alert(1)>"
    kpis = tuple(
        k.model_copy(update={"name": hostile}) if k.id == "bed_occupancy" else k for k in example_cascade.kpis
    )
    cascade = example_cascade.replace(kpis=kpis)
    links = kl.fit_links(cascade, example_history)
    scenario = kl.what_if(cascade, example_history, links, {"bed_occupancy": -0.03}, horizon=4, draws=200)
    drawn = kl.strategy_map(cascade, links=links, scenario={hostile: scenario})
    return scenario, drawn.save(tmp_path_factory.mktemp("map") / "map.html")


def test_slider_shows_the_scenario_period_by_period(chromium_page, played):
    scenario, path = played
    page = chromium_page.open(path)
    assert page.get_attribute("#play", "data-period") == "now"
    page.focus("#play input[type=range]")
    page.keyboard.press("ArrowRight")
    assert page.get_attribute("#play", "data-period") == scenario.table["period"].iloc[0]
    labels = page.evaluate("nodes.get().map(function (n) { return n.label; })")
    assert any("-3 points" in label for label in labels)
    chromium_page.assert_quiet()


def test_play_runs_to_the_end(chromium_page, played):
    scenario, path = played
    page = chromium_page.open(path)
    page.click("#play button")
    last = scenario.table["period"].iloc[-1]
    page.wait_for_function("document.getElementById('play').dataset.period === '" + last + "'", timeout=15000)
    assert page.text_content("#play button") == "Play"
    chromium_page.assert_quiet()
