"""Weighted scores against paper arithmetic: dated weights, renormalised where a KPI has no value."""

import pytest

import kpilab as kl
from tests.small import shops

GOALS = """\
cascade: Weighted
frequency: month
levels: [company]
history: {path: history.csv}
units: [{unit: all, name: Company, level: company}]
objectives:
  - {id: grow, name: Grow, weight: 0.75}
  - {id: care, name: Care, weight: 0.25}
factors:
  - {id: sell, name: Sell, objective: grow}
  - {id: serve, name: Serve, objective: care}
processes:
  - {id: shop, name: Shop}
kpis:
  - id: a
    name: A
    factor: sell
    process: shop
    sum: a
    better: higher
    weight: [{from: 2022-01, weight: 0.5}, {from: 2023-02, weight: 0.9}]
  - id: b
    name: B
    factor: sell
    sum: b
    better: higher
    weight: [{from: 2022-01, weight: 0.5}, {from: 2023-02, weight: 0.1}]
  - {id: c, name: C, factor: serve, process: shop, sum: c, better: higher}
targets:
  - {kpi: a, target: 10, red_flag: 5}
  - {kpi: b, target: 10, red_flag: 5}
  - {kpi: c, target: 10, red_flag: 5}
"""
ROWS = "period,unit,a,b,c\n2023-01,all,5,10,10\n2023-02,all,5,10,10\n2023-03,all,5,,10\n"


@pytest.fixture
def weighted(tmp_path):
    return shops(tmp_path, GOALS, ROWS)


def scores(pair, period, by):
    table = kl.score_goals(kl.roll_up(*pair, period=period), by=by).tidy()
    return table.set_index("id")["score"].to_dict()


def test_factor_is_the_mean_by_the_weights_of_the_period(weighted):
    """A scores 10/3, B 20/3: half and half in January, nine to one from February on."""
    assert scores(weighted, "2023-01", "factor")["sell"] == pytest.approx(5)
    assert scores(weighted, "2023-02", "factor")["sell"] == pytest.approx(0.9 * 10 / 3 + 0.1 * 20 / 3)


def test_weights_renormalise_over_what_has_a_score(weighted):
    card = kl.roll_up(*weighted, period="2023-03")
    row = kl.score_goals(card, by="factor").tidy().set_index("id").loc["sell"]
    assert row["score"] == pytest.approx(10 / 3)
    assert (row["n_kpis"], row["n_scored"]) == (2, 1)
    assert row["weight_known"] == pytest.approx(0.9)
    assert "1 KPI without a score left out" in kl.score_goals(card, by="factor").text


def test_a_kpi_below_its_declared_coverage_is_left_out_like_one_without_a_score(tmp_path):
    """One of two shops reported A in February: 5 of 10 from half the shops says nothing about both."""
    text = GOALS.replace("levels: [company]", "levels: [company, shop]").replace(
        "units: [{unit: all, name: Company, level: company}]",
        "units:\n  - {unit: all, name: Company, level: company}\n"
        "  - {unit: x, name: X, level: shop, parent: all}\n  - {unit: y, name: Y, level: shop, parent: all}",
    )
    rows = "period,unit,a,b,c\n2023-01,x,5,10,10\n2023-01,y,5,10,10\n2023-02,x,5,5,5\n2023-02,y,,5,5\n"
    table = kl.score_goals(kl.roll_up(*shops(tmp_path, text, rows), period="2023-02"), by="factor")
    row = table.tidy().set_index(["unit", "id"]).loc[("all", "sell")]
    assert row["score"] == pytest.approx(20 / 3)
    assert row["weight_known"] == pytest.approx(0.1)


def test_unit_is_the_mean_of_its_objectives(weighted):
    assert scores(weighted, "2023-01", "objective") == pytest.approx({"grow": 5, "care": 20 / 3})
    assert scores(weighted, "2023-01", "unit")["all"] == pytest.approx(0.75 * 5 + 0.25 * 20 / 3)


def test_process_averages_its_kpis_and_names_the_worst(weighted):
    table = kl.score_goals(kl.roll_up(*weighted, period="2023-01"), by="process").tidy()
    assert table.loc[0, "worst_kpi"] == "a"
    assert table.loc[0, "worst_score"] == pytest.approx(10 / 3)


def test_weights_that_do_not_sum_at_one_date_are_found(tmp_path):
    broken = GOALS.replace("{from: 2023-02, weight: 0.1}", "{from: 2023-02, weight: 0.2}")
    found = kl.check(*shops(tmp_path, broken, ROWS)).tidy()
    row = found[found["rule"] == "weights_do_not_sum"].iloc[0]
    assert "from 2023-02 on: weights sum to 1.1" in row["what"]


def test_dated_weight_with_a_bad_period_is_told_with_its_line(tmp_path):
    broken = GOALS.replace("{from: 2023-02, weight: 0.1}", "{from: 2023-2, weight: 0.1}")
    with pytest.raises(kl.InputError, match=r"cascade.yaml:\d+: weight: period '2023-2'"):
        shops(tmp_path, broken, ROWS)


def test_weight_that_is_no_weight_is_one_line(tmp_path):
    for bad in ("heavy", "1.5", "[{weight: 0.5}]"):
        broken = GOALS.replace("weight: 0.75", f"weight: {bad}")
        with pytest.raises(kl.InputError) as caught:
            shops(tmp_path, broken, ROWS)
        assert len(caught.value.problems) == 1
        assert "grow" in str(caught.value)


def test_unknown_goal_suggests_the_nearest(weighted):
    with pytest.raises(kl.InputError, match="did you mean 'process'"):
        kl.score_goals(kl.roll_up(*weighted), by="proces")


def test_dated_weights_survive_a_save(weighted, tmp_path):
    cascade, _ = weighted
    kl.write_cascade(cascade, tmp_path / "copy")
    assert kl.read_cascade(tmp_path / "copy") == cascade
