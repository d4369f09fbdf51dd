"""JupyterLab as a person uses it: a server of its own, a page in Chromium, and a look into the kernel."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat

TOKEN = "kpilab-test"
SECONDS = 60
NO_ANNOUNCEMENTS = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}
PYTHON = {"name": "python3", "display_name": "Python 3", "language": "python"}
IDLE = "() => window.jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"
RAISED = """() => (window.jupyterapp?.shell.currentWidget?.content?.model?.sharedModel?.cells ?? [])
  .flatMap(cell => cell.toJSON().outputs ?? [])
  .filter(output => output.output_type === 'error')
  .map(output => output.ename + ': ' + output.evalue)"""
KERNEL_ID = "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.id"


@dataclass(frozen=True)
class Server:
    """A running JupyterLab: its address, and the folder that it shows."""

    address: str
    root: Path
    runtime: Path

    def request(self, path: str, method: str = "GET") -> Any:
        """Ask the server's interface and return its answer."""
        asked = urllib.request.Request(f"{self.address}{path}?token={TOKEN}", method=method)
        with urllib.request.urlopen(asked, timeout=20) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def stop_kernels(self) -> None:
        """End every kernel that a test has left behind."""
        for kernel in self.request("/api/kernels"):
            self.request(f"/api/kernels/{kernel['id']}", "DELETE")


@dataclass(frozen=True)
class Lab:
    """One page of JupyterLab.

    `page` is Playwright's; `watched` knows its console errors and requests.
    """

    server: Server
    watched: Any
    screens: Path

    @property
    def page(self) -> Any:
        """Return Playwright's page."""
        return self.watched.page

    @property
    def root(self) -> Path:
        """Return the folder that JupyterLab shows: `notebooks` and `data` are copies."""
        return self.server.root

    def open(self, notebook: str) -> Any:
        """Open a notebook, given by its path below the root, and wait until its kernel is idle."""
        page = self.page
        page.goto(f"{self.server.address}/lab/workspaces/auto-t/tree/{notebook}?token={TOKEN}&reset")
        page.wait_for_function("() => window.jupyterapp", timeout=SECONDS * 1000)
        page.evaluate("() => window.jupyterapp.restored")
        page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=SECONDS * 1000)
        page.wait_for_function(IDLE, timeout=SECONDS * 1000)
        return page

    def run_all(self, notebook: str) -> Any:
        """Open a notebook and run all its cells; return the page when the last has ended."""
        page = self.open(notebook)
        page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
        return page

    def run(self, *cells: str, name: str = "test") -> Any:
        """Write a notebook of these cells into the root and run it; return the page.

        The kernel's working directory is the root: a cascade is read from `data/nhs-scotland`.
        """
        code = [nbformat.v4.new_code_cell(cell) for cell in cells]
        notebook = nbformat.v4.new_notebook(cells=code, metadata={"kernelspec": PYTHON})
        nbformat.write(notebook, self.root / f"{name}.ipynb")
        return self.run_all(f"{name}.ipynb")

    def kernel(self, expression: str) -> str:
        """Return the text of an expression, evaluated in the open notebook's kernel."""
        from jupyter_client import BlockingKernelClient

        kernel_id = self.page.evaluate(KERNEL_ID)
        client = BlockingKernelClient(connection_file=str(self.server.runtime / f"kernel-{kernel_id}.json"))
        client.load_connection_file()
        client.start_channels()
        try:
            client.wait_for_ready(timeout=SECONDS)
            asked = {"answer": f"str({expression})"}
            reply = client.execute_interactive(
                "", user_expressions=asked, store_history=False, silent=False, timeout=SECONDS
            )["content"]["user_expressions"]["answer"]
        finally:
            client.stop_channels()
        assert reply["status"] == "ok", reply
        return str(reply["data"]["text/plain"])[1:-1]

    def restart_kernel(self) -> None:
        """Restart the open notebook's kernel, as its menu does but without asking."""
        self.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.restartKernel()")
        self.page.wait_for_function(IDLE, timeout=SECONDS * 1000)

    def screenshot(self, name: str, **options: Any) -> Path:
        """Keep what the page shows in `reports/screens/`, which git ignores."""
        path = self.screens / f"{name}.png"
        self.page.screenshot(path=path, **options)
        return path

    def errors(self) -> list[str]:
        """Return what cells of the open notebook raised."""
        return list(self.page.evaluate(RAISED))

    def assert_quiet(self) -> None:
        """Fail when a cell raised, the console showed an error, or a request would have left this machine."""
        assert self.errors() == []
        self.watched.assert_quiet()


@contextmanager
def serve(project_root: Path, folder: Path) -> Iterator[Server]:
    """Run JupyterLab on copies of notebooks and data, with no settings but its own."""
    root = folder / "work"
    for name in ("notebooks", "data"):
        shutil.copytree(project_root / name, root / name)
    settings = folder / "config" / "labconfig"
    settings.mkdir(parents=True)
    (settings / "page_config.json").write_text(json.dumps(NO_ANNOUNCEMENTS))
    own = {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "share",
        "JUPYTER_RUNTIME_DIR": "run",
        "IPYTHONDIR": "ipython",
    }
    environment = {**os.environ, **{name: str(folder / below) for name, below in own.items()}}
    port = free_port()
    command = [
        sys.executable, "-m", "jupyterlab", "--LabApp.expose_app_in_browser=True", f"--port={port}",
        "--ServerApp.port_retries=0", "--ServerApp.open_browser=False", "--allow-root", "--ip=127.0.0.1",
        f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={root}",
    ]  # fmt: skip
    log = folder / "lab.log"
    with log.open("w") as written:
        process = subprocess.Popen(command, env=environment, stdout=written, stderr=written)
        try:
            server = Server(f"http://127.0.0.1:{port}", root, folder / "run")
            wait_for(f"{server.address}/api/status?token={TOKEN}", process, log)
            yield server
        finally:
            process.terminate()
            process.wait(20)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(address: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Wait until a server answers; fail with the end of its log when it has died or takes a minute."""
    for _ in range(2 * SECONDS):
        try:
            with urllib.request.urlopen(address, timeout=2):
                return
        except OSError:
            assert process.poll() is None, log.read_text()[-2000:]
            time.sleep(0.5)
    raise AssertionError(f"no answer within a minute: {log.read_text()[-2000:]}")
