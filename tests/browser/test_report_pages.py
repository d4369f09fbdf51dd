"""The pages of a run in Chromium, offline: the index shows the map, and every page opens without an error."""

import kpilab as kl


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
    assert page.locator("li a").count() == 3
    for target in page.eval_on_selector_all("li a", "links => links.map(link => link.getAttribute('href'))"):
        chromium_page.open(run.index.parent / target)
        assert page.locator("h1").count() == 1
        assert page.locator("svg").count() >= 5
    chromium_page.assert_quiet()
