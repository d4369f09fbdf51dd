"""Formulas: never run as Python, never infinite, never a number that rests on a division by zero."""

import numpy as np
import pytest

import kpilab as kl
from kpilab.model.formula import DEEPEST, LONGEST, additive_terms, evaluate_formula, formula_names
from tests.small import SHOP, shops

ONE_AND_ZERO = {"a": np.array([6.0, 6.0]), "b": np.array([2.0, 0.0])}


@pytest.mark.parametrize(
    ("formula", "first"),
    [
        ("a / b", 3.0),
        ("b / (a / b)", 2 / 3),
        ("1 / (a / b)", 1 / 3),
        ("min(a / b, 1)", 1.0),
        ("max(0 - a / b, 0)", 0.0),
        ("abs(a / b) * 0", 0.0),
        ("b ** -1", 0.5),
        ("1 / b ** -1", 2.0),
    ],
)
def test_what_rests_on_a_division_by_zero_is_missing_by_paper_arithmetic(formula, first):
    values = evaluate_formula(formula, ONE_AND_ZERO)
    assert values[0] == pytest.approx(first)
    assert np.isnan(values[1])


@pytest.mark.parametrize(
    "formula", ["a * 9 ** 9 ** 9", "a / 9 ** 9 ** 9", "(0 - a) ** 0.5", "1 / (a * 1e308 * 1e308)"]
)
def test_what_no_number_can_hold_is_missing_and_never_zero_or_infinite(formula):
    assert np.isnan(evaluate_formula(formula, ONE_AND_ZERO)).all()


CODE = {
    "__import__('os').system('x')": "'__import__('os').system('x')' is not allowed",
    "a.__class__": "'a.__class__' is not allowed",
    "(lambda: a)()": "'(lambda: a)()' is not allowed",
    "[x for x in a]": "'[x for x in a]' is not allowed",
    "a if b else 0": "'a if b else 0' is not allowed",
    "(x := a)": "'x := a' is not allowed",
    "print(a)": "'print(a)' is not allowed",
    "max(*a)": "'max(*a)' is not allowed",
    "max(a)": "'max(a)' is not allowed",
    "'a' * a": "''a'' is not allowed",
    "a * 1j": "'1j' is not allowed",
    "a and b": "'a and b' is not allowed",
    "a * True": "True and False are not allowed",
    "a b": "is no formula",
    "": "is no formula",
    "a * 1e999": "a number is too large",
    "a * " + "9" * 400: "a number is too large",
    "(" * 500 + "a" + ")" * 500: f"more than {DEEPEST} terms or parentheses",
    "-" * 5000 + "a": f"more than {DEEPEST} terms or parentheses",
    "+".join(["a"] * 900): f"more than {DEEPEST} terms or parentheses",
    "+".join(["a"] * 2500): f"more than {DEEPEST} terms or parentheses",
    "+".join(["a"] * LONGEST): f"{LONGEST:,} are allowed",
}


@pytest.mark.parametrize("formula", CODE)
def test_code_and_monsters_are_refused_in_one_short_sentence(formula):
    with pytest.raises(ValueError, match="^'") as told:
        formula_names(formula)
    assert CODE[formula] in str(told.value)
    assert len(str(told.value)) < 400


def test_a_formula_as_deep_as_allowed_is_read_and_split_into_its_terms():
    terms = "+".join(["a"] * DEEPEST)
    assert additive_terms(terms) == ("a",) * DEEPEST
    nested = "abs(" * (DEEPEST - 1) + "a" + ")" * (DEEPEST - 1)
    assert evaluate_formula(nested, {"a": np.array([-2.0])}) == [2.0]
    assert len(additive_terms(f"b - {nested[4:-1]}")) == 2


def test_a_division_by_zero_in_a_formula_is_a_finding_and_no_number(tmp_path):
    text = SHOP.replace('"revenue / orders"', '"min(revenue / (orders - 20), 1)"')
    cascade, history = shops(tmp_path, text)
    table = kl.roll_up(cascade, history, period="2023-02").tidy()
    basket = table[table["kpi"] == "basket"].set_index("unit")
    assert np.isnan(basket.loc["a", "actual"])
    assert basket.loc["a", "status"] == "no data"
    (found,) = [f for f in kl.check(cascade, history).findings if f.rule == "formula_gap"]
    assert found.where == "cascade.yaml:28"
    assert found.what.startswith("kpi 'basket' has no value at a in 2023-02: its formula divides by zero")


def test_a_formula_whose_parts_are_not_reported_is_no_division_by_zero(tmp_path):
    cascade, history = shops(tmp_path, rows="period,unit,revenue,orders\n2023-01,a,1,2\n2023-01,b,5,\n")
    assert not [f for f in kl.check(cascade, history).findings if f.rule == "formula_gap"]
