"""Which of several things to do within a budget: an integer program over scenario draws; arrays in, arrays out."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from scipy import optimize, sparse

CHEAPER = 1e-6


@dataclass(frozen=True, eq=False)
class Choice:
    """A set of things to do.

    Attributes
    ----------
    chosen : ndarray of bool, shape (A,)
    value : float
        Of the program: the share of its draws in which the goals are met, or the expected value.
    feasible : bool
        False when what was asked for contradicts itself; then nothing is chosen.
    """

    chosen: np.ndarray
    value: float
    feasible: bool


@dataclass(frozen=True, eq=False)
class Program:
    """The choice as arrays.

    Attributes
    ----------
    cost : ndarray, shape (A,)
    gap : ndarray, shape (G, R)
        How much is missing to meet each goal in each draw if nothing is done; zero or below is met.
    gain : ndarray, shape (A, G, R)
        By how much each action narrows the gap.
    worth : ndarray, shape (A,)
        Expected value of each action; counts only where `goals` is empty.
    goals : tuple of tuple of int
        Sets of goals that must be met together to count; each set counts the same.
    requires, excludes : tuple of (action, other)
    """

    cost: np.ndarray
    gap: np.ndarray
    gain: np.ndarray
    worth: np.ndarray
    goals: tuple[tuple[int, ...], ...]
    requires: tuple[tuple[int, int], ...] = ()
    excludes: tuple[tuple[int, int], ...] = ()

    def met(self, chosen: np.ndarray) -> np.ndarray:
        """Return which goals are met in which draws, shape (G, R)."""
        return self.gap - np.tensordot(chosen.astype(float), self.gain, axes=1) <= 1e-12 * np.abs(self.gap)

    def share(self, chosen: np.ndarray) -> float:
        """Return in which share of the draws the sets of goals are met, averaged over the sets."""
        met = self.met(chosen)
        return float(np.mean([met[list(group)].all(axis=0) for group in self.goals])) if self.goals else 0.0


@dataclass(frozen=True)
class Demands:
    """What a choice must respect beside the budget.

    Parameters
    ----------
    fixed : mapping of action to bool
        Actions that must, or must not, be chosen.
    """

    budget: float
    fixed: Mapping[int, bool] = field(default_factory=dict)


def choose(program: Program, demands: Demands) -> Choice:
    """Solve the program with HiGHS.

    Notes
    -----
    One binary variable per action, and one per draw and set of goals that the actions could decide: it may be 1
    only if all goals of the set are met in that draw. Of equally good choices the cheapest is taken.

    References
    ----------
    Luedtke & Ahmed (2008), A sample approximation approach for optimization with probabilistic constraints,
    SIAM Journal on Optimization 19. Huangfu & Hall (2018), Parallelizing the dual revised simplex method,
    Mathematical Programming Computation 10 (HiGHS).
    """
    n_actions = len(program.cost)
    rows = _undecided(program)
    n_draws = program.gap.shape[1] or 1
    weight = 1 / (n_draws * max(len(program.goals), 1))
    total = float(program.cost.sum()) or 1.0
    payoff = program.worth if not program.goals else np.zeros(n_actions)
    objective = np.concatenate([-payoff + CHEAPER * program.cost / total, np.full(len(rows), -weight)])
    low, high = np.zeros(n_actions + len(rows)), np.ones(n_actions + len(rows))
    for action, wanted in demands.fixed.items():
        low[action] = high[action] = float(wanted)
    found = optimize.milp(
        objective,
        integrality=np.ones(len(objective)),
        bounds=optimize.Bounds(low, high),
        constraints=[_logic(program, demands.budget, len(rows)), *_met_only_if(program, rows)],
        options={"mip_rel_gap": 1e-4},
    )
    if found.x is None:
        return Choice(np.zeros(n_actions, dtype=bool), float("nan"), False)
    chosen = found.x[:n_actions] > 0.5
    value = program.share(chosen) if program.goals else float(program.worth[chosen].sum())
    return Choice(chosen, value, True)


def _undecided(program: Program) -> list[tuple[tuple[int, ...], int]]:
    """List the draws of each set of goals that some choice may meet and another may not."""
    best = program.gap - np.maximum(program.gain, 0).sum(axis=0)
    worst = program.gap - np.minimum(program.gain, 0).sum(axis=0)
    found = []
    for group in program.goals:
        at = list(group)
        possible = (best[at] <= 0).all(axis=0)
        sure = (worst[at] <= 0).all(axis=0)
        found += [(group, int(draw)) for draw in np.flatnonzero(possible & ~sure)]
    return found


def _logic(program: Program, budget: float, n_rows: int) -> optimize.LinearConstraint:
    """Budget, what needs what, and what rules out what."""
    n_actions = len(program.cost)
    rows, limits = [program.cost], [budget * (1 + 1e-12)]
    for action, other in program.requires:
        rows.append(np.eye(n_actions)[action] - np.eye(n_actions)[other])
        limits.append(0.0)
    for action, other in program.excludes:
        rows.append(np.eye(n_actions)[action] + np.eye(n_actions)[other])
        limits.append(1.0)
    matrix = np.hstack([np.array(rows), np.zeros((len(rows), n_rows))])
    return optimize.LinearConstraint(sparse.csr_array(matrix), -np.inf, np.array(limits))


def _met_only_if(
    program: Program, rows: list[tuple[tuple[int, ...], int]]
) -> list[optimize.LinearConstraint]:
    """Let a draw count only if each of its goals is met: gain of the chosen ≥ gap, unless it does not count."""
    n_actions = len(program.cost)
    if not rows:
        return []
    lines, limits = [], []
    for row, (group, draw) in enumerate(rows):
        for goal in group:
            gain, gap = program.gain[:, goal, draw], program.gap[goal, draw]
            least = float(np.minimum(gain, 0).sum())
            line = np.zeros(n_actions + len(rows))
            line[:n_actions] = gain
            line[n_actions + row] = -(gap - least)
            lines.append(line)
            limits.append(least)
    return [optimize.LinearConstraint(sparse.csr_array(np.array(lines)), np.array(limits), np.inf)]
