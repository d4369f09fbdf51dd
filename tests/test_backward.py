"""From a target back to the levers, on a map with a known response."""

import numpy as np
import pytest

import kpilab as kl
from tests.simulated import chain, simulated

X_TO_M = 'cause: x, effect: m, sign: "+", lag: 1'
M_TO_Y = 'cause: m, effect: y, sign: "+", lag: 1'


@pytest.fixture(scope="module")
def chain_of_three(tmp_path_factory):
    series = chain(n_periods=120, n_units=12, seed=5)
    cascade, history = simulated(tmp_path_factory.mktemp("back"), series, [X_TO_M, M_TO_Y])
    return cascade, history, kl.fit_links(cascade, history)


def median_ahead(given, changes=None, kpi="y", unit="u0"):
    return kl.what_if(*given, changes or {"x": 0}, horizon=12, units=unit).path(kpi, unit)["median"].iloc[-1]


def test_answer_reaches_the_target_with_the_probability_asked_for_and_hardly_more(chain_of_three):
    target = median_ahead(chain_of_three) + 0.5
    for probability in (0.5, 0.7):
        found = kl.what_would_it_take(
            *chain_of_three, kpi="y", target=target, unit="u0", levers=["x"], probability=probability
        )
        assert found.verdict == "reachable"
        assert probability <= found.reached <= probability + 0.01


def test_answer_put_into_what_if_gives_the_same_probability(chain_of_three):
    target = median_ahead(chain_of_three) + 0.5
    found = kl.what_would_it_take(*chain_of_three, kpi="y", target=target, unit="u0")
    assert median_ahead(chain_of_three, found.changes()) == pytest.approx(target, abs=0.02)


def test_effort_is_shared_as_the_responses_are(chain_of_three):
    """Shortest way to a line: each lever moves in proportion to what it does, and 1/effort² adds up."""
    target = median_ahead(chain_of_three) + 0.4
    both = kl.what_would_it_take(*chain_of_three, kpi="y", target=target, unit="u0", levers=["x", "m"])
    each = [
        kl.what_would_it_take(*chain_of_three, kpi="y", target=target, unit="u0", levers=[lever])
        for lever in ("x", "m")
    ]
    assert both.effort**-2 == pytest.approx(sum(one.effort**-2 for one in each), rel=0.05)


def test_not_reachable_is_an_answer_with_the_best_that_is(chain_of_three):
    found = kl.what_would_it_take(*chain_of_three, kpi="y", target=1000.0, unit="u0", levers=["x"])
    assert found.verdict == "not reachable"
    assert found.reached == 0
    row = found.tidy().iloc[0]
    assert row["needed"] == pytest.approx(row["highest_seen"])
    assert "not reachable with these levers" in found.text


def test_target_that_is_met_anyway_needs_nothing(chain_of_three):
    found = kl.what_would_it_take(*chain_of_three, kpi="y", target=-1000.0, unit="u0")
    assert (found.verdict, found.effort, found.reached) == ("already there", 0.0, 1.0)
    assert np.allclose(found.tidy()["change"], 0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kpi": "z"}, "unknown KPI 'z'"),
        ({"kpi": "y", "unit": "company"}, "'company' does not have 'y'"),
        ({"kpi": "y", "unit": "u0"}, "'y' has no target at u0 in 2022-12; give one"),
        ({"kpi": "y", "unit": "u0", "target": 1, "levers": ["y"]}, "'y' cannot be changed"),
        ({"kpi": "m", "unit": "u0", "target": 1, "levers": ["y"]}, "leads from 'y' to 'm'"),
        ({"kpi": "x", "unit": "u0", "target": 1}, "no arrow that carries a change leads to 'x'"),
        ({"kpi": "y", "unit": "u0", "target": 1, "period": "2015-01"}, "2015-01 is not ahead"),
        ({"kpi": "y", "unit": "u0", "target": 1, "probability": 50}, "write a share between 0 and 1"),
    ],
)
def test_bad_input_is_named_with_its_remedy(chain_of_three, options, message):
    with pytest.raises(kl.InputError, match=message):
        kl.what_would_it_take(*chain_of_three, **options)
