"""The KPI-quality table: a generated cascade in which each KPI has one known weakness, and the example."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import kpilab as kl
from kpilab import cli
from kpilab.delivery import check_pages
from kpilab.scorecard.kpi_quality import COLUMNS
from tests.small import shops, write_cascade_folder

MONTHS, SHOPS = 96, 12

HEAD = """\
cascade: Shops
frequency: month
year_start: 4
levels: [company, shop]
history: {path: history.csv}
units:
  - {unit: all, name: Company, level: company}
"""
TAIL = """\
objectives: [{id: grow, name: Grow}]
factors: [{id: sell, name: Sell, objective: grow}]
owners: [{id: boss, name: Boss, unit: all}]
processes: [{id: run, name: Run the shop, owner: boss}]
kpis:
  - {id: good, name: Good, factor: sell, owner: boss, process: run, ratio: {of: good, per: cases},
     better: higher, timing: leading}
  - {id: twin, name: Twin, factor: sell, owner: boss, process: run, ratio: {of: twin, per: cases},
     better: higher, timing: lagging}
  - {id: noise, name: Noise, factor: sell, owner: boss, process: run, ratio: {of: noise, per: cases}}
  - {id: late, name: Late, factor: sell, owner: boss, process: run, ratio: {of: late, per: cases}}
  - {id: holes, name: Holes, factor: sell, owner: boss, process: run, ratio: {of: holes, per: cases}}
  - {id: ruler, name: Ruler, factor: sell, owner: boss, process: run, ratio: {of: ruler, per: cases}, better: higher}
  - {id: piled, name: Piled, factor: sell, owner: boss, ratio: {of: piled, per: cases}, better: higher}
  - {id: clean, name: Clean, factor: sell, owner: boss, ratio: {of: clean, per: cases}, better: lower}
  - {id: spike, name: Spike, factor: sell, owner: boss, ratio: {of: spike, per: cases}, better: higher}
links:
  - {cause: good, effect: spike, lag: 1, at: shop}
actions:
  - {id: new_ruler, name: New ruler, kind: measurement, units: [s0, s1, s2], start: 2019-01, expects: {ruler: -2}}
targets:
  - {kpi: piled, target: 10}
  - {kpi: clean, target: 10}
  - {kpi: good, target: 10.3}
"""  # fmt: skip


def generated():
    """Each measure is 1,000 cases times a value around 10, with a wave and a season; then one weakness each."""
    draw = np.random.default_rng(31)
    months = np.arange(MONTHS)[:, None]

    def sound():
        wave = np.sin(2 * np.pi * months / 48 + draw.uniform(0, 6, SHOPS))
        season = 0.7 * np.sin(2 * np.pi * months / 12)
        return 10 + wave + season + draw.normal(0, 0.5, (MONTHS, SHOPS))

    values = {name: sound() for name in ("good", "late", "holes", "ruler", "piled", "clean", "spike")}
    values["twin"] = 2 * values["good"] + draw.normal(0, 0.01, (MONTHS, SHOPS))
    values["noise"] = 10 + draw.normal(0, 0.5, (MONTHS, SHOPS))
    values["late"][-8:] = np.nan
    values["holes"][draw.random((MONTHS, SHOPS)) < 0.2] = np.nan
    values["ruler"][48:, :3] -= 3
    near = (values["piled"] < 10) & (values["piled"] > 9.75)
    values["piled"] = np.where(near, 10 + 0.25 * draw.random(near.shape), values["piled"])
    values["clean"][:, 4] = np.minimum(10 + draw.normal(0, 0.5, MONTHS), 10 - 0.05 * draw.random(MONTHS))
    values["spike"] += 2.0 * (months % 12 == 2)  # history begins in January: March ends the year
    periods = pd.period_range("2015-01", periods=MONTHS, freq="M").astype(str)
    index = pd.MultiIndex.from_product([periods, [f"s{i}" for i in range(SHOPS)]], names=["period", "unit"])
    table = pd.DataFrame({name: 1000 * each.ravel() for name, each in values.items()}, index=index)
    return table.assign(cases=1000).reset_index()


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    units = "".join(f"  - {{unit: s{i}, name: Shop {i}, level: shop, parent: all}}\n" for i in range(SHOPS))
    folder = tmp_path_factory.mktemp("quality")
    write_cascade_folder(folder, HEAD + units + TAIL, generated().to_csv(index=False))
    cascade = kl.read_cascade(folder)
    tested = [SimpleNamespace(cause="good", effect="spike", verdict="contradicted")]
    return kl.check(cascade, kl.read_history(cascade), links=tested)


RULES = {
    "kpi_noisy": {"noise"},
    "kpi_late": {"late"},
    "kpi_incomplete": {"holes"},
    "kpi_definition_break": {"ruler"},
    "bunching_at_target": {"piled"},
    "never_misses": {"clean"},
    "year_end_spike": {"spike"},
    "kpi_without_process": {"piled", "clean", "spike"},
    "leading_unsupported": {"good"},
}


@pytest.mark.parametrize("rule", RULES)
def test_each_weakness_is_found_where_it_was_made_and_nowhere_else(report, rule):
    found = [finding.what for finding in report.findings if finding.rule == rule]
    assert {kpi for kpi in report.quality()["kpi"] if any(f"'{kpi}'" in what for what in found)} == RULES[
        rule
    ]


def test_near_duplicates_are_told_once(report):
    said = [finding.what for finding in report.findings if finding.rule == "kpi_near_duplicates"]
    assert len(said) == 1
    assert said[0].startswith("kpis 'good' and 'twin' move as one")


def test_numbers_of_the_table_are_those_of_the_making(report):
    table = report.quality().set_index("kpi")
    assert table.loc["holes", "completeness"] == pytest.approx(0.8, abs=0.03)
    assert table.loc["late", "periods_late"] == 8
    assert table.loc["ruler", "break_at"] == "new_ruler"
    assert table.loc["ruler", "break_shift"] < -3
    assert table.loc["good", "signal_to_noise"] == pytest.approx((0.5 + 0.245) / 0.25, rel=0.15)
    assert table.loc["good", "leads_to"] == "spike (contradicted)"
    assert table.loc["clean", "n_never_missed"] == 1
    assert (
        3 < table.loc["spike", "year_end_spike"] < 4
    )  # 2 / 0.5, less what the spike itself adds to the noise
    assert list(report.quality().columns) == COLUMNS


def test_what_is_not_measured_says_why(report):
    notes = report.quality().set_index("kpi")["note"]
    assert notes["noise"] == "gaming: neither way is better"
    assert notes["spike"] == "bunching: no official target"
    assert notes["good"] == ""


def test_history_denies_a_link_is_a_finding_and_goals_lack_evidence(report):
    rules = {finding.rule for finding in report.findings}
    assert {"link_contradicted", "objective_without_evidence"} <= rules
    row = report.coverage().iloc[0]
    assert row[["goal", "n_kpis", "n_leading", "n_lagging", "n_without_timing"]].tolist() == [
        "grow",
        9,
        1,
        1,
        7,
    ]
    assert row[["leading_share", "n_with_target", "n_linked", "n_with_evidence"]].tolist() == [0.5, 3, 2, 0]


def test_text_says_what_is_weakest(report):
    assert "KPI quality: 9 KPIs with values; least signal in noise" in report.text
    assert "late: late; near-duplicates: good = twin." in report.text


def test_too_short_a_history_is_said_with_its_number(tmp_path):
    table = kl.check(*shops(tmp_path)).quality().set_index("kpi")
    assert table.loc["revenue", "note"].startswith("signal: 2 periods without a gap, 12 needed")
    assert "official target" in table.loc["stock", "note"]
    assert (table["n_periods"] == 2).all()


def test_without_a_history_there_is_coverage_but_no_quality(tmp_path):
    report = kl.check(shops(tmp_path)[0])
    assert report.coverage()["n_kpis"].tolist() == [6, 6]
    with pytest.raises(kl.InputError, match="give kl.check the cascade and its history"):
        report.quality()


def test_example_knows_the_change_of_the_ruler_in_lothian(example_cascade, example_history):
    """An audit found a tenth of Lothian's patients "within four hours" were not; the KPI shifts at once."""
    report = kl.check(example_cascade, example_history)
    table = report.quality().set_index("kpi")
    assert table.loc["seen_within_4h", "break_at"] == "lothian_recording"
    assert table.loc["seen_within_4h", "break_shift"] < -5
    assert table.loc["admitted", "periods_late"] == 2  # published by hospital, until March 2023
    page = check_pages.indicator_table(report, example_cascade).body
    assert "Planned operations cancelled for want of capacity" in page
    assert "Timely emergency care" in check_pages.goal_table(report, example_cascade).body
    assert not [f for f in report.findings if f.rule in ("bunching_at_target", "never_misses")]


def test_command_line_shows_the_table_or_gives_it_as_json(tmp_path, capsys):
    shops(tmp_path)
    for options, word in ((["--quality"], "signal_to_noise"), (["--quality", "--json"], '"completeness"')):
        with pytest.raises(SystemExit) as stopped:
            cli.main(["check", str(tmp_path), *options])
        assert stopped.value.code == 0
        assert word in capsys.readouterr().out
