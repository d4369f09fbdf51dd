"""A draft: nothing is lost by undoing, by somebody else's save, or by a kernel that dies."""

import os
import re
import shutil

import pytest

import kpilab as kl
from kpilab.model import saving
from kpilab.model.journal import journals_in
from kpilab.model.start import start_cascade
from tests.small import SHOP, write_cascade_folder


@pytest.fixture
def folder(tmp_path):
    start_cascade(tmp_path / "firm")
    return tmp_path / "firm"


@pytest.fixture
def draft(folder):
    return kl.Draft(kl.read_cascade(folder))


def texts(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def edit(draft):
    """Make one edit of each kind, in the YAML file and in a table."""
    draft.add("owners", {"id": "mia", "name": "Mia"})
    draft.change("kpis", "calls", {"owner": "mia", "weight": None})
    draft.rename("kpis", "orders", "sales")
    draft.remove("units", "hills", with_dependents=True)
    draft.add("links", {"cause": "calls", "effect": "revenue", "lag": (0, 2), "min_effect": "0.1 sd"})
    draft.change("links", ("calls", "revenue"), {"sign": "+"})


def test_rows_of_a_table_are_one_edit(draft, folder):
    rows = [{"id": "mia", "name": "Mia"}, {"id": "bo", "name": "Bo", "unit": "city"}]
    draft.add_all("owners", rows)
    assert [owner.id for owner in draft.cascade.owners[-2:]] == ["mia", "bo"]
    assert kl.Draft.recover(folder).cascade == draft.cascade
    draft.undo()
    assert draft.is_saved


def test_undo_goes_back_step_by_step_and_redo_forward_again(draft):
    first = draft.cascade
    edit(draft)
    last = draft.cascade
    steps = 0
    while draft.can_undo:
        draft.undo()
        steps += 1
    assert (steps, draft.cascade) == (6, first)
    assert draft.is_saved
    while draft.can_redo:
        draft.redo()
    assert draft.cascade == last
    draft.undo()
    draft.add("owners", {"id": "bo", "name": "Bo"})
    assert not draft.can_redo


def test_refused_edit_changes_nothing(draft):
    before = draft.cascade
    with pytest.raises(kl.InputError, match="unknown owner"):
        draft.change("kpis", "calls", {"owner": "nobody"})
    assert draft.cascade is before
    assert not draft.can_undo
    assert journals_in(before.folder) == []


def test_code_does_what_was_done(draft, folder):
    lines = []
    draft.watch(lambda: lines.append(draft.code))
    edit(draft)
    draft.undo()
    assert lines[0] == "draft.add('owners', {'id': 'mia', 'name': 'Mia'})"
    other = kl.Draft(kl.read_cascade(folder))
    for line in lines:
        exec(line, {"draft": other})
    assert other.cascade == draft.cascade


def test_watcher_that_left_is_not_called(draft):
    heard = []
    leave = draft.watch(lambda: heard.append(1))
    draft.add("owners", {"id": "bo", "name": "Bo"})
    leave()
    draft.undo()
    assert heard == [1]


def test_save_writes_what_the_difference_shows(draft, folder):
    edit(draft)
    said = draft.difference()
    expected = draft.cascade
    assert "+  - {cause: calls, effect: revenue" in said or "+  - cause: calls" in said
    assert "-hills,Hills,department,company" in said
    written = draft.save()
    assert {path.name for path in written} == {"cascade.yaml", "units.csv", "targets.csv"}
    assert kl.read_cascade(folder) == expected == draft.cascade
    assert draft.changes() == ()
    assert draft.difference() == ""
    assert draft.save() == []


def test_changes_are_said_in_sentences(draft):
    draft.change("kpis", "calls", {"name": "Phone calls"})
    assert draft.changes() == (
        "KPI 'calls' (Calls to customers): its name changed from Calls to customers to Phone calls.",
    )


@pytest.mark.parametrize("name", ["cascade.yaml", "units.csv", "targets.csv"])
def test_file_that_changed_on_disk_is_not_overwritten(draft, folder, name):
    edit(draft)
    path = folder / name
    theirs = path.read_text(encoding="utf-8").replace("City", "Town").replace("96000", "97000")
    theirs = theirs.replace("Revenue", "Turnover")
    path.write_text(theirs, encoding="utf-8")
    before = texts(folder)
    with pytest.raises(kl.InputError) as refused:
        draft.save()
    (problem,) = refused.value.problems
    assert problem.where == name
    assert "changed on disk since it was read" in problem.message
    assert any(line.startswith("+") and line[1:] in theirs for line in problem.message.splitlines()[3:])
    assert texts(folder) == before
    draft.save(overwrite=True)
    assert kl.read_cascade(folder) == draft.cascade


def test_change_between_reading_and_editing_is_noticed_too(folder):
    cascade = kl.read_cascade(folder)
    text = (folder / "cascade.yaml").read_text(encoding="utf-8")
    (folder / "cascade.yaml").write_text(text + "\n# hers\n", encoding="utf-8")
    draft = kl.Draft(cascade)
    draft.add("owners", {"id": "bo", "name": "Bo"})
    with pytest.raises(kl.InputError, match=r"\+# hers"):
        draft.save()


def test_file_that_was_deleted_is_told(draft, folder):
    edit(draft)
    (folder / "units.csv").unlink()
    with pytest.raises(kl.InputError, match=r"units.csv: was deleted"):
        draft.save()


@pytest.mark.parametrize("fails_at", [0, 1, 2])
def test_crash_while_saving_leaves_whole_files_and_the_edits(draft, folder, monkeypatch, fails_at):
    """Each file is the old one or the new one, and the draft can be recovered and saved."""
    edit(draft)
    old, mine = texts(folder), draft.cascade
    done = []

    def replace(source, target, real=os.replace):
        if len(done) == fails_at:
            raise KeyboardInterrupt
        done.append(target)
        real(source, target)

    with monkeypatch.context() as patched:
        patched.setattr(saving.os, "replace", replace)
        with pytest.raises(KeyboardInterrupt):
            draft.save()
    now = texts(folder)
    assert sum(now[name] != old[name] for name in ("cascade.yaml", "units.csv", "targets.csv")) == fails_at
    assert not [name for name in now if name.startswith(".") and not name.startswith(".kpilab-draft")]
    again = kl.Draft.recover(folder)
    assert again.cascade == mine
    again.save(overwrite=True)
    assert kl.read_cascade(folder) == mine


def test_unsaved_edits_outlive_the_kernel(draft, folder):
    edit(draft)
    draft.undo()
    draft.undo()
    draft.redo()
    assert kl.Draft.has_unsaved(folder)
    kl.read_cascade(folder)
    again = kl.Draft.recover(folder)
    assert again.cascade == draft.cascade
    assert again.can_redo
    again.add("owners", {"id": "bo", "name": "Bo"})
    assert kl.Draft.recover(folder).cascade == again.cascade
    again.save()
    assert not kl.Draft.has_unsaved(folder)
    with pytest.raises(kl.InputError, match="holds no unsaved edits"):
        kl.Draft.recover(folder)


def test_edit_that_was_cut_off_while_it_was_noted_never_happened(draft, folder):
    edit(draft)
    (path,) = journals_in(folder)
    path.write_bytes(path.read_bytes()[:-20])
    again = kl.Draft.recover(folder)
    assert again.cascade != draft.cascade
    again.change("links", ("calls", "revenue"), {"sign": "+"})
    assert kl.Draft.recover(folder).cascade == again.cascade == draft.cascade


def test_recovered_edits_do_not_overwrite_what_was_saved_in_the_meantime(draft, folder):
    draft.add("owners", {"id": "bo", "name": "Bo"})
    other = kl.Draft(kl.read_cascade(folder))
    other.add("owners", {"id": "mia", "name": "Mia"})
    other.save()
    with pytest.raises(kl.InputError, match="changed on disk"):
        kl.Draft.recover(folder).save()


def test_two_drafts_keep_journals_of_their_own(draft, folder):
    draft.add("owners", {"id": "bo", "name": "Bo"})
    other = kl.Draft(kl.read_cascade(folder))
    other.add("owners", {"id": "mia", "name": "Mia"})
    assert kl.Draft.recover(folder).cascade == other.cascade
    kl.Draft.discard(folder)
    assert kl.Draft.recover(folder).cascade == draft.cascade


def test_folder_that_cannot_be_written_is_said(draft, monkeypatch):
    def refuse(*arguments, **options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    draft.add("owners", {"id": "bo", "name": "Bo"})
    assert draft.trouble == "unsaved edits are not kept: Permission denied; save often"
    assert draft.cascade.owner("bo").name == "Bo"


def test_positions_of_the_map_are_saved_beside_the_cascade(draft, folder):
    draft.place({"calls": (10, 20.04), "orders": (-5.5, 0), "nothing": (1, 1)})
    assert not draft.is_saved
    draft.rename("kpis", "orders", "sales")
    draft.save()
    assert kl.Draft(kl.read_cascade(folder)).positions == {"calls": (10.0, 20.0), "sales": (-5.5, 0.0)}


@pytest.mark.parametrize("text", ["", "[1, 2]", '{"calls": 3}', "no json"])
def test_positions_that_cannot_be_read_are_no_positions(folder, text):
    (folder / "map.json").write_text(text, encoding="utf-8")
    assert kl.Draft(kl.read_cascade(folder)).positions == {}


def test_new_cascade_in_an_empty_folder(tmp_path):
    draft = kl.Draft.new(tmp_path / "new", name="Bakery", levels=["bakery", "shop"])
    draft.add("units", {"unit": "north", "name": "North", "level": "shop", "parent": "bakery"})
    draft.add("kpis", {"id": "loaves", "name": "Loaves", "sum": "loaves"})
    draft.attach("history.csv", "period,unit,loaves\n2024-01,north,7\n")
    assert draft.changes()[-1] == "File history.csv is written beside the cascade."
    draft.save()
    cascade = kl.read_cascade(tmp_path / "new")
    assert cascade == draft.cascade
    assert kl.roll_up(cascade, kl.read_history(cascade)).tidy()["actual"].tolist() == [7.0, 7.0]
    with pytest.raises(kl.InputError, match="holds a cascade already"):
        kl.Draft.new(tmp_path / "new", name="Again")


def test_cascade_that_came_into_being_elsewhere_is_not_overwritten(tmp_path):
    draft = kl.Draft.new(tmp_path / "new", name="Bakery")
    start_cascade(tmp_path / "new")
    with pytest.raises(kl.InputError, match="came into being"):
        draft.save()


@pytest.mark.parametrize("name", ["../x.csv", ".hidden", "cascade.yaml", "a/b.csv"])
def test_attached_files_stay_in_the_folder(draft, name):
    with pytest.raises(kl.InputError, match="is no name for a file"):
        draft.attach(name, "x")


def test_a_draft_knows_that_nothing_changed_whatever_was_worked_out_meanwhile(folder):
    """Positions and levels of units are kept as arrays once they are asked for: equality must not look at them."""
    draft = kl.Draft(kl.read_cascade(folder))
    draft.change("kpis", draft.cascade.kpis[0].id, {"name": "Another"})
    draft.undo()
    for cascade in (draft.cascade, kl.read_cascade(folder)):
        assert cascade.level_ranks.size == len(cascade.units)
        assert cascade == draft.cascade
    assert draft.cascade != draft.cascade.replace(links=(), name="Other")
    assert draft.cascade != "a cascade"


def test_several_edits_at_once_are_undone_together_and_brought_back(draft, folder):
    draft.place({"calls": (10, 20)})
    draft.at_once(
        ("rename", "kpis", "calls", "phone"),
        ("change", "links", ("phone", "orders"), {"because": "Who is called may order"}),
        ("move", "kpis", "phone", -1),
    )
    assert draft.cascade.kpi("phone").name == "Calls to customers"
    assert kl.Draft.recover(folder).cascade == draft.cascade
    assert draft.positions["phone"] == (10, 20)
    draft.undo()
    assert draft.cascade == kl.read_cascade(folder)
    draft.redo()
    draft.save()
    assert kl.read_cascade(folder) == draft.cascade
    before = draft.cascade
    with pytest.raises(kl.InputError, match="duplicate id"):
        draft.at_once(("add", "owners", {"id": "mia", "name": "Mia"}), ("rename", "kpis", "phone", "orders"))
    with pytest.raises(kl.InputError, match="'renam' is no edit; did you mean 'rename'"):
        draft.at_once(("renam", "kpis", "phone", "x"))
    assert draft.cascade == before


def test_what_was_put_elsewhere_on_the_map_is_undone(draft, folder):
    draft.place({"calls": (10, 20)})
    draft.place({"calls": (30, 40)})
    assert draft.changes() == ("Put elsewhere on the map: 1 KPI.",)
    assert kl.Draft.recover(folder).positions == {"calls": (30, 40)}
    draft.undo()
    assert draft.positions == {"calls": (10, 20)}
    draft.undo()
    assert draft.positions == {}
    assert draft.is_saved
    draft.redo()
    assert draft.positions == {"calls": (10, 20)}


def ids(cascade, noun):
    return [entry.id for entry in getattr(cascade, noun)]


def test_entries_move_among_their_siblings_and_the_file_keeps_the_order(draft, folder):
    assert ids(draft.cascade, "kpis")[:4] == ["revenue", "orders", "average_order", "calls"]
    draft.move("kpis", "calls", -2)
    assert ids(draft.cascade, "kpis")[:4] == ["revenue", "calls", "orders", "average_order"]
    assert draft.changes() == ("The order of the kpis changed.",)
    draft.move("units", "coast", -1)  # past City and everybody in it, who stand elsewhere in the tree
    assert [unit.id for unit in draft.cascade.children("company")] == ["coast", "city", "hills"]
    draft.save()
    again = kl.read_cascade(folder)
    assert ids(again, "kpis")[:4] == ["revenue", "calls", "orders", "average_order"]
    assert [unit.id for unit in again.children("company")] == ["coast", "city", "hills"]
    text = (folder / "cascade.yaml").read_text(encoding="utf-8")
    assert text.index("id: calls") < text.index("id: orders")
    with pytest.raises(kl.InputError, match="stands first among 3"):
        draft.move("units", "coast", -1)
    with pytest.raises(kl.InputError, match="stands last among"):
        draft.move("objectives", draft.cascade.objectives[-1].id, 1)


def test_a_whole_list_is_put_in_place_of_another_in_one_step_and_given_up(draft, folder):
    names = [owner.id for owner in draft.cascade.owners]
    rows = [saving.as_written(owner) | {"name": owner.name.upper()} for owner in draft.cascade.owners]
    draft.put("owners", [*rows, {"id": "mia", "name": "Mia"}])
    assert [owner.id for owner in draft.cascade.owners] == [*names, "mia"]
    assert draft.cascade.owners[0].name == rows[0]["name"]
    assert kl.Draft.recover(folder).cascade == draft.cascade
    with pytest.raises(kl.InputError, match="owner"):
        draft.put("owners", rows[:0])  # KPIs name them
    draft.give_up()
    assert draft.is_saved
    assert journals_in(folder) == []


def test_a_comment_on_the_line_of_an_entry_moves_with_it(tmp_path):
    lines = {"a": "", "b": "   # about b", "c": "", "d": " # about d"}
    factors = "".join(
        f"  - {{id: {name}, name: {name}, objective: grow}}{note}\n" for name, note in lines.items()
    )
    text = SHOP.replace("factors:\n", "factors:\n" + factors)
    folder = write_cascade_folder(tmp_path, text)
    draft = kl.Draft(kl.read_cascade(folder))
    draft.move("factors", "b", 1)
    draft.move("factors", "d", -3)
    draft.save()
    rows = (folder / "cascade.yaml").read_text(encoding="utf-8").split("factors:\n")[1].splitlines()[:4]
    assert [(row.split("id: ")[1][0], row.partition("#")[2]) for row in rows] == [
        ("d", " about d"), ("a", ""), ("c", ""), ("b", " about b"),
    ]  # fmt: skip


def test_a_heading_between_entries_stays_where_it_is(example_folder, tmp_path):
    """`over_12h` stands last above the heading of the beds; with `over_8h` in its place the heading follows that."""
    folder = shutil.copytree(example_folder, tmp_path / "example")
    draft = kl.Draft(kl.read_cascade(folder))
    draft.move("kpis", "over_12h", -1)
    draft.save()
    text = (folder / "cascade.yaml").read_text(encoding="utf-8")
    places = [text.index(each) for each in ("id: over_12h", "id: over_8h", "# beds ---", "id: bed_occupancy")]
    assert places == sorted(places)
    assert "timing: leading                   # of the waits over twelve hours\n" in text
    assert text.count("#") == (example_folder / "cascade.yaml").read_text(encoding="utf-8").count("#")


def test_no_comment_is_lost_when_entries_move(draft, folder):
    """The starter has comments between actions that take several lines, after links, and above lists."""
    file = folder / "cascade.yaml"
    before = sorted(re.findall("#.*", file.read_text(encoding="utf-8")))
    for noun in ("objectives", "processes", "owners", "kpis", "links", "actions"):
        draft.move(noun, getattr(draft.cascade, noun)[0].id, 1)
    draft.move("actions", draft.cascade.actions[-1].id, -2)
    draft.save()
    assert sorted(re.findall("#.*", file.read_text(encoding="utf-8"))) == before
