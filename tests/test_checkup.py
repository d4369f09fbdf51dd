"""kl.check finds what is planted, with the right line; each rule is tried on a cascade checked by hand."""

import numpy as np
import pytest

import kpilab as kl
from kpilab.evidence.map_checks import shared_measures
from tests.small import ROWS, SHOP, shops


def found(report, rule):
    table = report.tidy()
    return table[table["rule"] == rule]


def test_ten_planted_faults_are_found_with_their_lines(example_copy):
    """Ten faults go into a copy of the example; each is found where it was planted."""
    before = set(
        kl.check(kl.read_cascade(example_copy), kl.read_history(kl.read_cascade(example_copy))).findings
    )
    lines = (example_copy / "cascade.yaml").read_text(encoding="utf-8").splitlines()
    planted = _plant_in_cascade(lines)
    (example_copy / "cascade.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    rows = (example_copy / "history.csv").read_text(encoding="utf-8").splitlines()
    planted |= _plant_in_history(rows)
    (example_copy / "history.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    cascade = kl.read_cascade(example_copy)
    report = kl.check(cascade, kl.read_history(cascade))
    fresh = {(f.rule, f.where) for f in report.findings if f not in before}
    assert planted - fresh == set()
    assert len(planted) == 10
    assert report.has_errors


def _plant_in_cascade(lines):
    planted = set()

    def insert(after, text, rule, offset=0):
        position = next(i for i, line in enumerate(lines) if line.startswith(after)) + 1
        lines[position:position] = text.splitlines()
        planted.add((rule, position + offset))

    insert(
        "factors:",
        "  - {id: empty_factor, name: Nothing measures this, objective: empty_goal}",
        "factor_without_kpi",
    )
    insert("objectives:", "  - {id: empty_goal, name: Nobody works on this}", "objective_without_kpi")
    insert("kpis:", "  - {id: orphan, name: Orphan, sum: ae_attendances}", "kpi_without_owner")
    insert("kpis:", "  - {id: dreamt, name: Dreamt, sum: not_there}", "kpi_without_history")
    loop = "  - {cause: over_12h, effect: orphan, lag: 0}\n  - {cause: orphan, effect: over_12h, lag: 0}"
    insert("links:", loop, "loop_without_lag")
    numbers = {}
    for rule, _ in planted:
        word = {"factor_without_kpi": "id: empty_factor", "objective_without_kpi": "id: empty_goal"}.get(rule)
        word = word or {"kpi_without_owner": "id: orphan", "kpi_without_history": "id: dreamt"}.get(
            rule, "cause: over_12h, effect: orphan"
        )
        numbers[rule] = next(i for i, line in enumerate(lines, 1) if word in line)
    return {(rule, f"cascade.yaml:{number}") for rule, number in numbers.items()} | {
        ("kpi_without_factor", f"cascade.yaml:{numbers['kpi_without_owner']}")
    }


def _plant_in_history(rows):
    head = rows[0].split(",")

    def changed(number, measure, value):
        cells = rows[number - 1].split(",")
        cells[head.index(measure)] = value
        rows[number - 1] = ",".join(cells)
        return f"history.csv:{number}"

    first = {cells[1]: i for i, cells in reversed(list(enumerate((r.split(",") for r in rows), 1)))}
    board, hospital = first["S08000015"], first["A111H"]
    planted = {("negative_count", changed(hospital + 3, "ae_attendances", "-5"))}
    many = changed(board + 5, "ae_within_4h", "99999")
    planted.add(("numerator_above_denominator", many))
    rows.append(rows[board])
    other = rows[-1].split(",")
    other[head.index("ae_attendances")] = "1"
    rows[-1] = ",".join(other)
    planted.add(("duplicate_rows", f"history.csv:{len(rows)}"))
    gone = next(i for i, r in enumerate(rows) if r.split(",")[:2] == ["2013-01", "S08000017"])
    rows[gone] = ",".join(["2013-01", "S08000017"] + [""] * (len(head) - 2))
    planted.add(("gap", "S08000017, 2013-01"))
    return planted


@pytest.mark.parametrize(
    ("old", "new", "rule", "severity"),
    [
        ("owner: boss, sum: revenue", "sum: revenue", "kpi_without_owner", "warning"),
        ("factor: sell, owner: boss, sum", "owner: boss, sum", "kpi_without_factor", "warning"),
        ("sum: revenue", "sum: revenu", "kpi_without_history", "error"),
        ("id: sell,", "id: x, name: X, objective: grow}\n  - {id: sell,", "factor_without_kpi", "warning"),
        ("id: grow,", "id: lost, name: L}\n  - {id: grow,", "objective_without_kpi", "warning"),
        ("timing: leading", "timing: lagging", None, None),
        ("owner: boss, last: stock", "weight: 0.4, owner: boss, last: stock", "weights_incomplete", "error"),
        ("levels: [company, shop]", "levels: [company, shop, person]", "level_without_units", "warning"),
        ("target: 500}", "target: 500}\n  - {kpi: revenue, unit: all, target: 1}", "targets_overlap", "error"),
        ("target: 500}", "target: 500}\nlinks:\n  - {cause: conversion, effect: basket}", "shared_measures", "warning"),
        (
            "target: 500}",
            "target: 500}\nlinks:\n  - {cause: stock, effect: speed, lag: 0}\n  - {cause: speed, effect: stock}",
            "loop_without_lag",
            "error",
        ),
    ],
)  # fmt: skip
def test_rule_is_found_only_when_it_is_broken(tmp_path, old, new, rule, severity):
    assert old in SHOP
    clean = kl.check(*shops(tmp_path / "clean"))
    broken = kl.check(*shops(tmp_path / "broken", SHOP.replace(old, new, 1)))
    if rule is None:
        return
    assert len(found(broken, rule)) == len(found(clean, rule)) + 1
    assert found(broken, rule)["severity"].iloc[-1] == severity


@pytest.mark.parametrize(
    ("old", "new", "rule", "what"),
    [
        ("20,40,6", "20,40,-6", "negative_count", "a, 2023-02: stock is -6"),
        (
            "200,20,40",
            "200,20,0",
            "zero_denominator",
            "a, 2023-02: 'conversion' divides 20 by zero; it has no value",
        ),
        (
            "200,20,40",
            "200,20,-30",
            "negative_denominator",
            "'conversion' divides by a negative visits at all in 2023-02 and 1 more time",
        ),
        (
            "200,20,40",
            "200,0,40",
            "weights_of_zero",
            "every weight of 'speed' (orders) is zero at a in 2023-02",
        ),
        ("200,20,40", "200,0,40", "formula_gap", "kpi 'basket' has no value at a in 2023-02"),
    ],
)
def test_numbers_that_cannot_be_divided_or_stocked_are_found(tmp_path, old, new, rule, what):
    cascade, history = shops(tmp_path, rows=ROWS.replace(old, new))
    assert found(kl.check(cascade, history), rule)["what"].iloc[0].startswith(what)
    table = kl.roll_up(cascade, history, period="2023-02").tidy().select_dtypes("number")
    assert not np.isinf(table.to_numpy(dtype=float)).any()


@pytest.mark.parametrize(("target", "n"), [("95", 1), ("-0.5", 1), ("0.95", 0), ("1", 0)])
def test_target_that_no_share_can_reach(tmp_path, target, n):
    text = SHOP.replace("{kpi: conversion, target: 0.5}", f"{{kpi: conversion, target: {target}}}")
    assert len(found(kl.check(*shops(tmp_path, text)), "target_out_of_range")) == n


def test_objective_with_only_lagging_kpis(tmp_path):
    text = SHOP.replace("timing: leading", "timing: lagging").replace(
        "owner: boss,", "owner: boss, timing: lagging,"
    )
    text = text.replace(
        "timing: lagging, sum: revenue, better: higher, timing: lagging",
        "timing: lagging, sum: revenue, better: higher",
    )
    assert len(found(kl.check(*shops(tmp_path, text)), "only_lagging_kpis")) == 1
    assert len(found(kl.check(*shops(tmp_path / "b")), "only_lagging_kpis")) == 0


def test_weights_that_do_not_sum(tmp_path):
    text = SHOP.replace("owner: boss", "weight: 0.2, owner: boss").replace(
        "    owner: boss\n", "    weight: 0.2\n    owner: boss\n"
    )
    text = text.replace(
        "weight: 0.2, owner: boss, mean: minutes, weight: orders",
        "weight: 0.2, owner: boss, mean: {of: minutes, weight: orders}",
    )
    text = text.replace("    weight: 0.2, owner: boss\n", "    weight: 0.2\n    owner: boss\n").replace(
        "    weight: 0.2\n    weight: 0.2\n", "    weight: 0.2\n"
    )
    report = kl.check(*shops(tmp_path, text))
    assert "weights sum to 1.2" in found(report, "weights_do_not_sum")["what"].item()


def test_parent_that_differs_from_its_children_names_measure_and_span(tmp_path):
    report = kl.check(*shops(tmp_path, rows=ROWS + "2023-01,all,999,,,,,\n2023-02,all,500,,,,,\n"))
    what = found(report, "parent_differs")["what"].item()
    assert "revenue differs from the sum of its children in 1 period of 2, 2023-01" in what
    assert "999 against 400" in what


def test_duplicate_with_other_values_is_an_error_and_the_first_counts(tmp_path):
    cascade, history = shops(tmp_path, rows=ROWS + "2023-01,a,777,10,20,5,30,31\n")
    report = kl.check(cascade, history)
    row = found(report, "duplicate_rows")
    assert row["where"].item() == "history.csv:6"
    assert row["severity"].item() == "error"
    assert "first: history.csv:2" in row["what"].item()
    assert history.frame("revenue")["a"].iloc[0] == 100


def test_measure_that_should_be_the_same_but_is_not(tmp_path):
    report = kl.check(
        *shops(tmp_path, rows=ROWS.replace("2023-01,b,300,30,100,7,10,31", "2023-01,b,300,30,100,7,10,30"))
    )
    assert "from 30 to 31 in 2023-01" in found(report, "same_differs")["what"].item()


def test_sudden_break_is_found_unless_it_is_declared(tmp_path):
    rows = "period,unit,revenue,orders,visits,stock,minutes,days\n"
    for i in range(24):
        noise = (i * 7) % 5
        rows += f"{2021 + i // 12}-{i % 12 + 1:02d},a,{100 + noise + (100 if i >= 12 else 0)},10,20,5,30,30\n"
    text = SHOP.split("targets:")[0]
    breaks = found(kl.check(*shops(tmp_path / "a", text, rows)), "sudden_break")
    assert breaks["what"].tolist() == [
        "a: kpi 'revenue' jumps from 102 to 202.5 in 2022-01 and stays",
        "a: kpi 'basket' jumps from 10.2 to 20.2 in 2022-01 and stays",  # computed from revenue
    ]
    assert breaks["where"].tolist() == ["history.csv:14"] * 2
    text += "actions:\n  - {id: x, name: X, kind: structural, units: [a], start: 2022-01}\n"
    assert len(found(kl.check(*shops(tmp_path / "b", text, rows)), "sudden_break")) == 0


def test_declared_break_hides_no_other_and_a_quiet_series_that_grows_wild_is_no_break(tmp_path):
    noise = [(i * 7) % 5 for i in range(48)]
    revenue = [100 + noise[i] + 60 * (i >= 12) + 300 * (i >= 36) for i in range(48)]
    stock = [0 if i < 40 else 2 ** (i - 39) for i in range(48)]
    rows = "period,unit,revenue,orders,visits,stock,minutes,days\n" + "".join(
        f"{2020 + i // 12}-{i % 12 + 1:02d},a,{revenue[i]},10,20,{stock[i]},30,30\n" for i in range(48)
    )
    text = SHOP.split("targets:")[0]
    text += "actions:\n  - {id: x, name: X, kind: structural, units: [a], start: 2023-01}\n"
    breaks = found(kl.check(*shops(tmp_path, text, rows)), "sudden_break")
    assert breaks["where"].tolist() == ["history.csv:14"] * 2  # revenue and basket, at the undeclared step
    assert breaks["what"].iloc[0] == "a: kpi 'revenue' jumps from 102 to 162.5 in 2021-01 and stays"


def test_links_that_share_a_measure_through_a_formula(tmp_path):
    text = SHOP + "links:\n  - {cause: basket, effect: per_day, lag: 1}\n"
    cascade, _ = shops(tmp_path, text)
    assert shared_measures(cascade, cascade.links[0]) == ("orders",)


def test_errors_come_first_and_text_counts_them(tmp_path):
    report = kl.check(*shops(tmp_path, SHOP.replace("sum: revenue", "sum: revenu")))
    assert report.tidy()["severity"].iloc[0] == "error"
    assert report.text.startswith("2 errors") or report.text.startswith("1 error")
    assert set(report.about("revenu").tidy()["rule"]) >= {"kpi_without_history"}


def test_listing_tells_every_finding_and_each_remedy_once(tmp_path):
    report = kl.check(*shops(tmp_path, rows=ROWS.replace("10,20,5", "10,0,5").replace("10,20,8", "10,0,8")))
    lines = report.listing().splitlines()
    at = lines.index("warning: zero_denominator (2)")
    assert lines[at + 1 : at + 4] == [
        "  history.csv:2: a, 2023-01: 'conversion' divides 10 by zero; it has no value",
        "  history.csv:5: b, 2023-02: 'conversion' divides 10 by zero; it has no value",
        "  → correct the denominator",
    ]
    for finding in report.findings:
        assert f"  {finding.where}: {finding.what}" in lines


def test_cascade_can_be_checked_without_history(tmp_path):
    cascade, _ = shops(tmp_path)
    assert len(kl.check(cascade).findings) > 0
