"""Widgets: choosing changes what is shown, and what is shown is what the verb returns."""

import html

import kpilab as kl
from kpilab.delivery.pages import named_scores, value_grid
from kpilab.show import table_html
from tests.simulated import chain, simulated
from tests.small import shops


def test_choosing_level_and_period_changes_the_scorecard(tmp_path):
    cascade, history = shops(tmp_path)
    widget = kl.choose_scorecard(cascade, history)
    at_first = widget.output.value
    widget.level.value = "shop"
    assert widget.output.value != at_first
    widget.period.value = "2023-01"
    card = kl.roll_up(cascade, history, period="2023-01")
    assert widget.output.value == value_grid(card.at("shop")).body
    widget.level.value = "company"
    assert widget.output.value == table_html(named_scores(card.at("company")))


def test_choosing_a_link_shows_its_page(tmp_path):
    links = kl.fit_links(
        *simulated(tmp_path, chain(), ["cause: x, effect: m, lag: 1", "cause: m, effect: y, lag: 1"])
    )
    widget = kl.choose_link(links)
    assert widget.output.value == kl.link_page(links, links[0]).body
    widget.link.value = 1
    assert widget.output.value == kl.link_page(links, links[1]).body


def test_no_link_is_no_error(tmp_path):
    cascade, history = shops(tmp_path)
    assert kl.choose_link(kl.fit_links(cascade, history)).output.value == ""


def test_what_was_chosen_stands_beside_it_as_a_line_that_does_it(tmp_path):
    cascade, history = shops(tmp_path)
    widget = kl.choose_scorecard(cascade, history)
    widget.level.value, widget.period.value = "shop", "2023-01"
    line = "kl.roll_up(cascade, history, period=&#x27;2023-01&#x27;).at(&#x27;shop&#x27;)"
    assert line in widget.code.value
    links = kl.fit_links(*simulated(tmp_path / "links", chain(), ["cause: x, effect: m, lag: 1"]))
    assert "kl.link_page(links, links[0])" in kl.choose_link(links).code.value


def test_choosing_a_rule_shows_what_the_line_beside_it_finds(example_cascade, example_history):
    report = kl.check(example_cascade, example_history)
    widget = kl.choose_findings(report)
    widget.severity.value = "warning"
    assert [value for _, value in widget.rule.options] == [
        "",
        *report.tidy().query("severity == 'warning'")["rule"].unique(),
    ]
    widget.rule.value = "gap"
    found = report.tidy().query("severity == 'warning' and rule == 'gap'")
    assert widget.output.value == table_html(found[["where", "what", "remedy"]])
    widget.words.value = "C206H"
    assert "report.about(&#x27;C206H&#x27;).tidy()" in widget.code.value
    assert 0 < widget.output.value.count("<tr") - 1 <= len(found)
    widget.words.value = "<img src=x>"
    assert "<img" not in widget.code.value


def test_choosing_a_unit_explains_it_and_a_span_that_is_none_says_why(tmp_path):
    cascade, history = shops(tmp_path)
    widget = kl.choose_explanation(cascade, history, kpi="conversion", start="2023-01", end="2023-02")
    widget.work.wait(60)
    why = kl.explain(cascade, history, kpi="conversion", start="2023-01", end="2023-02", unit="all")
    assert "kl.explain(cascade, history, kpi=&#x27;conversion&#x27;" in widget.code.value
    assert why.text.split("\n")[0] in html.unescape(widget.output.value)
    assert "<svg" in widget.output.value
    widget.end.value = "soon"
    widget.work.wait(60)
    assert "soon" in widget.output.value
    assert "<svg" not in widget.output.value
