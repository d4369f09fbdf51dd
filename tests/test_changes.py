"""What changed between two versions: every field of every noun, renames, and back again."""

import numpy as np
import pytest

from kpilab.model.cascade import Cascade
from kpilab.model.changes import find_changes, value_text, with_changes
from kpilab.model.files import LISTS, read_cascade
from kpilab.model.nouns import Kpi
from kpilab.model.parts import Ratio
from kpilab.model.renames import find_renames, renamed
from kpilab.model.start import start_cascade
from kpilab.words import KPI_KINDS


@pytest.fixture(scope="module")
def cascade(tmp_path_factory):
    folder = tmp_path_factory.mktemp("changes") / "firm"
    start_cascade(folder)
    return read_cascade(folder)


def with_entry(cascade, noun, position, **changes):
    entries = list(getattr(cascade, noun))
    entries[position] = entries[position].model_copy(update=changes)
    return cascade.replace(**{noun: tuple(entries)})


IDENTITIES = {("links", "cause"), ("links", "effect"), ("targets", "kpi"), ("targets", "unit")}
FIELDS = [
    (noun, field)
    for noun, model in LISTS.items()
    for field in model.model_fields
    if field not in ("id", *KPI_KINDS) and (noun, field) not in IDENTITIES
]  # fmt: skip


@pytest.mark.parametrize(("noun", "field"), FIELDS)
def test_every_field_of_every_noun_is_told(cascade, noun, field):
    """Fields that are added to a noun later are covered too: the list is read from the models."""
    value = 98765.0 if (noun, field) == ("targets", "target") else "quite new"
    new = with_entry(cascade, noun, 0, **{field: value})
    changes = find_changes(cascade, new)
    assert [(c.noun, c.new) for c in changes if c.kind == "changed"] == [(noun, value_text(value))]
    written = LISTS[noun].model_fields[field].alias or field
    assert changes[-1].field == written
    assert value_text(value) in changes[-1].sentence
    assert with_changes(cascade, new, changes) == new


@pytest.mark.parametrize("field", ["attribution", "perspectives", "breaks", "year_start", "name"])
def test_what_belongs_to_the_whole_is_told(cascade, field):
    value = {
        "attribution": "us",
        "perspectives": ("Money",),
        "breaks": ("2022-01",),
        "year_start": 4,
        "name": "X",
    }
    new = cascade.replace(**{field: value[field]})
    (change,) = find_changes(cascade, new)
    assert (change.kind, change.noun, change.field) == ("changed", "cascade", field)
    assert with_changes(cascade, new, [change]) == new


def test_nothing_changed(cascade):
    assert find_changes(cascade, cascade.replace()) == ()


def test_sentences_are_as_one_would_say_them(cascade):
    new = with_entry(cascade, "kpis", 0, owner="sales_lead", weight=0.4)
    new = with_entry(new, "links", 0, lag=(1, 2))
    new = with_entry(new, "targets", 0, target=100_000.0)
    kpi = new.kpis[2].model_copy(update={"ratio": Ratio(of="revenue", per="calls")})
    new = new.replace(kpis=(*new.kpis[:2], kpi, *new.kpis[3:]), actions=new.actions[1:])
    assert [change.sentence for change in find_changes(cascade, new)] == [
        "KPI 'revenue' (Revenue): its owner changed from director to sales_lead.",
        "KPI 'revenue' (Revenue): its weight is now 0.4; there was none.",
        "KPI 'average_order' (Average order): its definition changed from 'revenue per orders' to 'revenue per calls'.",
        "Link calls->orders at level person: its lag changed from [1, 1] to [1, 2].",
        "Action 'call_list' (Call list in the booking system) was removed.",
        "Target of 'revenue' for unit 'company' from 2024-01: its target changed from 96000 to 100000 (tightened).",
    ]


def test_a_new_kind_of_definition_is_one_change(cascade):
    kpi = cascade.kpis[0].model_copy(update={"sum": None, "last": "revenue"})
    changes = find_changes(cascade, cascade.replace(kpis=(kpi, *cascade.kpis[1:])))
    assert [(change.field, change.old, change.new) for change in changes] == [
        ("definition", "sum of revenue", "last revenue")
    ]
    assert changes[0].fields == ("sum", "last")


def test_added_and_removed_entries(cascade):
    extra = Kpi(id="visits", name="Visits", sum="visits")
    new = cascade.replace(kpis=(extra, *cascade.kpis[:-1]))
    assert [(change.kind, change.id) for change in find_changes(cascade, new)] == [
        ("removed", "training_hours"), ("added", "visits"),
    ]  # fmt: skip
    assert with_changes(cascade, new, find_changes(cascade, new)) == new


@pytest.mark.parametrize(
    ("noun", "old"),
    [("kpis", "calls"), ("owners", "sales_lead"), ("units", "city"), ("objectives", "rely"), ("factors", "win"),
     ("processes", "support"), ("actions", "call_list"), ("levels", "person")],
)  # fmt: skip
def test_a_renamed_id_is_one_change_whatever_refers_to_it(cascade, noun, old):
    new = renamed(cascade, {noun: {old: "another"}})
    assert new != cascade
    (change,) = find_changes(cascade, new)
    assert (change.kind, change.noun, change.old, change.new) == ("renamed", noun, old, "another")
    assert "'another'; nothing else about it changed" in change.sentence


def test_renames_that_depend_on_each_other_are_all_found(cascade):
    names = {"kpis": {"calls": "rings"}, "owners": {"sales_lead": "seller"}, "processes": {"selling": "shop"}}
    changes = find_changes(cascade, renamed(cascade, names))
    assert {(change.noun, change.old, change.new) for change in changes} == {
        ("kpis", "calls", "rings"), ("owners", "sales_lead", "seller"), ("processes", "selling", "shop"),
    }  # fmt: skip


def test_a_rename_and_another_change_of_the_same_entry_are_removed_and_added(cascade):
    new = with_entry(cascade, "owners", 0, id="boss", name="Another")
    assert {change.kind for change in find_changes(cascade, new) if change.noun == "owners"} == {
        "removed",
        "added",
    }


def test_of_two_that_could_be_the_same_none_is_called_renamed(cascade):
    twins = [Kpi(id=name, name="Same", sum="x") for name in ("one", "two", "three")]
    old, new = cascade.replace(kpis=twins[:1]), cascade.replace(kpis=twins[1:])
    assert dict(find_renames(old, new)["kpis"]) == {}


def test_order_of_entries_is_no_change(cascade):
    assert (
        find_changes(cascade, cascade.replace(kpis=cascade.kpis[::-1], targets=cascade.targets[::-1])) == ()
    )


@pytest.mark.parametrize("seed", range(12))
def test_all_changes_together_give_the_new_version(cascade, seed):
    """Random edits of random entries, some removed: old + changes = new, up to the order of what is left."""
    draw = np.random.default_rng(seed)
    new = renamed(cascade, {"units": {"ann": "anna"}, "kpis": {"calls": "rings"}})
    for noun in LISTS:
        entries = [entry for entry in getattr(new, noun) if draw.random() > 0.1]
        for position, entry in enumerate(entries):
            if draw.random() < 0.2 and "name" in type(entry).model_fields:
                entries[position] = entry.model_copy(update={"name": f"name {draw.integers(9)}"})
            if draw.random() < 0.2 and noun == "targets":
                entries[position] = entry.model_copy(update={"target": float(draw.integers(99))})
        new = new.replace(**{noun: tuple(entries)})
    base = renamed(cascade, find_renames(cascade, new))
    again = with_changes(base, new, find_changes(cascade, new))
    for name in Cascade.model_fields:
        key = (lambda entry: repr(entry)) if name in LISTS else str
        ours, theirs = getattr(again, name), getattr(new, name)
        assert (
            (sorted(ours, key=key) == sorted(theirs, key=key))
            if isinstance(theirs, tuple)
            else ours == theirs
        )


def test_values_are_written_as_in_the_file():
    assert value_text(Ratio(of="a", per="b")) == "of: a, per: b"
    assert value_text({"calls": 0.1}) == "calls: 0.1"
    assert value_text(True) == "yes"
