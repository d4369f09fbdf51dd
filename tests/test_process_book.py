"""Processes: what hangs on each, by hand on the example."""

import kpilab as kl


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
    assert len(book.procedures()) == counted == int(book.glance()["n_procedures"].item())


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
