"""Edits: refused for the reasons a reader of files gives, and else exactly what the files would say."""

import pytest

import kpilab as kl
from kpilab.model.editing import add, add_all, change, dependents, remove, rename
from kpilab.model.files import LISTS
from kpilab.model.start import start_cascade
from tests.small import shops


@pytest.fixture(scope="module")
def firm(tmp_path_factory):
    folder = tmp_path_factory.mktemp("editing") / "firm"
    start_cascade(folder)
    return kl.read_cascade(folder)


@pytest.fixture
def shop(tmp_path):
    return shops(tmp_path)[0]


def refusal(verb, *arguments, **options):
    with pytest.raises(kl.InputError) as refused:
        verb(*arguments, **options)
    return [(problem.where, problem.message) for problem in refused.value.problems]


def test_what_is_added_reads_back_from_the_file(firm, tmp_path):
    kpi = {"id": "wins", "name": "Wins", "ratio": {"of": "orders", "per": "calls"}, "levels": ["person"]}
    after = add(firm, "kpis", {**kpi, "owner": ""})
    after = add(
        after,
        "links",
        {"cause": "calls", "effect": "wins", "sign": "+", "lag": [0, 1], "min_effect": "0.2 sd"},
    )
    kl.write_cascade(after, tmp_path / "copy")
    assert kl.read_cascade(tmp_path / "copy") == after
    assert after.kpi("wins").owner is None


def test_cascade_that_is_edited_stays_as_it_was(firm):
    before = firm.model_copy(deep=True)
    remove(firm, "kpis", "orders", with_dependents=True)
    rename(firm, "kpis", "orders", "sales")
    assert firm == before


REFUSED = [
    ("kpis", {"id": "orders", "name": "Again", "sum": "x"}, "duplicate id 'orders' among the kpis"),
    ("kpis", {"id": "x y", "name": "X", "sum": "x"}, "'x y' is no id"),
    ("kpis", {"id": "x", "name": "X"}, "exactly one of"),
    ("kpis", {"id": "x", "name": "X", "sum": "x", "owner": "nobody"}, "owner: unknown owner 'nobody'"),
    ("kpis", {"id": "x", "name": "X", "formula": "1 +"}, "is no formula"),
    ("kpis", {"id": "x", "sum": "x"}, "'name' is missing; add it"),
    ("links", {"cause": "calls", "effect": "calls"}, "cause and effect are the same KPI"),
    ("links", {"cause": "calls", "effect": "orders", "at": "person"}, "is drawn twice"),
    ("units", {"unit": "city", "name": "City", "level": "department", "parent": "company"}, "duplicate id 'city'"),
    ("factors", {"id": "f", "name": "F", "objective": "none"}, "unknown objective 'none'"),
]  # fmt: skip


@pytest.mark.parametrize(("noun", "entry", "reason"), REFUSED)
def test_reasons_are_those_of_the_reader(firm, noun, entry, reason):
    ((_, message),) = refusal(add, firm, noun, entry)
    assert reason in message


def test_refusal_names_the_field(firm):
    places = refusal(
        add,
        firm,
        "kpis",
        {"id": "x", "name": "X", "sum": "x", "owner": "nobody", "weight": 3, "better": "up"},
    )
    assert {where for where, _ in places} == {"weight", "better"}
    assert refusal(change, firm, "kpis", "orders", {"owner": "nobody"})[0][0] == "owner"


def test_circles_are_refused(firm):
    circle = refusal(change, firm, "units", "city", {"parent": "ann"})
    assert any("units form a circle" in message for _, message in circle)
    first = change(firm, "kpis", "calls", {"parent": "orders"})
    assert "KPIs form a circle" in refusal(change, first, "kpis", "orders", {"parent": "calls"})[0][1]
    formulas = change(firm, "kpis", "orders", {"formula": "2 * calls"})
    assert (
        "computed from itself" in refusal(change, formulas, "kpis", "calls", {"formula": "orders / 2"})[0][1]
    )


def test_one_way_to_compute_replaces_the_other(shop):
    kpi = change(shop, "kpis", "conversion", {"sum": "orders"}).kpi("conversion")
    assert (kpi.kind, kpi.ratio) == ("sum", None)
    assert kpi.name == "Conversion"


def test_formula_follows_a_rename(shop):
    after = add(shop, "kpis", {"id": "twice", "name": "Twice", "formula": "2 * basket"})
    assert rename(after, "kpis", "basket", "cart").kpi("twice").formula == "2 * cart"


@pytest.mark.parametrize(
    ("noun", "old"),
    [
        ("objectives", 0),
        ("factors", 0),
        ("kpis", 0),
        ("owners", 0),
        ("units", 1),
        ("actions", 0),
        ("levels", 1),
    ],
)
def test_every_reference_follows_a_rename(firm, noun, old):
    """Whatever named the entry names it again: the file with the old word replaced everywhere reads the same."""
    key = firm.levels[old] if noun == "levels" else getattr(firm, noun)[old].id
    after = rename(firm, noun, key, "quite_new")
    assert rename(after, noun, "quite_new", key) == firm
    if noun != "levels":
        assert len(dependents(after, noun, "quite_new")) == len(dependents(firm, noun, key))


def test_id_that_is_taken_is_refused(firm):
    assert "duplicate id 'calls'" in refusal(rename, firm, "kpis", "orders", "calls")[0][1]
    assert "is no id" in refusal(rename, firm, "kpis", "orders", "two words")[0][1]


def test_what_hangs_on_an_entry_is_said(shop):
    assert [each.sentence for each in dependents(shop, "owners", "boss")][:1] == [
        "KPI 'revenue' (Revenue) names it under owner: it stays, without that."
    ]
    assert {each.noun for each in dependents(shop, "kpis", "revenue")} == {"targets", "kpis"}
    goals = dependents(shop, "objectives", "grow")
    assert [each.sentence for each in goals][:2] == [
        "Factor 'sell' (Sell well) serves it: it goes too.",
        "KPI 'revenue' (Revenue) serves it: it stays, without that.",
    ]


def test_nothing_that_hangs_on_it_is_lost_unsaid(shop):
    reasons = refusal(remove, shop, "kpis", "revenue")
    assert {where for where, _ in reasons} == {"kpi 'revenue' cannot be removed alone"}
    assert len(reasons) == 3
    assert reasons[-1][1] == (
        "KPI 'basket' (Basket) computes with it: it stays, and computes with the measure of that name."
    )
    after = remove(shop, "kpis", "revenue", with_dependents=True)
    assert [target.kpi for target in after.targets] == ["conversion"]
    assert [kpi.id for kpi in after.kpis] == ["conversion", "stock", "basket", "speed", "per_day"]


def test_formula_without_what_it_computes_with_goes(shop):
    after = add(shop, "kpis", {"id": "twice", "name": "Twice", "formula": "2 * basket"})
    (hanging,) = dependents(after, "kpis", "basket")
    assert (hanging.key, hanging.goes) == ("twice", True)
    assert [kpi.id for kpi in remove(after, "kpis", "basket", with_dependents=True).kpis][-1] == "per_day"


def test_units_below_go_with_their_parent(firm):
    after = remove(firm, "units", "city", with_dependents=True)
    assert {unit.parent for unit in after.units} == {None, "company", "coast", "hills"}
    assert not any(target.unit in ("city", "ann") for target in after.targets)
    assert not any("city" in action.units for action in after.actions)


def test_action_whose_only_unit_goes_does_not_become_one_of_every_unit(firm):
    alone = change(firm, "actions", firm.actions[0].id, {"units": ["city"], "starts": None})
    after = remove(alone, "units", "city", with_dependents=True)
    assert firm.actions[0].id not in {action.id for action in after.actions}


def test_last_unit_stays(shop):
    assert "at least one unit" in refusal(remove, shop, "units", "all", with_dependents=True)[0][1]


@pytest.mark.parametrize("noun", list(LISTS))
def test_everything_can_be_removed_with_what_hangs_on_it(firm, noun):
    for entry in list(getattr(firm, noun))[1:]:
        after = remove(firm, noun, entry.id, with_dependents=True)
        assert len(getattr(after, noun)) < len(getattr(firm, noun))


def test_findings_of_an_edited_cascade_name_the_lines_of_the_file(shop):
    after = remove(shop, "kpis", "revenue", with_dependents=True)
    for position, kpi in enumerate(after.kpis):
        assert (
            after.where("kpis", f"#{position}") == shop.where("kpis", kpi.id) == after.where("kpis", kpi.id)
        )
    assert not after.has_line("kpis", "revenue")


def test_the_whole_can_be_changed(shop):
    after = change(shop, "cascade", "", {"perspectives": ["Money"], "cascade": "Shops"})
    assert (after.name, after.perspectives) == ("Shops", ("Money",))
    assert "frequency" in refusal(change, shop, "cascade", "", {"frequency": "hour"})[0][1]
    assert "unknown level 'shop'" in refusal(change, shop, "cascade", "", {"levels": ["company"]})[0][1]


def test_unknown_nouns_and_keys_suggest_the_nearest(shop):
    assert "did you mean 'kpis'" in refusal(add, shop, "kpi", {})[0][1]
    assert "did you mean 'revenue'" in refusal(change, shop, "kpis", "revenu", {})[0][1]


def test_link_at_several_levels_is_named_with_its_level(firm):
    twice = add(firm, "links", {"cause": "calls", "effect": "orders", "at": "department"})
    assert (
        "name (cause, effect, level)"
        in refusal(change, twice, "links", ("calls", "orders"), {"sign": "-"})[0][1]
    )
    after = change(twice, "links", ("calls", "orders", "department"), {"sign": "-"})
    assert [link.sign for link in after.links if link.at == "department"] == ["-"]
    moved = change(firm, "links", ("calls", "orders"), {"effect": "revenue"})
    assert "calls->revenue" in {link.id for link in moved.links}


def test_rows_are_refused_together_each_with_its_number(shop):
    rows = [
        {"id": "mia", "name": "Mia"},
        {"id": "b o", "name": "Bo"},
        {"id": "kim", "name": "Kim", "age": "3"},
    ]
    assert [where for where, _ in refusal(add_all, shop, "owners", rows)] == ["row 2", "row 3"]
    rows = [
        {"id": "mia", "name": "Mia"},
        {"id": "boss", "name": "Bo"},
        {"id": "kim", "name": "Kim", "unit": "x"},
    ]
    assert [where for where, _ in refusal(add_all, shop, "owners", rows)] == ["row 2", "row 3"]
    assert len(add_all(shop, "owners", [rows[0]]).owners) == 2
