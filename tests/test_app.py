"""The web app, asked as it runs: who may enter, and what may be run."""

import json
import re
import time

import pytest

import kpilab as kl
from kpilab.delivery.app import serve_app, write_notebooks
from kpilab.delivery.app_pages import PAGES, start_page
from kpilab.delivery.widgets.app_page import app_page
from tests import serving
from tests.small import write_cascade_folder


@pytest.fixture(scope="module")
def app(example_folder, tmp_path_factory):
    pytest.importorskip("voila", reason="pip install 'kpilab[app]'")
    with serving.serve_app(example_folder, tmp_path_factory.mktemp("app") / "log") as app:
        yield app


@pytest.mark.parametrize("token", ["", "wrong", "0123456789abcde"])
@pytest.mark.parametrize("path", ["/", "/voila/render/scorecard.ipynb", "/voila/render/build.ipynb"])
def test_without_the_token_nobody_enters(app, path, token):
    assert app.status(path, token=token) in (302, 403)  # 302: to the page that asks for it


OTHER_PATHS = [
    "/voila/render/build.ipynb", "/voila/render/other.ipynb", "/voila/render/", "/voila/render/scorecard.ipynb/",
    "/voila/render/..%2f..%2fetc%2fpasswd", "/voila/render/%2e%2e/%2e%2e/x.ipynb", "/voila/render/./scorecard.ipynb",
    "/voila/render/..%252f..%252fx.ipynb", "/voila/render//scorecard.ipynb", "/voila/render/scorecard.ipynb%00",
    "/voila/render/..%5c..%5cx.ipynb", "/voila/files/scorecard.ipynb", "/voila/files/..%2f..%2fetc%2fpasswd",
    "/voila/tree", "/voila/tree/", "/voila/api/contents", "/voila/api/contents/scorecard.ipynb", "/api/contents",
    "/api/contents/scorecard.ipynb", "/api/kernels", "/api/kernelspecs", "/api/sessions", "/api/terminals",
    "/files/scorecard.ipynb", "/static/..%2f..%2fetc%2fpasswd", "/voila/static/..%2f..%2f..%2fetc%2fpasswd",
    "/voila/static/../../../../../../../../etc/passwd", "/voila/templates/..%2f..%2f..%2fetc%2fpasswd",
    "/voila/labextensions/..%2f..%2f..%2fetc%2fpasswd", "/voila/api/themes/..%2f..%2f..%2fetc%2fpasswd",
]  # fmt: skip


@pytest.mark.parametrize("path", OTHER_PATHS)
def test_with_the_token_nothing_else_runs_or_is_read(app, path):
    started = app.kernels_started()
    assert app.status(path) in (403, 404)
    assert app.status(path, token="") in (302, 403, 404)
    assert app.kernels_started() == started


@pytest.mark.parametrize("path", ["/api/kernels", "/api/sessions", "/api/contents"])
def test_nobody_starts_a_kernel_but_by_opening_a_page(app, path):
    started = app.kernels_started()
    assert app.status(path, method="POST", token="") in (302, 403, 404)
    assert app.status(path, method="POST") in (403, 404, 405)
    assert app.kernels_started() == started


def test_a_listed_notebook_runs_and_its_kernel_takes_no_code_from_a_browser(app, tmp_path):
    import websocket

    page = app.text("/voila/render/scorecard.ipynb")
    kernel = re.search(r'"kernelId": ?"([0-9a-f-]{36})"', page).group(1)
    address = f"{app.address.replace('http', 'ws')}/api/kernels/{kernel}/channels"
    with pytest.raises(websocket.WebSocketBadStatusException):
        websocket.create_connection(address, timeout=20)
    socket = websocket.create_connection(f"{address}?token={serving.TOKEN}", timeout=2)
    planted = tmp_path / "planted"
    for number, kind in enumerate(("execute_request", "kernel_info_request")):
        header = {"msg_id": str(number), "msg_type": kind, "username": "", "session": "t", "version": "5.3"}
        content = {"code": f"open({str(planted)!r}, 'w')", "silent": False} if number == 0 else {}
        socket.send(
            json.dumps(
                {
                    "header": header,
                    "parent_header": {},
                    "metadata": {},
                    "content": content,
                    "channel": "shell",
                }
            )
        )
    assert answered(socket, "kernel_info_reply")  # the later message was dealt with
    socket.close()
    assert not planted.exists()


def answered(socket, kind, seconds=30):
    """Tell whether a kernel sends a message of a kind."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if f'"msg_type": "{kind}"' in str(socket.recv()):
                return True
        except TimeoutError:
            continue
        except Exception as error:
            if "timed out" not in str(error):
                raise
    return False


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
