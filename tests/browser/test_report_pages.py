"""The pages of a run in Chromium, offline: the index shows the map, and every page opens without an error."""

import json

import kpilab as kl
from tests.small import SHOP, write_cascade_folder


def test_index_shows_the_map_and_every_report_opens(chromium_page, tmp_path, example_cascade):
    run = kl.run_reports(
        example_cascade,
        template="all",
        units=["S08000015", "S08000031"],
        period="2023-03",
        folder=tmp_path,
        progress=False,
    )
    assert not run.failed
    page = chromium_page.open(run.index)
    frame = page.frame_locator("iframe")
    frame.locator("#mynetwork canvas").wait_for()
    assert frame.locator("#mynetwork canvas").bounding_box()["width"] > 300
    names = page.locator(".reports a").all_inner_texts()
    assert names == [
        "NHS Scotland emergency and planned care, as a whole",
        "NHS Scotland emergency and planned care, every arrow against history",
        "NHS Ayrshire and Arran",
        "NHS Greater Glasgow and Clyde",
    ]
    in_short = page.locator(".reports td:nth-child(2)").all_inner_texts()
    assert in_short[0] == "0 of 4 targets met."
    assert in_short[1].startswith("9 links tested: ")
    for name in names:
        chromium_page.open(run.index)
        page.get_by_role("link", name=name, exact=True).click()
        page.wait_for_load_state("load")
        title = page.locator("h1").inner_text()
        assert name.startswith(title) or title == "NHS Scotland"
        assert page.locator("svg").count() >= 5
        assert page.locator("table td").count() >= 5
    chromium_page.assert_quiet()


def test_names_of_a_cascade_are_text_on_every_page(chromium_page, tmp_path):
    hostile = "<script>console.error('ran')</script><img src=x onerror=console.error(1)> & $x$ `b`"
    text = SHOP
    for name in ("Two shops", "Shop A", "Conversion"):
        text = text.replace(f": {name}", f": {json.dumps(hostile)}")
    folder = write_cascade_folder(tmp_path / "shops", text)
    run = kl.run_reports(folder, template="all", units=["a"], folder=tmp_path / "out", progress=False)
    assert not run.failed
    for page in (run.index, *sorted(run.index.parent.glob("*.html"))):
        chromium_page.open(page)
    assert chromium_page.open(run.index.parent / "a.html").locator("h1").inner_text() == hostile
    chromium_page.assert_quiet()
