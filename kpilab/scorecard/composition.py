"""How a unit's KPI is made of its children's: a sum, a weighted mean, the smallest, the largest.

A KPI can be split only where the parent's value follows from the children's values and weights. What can't
be split is said with the reason and what to do instead.
"""

import ast
from dataclasses import dataclass
from typing import Literal

import numpy as np

from kpilab.model.cascade import Cascade
from kpilab.model.formula import formula_names
from kpilab.model.history import History
from kpilab.model.nouns import Kpi
from kpilab.model.periods import Span
from kpilab.problems import InputError, one_problem
from kpilab.scorecard.panels import kpi_at

Rule = Literal["sum", "mean", "min", "max"]


@dataclass(frozen=True)
class Composition:
    """The rule, and for a mean what weighs the children.

    Attributes
    ----------
    rule : {"sum", "mean", "min", "max"}
    weight : str
        The weights in words; nothing when there are none.
    denominator : Kpi or None
        For a formula: its denominator, as a KPI.
    """

    rule: Rule
    weight: str = ""
    denominator: Kpi | None = None

    def weights(self, cascade: Cascade, history: History, kpi: Kpi, span: Span) -> np.ndarray:
        """Return the children's weights over a span, shape (U,): denominators for a mean, ones otherwise."""
        if self.rule != "mean":
            return np.ones(len(history.units))
        if self.denominator is not None:
            return kpi_at(cascade, history, self.denominator, span).values[0]
        return kpi_at(cascade, history, kpi, span).denominator[0]


def composition_of(cascade: Cascade, kpi: Kpi) -> Composition:
    """Tell how a KPI's parent is made of its children.

    Raises
    ------
    InputError
        When the parent's value does not follow from its children's.
    """
    if kpi.ratio:
        return _of_ratio(cascade, kpi, kpi.ratio.of, kpi.ratio.per)
    if kpi.mean:
        return Composition("mean", kpi.mean.weight or "number of values")
    if kpi.formula:
        return _of_formula(cascade, kpi, kpi.formula)
    if kpi.kind == "min":
        return Composition("min")
    if kpi.kind == "max":
        return Composition("max")
    measure = kpi.sum or kpi.last or ""
    if _is_same(cascade, measure):
        raise _not_split(
            cascade, kpi, f"'{measure}' is the same for all siblings (across: same): there is nothing to split",
            "give every unit the parent's target",
        )  # fmt: skip
    return Composition("sum")


def adds_up(cascade: Cascade, kpi: Kpi) -> bool:
    """Tell whether a KPI's parent is the sum of its children."""
    try:
        return composition_of(cascade, kpi).rule == "sum"
    except InputError:
        return False  # it follows from its children in no way at all


def _of_ratio(cascade: Cascade, kpi: Kpi, of: str, per: str) -> Composition:
    if not _is_same(cascade, of):
        return Composition("sum") if _is_same(cascade, per) else Composition("mean", per)
    raise _not_split(
        cascade, kpi, f"its numerator '{of}' is the same for all siblings (across: same)",
        "set the target where the KPI is managed",
    )  # fmt: skip


def _of_formula(cascade: Cascade, kpi: Kpi, formula: str) -> Composition:
    shape = _shape(cascade, kpi, ast.parse(formula.strip(), mode="eval").body)
    if shape == "additive":
        return Composition("sum")
    if shape.startswith("per "):
        weight = shape.removeprefix("per ")
        denominator = Kpi.model_validate(
            {"id": f"weight.of.{kpi.id}", "name": f"Denominator of {kpi.name}", "formula": weight}
        )
        return Composition("mean", weight, denominator)
    parts = ", ".join(f"'{name}'" for name in formula_names(formula))
    raise _not_split(
        cascade, kpi, f"'{formula}' of the parent does not follow from its children's values",
        f"split the targets of its parts ({parts}), or write it as a quotient of sums",
    )  # fmt: skip


def _shape(cascade: Cascade, kpi: Kpi, node: ast.expr) -> str:
    """Return how a formula adds up over units: "constant", "additive", "per <denominator>" or "".

    A quotient of two additive parts, and what is made of it by constants, is a mean weighted by the
    denominator.
    """
    match node:
        case ast.Constant():
            return "constant"
        case ast.Name(id=name):
            return _shape_of_name(cascade, kpi, name)
        case ast.UnaryOp(operand=operand):
            return _shape(cascade, kpi, operand)
        case ast.BinOp(left=left, op=op, right=right):
            sides = _shape(cascade, kpi, left), _shape(cascade, kpi, right)
            return _shape_of_two(sides[0], op, sides[1], ast.unparse(right))
        case _:
            return ""


def _shape_of_name(cascade: Cascade, kpi: Kpi, name: str) -> str:
    """Return how a part adds up; a name is a KPI where there is one (but for the formula's own), else a measure."""
    inner: Kpi | None = cascade.named("kpis", name) if name != kpi.id else None
    if inner is None:
        return "constant" if _is_same(cascade, name) else "additive"
    try:
        return "additive" if composition_of(cascade, inner).rule == "sum" else ""
    except InputError:
        return ""


def _shape_of_two(left: str, op: ast.operator, right: str, denominator: str) -> str:
    if not left or not right:
        return ""
    if isinstance(op, ast.Add | ast.Sub):
        if left == right:
            return left
        quotient = {left, right} - {"constant"}
        return quotient.pop() if len(quotient) == 1 and "additive" not in quotient else ""
    if isinstance(op, ast.Mult):
        return left if right == "constant" else right if left == "constant" else ""
    if isinstance(op, ast.Div):
        if right == "constant":
            return left
        return f"per {denominator}" if left == right == "additive" else ""
    return "constant" if left == right == "constant" else ""


def _is_same(cascade: Cascade, measure: str) -> bool:
    return measure in cascade.measures and cascade.measures[measure].across == "same"


def _not_split(cascade: Cascade, kpi: Kpi, why: str, remedy: str) -> InputError:
    return one_problem(
        cascade.where("kpis", kpi.id, kpi.kind), f"kpi '{kpi.id}' cannot be split: {why}; {remedy}"
    )
