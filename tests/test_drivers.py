"""From an outcome's target to its drivers': by hand on links of known effect, and on tested ones."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import kpilab as kl
from kpilab.model.cascade import Cascade

UNITS = ["u1", "u2", "u3", "u4"]
KPIS = [
    {"id": "sales", "name": "Sales", "sum": "sales", "better": "higher"},
    {"id": "served", "name": "Served", "ratio": {"of": "served", "per": "asked"}, "better": "higher"},
    {"id": "calls", "name": "Calls", "sum": "calls", "better": "higher"},
    {"id": "wait", "name": "Waiting time", "mean": {"of": "wait", "weight": "asked"}, "better": "lower"},
]


@pytest.fixture(scope="module")
def firm():
    units = [{"unit": "all", "name": "Firm", "level": "firm"}]
    units += [{"unit": u, "name": u, "level": "person", "parent": "all"} for u in UNITS]
    cascade = Cascade.model_validate(
        {
            "cascade": "Firm", "frequency": "month", "levels": ["firm", "person"], "history": {"path": "none.csv"},
            "units": units, "kpis": KPIS,
        }
    )  # fmt: skip
    draw = np.random.default_rng(5)
    periods = [str(p) for p in pd.period_range("2020-01", "2023-12", freq="M")]
    rows = [
        (p, u, draw.uniform(90, 110), draw.integers(40, 60), 100, draw.uniform(20, 40), draw.uniform(5, 9))
        for p in periods
        for u in UNITS
    ]
    columns = ["period", "unit", "sales", "served", "asked", "calls", "wait"]
    return cascade, kl.read_history(cascade, pd.DataFrame(rows, columns=columns))


def links(*rows):
    """Give tested links as `fit_links` does: (cause, effect, level, estimate, standard error, verdict)."""
    names = ["cause", "effect", "level", "estimate", "std_error", "verdict"]
    return SimpleNamespace(tidy=lambda: pd.DataFrame(rows, columns=names))


def plan(firm, kpi, target, tested, **options):
    asked = {"unit": "all", "period": "2024-12", "method": "evidence", **options}
    return kl.allocate_targets(*firm, kpi=kpi, target=target, links=tested, **asked)


CALLS = ("calls", "sales", "person", 2.0, 0.1, "supported")
WAIT = ("wait", "sales", "person", -3.0, 0.2, "supported")


def test_only_supported_links_carry_a_target(firm):
    tested = links(CALLS, ("wait", "sales", "person", -3.0, 0.2, "inconclusive"))
    assert plan(firm, "sales", "+5%", tested).tidy()["kpi"].tolist() == ["calls"]
    with pytest.raises(kl.InputError, match="no link into 'served' is supported"):
        plan(firm, "served", "+5%", tested)
    with pytest.raises(kl.InputError, match="rests on tested links"):
        plan(firm, "sales", "+5%", None)


@pytest.mark.parametrize(
    ("cause", "effect", "per_unit"),
    [
        ("calls", "sales", 1.0),  # both add up
        ("wait", "sales", 4.0),  # a minute less for each of four persons
        ("wait", "served", 1.0),  # neither adds up
        ("calls", "served", 0.25),  # a call more in the firm is a quarter of one for each
    ],
)
def test_an_effect_on_one_person_is_that_on_the_firm_by_hand(firm, cause, effect, per_unit):
    found = plan(firm, effect, "+1%", links((cause, effect, "person", 0.05, 0.001, "supported")))
    row = found.tidy().iloc[0]
    assert row["change"] == pytest.approx((found.target - found.actual) / (0.05 * per_unit))
    assert found.residuals()["residual"].abs().max() <= 1e-9 * found.target
    assert ("Taken to move alike: the 4 units of level 'person'" in found.text) == (per_unit != 1)


@pytest.mark.parametrize("level", ["firm", "person"])
def test_a_link_of_the_units_own_level_is_taken_as_it_is(firm, level):
    tested = links(("calls", "served", level, 0.001, 0.0001, "supported"))
    unit = {"firm": "all", "person": "u1"}[level]
    found = plan(firm, "served", "+1%", tested, unit=unit)
    assert found.tidy()["change"].item() == pytest.approx((found.target - found.actual) / 0.001)


def test_two_drivers_share_by_effect_and_variation_and_add_up_by_hand(firm):
    """The least total stretch: moves in proportion to effect times variance, as long as no best is reached."""
    found = plan(firm, "sales", "+0.5%", links(CALLS, WAIT))
    table = found.tidy().set_index("kpi")
    effect = np.array([2.0, -3.0 * 4])
    change = table.loc[["calls", "wait"], "change"].to_numpy()
    assert effect @ change == pytest.approx(found.target - found.actual, rel=1e-9)
    assert not table["beyond_best"].any()
    variation = np.abs(change / table.loc[["calls", "wait"], "stretch"].to_numpy())
    pull = effect * variation**2
    assert change[0] / change[1] == pytest.approx(pull[0] / pull[1])


def test_probability_is_one_half_and_less_than_that_from_history_alone(firm):
    found = plan(firm, "sales", "+2%", links(CALLS, WAIT))
    assert found.probability == pytest.approx(0.5)
    assert found.difficulty < 0.5
    assert "in 8 cases of 10 between" in found.text


def test_spread_is_that_of_effects_and_of_what_moves_anyway_by_hand(firm):
    """The half width of 8 cases of 10 is 1.2816 standard deviations: √((change · 0.5)² + variation²)."""
    exact, vague = (
        plan(firm, "sales", "+5%", links(("calls", "sales", "person", 2.0, error, "supported")))
        for error in (0.0, 0.5)
    )
    widths = []
    for found in (exact, vague):
        said = found.text.split("between ")[1].split(" (")[0].split(" and ")
        low, high = (float(part.replace(",", "")) for part in said)
        widths.append((high - low) / 2 / stats.norm.ppf(0.9))
    change = vague.tidy()["change"].item()
    assert widths[1] ** 2 - widths[0] ** 2 == pytest.approx((change * 0.5) ** 2, rel=0.05)


def test_locked_drivers_and_what_is_out_of_reach_are_named(firm):
    found = plan(firm, "sales", "+1%", links(CALLS, WAIT), locked={"wait": 6.0})
    table = found.tidy().set_index("kpi")
    assert table.loc["wait", ["target", "locked"]].tolist() == [6.0, True]
    assert found.residuals()["residual"].abs().max() <= 1e-9 * found.target
    with pytest.raises(
        kl.InputError, match=r"cannot get to .* through supported links: at most .* the bounds of"
    ):
        plan(firm, "sales", "+500%", links(WAIT))
