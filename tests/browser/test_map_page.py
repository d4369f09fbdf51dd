"""The saved strategy map in Chromium: drawn, silent, offline; hostile names run nothing."""

import kpilab as kl
from tests.small import SHOP, shops
from tests.test_maps import HOSTILE, LINKS

PAINTED = """() => {
  const canvas = document.querySelector('#mynetwork canvas');
  const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  const colours = new Set();
  for (let i = 0; i < data.length; i += 4 * 97) colours.add(data.slice(i, i + 3).join());
  return colours.size;
}"""


def test_map_of_the_example_is_drawn_offline_without_an_error(chromium_page, tmp_path, example_cascade):
    chromium_page.open(kl.strategy_map(example_cascade).save(tmp_path / "map.html"))
    chromium_page.page.wait_for_selector("#mynetwork canvas")
    assert chromium_page.page.evaluate(PAINTED) > 20
    assert chromium_page.page.evaluate("network.body.data.edges.length") == 9 + 8 + 13
    chromium_page.assert_quiet()


def test_hostile_names_run_nothing_and_are_shown_as_they_are(chromium_page, tmp_path):
    text = (SHOP + LINKS).replace("cascade: Two shops", f'cascade: "{HOSTILE}"')
    for name in ("Revenue", "Conversion", "Sell well", "Grow", "Head of sales"):
        text = text.replace(f"name: {name}", f'name: "{HOSTILE}"')
    text = text.replace("because: Visitors buy", f'because: "{HOSTILE}"')
    text = text.replace("objectives:\n", f'perspectives: ["{HOSTILE}"]\nobjectives:\n').replace(
        "- {id: grow,", f'- {{id: grow, perspective: "{HOSTILE}",'
    )
    page = chromium_page.page
    fired = []
    page.on("dialog", lambda dialog: (fired.append(dialog.message), dialog.dismiss()))
    chromium_page.open(kl.strategy_map(shops(tmp_path, text)[0]).save(tmp_path / "map.html"))
    page.wait_for_selector("#mynetwork canvas")
    for node in page.evaluate("network.body.nodeIndices"):
        place = page.evaluate("id => network.canvasToDOM(network.getPosition(id))", node)
        box = page.locator("#mynetwork").bounding_box()
        page.mouse.move(box["x"] + place["x"], box["y"] + place["y"])
        page.wait_for_timeout(150)
    assert fired == []
    assert page.locator("#mynetwork img").count() == 0
    assert page.locator("body img").count() == 0
    chromium_page.assert_quiet()
