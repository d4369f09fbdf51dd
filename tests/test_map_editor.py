"""The kernel's side of the map editor: what the page asks is done by the draft, and tested as fit_links tests it."""

import hashlib
import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest

import kpilab as kl
from kpilab.model import editing
from tests.small import SHOP, shops

NEW = {"cause": "delayed_share", "effect": "over_12h", "sign": "+", "lag": [0, 2]}


@pytest.fixture(scope="module")
def example(example_folder, tmp_path_factory, example_history):
    folder = shutil.copytree(example_folder, tmp_path_factory.mktemp("map") / "example")
    cascade = kl.read_cascade(folder)
    return cascade, example_history, kl.fit_links(cascade, example_history)


@pytest.fixture
def editor(example):
    cascade, history, links = example
    return kl.MapEditor(cascade, history, links=links)


def page_says(editor, do, **content):
    """Send what the page would send."""
    editor._heard(editor, {"do": do, "number": editor.answered + 1, **content}, [])
    editor.wait()


def arrow(editor, cause, effect):
    """Return an arrow of the scene."""
    return next(e for e in editor.scene["edges"] if e.get("cause") == cause and e.get("effect") == effect)


def test_a_drawn_arrow_is_tested_as_fit_links_does(editor):
    page_says(editor, "ask", cause="delayed_share", effect="over_12h")
    assert editor.form["levels"] == ["nation", "board"]
    page_says(editor, "draw", entry=NEW)
    alone = kl.fit_links(editor.cascade, editor._history)
    pd.testing.assert_frame_equal(editor.links.tidy(), alone.tidy())
    expected = alone[("delayed_share", "over_12h")]
    assert editor.detail["verdict"] == expected.verdict
    assert editor.detail["reason"] == expected.reason
    assert editor.detail["profile"].startswith("<svg")
    assert arrow(editor, "delayed_share", "over_12h")["verdict"] == expected.verdict
    assert editor.state["code"].startswith("draft.add('links', {'cause': 'delayed_share'")


def test_what_a_redrawn_map_leaves_alone_keeps_its_estimate(example):
    cascade, history, links = example
    added = editing.add(cascade, "links", NEW)
    done = []
    again = kl.fit_links(added, history, earlier=links, progress=lambda at, total: done.append((at, total)))
    pd.testing.assert_frame_equal(again.tidy(), kl.fit_links(added, history).tidy())
    same = [one.fit is earlier.fit for one, earlier in zip(again, links, strict=False)]
    assert same == [one.effect != "over_12h" for one in links]
    assert done == [(at, 10) for at in range(10)]
    removed = editing.remove(added, "links", ("bed_occupancy", "seen_within_4h"))
    back = kl.fit_links(removed, history, earlier=again)
    pd.testing.assert_frame_equal(back.tidy(), kl.fit_links(removed, history).tidy())


def test_results_of_another_cascade_are_not_kept(example):
    cascade, history, links = example
    other = editing.change(cascade, "cascade", "", {"breaks": ["2019-01"]})
    again = kl.fit_links(other, history, earlier=links)
    pd.testing.assert_frame_equal(again.tidy(), kl.fit_links(other, history).tidy())


def test_nothing_moves_under_the_hand_that_draws(editor):
    before = [(n["id"], n["x"], n["y"]) for n in editor.scene["nodes"]]
    page_says(editor, "draw", entry={"cause": "attendances", "effect": "ops_planned", "lag": 1})
    page_says(editor, "draw", entry=NEW)
    assert [(n["id"], n["x"], n["y"]) for n in editor.scene["nodes"]] == before


def test_undo_redo_reroute_and_delete_follow_the_draft(editor):
    page_says(editor, "draw", entry=NEW)
    edge = editor.detail["edge"]
    page_says(editor, "change", edge=edge, fields={"effect": "over_8h"})
    assert editor.cascade.links[-1].effect == "over_8h"
    assert editor.detail["effect"] == "over_8h"
    page_says(editor, "remove", edge=editor.detail["edge"])
    assert len(editor.cascade.links) == 9
    assert editor.detail == {}
    page_says(editor, "undo")
    page_says(editor, "undo")
    assert editor.cascade.links[-1].effect == "over_12h"
    page_says(editor, "redo")
    assert editor.cascade.links[-1].effect == "over_8h"
    assert editor.state["can_undo"]


@pytest.mark.parametrize(
    ("do", "content", "reason"),
    [
        ("ask", {"cause": "over_12h", "effect": "over_12h"}, "cannot be its own cause"),
        ("draw", {"entry": {"cause": "seen_within_4h", "effect": "over_12h", "at": "board"}}, "drawn twice"),
        (
            "draw",
            {"entry": {"cause": "over_12h", "effect": "seen_within_4h", "lag": [0, 0]}},
            "loop without a lag",
        ),
        ("draw", {"entry": {**NEW, "lag": [2, 0]}}, "runs backwards"),
        ("remove", {"edge": "gone"}, "not drawn any more"),
    ],
)
def test_what_cannot_be_drawn_is_refused_with_the_reason(editor, do, content, reason):
    before = editor.cascade
    page_says(editor, do, **content)
    assert editor.cascade == before
    assert editor.notice["kind"] == "refused"
    assert reason in editor.notice["text"]


def test_an_edit_in_a_cell_is_drawn_and_tested(editor):
    editor.draft.add("links", NEW)
    editor.wait()
    assert arrow(editor, "delayed_share", "over_12h")["verdict"] != "untested"


def test_two_editors_of_one_draft_stay_in_step(example):
    cascade, history, links = example
    one = kl.MapEditor(cascade, history, links=links)
    other = kl.MapEditor(cascade, history, links=links, draft=one.draft)
    page_says(one, "draw", entry=NEW)
    other.wait()
    assert arrow(other, "delayed_share", "over_12h")["verdict"] != "untested"


def test_places_are_saved_beside_the_cascade(tmp_path, example_folder, example_history):
    folder = shutil.copytree(example_folder, tmp_path / "example")
    cascade = kl.read_cascade(folder)
    editor = kl.MapEditor(cascade, example_history, links=kl.fit_links(cascade, example_history))
    page_says(editor, "place", positions={"over_12h": [10, 20.04]})
    assert editor.state["moved"]
    page_says(editor, "save")
    assert "map.json" in editor.question["difference"]
    page_says(editor, "save", confirmed=True)
    assert editor.notice["text"] == "Saved: map.json"
    again = kl.MapEditor(kl.read_cascade(folder), example_history, links=editor.links)
    node = next(n for n in again.scene["nodes"] if n["entry"] == "over_12h")
    assert (node["x"], node["y"]) == (10.0, 20.0)


def test_a_save_over_a_changed_file_asks_again_with_the_difference(tmp_path):
    cascade, history = shops(tmp_path, SHOP)
    editor = kl.MapEditor(cascade, history)
    page_says(editor, "draw", entry={"cause": "conversion", "effect": "revenue", "lag": 1})
    path = tmp_path / "cascade.yaml"
    path.write_text(path.read_text().replace("Two shops", "Three shops"))
    page_says(editor, "save", confirmed=True)
    assert editor.question["overwrite"]
    assert "Three shops" in editor.question["changes"][0]
    page_says(editor, "save", confirmed=True, overwrite=True)
    assert kl.read_cascade(tmp_path).links[-1].id == "conversion->revenue"


def test_what_the_map_denies_is_marked(example):
    cascade, history, _ = example
    without = editing.add(
        editing.remove(cascade, "links", ("seen_within_4h", "over_12h")),
        "links",
        {"cause": "attendances", "effect": "over_12h", "lag": 1},
    )
    editor = kl.MapEditor(without, history)
    editor.wait()
    page_says(editor, "deny")
    expected = kl.find_missing_links(without, history).tidy().query("verdict == 'disagrees'")
    shown = [(e["cause"], e["effect"]) for e in editor.scene["edges"] if e.get("verdict") == "denied"]
    assert sorted(shown) == sorted(zip(expected["cause"], expected["effect"], strict=True))
    assert {"seen_within_4h", "over_12h"} in map(set, shown)  # the arrow that was taken away


def test_a_second_arrow_is_offered_at_other_levels_only(editor, tmp_path):
    page_says(editor, "ask", cause="seen_within_4h", effect="over_12h")
    assert editor.form["levels"] == ["nation", "hospital"]
    assert editor.form["note"] == "Drawn already at board."
    one_level = SHOP.replace("better: higher, timing: lagging}", "better: higher, levels: [shop]}")
    cascade, history = shops(tmp_path, one_level)
    shop = kl.MapEditor(cascade, history)
    page_says(shop, "draw", entry={"cause": "conversion", "effect": "revenue", "lag": 1})
    page_says(shop, "ask", cause="conversion", effect="revenue")
    assert "drawn already; select it" in shop.notice["text"]


def test_work_that_is_cancelled_shows_nothing(editor):
    editor._deny({})
    editor.cancel()
    editor.wait()
    assert editor.denied is None
    assert editor.progress == {}


def test_arrows_left_untested_are_tested_again_when_asked(editor):
    editor._heard(editor, {"do": "draw", "number": 1, "entry": NEW}, [])
    editor.cancel()
    editor.wait()
    assert editor.progress == {"stopped": "Some arrows are not tested."}
    assert arrow(editor, "delayed_share", "over_12h")["verdict"] == "untested"
    page_says(editor, "test")
    assert editor.progress == {}
    expected = kl.fit_links(editor.cascade, editor._history)[("delayed_share", "over_12h")]
    assert arrow(editor, "delayed_share", "over_12h")["verdict"] == expected.verdict


def test_a_kpi_put_elsewhere_is_put_back_by_undo(editor):
    stood = next(n for n in editor.scene["nodes"] if n["entry"] == "over_12h")
    page_says(editor, "place", positions={"over_12h": [stood["x"] + 300, stood["y"]]})
    page_says(editor, "undo")
    again = next(n for n in editor.scene["nodes"] if n["entry"] == "over_12h")
    assert (again["x"], again["y"]) == (stood["x"], stood["y"])
    assert not editor.state["moved"]


def test_status_colours_say_their_status_in_words_too(editor, example):
    page_says(editor, "colour", by="status")
    cascade, history, _ = example
    nation = kl.roll_up(cascade, history).at("nation").table.set_index("kpi")["status"]
    labels = {n["entry"]: n["label"] for n in editor.scene["nodes"] if n["kind"] == "kpi"}
    assert all(labels[kpi].endswith(status) for kpi, status in nation.items())


def test_the_bundle_was_made_of_the_sources_beside_it(project_root):
    """`make javascript` writes both sums into the first line."""
    folder = project_root / "javascript"
    sources = hashlib.sha256()
    names = [p.name for p in folder.iterdir() if p.suffix in {".js", ".mjs"} or p.name == "package.json"]
    for name in sorted(names):
        sources.update(f"{name}\n".encode() + (folder / name).read_bytes())
    bundle = (project_root / "kpilab" / "delivery" / "static" / "map_editor.js").read_bytes()
    first, _, rest = bundle.partition(b"\n")
    told = re.findall(r"[0-9a-f]{64}", first.decode())
    assert told == [sources.hexdigest(), hashlib.sha256(rest).hexdigest()], "run: make javascript"


def test_the_bundle_names_no_host_to_load_from_and_brings_its_licences(project_root):
    static = Path(kl.__file__).parent / "delivery" / "static"
    bundled = json.loads((project_root / "javascript" / "package.json").read_text())["devDependencies"]
    licences = (static / "map_editor.LICENSES.txt").read_text(encoding="utf-8")
    assert all(
        f"---- {name} {version} (" in licences for name, version in bundled.items() if name != "esbuild"
    )
    script = (static / "map_editor.js").read_text(encoding="utf-8")
    assert "import(" not in script
    assert "fetch(" not in script
    assert "XMLHttpRequest" not in script
