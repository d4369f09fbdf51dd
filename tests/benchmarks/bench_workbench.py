"""In JupyterLab and Chromium: from the arrow that is drawn to its verdict, and until a map of 300 KPIs is painted."""

import shutil
import tempfile
from pathlib import Path
from shutil import which
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
from playwright.sync_api import sync_playwright

from tests.browser.drawing import VERDICTS, drag
from tests.browser.lab import SECONDS, Lab, serve
from tests.conftest import CHROMIUM_FLAGS, EXAMPLE, ROOT
from tests.simulated import simulated

N_KPIS, N_LINKS, ROUNDS = 300, 600, 8
READ = "import kpilab as kl\ncascade = kl.read_cascade({0!r})\nhistory = kl.read_history(cascade)"
SHOWN = "editor = kl.MapEditor(cascade, history)\neditor"
JUDGED = (
    """() => { window.judged = new Promise(done => {
  const map = document.querySelector('.kl-map');
  let began = 0;
  document.addEventListener('click', () => { began = performance.now(); }, {capture: true, once: true});
  const observer = new MutationObserver(() => {
    if (!began || !VERDICTS.includes(map.dataset.verdict)) return;
    observer.disconnect();
    requestAnimationFrame(() => setTimeout(() => done(performance.now() - began)));
  });
  observer.observe(map, {attributes: true, attributeFilter: ['data-verdict']});
}); }"""
).replace("VERDICTS", str(list(VERDICTS)))
PAINTED = """async cell => {
  const { commands, shell } = window.jupyterapp;
  await commands.execute('notebook:clear-all-cell-outputs');
  shell.currentWidget.content.activeCellIndex = cell;
  const began = performance.now();
  commands.execute('notebook:run-cell');
  while (!document.querySelector('.kl-map[data-painted]')) await new Promise(requestAnimationFrame);
  return performance.now() - began;
}"""


def main() -> None:
    """Print median and slowest of both."""
    found = which("chromium")
    if found is None:
        print("no Chromium here; install it with: apt-get install chromium")
        return
    with tempfile.TemporaryDirectory() as folder, serve(ROOT, Path(folder)) as server, sync_playwright() as p:
        browser = p.chromium.launch(executable_path=found, args=CHROMIUM_FLAGS)
        page = browser.new_page(viewport={"width": 1440, "height": 1000})
        page.set_default_timeout(SECONDS * 1000)
        lab = Lab(server, SimpleNamespace(page=page), Path(folder))
        _print("arrow drawn → verdict shown", _verdicts(lab))
        server.stop_kernels()
        _print(f"map of {N_KPIS} KPIs: cell run → painted", _paints(lab))
        browser.close()


def _verdicts(lab: Lab) -> list[float]:
    shutil.copytree(EXAMPLE, lab.root / "drawn")
    page = lab.run(READ.format("drawn"), SHOWN)
    page.locator(".kl-map[data-painted]").wait_for()
    page.locator(".kl-map").scroll_into_view_if_needed()
    return [_verdict(page) for _ in range(ROUNDS)][1:]


def _verdict(page: Any) -> float:
    """Draw an arrow, time its verdict, and take the arrow back."""
    page.locator(".kl-foot progress").wait_for(state="hidden")
    page.wait_for_timeout(800)  # the plane takes the place of the closed side panel
    drag(page, "delayed_share", "over_12h")
    page.locator(".kl-form").wait_for()
    page.evaluate(JUDGED)
    page.locator(".kl-form").get_by_role("button", name="Draw").click()
    milliseconds = page.evaluate("() => window.judged")
    page.locator(".kl-bar").get_by_role("button", name="Undo").click()
    page.locator(".kl-map[data-verdict='']").wait_for()
    return milliseconds


def _paints(lab: Lab) -> list[float]:
    rng = np.random.default_rng(0)
    series = {f"k{i}": rng.normal(size=(30, 6)) for i in range(N_KPIS)}
    pairs = [(i, j) for i in range(N_KPIS) for j in range(i + 1, min(i + 3, N_KPIS))][:N_LINKS]
    links = [f"cause: k{i}, effect: k{j}, sign: '+', lag: 1" for i, j in pairs]
    _, history = simulated(lab.root / "large", series, links)
    index = pd.MultiIndex.from_product([history.periods.astype(str), [f"u{i}" for i in range(6)]])
    frame = pd.DataFrame({name: values.ravel() for name, values in series.items()}, index=index)
    frame.to_csv(lab.root / "large" / "history.csv", index_label=["period", "unit"])
    page = lab.run(READ.format("large"), SHOWN, "editor.cancel()")
    return [page.evaluate(PAINTED, 1) for _ in range(ROUNDS)][1:]


def _print(what: str, milliseconds: list[float]) -> None:
    middle, slow = np.median(milliseconds), max(milliseconds)
    print(f"{what}: median {middle:.0f} ms, slowest of {len(milliseconds)} {slow:.0f} ms")


if __name__ == "__main__":
    main()
