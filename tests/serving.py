"""The web app as it runs: the command in a process of its own, asked until it answers."""

import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

TOKEN = "0123456789abcdef"
SECONDS = 90


class _Unmoved(urllib.request.HTTPRedirectHandler):
    """Hands a redirect back instead of following it."""

    def redirect_request(self, *asked):
        return None


@dataclass(frozen=True)
class App:
    """A running app: its address, the cascade's folder, and what it printed."""

    address: str
    folder: Path
    log: Path

    def status(self, path, *, token=TOKEN, method="GET"):
        """Return the status of an answer, 0 when there is none; redirects are not followed."""
        asked = urllib.request.Request(f"{self.address}{path}", method=method)
        if token:
            asked.add_header("Authorization", f"token {token}")
        try:
            with urllib.request.build_opener(_Unmoved).open(asked, timeout=SECONDS) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    def text(self, path):
        """Return a page."""
        with urllib.request.urlopen(f"{self.address}{path}?token={TOKEN}", timeout=SECONDS) as answer:
            return answer.read().decode()

    def kernels_started(self):
        """Return how many kernels were started so far."""
        return self.log.read_text().count("Kernel started")


@contextmanager
def serve_app(folder: Path, log: Path, *options: str) -> Iterator[App]:
    """Run `kpilab app` for a folder until the block ends."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "kpilab.cli", "app", str(folder), "--no-browser", *options]
    with log.open("w") as written:
        process = subprocess.Popen(
            [*command, f"--port={port}", f"--token={TOKEN}"], stdout=written, stderr=written
        )
        app = App(f"http://127.0.0.1:{port}", folder, log)
        try:
            for _ in range(2 * SECONDS):
                if app.status("/login"):
                    break
                assert process.poll() is None, log.read_text()
                time.sleep(0.5)
            yield app
        finally:
            process.terminate()
            process.wait(20)
