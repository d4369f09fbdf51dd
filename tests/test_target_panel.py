"""The target panel: a moved slider locks, the others follow, the residual is live; drivers by evidence."""

import html

import numpy as np
import pandas as pd
import pytest

import kpilab as kl
from kpilab.problems import InputError
from tests.simulated import chain, simulated
from tests.small import write_cascade_folder
from tests.test_targets import CHAIN, history_frame

OPTIONS = {"kpi": "paid", "target": 0.8, "period": "2024-04"}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    cascade = kl.read_cascade(write_cascade_folder(tmp_path_factory.mktemp("panel"), CHAIN))
    return cascade, kl.read_history(cascade, history_frame())


@pytest.fixture
def panel(data):
    return kl.Panel("targets", *data, **OPTIONS)


def test_a_moved_slider_locks_and_the_others_keep_the_target(panel, data):
    before = panel.targets["south"]
    panel.rows["north"].slider.value = 0.7
    assert panel.locked == {"north": 0.7}
    assert panel.rows["north"].lock.value is True
    assert panel.targets["south"] > before
    plan = kl.allocate_targets(*data, **OPTIONS, locked={"north": 0.7})
    assert panel.targets == pytest.approx(plan.at("country").tidy().set_index("unit")["target"].to_dict())
    panel.wait()
    assert "residual 0</b>" in panel.residual.value
    assert "locked={&quot;north&quot;: 0.7}" in panel.code.value


def test_residual_and_constraint_are_said_when_locks_leave_no_way(panel):
    panel.rows["south"].lock.value = True
    panel.rows["north"].slider.value = 0.7
    gap = 0.8 - panel.plan.roll_up({"north": 0.7})
    assert f"residual {100 * gap:+.2f} percentage points" in panel.residual.value
    assert "north locked at 70.0 %" in panel.problem.value
    assert panel.plan.residuals()["residual"].abs().max() < 1e-12  # the last plan that adds up stays
    panel.rows["south"].lock.value = False
    panel.wait()
    assert "residual 0</b>" in panel.residual.value


def test_reset_goes_back_and_method_and_target_plan_anew(panel, data):
    begun = panel.targets
    panel.method.value = "equal"
    assert panel.targets == pytest.approx({"north": 0.8, "south": 0.8})
    panel.target.value = 0.75
    assert panel.targets == pytest.approx({"north": 0.75, "south": 0.75})
    panel.rows["north"].slider.value = 0.7
    panel.reset_button.click()
    assert panel.targets == pytest.approx(begun)
    assert panel.locked == {}
    assert {target.kpi for target in panel.cascade.targets} == {"paid"}
    assert data[0].targets == ()


def test_every_move_can_be_undone_and_done_again(panel, data):
    begun = panel.targets
    panel.rows["north"].slider.value = 0.7
    moved = panel.targets
    panel.rows["south"].lock.value = True
    panel.undo()
    assert (panel.locked, panel.targets) == ({"north": 0.7}, pytest.approx(moved))
    panel.undo_button.click()
    assert (panel.locked, panel.targets) == ({}, pytest.approx(begun))
    assert panel.undo_button.disabled
    panel.redo()
    assert panel.targets == pytest.approx(moved)
    panel.method.value = "equal"
    assert panel.redo_button.disabled
    panel.reset()
    assert panel.targets == pytest.approx(begun)
    panel.undo()
    assert panel.method.value == panel.plan.method == "equal"


def test_the_line_of_code_gives_the_plan_even_where_everything_is_locked(panel, data):
    panel.rows["north"].lock.value = True
    panel.rows["south"].lock.value = True
    assert panel.plan.table["locked"].all()
    names = {"kl": kl, "cascade": data[0], "history": data[1]}
    exec(html.unescape(panel.code.value).split("<code>")[1].split("</code>")[0], names)
    ours, theirs = (plan.at("country").tidy() for plan in (panel.plan, names["plan"]))
    pd.testing.assert_frame_equal(ours, theirs)


def test_saved_targets_are_read_from_the_file_and_a_changed_file_is_refused(tmp_path):
    folder = write_cascade_folder(tmp_path, CHAIN)
    cascade = kl.read_cascade(folder)
    panel = kl.Panel("targets", cascade, kl.read_history(cascade, history_frame()), **OPTIONS)
    panel.rows["north"].slider.value = 0.7
    wanted = {(target.kpi, target.unit): target.target for target in panel.cascade.targets}
    assert [path.name for path in panel.save()] == ["cascade.yaml"]
    saved = kl.read_cascade(folder).targets
    assert {(target.kpi, target.unit): target.target for target in saved} == pytest.approx(wanted)
    panel.rows["north"].slider.value = 0.72
    with (folder / "cascade.yaml").open("a") as stream:
        stream.write("# somebody else was here\n")
    with pytest.raises(InputError, match="changed on disk since it was read"):
        panel.save()
    assert not list(folder.glob(".kpilab-draft*"))


def test_the_save_button_shows_the_difference_first(tmp_path):
    folder = write_cascade_folder(tmp_path, CHAIN)
    cascade = kl.read_cascade(folder)
    panel = kl.Panel("targets", cascade, kl.read_history(cascade, history_frame()), **OPTIONS)
    before = (folder / "cascade.yaml").read_text()
    (button,) = (each for each in panel.buttons.children if getattr(each, "description", "") == "Save…")
    button.click()
    (page,) = panel.save_box.children
    assert "targets:" in page.children[0].children[2].value
    assert (folder / "cascade.yaml").read_text() == before
    page.children[0].yes.click()
    assert "Saved in" in panel.save_box.children[0].value
    assert kl.read_cascade(folder).targets == panel.cascade.targets


def test_names_are_text(data):
    units = [u.model_copy(update={"name": "<img src=x onerror=alert(1)>"}) for u in data[0].units]
    panel = kl.Panel("targets", data[0].replace(units=units), data[1], **OPTIONS)
    assert "&lt;img" in panel.picture.svg
    assert "<img" not in panel.residual.value + panel.chart.value + panel.title.value


def test_without_options_it_begins_with_the_target_in_force_or_where_the_unit_stands(data):
    cascade, history = data
    panel = kl.Panel("targets", cascade, history)
    kpi, root = cascade.kpis[0].id, cascade.roots()[0].id
    now = kl.roll_up(cascade, history).of_unit(root).tidy().set_index("kpi").loc[kpi]
    assert panel.plan.kpi.id == kpi
    assert np.isnan(now["target"])
    assert panel.plan.target == pytest.approx(now["actual"])
    aimed = cascade.replace(targets=[{"kpi": cascade.kpis[-1].id, "target": 0.75}])
    panel = kl.Panel("targets", aimed, history)
    assert (panel.plan.kpi.id, panel.plan.target) == (cascade.kpis[-1].id, 0.75)


def test_what_if_without_links_tests_them_itself(drivers):
    cascade, history, links = drivers
    alone, given = kl.Panel("what-if", cascade, history), kl.Panel("what_if", cascade, history, links=links)
    for panel in (alone, given):
        panel.levers["x"].value = panel.levers["x"].max
    pd.testing.assert_frame_equal(alone.scenario.tidy(), given.scenario.tidy())


def test_there_is_no_panel_for_an_unknown_verb(data):
    with pytest.raises(InputError, match="no panel for 'target'; did you mean 'targets'"):
        kl.Panel("target", *data)


@pytest.fixture(scope="module")
def drivers(tmp_path_factory):
    links = ["cause: x, effect: m, lag: 1", "cause: m, effect: y, lag: 1"]
    cascade, history = simulated(tmp_path_factory.mktemp("drivers"), chain(), links)
    return cascade, history, kl.fit_links(cascade, history)


def outcome_options(cascade, history, links, change=0.3):
    unit = cascade.units[-1].id
    actual = kl.kpi_frame(cascade, history, "y")[unit].iloc[-1]
    return {
        "kpi": "y",
        "unit": unit,
        "target": float(actual + change),
        "period": history.periods[-1],
        "method": "evidence",
        "links": links,
    }


def test_driver_moves_by_what_the_supported_link_says_by_hand(drivers):
    plan = kl.allocate_targets(*drivers[:2], **outcome_options(*drivers))
    estimate = drivers[2][("m", "y")].estimate
    assert drivers[2][("m", "y")].verdict == "supported"
    assert list(plan.tidy()["kpi"]) == ["m"]
    assert plan.tidy()["change"].item() == pytest.approx(0.3 / estimate)
    assert abs(plan.residuals()["residual"].item()) < 1e-9
    assert plan.probability == pytest.approx(0.5)


def test_only_supported_links_count(drivers):
    class Doubted:
        def tidy(self):
            return drivers[2].tidy().assign(verdict="inconclusive")

    with pytest.raises(InputError, match="no link into 'y' is supported: of those drawn, m is inconclusive"):
        kl.allocate_targets(*drivers[:2], **outcome_options(drivers[0], drivers[1], Doubted()))


def test_a_locked_driver_that_is_not_enough_is_named(drivers):
    actual = kl.kpi_frame(drivers[0], drivers[1], "m").iloc[-1, -1]
    with pytest.raises(InputError, match="m locked at"):
        kl.allocate_targets(*drivers[:2], **outcome_options(*drivers), locked={"m": float(actual)})


def test_two_drivers_share_by_effect_and_variation_by_hand(tmp_path):
    rng = np.random.default_rng(3)
    noise = rng.normal(size=(2, 80, 6))
    series = {"a": noise[0], "b": 2 * noise[1], "y": noise[0] + noise[1]}
    cascade, history = simulated(tmp_path, series, ["cause: a, effect: y", "cause: b, effect: y"])

    class Tested:
        def tidy(self):
            rows = {"cause": ["a", "b"], "effect": "y", "estimate": [1.0, 0.5], "std_error": 0.1}
            return pd.DataFrame({**rows, "level": cascade.levels[-1], "verdict": "supported"})

    options = outcome_options(cascade, history, Tested(), change=0.2)
    rows = kl.allocate_targets(cascade, history, **options).tidy().set_index("kpi")
    variance = (rows["change"] / rows["stretch"]) ** 2
    share = rows["weight"] * variance  # a move of β σ² each, so that β₁ m₁ + β₂ m₂ is what is needed
    assert rows["weight"] @ rows["change"] == pytest.approx(0.2)
    assert (rows["change"] / share).tolist() == pytest.approx([0.2 / (rows["weight"] @ share)] * 2)
