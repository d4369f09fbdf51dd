"""How soon a moved slider has redrawn its chart, in JupyterLab and Chromium: from the key to the painted page."""

import tempfile
from pathlib import Path
from shutil import which
from typing import Any

import numpy as np
from playwright.sync_api import sync_playwright

from tests.browser.lab import SECONDS, Lab, serve
from tests.conftest import CHROMIUM_FLAGS

ROOT = Path(__file__).resolve().parent.parent.parent
MOVES = 30
READ = (
    'import kpilab as kl\ncascade = kl.read_cascade("data/nhs-scotland")\nhistory = kl.read_history(cascade)'
)
PANELS = {
    "targets": (
        'panel = kl.Panel("targets", cascade, history, kpi="seen_within_4h", target=0.8, period="2024-03")',
        "NHS Lothian",
    ),
    "what_if": (
        'links = kl.fit_links(cascade, history)\npanel = kl.Panel("what_if", cascade, history, links=links)',
        "A&E attendances, in per cent of itself",
    ),
    "pay": ('panel = kl.Panel("pay", cascade, history, plan="boards")', "threshold: payout"),
}
REDRAWN = """() => { window.redrawn = new Promise(done => {
  let began = 0;
  document.addEventListener('keydown', () => { began = performance.now(); }, {capture: true, once: true});
  const has = node => node.nodeName === 'svg' || (node.querySelector && node.querySelector('svg'));
  const observer = new MutationObserver(changes => {
    if (!changes.some(change => [...change.addedNodes].some(has))) return;
    observer.disconnect();
    requestAnimationFrame(() => setTimeout(() => done(performance.now() - began)));
  });
  observer.observe(document.querySelector('.jp-Notebook'), {childList: true, subtree: true});
}); }"""


def main() -> None:
    """Move a slider of each panel with the keyboard; print median and 90th percentile."""
    found = which("chromium")
    if found is None:
        print("no Chromium here; install it with: apt-get install chromium")
        return
    with tempfile.TemporaryDirectory() as folder, serve(ROOT, Path(folder)) as server, sync_playwright() as p:
        browser = p.chromium.launch(executable_path=found, args=CHROMIUM_FLAGS)
        page = browser.new_page(viewport={"width": 1440, "height": 1400})
        lab = Lab(server, _Unwatched(page), Path(folder))
        for name, (cell, slider) in PANELS.items():
            milliseconds = _moved(lab, cell, slider)
            middle, slow = np.percentile(milliseconds, [50, 90])
            print(f"{name:8} slider → redrawn chart: median {middle:4.0f} ms, 90th percentile {slow:4.0f} ms")
            server.stop_kernels()
        browser.close()


def _moved(lab: Lab, cell: str, name: str) -> list[float]:
    page = lab.run(READ, f"{cell}\npanel", "panel.wait()")
    label = page.locator(f'.widget-label:text-is("{name}")')
    handle = page.locator(".widget-slider", has=label).locator(".noUi-handle").first
    handle.wait_for(timeout=SECONDS * 1000)
    page.wait_for_timeout(1000)
    handle.focus()
    times = []
    for move in range(MOVES + 2):
        page.evaluate(REDRAWN)
        handle.press("ArrowRight" if move % 8 < 4 else "ArrowLeft")
        times.append(page.evaluate("() => window.redrawn"))
        page.wait_for_timeout(200)
    return times[2:]


class _Unwatched:
    """A page whose errors are the tests' business."""

    def __init__(self, page: Any):
        self.page = page


if __name__ == "__main__":
    main()
