"""How soon a map of 300 KPIs is painted and moves, and an arrow that is drawn has its verdict."""

import json
import tempfile
import time
from pathlib import Path
from shutil import which

import numpy as np
from playwright.sync_api import sync_playwright

import kpilab as kl
from kpilab.delivery.widgets.map_editor import MapEditor
from tests.conftest import CHROMIUM_FLAGS, EXAMPLE
from tests.simulated import simulated

N_KPIS, N_LINKS = 300, 600
NEW = {"cause": "delayed_share", "effect": "over_12h", "sign": "+", "lag": [0, 2]}
PAGE = """<style>%s</style><div id="here" style="width:1200px"></div><script type="module">%s
const values = %s;
const model = {get: name => values[name], set() {}, on() {}, off() {}, send() {}};
window.began = performance.now();
window.widget.render({model, el: document.getElementById("here")});
</script>"""
REDRAW = """() => {
  const network = document.querySelector('.kl-plane').klNetwork, began = performance.now();
  for (let i = 0; i < 20; i++) { network.moveTo({offset: {x: i, y: 0}}); network.canvas.body.emitter.emit('_redraw'); }
  return (performance.now() - began) / 20;
}"""


def main() -> None:
    _verdict()
    _large_map()


def _verdict() -> None:
    """Time from the message of the page to verdict, interval and lag profile, beside testing all arrows anew."""
    cascade = kl.read_cascade(EXAMPLE)
    history = kl.read_history(cascade)
    editor = MapEditor(cascade, history, links=kl.fit_links(cascade, history))
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        editor._heard(editor, {"do": "draw", "entry": NEW, "number": 1}, [])
        editor.wait()
        seconds.append(time.perf_counter() - start)
        editor.undo()
        editor.wait()
    start = time.perf_counter()
    kl.fit_links(editor.cascade, history)
    everything = time.perf_counter() - start
    print(f"arrow drawn → verdict, interval, profile: median {np.median(seconds):.2f} s")
    print(f"fit_links of all {len(cascade.links)} arrows: {everything:.2f} s")


def _large_map() -> None:
    rng = np.random.default_rng(0)
    series = {f"k{i}": rng.normal(size=(30, 6)) for i in range(N_KPIS)}
    pairs = [(i, j) for i in range(N_KPIS) for j in range(i + 1, min(i + 3, N_KPIS))][:N_LINKS]
    links = [f"cause: k{i}, effect: k{j}, sign: '+', lag: 1" for i, j in pairs]
    with tempfile.TemporaryDirectory() as folder:
        cascade, history = simulated(Path(folder), series, links)
        start = time.perf_counter()
        editor = MapEditor(cascade, history)
        opened = time.perf_counter() - start
        editor.cancel()
        values = {name: getattr(editor, name) for name in ("scene", "state", "detail", "form", "notice")}
    values |= {"progress": {}, "question": {}, "detail": {}}
    print(
        f"{N_KPIS} KPIs, {len(links)} arrows: kernel {opened:.2f} s, {len(json.dumps(values)) / 1e3:.0f} kB"
    )
    static = Path(kl.__file__).parent / "delivery" / "static"
    script = (static / "map_editor.js").read_text(encoding="utf-8")
    head, _, exported = script.rpartition("export{")
    script = head + f"window.widget={exported.split(' as ')[0]};"
    data = json.dumps(values).replace("<", "\\u003c")
    page_text = PAGE % ((static / "map_editor.css").read_text(encoding="utf-8"), script, data)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=which("chromium"), args=CHROMIUM_FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_content(page_text)
        page.locator(".kl-map[data-painted]").wait_for()
        page.screenshot(path=Path("reports") / "screens" / "map_300.png")
        painted = page.get_attribute(".kl-map", "data-painted")
        print(f"first paint in Chromium {painted} ms, one frame while moving {page.evaluate(REDRAW):.0f} ms")
        browser.close()


if __name__ == "__main__":
    main()
