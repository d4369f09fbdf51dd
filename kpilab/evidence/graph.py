"""What a map implies: which controls isolate an effect, which independencies history must show.

A map is a directed acyclic `networkx.DiGraph`. A bidirected edge (two KPIs share a cause that nobody
measures) is a latent parent of both: `with_latent_parents` adds it, and its name is passed in `latents`.

Every question is reduced to one: the minimal separators of two nodes in the moral graph of their
ancestors (Lauritzen, Dawid, Larsen & Leimer 1990), where nodes that may not be conditioned on are
eliminated first.
"""

from collections.abc import Hashable, Iterable
from itertools import combinations
from typing import Literal, NamedTuple, TypeAlias

import networkx as nx

Node: TypeAlias = Hashable
NodeSet: TypeAlias = frozenset[Node]


class Independence(NamedTuple):
    """One independence that a map implies: x and y are unrelated once `given` is held fixed.

    Parameters
    ----------
    x, y : node
        In the order of their text, so that a pair has one form.
    given : frozenset of nodes
    """

    x: Node
    y: Node
    given: NodeSet

    def __str__(self) -> str:
        condition = ", ".join(sorted(map(str, self.given)))
        return f"{self.x} ⟂ {self.y}" + (f" | {condition}" if condition else "")


def adjustment_sets(
    graph: nx.DiGraph,
    cause: Node,
    effect: Node,
    kind: Literal["direct", "total"] = "direct",
    latents: Iterable[Node] = (),
) -> set[NodeSet]:
    """Find every minimal set of controls that isolates the effect of `cause` on `effect`.

    Parameters
    ----------
    graph : networkx.DiGraph
        Acyclic.
    cause, effect : node
    kind : {"direct", "total"}
        ``direct``: what separates the two once the arrow is removed; no descendant of the effect.
        ``total``: the adjustment criterion: what blocks every path that is not causal; no descendant of a
        node on a causal path (the cause itself aside).
    latents : iterable of nodes
        Unobserved nodes: never part of a set.

    Returns
    -------
    set of frozenset
        Empty when no set exists, ``{frozenset()}`` when nothing is needed.

    Raises
    ------
    ValueError
        When the graph has a cycle, a node is not in it, cause and effect coincide or are latent.

    References
    ----------
    Pearl (2009), Causality, 2nd ed., section 4.5.3 (direct effects). Shpitser, VanderWeele & Robins (2010), UAI.
    van der Zander, Liśkiewicz & Textor (2014), UAI; (2019), Artificial Intelligence 270 (the back-door graph
    and its separators). Perković, Textor, Kalisch & Maathuis (2018), JMLR 18.

    Examples
    --------
    >>> chain = nx.DiGraph([("x", "m"), ("m", "y"), ("x", "y"), ("z", "x"), ("z", "y")])
    >>> sorted(map(sorted, adjustment_sets(chain, "x", "y", "direct")))
    [['m', 'z']]
    >>> sorted(map(sorted, adjustment_sets(chain, "x", "y", "total")))
    [['z']]
    """
    hidden = _checked(graph, latents)
    _check_pair(graph, cause, effect, hidden)
    if kind == "direct":
        pruned, forbidden = _without_arrow(graph, cause, effect), nx.descendants(graph, effect)
    elif kind == "total":
        pruned, forbidden = _back_door_graph(graph, cause, effect)
    else:
        raise ValueError(f"kind '{kind}' is unknown; use 'direct' or 'total'")
    return _minimal_separators(pruned, cause, effect, hidden | forbidden)


def implied_independencies(graph: nx.DiGraph, latents: Iterable[Node] = ()) -> set[Independence]:
    """Find every independence between two observed nodes with every minimal set that brings it about.

    Parameters
    ----------
    graph : networkx.DiGraph
        Acyclic.
    latents : iterable of nodes
        Unobserved: neither independent nor held fixed.

    Returns
    -------
    set of Independence
        One per pair without an arrow and minimal separating set. A pair without any set is absent: nothing
        that history could contradict.

    Raises
    ------
    ValueError
        When the graph has a cycle or a latent node is not in it.

    Notes
    -----
    The number of minimal sets can grow exponentially with the graph; `basis_set` has one claim per pair.

    References
    ----------
    Pearl (2009), section 1.2.3. Textor, van der Zander, Gilthorpe, Liśkiewicz & Ellison (2016), International
    Journal of Epidemiology 45 (whose program lists the same).

    Examples
    --------
    >>> [str(claim) for claim in implied_independencies(nx.DiGraph([("x", "m"), ("m", "y")]))]
    ['x ⟂ y | m']
    """
    hidden = _checked(graph, latents)
    return {
        Independence(x, y, given)
        for x, y in _nonadjacent(graph, hidden)
        for given in _minimal_separators(graph, x, y, hidden)
    }


def basis_set(graph: nx.DiGraph, latents: Iterable[Node] = ()) -> set[Independence]:
    """Find Shipley's basis set: each pair without an arrow, given the parents of both.

    All other independencies of the map follow from these, and on a map without latents their p-values are
    independent, so that Fisher's C combines them.

    Parameters
    ----------
    graph : networkx.DiGraph
        Acyclic.
    latents : iterable of nodes
        Unobserved. Where the observed parents of a pair do not separate it, a minimal separating set of
        observed nodes stands in; where there is none the pair claims nothing and is absent.

    Returns
    -------
    set of Independence

    Raises
    ------
    ValueError
        When the graph has a cycle or a latent node is not in it.

    References
    ----------
    Shipley (2000), Structural Equation Modeling 7(2), 206–218.

    Examples
    --------
    >>> [str(claim) for claim in basis_set(nx.DiGraph([("a", "x"), ("b", "y"), ("x", "y")]), latents=["a"])]
    ['b ⟂ x']
    """
    hidden = _checked(graph, latents)
    observed = set(graph) - hidden
    claims = ((x, y, _basis_condition(graph, x, y, observed)) for x, y in _nonadjacent(graph, hidden))
    return {Independence(x, y, given) for x, y, given in claims if given is not None}


def with_latent_parents(graph: nx.DiGraph, pairs: Iterable[tuple[Node, Node]]) -> tuple[nx.DiGraph, NodeSet]:
    """Add an unobserved common cause for each pair: what other notations draw as a bidirected edge.

    Returns
    -------
    networkx.DiGraph
        A new graph; the given one is unchanged.
    frozenset of str
        The names of the added nodes, for `latents`.

    Raises
    ------
    ValueError
        When a node is not in the graph.

    Examples
    --------
    >>> graph, latents = with_latent_parents(nx.DiGraph([("x", "y")]), [("x", "y")])
    >>> adjustment_sets(graph, "x", "y", latents=latents)
    set()
    """
    extended, added = graph.copy(), []
    for first, second in pairs:
        _check_known(graph, (first, second))
        latent = f"latent({first}, {second})"
        extended.add_edges_from([(latent, first), (latent, second)])
        added.append(latent)
    return extended, frozenset(added)


def _checked(graph: nx.DiGraph, latents: Iterable[Node]) -> set[Node]:
    """Return the latent nodes as a set, after checking them and that the graph is acyclic."""
    if not nx.is_directed_acyclic_graph(graph):
        loop = " → ".join(str(cause) for cause, *_ in nx.find_cycle(graph))
        raise ValueError(f"the map has a loop within one period: {loop}; give one of its links a lag")
    hidden = set(latents)
    _check_known(graph, hidden)
    return hidden


def _check_pair(graph: nx.DiGraph, cause: Node, effect: Node, hidden: set[Node]) -> None:
    _check_known(graph, (cause, effect))
    if cause == effect:
        raise ValueError(f"cause and effect are the same: {cause}")
    unobserved = [str(node) for node in (cause, effect) if node in hidden]
    if unobserved:
        raise ValueError(f"{unobserved[0]} is latent: its effect can't be isolated by controls")


def _check_known(graph: nx.DiGraph, nodes: Iterable[Node]) -> None:
    unknown = sorted(str(node) for node in nodes if node not in graph)
    if unknown:
        raise ValueError(f"not in the map: {', '.join(unknown)}")


def _nonadjacent(graph: nx.DiGraph, hidden: set[Node]) -> list[tuple[Node, Node]]:
    """List the observed pairs without an arrow, each in the order of its text."""
    observed = sorted((node for node in graph if node not in hidden), key=str)
    pairs = combinations(observed, 2)
    return [(x, y) for x, y in pairs if not graph.has_edge(x, y) and not graph.has_edge(y, x)]


def _basis_condition(graph: nx.DiGraph, x: Node, y: Node, observed: set[Node]) -> NodeSet | None:
    parents = (set(graph.predecessors(x)) | set(graph.predecessors(y))) & observed
    if nx.is_d_separator(graph, x, y, parents):
        return frozenset(parents)
    stand_in = nx.find_minimal_d_separator(graph, x, y, restricted=observed)
    return None if stand_in is None else frozenset(stand_in)


def _without_arrow(graph: nx.DiGraph, cause: Node, effect: Node) -> nx.Graph:
    return nx.restricted_view(graph, [], [(cause, effect)] if graph.has_edge(cause, effect) else [])


def _back_door_graph(graph: nx.DiGraph, cause: Node, effect: Node) -> tuple[nx.Graph, set[Node]]:
    """Cut the first arrow of every causal path; also return the descendants of the nodes on those paths."""
    toward_effect = nx.ancestors(graph, effect) | {effect}
    on_path = nx.descendants(graph, cause) & toward_effect
    first_arrows = [(cause, child) for child in graph.successors(cause) if child in on_path]
    forbidden = on_path.union(*(nx.descendants(graph, node) for node in on_path))
    return nx.restricted_view(graph, [], first_arrows), forbidden


def _minimal_separators(graph: nx.Graph, x: Node, y: Node, forbidden: set[Node]) -> set[NodeSet]:
    """Find every minimal set that d-separates x from y without using a forbidden node."""
    ancestors = nx.ancestors(graph, x) | nx.ancestors(graph, y) | {x, y}
    moral = nx.moral_graph(graph.subgraph(ancestors))
    for node in (forbidden & ancestors) - {x, y}:
        _eliminate(moral, node)
    return set() if moral.has_edge(x, y) else _vertex_separators(moral, x, y)


def _eliminate(undirected: nx.Graph, node: Node) -> None:
    """Take a node out and join its neighbours: every path through it stays, and nothing can block it there."""
    neighbours = list(undirected[node])
    undirected.remove_node(node)
    undirected.add_edges_from(combinations(neighbours, 2))


def _vertex_separators(undirected: nx.Graph, x: Node, y: Node) -> set[NodeSet]:
    """Enumerate the minimal separators of two nodes that are not adjacent.

    Start with the one nearest to x; from each, move one of its nodes to the side of x and take the nearest
    again (Shen & Liang 1997, Theoretical Computer Science 180; Takata 2010, Discrete Applied Mathematics 158).
    """
    nearest = _boundary_of_far_side(undirected, {x}, y)
    found, waiting = {nearest}, [nearest]
    while waiting:
        separator = waiting.pop()
        near_side = _component(undirected, separator, x)
        for node in separator - set(undirected[y]):
            further = _boundary_of_far_side(undirected, near_side | {node}, y)
            if further not in found:
                found.add(further)
                waiting.append(further)
    return found


def _boundary_of_far_side(undirected: nx.Graph, near_side: set[Node], y: Node) -> NodeSet:
    """Return the nodes next to what is left of y's side when `near_side` and its neighbours are taken out."""
    closed = near_side.union(*(undirected[node] for node in near_side))
    return frozenset(nx.node_boundary(undirected, _component(undirected, closed, y)))


def _component(undirected: nx.Graph, removed: Iterable[Node], node: Node) -> set[Node]:
    return set(nx.node_connected_component(nx.restricted_view(undirected, removed, []), node))
