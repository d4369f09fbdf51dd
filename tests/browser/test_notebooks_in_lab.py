"""The notebooks in a real JupyterLab, driven in Chromium: they run, and their widgets answer."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

TOKEN = "kpilab-test"


@pytest.fixture
def lab(project_root, tmp_path):
    """Start JupyterLab on a copy of notebooks and data, with no settings but its own."""
    for folder in ("notebooks", "data"):
        shutil.copytree(project_root / folder, tmp_path / folder)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = tmp_path / "config" / "labconfig"
    settings.mkdir(parents=True)
    page_config = '{"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": true}}'
    (settings / "page_config.json").write_text(page_config)
    folders = {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "share",
        "JUPYTER_RUNTIME_DIR": "run",
        "IPYTHONDIR": "ipython",
    }
    environment = {**os.environ, **{name: str(tmp_path / folder) for name, folder in folders.items()}}
    command = [
        sys.executable, "-m", "jupyterlab", "--LabApp.expose_app_in_browser=True", f"--port={port}",
        "--ServerApp.port_retries=0", "--ServerApp.open_browser=False", "--allow-root", "--ip=127.0.0.1",
        f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={tmp_path}",
    ]  # fmt: skip
    log = (tmp_path / "lab.log").open("w")
    server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"
    _wait_for(f"{address}/api/status?token={TOKEN}", server, tmp_path / "lab.log")
    yield address
    server.terminate()
    server.wait(20)
    log.close()


def _wait_for(address, server, log):
    for _ in range(120):
        try:
            with urllib.request.urlopen(address, timeout=2):
                return
        except OSError:
            assert server.poll() is None, log.read_text()[-2000:]
            time.sleep(0.5)
    raise AssertionError("JupyterLab did not start within a minute")


def run_all(page, address, notebook):
    page.goto(f"{address}/lab/workspaces/auto-t/tree/notebooks/{notebook}.ipynb?token={TOKEN}&reset")
    page.wait_for_function("() => window.jupyterapp", timeout=60_000)
    page.evaluate("() => window.jupyterapp.restored")
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=60_000)
    idle = "() => window.jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"
    page.wait_for_function(idle, timeout=60_000)
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")


def test_choosing_a_level_and_a_link_changes_what_is_shown(lab, chromium_page):
    page = chromium_page.page
    page.set_default_timeout(60_000)
    run_all(page, lab, "02_check_and_score")
    level = page.locator(".widget-dropdown select").first
    level.scroll_into_view_if_needed()
    assert page.locator(".widget-html table").first.inner_text().count("NHS Scotland") == 13
    level.select_option("board")
    page.wait_for_function(
        "() => document.querySelector('.widget-html table').innerText.includes('NHS Lothian')"
    )
    run_all(page, lab, "03_links_and_map")
    page.locator(".widget-dropdown select").first.select_option(index=8)
    page.locator(".widget-html h3", has_text="twelve hours: supported").wait_for()
    assert page.locator(".jp-OutputArea-output iframe").count() == 1
    assert chromium_page.foreign_requests == []


def numbers_in(text):
    """Return the percentages in a text, as people read them."""
    return [float(number) for number in re.findall(r"([-+]?\d+\.?\d*) (?:%|percentage points)", text)]


def test_moving_a_targets_slider_moves_the_others_and_the_residual_is_read(lab, chromium_page, project_root):
    page = chromium_page.page
    page.set_default_timeout(60_000)
    run_all(page, lab, "04_tune_targets")
    row = page.locator(".widget-hbox", has=page.locator(".widget-label", has_text="NHS Lothian"))
    lothian, others = row.locator(".noUi-handle"), page.locator(".widget-readout")
    lothian.scroll_into_view_if_needed()
    residual = page.locator(".widget-html-content", has_text="residual")
    assert numbers_in(residual.inner_text())[:2] == [80.0, 80.0]
    assert "residual 0" in residual.inner_text()
    before = others.all_inner_texts()
    lothian.focus()
    for _ in range(3):
        lothian.press("PageDown")
    moved = (
        "before => [...document.querySelectorAll('.widget-readout')]"
        ".filter((shown, i) => shown.innerText !== before[i]).length > 8"
    )
    page.wait_for_function(moved, arg=before)  # Lothian, and those that make up for it
    page.get_by_text('locked={"S08000024": 0.774}').wait_for()  # the kernel has the last of the three
    assert "residual 0" in residual.inner_text()
    page.screenshot(path=screens(project_root) / "targets_panel.png", full_page=True)
    for lock in page.locator(".widget-toggle-button").all():
        if "mod-active" not in (lock.get_attribute("class") or ""):
            lock.click()
    page.wait_for_function(
        "() => document.querySelector('.widget-html-content code').innerText.match(/S08/g).length === 14"
    )  # the kernel has locked them all
    lothian.focus()
    lothian.press("PageDown")
    page.locator(".widget-html-content", has_text="cannot get to 80.0 %").wait_for()
    added, wanted, gap = numbers_in(residual.inner_text())[:3]
    assert gap != 0
    assert abs(wanted - added - gap) <= 0.1  # as rounded on the page
    page.get_by_text("Reset").click()
    page.locator(".widget-html-content", has_text="residual 0").wait_for()
    assert others.all_inner_texts() == before
    assert chromium_page.foreign_requests == []


def screens(project_root):
    """Return the folder of screenshots, which git ignores."""
    folder = project_root / "reports" / "screens"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
