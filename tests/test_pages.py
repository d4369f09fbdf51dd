"""Parts of pages: they say what the tables say, names as text."""

import kpilab as kl
from kpilab.delivery import pages
from tests.simulated import chain, simulated
from tests.small import SHOP, shops


def test_link_page_shows_verdict_reason_controls_and_every_check(tmp_path):
    links = kl.fit_links(
        *simulated(tmp_path, chain(), ['cause: x, effect: m, sign: "+", lag: 1, because: It does'])
    )
    body = kl.link_page(links, links[0]).body
    for said in (
        "X → M: supported",
        "It does",
        "m[t-1]",
        "lead placebo",
        "half-panel jackknife",
        "Decided by: CR2",
    ):
        assert said in body
    assert body.count("<svg") == 2


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
