"""What a step is worth: products of slopes and the delta method, by hand."""

from dataclasses import dataclass

import numpy as np
import pytest

import kpilab as kl
from kpilab.decisions.worth import NORMAL_95, worth_of_step
from kpilab.scorecard.panels import kpi_at
from kpilab.scorecard.rollup import scorecard_span
from tests.small import shops

CASCADE = """\
cascade: Chain
frequency: month
levels: [company, shop]
history: {path: history.csv}
units:
  - {unit: all, name: All, level: company}
  - {unit: a, name: A, level: shop, parent: all}
  - {unit: b, name: B, level: shop, parent: all}
kpis:
  - {id: x, name: X, ratio: {of: x, per: n}, better: lower, unit_of_measure: share}
  - {id: m, name: M, ratio: {of: m, per: n}, better: higher, unit_of_measure: share}
  - {id: y, name: Y, ratio: {of: y, per: n}, better: higher, unit_of_measure: share}
  - {id: s, name: S, sum: s, better: higher, transform: log}
  - {id: f, name: F, formula: "2 * x + y", better: higher}
"""
ROWS = "period,unit,x,m,y,n,s\n2023-01,a,20,30,40,100,1000\n2023-01,b,30,90,150,300,3000\n"


@dataclass(frozen=True)
class Fit:
    estimate: float
    std_error: float


@dataclass(frozen=True)
class Arrow:
    cause: str
    effect: str
    fit: Fit


LINKS = [Arrow("x", "m", Fit(-0.5, 0.1)), Arrow("m", "y", Fit(0.8, 0.2)), Arrow("s", "y", Fit(0.3, 0.1))]


@pytest.fixture
def panels(tmp_path):
    cascade, history = shops(tmp_path, CASCADE, ROWS)
    span = scorecard_span(cascade, history, "2023-01")
    return cascade, {kpi.id: kpi_at(cascade, history, kpi, span) for kpi in cascade.kpis}


def test_slopes_multiply_and_the_interval_follows_the_delta_method(panels):
    """One point less of x: −0.01 · −0.5 · 0.8 at shop A, a quarter of which arrives at the company."""
    worth = worth_of_step(*panels, LINKS, ["x", "m", "y"], "a")
    assert (worth.step, worth.unit) == (-0.01, "all")
    assert worth.change == pytest.approx(0.004 / 4)
    std_error = np.hypot(0.8 * 0.1, -0.5 * 0.2)
    assert worth.conf_high - worth.change == pytest.approx(0.01 * std_error * NORMAL_95 / 4)


def test_a_logarithm_takes_a_tenth_more(panels):
    worth = worth_of_step(*panels, LINKS, ["s", "y"], "b")
    assert worth.step == pytest.approx(300)
    assert worth.change == pytest.approx(0.3 * np.log(1.1) * 300 / 400)


def test_a_formula_is_exact_and_stays_at_its_unit(panels):
    worth = worth_of_step(*panels, LINKS, ["y", "f"], "a")
    assert (worth.unit, worth.change) == ("a", pytest.approx(0.01))
    assert worth.conf_low == pytest.approx(worth.change)


def test_a_step_is_first_added_up_to_the_unit_that_has_the_whole_path(panels):
    """One point less of x at shop A is a quarter of a point at the company, where alone there is m."""
    cascade, at = panels
    kpis = tuple(k.model_copy(update={"levels": ("company",)}) if k.id == "m" else k for k in cascade.kpis)
    worth = worth_of_step(cascade.replace(kpis=kpis), at, LINKS, ["x", "m"], "a")
    assert (worth.step, worth.unit) == (-0.01, "all")
    assert worth.change == pytest.approx(-0.01 / 4 * -0.5)


def test_an_untested_arrow_is_worth_nothing_known(panels):
    assert worth_of_step(*panels, [], ["x", "m"], "a") is None


def test_kpilab_is_honest_about_its_public_names():
    assert {"line_of_sight", "write_cards"} <= set(dir(kl))
