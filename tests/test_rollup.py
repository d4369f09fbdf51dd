"""The scorecard: paper arithmetic, and the published figures of NHS Scotland."""

import numpy as np
import pytest

import kpilab as kl
from kpilab.model.cascade import Kpi
from kpilab.scorecard.rollup import attainment, last_complete_period, target_in_force
from tests.small import ROWS, SHOP, cell, shops

FIRST = ["kpi", "unit", "level", "period", "actual", "target", "attainment", "status"]


def test_columns_begin_as_pinned(tmp_path):
    assert list(kl.roll_up(*shops(tmp_path), period="2023-01").tidy().columns[:8]) == FIRST


def test_published_four_hour_share_of_scotland(example_cascade, example_history):
    """Public Health Scotland: 93.6 % in 2012/13 with 8 of 14 boards at 95 % or more; 69.1 % and 1 in 2022/23."""
    for span, share, boards in (("2012-04..2013-03", 0.936, 8), ("2022-04..2023-03", 0.691, 1)):
        table = kl.roll_up(example_cascade, example_history, period=span).tidy()
        seen = table[table["kpi"] == "seen_within_4h"]
        assert round(seen[seen["level"] == "nation"]["actual"].item(), 3) == share
        by_board = seen[(seen["level"] == "board") & seen["actual"].notna()]["actual"]
        assert len(by_board) == 14
        assert (by_board >= 0.95).sum() == boards


def test_target_of_the_span_is_the_one_in_force_at_its_end(tmp_path):
    cascade, history = shops(tmp_path)
    assert target_in_force(cascade, "revenue", "all", cascade.period("2023-01")).target == 400
    assert target_in_force(cascade, "revenue", "all", cascade.period("2022-12")) is None
    assert target_in_force(cascade, "conversion", "a", cascade.period("2023-02")).target == 0.5
    assert (
        cell(kl.roll_up(cascade, history, period="2023-01..2023-02").tidy(), "revenue", "all", "target")
        == 900
    )


@pytest.mark.parametrize(
    ("better", "actual", "target", "expected"),
    [
        ("higher", 50.0, 200.0, 0.25),
        ("lower", 50.0, 40.0, 0.8),
        ("near", 9.0, 10.0, 0.9),
        ("higher", -5.0, -4.0, np.nan),
    ],
)
def test_attainment_is_paper_arithmetic(better, actual, target, expected):
    kpi = Kpi(id="k", name="K", sum="m", better=better, near=target)
    assert attainment(kpi, np.array([actual]), np.array([target]))[0] == pytest.approx(expected, nan_ok=True)


def test_lower_is_better_with_nothing_left_is_met_without_infinity(tmp_path):
    text = SHOP + "  - {kpi: stock, unit: a, target: 3}\n"
    cascade, history = shops(tmp_path, text, ROWS.replace("2023-02,a,200,20,40,6", "2023-02,a,200,20,40,0"))
    table = kl.roll_up(cascade, history, period="2023-02").tidy()
    assert cell(table, "stock", "a", "status") == "met"
    assert np.isnan(cell(table, "stock", "a", "attainment"))


def test_status_says_met_near_missed_incomplete_and_no_data(tmp_path):
    cascade, history = shops(tmp_path, rows=ROWS.replace("2023-02,b,300,10,20,8,40,28\n", ""))
    now = kl.roll_up(cascade, history, period="2023-02").tidy()
    assert cell(now, "conversion", "a", "status") == "met"
    assert cell(now, "conversion", "b", "status") == "no data"
    assert cell(now, "conversion", "all", "status") == "incomplete"
    assert cell(now, "conversion", "all", "n_missing") == 1
    assert cell(now, "basket", "a", "status") == "no target"
    before = kl.roll_up(cascade, history, period="2023-01").tidy()
    assert cell(before, "conversion", "b", "status") == "missed"


def test_children_are_the_same_kpi_one_level_down(tmp_path):
    below = kl.roll_up(*shops(tmp_path), period="2023-01").children("revenue", "all").tidy()
    assert list(below["unit"]) == ["a", "b"]
    assert below["actual"].sum() == 400


def test_children_hold_derived_kpis(tmp_path):
    text = SHOP.replace("id: basket,", "id: basket, parent: revenue,")
    below = kl.roll_up(*shops(tmp_path, text), period="2023-01").children("revenue", "all").tidy()
    assert set(zip(below["kpi"], below["unit"], strict=True)) >= {
        ("basket", "a"),
        ("basket", "all"),
        ("revenue", "b"),
    }


def test_trend_compares_with_a_year_before(tmp_path):
    rows = ROWS + "2022-02,a,100,10,40,9,20,28\n2022-02,b,300,10,20,8,40,28\n"
    table = kl.roll_up(*shops(tmp_path, rows=rows), period="2023-02").tidy()
    assert cell(table, "revenue", "a", "previous") == 100
    assert cell(table, "revenue", "a", "trend") == "better"
    assert cell(table, "stock", "b", "trend") == "flat"
    assert cell(table, "stock", "a", "trend") == "better"  # fell from 9 to 6, lower is better
    assert cell(table, "basket", "a", "trend") == "flat"  # 100 / 10 then, 200 / 20 now


def test_default_period_is_the_last_complete_one(tmp_path):
    cascade, history = shops(tmp_path, rows=ROWS.replace("2023-02,b,300,10,20,8,40,28\n", ""))
    assert last_complete_period(cascade, history) == cascade.period("2023-01")
    assert kl.roll_up(cascade, history).glance()["period"].item() == "2023-01"


def test_level_and_period_that_do_not_exist_are_named(tmp_path):
    cascade, history = shops(tmp_path)
    with pytest.raises(kl.InputError, match="unknown level 'shp'; did you mean 'shop'"):
        kl.roll_up(cascade, history).at("shp")
    with pytest.raises(kl.InputError, match="is not in the calendar"):
        kl.roll_up(cascade, history, period="2023-13")


def test_text_and_html_are_the_same_every_time(tmp_path):
    cascade, history = shops(tmp_path)
    one, two = (kl.roll_up(cascade, history, period="2023-01") for _ in range(2))
    assert one._repr_html_() == two._repr_html_()
    assert "Company: Revenue, 400, target 400 (met)" in one.text
