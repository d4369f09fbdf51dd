"""Proposals can be carried out as they are, and say what is missing further down."""

import pytest

import kpilab as kl
from kpilab.model.derivation import levels_below, propose_children
from kpilab.model.editing import add, add_all, change
from kpilab.model.start import start_cascade
from kpilab.scorecard.targets_below import targets_below
from tests.small import shops


def test_next_level_and_what_it_is_computed_from(tmp_path):
    cascade, _ = shops(tmp_path)
    cascade = change(cascade, "kpis", "conversion", {"levels": ["company"]})
    wider, orders, visits, *own = propose_children(cascade, "conversion")
    assert {each.kind for each in own} == {"own"}
    assert wider.sentence == (
        "Measure 'Conversion' at level shop too (2 units): the same measures there, added up to the level above."
    )
    assert (wider.verb, wider.entry) == ("change", {"levels": ["company", "shop"]})
    assert orders.entry == {
        "id": "orders", "name": "Orders", "factor": "sell", "parent": "conversion", "sum": "orders",
        "better": "higher", "levels": ["shop"],
    }  # fmt: skip
    assert "better" not in visits.entry
    after = add(change(cascade, "kpis", "conversion", wider.entry), "kpis", orders.entry)
    assert [each.entry["id"] for each in propose_children(after, "conversion") if each.kind == "part"] == [
        "visits"
    ]


def test_nothing_is_proposed_where_nothing_is_missing(tmp_path):
    cascade, _ = shops(tmp_path)
    assert {each.kind for each in propose_children(cascade, "revenue")} == {"own"}
    assert propose_children(cascade, "revenue", level="company") == ()


def test_every_proposal_for_the_example_is_accepted(example_cascade):
    for kpi in example_cascade.kpis:
        for each in propose_children(example_cascade, kpi.id):
            if each.verb == "add":
                add(example_cascade, "kpis", each.entry)
            else:
                change(example_cascade, "kpis", kpi.id, each.entry)


def test_unknown_kpi(tmp_path):
    cascade, _ = shops(tmp_path)
    with pytest.raises(kl.InputError, match="did you mean 'revenue'"):
        propose_children(cascade, "revenu")


@pytest.fixture
def firm(tmp_path):
    start_cascade(tmp_path / "firm")
    cascade = kl.read_cascade(tmp_path / "firm")
    return cascade, kl.read_history(cascade)


def test_each_department_may_have_a_kpi_of_its_own_under_its_head(firm):
    cascade, _ = firm
    assert levels_below(cascade, cascade.kpi("calls")) == ("department", "person")
    own = [each for each in propose_children(cascade, "calls", level="department") if each.kind == "own"]
    assert [each.entry["id"] for each in own] == ["calls_city", "calls_coast", "calls_hills"]
    assert own[0].entry | {"id": "", "name": ""} == {
        "id": "", "name": "", "factor": "win", "process": "selling", "better": "higher", "sum": "calls",
        "unit_of_measure": "calls", "timing": "leading", "parent": "calls", "levels": ["department"],
        "owner": "city_head",
    }  # fmt: skip
    after = add(cascade, "kpis", own[0].entry)
    again = propose_children(after, "calls", level="department")
    assert [each.unit for each in again if each.kind == "own"] == ["coast", "hills"]


def test_who_alone_reports_a_part_answers_for_it(firm):
    cascade, history = firm
    cascade = change(cascade, "kpis", "solved_in_time", {"levels": ["company"]})
    frame = history.tidy()
    elsewhere = (frame["measure"] == "tickets_in_time") & frame["unit"].isin(
        cascade.with_descendants(["coast", "hills"])
    )
    city_only = kl.read_history(cascade, frame[~elsewhere])
    parts = propose_children(cascade, "solved_in_time", level="department", history=city_only)
    in_time, tickets = (each for each in parts if each.kind == "part")
    assert (in_time.entry["owner"], "owner" in tickets.entry) == ("city_head", False)
    assert "City alone reports it" in in_time.sentence


def test_targets_below_add_up_to_the_one_above(firm):
    cascade, history = firm
    kept = tuple(t for t in cascade.targets if t.kpi != "revenue" or t.unit == "company")
    cascade = cascade.replace(targets=kept)
    entries = targets_below(cascade, history, "revenue", "department")
    assert [entry["unit"] for entry in entries] == ["city", "coast", "hills"]
    assert sum(entry["target"] for entry in entries) == pytest.approx(96_000)
    assert {entry["from"] for entry in entries} == {"2024-01"}
    after = add_all(cascade, "targets", entries)
    assert targets_below(after, history, "revenue", "department") == []
    assert targets_below(cascade, history, "average_order", "department") == []  # one target holds for all
