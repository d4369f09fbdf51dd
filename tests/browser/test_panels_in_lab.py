"""The panels in JupyterLab, moved with mouse and keyboard: page and kernel say the same, and files are right."""

import csv
import hashlib
import json
import struct
import time

import pytest

import kpilab as kl
from tests.browser.lab import SECONDS

READ = 'import kpilab as kl\ncascade = kl.read_cascade("data/{folder}")\nhistory = kl.read_history(cascade)'
TARGETS = (
    'panel = kl.Panel("targets", cascade, history, kpi="seen_within_4h", target=0.8, period="2024-03")\npanel'
)
WHAT_IF = 'panel = kl.Panel("what_if", cascade, history, links=links)\npanel'
PAY = 'panel = kl.Panel("pay", cascade, history, plan="boards")\npanel'

REPORT = 'panel = kl.Panel("report", cascade, history, units=("S08000015",))\npanel'


class PanelPage:
    """What a person does with a panel on the page."""

    def __init__(self, lab):
        self.lab, self.page = lab, lab.page
        self.output = self.page.locator(
            ".jp-OutputArea-output", has=self.page.locator('button:text-is("Undo")')
        ).last

    def button(self, name):
        return self.output.locator(f'button:text-is("{name}")')

    def slider(self, name):
        label = self.page.locator(f'.widget-label:text-is("{name}")')
        return self.output.locator(".widget-slider", has=label).first

    def press(self, name, key, times=1):
        handle = self.slider(name).locator(".noUi-handle")
        handle.scroll_into_view_if_needed()
        handle.focus()
        for _ in range(times):
            handle.press(key)

    def readout(self, name):
        return self.slider(name).locator(".widget-readout").inner_text()

    def says(self, text):
        self.output.get_by_text(text).first.wait_for()

    def undo_all(self):
        """Press Undo until there is nothing more to undo; return how often."""
        for steps in range(100):
            if self.button("Undo").is_disabled():
                return steps
            self.button("Undo").click()
            self.lab.kernel("panel.wait()")
        raise AssertionError("there is always more to undo")

    def downloaded(self, name, folder):
        with self.page.expect_download() as waiting:
            self.button(name).click()
        path = folder / waiting.value.suggested_filename
        waiting.value.save_as(path)
        return path


def until(so):
    """Wait until something is so; a press of a key takes its time to the kernel and back."""
    for _ in range(2 * SECONDS):
        if so():
            return
        time.sleep(0.5)
    raise AssertionError("it never was so")


def opened(lab, *cells, folder="nhs-scotland"):
    lab.run(READ.format(folder=folder), *cells)
    return PanelPage(lab)


def test_a_target_is_moved_undone_downloaded_saved_and_read_again(lab, tmp_path):
    panel = opened(lab, TARGETS)
    panel.says("residual 0")
    begun = panel.readout("NHS Lothian"), panel.readout("NHS Fife")
    panel.press("NHS Lothian", "PageUp", times=4)
    until(lambda: lab.kernel("f'{panel.locked[\"S08000024\"]:.1%}'") == panel.readout("NHS Lothian"))
    moved = panel.readout("NHS Lothian"), panel.readout("NHS Fife")
    panel.says('locked={"S08000024":')
    assert moved[0] > begun[0]
    assert moved[1] < begun[1]  # Fife is asked for less
    kernel = json.loads(lab.kernel("__import__('json').dumps(panel.targets)"))
    assert moved == tuple(f"{100 * kernel[unit]:.1f}%" for unit in ("S08000024", "S08000029"))
    steps = panel.undo_all()
    until(lambda: panel.readout("NHS Lothian") == begun[0])
    assert lab.kernel("panel.locked") == "{}"
    for _ in range(steps):
        panel.button("Redo").click()
    until(lambda: panel.readout("NHS Lothian") == moved[0])

    svg = panel.downloaded("Chart as SVG", tmp_path)
    assert svg.name == "targets_seen_within_4h_S92000003_2024-03.svg"
    digest = lab.kernel("__import__('hashlib').sha256(panel.picture.svg.encode()).hexdigest()")
    assert hashlib.sha256(svg.read_bytes()).hexdigest() == digest
    assert "NHS Lothian" in svg.read_text()
    png = panel.downloaded("Chart as PNG", tmp_path).read_bytes()
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">I", png[16:20])[0] == 2 * 840
    assert len(png) > 20_000  # something is drawn
    table = list(csv.DictReader(panel.downloaded("Table as CSV", tmp_path).open()))
    assert {row["unit"]: float(row["target"]) for row in table} == pytest.approx(kernel)

    panel.button("Save…").click()
    panel.says("Save this?")
    lab.screenshot("targets_save")
    panel.button("Confirm and save").click()
    panel.says("Saved in nhs-scotland: targets.csv")
    saved = {
        target.unit: target.target
        for target in kl.read_cascade(lab.root / "data" / "nhs-scotland").targets
        if target.kpi == "seen_within_4h" and target.unit in kernel
    }
    assert saved == pytest.approx(kernel)


def test_a_what_if_is_prepared_beside_the_page_cancelled_and_begun_again(lab):
    panel = opened(lab, "links = kl.fit_links(cascade, history)", WHAT_IF)
    panel.says("Estimating and forecasting")
    assert lab.kernel("panel.work.going_on") == "True"  # the kernel answers while it works
    lab.screenshot("what_if_working")
    panel.button("Cancel").click()
    panel.says("cancelled before there was an answer")
    panel.button("Reset").click()
    panel.output.get_by_text("Acute bed occupancy, NHS Scotland").wait_for(timeout=2 * SECONDS * 1000)
    assert panel.output.get_by_text("Estimating and forecasting").is_hidden()
    panel.press("Delayed beds per staffed bed", "ArrowLeft", times=5)
    panel.says("'delayed_share': -0.01")
    said = lab.kernel("panel.scenario.text.splitlines()[0]")
    panel.output.get_by_text(said).wait_for()
    assert lab.kernel("panel.changes") == "{'delayed_share': -0.01}"
    lab.screenshot("what_if_panel", full_page=True)


def test_a_pay_plan_is_dragged_with_the_mouse(lab):
    panel = opened(lab, PAY)
    pays = "panel.results.text.splitlines()[1]"
    begun = lab.kernel(pays)
    panel.says(begun)
    assert panel.button("Undo").is_disabled()  # the page has not moved anything by itself
    handle = panel.slider("threshold: payout").locator(".noUi-handle")
    box = handle.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    panel.page.mouse.move(x, y)
    panel.page.mouse.down()
    panel.page.mouse.move(x + 20, y, steps=8)
    panel.page.mouse.up()
    until(lambda: lab.kernel(pays) != begun and panel.button("Undo").is_enabled())
    panel.says(lab.kernel(pays))
    paid = float(panel.readout("threshold: payout").rstrip("%")) / 100
    assert float(lab.kernel('panel.payouts["threshold"].value')) == pytest.approx(paid)
    panel.undo_all()  # one step, or a few where the machine is slow
    panel.says(begun)
    assert panel.readout("threshold: payout") == "50%"
    lab.screenshot("pay_panel", full_page=True)


def test_reports_are_run_beside_the_page_and_their_links_lead_to_the_pages(lab):
    panel = opened(lab, REPORT)
    panel.button("Run").click()
    panel.says("Writing reports")
    assert lab.kernel("panel.work.going_on") == "True"
    panel.output.get_by_text("1 report written, 0 failed").wait_for(timeout=3 * SECONDS * 1000)
    lab.screenshot("report_panel", full_page=True)
    panel.output.get_by_text("S08000015.html").click()
    page = panel.page.locator(".jp-HTMLViewer iframe").content_frame
    page.locator("h1", has_text="NHS Ayrshire and Arran").wait_for()
