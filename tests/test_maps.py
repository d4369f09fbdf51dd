"""The strategy map: every noun is on it, nothing is asked of a network, hostile names stay text."""

import re

import pytest

import kpilab as kl
from kpilab.delivery.layout import lay_out
from kpilab.delivery.maps import curve_of
from tests.simulated import chain, simulated
from tests.small import SHOP, shops

HOSTILE = "</script><img src=x onerror=alert(1)> \\\" ' href=javascript:alert(1) & $x$ 🙂 שלום"
LINKS = "links:\n  - {cause: conversion, effect: basket, sign: '+', lag: [0, 2], because: Visitors buy}\n"


@pytest.fixture
def map_of_two_shops(tmp_path):
    return kl.strategy_map(shops(tmp_path, SHOP + LINKS)[0])


def test_without_links_every_arrow_is_untested(map_of_two_shops):
    assert list(map_of_two_shops.tidy()["verdict"]) == ["untested"]
    assert map_of_two_shops.text == "6 KPIs, 1 arrow: 1 untested."


def test_verdict_estimate_and_reason_are_on_the_arrow(tmp_path):
    cascade, history = simulated(
        tmp_path, chain(), ['cause: x, effect: m, sign: "+", lag: 1, min_effect: 0.1']
    )
    links = kl.fit_links(cascade, history)
    drawn = kl.strategy_map(cascade, links=links)
    assert drawn.tidy()["verdict"].item() == "supported"
    assert links[0].reason in drawn.tidy()["tooltip"].item()
    assert "+ supported" in drawn.html()
    assert "+ supported" in drawn.svg()


def test_page_asks_no_network(map_of_two_shops):
    assert not re.findall(r"""(?:src|href)\s*=\s*["']?(?:https?:)?//""", map_of_two_shops.html())


def test_same_map_gives_the_same_bytes(tmp_path):
    cascade, _ = shops(tmp_path, SHOP + LINKS)
    one, two = kl.strategy_map(cascade), kl.strategy_map(cascade)
    assert one.html() == two.html()
    assert one._repr_html_() == two._repr_html_()


def test_every_noun_has_its_own_place(tmp_path):
    cascade, _ = shops(tmp_path, SHOP + LINKS)
    places = lay_out(cascade).places
    assert len({(place.x, place.y) for place in places}) == len(places) == 1 + 1 + 6


def test_rows_go_by_perspective_then_noun_then_level(example_cascade):
    layout = lay_out(example_cascade)
    tops = [band.top for band in layout.bands]
    assert [band.name for band in layout.bands] == ["Patients", "Process", "Community"]
    assert tops == sorted(tops)
    objective, factor = layout.of("objective", "timely"), layout.of("factor", "prompt")
    assert objective.y < factor.y < layout.of("kpi", "seen_within_4h").y


def test_labels_of_the_still_map_cover_no_name(example_cascade):
    svg = kl.strategy_map(example_cascade).svg()
    boxes = [
        (float(x), float(y), float(x) + 196, float(y) + 64)
        for x, y in re.findall(r'<rect x="([\d.]+)" y="([\d.]+)" width="196"', svg)
    ]
    labels = re.findall(r'<text x="([\d.]+)" y="([\d.]+)" text-anchor="middle" font-size="13"', svg)
    assert len(boxes) == 4 + 8 + 13
    assert len(labels) == 9
    for x, y in labels:
        assert not any(
            left < float(x) < right and top < float(y) < bottom for left, top, right, bottom in boxes
        )


def test_arrows_along_a_row_bulge_alike_however_far_they_go(example_cascade):
    layout = lay_out(example_cascade)
    near = curve_of(layout.of("kpi", "seen_within_4h"), layout.of("kpi", "over_12h"))
    far = curve_of(layout.of("kpi", "ops_performed"), layout.of("kpi", "over_8h"))
    assert near["roundness"] == 0.75
    assert far["roundness"] == round(0.75 / 6, 2)


def test_hostile_names_are_no_markup(tmp_path):
    text = (
        (SHOP + LINKS)
        .replace("name: Revenue", f'name: "{HOSTILE}"')
        .replace("name: Sell well", f'name: "{HOSTILE}"')
    )
    drawn = kl.strategy_map(shops(tmp_path, text)[0])
    assert "<img src=x" not in drawn.svg()
    assert "<img src=x" not in re.sub(
        r'"(?:[^"\\]|\\.)*"', "", drawn.html().split("network = new")[0][-20000:]
    )
    assert "</script><img" not in drawn.html()


def test_save_writes_one_file(tmp_path, map_of_two_shops):
    path = map_of_two_shops.save(tmp_path / "deep" / "map.html")
    assert path.read_text(encoding="utf-8").startswith("<html>")
    assert [p.name for p in path.parent.iterdir()] == ["map.html"]
