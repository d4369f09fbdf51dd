"""What links account for: paper arithmetic with given estimates, and a simulation whose truth is known."""

from dataclasses import dataclass

import numpy as np
import pytest

import kpilab as kl
from kpilab.model.nouns import Link
from tests.simulated import simulated
from tests.small import SHOP, shops


@dataclass
class Fit:
    estimate: float
    conf_low: float
    conf_high: float


@dataclass
class Data:
    lag: tuple[int, int] = (0, 0)
    frequency: str = "month"


@dataclass
class Given:
    """A link whose test is given."""

    link: Link
    fit: Fit | None
    level: str = "shop"
    verdict: str = "supported"
    reason: str = "because"
    data: Data | None = None

    def __post_init__(self):
        self.data = self.data or Data()


def given(cause, effect, estimate=2.0, *, excluded=(), **more):
    fit = None if estimate is None else Fit(estimate, estimate - 1, estimate + 1)
    return Given(Link.model_validate({"cause": cause, "effect": effect, "except": excluded}), fit, **more)


def explained(tmp_path, kpi, links, text=SHOP, **more):
    cascade, history = shops(tmp_path, text)
    asked = {"start": "2023-01", "end": "2023-02"} | more
    return kl.explain(cascade, history, kpi=kpi, links=links, **asked)


def test_a_sum_adds_up_what_its_units_causes_moved(tmp_path):
    """Minutes at a fall by 10, at b rise by 30; each moves the stock by 2 (1 to 3) per minute: 40 of +2."""
    found = explained(tmp_path, "stock", [given("speed", "stock")])
    table = found.causes().set_index("cause")
    assert table.loc["speed", ["contribution", "conf_low", "conf_high", "n_units"]].tolist() == [
        40,
        20,
        60,
        2,
    ]
    assert table.loc["unexplained", ["contribution", "conf_low", "conf_high"]].tolist() == [-38, -58, -18]
    assert table["contribution"].sum() == found.change
    about = found.glance().iloc[0]
    assert about[["explained", "explained_low", "explained_high"]].tolist() == [40, 20, 60]
    assert "Supported links (Speed) account for +40, 95 % interval +20 to +60" in found.text


def test_in_a_ratio_units_count_by_their_mean_weight(tmp_path):
    """Weights of a: 1/6 and 2/3, of b: 5/6 and 1/3. Stock rises by 1 at both."""
    table = explained(tmp_path, "conversion", [given("stock", "conversion", 0.1)]).causes()
    assert table["contribution"].iloc[0] == pytest.approx(0.1 * (5 / 12 + 7 / 12))
    assert table["conf_low"].iloc[0] == pytest.approx(-0.9)


def test_a_link_at_the_unit_itself_counts_fully_and_exceptions_do_not(tmp_path):
    table = explained(tmp_path, "conversion", [given("stock", "conversion", 0.1)], unit="b").causes()
    assert table["contribution"].iloc[0] == pytest.approx(0.1)
    table = explained(tmp_path, "stock", [given("speed", "stock", excluded=["b"])]).causes()
    assert table["contribution"].iloc[0] == -20
    assert table["n_units"].iloc[0] == 1


def test_logs_are_turned_back_into_the_kpis_own_unit(tmp_path):
    """Revenue of a doubles; an elasticity of 1 from revenue to itself accounts for exactly what happened."""
    text = SHOP.replace("sum: revenue, better", "sum: revenue, transform: log, better").replace(
        "last: stock, better", "last: stock, transform: log, better"
    )
    table = explained(tmp_path, "revenue", [given("revenue", "revenue", 1.0)], text).causes()
    assert table["contribution"].iloc[0] == pytest.approx(100)


def test_lags_look_at_the_cause_before_each_end(tmp_path):
    """One month before 2023-02 is 2023-01; before 2023-01 nothing is known."""
    late = given("speed", "stock", data=Data((1, 1)))
    table = explained(tmp_path, "stock", [late]).causes()
    assert (table["contribution"].iloc[0], table["n_units"].iloc[0]) == (0, 0)
    assert "nothing is known here" in table["reason"].iloc[0]


def test_only_supported_links_count_and_others_are_shown(tmp_path):
    links = [
        given("speed", "stock", verdict="inconclusive"),
        given("conversion", "stock", None, verdict="untestable", reason="only 2 units"),
        given("speed", "conversion"),
    ]
    found = explained(tmp_path, "stock", links)
    table = found.causes()
    assert table["cause"].tolist() == ["speed", "conversion", "unexplained"]
    assert table["contribution"].tolist() == [0, 0, 2]
    assert table["implied"].iloc[0] == 40
    assert "only 2 units" in table["reason"].iloc[1]
    assert "No supported link accounts for any of it: of 2 links into it, none counts" in found.text
    assert "No link of the map leads into it" in explained(tmp_path / "none", "stock", links[2:]).text


def test_causes_need_links_and_two_spans(tmp_path):
    with pytest.raises(kl.InputError, match=r"links=kl.fit_links\(cascade, history\)"):
        explained(tmp_path / "none", "stock", None).causes()
    two_units = explained(tmp_path, "stock", [], unit="a", against="b", start=None)
    with pytest.raises(kl.InputError, match="not two units"):
        two_units.causes()
    assert np.isnan(two_units.glance()["explained"].item())


def test_simulated_effect_is_accounted_for_within_its_interval(tmp_path):
    """y = 0.8 x + noise of 0.1, x a random walk per unit: the rest is noise and the error of the estimate."""
    noise = np.random.default_rng(5).normal(size=(2, 80, 12))
    x = np.cumsum(noise[0], axis=0)
    y = 0.8 * x + 0.1 * noise[1]
    cascade, history = simulated(tmp_path, {"x": x, "y": y}, ['cause: x, effect: y, sign: "+", lag: 0'])
    links = kl.fit_links(cascade, history)
    assert links[0].verdict == "supported"
    found = kl.explain(cascade, history, kpi="y", start="2012-06", end="2018-06", links=links)
    moved = (x[77] - x[5]).sum()
    row = found.causes().iloc[0]
    assert row["contribution"] == pytest.approx(links[0].estimate * moved)
    assert min(row["conf_low"], row["conf_high"]) <= 0.8 * moved <= max(row["conf_low"], row["conf_high"])
    left = 0.1 * (noise[1, 77] - noise[1, 5]).sum() + (0.8 - links[0].estimate) * moved
    assert found.causes()["contribution"].iloc[-1] == pytest.approx(left)


def test_a_top_cause_that_changes_with_the_reference_is_unstable(tmp_path):
    """Between the reference and the end a moved, b stood still; a month earlier it is the other way round."""
    shape = (24, 2)
    a, b, y = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    a[12:], b[11] = 1.0, 5.0
    b[12:] = 0.1
    a[12] = 0.2
    cascade, history = simulated(
        tmp_path, {"a": a, "b": b, "y": y + np.arange(24)[:, None]}, ["cause: a, effect: y"]
    )
    links = [given("a", "y", 1.5, level="team"), given("b", "y", 1.5, level="team")]
    found = kl.explain(cascade, history, kpi="y", start="2013-01", end="2013-06", links=links)
    assert found.glance()[["top_cause", "top_cause_unstable"]].iloc[0].tolist() == ["a", True]
    assert found.causes().set_index("cause")["unstable"].to_dict() == {
        "a": True,
        "b": False,
        "unexplained": False,
    }
    assert "changes with the reference: unstable" in found.text
