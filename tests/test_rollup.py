"""The scorecard: paper arithmetic, and the published figures of NHS Scotland."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import kpilab as kl
from kpilab.model.nouns import Kpi
from kpilab.scorecard.attainment import attainment
from kpilab.scorecard.in_force import target_in_force
from kpilab.scorecard.rollup import last_complete_period
from tests.small import ROWS, SHOP, cell, shops
from tests.test_explain import PARENTS, history_of, reports, tree

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


def test_a_units_own_target_goes_before_the_one_for_every_unit(tmp_path):
    own = SHOP + "  - {kpi: conversion, unit: b, from: 2023-02, target: 0.7}\n"
    cascade, history = shops(tmp_path, own)
    before, now = (kl.roll_up(cascade, history, period=each).tidy() for each in ("2023-01", "2023-02"))
    assert [cell(before, "conversion", unit, "target") for unit in ("all", "a", "b")] == [0.5, 0.5, 0.5]
    assert [cell(now, "conversion", unit, "target") for unit in ("all", "a", "b")] == [0.5, 0.5, 0.7]


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
    assert (
        "Company: Revenue, 200, target 500 (incomplete: 1 of 2 reports)."
        in kl.roll_up(cascade, history, period="2023-02").text.splitlines()
    )
    assert cell(now, "basket", "a", "status") == "no target"
    before = kl.roll_up(cascade, history, period="2023-01").tidy()
    assert cell(before, "conversion", "b", "status") == "missed"


@pytest.mark.parametrize(
    ("declared", "status"), [("0.5", "met"), ("0.51", "incomplete"), ("1", "incomplete")]
)
def test_incomplete_is_what_lies_below_the_declared_coverage(tmp_path, declared, status):
    """Shop A alone reported February: half of the reports."""
    text = SHOP.replace("    better: higher\n", f"    better: higher\n    coverage: {declared}\n", 1)
    cascade, history = shops(tmp_path, text, ROWS.replace("2023-02,b,300,10,20,8,40,28\n", ""))
    card = kl.roll_up(cascade, history, period="2023-02").tidy()
    assert cell(card, "conversion", "all", "coverage") == 0.5
    assert cell(card, "conversion", "all", "status") == status


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
    with pytest.raises(
        kl.InputError, match="2031-01 lies outside the history; give a period from 2023-01 to"
    ):
        kl.roll_up(*shops(tmp_path), period="2031-01")
    with pytest.raises(kl.InputError, match="is not in the calendar"):
        kl.roll_up(cascade, history, period="2023-13")


def test_text_and_html_are_the_same_every_time(tmp_path):
    cascade, history = shops(tmp_path)
    one, two = (kl.roll_up(cascade, history, period="2023-01") for _ in range(2))
    assert one._repr_html_() == two._repr_html_()
    assert "Company: Revenue, 400, target 400 (met)" in one.text


THREE = """\
cascade: Three sellers
frequency: month
levels: [company, team, person]
history: {path: history.csv}
year_start: 4
units:
  - {unit: all, name: Company, level: company}
  - {unit: team, name: Team, level: team, parent: all}
  - {unit: x, name: X, level: person, parent: team}
  - {unit: y, name: Y, level: person, parent: team}
  - {unit: z, name: Z, level: person, parent: team}
kpis:
  - {id: sales, name: Sales, sum: sales, better: higher}
  - {id: rate, name: Rate, ratio: {of: won, per: tried}, better: higher}
  - {id: slowest, name: Slowest, max: days, better: lower}
  - {id: quickest, name: Quickest, min: days, better: lower}
  - {id: far, name: Far, sum: sales, better: higher, levels: [company, person]}
targets:
  - {kpi: rate, from: 2023-01, to: 2023-12, target: 0.8, baseline: 0}
  - {kpi: rate, from: 2024-01, target: 0.1, baseline: 0}
"""
THREE_ROWS = """\
period,unit,sales,won,tried,days
2023-03,x,50000,1,10,3
2023-03,y,10000,1,10,9
2023-03,z,500,1,10,5
2023-12,x,50000,9,10,3
2023-12,y,10000,1,10,2
2023-12,z,500,1,10,5
2024-03,x,100000,1,10,3
2024-03,y,20000,0,10,1
2024-03,z,1000,1,10,5
"""


def test_contributions_to_a_sum_of_121_thousand(tmp_path):
    """100k, 20k and 1k are 82.6 %, 16.5 % and 0.8 % of their parent; a level without the KPI is passed over."""
    table = kl.roll_up(*shops(tmp_path, THREE, THREE_ROWS), period="2024-03").tidy()
    for kpi in ("sales", "far"):
        shares = [round(100 * cell(table, kpi, unit, "share_of_parent"), 1) for unit in "xyz"]
        assert shares == [82.6, 16.5, 0.8]
    assert np.isnan(cell(table, "sales", "all", "share_of_parent"))
    assert cell(table, "sales", "team", "share_of_parent") == 1


def test_minimum_and_maximum_over_units_and_time(tmp_path):
    table = kl.roll_up(*shops(tmp_path, THREE, THREE_ROWS), period="2023-03..2024-03").tidy()
    assert cell(table, "slowest", "all") == 9
    assert cell(table, "slowest", "y") == 9
    assert cell(table, "quickest", "team") == 1


def test_year_to_date_starts_in_april_and_rolling_year_twelve_months_back(tmp_path):
    table = kl.roll_up(*shops(tmp_path, THREE, THREE_ROWS), period="2024-03").tidy()
    assert cell(table, "sales", "all", "year_to_date") == 60_500 + 121_000
    assert cell(table, "sales", "all", "rolling_year") == 60_500 + 121_000
    assert cell(table, "rate", "all", "rolling_year") == pytest.approx((11 + 2) / 60)
    before = kl.roll_up(*shops(tmp_path / "b", THREE, THREE_ROWS), period="2023-12").tidy()
    assert cell(before, "sales", "all", "rolling_year") == 60_500 + 60_500


def test_worst_child_is_named_beside_the_average(tmp_path):
    card = kl.roll_up(*shops(tmp_path, THREE, THREE_ROWS), period="2023-12")
    table = card.tidy()
    assert cell(table, "rate", "team", "worst_child") == "y"  # y and z are equal: the first is named
    assert cell(table, "rate", "team", "worst_status") == "missed"
    assert cell(table, "slowest", "team", "worst_child") == "z"
    assert cell(table, "sales", "team", "worst_child") == ""  # a small seller is not a bad one
    assert cell(table, "rate", "x", "worst_child") == ""


def test_page_has_names_and_no_unit_that_is_silent_and_owes_no_report(tmp_path):
    text = SHOP.replace(
        "  - {unit: b,", "  - {unit: c, name: Shop C, level: shop, parent: all}\n  - {unit: b,"
    )
    card = kl.roll_up(*shops(tmp_path, text), period="2023-02")
    shown = card.shown()
    assert set(shown["name"]) == {"Company", "Shop A", "Shop B"}
    assert cell(shown, "conversion", "all", "worst_child") == "Shop A"
    assert len(card.tidy()) - len(shown) == 6
    assert "Left out of the table, as no report was due and none came: 6 values." in card.text


def test_met_above_and_missed_below_is_said(tmp_path):
    rows = THREE_ROWS.replace("2024-03,x,100000,1", "2024-03,x,100000,9")
    card = kl.roll_up(*shops(tmp_path, THREE, rows), period="2024-03")
    assert "Met above, missed below: Team under Company (Rate) and Y under Team (Rate)" in card.text or (
        "Met above, missed below: Y under Team (Rate)" in card.text
    )


def test_attainment_that_rose_because_the_target_fell(tmp_path):
    """0.1 of 0.8 is 12.5 %; 2 of 30 is two thirds of 0.1, though fewer were won: the target did it."""
    card = kl.roll_up(*shops(tmp_path, THREE, THREE_ROWS), period="2024-03")
    row = card.target_changes().set_index("unit").loc["all"]
    assert (row["previous_target"], row["target"], row["target_change"]) == (0.8, 0.1, "eased")
    assert row["previous_attainment"] == pytest.approx(0.125)
    assert row["attainment"] == pytest.approx(2 / 3)
    assert row["attainment_old_target"] == pytest.approx(2 / 30 / 0.8)
    assert "rose from 12.5 % to 66.7 %, because of the target; performance fell" in row["said"]
    assert row["said"] in card.text


def test_target_history_says_which_targets_were_eased(tmp_path, example_cascade):
    cascade, _ = shops(tmp_path, THREE, THREE_ROWS)
    assert kl.target_history(cascade, kpi="rate")["change"].to_list() == ["", "eased"]
    seen = kl.target_history(example_cascade, kpi="seen_within_4h")
    assert seen["target"].to_list() == [0.98, 0.95]
    assert seen["change"].to_list() == ["", "eased"]


def test_progress_from_the_baseline_stands_apart_from_attainment(tmp_path):
    text = THREE.replace("target: 0.1, baseline: 0", "target: 0.1, baseline: 0.05")
    table = kl.roll_up(*shops(tmp_path, text, THREE_ROWS), period="2024-03").tidy()
    assert cell(table, "rate", "all", "progress") == pytest.approx((2 / 30 - 0.05) / 0.05)
    assert cell(table, "rate", "all", "attainment") == pytest.approx(2 / 3)


def test_red_flag_on_the_wrong_side_is_an_error(tmp_path):
    text = THREE.replace("target: 0.1, baseline: 0", "target: 0.1, baseline: 0.1, red_flag: 0.2")
    rules = kl.check(*shops(tmp_path, text, THREE_ROWS)).tidy()["rule"].to_list()
    assert {"red_flag_beyond_target", "baseline_is_target"} <= set(rules)


# --- properties -------------------------------------------------------------------------------------------


def every_score(cascade, history):
    """Return the scorecard of two spans, in one order whatever that of the units."""
    cards = [kl.roll_up(cascade, history, period=span).tidy() for span in ("2023-03", "2023-01..2023-03")]
    table = pd.concat(cards).set_index(["period", "kpi", "unit"]).sort_index()
    assert not np.isinf(table.select_dtypes("number").to_numpy(dtype=float)).any()
    return table


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(reports, st.permutations(range(8)), st.randoms(use_true_random=False))
def test_order_of_units_rows_and_periods_changes_no_score(said, order, random):
    rows = list(said.items())
    random.shuffle(rows)
    mixed = tree(PARENTS, order)
    pd.testing.assert_frame_equal(
        every_score(mixed, history_of(mixed, dict(rows))),
        every_score(tree(PARENTS), history_of(tree(PARENTS), said)),
        rtol=1e-9,
        atol=1e-9,
    )


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(reports, st.floats(0.1, 0.9), st.floats(0.1, 0.9))
def test_a_unit_split_in_two_leaves_every_score_above_as_it_was(said, x_share, y_share):
    """What adds up is divided; the mean of x weighted by y would be another number."""
    whole, halves = tree(PARENTS), tree(PARENTS | {"h6": "b2"})
    apart = dict(said)
    for (period, unit), (x, y) in said.items():
        if unit == "h5":
            part = (None if x is None else x * x_share, None if y is None else y * y_share)
            apart[period, "h5"] = part
            apart[period, "h6"] = (None if x is None else x - part[0], None if y is None else y - part[1])
    kpis = ["total", "share", "daily", "stock", "product", "mixed"]
    above = [
        every_score(cascade, history_of(cascade, rows)).loc[(slice(None), kpis, ["top", "b1", "b2"]), :]
        for cascade, rows in ((whole, said), (halves, apart))
    ]
    for column in ("actual", "previous", "year_to_date", "rolling_year"):
        pd.testing.assert_series_equal(above[1][column], above[0][column], rtol=1e-9, atol=1e-6)
