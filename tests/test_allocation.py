"""The arithmetic of a split: by hand, against scipy's general solver, and properties."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import LinearConstraint, linprog, minimize

from kpilab.scorecard.allocation import (
    Lines,
    OutOfReach,
    equal,
    least_stretch,
    proportional,
    split,
    split_extreme,
    toward_best,
)

FREE = np.full(3, np.inf)


def family(start, coefficient, low=0.0, high=1.0):
    start = np.array(start, dtype=float)
    return Lines(
        start,
        np.zeros(len(start)),
        np.array(coefficient, dtype=float),
        np.full(len(start), low),
        np.full(len(start), high),
    )


def test_proportional_shrinks_the_distance_to_one_by_hand():
    lines = family([0.5, 0.8], [0.5, 0.5])  # roll-up 0.65, distance 0.35; to 0.825 half of it is left
    assert split(proportional(lines, 0.825, bounded=True), 0.825) == pytest.approx([0.75, 0.9], abs=1e-15)


def test_proportional_shrinks_the_distance_to_zero_on_the_way_down_by_hand():
    lines = family([0.1, 0.3], [0.25, 0.75])  # roll-up 0.25; to 0.2 four fifths are left
    assert split(proportional(lines, 0.2, bounded=True), 0.2) == pytest.approx([0.08, 0.24], abs=1e-15)


def test_proportional_is_the_same_percentage_where_there_is_no_bound_by_hand():
    lines = family([100, 300], [1, 1], high=np.inf)
    assert split(proportional(lines, 440, bounded=False), 440) == pytest.approx([110, 330])


def test_proportional_moves_losses_toward_profit_by_hand():
    lines = family([-100, 300], [1, 1], low=-np.inf, high=np.inf)  # a quarter of the size of each
    assert split(proportional(lines, 300, bounded=False), 300) == pytest.approx([-75, 375])


def test_equal_gives_everyone_the_parents_level_unless_locked_by_hand():
    lines = family([0.5, 0.8, 0.9], [0.5, 0.25, 0.25])
    assert split(equal(lines), 0.7) == pytest.approx([0.7] * 3)
    locked = Lines(lines.start, lines.slope, lines.coefficient, np.array([0.6, 0, 0]), np.array([0.6, 1, 1]))
    assert split(equal(locked), 0.7) == pytest.approx([0.6, 0.8, 0.8])


def test_gap_to_best_closes_the_same_share_of_every_gap_by_hand():
    lines = family([0.5, 0.7, 0.9], [1 / 3] * 3)  # roll-up 0.7; half of the gaps of 0.4, 0.2 and 0 is 0.1
    best = np.full(3, 0.9)
    assert split(toward_best(lines, best), 0.8) == pytest.approx([0.7, 0.8, 0.9])
    with pytest.raises(OutOfReach) as out:
        split(toward_best(lines, best), 0.91)
    assert out.value.high == pytest.approx(0.9)


def test_stretch_goes_where_values_move_anyway_by_hand():
    lines = family([10, 10], [1, 1], high=np.inf)  # σ² as 4 to 1
    ones = np.ones(2)
    target = 25.0
    moved = split(least_stretch(lines, target, np.array([2.0, 1.0]), ones, FREE[:2]), target)
    assert moved == pytest.approx([14, 11])


def test_nobody_goes_beyond_its_best_while_others_have_room_by_hand():
    lines = family([10, 10], [1, 1], high=np.inf)
    ones, variation, best = np.ones(2), np.array([2.0, 1.0]), np.array([12.0, 20.0])
    assert split(least_stretch(lines, 25.0, variation, ones, best), 25.0) == pytest.approx([12, 13])
    beyond = split(least_stretch(lines, 37.0, variation, ones, best), 37.0)  # 5 more than 12 + 20
    assert beyond == pytest.approx([16, 21])


def test_halving_a_child_changes_nothing_for_the_others():
    whole = family([0.7, 0.8], [0.6, 0.4])
    halves = family([0.7, 0.7, 0.8], [0.3, 0.3, 0.4])
    one = split(least_stretch(whole, 0.8, np.array([0.03, 0.05]), whole.coefficient, FREE[:2]), 0.8)
    two = split(least_stretch(halves, 0.8, np.array([0.03, 0.03, 0.05]), halves.coefficient, FREE), 0.8)
    assert two == pytest.approx([one[0], one[0], one[1]], abs=1e-14)


@st.composite
def problems(draw):
    """Draw a family with bounds and a target within them."""
    n = draw(st.integers(2, 7))
    numbers = lambda low, high: np.array(draw(st.lists(st.floats(low, high), min_size=n, max_size=n)))  # noqa: E731
    start, weight, variation = numbers(0.05, 0.95), numbers(0.01, 5), numbers(0.001, 0.2)
    low, high = start * numbers(0, 1), start + (1 - start) * numbers(0, 1)
    coefficient = weight / weight.sum()
    share = draw(st.floats(0, 1))
    target = float(coefficient @ (low + share * (high - low)))
    return Lines(start, np.zeros(n), coefficient, low, high), target, variation, numbers(0, 1)


def every_method(lines, target, variation, best):
    return [
        proportional(lines, target, bounded=True),
        equal(lines),
        least_stretch(lines, target, variation, lines.coefficient, best),
    ]


@given(problems())
@settings(max_examples=150, deadline=None)
def test_roll_up_of_a_split_is_the_target_within_bounds_for_every_method(problem):
    lines, target, variation, best = problem
    for moves in every_method(lines, target, variation, best):
        moved = split(moves, target)
        assert abs(lines.coefficient @ moved - target) <= 1e-12
        assert (moved >= lines.low).all()
        assert (moved <= lines.high).all()


@given(problems(), st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None)
def test_order_of_children_changes_nothing(problem, random):
    lines, target, variation, best = problem
    order = np.array(random.sample(range(len(best)), len(best)))
    shuffled = Lines(*(getattr(lines, name)[order] for name in Lines.__dataclass_fields__))
    pairs = zip(
        every_method(lines, target, variation, best),
        every_method(shuffled, target, variation[order], best[order]),
        strict=True,
    )
    for straight, mixed in pairs:
        assert split(mixed, target) == pytest.approx(split(straight, target)[order], abs=1e-9)


def general_solution(lines, target, variation):
    """Minimise the volume-weighted sum of squared stretches with scipy's trust-region solver."""
    answer = minimize(
        lambda t: lines.coefficient @ (((t - lines.start) / variation) ** 2),
        np.clip(lines.start, lines.low, lines.high),
        jac=lambda t: 2 * lines.coefficient * (t - lines.start) / variation**2,
        hess=lambda t: np.diag(2 * lines.coefficient / variation**2),
        method="trust-constr",
        bounds=list(zip(lines.low, lines.high, strict=True)),
        constraints=[LinearConstraint(lines.coefficient[None, :], target, target)],
        options={"gtol": 1e-12, "xtol": 1e-14, "maxiter": 3000},
    )
    return answer.x


@pytest.mark.parametrize("seed", range(6))
def test_least_stretch_is_the_optimum_that_scipys_general_solver_finds(seed):
    rng = np.random.default_rng(seed)
    n = 8
    start, weight, variation = rng.uniform(0.5, 0.9, n), rng.uniform(0.2, 2, n), rng.uniform(0.02, 0.1, n)
    high = np.minimum(start + rng.uniform(0.02, 0.2, n), 1)
    lines = Lines(start, np.zeros(n), weight / weight.sum(), np.zeros(n), high)
    target = float(lines.coefficient @ (start + 0.6 * (high - start)))
    ours = split(least_stretch(lines, target, variation, weight, np.full(n, np.inf)), target)
    assert ours == pytest.approx(general_solution(lines, target, variation), abs=1e-5)


@given(problems())
@settings(max_examples=60, deadline=None)
def test_reach_is_what_the_linear_programme_of_highs_finds(problem):
    lines, _, variation, best = problem
    moves = least_stretch(lines, 1.0, variation, lines.coefficient, np.full(len(best), np.inf))
    ends = [
        side
        * linprog(
            side * lines.coefficient, bounds=list(zip(lines.low, lines.high, strict=True)), method="highs"
        ).fun
        for side in (1, -1)
    ]
    assert moves.reach() == pytest.approx(ends, abs=1e-9)


def test_a_target_out_of_reach_says_what_can_be_reached():
    with pytest.raises(OutOfReach) as out:
        split(equal(family([0.5, 0.5], [0.5, 0.5], high=0.9)), 0.95)
    assert (out.value.low, out.value.high) == (0.0, 0.9)


@pytest.mark.parametrize(
    ("start", "target", "rule", "expected"),
    [
        ([3, 5, 9], 6, "min", [6, 6, 9]),
        ([3, 5, 9], 2, "min", [2, 5, 9]),
        ([3, 5, 9], 4, "max", [3, 4, 4]),
        ([3, 5, 9], 11, "max", [3, 5, 11]),
    ],
)
def test_smallest_and_largest_move_as_few_as_possible_by_hand(start, target, rule, expected):
    moved = split_extreme(np.array(start, dtype=float), -FREE, FREE, target, rule)
    assert moved.tolist() == expected


def test_smallest_is_out_of_reach_when_one_bound_is_below_it():
    with pytest.raises(OutOfReach) as out:
        split_extreme(np.array([3.0, 5, 9]), -FREE, np.array([4, np.inf, np.inf]), 6, "min")
    assert out.value.high == 4
