"""The notebooks in a real JupyterLab, driven in Chromium: they run, and their widgets answer."""

import re


def test_level_rule_and_unit_are_chosen_and_seen(lab):
    page = lab.run_all("notebooks/02_check_and_score.ipynb")
    level = page.locator(".widget-dropdown select").first
    level.scroll_into_view_if_needed()
    page.wait_for_function(
        "() => document.querySelector('.widget-html table').innerText.split('NHS Scotland').length === 14"
    )
    level.select_option("board")
    page.wait_for_function(
        "() => document.querySelector('.widget-html table').innerText.includes('NHS Lothian')"
    )
    rules = page.locator(".widget-dropdown select").filter(has_text="gap (12)")
    rules.select_option("gap (12)")
    page.get_by_text("report.tidy().query(\"rule == 'gap'\")").last.wait_for()
    assert "C206H" in page.locator(".widget-html table", has_text="C206H").last.inner_text()
    unit = page.locator(".widget-dropdown", has=page.locator(".widget-label", has_text="Unit")).locator(
        "select"
    )
    unit.select_option("NHS Greater Glasgow and Clyde")
    page.locator(".widget-html p", has_text="Queen Elizabeth University Hospital fell").first.wait_for()
    assert page.locator(".widget-html svg", has_text="Queen Elizabeth").count() == 1
    lab.screenshot("notebook_02", full_page=True)


def test_choosing_a_link_shows_its_page(lab):
    page = lab.run_all("notebooks/03_links_and_map.ipynb")
    page.locator(".widget-dropdown select").first.select_option(index=8)
    page.locator(".widget-html h3", has_text="twelve hours: supported").wait_for()
    assert page.locator(".jp-OutputArea-output iframe").count() == 1


def numbers_in(text):
    """Return the percentages in a text, as people read them."""
    return [float(number) for number in re.findall(r"([-+]?\d+\.?\d*) (?:%|percentage points)", text)]


def test_moving_a_targets_slider_moves_the_others_and_the_residual_is_read(lab):
    page = lab.run_all("notebooks/04_tune_targets.ipynb")
    row = page.locator(".widget-hbox", has=page.locator(".widget-label", has_text="NHS Lothian"))
    lothian, others = row.locator(".noUi-handle"), page.locator(".widget-readout")
    page.get_by_text("Reset").click()  # the notebook has moved a slider itself
    page.wait_for_function(
        "() => !document.querySelector('.widget-html-content code').innerText.includes('locked')"
    )
    lothian.scroll_into_view_if_needed()
    residual = page.locator(".widget-html-content", has_text="residual")
    assert numbers_in(residual.inner_text())[:2] == [80.0, 80.0]
    assert "residual 0" in residual.inner_text()
    before = others.all_inner_texts()
    lothian.focus()
    for _ in range(3):
        lothian.press("PageDown")
    moved = (
        "before => [...document.querySelectorAll('.widget-readout')]"
        ".filter((shown, i) => shown.innerText !== before[i]).length > 8"
    )
    page.wait_for_function(moved, arg=before)  # Lothian, and those that make up for it
    page.get_by_text('locked={"S08000024": 0.774}').wait_for()  # the kernel has the last of the three
    assert "residual 0" in residual.inner_text()
    lab.screenshot("targets_panel", full_page=True)
    for lock in page.locator(".widget-toggle-button").all():
        if "mod-active" not in (lock.get_attribute("class") or ""):
            lock.click()
    page.wait_for_function(
        "() => document.querySelector('.widget-html-content code').innerText.match(/S08/g).length === 14"
    )  # the kernel has locked them all
    lothian.focus()
    lothian.press("PageDown")
    page.locator(".widget-html-content", has_text="cannot get to 80.0 %").wait_for()
    added, wanted, gap = numbers_in(residual.inner_text())[:3]
    assert gap != 0
    assert abs(wanted - added - gap) <= 0.1  # as rounded on the page
    page.get_by_text("Reset").click()
    page.locator(".widget-html-content", has_text="residual 0").wait_for()
    assert others.all_inner_texts() == before
