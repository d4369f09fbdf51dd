"""What is arithmetic in a scenario is exact: roll-ups, formulas, scales, loops; forecasts against statsmodels."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.tsa.exponential_smoothing.ets import ETSModel

import kpilab as kl
from kpilab.decisions.forecasts import Forecast, forecast
from kpilab.decisions.motions import Held, Inflow, Motion
from kpilab.decisions.propagation import propagate

SHOPS = """
cascade: Shops
frequency: month
levels: [company, shop]
history: {path: history.csv}
units:
  - {unit: all, name: Company, level: company}
  - {unit: a, name: Shop A, level: shop, parent: all}
  - {unit: b, name: Shop B, level: shop, parent: all}
kpis:
  - {id: visits, name: Visits, sum: visits, transform: log}
  - {id: conversion, name: Conversion, ratio: {of: orders, per: visits}, unit_of_measure: share, better: higher}
  - {id: orders, name: Orders, formula: "orders"}
  - {id: per_visit, name: Revenue per visit, formula: "revenue / visits"}
  - {id: revenue, name: Revenue, sum: revenue}
  - {id: slowest, name: Slowest, max: minutes}
"""


@pytest.fixture(scope="module")
def shops(tmp_path_factory):
    folder = Path(tmp_path_factory.mktemp("shops"))
    (folder / "cascade.yaml").write_text(SHOPS, encoding="utf-8")
    cascade = kl.read_cascade(folder)
    rng = np.random.default_rng(4)
    rows = []
    for period in pd.period_range("2020-01", periods=36, freq="M").astype(str):
        for unit, size in (("a", 100), ("b", 300)):
            visits = size + rng.integers(0, 20)
            orders, minutes = 0.1 * visits + rng.normal(), 5 + rng.normal()
            rows.append((period, unit, visits, orders, 20 * orders, minutes))
    columns = ["period", "unit", "visits", "orders", "revenue", "minutes"]
    history = kl.read_history(cascade, pd.DataFrame(rows, columns=columns))
    return cascade, history, kl.fit_links(cascade, history)


def test_parent_is_the_sum_of_its_children_whatever_is_changed(shops):
    """On a scale of logs, too: ten per cent more at one shop is not ten per cent more of the company."""
    scenario = kl.what_if(*shops, {"visits": "+10% at a"}, horizon=4)
    effect = {unit: scenario.path("visits", unit)["effect"].to_numpy() for unit in ("all", "a", "b")}
    assert effect["all"] == pytest.approx(effect["a"] + effect["b"])
    assert (effect["b"] == 0).all()
    ready = kl.prepare_what_if(*shops, horizon=4)
    assert effect["a"] == pytest.approx(0.1 * ready.baseline.values("visits")[:, 1])


def test_accounts_that_always_balanced_stay_balanced_whatever_is_changed(tmp_path):
    """calls = answered + lost in all of history; forecast one by one they would drift apart. Answered less lost is
    no such account, nor is a product that was nothing because one of its parts was."""
    (tmp_path / "cascade.yaml").write_text(
        "cascade: Calls\nfrequency: month\nlevels: [centre]\nhistory: {path: history.csv}\n"
        "units: [{unit: c, name: Centre, level: centre}]\nkpis:\n"
        "  - {id: calls, name: Calls, sum: calls}\n"
        "  - {id: unexplained, name: Unexplained, formula: calls - answered - lost}\n"
        "  - {id: more, name: More answered than lost, formula: answered - lost}\n"
        "  - {id: bribes, name: Bribes, sum: bribes}\n"
        "  - {id: cost, name: Cost of bribes, formula: bribes * calls}\n",
        encoding="utf-8",
    )
    cascade = kl.read_cascade(tmp_path)
    rng = np.random.default_rng(3)
    answered, lost = 80 + rng.normal(size=48).cumsum(), 20 + rng.normal(size=48)
    table = pd.DataFrame(
        {"answered": answered, "lost": lost, "calls": answered + lost, "bribes": 0.0, "unit": "c"},
        index=pd.period_range("2018-01", periods=48, freq="M").astype(str),
    )
    history = kl.read_history(cascade, table.rename_axis("period").reset_index())
    links = kl.fit_links(cascade, history)
    scenario = kl.what_if(cascade, history, links, {"calls": "+10%", "bribes": 2}, horizon=3, draws=100)
    columns = ["baseline", "median", "conf_low", "conf_high", "effect"]
    assert (scenario.path("unexplained", "c")[columns] == 0).all().all()
    assert "as accounts that balance, and so ahead: Unexplained." in scenario.text
    assert scenario.path("cost", "c")["median"].iloc[-1] == pytest.approx(220, rel=0.2)
    assert kl.prepare_what_if(cascade, history, links, horizon=3).baseline.values("more")[0, 0] > 40


def test_absolute_change_of_a_sum_at_a_parent_is_shared_out(shops):
    scenario = kl.what_if(*shops, {"revenue": "100 at all"}, horizon=3)
    effect = {unit: scenario.path("revenue", unit)["effect"].to_numpy() for unit in ("all", "a", "b")}
    assert effect["all"] == pytest.approx(np.full(3, 100.0))
    assert effect["a"] + effect["b"] == pytest.approx(np.full(3, 100.0))
    assert (effect["b"] > 2 * effect["a"]).all()


def test_ratio_of_a_parent_weighs_its_children_by_denominators(shops):
    scenario = kl.what_if(*shops, {"conversion": "0.02 at a"}, horizon=12)
    whole = scenario.path("conversion", "all")["effect"].to_numpy()
    last_year = shops[1].measure("visits")[-12:, 1:]
    assert whole == pytest.approx(0.02 * last_year[:, 0] / last_year.sum(axis=1))


def test_largest_of_children_follows_the_largest_alone(shops):
    ready = kl.prepare_what_if(*shops, horizon=1)
    a, b = ready.baseline.values("slowest")[0, 1:]
    path = kl.what_if(*shops, {"slowest": "50 at a"}, horizon=1).path("slowest", "all")
    assert path["effect"].iloc[0] == pytest.approx(a + 50 - max(a, b))


def test_formula_is_evaluated_on_the_parts_of_the_scenario(shops):
    """Revenue per visit: 20 % more revenue from 10 % more visits is 1.2 / 1.1 of what it was."""
    scenario = kl.what_if(*shops, {"revenue": "+20%", "visits": "+10%"}, horizon=3)
    ready = kl.prepare_what_if(*shops, horizon=3)
    anyway = ready.baseline.values("per_visit")[:, 1]
    assert scenario.path("per_visit", "a")["effect"].to_numpy() == pytest.approx((1.2 / 1.1 - 1) * anyway)


def test_numerator_of_a_ratio_moves_with_the_ratio(shops):
    """Orders are conversion times visits."""
    scenario = kl.what_if(*shops, {"conversion": "+10%"}, horizon=2)
    ready = kl.prepare_what_if(*shops, horizon=2)
    anyway = ready.baseline.values("orders")[:, 1]
    assert scenario.path("orders", "a")["effect"].to_numpy() == pytest.approx(0.1 * anyway)


def test_change_of_a_computed_kpi_names_its_parts(shops):
    with pytest.raises(kl.InputError, match=r"is computed .* change its parts instead: revenue, visits"):
        kl.what_if(*shops, {"per_visit": 1})


def test_change_beyond_the_end_of_its_scale_is_refused(shops):
    with pytest.raises(kl.InputError, match=r"where its scale \(log\) ends; change it by less"):
        kl.what_if(*shops, {"visits": -100000})


def test_share_beyond_one_is_reported(shops):
    scenario = kl.what_if(*shops, {"conversion": 2.0}, horizon=2)
    assert (scenario.tidy()["share_outside"].dropna() == 1).all()
    assert scenario.tidy().loc[scenario.tidy()["kpi"] == "conversion", "extrapolated"].all()
    assert "Beyond 0–1 (column share_outside): Conversion, 100 % of the draws (" in scenario.text
    assert "transform: logit" in scenario.text
    chart = kl.fan_chart(scenario, shops[1], kpi="conversion", unit="all")
    assert "above 100 %: no share can be here" in chart.svg
    assert "below 0 %" not in kl.fan_chart(scenario, shops[1], kpi="conversion", unit="all").svg


@pytest.mark.parametrize("season", [1, 12])
@pytest.mark.parametrize("damped", [False, True])
def test_carried_shocks_give_the_forecast_variance_of_statsmodels(season, damped):
    """Class 1 models: variance = σ² Σ carry² (Hyndman et al. 2008, table 6.1); smoothing as estimated there."""
    from kpilab.decisions.forecasts import _carried

    rng = np.random.default_rng(1)
    series = pd.Series(np.cumsum(rng.normal(0.3, 1, 96)) + np.tile(np.sin(np.arange(12)), 8))
    options = {"trend": "add", "damped_trend": True} if damped else {}
    options |= {"seasonal": "add", "seasonal_periods": season} if season > 1 else {}
    fit = ETSModel(series, error="add", initialization_method="heuristic", **options).fit(disp=False)
    carry = _carried(dict(zip(fit.param_names, fit.params, strict=True)), 14, season)
    variance = fit.get_prediction(start=96, end=109).forecast_variance
    assert fit.scale * np.cumsum(carry**2) == pytest.approx(np.asarray(variance), rel=1e-6)


def test_gaps_are_bridged_by_a_structural_model_and_short_series_by_their_last_value():
    rng = np.random.default_rng(2)
    series = np.cumsum(rng.normal(size=40))
    series[[10, 11]] = np.nan
    assert forecast(series, 3).model == "local level"
    assert forecast(np.array([np.nan, 1.0, 2.0]), 2).mean.tolist() == [2.0, 2.0]


def test_season_is_used_only_where_it_earns_its_eleven_numbers():
    rng = np.random.default_rng(3)
    noise = rng.normal(size=60)
    assert forecast(noise, 3, 12).model == "exponential smoothing"
    with_season = forecast(noise + np.tile(3 * np.sin(np.arange(12)), 5), 3, 12)
    assert with_season.model == "exponential smoothing, season of 12"
    assert with_season.df < 60 - 12
    gaps = noise + np.tile(3 * np.sin(np.arange(12)), 5)
    gaps[20] = noise[20] = np.nan
    assert forecast(gaps, 3, 12).model == "local level, season of 12"
    assert forecast(noise, 3, 12).model == "local level"


@pytest.mark.parametrize("season", [0.0, 2.0])
def test_forecast_intervals_hold_what_comes_as_often_as_they_say(season):
    """Simulated: 150 short random walks with noise, with and without a season; 95 % intervals, ± 3 points."""
    rng = np.random.default_rng(5)
    held = []
    for _ in range(150):
        pattern = np.resize(season * rng.normal(size=12), 54)
        series = np.cumsum(0.3 * rng.normal(size=54)) + rng.normal(size=54) + pattern
        ahead = forecast(series[:48], 6, 12)
        shocks = rng.choice(ahead.errors, (18, 1000))
        paths = ahead.paths(shocks[:6], shocks[6:], rng.uniform(size=1000))
        low, high = np.quantile(paths, [0.025, 0.975], axis=1)
        held.append((low <= series[48:] - ahead.mean) & (series[48:] - ahead.mean <= high))
    assert np.mean(held) == pytest.approx(0.95, abs=0.03)


def test_size_of_errors_follows_students_t():
    """With 10 degrees of freedom the 97.5 % quantile is 2.228 (any table of t)."""
    rng = np.random.default_rng(6)
    ahead = Forecast(np.zeros(1), np.ones(1), np.zeros(1), 10.0, 1, 0.0, "")
    found = ahead.paths(rng.normal(size=(1, 400_000)), rank=rng.uniform(size=400_000))
    assert np.quantile(found, 0.975) == pytest.approx(2.228, abs=0.02)


def still(deviation, periods, by_equation, by_hand):
    return deviation


def motion(kpi, lag, weight, own=0.0):
    flow = Inflow(kpi, lag, 1, np.array([weight]), np.array([0]))
    return Motion((flow,), ((1, np.array([own])),) if own else (), np.array([0]), still)


def held(values, added=False):
    values = np.asarray(values, dtype=float)[:, None]
    nothing = np.zeros_like(values)
    there = np.array([True])
    if added:
        return Held(nothing, nothing.astype(bool), values, there)
    return Held(values, values != 0, nothing, there)


def test_loop_through_a_lag_by_hand():
    """x: 1 in the first period; y = ½ x; x = −y one period later: 1, −½, ¼ …"""
    motions = {"y": motion("x", 0, 0.5), "x": motion("y", 1, -1.0)}
    found = propagate(motions, {"x": held([1, 0, 0, 0])}, (4, 1, 1))
    assert found["x"][:, 0, 0].tolist() == [1, -0.5, 0.25, -0.125]
    assert found["y"][:, 0, 0].tolist() == [0.5, -0.25, 0.125, -0.0625]


def test_held_kpi_does_not_listen_and_an_added_change_comes_on_top_by_hand():
    """x: 1 for good; y = 2 x, with memory ½; held at 5 it stays there, with 5 added it is 5 more than it was."""
    motions = {"y": motion("x", 0, 2.0, own=0.5)}
    step = held([1, 1, 1])
    alone = propagate(motions, {"x": step}, (3, 1, 1))["y"][:, 0, 0]
    assert alone.tolist() == [2, 3, 3.5]
    fixed = propagate(motions, {"x": step, "y": held([5, 5, 5])}, (3, 1, 1))["y"][:, 0, 0]
    assert fixed.tolist() == [5, 5, 5]
    on_top = propagate(motions, {"x": step, "y": held([5, 5, 5], added=True)}, (3, 1, 1))["y"][:, 0, 0]
    assert on_top.tolist() == [7, 8, 8.5]


def test_mean_over_a_quarter_arrives_month_by_month_by_hand():
    """An equation of quarters on a clock of months: a step is a third there, then two thirds, then whole."""
    flow = Inflow("x", 0, 3, np.array([3.0]), np.array([0]))
    motions = {"y": Motion((flow,), (), np.array([0]), still)}
    found = propagate(motions, {"x": held([1, 1, 1, 1])}, (4, 1, 1))
    assert found["y"][:, 0, 0] == pytest.approx([1, 2, 3, 3])


def test_a_change_that_begins_late_arrives_later_and_beyond_the_horizon_not_at_all_by_hand():
    """x: 1 from the third period; y = 2 x a period later, with memory ½; z = y three periods later: never here."""
    motions = {"y": motion("x", 1, 2.0, own=0.5), "z": motion("y", 3, 1.0), "w": motion("z", 0, 1.0)}
    late = {"x": held([0, 0, 1, 1, 1, 1])}
    found = propagate(motions, late, (6, 1, 1))
    assert found["y"][:, 0, 0].tolist() == [0, 0, 0, 2, 3, 3.5]
    assert found["z"].shape == found["w"].shape == (6, 1, 1)
    assert not found["z"].any()
    assert not found["w"].any()
    longer = {"x": held([0, 0, 1, 1, 1, 1, 1])}
    assert propagate(motions, longer, (7, 1, 1))["w"][:, 0, 0].tolist() == [0, 0, 0, 0, 0, 0, 2]
    shut = {"x": held([0, 0, 1, 1, 1, 1]), "y": held([0, 4, 0, 0, 0, 0])}
    assert propagate(motions, shut, (6, 1, 1))["z"][:, 0, 0].tolist() == [0, 0, 0, 0, 4, 2]


@st.composite
def networks(draw):
    """Draw a map of five KPIs at two units, its held ones and those asked for; arrows backward take a period."""
    numbers = st.floats(-0.5, 0.5).map(lambda value: round(value, 3))
    n_draws, n_periods = 3, 6
    motions = {}
    for effect in range(1, 5):
        flows = []
        for cause in draw(st.sets(st.integers(0, 4), min_size=1, max_size=3)) - {effect}:
            first = draw(st.integers(int(cause > effect), 2))
            holder = np.array(draw(st.permutations([0, 1]) | st.just([0, 0]) | st.just([-1, 1])))
            for lag in range(first, first + draw(st.integers(1, 3))):
                weight = np.array(draw(st.lists(numbers, min_size=n_draws, max_size=n_draws)))
                flows.append(Inflow(f"k{cause}", lag, draw(st.integers(1, 2)), weight, holder))
        own = tuple((lag, np.array([0.5, -0.2, 0.1]) / lag) for lag in range(1, draw(st.integers(1, 3))))
        motions[f"k{effect}"] = Motion(tuple(flows), own, np.array([0, 1]), still)
    changed = {}
    for kpi in draw(st.sets(st.integers(0, 4), min_size=1, max_size=2)):
        values = np.zeros((n_periods, 2))
        values[draw(st.integers(0, 4)) :] = draw(numbers)
        mask, nothing = values != 0, np.zeros_like(values)
        there = np.array([True, True])
        on_top = draw(st.booleans()) and kpi > 0
        changed[f"k{kpi}"] = (
            Held(nothing, nothing.astype(bool), values, there)
            if on_top
            else Held(values, mask, nothing, there)
        )
    wanted = frozenset(f"k{kpi}" for kpi in draw(st.sets(st.integers(0, 4), min_size=1)))
    return motions, changed, (n_periods, 2, n_draws), wanted


def one_number_at_a_time(motions, changed, shape):
    """Carry a change by the letter of the equations, without any order, sharing or shortcut."""
    n_periods, n_units, n_draws = shape
    total = {f"k{kpi}": np.zeros(shape) for kpi in range(5)}
    free = {kpi: np.zeros(shape) for kpi in total}
    for period in range(n_periods):
        for kpi in sorted(total):
            for unit in range(n_units):
                for i in range(n_draws):
                    value = 0.0
                    for flow in motions[kpi].inflows if kpi in motions else ():
                        for back in range(flow.lag, flow.lag + flow.width):
                            if period >= back and flow.holder[unit] >= 0:
                                cause = total[flow.kpi][period - back, flow.holder[unit], i]
                                value += flow.weight[i] / flow.width * cause
                    for lag, weight in motions[kpi].own if kpi in motions else ():
                        value += weight[i] * free[kpi][period - lag, unit, i] if period >= lag else 0.0
                    held = changed.get(kpi)
                    if held is not None and held.mask[period, unit]:
                        value = held.deviation[period, unit]
                    free[kpi][period, unit, i] = value
                    total[kpi][period, unit, i] = value + (held.added[period, unit] if held else 0.0)
    return total


@settings(max_examples=60, deadline=None)
@given(networks())
def test_batches_orders_and_shortcuts_give_what_the_equations_say_by_the_letter(network):
    """All lags of a cause at once, nothing before a change can arrive, only what is asked for."""
    motions, changed, shape, wanted = network
    expected = one_number_at_a_time(motions, changed, shape)
    whole, some = propagate(motions, changed, shape), propagate(motions, changed, shape, wanted)
    for kpi, values in expected.items():
        found = whole.get(kpi, np.zeros((1, 1, 1)))
        assert np.broadcast_to(found, shape) == pytest.approx(values, abs=1e-12)
    for kpi in wanted & set(whole):
        assert np.array_equal(some[kpi], whole[kpi])
    assert set(some) >= wanted & set(whole)
