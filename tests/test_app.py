"""The web app, asked as it runs: who may enter, and what may be run."""

import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

import kpilab as kl
from kpilab.delivery.app import serve_app, write_notebooks
from kpilab.delivery.app_pages import PAGES, start_page
from kpilab.delivery.widgets.app_page import app_page
from tests.small import write_cascade_folder

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


@pytest.mark.parametrize("path", ["/", "/voila/render/scorecard.ipynb", "/voila/render/build.ipynb"])
def test_without_the_token_nobody_enters(address, path):
    assert status(address + path) in (302, 403)  # 302: to the page that asks for it
    assert status(f"{address}{path}?token=wrong") in (302, 403)


@pytest.mark.parametrize(
    "path",
    ["/voila/render/build.ipynb", "/voila/render/other.ipynb", "/voila/render/..%2f..%2fetc%2fpasswd",
     "/voila/render/%2e%2e/%2e%2e/x.ipynb", "/voila/files/scorecard.ipynb", "/voila/files/..%2f..%2fetc%2fpasswd",
     "/voila/api/contents", "/voila/tree"],
)  # fmt: skip
def test_with_the_token_nothing_else_runs_or_is_read(address, path):
    assert status(f"{address}{path}?token={TOKEN}", follow=True) in (403, 404)


def test_with_the_token_a_listed_notebook_runs(address):
    assert status(f"{address}/voila/render/scorecard.ipynb?token={TOKEN}") == 200


def test_editors_are_served_only_when_asked_for(example_cascade, tmp_path):
    names = {path.stem for path in write_notebooks(tmp_path, example_cascade.folder)}
    assert names == {page.name for page in PAGES if not page.saves}
    names = {path.stem for path in write_notebooks(tmp_path, example_cascade.folder, edit=True)}
    assert names == {page.name for page in PAGES}


def test_the_start_page_says_why_a_page_is_closed_and_what_cannot_be_read(tmp_path):
    folder = write_cascade_folder(tmp_path / "shops")
    page = start_page(lambda: kl.read_cascade(folder), edit=False)
    assert "No pay.yaml stands beside this cascade" in page
    assert "voila/render/pay.ipynb" not in page
    assert "voila/render/scorecard.ipynb" in page
    assert "voila/render/build.ipynb" not in page
    assert "voila/render/build.ipynb" in start_page(lambda: kl.read_cascade(folder), edit=True)
    (folder / "cascade.yaml").write_text("cascade: <b>broken", encoding="utf-8")
    page = start_page(lambda: kl.read_cascade(folder), edit=False)
    assert "Cannot be read" in page
    assert "cascade.yaml:1" in page


def test_a_page_that_cannot_be_says_why_instead_of_failing(example_copy):
    (example_copy / "history.csv").unlink()
    assert "history.csv" in app_page("scorecard", str(example_copy)).value
    (example_copy / "pay.yaml").unlink()
    assert "No pay.yaml stands beside" in app_page("pay", str(example_copy)).value
    assert app_page("build", str(example_copy), edit=True).children[1].cascade.kpis


def test_pay_shows_shares_and_no_name_or_amount_unless_asked(example_copy):
    shown = app_page("pay", str(example_copy)).value
    assert "of target pay" in shown
    assert "--pay" in shown
    people = kl.read_pay(kl.read_cascade(example_copy)).people
    assert not any(each.person in shown for each in people)
    (example_copy / "pay.yaml").write_text("plans: [{id: secret_plan, measures: 3}]", encoding="utf-8")
    assert "secret_plan" not in app_page("pay", str(example_copy)).value
    assert "problem" in app_page("pay", str(example_copy)).value


def test_a_cascade_read_only_is_edited_and_never_written(example_copy):
    before = {path: path.read_bytes() for path in example_copy.rglob("*") if path.is_file()}
    cascade = kl.read_cascade(example_copy, read_only=True)
    draft = kl.Draft(cascade)
    draft.change("kpis", "over_12h", {"name": "Other"})
    assert draft.cascade.kpi("over_12h").name == "Other"
    assert draft.cascade.read_only
    with pytest.raises(kl.InputError, match="read only"):
        draft.save(overwrite=True)
    with pytest.raises(kl.InputError, match="read only"):
        kl.write_cascade(draft.cascade)
    assert {path: path.read_bytes() for path in example_copy.rglob("*") if path.is_file()} == before


def test_a_short_token_is_refused(example_cascade):
    with pytest.raises(kl.InputError, match="at least 16"):
        serve_app(example_cascade.folder, token="short")
