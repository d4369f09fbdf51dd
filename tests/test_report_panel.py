"""The report panel: what it asks of `run_reports`, what it links to, and that Cancel ends a run between reports."""

import threading

import pandas as pd
import pytest

import kpilab as kl
from kpilab.delivery.report import COLUMNS, ReportRun
from kpilab.delivery.widgets import report as module
from kpilab.model.periods import parse_span


@pytest.fixture
def panel(example_cascade, example_history):
    return kl.Panel("report", example_cascade, example_history, units=("S08000015", "S08000016"))


def ended(folder, problems=("", "")):
    rows = [
        [
            "unit",
            f"u{n}",
            f"Unit <{n}>",
            "failed" if problem else "written",
            str(folder / f"u{n}.html"),
            "",
            problem,
        ]
        for n, problem in enumerate(problems)
    ]
    table = pd.DataFrame(rows, columns=COLUMNS)
    return ReportRun("Shop", parse_span("2023-03", "month"), folder / "index.html", table)


def shown(panel):
    return "".join(output["data"]["text/html"] for output in panel.pages.outputs)


def test_a_run_is_asked_for_as_the_line_of_code_says(panel, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    asked = {}
    monkeypatch.setattr(
        module, "run_reports", lambda cascade, **options: asked.update(options) or ended(tmp_path / "reports")
    )
    assert "period" not in panel.code.value
    panel.period.value = "2022-12"
    panel.run_button.click()
    assert panel.run_result.span == parse_span("2023-03", "month")
    del asked["progress"]
    assert asked == {
        "template": "unit", "units": ["S08000015", "S08000016"], "period": "2022-12", "folder": "reports"
    }  # fmt: skip
    assert (
        "units=[&#x27;S08000015&#x27;, &#x27;S08000016&#x27;], period=&#x27;2022-12&#x27;" in panel.code.value
    )
    assert "<a href='reports/u0.html'>" in shown(panel)
    assert "<a href='reports/index.html'>" in shown(panel)
    assert "Unit &lt;0&gt;" in shown(panel)
    assert list(panel.table["unit"]) == ["u0", "u1"]


def test_failures_are_shown_with_their_reason(panel, monkeypatch, tmp_path):
    run = ended(tmp_path, ("", "KeyError: <b>"))
    monkeypatch.setattr(module, "run_reports", lambda cascade, **options: run)
    panel.run()
    panel.wait()
    assert "1 report written, 1 failed" in shown(panel)
    assert "failed: KeyError: &lt;b&gt;" in shown(panel)
    assert "href" not in shown(panel)  # not below the working directory: no page could follow it


def test_cancel_ends_a_run_before_its_next_report(panel, monkeypatch):
    written, goes_on = [], threading.Event()

    def run_reports(cascade, *, progress, **options):
        for number in range(3):
            progress(number, 3)
            written.append(number)
            goes_on.wait(20)

    monkeypatch.setattr(module, "run_reports", run_reports)
    panel.run()
    assert panel.work.going_on
    assert panel.run_button.disabled
    panel.work.stop.click()
    goes_on.set()
    with pytest.raises(kl.InputError, match="cancelled"):
        panel.run_result  # noqa: B018
    assert written == [0]
    assert not panel.run_button.disabled


def test_another_template_offers_whom_it_is_for(panel, example_cascade):
    panel.template.value = "owner"
    assert {value for _, value in panel.units.options} == {owner.id for owner in example_cascade.owners}
    assert panel.units.value == ()
    panel.template.value = "board"
    assert panel.units.disabled
    panel.undo()
    panel.undo()
    assert panel.units.value == ("S08000015", "S08000016")


def test_what_cannot_run_is_refused_in_words(panel):
    panel.folder.value = "reports"
    panel.template.value = "unit"
    with pytest.raises(kl.InputError, match="nothing was run yet"):
        panel.run_result  # noqa: B018
    panel._cascade = kl.read_cascade(panel.cascade.folder, read_only=True)
    panel.run()
    panel.wait()
    assert "read" in panel.problem.value


def test_a_run_that_its_progress_ends_begins_no_further_report(example_cascade, tmp_path):
    class Enough(Exception):
        pass

    def progress(done, total):
        if done:
            raise Enough

    with pytest.raises(Enough):
        kl.run_reports(example_cascade, folder=tmp_path, progress=progress)
    (folder,) = tmp_path.glob("*/*")
    assert 1 <= len(list(folder.glob("*.html"))) < 14
    assert not (folder / "index.html").exists()
