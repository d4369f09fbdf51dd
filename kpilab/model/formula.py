"""Formulas such as ``orders * basket - returns``: parsed into a small tree, never run as Python."""

import ast
import operator
import sys
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np

_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
_UNARY: dict[type[ast.unaryop], Callable[[Any], Any]] = {ast.UAdd: operator.pos, ast.USub: operator.neg}
_FUNCTIONS: dict[str, Callable[..., Any]] = {"min": np.minimum, "max": np.maximum, "abs": np.abs}
DEEPEST = 150  # reading a tree goes down with it, and Python's own stack ends at a thousand
LONGEST = 10_000
MOST_SHOWN = 100
NO_VALUE = "divides by zero, takes a root of a negative number or grows beyond all numbers"


def formula_names(formula: str) -> tuple[str, ...]:
    """Return the names a formula uses, in order of appearance.

    Raises
    ------
    ValueError
        When the text is no formula, with what is not allowed.

    Examples
    --------
    >>> formula_names("orders * basket - 0.5 * max(returns, orders)")
    ('orders', 'basket', 'returns')
    """
    tree = _parsed(formula)
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in called]
    names.sort(key=lambda node: (node.lineno, node.col_offset))
    return tuple(dict.fromkeys(node.id for node in names))


def evaluate_formula(formula: str, values: Mapping[str, Any]) -> np.ndarray:
    """Compute a formula on arrays; where any step of it divides by zero the result is missing.

    It is never infinite, and never what comes of infinity further on: ``min(a / 0, 1)`` is not 1, and
    ``a / (b / 0)`` is not 0.

    Parameters
    ----------
    formula : str
    values : mapping of str to array
        One array for each name; shapes must broadcast.

    Examples
    --------
    >>> evaluate_formula("a / b", {"a": np.array([1.0, 1.0]), "b": np.array([4.0, 0.0])})
    array([0.25,  nan])
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        result = np.asarray(_value(_parsed(formula).body, values), dtype=float)
    return _finite(result)


def additive_terms(formula: str) -> tuple[str, ...]:
    """Split a formula into the terms that are added up, each with its sign.

    Examples
    --------
    >>> additive_terms("orders * basket - (returns + 2 * fees)")
    ('orders * basket', '-returns', '-(2 * fees)')
    """
    return tuple(
        ast.unparse(term if positive else ast.UnaryOp(ast.USub(), term))
        for term, positive in _terms(_parsed(formula).body, True)
    )


def _terms(node: ast.expr, positive: bool) -> list[tuple[ast.expr, bool]]:
    match node:
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() as sign, right=right):
            same = positive if isinstance(sign, ast.Add) else not positive
            return [*_terms(left, positive), *_terms(right, same)]
        case ast.UnaryOp(op=sign, operand=operand):
            return _terms(operand, positive if isinstance(sign, ast.UAdd) else not positive)
        case _:
            return [(node, positive)]


@lru_cache(maxsize=1024)
def _parsed(formula: str) -> ast.Expression:
    if len(formula) > LONGEST:
        raise ValueError(
            f"{_said(formula)} is {len(formula):,} characters long, {LONGEST:,} are allowed; "
            "make KPIs of its parts"
        )
    try:
        tree = ast.parse(formula.strip(), mode="eval")
    except (RecursionError, MemoryError) as error:
        raise _too_deep(formula) from error
    except (SyntaxError, ValueError) as error:
        if "nested" in str(error):
            raise _too_deep(formula) from error
        raise ValueError(
            f"{_said(formula)} is no formula; use names, numbers, + - * / ** and parentheses"
        ) from error
    _check(tree.body, formula, 1)
    return tree


def _check(node: ast.expr, formula: str, depth: int) -> None:
    if depth > DEEPEST:
        raise _too_deep(formula)
    match node:
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            _check(left, formula, depth + 1)
            _check(right, formula, depth + 1)
        case ast.UnaryOp(op=op, operand=operand) if type(op) in _UNARY:
            _check(operand, formula, depth + 1)
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in _FUNCTIONS and _arity(
            name
        ) == len(args):
            for argument in args:
                _check(argument, formula, depth + 1)
        case ast.Constant(value=bool()):
            raise ValueError(f"{_said(formula)}: True and False are not allowed in a formula")
        case ast.Constant(value=int() | float() as number):
            if not abs(number) <= sys.float_info.max:
                raise ValueError(f"{_said(formula)}: a number is too large; write one below 1e308")
        case ast.Name():
            return
        case _:
            raise ValueError(
                f"{_said(formula)}: {_said(ast.get_source_segment(formula.strip(), node) or '')} is not allowed; "
                "use names, numbers, + - * / **, min, max and abs"
            )


def _too_deep(formula: str) -> ValueError:
    return ValueError(
        f"{_said(formula)} has more than {DEEPEST} terms or parentheses within each other; "
        "make KPIs of its parts"
    )


def _said(text: str) -> str:
    """Quote a formula in a message, shortened."""
    return f"'{text}'" if len(text) <= MOST_SHOWN else f"'{text[:MOST_SHOWN]}…'"


def _arity(function: str) -> int:
    return 1 if function == "abs" else 2


def _value(node: ast.expr, values: Mapping[str, Any]) -> Any:
    match node:
        case ast.BinOp(left=left, op=op, right=right):
            return _finite(_BINARY[type(op)](_value(left, values), _value(right, values)))
        case ast.UnaryOp(op=op, operand=operand):
            return _UNARY[type(op)](_value(operand, values))
        case ast.Call(func=ast.Name(id=name), args=args):
            return _FUNCTIONS[name](*(_value(argument, values) for argument in args))
        case ast.Constant(value=value):
            return np.float64(value)  # type: ignore[arg-type]
        case ast.Name(id=name):
            return values[name]
        case _:
            raise ValueError(f"'{ast.unparse(node)}' is not allowed in a formula")


def _finite(value: Any) -> Any:
    """Return a value, missing wherever it is infinite."""
    endless = np.isinf(value)
    return np.where(endless, np.nan, value) if endless.any() else value
