"""The map unrolled in time: soundness of the window, and controls that block every other path."""

from itertools import product

import networkx as nx
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from kpilab.evidence.graph import adjustment_sets, basis_set
from kpilab.evidence.unroll import (
    PAST,
    controls_suffice,
    denied_arrows,
    direct_controls,
    find_same_period_loops,
    has_return_path,
    unroll,
)

CHAIN = (("x", "m", 1, 1), ("m", "y", 1, 1), ("x", "y", 1, 3))
FORK = (("z", "x", 0, 1), ("z", "y", 1, 2), ("x", "y", 1, 1))


@st.composite
def lagged_maps(draw, names="abcd"):
    """Draw a map with loops and lag ranges 0–2, without a loop inside one period."""
    links = []
    for cause, effect in product(names, repeat=2):
        if cause != effect and draw(st.integers(0, 2)) == 0:
            first = draw(st.integers(0 if cause < effect else 1, 2))
            links.append((cause, effect, first, draw(st.integers(first, 2))))
    return tuple(links)


def claims():
    """Draw a map, a claim on it that makes no loop inside a period, and the order of own lags."""
    lags = st.tuples(st.integers(0, 2), st.integers(0, 1)).map(lambda drawn: (drawn[0], sum(drawn)))
    return st.tuples(lagged_maps(), st.permutations("abcd"), lags, st.integers(0, 2))


def test_every_lagged_node_keeps_its_own_parents():
    graph = unroll([("staff", "wait", 1, 2)], own_lags=1, depth=4)
    for ago in range(3):
        expected = {("staff", -ago - 1), ("staff", -ago - 2), ("wait", -ago - 1)}
        assert set(graph.predecessors(("wait", -ago))) == expected
    assert set(graph.predecessors(("wait", -3))) == {("staff", -4), ("wait", -4), PAST}
    assert set(graph.predecessors(("wait", -4))) == {PAST}


def test_own_lags_may_differ_by_kpi():
    graph = unroll([("a", "b", 0, 0)], own_lags={"a": 2, "b": 0}, depth=3, names=["c"])
    assert set(graph.predecessors(("a", 0))) == {("a", -1), ("a", -2)}
    assert set(graph.predecessors(("b", 0))) == {("a", 0)}
    assert set(graph.predecessors(("c", 0))) == {("c", -1)}


@settings(max_examples=60, deadline=None)
@given(lagged_maps(), st.integers(0, 2))
def test_separations_in_a_window_hold_in_a_longer_one(links, own_lags):
    window = unroll(links, own_lags, depth=2, names="abcd")
    longer = unroll(links, own_lags, depth=7, names="abcd")
    for x, y, held in basis_set(window, [PAST]):
        assert nx.is_d_separator(longer, x, y, held)


def test_the_past_confounds_the_earliest_nodes():
    """Without parents before the window, x two periods ago would look unrelated to z two periods ago."""
    window = unroll([("z", "x", 1, 1), ("z", "y", 1, 1)], depth=1)
    assert not nx.is_d_separator(window, ("x", -1), ("y", -1), set())
    assert adjustment_sets(window, ("x", -1), ("y", -1), latents=[PAST]) == set()


@settings(max_examples=150, deadline=None)
@given(claims())
def test_direct_controls_block_every_other_path(claim):
    links, (cause, effect, *_), lag, own_lags = claim
    assume(not find_same_period_loops([*links, (cause, effect, *lag)]))
    controls = direct_controls(links, cause, effect, lag=lag, own_lags=own_lags)
    assert controls == tuple(sorted(controls))
    assert controls_suffice(links, cause, effect, controls, lag=lag, own_lags=own_lags)
    assert all(ago > 0 or (kpi, effect, 0) in {link[:3] for link in links} for kpi, ago in controls)


@settings(max_examples=150, deadline=None)
@given(claims())
def test_sparse_controls_suffice_and_none_can_be_spared(claim):
    links, (cause, effect, *_), lag, own_lags = claim
    assume(not find_same_period_loops([*links, (cause, effect, *lag)]))
    full = direct_controls(links, cause, effect, lag=lag, own_lags=own_lags)
    sparse = direct_controls(links, cause, effect, lag=lag, own_lags=own_lags, sparse=True)
    claimed = {"lag": lag, "own_lags": own_lags}
    assert set(sparse) <= set(full)
    assert controls_suffice(links, cause, effect, sparse, **claimed)
    for control in sparse:
        rest = set(sparse) - {control}
        assert not controls_suffice(links, cause, effect, rest, **claimed)


@settings(max_examples=150, deadline=None)
@given(claims(), st.sets(st.sampled_from("abcd")))
def test_controls_are_measured_and_suffice_or_there_are_none(claim, names):
    links, (cause, effect, *_), lag, own_lags = claim
    assume(not find_same_period_loops([*links, (cause, effect, *lag)]))
    controls = direct_controls(links, cause, effect, lag=lag, own_lags=own_lags, names=names)
    if controls is not None:
        assert {kpi for kpi, _ in controls} <= names | {cause, effect}
        assert controls_suffice(links, cause, effect, controls, lag=lag, own_lags=own_lags)


def test_mediator_lags_are_controls():
    assert direct_controls(CHAIN, "x", "y", lag=(1, 3)) == (("m", 1),)


def test_confounder_lags_are_controls():
    assert direct_controls(FORK, "x", "y", lag=(1, 1)) == (("z", 1), ("z", 2))


def test_changing_the_map_changes_the_controls():
    """The same claim needs other controls once the map says another thing."""
    without_mediator = (("x", "m", 1, 1), ("x", "y", 1, 3))
    with_longer_lag = (("x", "m", 1, 1), ("m", "y", 0, 2), ("x", "y", 1, 3))
    assert direct_controls(without_mediator, "x", "y", lag=(1, 3)) == ()
    assert direct_controls(with_longer_lag, "x", "y", lag=(1, 3)) == (("m", 0), ("m", 1), ("m", 2))
    assert not controls_suffice(CHAIN, "x", "y", (), lag=(1, 3))


def test_another_range_of_the_same_pair_is_a_control():
    links = (("x", "y", 1, 1), ("x", "y", 4, 4))
    assert direct_controls(links, "x", "y", lag=(1, 1)) == (("x", 4),)


def test_a_collider_is_no_control():
    links = (("x", "s", 0, 0), ("y", "s", 0, 0), ("x", "y", 0, 1))
    assert direct_controls(links, "x", "y", lag=(0, 1)) == ()


def test_feedback_needs_own_lags_and_no_more():
    links = (("x", "y", 1, 1), ("y", "x", 1, 2))
    assert direct_controls(links, "x", "y", lag=(1, 1)) == ()
    assert controls_suffice(links, "x", "y", (), lag=(1, 1), own_lags=2)


def test_sparse_spares_a_cause_unrelated_to_the_tested_one():
    links = (("x", "y", 1, 1), ("w", "y", 1, 3))
    assert direct_controls(links, "x", "y", lag=(1, 1)) == (("w", 1), ("w", 2), ("w", 3))
    assert direct_controls(links, "x", "y", lag=(1, 1), own_lags=0, sparse=True) == ()


def test_an_unmeasured_mediator_leaves_no_valid_controls():
    assert direct_controls(CHAIN, "x", "y", lag=(1, 3), names=["x", "y"]) is None


def test_a_measured_ancestor_stands_in_for_an_unmeasured_cause():
    links = (("z", "x", 1, 1), ("z", "u", 1, 1), ("u", "y", 1, 1), ("x", "y", 1, 1))
    own_lags = {"u": 0, "z": 0}
    assert direct_controls(links, "x", "y", lag=(1, 1), own_lags=own_lags) == (("u", 1),)
    without = direct_controls(links, "x", "y", lag=(1, 1), own_lags=own_lags, names=["z"])
    assert without == (("z", 2),)


def test_controls_remove_the_false_arrow_of_a_simulated_chain():
    rng = np.random.default_rng(7)
    x, m, y = np.zeros((3, 20_000))
    noise = rng.standard_normal((3, x.size))
    for t in range(3, x.size):
        x[t] = 0.7 * x[t - 1] + noise[0, t]
        m[t] = 0.3 * m[t - 1] + 0.8 * x[t - 1] + noise[1, t]
        y[t] = 0.5 * y[t - 1] + 0.8 * m[t - 1] + noise[2, t]
    series, t = {"x": x, "m": m, "y": y}, np.arange(6, x.size)

    def estimate(controls):
        window = np.mean([x[t - ago] for ago in (1, 2, 3)], axis=0)
        held = [series[kpi][t - ago] for kpi, ago in controls]
        design = np.column_stack([window, x[t - 4], y[t - 1], np.ones(t.size), *held])
        return np.linalg.lstsq(design, y[t], rcond=None)[0][0]

    assert abs(estimate(direct_controls(CHAIN, "x", "y", lag=(1, 3)))) < 0.05
    assert abs(estimate(direct_controls(CHAIN[:1], "x", "y", lag=(1, 3)))) > 0.3


@settings(max_examples=60, deadline=None)
@given(lagged_maps())
def test_denied_arrows_are_the_basis_set_up_to_the_present(links):
    graph = unroll(links, depth=6, names="abcd")
    denied = denied_arrows(links, 2, names="abcd")
    expected = {
        frozenset([(cause, -ago), (effect, 0)])
        for cause, effect, ago in product("abcd", "abcd", range(3))
        if cause != effect
        and not graph.has_edge((cause, -ago), (effect, 0))
        and not graph.has_edge((effect, 0), (cause, -ago))
    }
    assert {frozenset([(d.cause, -d.lag), (d.effect, 0)]) for d in denied} == expected
    assert len(denied) == len(expected)
    for d in denied:
        own_terms = {(d.cause, -d.lag - 1), (d.effect, -1)}
        held = {(kpi, -ago) for kpi, ago in d.controls} | own_terms
        parents = set(graph.predecessors((d.cause, -d.lag))) | set(graph.predecessors((d.effect, 0)))
        assert parents | own_terms == held
        assert nx.is_d_separator(graph, (d.cause, -d.lag), (d.effect, 0), held)


def test_return_paths_and_loops():
    links = (("a", "b", 0, 1), ("b", "c", 0, 0), ("c", "a", 0, 2), ("d", "a", 1, 1), ("a", "d", 0, 0))
    assert find_same_period_loops(links) == [("a", "b", "c")]
    assert find_same_period_loops((("a", "b", 0, 1), ("b", "a", 1, 1))) == []
    assert find_same_period_loops((("a", "a", 0, 0),)) == [("a",)]
    assert has_return_path(links, "a", "b")
    assert has_return_path(links, "a", "d")
    assert not has_return_path(CHAIN, "x", "y")
    assert not has_return_path(CHAIN, "x", "unknown")


@pytest.mark.parametrize(
    ("links", "message"),
    [
        ([("a", "b", 0, 1), ("b", "a", 0, 0)], "loop within one period: a → b → a"),
        ([("a", "b", 2, 1)], r"a → b \(lag 2 to 1\)"),
        ([("a", "b", -1, 1)], r"a → b \(lag -1 to 1\)"),
        ([("a", "b", 0.5, 1)], "lags are whole periods"),
    ],
)
def test_bad_links_are_named(links, message):
    with pytest.raises(ValueError, match=message):
        unroll(links)


def test_a_claim_against_the_same_period_order_is_refused():
    with pytest.raises(ValueError, match="loop within one period: x → y → x"):
        direct_controls([("y", "x", 0, 0)], "x", "y", lag=(0, 1))
    with pytest.raises(ValueError, match="cause and effect are the same: x"):
        direct_controls([], "x", "x", lag=(1, 1))
    with pytest.raises(ValueError, match="own lags of x are -1"):
        direct_controls([], "x", "y", lag=(1, 1), own_lags=-1)
