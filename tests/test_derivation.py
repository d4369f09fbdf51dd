"""Proposals can be carried out as they are, and say what is missing further down."""

import pytest

import kpilab as kl
from kpilab.model.derivation import propose_children
from kpilab.model.editing import add, change
from tests.small import shops


def test_next_level_and_what_it_is_computed_from(tmp_path):
    cascade, _ = shops(tmp_path)
    cascade = change(cascade, "kpis", "conversion", {"levels": ["company"]})
    wider, orders, visits = propose_children(cascade, "conversion")
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
    assert [each.entry["id"] for each in propose_children(after, "conversion")] == ["visits"]


def test_nothing_is_proposed_where_nothing_is_missing(tmp_path):
    cascade, _ = shops(tmp_path)
    assert propose_children(cascade, "revenue") == ()


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
