"""What may come, as a part of a unit's report: the lever is the one the map knows, missing outcomes are said."""

import pytest

import kpilab as kl
from kpilab.delivery.what_if_pages import unit_levers
from tests.simulated import chain, simulated

ARROWS = ["cause: x, effect: m, lag: 1", "cause: m, effect: y, lag: 1"]
GOAL = "targets:\n  - {kpi: y, target: 1000}"


@pytest.fixture(scope="module")
def strategy(tmp_path_factory):
    cascade, history = simulated(tmp_path_factory.mktemp("levers"), chain(n_units=8), ARROWS, GOAL)
    kpis = tuple(kpi.model_copy(update={"better": "higher"}) for kpi in cascade.kpis)
    cascade = cascade.replace(kpis=kpis)
    return cascade, history, kl.fit_links(cascade, history)


def test_lever_of_the_missed_target_is_named_with_its_fan(strategy):
    cascade, history, links = strategy
    body = unit_levers(cascade, history, links, kl.roll_up(cascade, history), "u0").body
    assert "Of this unit&#x27;s levers," in body
    assert "would help Y most" in body
    assert "History tells this effect from none." in body
    assert body.count("<svg") == 1
    assert "The other way" not in body


def test_same_effect_as_the_what_if_itself(strategy):
    """A tenth of what grows with size is one step: the table says what `what_if` says of it."""
    cascade, history, links = strategy
    body = unit_levers(cascade, history, links, kl.roll_up(cascade, history), "u1", horizon=6).body
    last = float(abs(history.measure("m")[-1, history.units.index("u1")]))
    ready = kl.prepare_what_if(cascade, history, links, units="u1", horizon=6, draws=500)
    end = ready.scenario({"m": f"{0.1 * last!r} at u1"}, kpis=["y"]).path("y", "u1").iloc[-1]
    assert f"{end['effect']:+.3g}" in body


def test_unit_without_a_target_and_map_without_arrows_say_so(strategy, tmp_path):
    cascade, history, links = strategy
    card = kl.roll_up(cascade, history)
    assert "No arrow that carries a change" in unit_levers(cascade, history, links, card, "company").body
    bare = simulated(tmp_path, chain(n_periods=40, n_units=3), [], GOAL)
    empty = kl.fit_links(*bare)
    assert "No arrow that carries a change" in unit_levers(*bare, empty, kl.roll_up(*bare), "u0").body
