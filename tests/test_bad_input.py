"""Bad input: one line each with file, line, value and remedy; all in one go; exit code 2; no traceback."""

import subprocess
import sys

import pandas as pd
import pytest

import kpilab as kl
from kpilab import cli
from tests.small import ROWS, SHOP, write_cascade_folder


def told(folder, capsys):
    """Return the lines on stderr of a command that must end with exit code 2."""
    with pytest.raises(SystemExit) as stopped:
        cli.main(["check", str(folder)])
    out, err = capsys.readouterr()
    assert (stopped.value.code, out) == (2, "")
    assert "Traceback" not in err
    return err.splitlines()


IN_THE_CASCADE = {
    "syntax": (
        ("factors:\n", "factors: [\n"),
        "cascade.yaml:12: YAML: expected the node content, but found '-'; check indentation, colons and quotes here",
    ),
    "a tab": (
        ("  - {id: grow", "\t- {id: grow"),
        "cascade.yaml:10: YAML: found character '\\t' that cannot start any token; "
        "check indentation, colons and quotes here",
    ),
    "a key twice": (
        ("frequency: month", "frequency: month\nfrequency: year"),
        'cascade.yaml:3: YAML: found duplicate key "frequency" with value "year" (original value: "month"); '
        "check indentation, colons and quotes here",
    ),
    "unknown top-level key": (("kpis:", "kpi:"), "cascade.yaml:17: unknown key 'kpi'; did you mean 'kpis'?"),
    "unknown key of an entry": (
        ("last: stock, better:", "last: stock, bettr:"),
        "cascade.yaml:27: kpis: 'stock': unknown key 'bettr'; did you mean 'better'?",
    ),
    "unknown id": (
        ("owner: boss, last", "owner: bos, last"),
        "cascade.yaml:27: owner: unknown owner 'bos'; did you mean 'boss'?",
    ),
    "duplicate id": (
        ("id: stock", "id: revenue"),
        "cascade.yaml:27: duplicate id 'revenue' among the kpis; rename one of the two",
    ),
    "an id that is a number": (
        ("id: stock", "id: 7"),
        "cascade.yaml:27: kpis: '7': id: 7 is not text; write it in quotes",
    ),
    "text for a number": (
        ("target: 0.5", "target: high"),
        "cascade.yaml:32: targets: target is 'high'; it should be a number",
    ),
    "an infinite target": (
        ("target: 0.5", "target: .inf"),
        "cascade.yaml:32: targets: target is inf; it should be a finite number",
    ),
    "text for a list": (
        ("levels: [company, shop]", "levels: company"),
        "cascade.yaml:3: cascade: levels is 'company'; it should be a list, like [a, b]",
    ),
    "a word that is not allowed": (
        ("frequency: month", "frequency: monthly"),
        "cascade.yaml:2: cascade: frequency is 'monthly'; use one of 'day', 'week', 'month', 'quarter' or 'year'",
    ),
    "a missing key": (("frequency: month\n", ""), "cascade.yaml:1: cascade: 'frequency' is missing; add it"),
    "a list that is none": (
        ("owners:\n  - {id: boss, name: Head of sales}", "owners: boss"),
        "cascade.yaml:13: owners is a list; begin each entry with '- '",
    ),
    "unknown level": (
        (
            "parent: all}\n  - {unit: b, name: Shop B, level: shop",
            "parent: all}\n  - {unit: b, name: B, level: shp",
        ),
        "cascade.yaml:8: level: unknown level 'shp'; did you mean 'shop'?",
    ),
    "a circle of units": (
        ("name: Company, level: company}", "name: Company, level: company, parent: a}"),
        "cascade.yaml:6: units form a circle: all > a > all; give one of them another parent",
    ),
    "a parent that does not stand above": (
        ("name: Shop B, level: shop, parent: all", "name: Shop B, level: shop, parent: a"),
        "cascade.yaml:8: unit 'b' is a shop but its parent 'a' is a shop; a parent stands above",
    ),
    "two definitions": (
        ("last: stock", "last: stock, sum: stock"),
        "cascade.yaml:27: kpis: 'stock': a KPI is defined by exactly one of ratio, sum, mean, last, min, max, formula; "
        "found sum and last",
    ),
    "a formula that is code": (
        ('"revenue / orders"', '"orders.real"'),
        "cascade.yaml:28: kpi 'basket': 'orders.real': 'orders.real' is not allowed; "
        "use names, numbers, + - * / **, min, max and abs",
    ),
    "a target that ends before it starts": (
        ("from: 2023-01, to: 2023-01", "from: 2023-02, to: 2023-01"),
        "cascade.yaml:33: ends in 2023-01, before it starts in 2023-02; exchange the two",
    ),
    "a key misspelt that must be there": (
        ("name: Grow}", "nme: Grow}"),
        "cascade.yaml:10: objectives: 'grow': unknown key 'nme'; did you mean 'name'?",
    ),
    "an empty name": (
        ("name: Grow}", "name: }"),
        "cascade.yaml:10: objectives: 'grow': name is empty; it should be text; write it in quotes",
    ),
    "an infinite weight": (
        ("last: stock, better:", "last: stock, weight: .inf, better:"),
        "cascade.yaml:27: kpis: 'stock': weight is inf; it should be a finite number",
    ),
    "a level twice": (
        ("levels: [company, shop]", "levels: [company, shop, shop]"),
        "cascade.yaml:3: level 'shop' is named twice; keep one of the two",
    ),
    "a KPI that is its own parent": (
        ("last: stock", "last: stock, parent: stock"),
        "cascade.yaml:27: KPIs form a circle: stock > stock; give one of them another parent",
    ),
    "a KPI observed more often than the cascade counts": (
        ("last: stock", "last: stock, every: week"),
        "cascade.yaml:27: kpi 'stock': every week is more often than the cascade counts (by month); leave 'every' out",
    ),
    "a value nobody named": (
        ("last: stock, better: lower", "last: stock, better: near"),
        "cascade.yaml:27: kpi 'stock' is better 'near' something; say what with near: <number>",
    ),
    "a database file that is not there": (
        ("{path: history.csv}", '{url: "sqlite:///no.db", query: "select 1"}'),
        "history: the database did not answer the query (no such file: no.db); check url and query",
    ),
    "a database that kpilab has no driver for": (
        ("{path: history.csv}", '{url: "firebird://host/db", query: "select 1"}'),
        "history: the database did not answer the query (Can't load plugin: sqlalchemy.dialects:firebird); "
        "check url and query",
    ),
    "an environment variable that is not set": (
        ("{path: history.csv}", '{url: "env:NOT_SET", query: "select 1"}'),
        "history: environment variable NOT_SET is not set; export NOT_SET=<database url>",
    ),
    "a lag that is negative": (
        ("target: 500}", "target: 500}\nlinks:\n  - {cause: revenue, effect: stock, lag: -1}"),
        "cascade.yaml:36: links: 'revenue -> stock': "
        "lag: -1 is no lag; write a whole number of periods, or a range like [0, 2]",
    ),
    "a lag that is text": (
        ("target: 500}", "target: 500}\nlinks:\n  - {cause: revenue, effect: stock, lag: 0-1}"),
        "cascade.yaml:36: links: 'revenue -> stock': "
        "lag: '0-1' is no lag; write a whole number of periods, or a range like [0, 2]",
    ),
    "a lag that runs backwards": (
        ("target: 500}", "target: 500}\nlinks:\n  - {cause: revenue, effect: stock, lag: [2, 0]}"),
        "cascade.yaml:36: links: 'revenue -> stock': lag: [2, 0] runs backwards; write [0, 2]",
    ),
    "an infinite effect size": (
        ("target: 500}", "target: 500}\nlinks:\n  - {cause: revenue, effect: stock, min_effect: .inf}"),
        "cascade.yaml:36: links: 'revenue -> stock': "
        "min_effect: inf is no effect size; write a number above 0, or one like '0.2 sd'",
    ),
    "a target of another frequency": (
        ("from: 2023-02, target", "from: 2023-Q1, target"),
        "cascade.yaml:34: from: period '2023-Q1' is a quarter; this cascade counts by month: write it like 2023-03",
    ),
}


@pytest.mark.parametrize(("change", "line"), IN_THE_CASCADE.values(), ids=IN_THE_CASCADE)
def test_one_mistake_in_the_cascade_is_one_line(change, line, tmp_path, capsys):
    assert change[0] in SHOP
    assert told(write_cascade_folder(tmp_path, SHOP.replace(*change)), capsys) == [line]


IN_THE_HISTORY = {
    "a quarter": (
        ("2023-01,b", "2023-Q1,b"),
        "history.csv:3: period '2023-Q1' is a quarter; this cascade counts by month: write it like 2023-03",
    ),
    "an Excel date": (
        ("2023-01,b", "01/01/2023,b"),
        "history.csv:3: period '01/01/2023' looks like an Excel date (format that column as text); "
        "this cascade counts by month: write it like 2023-03",
    ),
    "an Excel serial number": (
        ("2023-01,b", "44927,b"),
        "history.csv:3: period '44927' looks like an Excel date (format that column as text); "
        "this cascade counts by month: write it like 2023-03",
    ),
    "a month that is not there": (
        ("2023-01,b", "2023-13,b"),
        "history.csv:3: period '2023-13' is not in the calendar; write it like 2023-03",
    ),
    "unknown unit": (
        ("2023-01,b", "2023-01,bb"),
        "history.csv:3: unit 'bb' is not in the unit tree; did you mean 'b'?",
    ),
    "text in a number column": (
        ("b,300", "b,many"),
        "history.csv:3: revenue is 'many'; it should be a number; leave the cell empty where nothing was reported",
    ),
    "a decimal comma": (
        ("b,300", 'b,"3,5"'),
        "history.csv:3: revenue is '3,5'; write numbers with a decimal point and no thousands separator",
    ),
    "a percentage": (
        ("b,300", "b,30%"),
        "history.csv:3: revenue is '30%'; write a share as a plain number, 0.95 instead of 95%",
    ),
    "infinity": (
        ("b,300", "b,-inf"),
        "history.csv:3: revenue is '-inf'; infinity is no measurement; leave the cell empty or correct it",
    ),
    "a row that is too short": (
        ("2023-02,b,300,10,20,8,40,28", "2023-02,b,300"),
        "history.csv:5: 3 cells under 8 headings; check the commas and quotes",
    ),
    "two columns of one name": (
        ("visits", "orders"),
        "history.csv:1: two columns are called 'orders'; rename one",
    ),
    "semicolons": (
        (",", ";"),
        "history.csv:1: cells are separated by ';'; save the table with commas (CSV UTF-8)",
    ),
    "a year that cannot be": (
        ("2023-01,b", "9999-01,b"),
        "history.csv:3: period '9999-01' lies in the year 9999; write one from 1800 to 2200",
    ),
    "a quotation mark that is not closed": (
        ("b,300", 'b,"300'),
        "history.csv:3: 3 cells under 8 headings; check the commas and quotes",
    ),
    "a column without heading": (
        ("minutes,days", "minutes,"),
        "history.csv:1: column 8 has no heading; name it, or delete the column",
    ),
    "no measure": (
        (ROWS, "period,unit\n2023-01,a\n"),
        "history.csv:1: history has no measure; add a column for each",
    ),
    "a measure without name": (
        (ROWS, "period,unit,measure,value\n2023-01,a,,5\n"),
        "history.csv:2: measure is missing; name what was measured",
    ),
    "an empty file": ((ROWS, ""), "history.csv: the file is empty; it needs at least a heading and one row"),
    "no rows": ((ROWS, "period,unit,a\n"), "history.csv: has a heading but no rows; add at least one"),
}


@pytest.mark.parametrize(("change", "line"), IN_THE_HISTORY.values(), ids=IN_THE_HISTORY)
def test_one_mistake_in_the_history_is_one_line(change, line, tmp_path, capsys):
    assert change[0] in ROWS
    assert told(
        write_cascade_folder(tmp_path, rows=ROWS.replace(*change, 1 if len(change[0]) > 1 else -1)), capsys
    ) == [line]


@pytest.mark.parametrize("name", ["cascade.yaml", "history.csv"])
def test_missing_file_is_named(name, tmp_path, capsys):
    (write_cascade_folder(tmp_path / "shops") / name).unlink()
    assert told(tmp_path / "shops", capsys) == [
        f"{name}: no such file in shops/; create it or correct the path"
    ]


def test_missing_folder_says_how_to_make_one(tmp_path, capsys):
    (line,) = told(tmp_path / "none", capsys)
    assert line.endswith(
        "no such folder; name a folder that holds cascade.yaml (make one with: kpilab init DIR)"
    )


@pytest.mark.parametrize("text", ["", "\n \n"])
def test_empty_cascade(text, tmp_path, capsys):
    (line,) = told(write_cascade_folder(tmp_path, text), capsys)
    assert line == "cascade.yaml: the file is empty; it needs at least a heading and one row"


def test_mixed_encodings_name_the_lines_that_are_not_utf_8(tmp_path, capsys):
    write_cascade_folder(tmp_path)
    rows = (ROWS + "2023-03,a,é,1,1,1,1,1\n").encode() + "2023-03,b,é,1,1,1,1,1\n".encode("latin-1")
    (tmp_path / "history.csv").write_bytes(rows)
    assert told(tmp_path, capsys) == ["history.csv:7: byte 0xe9 is not UTF-8; save the file as UTF-8"]


def test_date_cell_of_a_workbook_is_told_with_its_row(tmp_path, capsys):
    write_cascade_folder(tmp_path, SHOP.replace("history.csv", "history.xlsx"))
    frame = pd.DataFrame({"period": ["2023-01", pd.Timestamp("2023-02-01")], "unit": "a", "revenue": [1, 2]})
    frame.to_excel(tmp_path / "history.xlsx", index=False)
    (line,) = told(tmp_path, capsys)
    assert line.startswith("history.xlsx:3: period '2023-02-01 00:00:00' looks like an Excel date")


def test_two_parents_are_named(tmp_path, capsys):
    text = SHOP.replace(
        "objectives:\n", "  - {unit: a, name: Shop A, level: shop, parent: b}\nobjectives:\n", 1
    )
    assert told(write_cascade_folder(tmp_path, text), capsys) == [
        "cascade.yaml:9: unit 'a' has two parents, 'all' and 'b'; keep one row"
    ]


def test_cascade_without_units_is_told_once(tmp_path, capsys):
    text = SHOP[: SHOP.index("units:")] + SHOP[SHOP.index("objectives:") :]
    assert told(write_cascade_folder(tmp_path, text), capsys) == [
        "cascade.yaml:1: no units; list at least one: {unit: …, name: …, level: …}"
    ]


def test_references_of_a_faulty_entry_and_history_beside_a_faulty_unit_are_checked_in_the_same_go(
    tmp_path, capsys
):
    text = SHOP.replace("name: Shop B, level", "nme: Shop B, level")
    text += "links:\n  - {cause: revenu, effect: stock, sign: plus}\n"
    lines = told(write_cascade_folder(tmp_path, text, ROWS.replace("b,300,30", "b,inf,30")), capsys)
    assert lines == [
        "cascade.yaml:8: units: 'b': unknown key 'nme'; did you mean 'name'?",
        "cascade.yaml:36: links: 'revenu -> stock': sign is 'plus'; use one of '+', '-' or '?'",
        "cascade.yaml:36: cause: unknown kpi 'revenu'; did you mean 'revenue'?",
        "history.csv:3: revenue is 'inf'; infinity is no measurement; leave the cell empty or correct it",
    ]


def test_file_in_place_of_a_folder_is_told(tmp_path, capsys):
    (line,) = told(write_cascade_folder(tmp_path) / "history.csv", capsys)
    assert "history.csv: is a file; name a folder that holds cascade.yaml" in line


def test_all_problems_of_cascade_and_history_in_one_go(tmp_path, capsys):
    text = SHOP.replace("owner: boss, last", "owner: bos, last").replace("target: 0.5", "target: high")
    rows = ROWS.replace("2023-01,b", "2023-Q1,bb").replace("a,200", "a,inf")
    lines = told(write_cascade_folder(tmp_path, text, rows), capsys)
    starts = ["cascade.yaml:32", "cascade.yaml:27", "history.csv:3", "history.csv:3", "history.csv:4"]
    assert [line.split(": ")[0] for line in lines] == starts


def test_mistake_in_one_key_does_not_hide_another_nor_cause_followers(tmp_path, capsys):
    text = SHOP.replace("levels: [company, shop]", "levels: 3").replace("id: grow, name: Grow", "id: grow")
    assert told(write_cascade_folder(tmp_path, text), capsys) == [
        "cascade.yaml:10: objectives: 'grow': 'name' is missing; add it",
        "cascade.yaml:3: cascade: levels is 3; it should be a list, like [a, b]",
    ]


def test_many_equal_problems_are_counted_not_dropped(tmp_path, capsys):
    rows = "period,unit,revenue\n" + "".join(f"2023-01,x{i},1\n" for i in range(50))
    lines = told(write_cascade_folder(tmp_path, rows=rows), capsys)
    assert len(lines) == 21
    assert lines[-1].endswith("and 30 more lines with units that are not in the tree")


def test_bytes_that_are_no_text_never_crash_the_reader(tmp_path):
    write_cascade_folder(tmp_path)
    for content in (
        b"\x00\x01",
        "\ufeff".encode("utf-16"),
        b"a: " + b"[" * 3000,
        b"? [1]: 2\n",
        b"- 1\n",
        b"&a [*a]",
    ):
        (tmp_path / "cascade.yaml").write_bytes(content)
        with pytest.raises(kl.InputError):
            kl.read_cascade(tmp_path)


def test_program_ends_with_2_and_no_traceback(tmp_path):
    run = subprocess.run(
        [sys.executable, "-m", "kpilab.cli", "links", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr.splitlines() == [
        f"cascade.yaml: no such file in {tmp_path.name}/; create it or correct the path"
    ]
