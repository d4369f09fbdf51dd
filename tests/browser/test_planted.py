"""Markup in every text of a cascade is text wherever it is shown, and never runs."""

from contextlib import suppress
from types import SimpleNamespace

import pytest
from playwright.sync_api import TimeoutError

import kpilab as kl
from tests.browser.drawing import WHERE, drag, verdict_shown
from tests.browser.test_builder_in_lab import Builder
from tests.planted import FLAG, MARKUP, planted_folder
from tests.serving import SECONDS, TOKEN, serve_app

SHOWN = """() => document.body.innerText
  + [...document.querySelectorAll('input, textarea')].map(each => each.value).join('\\n')"""
VIEWS = ("Goals and KPIs", "Processes", "Units", "Owners", "Links", "Actions", "Targets")


@pytest.fixture(scope="module")
def planted(example_folder, tmp_path_factory):
    return planted_folder(example_folder, tmp_path_factory.mktemp("planted") / "nhs")


@pytest.fixture(scope="module")
def app(chromium, planted, tmp_path_factory):
    pytest.importorskip("voila", reason="pip install 'kpilab[app]'")
    with serve_app(planted[0], tmp_path_factory.mktemp("app") / "log", "--edit", "--pay") as app:
        yield app


@pytest.fixture
def page(chromium_page):
    """Give a watched page on which nothing that was planted may run."""
    chromium_page.page.set_default_timeout(SECONDS * 1000)
    yield chromium_page.page
    assert_text_only(chromium_page.page)
    chromium_page.assert_quiet()


def assert_text_only(page):
    """Fail when planted markup became an element or ran, in the page or in any frame of it."""
    for frame in page.frames:
        assert frame.evaluate(FLAG) == [0, 0], frame.url


def enter(page, app, name):
    """Open a page of the app and wait for its widgets."""
    page.goto(f"{app.address}/voila/render/{name}.ipynb?token={TOKEN}")
    page.locator(".jp-OutputArea-output .jupyter-widgets, .kl-map").first.wait_for()


def shown(page):
    return " ".join(page.evaluate(SHOWN).split())


def short(text):
    return " ".join(text.split())


def test_start_page_and_login(app, page, planted):
    page.goto(app.address)
    page.goto(f"{app.address}/?token={TOKEN}")
    assert page.locator("h1").inner_text() == short(kl.read_cascade(planted[0]).name)


@pytest.mark.parametrize("name", ["scorecard", "links", "actions"])
def test_choosers(app, page, name):
    enter(page, app, name)
    page.wait_for_function("() => document.body.innerText.includes('onerror=')")
    for chosen in page.locator("select").all():
        chosen.select_option(index=1)
    page.wait_for_timeout(1500)
    assert short(MARKUP) in shown(page)
    assert_text_only(page)


def test_panels_of_targets_and_levers(app, page):
    enter(page, app, "targets")
    page.locator(".noUi-handle").first.wait_for()
    page.locator("select").first.select_option(index=2)
    page.wait_for_timeout(1500)
    assert "onerror=" in shown(page)
    page.get_by_role("button", name="Save…").click()
    page.wait_for_timeout(1000)
    assert_text_only(page)
    enter(page, app, "what_if")
    page.locator(".noUi-handle").first.wait_for()
    page.locator(".noUi-handle").first.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(3000)
    assert "onerror=" in shown(page)


def test_pay_with_a_statement(app, page):
    enter(page, app, "pay")
    page.locator("select").last.select_option(index=1)
    page.get_by_text("CONFIDENTIAL").first.wait_for()
    assert short(MARKUP) in shown(page)


def test_a_report_on_the_page(app, page):
    enter(page, app, "reports")
    page.get_by_role("button", name="Show").click()
    report = page.frame_locator("iframe")
    report.locator("h1", has_text="onerror=").wait_for(timeout=3000 * SECONDS)
    assert_text_only(page)


def test_the_builder_shows_every_text_of_every_noun(app, page, planted):
    enter(page, app, "build")
    builder = Builder(SimpleNamespace(page=page))
    seen = shown(page)
    listed = builder.output.locator("select[size]").first.locator("option")
    for view in VIEWS:
        before = listed.all_inner_texts()
        if view != VIEWS[0]:
            builder.look_at(view)
            page.wait_for_function(
                "before => [...document.querySelectorAll('select[size] option')].length !== before",
                arg=len(before),
            )
        for place in places_to_open(listed.all_inner_texts()):
            before = page.evaluate(SHOWN)
            listed.locator("xpath=..").first.select_option(index=place)
            with suppress(TimeoutError):  # it stands open already
                page.wait_for_function(f"before => ({SHOWN})() !== before", arg=before, timeout=8000)
            page.wait_for_timeout(700)
            seen += " " + shown(page)
            assert_text_only(page)
    kinds = {text: text.split(" </script>")[0].split()[-1] for text in planted[1]}
    found = {kind for text, kind in kinds.items() if short(text) in seen}
    assert found == set(kinds.values())


def places_to_open(rows):
    """Return one row of each depth of an indented list, the first below the whole cascade and the last."""
    depths = [len(row) - len(row.lstrip()) for row in rows]
    return sorted({depths.index(depth) for depth in set(depths)} | {1, len(rows) - 1})


def test_the_map_editor(app, page):
    enter(page, app, "map")
    page.locator(".kl-map[data-painted]").wait_for()
    page.locator(".kl-foot progress").wait_for(state="hidden")
    page.locator(".kl-map").scroll_into_view_if_needed()
    page.mouse.move(*page.evaluate(WHERE, "delayed_share"))
    page.locator(".vis-tooltip", has_text="onerror").wait_for()
    drag(page, "delayed_share", "over_12h")
    assert short(MARKUP) in page.locator(".kl-form h4").inner_text()
    page.locator(".kl-form input[name=because]").fill(MARKUP)
    page.locator(".kl-form").get_by_role("button", name="Draw").click()
    verdict_shown(page)
    page.get_by_role("button", name="Save 1 change…").click()
    assert "onerror" in page.get_by_role("dialog").inner_text()


def test_report_pages_and_the_map_page(chromium_page, planted, tmp_path):
    run = kl.run_reports(planted[0], template="all", units=["S08000015"], folder=tmp_path, progress=False)
    assert not run.failed
    owners = kl.run_reports(
        planted[0], template="owner", units=["flow_lead"], folder=tmp_path / "o", progress=False
    )
    assert not owners.failed
    cascade = kl.read_cascade(planted[0])
    kl.strategy_map(cascade, links=kl.fit_links(cascade, kl.read_history(cascade))).save(
        tmp_path / "alone.html"
    )
    pages = [*run.index.parent.rglob("*.html"), *owners.index.parent.rglob("*.html"), tmp_path / "alone.html"]
    assert len(pages) >= 6
    for path in pages:
        page = chromium_page.open(path)
        page.wait_for_timeout(300)
        assert_text_only(page)
        if page.locator("h1").count():
            assert "onerror=" in page.locator("body").inner_text()
    chromium_page.assert_quiet()
