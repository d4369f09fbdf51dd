"""The map editor in JupyterLab: drawn on as a person would, with mouse and keyboard."""

import shutil

import pytest

import kpilab as kl
from tests.browser.drawing import WHERE, drag, verdict_shown

BEGIN = "import kpilab as kl"


@pytest.fixture
def folder(lab, project_root):
    """Give a copy of the example in JupyterLab's root, one for each test."""
    name = f"copy-{len(list(lab.root.iterdir()))}"
    shutil.copytree(project_root / "data" / "nhs-scotland", lab.root / name)
    return lab.root / name


def open_editor(lab, folder, *more, options=""):
    """Show the editor of a folder and wait until every arrow is tested."""
    page = lab.run(
        BEGIN,
        f"cascade = kl.read_cascade({folder.name!r})\nhistory = kl.read_history(cascade)",
        f"editor = kl.MapEditor(cascade, history{options})\neditor",
        *more,
    )
    page.locator(".kl-map[data-painted]").wait_for()
    page.locator(".kl-foot progress").wait_for(state="hidden")
    page.locator(".kl-map").scroll_into_view_if_needed()
    return page


def test_an_arrow_drawn_by_mouse_has_the_verdict_of_fit_links_and_is_saved(lab, folder):
    page = open_editor(lab, folder)
    drag(page, "delayed_share", "over_12h")
    form = page.locator(".kl-form")
    form.locator("select[name=sign]").select_option("+")
    form.locator("input[name=last]").fill("2")
    form.locator("input[name=because]").fill("Full beds keep patients in A&E")
    form.get_by_role("button", name="Draw").click()
    verdict = verdict_shown(page)
    lab.screenshot("map_editor")
    drawn = kl.read_cascade(folder)
    assert len(drawn.links) == 9
    page.get_by_role("button", name="Save 1 change…").click()
    dialog = page.get_by_role("dialog")
    assert "because: Full beds keep patients in A&E" in dialog.locator("pre").inner_text()
    lab.screenshot("map_editor_save")
    dialog.get_by_role("button", name="Save").click()
    page.locator(".kl-foot .said", has_text="Saved: cascade.yaml").wait_for()
    saved = kl.read_cascade(folder)
    link = saved.links[-1]
    assert (link.cause, link.effect, link.sign, link.lag) == ("delayed_share", "over_12h", "+", (0, 2))
    expected = kl.fit_links(saved, kl.read_history(saved))[("delayed_share", "over_12h")]
    assert verdict == expected.verdict
    assert expected.reason in page.locator(".kl-side").inner_text()


def drop_down(page, cause, effect, lag="1"):
    """Drag an arrow and accept the form with another lag."""
    drag(page, cause, effect)
    page.locator(".kl-form input[name=last]").fill(lag)
    page.locator(".kl-form").get_by_role("button", name="Draw").click()


SLOW = """import time
from kpilab.delivery.widgets import map_editor
quick = map_editor.fit_links
def slow(*arguments, progress, **options):
    for step in range(600):
        progress(step, 600)
        time.sleep(0.1)
map_editor.fit_links = slow"""


def test_arrows_whose_test_was_cancelled_are_tested_again(lab, folder):
    page = open_editor(lab, folder, SLOW)
    drop_down(page, "delayed_share", "over_8h")
    page.get_by_role("button", name="Cancel").click()
    page.get_by_text("Some arrows are not tested.").wait_for()
    assert lab.kernel("len(editor.links.cascade.links)") == "9"
    lab.kernel("setattr(map_editor, 'fit_links', quick)")
    page.get_by_role("button", name="Test again").click()
    verdict_shown(page)
    page.get_by_role("button", name="Test again").wait_for(state="hidden")


def test_a_kpi_moved_on_the_map_is_moved_back_by_undo(lab, folder):
    page = open_editor(lab, folder)
    stood = page.evaluate(WHERE, "attendances")
    page.get_by_role("button", name="Move KPIs").click()
    drag(page, "attendances", "admitted")
    page.get_by_role("button", name="Save 1 change…").wait_for()
    page.get_by_role("button", name="Undo").click()
    page.get_by_role("button", name="Save…").wait_for()
    back = page.evaluate(WHERE, "attendances")
    assert max(abs(a - b) for a, b in zip(stood, back, strict=True)) < 2


def n_links(lab):
    return int(lab.kernel("len(editor.cascade.links)"))


def test_undo_reroute_delete_and_refusals_by_mouse(lab, folder):
    page = open_editor(lab, folder)
    page.get_by_role("button", name="Move KPIs").click()
    drag(page, "attendances", "admitted")
    assert n_links(lab) == 9  # a KPI was moved, no arrow drawn
    assert lab.kernel("list(editor.draft.positions)") == "['attendances']"
    page.get_by_role("button", name="Draw arrows").click()
    drop_down(page, "delayed_share", "over_8h")
    verdict_shown(page)
    end, other = page.locator(".handle[data-end=effect]").bounding_box(), page.evaluate(WHERE, "over_12h")
    page.mouse.move(end["x"] + 7, end["y"] + 7)
    page.mouse.down()
    page.mouse.move(*other, steps=8)
    page.mouse.up()
    page.locator(".kl-side h4", has_text="twelve hours").wait_for()
    assert lab.kernel("editor.cascade.links[-1].id") == "delayed_share->over_12h"
    page.locator(".kl-bar").get_by_role("button", name="Undo").click()
    page.locator(".kl-bar").get_by_role("button", name="Undo").click()
    page.locator(".kl-bar").get_by_role("button", name="Save 1 change…").wait_for()  # where the KPI stands
    page.locator(".kl-bar").get_by_role("button", name="Undo").click()
    page.locator(".kl-bar").get_by_role("button", name="Undo").and_(page.locator(":disabled")).wait_for()
    assert n_links(lab) == 9
    page.locator(".kl-bar").get_by_role("button", name="Redo").click()
    page.locator(".kl-bar").get_by_role("button", name="Redo").click()
    page.locator(".kl-bar").get_by_role("button", name="Save 2 changes…").wait_for()
    assert n_links(lab) == 10
    drag(page, "over_12h", "seen_within_4h")
    form = page.locator(".kl-form")
    form.locator("select[name=level]").select_option("board")
    form.locator("input[name=last]").fill("0")
    form.get_by_role("button", name="Draw").click()
    form.locator(".why", has_text="loop without a lag").wait_for()
    lab.screenshot("map_editor_refused")
    form.get_by_role("button", name="Cancel").click()
    assert n_links(lab) == 10


def test_the_map_is_drawn_with_the_keyboard_alone(lab, folder):
    page = open_editor(lab, folder)
    page.locator(".kl-plane").focus()
    said = page.locator(".kl-foot .said")
    visited = {said.inner_text()}
    for key in ["ArrowLeft"] * 6 + ["ArrowDown"] * 3 + ["ArrowRight"] * 6 + ["ArrowUp"] * 3:
        page.keyboard.press(key)
        visited.add(said.inner_text())
    assert len(visited) > 5
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    page.locator(".kl-notice", has_text="cannot be its own cause").wait_for()
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.locator(".kl-form").wait_for()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    verdict_shown(page)
    assert n_links(lab) == 10
    page.keyboard.press("Delete")
    page.locator(".kl-side .verdict").wait_for(state="detached")
    assert n_links(lab) == 9
    page.keyboard.press("Control+z")
    page.locator(".kl-foot code", has_text="draft.undo()").wait_for()
    assert n_links(lab) == 10
    page.keyboard.press("Tab")
    verdict_shown(page)
    assert page.locator(".jp-Cell").count() == 3  # the notebook took none of the keys
    lab.screenshot("map_editor_keyboard")


def test_what_the_map_denies_is_marked_and_can_be_drawn(lab, folder):
    page = open_editor(
        lab,
        folder,
        "editor.draft.remove('links', ('seen_within_4h', 'over_12h'))\n"
        "editor.draft.add('links', {'cause': 'attendances', 'effect': 'over_12h', 'lag': 1})",
    )
    page.get_by_role("button", name="What does the map deny?").click()
    page.locator(".kl-foot .said", has_text="history disagrees with 1").wait_for()
    middle = page.evaluate("""() => {
      const plane = document.querySelector('.kl-plane'), network = plane.klNetwork;
      const edge = Object.values(network.body.edges).find(e => e.options.label === 'missing?');
      const at = network.canvasToDOM(edge.edgeType.getPoint(0.3)), box = plane.getBoundingClientRect();
      return [box.left + at.x, box.top + at.y];
    }""")
    lab.screenshot("map_editor_denied")
    page.mouse.click(*middle)
    page.locator(".kl-side", has_text="history disagrees").wait_for()
    page.locator(".kl-side").get_by_role("button", name="Draw it").click()
    page.locator(".kl-form").get_by_role("button", name="Draw").click()
    verdict_shown(page)
    assert n_links(lab) == 10


def test_a_restarted_kernel_is_said_and_the_draft_comes_back(lab, folder):
    page = open_editor(lab, folder)
    drop_down(page, "delayed_share", "over_12h")
    verdict_shown(page)
    lab.restart_kernel()
    lost = page.locator(".kl-lost")
    lost.wait_for()
    assert f"kl.Draft.recover('{folder.name}')" in lost.inner_text()
    lab.screenshot("map_editor_lost")
    page.keyboard.press("Control+z")  # nobody answers: nothing breaks
    draft = kl.Draft.recover(folder)
    assert draft.cascade.links[-1].id == "delayed_share->over_12h"


HOSTILE = "</script><img src=x onerror=console.error(1)>\"' href=javascript:alert(1) 🙂 שלום " + "x" * 120


def test_hostile_names_are_text_everywhere(lab, folder):
    draft = kl.Draft(kl.read_cascade(folder))
    for noun in ("kpis", "objectives", "factors", "owners"):
        for entry in getattr(draft.cascade, noun):
            draft.change(noun, entry.id, {"name": HOSTILE})
    for link in draft.cascade.links:
        draft.change("links", (link.cause, link.effect), {"because": HOSTILE})
    draft.save()
    page = open_editor(lab, folder)
    page.mouse.move(*page.evaluate(WHERE, "delayed_share"))
    page.locator(".vis-tooltip", has_text="onerror").wait_for()
    drag(page, "delayed_share", "over_12h")
    assert HOSTILE in page.locator(".kl-form h4").inner_text()
    page.locator(".kl-form input[name=because]").fill(HOSTILE)
    page.locator(".kl-form").get_by_role("button", name="Draw").click()
    verdict_shown(page)
    lab.screenshot("map_editor_hostile")
    page.get_by_role("button", name="Save 1 change…").click()
    page.get_by_role("dialog").get_by_role("button", name="Save", exact=True).click()
    page.locator(".kl-foot .said", has_text="Saved: cascade.yaml").wait_for()
    assert kl.read_cascade(folder).links[-1].because == HOSTILE
    assert page.locator(".kl-map img, .vis-tooltip img, .kl-map script").count() == 0
