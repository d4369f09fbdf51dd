"""Processes: what hangs on each, by hand on the example."""

import json

import pytest

import kpilab as kl
from kpilab.cli import main


def test_a_process_names_its_procedures_kpis_actions_and_persons(example_cascade):
    row = kl.processes(example_cascade).tidy().set_index("process").loc["access"]
    assert row["owner"] == "Head of urgent-care access"
    assert row["kpis"] == "A&E attendances"
    assert "Redesign of urgent care, national roll-out" in row["actions"]
    assert row["persons"] == "Head of urgent-care access; Head of patient flow"
    assert row["objectives"] == "Emergency care in the right place"


def test_procedures_have_a_row_each(example_cascade):
    book = kl.processes(example_cascade)
    counted = sum(len(process.procedures) for process in example_cascade.processes)
    rows = book.by_procedure().tidy()
    assert len(rows) == counted == int(book.glance()["n_procedures"].item())
    assert "Ordering a package of care" in set(rows["name"])
    assert int(book.shown().set_index("process").loc["discharge", "procedures"]) == 2


def test_the_command_lists_what_the_verb_lists(example_folder, capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["processes", str(example_folder), "--json"])
    rows = {row["process"]: row for row in json.loads(capsys.readouterr().out)["rows"]}
    assert "bed_occupancy@every unit from 2017-10" in rows["bed_management"]["targets"]
    with pytest.raises(SystemExit, match="0"):
        main(["processes", str(example_folder), "--procedures"])
    assert "5 procedures" in capsys.readouterr().out


def test_a_target_may_name_a_process_and_the_score_by_process_counts_it(example_cascade, example_history):
    targets = tuple(
        t.model_copy(update={"process": "recording"}) if t.kpi == "seen_within_4h" else t
        for t in example_cascade.targets
    )
    cascade = example_cascade.replace(targets=targets)
    recording = kl.processes(cascade).tidy().set_index("process").loc["recording"]
    assert "A&E patients seen within four hours" in recording["kpis"]
    scores = kl.score_goals(kl.roll_up(cascade, example_history, period="2023-03"), by="process").at("nation")
    assert "recording" in set(scores.tidy()["id"])


def test_processes_without_owner_or_kpi_are_found(example_cascade):
    processes = tuple(p.model_copy(update={"owner": None}) for p in example_cascade.processes)
    rules = kl.check(example_cascade.replace(processes=processes)).tidy()["rule"].value_counts()
    assert rules["process_without_owner"] == len(processes)
    assert rules["process_without_kpi"] == 1  # recording: nothing is measured there
