"""The web app, asked as it runs: who may enter, and what may be run."""

import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

import kpilab as kl
from kpilab.delivery.app import EDITORS, NOTEBOOKS, serve_app, write_notebooks

TOKEN = "0123456789abcdef"


@pytest.fixture(scope="module")
def address(example_cascade, tmp_path_factory):
    pytest.importorskip("voila", reason="pip install 'kpilab[app]'")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "kpilab.cli", "app", str(example_cascade.folder), "--no-browser"]
    log = tmp_path_factory.mktemp("app") / "log"
    with log.open("w") as written:
        process = subprocess.Popen(
            [*command, f"--port={port}", f"--token={TOKEN}"], stdout=written, stderr=written
        )
        try:
            base = f"http://127.0.0.1:{port}"
            for _ in range(120):
                if status(f"{base}/login"):
                    break
                assert process.poll() is None, log.read_text()
                time.sleep(0.5)
            yield base
        finally:
            process.terminate()
            process.wait(20)


class Unmoved(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *asked):
        return None


def status(url, *, follow=False):
    opener = urllib.request.build_opener() if follow else urllib.request.build_opener(Unmoved)
    try:
        with opener.open(url, timeout=60) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


@pytest.mark.parametrize("path", ["/", "/voila/render/scorecard.ipynb", "/voila/api/contents"])
def test_without_the_token_nobody_enters(address, path):
    assert status(address + path) in (302, 403)  # 302: to the page that asks for it
    assert status(f"{address}{path}?token=wrong") in (302, 403)


@pytest.mark.parametrize(
    "path",
    ["/voila/render/build.ipynb", "/voila/render/other.ipynb", "/voila/render/..%2f..%2fetc%2fpasswd",
     "/voila/render/%2e%2e/%2e%2e/x.ipynb", "/voila/files/scorecard.ipynb", "/voila/files/..%2f..%2fetc%2fpasswd"],
)  # fmt: skip
def test_with_the_token_nothing_else_runs_or_is_read(address, path):
    assert status(f"{address}{path}?token={TOKEN}", follow=True) in (403, 404)


def test_with_the_token_a_listed_notebook_runs(address):
    assert status(f"{address}/voila/render/scorecard.ipynb?token={TOKEN}") == 200


def test_editors_are_served_only_when_asked_for(example_cascade, tmp_path):
    names = [path.stem for path in write_notebooks(tmp_path, example_cascade.folder)]
    assert names == list(NOTEBOOKS)
    assert not set(names) & set(EDITORS)
    names = [path.stem for path in write_notebooks(tmp_path, example_cascade.folder, edit=True)]
    assert set(EDITORS) <= set(names)


def test_a_short_token_is_refused(example_cascade):
    with pytest.raises(kl.InputError, match="at least 16"):
        serve_app(example_cascade.folder, token="short")
