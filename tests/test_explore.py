"""Exploration of all pairs: it finds who leads, says what it is worth, and drops nothing unsaid."""

import numpy as np
import pytest

import kpilab as kl
from tests.simulated import chain, simulated


@pytest.fixture
def leads(tmp_path):
    series = chain(n_periods=300, n_units=1)
    series["short"] = np.where(np.arange(300)[:, None] < 5, series["x"], np.nan)
    series["flat"] = np.ones_like(series["x"])
    return kl.screen_pairs(*simulated(tmp_path, series, ["cause: x, effect: m, lag: 1"]), unit="u0", lags=2)


def test_who_leads_is_found_and_what_was_drawn_is_marked(leads):
    table = leads.tidy().set_index(["cause", "effect"])
    assert table.loc[("x", "m"), "q_value"] < 0.001
    assert table.loc[("m", "y"), "q_value"] < 0.001
    assert table.loc[("y", "x"), "q_value"] > 0.05
    assert table["drawn"].sum() == 1
    assert table.loc[("x", "m"), "drawn"]


def test_it_says_that_it_is_exploration_and_what_was_left_out(leads):
    assert "exploration" in leads.text
    assert "not evidence" in leads.title
    assert set(leads.left_out) == {"short", "flat"}
    assert leads.glance()["false_discovery_rate"].item() == 0.05


def test_rows_are_in_order_and_each_pair_is_there_once(leads):
    table = leads.tidy()
    assert len(table) == 6
    assert table["q_value"].is_monotonic_increasing


def test_unknown_unit_and_unit_without_history_are_named(tmp_path):
    cascade, history = simulated(tmp_path, chain(n_periods=20, n_units=5), ["cause: x, effect: m"])
    with pytest.raises(kl.InputError, match="unknown unit 'u9'"):
        kl.screen_pairs(cascade, history, unit="u9")
    with pytest.raises(kl.InputError, match="no two KPIs with a common history"):
        kl.screen_pairs(cascade, history, unit="u0", lags=6)
