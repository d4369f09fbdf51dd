"""Nothing of pay.yaml appears where nobody asked for it: every output of a run is searched."""

import os
import shutil
import stat
import subprocess
import sys

import pytest
from openpyxl import load_workbook

import kpilab as kl
from kpilab import cli

SECRETS = ("98765", "98,765", "Plan Nightjar", "nightjar")


@pytest.fixture
def planted(example_folder, tmp_path):
    folder = tmp_path / "company"
    shutil.copytree(example_folder, folder)
    text = (folder / "pay.yaml").read_text(encoding="utf-8")
    text = text.replace("target_pay: 4000", "target_pay: 98765.43").replace("id: boards", "id: nightjar")
    text = text.replace("plan: boards", "plan: nightjar").replace("Leaders in the boards", "Plan Nightjar")
    text = text.replace("person: flow_lead", "person: zephyrine")
    (folder / "pay.yaml").write_text(text, encoding="utf-8")
    cascade = (folder / "cascade.yaml").read_text(encoding="utf-8")
    role = "  - {id: flow_lead, name: Head of patient flow, unit: S08000015}\n"
    assert role in cascade
    owner = "  - {id: zephyrine, name: Role Z, unit: S08000015}\n"
    (folder / "cascade.yaml").write_text(cascade.replace(role, role + owner), encoding="utf-8")
    return folder


def run(capsys, *arguments):
    """Return what a command prints; a check that finds errors is as good as one that finds none."""
    code: object = 0
    try:
        cli.main([str(each) for each in arguments])
    except SystemExit as stop:
        code = stop.code
    streams = capsys.readouterr()
    assert code in (0, 1, None), streams.err
    return streams.out + streams.err


def test_no_output_that_was_not_asked_for_names_anything_of_pay(planted, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    said = ""
    for command in ("check", "score", "links", "map", "pay", "processes"):
        said += run(capsys, command, planted) if command == "map" else run(capsys, command, planted, "--json")
    said += run(capsys, "explain", planted, "--kpi", "seen_within_4h", "--json")
    said += run(capsys, "targets", planted, "--kpi", "seen_within_4h", "--target", "0.8", "--json")
    said += run(capsys, "whatif", planted, "--set", "bed_occupancy=-0.03", "--json")
    said += run(capsys, "missing", planted, "--json") + run(capsys, "actions", planted, "--json")
    run(capsys, "export", planted, tmp_path / "book.xlsx")
    sheets = load_workbook(tmp_path / "book.xlsx")
    said += str([cell for sheet in sheets for row in sheet.values for cell in row])
    said += run(capsys, "pay", planted) + run(capsys, "check", planted)
    said += run(capsys, "card", planted, "--all") + run(capsys, "card", planted, "--all", "--json")
    one_unit, one_owner = ("unit", "--units", "S08000015"), ("owner", "--units", "flow_lead")
    for template in (one_unit, ("board",), ("evidence",), one_owner):
        said += run(capsys, "report", planted, "--period", "2023-03", "--template", *template)
    written = [path for path in (tmp_path / "reports").rglob("*") if path.is_file()]
    assert len(written) > 5
    pages = {path: path.read_text(encoding="utf-8", errors="replace") for path in written}
    for secret in SECRETS:
        where = [str(path) for path, text in pages.items() if secret in text]
        assert where == []
        assert secret not in said


def test_what_was_asked_for_is_marked_and_only_its_owner_can_read_it(planted, capsys, tmp_path):
    out = tmp_path / "statements"
    assert "98765.43" in run(capsys, "pay", planted, "--owner", "zephyrine", "--json")
    paths = run(capsys, "pay", planted, "--owner", "zephyrine", "--out", out).split()
    assert len(paths) == 1
    file = out / paths[0].rsplit("/", 1)[-1]
    assert "CONFIDENTIAL" in file.read_text(encoding="utf-8")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_everybodys_statements_are_marked_and_only_their_writer_can_read_them(planted, capsys, tmp_path):
    paths = run(capsys, "pay", planted, "--confidential", "--out", tmp_path / "all").split()
    people = kl.read_pay(kl.read_cascade(planted)).people
    assert len(paths) == len(people)
    for path in (tmp_path / "all").iterdir():
        assert "CONFIDENTIAL" in path.read_text(encoding="utf-8")
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.skipif(os.name != "posix", reason="modes of files are those of POSIX")
def test_statements_sent_to_a_file_are_marked_and_nobody_else_can_read_it(planted):
    file = planted.parent / "everybody.json"
    command = [sys.executable, "-m", "kpilab.cli", "pay", str(planted), "--confidential", "--json"]
    with file.open("w", encoding="utf-8") as stream:
        assert subprocess.run(command, stdout=stream, check=False).returncode == 0
    text = file.read_text(encoding="utf-8")
    assert "98765.43" in text
    assert '"confidential": true' in text
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_card_holds_nobodys_pay(planted):
    cascade = kl.read_cascade(planted)
    card = kl.line_of_sight(cascade, kl.read_history(cascade), owner="zephyrine")
    assert "98765" not in card.page() + card.text
