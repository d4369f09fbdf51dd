"""KPIs as panels: each number below is paper arithmetic on the rows of `tests.small`."""

import numpy as np
import pytest

from kpilab.model.periods import parse_span
from kpilab.scorecard.panels import kpi_at, kpi_coarse_panel, kpi_frame, kpi_panel, measures_of
from tests.small import ROWS, SHOP, shops


def at(cascade, history, kpi, span, unit):
    panel = kpi_at(cascade, history, cascade.kpi(kpi), parse_span(span, cascade.frequency))
    return panel.values[0, history.units.index(unit)]


@pytest.mark.parametrize(
    ("kpi", "span", "unit", "expected"),
    [
        ("revenue", "2023-01", "all", 400),  # 100 + 300
        ("revenue", "2023-01..2023-02", "all", 900),
        ("conversion", "2023-01", "all", 40 / 120),  # ratio of sums, not (0.5 + 0.3) / 2
        ("conversion", "2023-01..2023-02", "all", 70 / 180),
        ("stock", "2023-01", "all", 12),
        ("stock", "2023-01..2023-02", "all", 14),  # a stock does not add up over time
        ("basket", "2023-01", "all", 400 / 40),
        ("basket", "2023-01..2023-02", "a", 300 / 30),
        ("speed", "2023-01", "all", (30 * 10 + 10 * 30) / 40),
        ("per_day", "2023-01", "all", 40 / 31),  # the days of a month are the same for both shops
        ("per_day", "2023-01..2023-02", "all", 70 / 59),
    ],
)
def test_value_is_paper_arithmetic(tmp_path, kpi, span, unit, expected):
    assert at(*shops(tmp_path), kpi, span, unit) == pytest.approx(expected, rel=1e-12)


def test_child_without_denominator_leaves_numerator_and_denominator_of_parent(tmp_path):
    cascade, history = shops(tmp_path, rows=ROWS.replace("2023-01,a,100,10,20", "2023-01,a,100,10,"))
    panel = kpi_panel(cascade, history, cascade.kpi("conversion"))
    top = history.units.index("all")
    assert panel.values[0, top] == pytest.approx(30 / 100)
    assert panel.n_expected[0, top] == 1  # shop a has not begun to report conversion
    assert panel.n_missing[0, top] == 0
    assert panel.n_expected[1, top] == 2


def test_missing_last_month_is_counted(tmp_path):
    cascade, history = shops(tmp_path, rows=ROWS.replace("2023-02,b,300,10,20,8,40,28\n", ""))
    panel = kpi_panel(cascade, history, cascade.kpi("revenue"))
    top = history.units.index("all")
    assert panel.values[1, top] == 200
    assert panel.coverage[1, top] == 0.5


def test_months_after_the_end_of_history_are_due_and_missing(tmp_path):
    """Two shops owe twelve months of 2023 each; two of each came."""
    cascade, history = shops(tmp_path)
    panel = kpi_at(cascade, history, cascade.kpi("revenue"), parse_span("2023", "month"))
    top = history.units.index("all")
    assert (panel.n_expected[0, top], panel.n_missing[0, top]) == (24, 20)
    assert panel.coverage[0, top] == pytest.approx(4 / 24)


def test_zero_denominator_has_no_value(tmp_path):
    cascade, history = shops(tmp_path, rows=ROWS.replace("2023-01,a,100,10,20", "2023-01,a,100,0,0"))
    assert np.isnan(at(cascade, history, "conversion", "2023-01", "a"))


def test_own_figure_of_a_parent_goes_before_the_sum_of_its_children(tmp_path):
    cascade, history = shops(tmp_path, rows=ROWS + "2023-01,all,999,,,,,\n")
    assert at(cascade, history, "revenue", "2023-01", "all") == 999


def test_unit_without_the_kpis_level_has_no_value(tmp_path):
    text = SHOP.replace("sum: revenue, better", "sum: revenue, levels: [company], better")
    cascade, history = shops(tmp_path, text)
    assert list(kpi_frame(cascade, history, "revenue").columns) == ["all"]


def test_quarter_needs_all_its_months(tmp_path):
    months = [f"2023-{m:02d}" for m in range(1, 6)]
    rows = "period,unit,revenue,orders,visits,stock,minutes,days\n"
    rows += "".join(f"{m},a,{i + 1},1,2,1,1,30\n" for i, m in enumerate(months))
    cascade, history = shops(tmp_path, rows=rows)
    periods, panel = kpi_coarse_panel(cascade, history, cascade.kpi("revenue"), "quarter")
    assert [str(p) for p in periods] == ["2023Q1", "2023Q2"]
    values = panel.values[:, history.units.index("a")]
    assert values[0] == 1 + 2 + 3
    assert np.isnan(values[1])


def test_measures_reach_through_formulas(tmp_path):
    text = SHOP.replace('"revenue / orders"', '"conversion * revenue"')
    cascade, _ = shops(tmp_path, text)
    assert measures_of(cascade, cascade.kpi("basket")) == ("orders", "visits", "revenue")


def test_order_of_rows_changes_nothing(tmp_path):
    head, *rows = ROWS.splitlines()
    cascade, history = shops(tmp_path / "a")
    other, turned = shops(tmp_path / "b", rows="\n".join([head, *reversed(rows)]) + "\n")
    for kpi in cascade.kpis:
        one, two = kpi_panel(cascade, history, kpi), kpi_panel(other, turned, kpi)
        np.testing.assert_array_equal(one.values, two.values)
