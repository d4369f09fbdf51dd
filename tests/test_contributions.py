"""A change divided among those who make it: published examples, paper arithmetic, and properties."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpilab.scorecard.contributions import (
    Sums,
    extreme_contributions,
    is_simpsons_paradox,
    quotient_contributions,
    rate_and_mix,
    sum_contributions,
)

# Charig, Webb, Payne & Wickham (1986), BMJ 292: success of open surgery and of percutaneous nephrolithotomy
# for kidney stones under and over 2 cm.
OPEN_SURGERY = Sums(np.array([81.0, 192.0]), np.array([87.0, 263.0]))
PERCUTANEOUS = Sums(np.array([234.0, 55.0]), np.array([270.0, 80.0]))

counts = st.integers(0, 1000).map(float)
cells = st.one_of(st.just(np.nan), counts)
tables = st.integers(1, 6).flatmap(
    lambda n: st.tuples(*[st.lists(cells, min_size=n, max_size=n).map(np.array) for _ in range(4)])
)


def whole(sums):
    return Sums(np.nansum(sums.numerator), np.nansum(sums.denominator))


def divided(start, end):
    parts = rate_and_mix(start, end, whole(start), whole(end))
    return parts.rate, parts.mix


def value(sums):
    return whole(sums).numerator / whole(sums).denominator


def test_kidney_stones_of_charig_1986_are_simpsons_paradox():
    """Both groups of stones do worse, 93 % to 87 % and 73 % to 69 %; together 78 % become 83 %."""
    rate, mix = divided(OPEN_SURGERY, PERCUTANEOUS)
    change = value(PERCUTANEOUS) - value(OPEN_SURGERY)
    rates = [sums.numerator / sums.denominator for sums in (OPEN_SURGERY, PERCUTANEOUS)]
    assert [*rates[0].round(2), *rates[1].round(2)] == [0.93, 0.73, 0.87, 0.69]
    assert (round(value(OPEN_SURGERY), 2), round(value(PERCUTANEOUS), 2)) == (0.78, 0.83)
    assert is_simpsons_paradox(rates[1] - rates[0], change)
    assert rate.sum() < 0 < mix.sum()
    assert rate.sum() + mix.sum() == pytest.approx(change, rel=1e-12)


def test_jeter_and_justice_of_ross_2004_are_simpsons_paradox():
    """Justice hits better in 1995 (.253 to .250) and in 1996 (.321 to .314), Jeter in both together (.310 to .270)."""
    jeter = Sums(np.array([12.0, 183.0]), np.array([48.0, 582.0]))
    justice = Sums(np.array([104.0, 45.0]), np.array([411.0, 140.0]))
    rates = [(each.numerator / each.denominator).round(3).tolist() for each in (jeter, justice)]
    assert rates == [[0.25, 0.314], [0.253, 0.321]]
    assert (round(value(jeter), 3), round(value(justice), 3)) == (0.31, 0.27)
    rate, mix = divided(jeter, justice)
    assert is_simpsons_paradox(np.subtract(rates[1], rates[0]), value(justice) - value(jeter))
    assert rate.sum() > 0 > mix.sum()


def test_no_paradox_when_one_child_moves_with_the_whole_or_there_is_only_one():
    assert not is_simpsons_paradox(np.array([0.1, -0.1]), -0.05)
    assert not is_simpsons_paradox(np.array([0.1]), -0.05)
    assert not is_simpsons_paradox(np.array([0.0, 0.0]), -0.05)
    assert not is_simpsons_paradox(np.array([0.1, 0.1]), 0.0)


def test_rate_and_mix_are_paper_arithmetic():
    """Weights 1/6, 5/6 to 2/3, 1/3; rates .5, .3 to .5, .5; whole 1/3 to 1/2."""
    rate, mix = divided(
        Sums(np.array([10.0, 30]), np.array([20.0, 100])), Sums(np.array([20.0, 10]), np.array([40.0, 20]))
    )
    assert rate == pytest.approx([0, 7 / 12 * 0.2])
    assert mix == pytest.approx([0.5 * (0.5 - 5 / 12), -0.5 * (0.4 - 5 / 12)])


def test_a_child_that_enters_contributes_what_it_pulls_from_the_mean_of_the_whole():
    """Griliches & Regev (1995): w (r - mean of R). Half of the weight at .2 beside .4: whole .4 to .3."""
    start = Sums(np.array([40.0, np.nan]), np.array([100.0, np.nan]))
    end = Sums(np.array([40.0, 20.0]), np.array([100.0, 100.0]))
    rate, mix = divided(start, end)
    assert rate == pytest.approx([0, 0])
    assert mix == pytest.approx([-0.5 * (0.4 - 0.35), 0.5 * (0.2 - 0.35)])


@given(tables)
def test_contributions_add_up_and_turn_round_with_time(table):
    start, end = Sums(*known_together(*table[:2])), Sums(*known_together(*table[2:]))
    if whole(start).denominator == 0 or whole(end).denominator == 0:
        return
    rate, mix = divided(start, end)
    change = value(end) - value(start)
    scale = np.abs(rate).sum() + np.abs(mix).sum() + abs(change)
    assert abs(rate.sum() + mix.sum() - change) <= 1e-12 * max(scale, 1)
    back_rate, back_mix = divided(end, start)
    assert back_rate == pytest.approx(-rate, abs=1e-12 * max(scale, 1))
    assert back_mix == pytest.approx(-mix, abs=1e-12 * max(scale, 1))


@given(tables, st.randoms(use_true_random=False))
def test_order_of_the_children_changes_nothing(table, random):
    start, end = Sums(*known_together(*table[:2])), Sums(*known_together(*table[2:]))
    if whole(start).denominator == 0 or whole(end).denominator == 0:
        return
    order = list(range(len(start.numerator)))
    random.shuffle(order)
    mixed = divided(*(Sums(each.numerator[order], each.denominator[order]) for each in (start, end)))
    for straight, shuffled in zip(divided(start, end), mixed, strict=True):
        assert shuffled == pytest.approx(straight[order], rel=1e-9, abs=1e-9)


@given(tables, st.floats(0.05, 0.95), st.floats(0.05, 0.95))
def test_a_child_split_in_two_contributes_the_same(table, first_share, second_share):
    start, end = Sums(*known_together(*table[:2])), Sums(*known_together(*table[2:]))
    if whole(start).denominator == 0 or whole(end).denominator == 0:
        return
    parts = [split(each, first_share, second_share) for each in (start, end)]
    one, two = divided(start, end), divided(*parts)
    assert (two[0] + two[1])[:2].sum() == pytest.approx((one[0] + one[1])[0], rel=1e-9, abs=1e-9)
    assert (two[0] + two[1])[2:] == pytest.approx((one[0] + one[1])[1:], rel=1e-9, abs=1e-9)


def known_together(numerator, denominator):
    missing = np.isnan(numerator) | np.isnan(denominator)
    return np.where(missing, np.nan, numerator), np.where(missing, np.nan, denominator)


def split(sums, numerator_share, denominator_share):
    """Cut the first child in two of different ratio."""
    n, d = sums.numerator, sums.denominator
    return Sums(
        np.concatenate([[n[0] * numerator_share, n[0] * (1 - numerator_share)], n[1:]]),
        np.concatenate([[d[0] * denominator_share, d[0] * (1 - denominator_share)], d[1:]]),
    )


def test_sums_count_what_is_unknown_as_nothing():
    start, end = np.array([5.0, np.nan, 2.0]), np.array([np.nan, 7.0, 3.0])
    assert sum_contributions(start, end).tolist() == [-5, 7, 1]


def test_quotient_is_divided_as_its_shapley_values():
    """1/2 to 3/4: numerator (1 + .5)/2, denominator (-.25 - .75)/2."""
    assert quotient_contributions(Sums(1.0, 2.0), Sums(3.0, 4.0)) == (0.75, -0.5)


def test_maximum_is_handed_over_on_both_ways():
    """From a = 5 to b = 6: a falls by 1, b rises by 3; the handover is -2 at the start, +2 at the end."""
    moved = extreme_contributions(np.array([5.0, 3.0]), np.array([4.0, 6.0]), largest=True)
    assert (moved.first, moved.last) == (0, 1)
    assert (moved.by_first, moved.by_last, moved.by_handover) == (-0.5, 1.5, 0.0)


def test_minimum_that_enters_takes_over_at_the_end_only():
    moved = extreme_contributions(np.array([5.0, np.nan]), np.array([7.0, 1.0]), largest=False)
    assert (moved.by_first, moved.by_last, moved.by_handover) == (2.0, 0.0, -6.0)
