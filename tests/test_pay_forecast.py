"""A plan paid on a scenario: months that are known count as they were, the rest as drawn, added up by hand."""

import numpy as np
import pytest

import kpilab as kl
from kpilab.decisions.pay_forecast import draws_over, period_ahead
from kpilab.scorecard.panels import kpi_panel

SCOTLAND = "S92000003"


@pytest.fixture(scope="module")
def ahead(example_cascade, example_history):
    links = kl.fit_links(example_cascade, example_history)
    paid = kl.simulate_pay(example_cascade, example_history, links=links)
    change = {"bed_occupancy": -0.03}
    scenario = kl.what_if(example_cascade, example_history, links, change, horizon=12, draws=200)
    return paid, scenario, links


def test_draws_are_those_that_the_scenario_summarises(ahead):
    _, scenario, _ = ahead
    drawn = scenario.draws("seen_within_4h", SCOTLAND)
    table = scenario.path("seen_within_4h", SCOTLAND)
    assert drawn.shape == (12, 200)
    np.testing.assert_allclose(np.quantile(drawn, 0.5, axis=1), table["median"])
    np.testing.assert_allclose(np.quantile(drawn, 0.975, axis=1), table["conf_high"])


def test_the_next_pay_year_begins_where_the_last_one_ended_and_holds_what_is_known(ahead, example_history):
    paid, scenario, _ = ahead
    assert (str(paid.span), str(example_history.periods[-1])) == ("2022-04..2023-03", "2023-05")
    assert str(period_ahead(scenario, paid.span)) == "2023-04..2024-03"


def test_a_share_is_averaged_with_the_denominators_of_its_months(ahead, example_cascade, example_history):
    """April and May 2023 are known; June to March are drawn and weigh as June 2022 to March 2023 did."""
    paid, scenario, _ = ahead
    found = draws_over(
        example_cascade, example_history, scenario, paid._places, period_ahead(scenario, paid.span)
    )
    unit = next(unit for kpi, unit in found if kpi == "seen_within_4h")
    panel = kpi_panel(example_cascade, example_history, example_cascade.kpi("seen_within_4h"))
    column = example_history.units.index(unit)
    known, seen = panel.values[-2:, column], panel.denominator[:, column]
    months = np.vstack([np.tile(known[:, None], 200), scenario.draws("seen_within_4h", unit)[:10]])
    weights = np.concatenate([seen[-2:], seen[-12:-2]])
    np.testing.assert_allclose(found[("seen_within_4h", unit)], np.average(months, axis=0, weights=weights))


def test_budget_is_paid_draw_by_draw_against_the_targets_of_that_year(ahead):
    paid, scenario, _ = ahead
    found = paid.forecast(scenario)
    about = found.glance().iloc[0]
    assert (about["period"], about["draws"], about["n_drawn"]) == (
        "2023-04..2024-03",
        200,
        about["n_measures"],
    )
    assert 0 < found.totals.min() <= found.totals.max() < about["target_pay"]
    assert "nine draws of ten between" in found.text
    assert found.tidy()["total"].is_monotonic_increasing


def test_better_draws_never_pay_less(ahead, example_cascade, example_history):
    paid, scenario, links = ahead
    much = kl.what_if(example_cascade, example_history, links, {"bed_occupancy": -0.2}, horizon=12, draws=200)
    assert paid.forecast(much).totals.mean() > paid.forecast(scenario).totals.mean()


def test_too_short_a_look_ahead_says_how_far_is_needed(ahead, example_cascade, example_history):
    paid, _, links = ahead
    short = kl.what_if(example_cascade, example_history, links, {"bed_occupancy": -0.03}, horizon=6, draws=50)
    with pytest.raises(kl.InputError, match="pay period in 2024-03; look ahead 10 periods"):
        paid.forecast(short)
