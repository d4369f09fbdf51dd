"""Loops that feed themselves through arrows and formulas: gains and growth against arithmetic."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import kpilab as kl
from kpilab.decisions.loops import exploding_loops, slopes_of_formula, spectral_radius, together

SHOPS = """
cascade: Shops
frequency: month
levels: [company, shop]
history: {{path: history.csv}}
units:
  - {{unit: all, name: Company, level: company}}
{units}
kpis:
  - {{id: stock, name: Stock, last: stock, levels: [shop]{transform}}}
  - {{id: price, name: Price, mean: price, weight: one, levels: [shop]}}
  - {{id: sales, name: Sales, formula: "stock * price", levels: [shop]}}
links:
  - {{cause: sales, effect: stock, lag: {lag}}}
"""


def shops(folder: Path, *, response: float, prices: list[float], lag: str = "1", transform: str = ""):
    """Return a cascade in which stock[t] = .2 stock[t-1] + response · sales[t-1] + noise and sales = stock · price."""
    n_units, n_periods = len(prices), 60
    rng = np.random.default_rng(2)
    price = np.array(prices) * np.exp(0.1 * rng.normal(size=(n_periods, n_units)))
    stock = np.full((n_periods, n_units), 50.0)
    for t in range(1, n_periods):
        stock[t] = 0.2 * stock[t - 1] * (1 + response * price[t - 1] / 0.2) + 2 * rng.normal(size=n_units)
        if response * max(prices) + 0.2 < 1:
            stock[t] += 50 * (1 - 0.2 - response * np.array(prices))
    units = "\n".join(f"  - {{unit: s{i}, name: Shop {i}, level: shop, parent: all}}" for i in range(n_units))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cascade.yaml").write_text(
        SHOPS.format(units=units, lag=lag, transform=transform), encoding="utf-8"
    )
    index = pd.MultiIndex.from_product(
        [
            pd.period_range("2015-01", periods=n_periods, freq="M").astype(str),
            [f"s{i}" for i in range(n_units)],
        ],
        names=["period", "unit"],
    )
    values = {"stock": stock.ravel(), "price": price.ravel(), "one": 1.0}
    cascade = kl.read_cascade(folder)
    history = kl.read_history(cascade, pd.DataFrame(values, index=index).reset_index())
    return cascade, history, kl.fit_links(cascade, history)


def test_loop_through_a_formula_that_feeds_itself_is_named_with_its_gain(tmp_path):
    """Growth is .2 + .4 · price a month: 1.04 at the price of 2.1, where one turn multiplies by .84 / .8 = 1.05."""
    given = shops(tmp_path, response=0.4, prices=[1.9, 2.0, 2.1] * 4)
    with pytest.raises(kl.InputError) as caught:
        kl.what_if(*given, {"price": 0.1})
    assert "the loop sales → stock → sales explodes: each turn multiplies a change by 1.0" in str(
        caught.value
    )
    assert "(its formulas taken at the forecast of s" in str(caught.value)


def test_loop_through_a_formula_that_fades_is_carried(tmp_path):
    """Stock then moves by response · price per month of sales, summed over its own memory: .2 + .2 · 2 = .6."""
    given = shops(tmp_path, response=0.2, prices=[2.0] * 12)
    path = kl.what_if(*given, {"stock": "10 impulse at s0"}, horizon=4).path("stock", "s0")
    price = kl.prepare_what_if(*given, horizon=4).baseline.values("price")[:, 1]
    assert path["effect"].to_numpy() == pytest.approx(
        10 * np.cumprod([1.0, *(0.2 + 0.2 * price[:-1])]), abs=1.5
    )


def test_slopes_of_a_product_are_its_other_factor(tmp_path):
    given = shops(tmp_path, response=0.2, prices=[1.0, 3.0] * 6)
    ready = kl.prepare_what_if(*given, horizon=6)
    found = slopes_of_formula(ready.baseline, ready.system.motions["sales"])
    assert found["stock"] == pytest.approx(
        np.nan_to_num(ready.baseline.values("price").mean(axis=0)), rel=1e-6
    )
    assert found["price"] == pytest.approx(
        np.nan_to_num(ready.baseline.values("stock").mean(axis=0)), rel=1e-6
    )


def test_loop_without_a_lag_is_refused_and_found(tmp_path):
    given = shops(tmp_path, response=0.2, prices=[2.0] * 12, lag="0")
    with pytest.raises(kl.InputError, match=r"loop sales → stock → sales has no lag; let one"):
        kl.what_if(*given, {"price": 0.1})
    found = kl.check(*given[:2]).tidy()
    assert "links form a loop without a lag: sales > stock" in found.to_string()


REGIONS = """
cascade: Regions
frequency: month
levels: [region, shop]
history: {{path: history.csv}}
units:
{units}
kpis:
  - {{id: sales, name: Sales, sum: sales}}
  - {{id: stock, name: Stock, last: stock, levels: [region]}}
  - {{id: visits, name: Visits, sum: visits, levels: [shop]}}
links:
  - {{cause: sales, effect: stock, lag: 1}}
  - {{cause: stock, effect: sales, lag: 1}}
  - {{cause: visits, effect: sales, lag: 1}}
"""


@pytest.fixture(scope="module")
def regions(tmp_path_factory):
    """Return a map, ready, in which a region's stock follows the sales of its four shops, and theirs the stock."""
    folder, rng, months = tmp_path_factory.mktemp("regions"), np.random.default_rng(6), 60
    shops_of = {f"r{i}": [f"r{i}s{j}" for j in range(4)] for i in range(6)}
    units = [f"  - {{unit: {region}, name: {region}, level: region}}" for region in shops_of]
    units += [
        f"  - {{unit: {shop}, name: {shop}, level: shop, parent: {region}}}"
        for region, shops in shops_of.items()
        for shop in shops
    ]
    (folder / "cascade.yaml").write_text(REGIONS.format(units="\n".join(units)), encoding="utf-8")
    periods = pd.period_range("2018-01", periods=months, freq="M").astype(str)
    shops = [shop for group in shops_of.values() for shop in group]
    rows = [(period, shop, *(50 + rng.normal(size=2)), None) for period in periods for shop in shops]
    rows += [(period, region, None, None, 80 + rng.normal()) for period in periods for region in shops_of]
    cascade = kl.read_cascade(folder)
    history = kl.read_history(
        cascade, pd.DataFrame(rows, columns=["period", "unit", "sales", "visits", "stock"])
    )
    return kl.prepare_what_if(cascade, history, kl.fit_links(cascade, history), horizon=3, draws=50)


def with_weights(ready, to_stock, to_sales):
    """Return the equations with given coefficients of the cause, and no memory."""
    size = {"stock": ("sales", to_stock), "sales": ("stock", to_sales)}
    return {
        effect: replace(
            equation,
            estimate=np.array([size[effect][1] * (t.kpi == size[effect][0]) for t in equation.terms]),
        )
        for effect, equation in ready.dynamics.equations.items()
    }


def test_loop_between_levels_is_taken_with_all_its_units_by_hand(regions):
    """.5 · .6 = .3 for one shop, but four shops move the region's stock: 1.2 per turn of two months."""
    whole = together(regions.system, with_weights(regions, 0.5, 0.6), [])
    assert spectral_radius(whole.lagged) == pytest.approx(np.sqrt(4 * 0.5 * 0.6))
    assert [whole.gain(loop) for loop in (["stock", "sales"], ["sales", "stock"])] == pytest.approx(
        [1.2, 1.2]
    )
    (problem,) = exploding_loops(regions.system, with_weights(regions, 0.5, 0.6))
    assert "the loop sales → stock → sales explodes: each turn multiplies a change by 1.2, and 1.1" in str(
        problem
    )
    assert not list(exploding_loops(regions.system, with_weights(regions, 0.5, 0.4)))


def test_growth_of_a_large_system_is_that_of_a_small_one_many_times():
    """Two hundred copies of x[t] = .5 x[t−1] + .3 x[t−2], coupled to nobody: the root of z² − .5 z − .3."""
    lagged = np.stack([np.zeros((400, 400)), 0.5 * np.eye(400), 0.3 * np.eye(400)])
    assert spectral_radius(lagged) == pytest.approx((0.5 + np.sqrt(0.25 + 1.2)) / 2)
    assert spectral_radius(lagged[:, :1, :1]) == pytest.approx((0.5 + np.sqrt(0.25 + 1.2)) / 2)
