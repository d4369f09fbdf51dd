"""What each change does to the score: paper arithmetic, exact sums, and the command."""

import json

import numpy as np
import pytest

import kpilab as kl
from kpilab import cli
from kpilab.model.files import LISTS
from kpilab.model.nouns import Kpi, Unit
from kpilab.model.parts import Ratio
from kpilab.scorecard.diff import on_units
from tests.small import SHOP, shops, write_cascade_folder
from tests.test_changes import with_entry


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    return shops(tmp_path_factory.mktemp("diff"))


def place(cascade, noun, entry_id):
    return [entry.id for entry in getattr(cascade, noun)].index(entry_id)


def test_without_a_history_only_the_changes_are_told(both):
    cascade, _ = both
    result = kl.diff(cascade, with_entry(cascade, "kpis", 0, owner=None))
    assert result.text.splitlines() == [
        "1 change.",
        "KPI 'revenue' (Revenue): its owner was boss; now there is none.",
        "What this does to the score was not computed: it takes a history.",
    ]
    assert result.tidy()["contribution"].isna().all()
    assert kl.diff(cascade, cascade).text == "Nothing changed."


def test_a_lower_target_raises_attainment_by_paper_arithmetic(both):
    """2023-02: conversion 30/60 = 0.5, revenue 500. Target 0.5 → 0.4: attainment 1 → 1.25, of two KPIs: +0.125."""
    cascade, history = both
    result = kl.diff(
        cascade, with_entry(cascade, "targets", 0, target=0.4), history=history, period="2023-02"
    )
    row = result.tidy().iloc[0]
    assert row["attainment_contribution"] == pytest.approx(0.125)
    about = result.glance().iloc[0]
    assert (about["attainment_old"], about["attainment_new"]) == (1.0, 1.125)
    assert "[" in result.text
    assert "mean attainment 100.0 % before, 112.5 % after" in result.text
    shown = result.shown().iloc[0]
    assert shown[["kpi", "target_old", "target_new"]].tolist() == ["conversion", 0.5, 0.4]


def test_a_definition_and_a_target_that_multiply_share_by_shapley_by_hand(both):
    """Actual 0.5 → 1 and target 0.5 → 0.4: attainment 1, 2 or 1.25 on the ways, 2.5 at the end; of two KPIs half.

    The definition: mean of 2 − 1 and 2.5 − 1.25; the target: mean of 1.25 − 1 and 2.5 − 2.
    """
    cascade, history = both
    new = with_entry(cascade, "kpis", 1, ratio=Ratio(of="visits", per="visits"))
    new = with_entry(new, "targets", 0, target=0.4)
    table = kl.diff(cascade, new, history=history, period="2023-02").tidy().set_index("noun")
    assert table["attainment_contribution"].to_dict() == pytest.approx(
        {"kpis": 1.125 / 2, "targets": 0.375 / 2}
    )


def test_what_touches_no_score_is_told_so(both):
    cascade, history = both
    owner = with_entry(cascade, "kpis", 0, owner=None)
    silent = "Changes without brackets leave it as it is."
    assert silent in kl.diff(cascade, owner, history=history, period="2023-02").text
    target = with_entry(cascade, "targets", 0, target=0.4)
    assert silent not in kl.diff(cascade, target, history=history, period="2023-02").text
    assert silent not in kl.diff(cascade, owner).text


def test_two_targets_that_act_together_share_by_shapley(both):
    """Attainments are averaged, so each target moves the mean by half of its own change, in either order."""
    cascade, history = both
    new = with_entry(cascade, "targets", 0, target=0.4)
    new = with_entry(new, "targets", 2, target=250.0)
    result = kl.diff(cascade, new, history=history, period="2023-02")
    assert result.tidy()["attainment_contribution"].tolist() == pytest.approx([0.125, 0.5])
    assert result.glance()["method"].item() == "Shapley"


def edited(cascade, n_edits):
    """Change definitions, weights, targets and units, one after the other."""
    new = cascade
    edits = [
        ("kpis", "conversion", {"ratio": cascade.kpi("conversion").ratio.model_copy(update={"of": "revenue"})}),
        ("kpis", "revenue", {"weight": 0.9}),
        ("kpis", "stock", {"better": "higher"}),
        ("kpis", "speed", {"tolerance": 0.3}),
        ("targets", cascade.targets[0].id, {"target": 0.9}),
        ("targets", cascade.targets[2].id, {"target": 900.0}),
        ("kpis", "basket", {"formula": "revenue / visits"}),
        ("units", "b", {"parent": None}),
    ]  # fmt: skip
    for noun, entry_id, change in edits[:n_edits]:
        new = with_entry(new, noun, place(new, noun, entry_id), **change)
    return new


@pytest.mark.parametrize(("n_edits", "method"), [(3, "Shapley"), (8, "mean of both orders")])
@pytest.mark.parametrize("unit", ["all", "a", "b"])
def test_contributions_sum_to_the_whole_difference(both, n_edits, method, unit):
    cascade, history = both
    result = kl.diff(cascade, edited(cascade, n_edits), history=history, period="2023-02").at(unit)
    about = result.glance().iloc[0]
    assert (about["n_changes"], about["method"]) == (n_edits, method)
    for column, what in (("contribution", "score"), ("attainment_contribution", "attainment")):
        if not np.isnan(about[f"{what}_change"]):
            assert result.tidy()[column].sum() == pytest.approx(about[f"{what}_change"], abs=1e-9)
    assert not np.isnan(about["attainment_change"])


def test_a_kpi_and_its_target_that_come_together(both):
    """Before its target exists the KPI has no attainment: on the way nothing is lost."""
    cascade, history = both
    target = cascade.targets[0].model_copy(update={"kpi": "visits", "target": 30.0})
    extra = Kpi(id="visits", name="Visits", factor="sell", sum="visits", better="higher")
    new = cascade.replace(kpis=(*cascade.kpis, extra), targets=(*cascade.targets, target))
    result = kl.diff(cascade, new, history=history, period="2023-02")
    table = result.tidy()
    assert table["kind"].tolist() == ["added", "added"]
    assert table["attainment_contribution"].sum() == pytest.approx(
        result.glance()["attainment_change"].item()
    )
    assert result.glance()["attainment_new"].item() == pytest.approx((1 + 1 + 2) / 3)


def test_a_new_unit_has_no_score_before_and_says_so(both):
    cascade, history = both
    new = cascade.replace(units=(*cascade.units, Unit(id="c", name="Shop C", level="shop", parent="all")))
    result = kl.diff(cascade, new, history=history, period="2023-02")
    assert "no score in the old and new version" in result.at("c").text
    with pytest.raises(kl.InputError, match="no score for unit 'd'"):
        result.at("d")


def test_renamed_levels_units_and_kpis_touch_no_score(both):
    from kpilab.model.renames import renamed

    cascade, history = both
    new = renamed(cascade, {"levels": {"shop": "branch"}, "kpis": {"stock": "store"}})
    result = kl.diff(cascade, new, history=history, period="2023-02")
    assert result.glance()[["n_changes", "n_renamed"]].iloc[0].tolist() == [2, 2]
    assert result.rows.empty
    assert result.glance()["attainment_change"].item() == 0


def test_a_new_level_is_one_change_with_all_that_goes_with_it(both):
    cascade, history = both
    units = [*cascade.units, Unit(id="till", name="Till", level="till", parent="a")]
    new = cascade.replace(levels=("company", "shop", "till"), units=tuple(units))
    new = with_entry(new, "targets", 0, target=0.4)
    result = kl.diff(cascade, new, history=history, period="2023-02")
    assert len(result.changes) == 3
    assert result.tidy()["attainment_contribution"].sum() == pytest.approx(0.125)


def test_other_frequencies_cannot_be_scored_together(both):
    cascade, history = both
    new = cascade.replace(frequency="quarter", targets=())
    assert "frequency changed from month to quarter" in kl.diff(cascade, new).text
    with pytest.raises(kl.InputError, match="compare them without a history"):
        kl.diff(cascade, new, history=history)


def test_history_on_the_units_of_another_version(both):
    cascade, history = both
    other = on_units(history, cascade.replace(units=cascade.units[::-1]))
    assert other.units == history.units[::-1]
    np.testing.assert_array_equal(other.values[:, 0], history.values[:, 2])
    assert history.units == tuple(unit.id for unit in cascade.units)


def test_arguments_are_left_as_they_were(both):
    cascade, history = both
    before = {noun: getattr(cascade, noun) for noun in LISTS}, history.values.copy()
    kl.diff(cascade, edited(cascade, 8), history=history, period="2023-02")
    assert {noun: getattr(cascade, noun) for noun in LISTS} == before[0]
    np.testing.assert_array_equal(history.values, before[1])


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as stopped:
        cli.main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return stopped.value.code, out, err


def test_command_compares_two_folders(tmp_path, capsys):
    old = write_cascade_folder(tmp_path / "old")
    new = write_cascade_folder(tmp_path / "new", SHOP.replace("target: 0.5}", "target: 0.4}"))
    code, out, err = run(capsys, "diff", old, new, "--period", "2023-02")
    assert (code, err) == (0, "")
    assert "its target changed from 0.5 to 0.4 (eased)." in out
    code, out, _ = run(capsys, "diff", old, new, "--period", "2023-02", "--json")
    whole = json.loads(out)
    assert (code, list(whole)) == (0, ["glance", "rows"])
    assert whole["rows"][0]["attainment_contribution"] == pytest.approx(0.125)
    code, out, _ = run(capsys, "diff", old, old, "--no-score")
    assert (code, "Nothing changed." in out) == (0, True)


def test_command_reports_bad_input_of_either_folder(tmp_path, capsys):
    folder = write_cascade_folder(tmp_path / "a")
    code, out, err = run(capsys, "diff", tmp_path / "gone", folder)
    assert (code, out) == (2, "")
    assert "gone" in err


def test_targets_of_many_units_are_told_apart_by_their_units(both):
    """Each target moves its own unit: 0.5 → 0.4 and 0.25 by paper arithmetic, whatever else changed with it."""
    cascade, history = both
    own = [cascade.targets[0].model_copy(update={"unit": unit, "target": 0.5}) for unit in ("a", "b", "all")]
    old = cascade.replace(targets=tuple(own))
    new = old.replace(targets=tuple(t.model_copy(update={"target": 0.25}) for t in own))
    result = kl.diff(old, new, history=history, period="2023-02")
    for position, unit in enumerate(("a", "b", "all")):
        here = result.at(unit)
        shares = here.tidy()["attainment_contribution"].to_numpy()
        assert np.flatnonzero(shares).tolist() == [position]
        assert shares.sum() == pytest.approx(here.glance()["attainment_change"].item())


def test_very_many_changes_still_sum_and_are_told_in_short(both):
    cascade, history = both
    kpis = [Kpi(id=f"k{i}", name=f"K{i}", factor="sell", sum="revenue", better="higher") for i in range(70)]
    targets = [
        cascade.targets[0].model_copy(update={"kpi": kpi.id, "unit": "a", "target": 100.0}) for kpi in kpis
    ]
    old = cascade.replace(kpis=(*cascade.kpis, *kpis), targets=(*cascade.targets, *targets))
    harder = tuple(t.model_copy(update={"target": 150.0 + i}) for i, t in enumerate(targets))
    extra = Unit(id="c", name="Shop C", level="shop", parent="all")
    new = old.replace(targets=(*cascade.targets, *harder), units=(*old.units, extra))
    result = kl.diff(old, new, history=history, period="2023-02").at("a")
    about = result.glance().iloc[0]
    assert about["method"] == "in the order listed"
    assert result.tidy()["attainment_contribution"].sum() == pytest.approx(
        about["attainment_change"], abs=1e-9
    )
    assert "… and 11 more changes: see .tidy()" in result.text
