"""Shapley values of formulas: the definition by brute force, paper arithmetic, and where formulas have no value."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpilab.model.formula import additive_terms, evaluate_formula
from kpilab.scorecard.shapley import formula_shares

FORMULAS = [
    "a * b - c",
    "a / (b + c) * d",
    "(a - b) / c + d * 2",
    "max(a, b) * c",
    "a ** 2 + abs(b - c)",
    "a * b * c * d",
]


def by_definition(formula, start, end):
    """Average each name's step over every order in which the names can move."""
    names = list(start)
    totals = dict.fromkeys(names, 0.0)
    orders = list(permutations(names))
    for order in orders:
        here = dict(start)
        for name in order:
            before = float(evaluate_formula(formula, here))
            here[name] = end[name]
            totals[name] += (float(evaluate_formula(formula, here)) - before) / len(orders)
    return totals


@given(
    st.sampled_from(FORMULAS),
    st.lists(st.floats(0.1, 50), min_size=4, max_size=4),
    st.lists(st.floats(0.1, 50), min_size=4, max_size=4),
)
def test_values_are_those_of_the_definition(formula, before, after):
    names = [name for name in "abcd" if name in formula.replace("abs", "")]
    names = names if "max" not in formula else [n for n in "abc" if n in "abc"]
    start, end = dict(zip(names, before, strict=False)), dict(zip(names, after, strict=False))
    expected = by_definition(formula, start, end)
    shares = formula_shares(formula, start, end)
    found = dict(zip(shares.names, shares.contribution, strict=True))
    scale = sum(abs(v) for v in expected.values()) + 1
    assert found == {name: pytest.approx(v, abs=1e-9 * scale) for name, v in expected.items()}


def test_product_of_two_is_divided_at_the_midpoint():
    """2 * 3 to 4 * 5: 2 * 4 and 2 * 3."""
    shares = formula_shares("orders * basket", {"orders": 2, "basket": 3}, {"orders": 4, "basket": 5})
    assert shares.contribution.tolist() == [8, 6]


def test_sum_of_thirty_causes_is_divided_cause_by_cause():
    names = [f"cause_{i}" for i in range(30)]
    start, end = dict.fromkeys(names, 1.0), {n: float(i) for i, n in enumerate(names)}
    shares = formula_shares(" + ".join(names), start, end)
    assert shares.contribution.tolist() == [i - 1.0 for i in range(30)]


def test_product_of_too_many_names_is_refused_with_its_number():
    names = [f"x{i}" for i in range(17)]
    with pytest.raises(ValueError, match="17 names; split it into formulas of 16"):
        formula_shares(" * ".join(names), dict.fromkeys(names, 1.0), dict.fromkeys(names, 2.0))


def test_orders_that_pass_a_division_by_zero_are_left_out():
    """1 / (a - b) from a=1, b=0 to a=3, b=1: b first would divide by zero, so a goes first."""
    shares = formula_shares("1 / (a - b)", {"a": 1, "b": 0}, {"a": 3, "b": 1})
    assert shares.contribution == pytest.approx([1 / 3 - 1, 1 / 2 - 1 / 3])


def test_no_way_around_a_division_by_zero_is_said():
    with pytest.raises(ValueError, match="no value on any way"):
        formula_shares("1 / (a - b)", {"a": 1, "b": 2}, {"a": 2, "b": 1})


def test_slope_of_a_name_that_stood_still_is_what_it_would_have_moved():
    shares = formula_shares("a * b", {"a": 2, "b": 3}, {"a": 2, "b": 5})
    assert shares.contribution == pytest.approx([0, 4])
    assert shares.slope == pytest.approx([4, 2], rel=1e-5)


@given(st.lists(st.floats(-9, 9), min_size=4, max_size=4))
def test_terms_add_up_to_the_formula(values):
    named = dict(zip("abcd", map(np.float64, values), strict=True))
    formula = "a - (b - 2 * c) + -(d + a * b)"
    total = sum(float(evaluate_formula(term, named)) for term in additive_terms(formula))
    assert total == pytest.approx(float(evaluate_formula(formula, named)), abs=1e-9)
