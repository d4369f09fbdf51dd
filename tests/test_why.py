"""Why a KPI moved, drawn: the picture and the section say what the explanation says."""

import pytest

import kpilab as kl
from kpilab.delivery.why import why_moved
from tests.small import ROWS, SHOP, shops

YEAR = """\
2022-01,a,150,5,20,5,30,31
2022-01,b,200,30,100,7,10,31
2022-02,a,90,20,40,6,20,28
2022-02,b,400,20,20,8,40,28
"""


def a_year(tmp_path, text=SHOP):
    cascade, history = shops(tmp_path, text, ROWS + YEAR)
    return cascade, history, kl.roll_up(cascade, history, period="2023-02")


def test_waterfall_shows_both_ends_the_largest_steps_and_the_others_together(
    example_cascade, example_history
):
    found = kl.explain(example_cascade, example_history, kpi="seen_within_4h", start="2017-03", end="2023-03")
    svg = kl.waterfall(found, most=3).svg
    for said in (
        "2017-03",
        "93.8 %",
        "2023-03",
        "67.96 %",
        "NHS Lothian: own ratio",
        "-5.89",
        "25 others together",
    ):
        assert f">{said}<" in svg
    assert "NHS Grampian" not in svg
    assert kl.waterfall(found, most=3) == kl.waterfall(found, most=3)


def test_waterfall_of_two_units_names_both(tmp_path):
    cascade, history, _ = a_year(tmp_path)
    svg = kl.waterfall(
        kl.explain(cascade, history, kpi="conversion", unit="a", against="b", end="2023-02")
    ).svg
    assert ">Shop A<" in svg
    assert ">Shop B<" in svg


def test_what_is_better_is_green_and_worse_red_whichever_way_is_better(tmp_path):
    cascade, history, _ = a_year(
        tmp_path, SHOP.replace("sum: revenue, better: higher", "sum: revenue, better: lower")
    )
    svg = kl.waterfall(kl.explain(cascade, history, kpi="revenue", start="2022-02", end="2023-02")).svg
    assert svg.index("#b2182b") < svg.index("#1b7837")  # Shop A rose by 110, Shop B fell by 100


def test_section_begins_with_the_kpis_whose_status_changed(tmp_path):
    """Conversion of A: 5/20 in 2022, 10/20 in 2023, target .5."""
    cascade, history, _ = a_year(tmp_path)
    card = kl.roll_up(cascade, history, period="2023-01")
    body = why_moved(cascade, history, card, "a", most=1).body
    assert "Conversion: missed, now met" in body
    assert "orders, above the line, rose from 5 to 10" in body
    assert body.count("<svg") == 1


def test_section_says_when_there_is_nothing_to_compare(tmp_path):
    cascade, history, card = a_year(tmp_path)
    early = kl.roll_up(cascade, history, period="2022-02")
    assert "History does not hold all of 2022-02" in why_moved(cascade, history, early, "a").body
    text = SHOP.replace(
        "targets:", "  - {id: new, name: New, factor: sell, owner: boss, sum: newcomer}\ntargets:"
    )
    empty, later, card = a_year(tmp_path / "empty", text)
    only = card.__class__(card.cascade, card.span, card.table[card.table["kpi"] == "new"])
    assert "No KPI of this unit has a value now and a year before" in why_moved(empty, later, only, "a").body


def test_names_are_text_in_the_picture_and_the_section(tmp_path):
    cascade, history, card = a_year(tmp_path, SHOP.replace("name: Shop A", 'name: "<b>$A$</b>"'))
    body = why_moved(cascade, history, card, "all").body
    assert "<b>$A$</b>" not in body
    assert "&lt;b&gt;$A$&lt;/b&gt;" in body


@pytest.mark.parametrize("most", [0, 1, 2])
def test_only_as_many_kpis_as_wanted(tmp_path, most):
    cascade, history, card = a_year(tmp_path)
    assert why_moved(cascade, history, card, "all", most=most).body.count("<section>") == most


def test_what_cannot_be_divided_is_said_and_the_rest_is_shown(tmp_path):
    """1 / (orders - visits) from 1 - 2 to 2 - 1: whichever moves first, the two are equal half way."""
    text = SHOP.replace("revenue / orders", "1 / (orders - visits)")
    rows = ROWS.splitlines()[0] + "\n2022-01,a,100,1,2,2,1,1\n2023-01,a,200,2,1,3,1,1\n"
    cascade, history = shops(tmp_path, text, rows)
    body = why_moved(cascade, history, kl.roll_up(cascade, history, period="2023-01"), "a", most=9).body
    assert "Cannot be divided: cascade.yaml" in body
    assert "no value on any way from start to end" in body
    assert body.count("<svg") >= 3
