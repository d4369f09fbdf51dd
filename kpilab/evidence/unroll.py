"""The map unrolled in time: which lagged values must be held fixed before an arrow can be judged.

A link says that a KPI moves another so many periods later, so the map of KPIs may have loops, but the map
of KPIs *at points in time* has none. Every lagged node keeps its own parents: without them a confounder
of the past looks harmless.

Times are relative to now: the node ``("wait", -2)`` is the KPI two periods ago; a control ``("wait", 2)``
is the same value, counted as a lag.
"""

import operator
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import networkx as nx

TimedKpi: TypeAlias = tuple[str, int]
Control: TypeAlias = tuple[str, int]
OwnLags: TypeAlias = int | Mapping[str, int]

PAST: TimedKpi = ("everything before the window", 0)


class LaggedLink(NamedTuple):
    """An arrow of the map: the cause of any of ``lag_from``..``lag_to`` periods ago moves the effect now."""

    cause: str
    effect: str
    lag_from: int
    lag_to: int

    def __str__(self) -> str:
        return f"{self.cause} → {self.effect} (lag {self.lag_from} to {self.lag_to})"


@dataclass(frozen=True)
class DeniedArrow:
    """One arrow that the map denies: given the controls, the cause so long ago tells nothing of the effect.

    Parameters
    ----------
    cause, effect : str
    lag : int
        Periods, 0 or more.
    controls : tuple of (kpi, lag)
        The parents of both, without the terms that the link equation has anyway.
    """

    cause: str
    effect: str
    lag: int
    controls: tuple[Control, ...]


class _LinkTerms(NamedTuple):
    """The link equation's own terms: what is tested and what it always holds fixed."""

    tested: frozenset[Control]
    always: frozenset[Control]
    longest: int


def unroll(
    links: Iterable[tuple[str, str, int, int]],
    own_lags: OwnLags = 1,
    *,
    depth: int | None = None,
    names: Iterable[str] = (),
) -> nx.DiGraph:
    """Unroll the map over the present and `depth` periods before it.

    Parameters
    ----------
    links : iterable of (cause, effect, lag_from, lag_to)
        Lags in periods, 0 or more.
    own_lags : int or mapping of KPI to int
        How many of its own past values move a KPI; in a mapping, a KPI that is not named has one.
    depth : int, optional
        Periods before the present; twice the longest lag when not given.
    names : iterable of str
        KPIs to include although no link names them.

    Returns
    -------
    networkx.DiGraph
        Nodes ``(kpi, -k)`` for k from 0 to `depth`, and `PAST`. The earliest nodes have parents before the
        window. Leaving those out would make them look independent, so `PAST`, a latent parent of each of
        them, stands in: every separation found in the window is then true of the endless map, while one
        that needs values older than the window may be missed. Pass ``latents=[PAST]`` to `graph`'s
        functions.

    Raises
    ------
    ValueError
        When a link's lags are not whole periods in order, or a loop has no lag; the loop is named.

    Examples
    --------
    >>> graph = unroll([("staff", "wait", 1, 1)], depth=2)
    >>> sorted(graph.predecessors(("wait", -1)))
    [('staff', -2), ('wait', -2)]
    >>> PAST in graph.predecessors(("wait", -2))
    True
    """
    parents = _parents(links, own_lags, names)
    periods = 2 * _longest_lag(parents) if depth is None else depth
    return _unrolled(parents, periods)


def find_same_period_loops(links: Iterable[tuple[str, str, int, int]]) -> list[tuple[str, ...]]:
    """Find loops without a lag: each of their links may act within the same period.

    Returns
    -------
    list of tuple of str
        For every link that lies in such a loop the shortest one through it, each loop once, starting at its
        first name, sorted. Empty when every loop contains a lag of one period or more.

    Examples
    --------
    >>> find_same_period_loops([("a", "b", 0, 2), ("b", "a", 0, 0), ("b", "c", 0, 1), ("c", "b", 1, 1)])
    [('a', 'b')]
    """
    return _loops(nx.DiGraph([(link.cause, link.effect) for link in _read(links) if link.lag_from == 0]))


def has_return_path(links: Iterable[tuple[str, str, int, int]], cause: str, effect: str) -> bool:
    """Tell whether the effect comes back to the cause along the map's arrows, at whatever lag.

    Then today's effect rightly moves tomorrow's cause, and a lead placebo says nothing.

    Examples
    --------
    >>> has_return_path([("price", "sales", 1, 1), ("sales", "price", 3, 3)], "price", "sales")
    True
    """
    arrows = nx.DiGraph([(link.cause, link.effect) for link in _read(links)])
    return effect in arrows and cause in arrows and nx.has_path(arrows, effect, cause)


def direct_controls(
    links: Iterable[tuple[str, str, int, int]],
    cause: str,
    effect: str,
    *,
    lag: tuple[int, int],
    own_lags: OwnLags = 1,
    names: Iterable[str] | None = None,
    sparse: bool = False,
) -> tuple[Control, ...] | None:
    """Choose the controls with which the link equation tests the arrow ``cause → effect`` over `lag`.

    The equation is ``y[t] ~ mean(x[t-a..t-b]) + x[t-b-1] + y[t-1..t-p] + controls``. The controls are all
    other declared causes of y at all their lags: given its causes, a KPI is unrelated to everything that
    does not follow from it (the local Markov property), so mediators and confounders of every length are
    blocked and what is left over is new each period, as standard errors without a correction for
    autocorrelation require. Values of the same period enter only where the map declares them causes of y.

    Parameters
    ----------
    links : iterable of (cause, effect, lag_from, lag_to)
        The whole map; whether the tested arrow is among them does not matter.
    cause, effect : str
    lag : (int, int)
        First and last lag of the claim, a ≤ b, periods.
    own_lags : int or mapping of KPI to int
        Own-lag order of the KPIs; that of the effect is the equation's p.
    names : iterable of str, optional
        The KPIs that are measured at the link's level. Causes of y outside it are latent, and where the rest
        of its causes doesn't block every path, further measured past values are taken in. All when not given.
    sparse : bool
        Drop each control, the longest lag first, that is not needed to block a path. Fewer regressors, for
        short histories; the price is an error that may carry over from one period to the next.

    Returns
    -------
    tuple of (kpi, lag), or None
        Sorted by name and lag; None when no set of measured values within the window is valid.

    Raises
    ------
    ValueError
        When cause and effect coincide, a lag is not valid, or with the tested arrow a loop has no lag.

    References
    ----------
    Pearl (2009), Causality, 2nd ed., theorem 1.2.7 and section 4.5.3. Runge, Nowack, Kretschmer, Flaxman &
    Sejdinovic (2019), Science Advances 5 (conditioning on lagged parents).

    Examples
    --------
    >>> chain = [("beds", "flow", 1, 1), ("flow", "wait", 0, 1), ("beds", "wait", 1, 2)]
    >>> direct_controls(chain, "beds", "wait", lag=(1, 2))
    (('flow', 0), ('flow', 1))
    >>> direct_controls(chain[:1], "beds", "wait", lag=(1, 2))
    ()
    """
    declared = tuple(links)
    parents, terms = _tested(declared, cause, effect, lag, own_lags)
    measured = set(parents) if names is None else {*names, cause, effect}
    others = parents[effect] - terms.tested - terms.always
    candidates = {(kpi, ago) for kpi, ago in others if kpi in measured}
    complete = candidates == others
    if complete and not sparse:
        return tuple(sorted(candidates))
    graph = _unrolled(parents, 2 * terms.longest)
    _cut(graph, effect, terms)
    valid = candidates if complete else _completed(graph, effect, terms, candidates, measured)
    if valid is not None and sparse:
        valid = _thinned(graph, effect, terms, valid)
    return None if valid is None else tuple(sorted(valid))


def controls_suffice(
    links: Iterable[tuple[str, str, int, int]],
    cause: str,
    effect: str,
    controls: Iterable[Control],
    *,
    lag: tuple[int, int],
    own_lags: OwnLags = 1,
) -> bool:
    """Tell whether the controls block every path but the tested arrow, by d-separation on the unrolled map.

    The arrows from the cause over `lag` into the present effect are cut; all others, the same arrow into
    earlier values of the effect included, stay. Held fixed are the controls and the link equation's own
    terms. Parameters and errors as for `direct_controls`.

    Examples
    --------
    >>> fork = [("season", "beds", 0, 0), ("season", "wait", 0, 0)]
    >>> controls_suffice(fork, "beds", "wait", [], lag=(0, 0))
    False
    >>> controls_suffice(fork, "beds", "wait", [("season", 0)], lag=(0, 0))
    True
    """
    held = set(controls)
    parents, terms = _tested(tuple(links), cause, effect, lag, own_lags)
    for kpi, _ in held:
        parents.setdefault(kpi, set())
    graph = _unrolled(parents, max([2 * terms.longest, *(periods for _, periods in held)]))
    _cut(graph, effect, terms)
    return _blocked(graph, effect, terms, held)


def denied_arrows(
    links: Iterable[tuple[str, str, int, int]],
    longest_lag: int,
    *,
    own_lags: OwnLags = 1,
    names: Iterable[str] = (),
) -> tuple[DeniedArrow, ...]:
    """List every arrow that the map denies: Shipley's basis set on the unrolled map, up to the present.

    Each pair of a KPI now and another KPI `lag` periods ago without an arrow is unrelated given the causes
    of both. Time repeats itself, so a pair is listed once and not for each period; within one period the
    KPI that comes first along the arrows counts as the cause, by name where the arrows leave it open. How far
    a KPI remembers itself is no claim of the map and is left out.

    Parameters
    ----------
    links : iterable of (cause, effect, lag_from, lag_to)
    longest_lag : int
        The longest lag to ask about, periods, 0 or more.
    own_lags, names
        As for `unroll`.

    Returns
    -------
    tuple of DeniedArrow
        Sorted by cause, effect and lag.

    Raises
    ------
    ValueError
        As for `unroll`.

    References
    ----------
    Shipley (2000), Structural Equation Modeling 7(2), 206–218.

    Examples
    --------
    >>> [(d.cause, d.effect, d.lag) for d in denied_arrows([("x", "y", 1, 1)], 1)]
    [('x', 'y', 0), ('y', 'x', 1)]
    """
    parents = _parents(links, own_lags, names)
    order = {kpi: place for place, kpi in enumerate(nx.lexicographical_topological_sort(_at_once(parents)))}
    return tuple(
        DeniedArrow(cause, effect, lag, _basis_controls(parents, cause, effect, lag))
        for cause in sorted(parents)
        for effect in sorted(parents)
        for lag in range(longest_lag + 1)
        if cause != effect
        and (cause, lag) not in parents[effect]
        and (lag > 0 or order[cause] < order[effect])
    )


def _read(links: Iterable[tuple[str, str, int, int]]) -> tuple[LaggedLink, ...]:
    return tuple(_checked_link(*link) for link in links)


def _checked_link(cause: str, effect: str, lag_from: int, lag_to: int) -> LaggedLink:
    link = LaggedLink(cause, effect, lag_from, lag_to)
    try:
        lags = operator.index(lag_from), operator.index(lag_to)
    except TypeError as error:
        raise ValueError(f"link {link}: lags are whole periods") from error
    if not 0 <= lags[0] <= lags[1]:
        raise ValueError(f"link {link}: lags are 0 or more and the first is not above the last")
    return LaggedLink(cause, effect, *lags)


def _parents(
    links: Iterable[tuple[str, str, int, int]], own_lags: OwnLags, names: Iterable[str] = ()
) -> dict[str, set[Control]]:
    """Collect what moves each KPI: its causes and its own past, with the lags."""
    checked = _read(links)
    ends = {kpi for link in checked for kpi in (link.cause, link.effect)}
    parents = {kpi: _own_past(kpi, own_lags) for kpi in sorted(ends.union(names))}
    for link in checked:
        parents[link.effect] |= {(link.cause, lag) for lag in range(link.lag_from, link.lag_to + 1)}
    loops = _loops(_at_once(parents))
    if loops:
        named = "; ".join(" → ".join((*loop, loop[0])) for loop in loops)
        raise ValueError(
            f"loop within one period: {named}; give one of its links a lag of one period or more"
        )
    return parents


def _own_past(kpi: str, own_lags: OwnLags) -> set[Control]:
    order = own_lags.get(kpi, 1) if isinstance(own_lags, Mapping) else own_lags
    if order < 0:
        raise ValueError(f"own lags of {kpi} are {order}; use 0 or more")
    return {(kpi, lag) for lag in range(1, order + 1)}


def _at_once(parents: Mapping[str, set[Control]]) -> nx.DiGraph:
    """Draw the arrows that act within one period, between all KPIs."""
    graph: nx.DiGraph = nx.DiGraph()
    graph.add_nodes_from(parents)
    graph.add_edges_from((kpi, effect) for effect in parents for kpi, lag in parents[effect] if lag == 0)
    return graph


def _loops(graph: nx.DiGraph) -> list[tuple[str, ...]]:
    loops = set()
    circle = {
        kpi: place for place, kpis in enumerate(nx.strongly_connected_components(graph)) for kpi in kpis
    }
    for cause, effect in graph.edges:
        if circle[cause] == circle[effect]:
            loop = nx.shortest_path(graph, effect, cause)
            first = loop.index(min(loop))
            loops.add((*loop[first:], *loop[:first]))
    return sorted(loops)


def _longest_lag(parents: Mapping[str, set[Control]]) -> int:
    return max((lag for causes in parents.values() for _, lag in causes), default=0)


def _unrolled(parents: Mapping[str, set[Control]], depth: int) -> nx.DiGraph:
    graph: nx.DiGraph = nx.DiGraph()
    graph.add_nodes_from((kpi, -ago) for kpi in parents for ago in range(depth + 1))
    graph.add_node(PAST)
    for kpi, causes in parents.items():
        for ago in range(depth + 1):
            graph.add_edges_from(
                ((cause, -ago - lag) if ago + lag <= depth else PAST, (kpi, -ago)) for cause, lag in causes
            )
    return graph


def _tested(
    links: tuple[tuple[str, str, int, int], ...],
    cause: str,
    effect: str,
    lag: tuple[int, int],
    own_lags: OwnLags,
) -> tuple[dict[str, set[Control]], _LinkTerms]:
    """Add the tested arrow to the map and list the terms of its equation."""
    if cause == effect:
        raise ValueError(f"cause and effect are the same: {cause}")
    first, last = lag
    parents = _parents([*links, (cause, effect, first, last)], own_lags)
    past = _own_past(effect, own_lags)
    terms = _LinkTerms(
        tested=frozenset((cause, ago) for ago in range(first, last + 1)),
        always=frozenset({(cause, last + 1), *past}),
        longest=max(_longest_lag(parents), last + 1),
    )
    return parents, terms


def _cut(graph: nx.DiGraph, effect: str, terms: _LinkTerms) -> None:
    graph.remove_edges_from(((kpi, -ago), (effect, 0)) for kpi, ago in terms.tested)


def _blocked(graph: nx.DiGraph, effect: str, terms: _LinkTerms, controls: set[Control]) -> bool:
    return nx.is_d_separator(graph, _nodes(terms.tested), (effect, 0), _nodes(controls | terms.always))


def _nodes(controls: Iterable[Control]) -> set[TimedKpi]:
    return {(kpi, -ago) for kpi, ago in controls}


def _completed(
    graph: nx.DiGraph, effect: str, terms: _LinkTerms, candidates: set[Control], measured: set[str]
) -> set[Control] | None:
    """Add measured past values until every path around an unmeasured cause is blocked, if that is possible."""
    held = _nodes(candidates | terms.always)
    usable = {(kpi, time) for kpi, time in graph if time < 0 and kpi in measured}
    found = nx.find_minimal_d_separator(
        graph,
        _nodes(terms.tested),
        (effect, 0),
        included=held,
        restricted=(usable | held) - _nodes(terms.tested),
    )
    return None if found is None else {(kpi, -time) for kpi, time in found} - terms.always


def _thinned(graph: nx.DiGraph, effect: str, terms: _LinkTerms, controls: set[Control]) -> set[Control]:
    kept = set(controls)
    for control in sorted(controls, key=lambda control: (-control[1], control[0])):
        if _blocked(graph, effect, terms, kept - {control}):
            kept.remove(control)
    return kept


def _basis_controls(
    parents: Mapping[str, set[Control]], cause: str, effect: str, lag: int
) -> tuple[Control, ...]:
    earlier = {(kpi, lag + ago) for kpi, ago in parents[cause]}
    own_terms = {(cause, lag), (cause, lag + 1), *(term for term in parents[effect] if term[0] == effect)}
    return tuple(sorted((parents[effect] | earlier) - own_terms))
