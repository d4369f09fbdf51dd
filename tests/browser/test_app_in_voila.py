"""The web app as its users meet it: the real Voilà server in a real browser."""

import shutil
from types import SimpleNamespace

import pytest

import kpilab as kl
from tests.browser.drawing import drag, verdict_shown
from tests.browser.test_builder_in_lab import Builder
from tests.serving import SECONDS, TOKEN, serve_app

WIDGET = ".jp-OutputArea-output .jupyter-widgets"
DRAWN = "() => [...document.querySelectorAll('.jupyter-widgets svg')].map(e => e.innerHTML).join()"
NUMBERS = "() => [...document.querySelectorAll('.widget-readout')].map(e => e.innerText)"
MOVED = f"""was => {{
  const now = ({NUMBERS})();
  return now[0] !== was[0] && now.slice(1).some((each, i) => each !== was[i + 1]);
}}"""


@pytest.fixture(scope="module")
def folder(example_folder, tmp_path_factory):
    """Give a copy of the example that the read-only app serves."""
    return shutil.copytree(example_folder, tmp_path_factory.mktemp("shown") / "nhs")


@pytest.fixture(scope="module")
def app(chromium, folder, tmp_path_factory):
    pytest.importorskip("voila", reason="pip install 'kpilab[app]'")
    with serve_app(folder, tmp_path_factory.mktemp("app") / "log") as app:
        yield app


@pytest.fixture(scope="module")
def editing(chromium, example_folder, tmp_path_factory):
    pytest.importorskip("voila", reason="pip install 'kpilab[app]'")
    folder = shutil.copytree(example_folder, tmp_path_factory.mktemp("edited") / "nhs")
    with serve_app(folder, tmp_path_factory.mktemp("edit") / "log", "--edit") as app:
        yield app


@pytest.fixture
def page(chromium_page):
    """Give a watched page that must stay quiet: no console error, no request elsewhere."""
    chromium_page.page.set_default_timeout(SECONDS * 1000)
    yield chromium_page.page
    chromium_page.assert_quiet()


def enter(page, app, name=""):
    """Open the start page, and a page from it as a person would."""
    page.goto(f"{app.address}/?token={TOKEN}")
    if name:
        page.get_by_role("link", name=name, exact=True).click()
        page.locator("h1", has_text=name).wait_for()
        page.locator(f"{WIDGET}, .kl-map").first.wait_for()


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_who_has_no_token_is_asked_for_it(app, page, chromium_page):
    page.goto(app.address)
    page.locator("input[type=password]").fill("not the token")
    page.locator("input[type=password]").press("Enter")
    page.get_by_text("This is not the token").wait_for()
    assert len(chromium_page.errors) == 1
    assert "401" in chromium_page.errors.pop()
    assert page.get_by_role("link", name="Scorecard").count() == 0
    page.locator("input[type=password]").fill(TOKEN)
    page.locator("input[type=password]").press("Enter")
    page.get_by_role("link", name="Scorecard").wait_for()


def test_every_listed_page_opens_with_its_widgets(app, page, folder, screens):
    before = contents(folder)
    enter(page, app)
    page.screenshot(path=screens / "app_start.png")
    assert page.get_by_role("link").all_inner_texts() == [
        "Scorecard",
        "Targets",
        "Links",
        "What if",
        "Actions",
        "Pay",
        "Reports",
    ]
    shown = {
        "Scorecard": "A&E patients seen within four hours",
        "Links": "Assumed because",
        "Actions": "Six Essential Actions",
        "Pay": "share of target pay",
    }
    for name, text in shown.items():
        enter(page, app, name)
        page.locator(WIDGET, has_text=text).first.wait_for()
        page.screenshot(path=screens / f"app_{name.lower()}.png")
    enter(page, app, "Reports")
    page.get_by_role("button", name="Show").click()
    report = page.frame_locator("iframe")
    report.locator("h1", has_text="NHS Scotland").wait_for(timeout=3000 * SECONDS)
    assert report.locator("svg").count() >= 5
    page.screenshot(path=screens / "app_reports.png")
    assert contents(folder) == before
    people = kl.read_pay(kl.read_cascade(folder)).people
    assert not any(each.person in page.content() for each in people)


def test_a_slider_moves_numbers_and_chart_and_nothing_is_written(app, page, folder, screens):
    before = contents(folder)
    enter(page, app, "Targets")
    page.locator(".noUi-handle").first.wait_for()
    assert page.get_by_role("button", name="Save…").count() == 0
    numbers, drawn = page.evaluate(NUMBERS), page.evaluate(DRAWN)
    page.locator(".noUi-handle").first.focus()
    for _ in range(12):
        page.keyboard.press("ArrowLeft")
    page.wait_for_function(MOVED, arg=numbers)
    page.get_by_text("residual 0").wait_for()
    page.wait_for_function(f"was => ({DRAWN})() !== was", arg=drawn)
    page.screenshot(path=screens / "app_targets.png")
    assert contents(folder) == before


def test_a_lever_moved_redraws_what_follows(app, page, screens):
    enter(page, app, "What if")
    page.locator(".noUi-handle").first.wait_for()
    said = page.locator(f"{WIDGET} code", has_text="kl.what_if").first
    said.wait_for()
    before, drawn = said.inner_text(), page.evaluate(DRAWN)
    page.locator(".noUi-handle").first.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function(f"was => ({DRAWN})() !== was", arg=drawn)
    assert said.inner_text() != before
    page.screenshot(path=screens / "app_what_if.png")


def test_chart_and_table_are_downloaded(app, page, tmp_path):
    enter(page, app, "Targets")
    got = {}
    for kind in ("Chart as SVG", "Chart as PNG", "Table as CSV"):
        with page.expect_download() as waiting:
            page.locator(f'button:text-is("{kind}")').click()
        path = tmp_path / waiting.value.suggested_filename
        waiting.value.save_as(path)
        got[path.suffix] = path.read_bytes()
    assert b"NHS Lothian" in got[".svg"]
    assert got[".png"].startswith(b"\x89PNG")
    assert got[".csv"].startswith(b"kpi,unit,level,period")


def test_editors_are_not_found_without_edit(app, page):
    enter(page, app)
    started = app.kernels_started()
    for name in ("build", "map", "../map", "%2e%2e%2fmap"):
        assert page.request.get(f"{app.address}/voila/render/{name}.ipynb").status == 404
    assert page.request.post(f"{app.address}/api/kernels").status in (403, 404)
    assert app.kernels_started() == started


def test_a_page_that_is_left_ends_its_kernel(app, page):
    enter(page, app, "Scorecard")
    ended = app.log.read_text().count("Kernel shutdown")
    page.get_by_role("link", name="All pages").click()
    page.get_by_role("link", name="Targets").wait_for()
    for _ in range(100):
        if app.log.read_text().count("Kernel shutdown") > ended:
            return
        page.wait_for_timeout(100)
    raise AssertionError(app.log.read_text()[-2000:])


def test_with_edit_an_arrow_that_was_drawn_is_in_the_file(editing, page, screens):
    enter(page, editing, "Map")
    page.locator(".kl-map[data-painted]").wait_for()
    page.locator(".kl-foot progress").wait_for(state="hidden")
    page.locator(".kl-map").scroll_into_view_if_needed()
    drag(page, "delayed_share", "over_12h")
    page.locator(".kl-form input[name=because]").fill("Full beds keep patients in A&E")
    page.locator(".kl-form").get_by_role("button", name="Draw").click()
    verdict = verdict_shown(page)
    page.screenshot(path=screens / "app_map.png")
    page.get_by_role("button", name="Save 1 change…").click()
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    page.locator(".kl-foot .said", has_text="Saved: cascade.yaml").wait_for()
    saved = kl.read_cascade(editing.folder)
    assert saved.links[-1].because == "Full beds keep patients in A&E"
    assert kl.fit_links(saved, kl.read_history(saved))[("delayed_share", "over_12h")].verdict == verdict


def test_with_edit_what_the_builder_saves_is_in_the_file(editing, page, screens):
    enter(page, editing, "Build")
    builder = Builder(SimpleNamespace(page=page))
    builder.add("Objective", Name="Nobody waits", Perspective="Patients")
    builder.press("Save…")
    builder.says("Nobody waits")
    page.screenshot(path=screens / "app_build.png")
    builder.press("Confirm and save")
    builder.says("everything is saved")
    assert kl.read_cascade(editing.folder).objectives[-1].name == "Nobody waits"
