"""Controls and independencies against dagitty, the literature and brute force."""

import json
from itertools import chain, combinations
from pathlib import Path

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kpilab.evidence.graph import (
    Independence,
    adjustment_sets,
    basis_set,
    implied_independencies,
    with_latent_parents,
)

DAGITTY = Path(__file__).parents[2] / "shared" / "reference" / "G04_dagitty_adjustment__js.json"
CLASSICS = json.loads((Path(__file__).parent / "reference" / "classic_graphs.json").read_text())["graphs"]


def dagitty_cases():
    if not DAGITTY.exists():
        return [
            pytest.param(
                None,
                marks=pytest.mark.skip(
                    reason="dagitty's answers (GPL) are not shipped: put shared/reference beside the project"
                ),
            )
        ]
    return [pytest.param(case, id=case["name"]) for case in json.loads(DAGITTY.read_text())]


def map_of(case):
    graph = nx.DiGraph((e["from"], e["to"]) for e in case["edges"] if e["type"] == "->")
    graph.add_nodes_from(case["nodes"])
    pairs = [(e["from"], e["to"]) for e in case["edges"] if e["type"] == "<->"]
    graph, latents = with_latent_parents(graph, pairs)
    return graph, latents | set(case["latents"])


def sets(listed):
    return {frozenset(members) for members in listed}


@pytest.mark.parametrize("kind", ["total", "direct"])
@pytest.mark.parametrize("case", dagitty_cases())
def test_adjustment_sets_match_dagitty(case, kind):
    graph, latents = map_of(case)
    (cause,), (effect,) = case["exposures"], case["outcomes"]
    assert adjustment_sets(graph, cause, effect, kind, latents) == sets(case[f"min_adjustment_{kind}"])


@pytest.mark.parametrize("case", dagitty_cases())
def test_implied_independencies_match_dagitty(case):
    if "minimal_implications" not in case:
        pytest.skip("too many to be listed in the reference")
    expected = {
        Independence(*sorted((claim["x"], claim["y"])), frozenset(claim["given"]))
        for claim in case["minimal_implications"]
    }
    assert implied_independencies(*map_of(case)) == expected


@pytest.mark.parametrize("case", CLASSICS, ids=lambda case: case["name"])
def test_adjustment_sets_match_the_literature(case):
    graph = nx.DiGraph(map(tuple, case["edges"]))
    found = {
        kind: adjustment_sets(graph, case["cause"], case["effect"], kind, case["latents"])
        for kind in case["answers"]
    }
    assert found == {kind: sets(listed) for kind, listed in case["answers"].items()}


@st.composite
def small_maps(draw, largest=6):
    """Draw a map on the letters a, b, …, some of them latent, and two observed nodes in any order."""
    names = "abcdefgh"[: draw(st.integers(3, largest))]
    arrows = [pair for pair in combinations(names, 2) if draw(st.booleans())]
    graph = nx.DiGraph(arrows)
    graph.add_nodes_from(names)
    order = draw(st.permutations(names))
    latents = frozenset(order[2 : 2 + draw(st.integers(0, len(names) - 2))])
    return graph, order[0], order[1], latents


def subsets(nodes):
    listed = sorted(nodes)
    return map(frozenset, chain.from_iterable(combinations(listed, size) for size in range(len(listed) + 1)))


def minimal(valid):
    listed = set(valid)
    return {members for members in listed if not any(other < members for other in listed)}


def path_is_open(graph, path, held):
    for before, node, after in zip(path, path[1:], path[2:], strict=False):
        collides = graph.has_edge(before, node) and graph.has_edge(after, node)
        if collides and not held & ({node} | nx.descendants(graph, node)):
            return False
        if not collides and node in held:
            return False
    return True


def brute_force_total(graph, cause, effect, latents):
    """Apply the adjustment criterion path by path, from its definition."""
    paths = list(nx.all_simple_paths(graph.to_undirected(), cause, effect))
    causal = [path for path in paths if nx.is_path(graph, path)]
    others = [path for path in paths if path not in causal]
    on_causal = {node for path in causal for node in path[1:]}
    forbidden = on_causal.union(
        *(nx.descendants(graph, node) for node in on_causal), latents, {cause, effect}
    )
    return minimal(
        held
        for held in subsets(set(graph) - forbidden)
        if not any(path_is_open(graph, path, held) for path in others)
    )


def brute_force_direct(graph, cause, effect, latents):
    cut = graph.copy()
    cut.remove_edges_from([(cause, effect)])
    allowed = set(graph) - nx.descendants(graph, effect) - latents - {cause, effect}
    if cut.has_edge(effect, cause):
        return set()
    return minimal(held for held in subsets(allowed) if nx.is_d_separator(cut, cause, effect, held))


@settings(max_examples=200, deadline=None)
@given(small_maps())
def test_total_sets_match_brute_force(drawn):
    graph, cause, effect, latents = drawn
    assert adjustment_sets(graph, cause, effect, "total", latents) == brute_force_total(*drawn)


@settings(max_examples=200, deadline=None)
@given(small_maps())
def test_direct_sets_match_brute_force(drawn):
    graph, cause, effect, latents = drawn
    assert adjustment_sets(graph, cause, effect, "direct", latents) == brute_force_direct(*drawn)


@settings(max_examples=100, deadline=None)
@given(small_maps())
def test_implied_independencies_match_brute_force(drawn):
    graph, _, _, latents = drawn
    expected = {
        Independence(x, y, held)
        for x, y in combinations(sorted(set(graph) - latents), 2)
        if not graph.has_edge(x, y)
        for held in minimal(
            held for held in subsets(set(graph) - latents - {x, y}) if nx.is_d_separator(graph, x, y, held)
        )
    }
    assert implied_independencies(graph, latents) == expected


@settings(max_examples=100, deadline=None)
@given(small_maps())
def test_basis_set_claims_each_separable_pair_once(drawn):
    graph, _, _, latents = drawn
    claims = basis_set(graph, latents)
    separable = {(claim.x, claim.y) for claim in implied_independencies(graph, latents)}
    assert sorted((claim.x, claim.y) for claim in claims) == sorted(separable)
    assert all(nx.is_d_separator(graph, x, y, held) and not held & latents for x, y, held in claims)


@settings(max_examples=100, deadline=None)
@given(small_maps())
def test_basis_set_without_latents_is_shipleys(drawn):
    graph = drawn[0]
    for x, y, held in basis_set(graph):
        assert held == set(graph.predecessors(x)) | set(graph.predecessors(y))


@settings(max_examples=50, deadline=None)
@given(small_maps())
def test_the_map_is_left_unchanged(drawn):
    graph, cause, effect, latents = drawn
    before = (list(graph.nodes), list(graph.edges))
    adjustment_sets(graph, cause, effect, "total", latents)
    adjustment_sets(graph, cause, effect, "direct", latents)
    basis_set(graph, latents)
    with_latent_parents(graph, [(cause, effect)])
    assert (list(graph.nodes), list(graph.edges)) == before


def test_no_set_and_nothing_needed_differ():
    confounded = nx.DiGraph([("u", "x"), ("u", "y"), ("x", "y")])
    assert adjustment_sets(confounded, "x", "y", latents=["u"]) == set()
    assert adjustment_sets(nx.DiGraph([("x", "y")]), "x", "y") == {frozenset()}


def test_unconnected_kpis_need_nothing():
    graph = nx.DiGraph([("x", "a"), ("y", "b")])
    assert adjustment_sets(graph, "x", "y", "total") == {frozenset()}
    assert Independence("x", "y", frozenset()) in implied_independencies(graph)


def test_direct_sets_hold_no_descendant_of_the_effect():
    """The only separator lies behind the effect, on its way back to the cause."""
    graph = nx.DiGraph([("y", "m"), ("m", "x")])
    assert adjustment_sets(graph, "x", "y", "direct") == set()


def test_a_large_map_answers_within_seconds():
    ladder = nx.DiGraph()
    for step in range(25):
        ladder.add_edges_from([((side, step), (side, step + 1)) for side in "ab"])
        ladder.add_edge(("a", step), ("b", step + 1))
    found = adjustment_sets(ladder, ("a", 3), ("b", 24), "total")
    assert found == {frozenset([("a", 2)]), frozenset([("b", 3)])}
    assert len(basis_set(ladder)) == 52 * 51 // 2 - ladder.number_of_edges()


@pytest.mark.parametrize(
    ("arrows", "cause", "effect", "options", "message"),
    [
        ([("x", "y"), ("y", "x")], "x", "y", {}, "loop within one period: x → y"),
        ([("x", "y")], "x", "z", {}, "not in the map: z"),
        ([("x", "y")], "x", "x", {}, "cause and effect are the same: x"),
        ([("x", "y")], "x", "y", {"latents": ["x"]}, "x is latent"),
        ([("x", "y")], "x", "y", {"latents": ["u"]}, "not in the map: u"),
        ([("x", "y")], "x", "y", {"kind": "indirect"}, "kind 'indirect' is unknown"),
    ],
)
def test_bad_input_is_named(arrows, cause, effect, options, message):
    with pytest.raises(ValueError, match=message):
        adjustment_sets(nx.DiGraph(arrows), cause, effect, **options)
