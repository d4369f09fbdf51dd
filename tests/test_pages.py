"""Parts of pages: they say what the tables say, names as text."""

import html
from dataclasses import replace

import kpilab as kl
from kpilab.delivery import pages
from kpilab.model.checks import CheckReport
from kpilab.problems import Finding
from tests.simulated import chain, simulated
from tests.small import SHOP, shops


def test_link_page_shows_verdict_reason_controls_and_every_check(tmp_path):
    links = kl.fit_links(
        *simulated(tmp_path, chain(), ['cause: x, effect: m, sign: "+", lag: 1, because: It does'])
    )
    body = html.unescape(kl.link_page(links, links[0]).body)
    for said in (
        "X → M: supported",
        "It does",
        "'M' 1 and 2 months before",
        "each unit's own level",
        "lead placebo",
        "half-panel jackknife",
        "with CR2 standard error clustered by unit, 12 clusters",
    ):
        assert said in body
    assert body.count("<svg") == 2


def test_link_page_names_controls_breaks_and_units_in_words(tmp_path):
    links = ["cause: x, effect: y, lag: [1, 2]", "cause: m, effect: y, lag: [0, 2]"]
    action = "actions:\n  - {id: ruler, name: New ruler, kind: measurement, units: [u0], start: 2016-03}"
    found = kl.fit_links(*simulated(tmp_path, chain(n_units=12), links, action))
    body = html.unescape(kl.link_page(found, found[0]).body)
    assert "'Y' 1 and 2 months before, 'M' in the same month and 1 and 2 months before" in body
    assert "the break 'New ruler' at Team 0" in body
    assert "without Team" in body
    assert "[t-1]" not in body


def test_link_page_of_an_untestable_link_says_why(tmp_path):
    links = kl.fit_links(*simulated(tmp_path, chain(n_units=3), ["cause: x, effect: m"]))
    assert "only 3 units" in kl.link_page(links, links[0]).body


def test_unit_trends_leave_out_kpis_of_other_levels(tmp_path):
    text = SHOP.replace("sum: revenue, better", "sum: revenue, levels: [company], better")
    cascade, history = shops(tmp_path, text)
    assert ">Revenue<" in pages.unit_trends(cascade, history, "all").body
    assert ">Revenue<" not in pages.unit_trends(cascade, history, "a").body


def test_scores_are_written_with_names_and_per_cent(tmp_path):
    table = pages.named_scores(kl.roll_up(*shops(tmp_path), period="2023-01"))
    row = table[(table["KPI"] == "Conversion") & (table["unit"] == "Company")].iloc[0]
    assert (row["actual"], row["target"], row["status"]) == ("33.3 %", "50.0 %", "missed")


def test_unit_without_children_or_findings_says_so(tmp_path):
    cascade, history = shops(tmp_path)
    assert (
        "No units stand below"
        in pages.children_card(kl.roll_up(cascade, history, period="2023-01"), "a").body
    )
    assert "found nothing" in pages.unit_findings(kl.check(cascade), cascade, "b").body


def test_same_page_has_the_same_bytes(tmp_path):
    cascade, history = shops(tmp_path)
    assert pages.unit_trends(cascade, history, "a") == pages.unit_trends(cascade, history, "a")


def test_grid_shows_values_on_their_status_and_names_as_text(tmp_path):
    cascade, history = shops(tmp_path, SHOP.replace("Shop A", "<b>A</b>"))
    body = pages.value_grid(kl.roll_up(cascade, history, period="2023-01").at("shop")).body
    assert "50.0 % ✓" in body
    assert "Conversion: missed, target 50.0 %" in body
    assert "&lt;b&gt;A&lt;/b&gt;" in body


def test_standing_counts_targets_and_names_the_missed_ones(tmp_path):
    card = kl.roll_up(*shops(tmp_path), period="2023-01")
    assert pages.standing_text(card.of_unit("all")).splitlines() == [
        "1 of 2 targets met.",
        "Missed: Conversion (33.3 %, target 50.0 %).",
    ]
    without = replace(card, table=card.table.assign(status="no target"))
    assert "No KPI has both" in pages.standing_text(without.of_unit("a"))


def test_comparison_ranks_what_does_not_grow_with_size(tmp_path):
    card = kl.roll_up(*shops(tmp_path), period="2023-01")
    body = pages.compared(card, "b").body
    assert "Conversion" in body
    assert "2 of 2" in body
    assert "1 of 2" in body  # minutes per order: fewer are better
    assert "Revenue" not in body
    assert "Orders per day" not in body  # days are the same for large and small
    assert "no unit beside" in pages.compared(card, "all").body


def test_findings_of_a_unit_are_found_by_whole_ids(tmp_path):
    cascade, _ = shops(tmp_path)
    found = (
        Finding("warning", "gap", "a, 2023-01", "a: nothing", "find it"),
        Finding("warning", "gap", "b, 2023-01", "b: a1 and b-a and a gap in all", "find it"),
        Finding("note", "gap", "c, 2023-01", "banana", "find it"),
    )
    body = pages.unit_findings(CheckReport("x", found[::2]), cascade, "a").body
    assert "nothing" in body
    assert "banana" not in body
    body = pages.findings_by_rule(CheckReport("x", found)).body
    assert body.count("<tr>") == 3


def test_findings_of_a_unit_name_it_and_are_counted_when_many(tmp_path):
    cascade, _ = shops(tmp_path)
    found = tuple(Finding("note", "gap", "a, 2023-01", f"a: {number}", "find it") for number in range(50))
    body = pages.unit_findings(CheckReport("x", found), cascade, "a").body
    assert "Shop A (a): 39" in body
    assert "The first 40 of 50: kpilab check lists all." in body
    assert "tidy" not in body


def test_what_is_not_there_is_said_in_a_sentence(tmp_path):
    text = SHOP[: SHOP.index("kpis:")]
    cascade, history = shops(tmp_path, text)
    card, links = kl.roll_up(cascade, history, period="2023-01"), kl.fit_links(cascade, history)
    assert "No KPI exists at this level" in pages.unit_card(card, "a").body
    assert "No KPI of this unit has a value" in pages.unit_trends(cascade, history, "a").body
    assert "No arrow is assumed" in pages.verdict_table(links).body
    assert "No arrow has an estimate" in pages.forest(links).svg


def test_arrow_says_whether_a_unit_is_part_of_its_test(tmp_path):
    cascade, history = simulated(tmp_path, chain(), ["cause: x, effect: m, lag: 1, except: [u1]"])
    links = kl.fit_links(cascade, history)
    left_out, part = (
        links[0].link.excluded[0],
        [u.id for u in cascade.units if u.id not in links[0].link.excluded],
    )
    assert "this one is left out" in pages.unit_links(links, left_out).body
    assert all("this one is left out" not in pages.unit_links(links, u).body for u in part)


def test_trends_leave_out_what_came_after_the_report(tmp_path):
    cascade, history = shops(tmp_path)
    before = pages.unit_trends(cascade, history, "a", until=cascade.period("2023-01"))
    assert before != pages.unit_trends(cascade, history, "a")
