"""The command line: strict JSON on stdout and nothing else, and the exit codes of DESIGN.md."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

import kpilab as kl
from kpilab import cli
from tests.small import SHOP, write_cascade_folder

LINK_COLUMNS = [
    "cause", "effect", "level", "lag_from", "lag_to", "assumed_sign", "estimate", "std_error", "statistic",
    "p_value", "q_value", "conf_low", "conf_high", "n_obs", "n_units", "min_effect", "detectable_effect",
    "verdict", "reason",
]  # fmt: skip


@pytest.fixture(scope="module")
def starter(tmp_path_factory):
    from kpilab.model.start import start_cascade

    folder = tmp_path_factory.mktemp("cli") / "starter"
    start_cascade(folder)
    return folder


def run(capsys, *arguments):
    """Return exit code, stdout and stderr of a command."""
    with pytest.raises(SystemExit) as stopped:
        cli.main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return stopped.value.code, out, err


def refuse_constants(word):
    raise AssertionError(f"{word} is no JSON")


def strict(text):
    """Parse JSON that must not contain NaN or Infinity."""
    return json.loads(text, parse_constant=refuse_constants)


@pytest.mark.parametrize("command", ["check", "score", "links"])
def test_json_is_glance_and_rows_and_nothing_else(command, starter, capsys):
    code, out, err = run(capsys, command, starter, "--json")
    assert (code, err) == (0, "")
    assert list(strict(out)) == ["glance", "rows"]
    assert isinstance(strict(out)["glance"], dict)


def test_links_have_the_pinned_columns_in_order(starter, capsys):
    rows = strict(run(capsys, "links", starter, "--json")[1])["rows"]
    assert [list(row) for row in rows] == [LINK_COLUMNS] * 3
    assert all(row["verdict"] and row["reason"] for row in rows)


def test_explain_prints_contributions_that_add_up(example_folder, capsys):
    code, out, err = run(
        capsys, "explain", example_folder, "--kpi", "seen_within_4h", "--start", "2017-03", "--end", "2023-03", "--json"
    )  # fmt: skip
    said = strict(out)
    assert (code, err) == (0, "")
    assert sum(row["contribution"] for row in said["rows"]) == pytest.approx(
        said["glance"]["change"], rel=1e-9
    )
    text = run(
        capsys,
        "explain",
        example_folder,
        "--kpi",
        "attendances",
        "--unit",
        "S08000031",
        "--level",
        "hospital",
    )[1]
    assert "Glasgow Royal Infirmary" in text


def test_explain_says_what_links_account_for_when_asked(starter, capsys):
    cascade = kl.read_cascade(starter)
    effect = cascade.links[0].effect
    said = strict(run(capsys, "explain", starter, "--kpi", effect, "--causes", "--json")[1])["glance"]
    assert said["explained"] is not None


def test_explain_names_everything_that_is_wrong_at_once(example_folder, capsys):
    code, out, err = run(
        capsys, "explain", example_folder, "--kpi", "seen", "--start", "soon", "--end", "2023-03", "--unit", "S1"
    )  # fmt: skip
    assert (code, out) == (2, "")
    assert [line.split(":")[0] for line in err.splitlines()] == ["kpi", "start", "unit"]


def test_json_repeats_the_numbers_exactly(starter, capsys):
    rows = strict(run(capsys, "score", starter, "--period", "2024", "--json")[1])["rows"]
    cascade = kl.read_cascade(starter)
    table = kl.roll_up(cascade, kl.read_history(cascade), period="2024").tidy()
    assert [row["actual"] for row in rows] == table["actual"].tolist()


def test_missing_is_null_in_json(tmp_path, capsys):
    folder = write_cascade_folder(tmp_path, SHOP, "period,unit,revenue\n2023-01,a,100\n")
    rows = strict(run(capsys, "score", folder, "--json")[1])["rows"]
    assert [row["actual"] for row in rows if row["kpi"] == "stock"] == [None, None, None]


def test_check_ends_with_1_when_a_valid_cascade_has_errors(tmp_path, capsys):
    rows = "period,unit,revenue\n2023-01,a,100\n"
    code, out, err = run(capsys, "check", write_cascade_folder(tmp_path, rows=rows), "--json")
    assert (code, err) == (1, "")
    assert strict(out)["glance"]["n_errors"] > 0
    assert list(strict(out)["rows"][0]) == ["severity", "rule", "where", "what", "remedy"]


def test_people_read_title_sentences_and_the_whole_table(starter, capsys):
    code, out, _ = run(capsys, "score", starter)
    assert (code, out.splitlines()[0]) == (0, "Bicycle hire (generated, not real): scorecard 2024-12")
    assert "Bicycle hire: Revenue, 92,375 EUR, target 96,000 EUR (near)" in out
    assert sum(" person " in line for line in out.splitlines()) == 6 * 12


def test_score_of_one_level_and_one_unit(starter, capsys):
    rows = strict(run(capsys, "score", starter, "--level", "department", "--json")[1])["rows"]
    assert {row["unit"] for row in rows} == {"city", "coast", "hills"}
    rows = strict(run(capsys, "score", starter, "--unit", "ann", "--json")[1])["rows"]
    assert [row["unit"] for row in rows] == ["ann"] * 6


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--period", "2024-13"], "period: period '2024-13' is not in the calendar; write it like 2023-03"),
        (["--level", "persons"], "level: unknown level 'persons'; did you mean 'person'?"),
        (["--unit", "coats"], "unit: unknown unit 'coats'; did you mean 'coast'?"),
    ],
)
def test_wrong_options_are_bad_input(arguments, line, starter, capsys):
    assert run(capsys, "score", starter, *arguments) == (2, "", line + "\n")


def test_causes_are_printed_with_what_is_unexplained(starter, capsys):
    code, out, _ = run(capsys, "explain", starter, "--kpi", "orders", "--causes")
    assert code == 0
    assert "account for" in out
    assert [line.split()[0] for line in out.splitlines() if line][-1] == "unexplained"


def test_trace_follows_kpis_or_objectives(starter, capsys):
    rows = strict(run(capsys, "trace", starter, "--level", "person", "--json")[1])["rows"]
    assert {row["level"] for row in rows} == {"person"}
    assert next(row["above"] for row in rows if row["kpi"] == "revenue") == "revenue at department"
    rows = strict(run(capsys, "trace", starter, "--objectives", "--json")[1])["rows"]
    assert {row["objective"]: row["supports"] for row in rows}["learn"] == "rely"
    assert "are traced up and down" in run(capsys, "trace", starter)[1]


def test_targets_keep_fixed_units_locks_and_bounds(starter, capsys):
    asked = ["targets", starter, "--kpi", "revenue", "--target", "105000", "--down-to", "department"]
    limits = ["--fix", "city", "--bound", "coast=..36000"]
    rows = strict(run(capsys, *asked, *limits, "--json")[1])["rows"]
    targets = {row["unit"]: row["target"] for row in rows}
    actual = {row["unit"]: row["actual"] for row in rows}
    assert targets["city"] == actual["city"]
    assert targets["coast"] <= 36000
    assert sum(targets.values()) == pytest.approx(105000, rel=1e-9)
    code, out, err = run(capsys, *asked, "--lock", "hills", "--bound", "city=3")
    assert (code, out, err.splitlines()) == (
        2, "", ["--lock: 'hills' is no lock; write UNIT=VALUE, like city=0.9 or city=90%"],
    )  # fmt: skip
    assert run(capsys, *asked, "--bound", "city=3")[2] == (
        "--bound: 'city=3' is no bound; write UNIT=LOW..HIGH, like city=0.8..0.95 or city=..95%\n"
    )


def test_written_targets_are_said_and_leave_no_error(starter, tmp_path, capsys):
    folder = shutil.copytree(starter, tmp_path / "copy")
    for target in ("100000", "110000"):
        out = run(capsys, "targets", folder, "--kpi", "revenue", "--target", target, "--write")[1]
        assert out.splitlines()[-1].startswith(f"Written into {folder}, as illustrative targets for 2025-12")
    assert run(capsys, "check", folder)[0] == 0


def test_check_with_links_says_what_leads_to_what_with_verdicts(starter, capsys):
    rows = strict(run(capsys, "check", starter, "--quality", "--links", "--json")[1])["rows"]
    leads = {row["kpi"]: row["leads_to"] for row in rows}
    assert leads["calls"].startswith("orders (supported)")
    without = strict(run(capsys, "check", starter, "--quality", "--json")[1])["rows"]
    assert {row["kpi"]: row["leads_to"] for row in without}["calls"].startswith("orders (not tested)")


@pytest.mark.parametrize("arguments", [["scores"], ["score"], ["score", ".", "--perio", "2024"], []])
def test_wrong_usage_ends_with_2(arguments, capsys):
    assert run(capsys, *arguments)[0] == 2


def test_map_writes_one_file_and_prints_its_path(starter, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    saved = []
    drawn = SimpleNamespace(save=saved.append)
    monkeypatch.setattr(kl, "strategy_map", lambda cascade, links: drawn, raising=False)
    assert run(capsys, "map", starter) == (0, "reports/starter/map.html\n", "")
    assert run(capsys, "map", starter, "--out", "new/m.html") == (0, "new/m.html\n", "")
    assert saved == [Path("reports/starter/map.html"), Path("new/m.html")]
    assert Path("new").is_dir()


class OneFailed:
    """A batch of two reports of which one failed."""

    index = Path("reports/index.html")
    failed = True

    def tidy(self):
        return pd.DataFrame({"report": ["unit", "board"], "unit": ["city", ""], "path": ["a.html", "b.html"]})

    def glance(self):
        return pd.DataFrame({"n_reports": [2], "n_failed": [1]})


def test_report_ends_with_3_when_some_failed_and_prints_the_index_last(starter, capsys, monkeypatch):
    asked = {}

    def run_reports(cascade, **options):
        asked.update(options)
        return OneFailed()

    monkeypatch.setattr(kl, "run_reports", run_reports, raising=False)
    assert run(capsys, "report", starter) == (3, "a.html\nb.html\nreports/index.html\n", "")
    assert asked == {"template": "all", "units": "all", "period": None}
    code, out, _ = run(
        capsys, "report", starter, "--template", "unit", "--units", "city", "--units", "hills", "--period", "2024-03",
        "--json",
    )  # fmt: skip
    assert (code, strict(out)["glance"]["n_failed"]) == (3, 1)
    assert asked == {"template": "unit", "units": ("city", "hills"), "period": "2024-03"}


def test_schema_describes_every_key_of_the_starter(starter, capsys):
    from ruamel.yaml import YAML

    schema = strict(run(capsys, "schema")[1])
    document = YAML(typ="safe").load((starter / "cascade.yaml").read_text(encoding="utf-8"))
    assert set(document) <= set(schema["properties"])
    for noun in ("kpis", "links", "actions", "objectives"):
        entry = schema["$defs"][schema["properties"][noun]["items"]["$ref"].split("/")[-1]]
        assert {key for item in document[noun] for key in item} <= set(entry["properties"])


def test_help_names_every_command(capsys):
    code, out, _ = run(capsys, "--help")
    assert code == 0
    assert all(f" {name} " in out for name in ("init", "check", "score", "links", "map", "report", "schema"))
