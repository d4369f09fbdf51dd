"""A card prints on one sheet of A4: Chromium prints it."""

import re

import kpilab as kl


def test_every_card_of_the_example_prints_on_one_sheet_of_a4(
    chromium_page, example_cascade, example_history, tmp_path
):
    links = kl.fit_links(example_cascade, example_history)
    *paths, _ = kl.write_cards(example_cascade, example_history, links, folder=tmp_path)
    assert len(paths) == len(example_cascade.owners)
    for path in paths:
        chromium_page.page.goto(path.as_uri())
        printed = chromium_page.page.pdf(format="A4", prefer_css_page_size=True)
        pages = len(re.findall(rb"/Type\s*/Page\b(?!s)", printed))
        assert pages == 1, path.name
    assert chromium_page.errors == []
