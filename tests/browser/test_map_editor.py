"""The map editor in JupyterLab: drawn on as a person would, with mouse and keyboard."""

import shutil

import pytest

import kpilab as kl

BEGIN = "import kpilab as kl"
WHERE = """kpi => {
  const canvas = document.querySelector('.kl-plane');
  const network = canvas.klNetwork;
  const box = canvas.getBoundingClientRect();
  const at = network.canvasToDOM(network.getPosition('kpi:' + kpi));
  return [box.left + at.x, box.top + at.y];
}"""
VERDICTS = ("supported", "contradicted", "inconclusive", "untestable")


@pytest.fixture
def folder(lab, project_root, request):
    """Give a copy of the example in JupyterLab's root, one for each test."""
    name = f"copy-{request.node.name[:40]}"
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


def drag(page, cause, effect):
    start, end = page.evaluate(WHERE, cause), page.evaluate(WHERE, effect)
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move((start[0] + end[0]) / 2, (start[1] + end[1]) / 2, steps=5)
    page.mouse.move(*end, steps=5)
    page.mouse.up()


def verdict_shown(page):
    """Wait for a verdict of the chosen arrow and return it."""
    quoted = ", ".join(f".kl-map[data-verdict='{verdict}']" for verdict in VERDICTS)
    page.locator(quoted).wait_for()
    return page.locator(".kl-side .verdict").inner_text()


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
