"""The builder without a browser: what it shows is what a draft says, and all of it is text."""

import html

import ipywidgets
import pytest

import kpilab as kl
from kpilab.delivery.widgets.form_fields import FIELDS
from kpilab.delivery.widgets.judging import WHOLE, _findings, history_findings
from kpilab.delivery.widgets.outline import VIEWS, outline
from kpilab.delivery.widgets.undo_keys import UndoKeys
from kpilab.model.cascade import Cascade
from kpilab.model.files import LISTS
from kpilab.model.pasted import pasted_entries, pasted_history, pasted_table
from kpilab.model.start import start_cascade
from kpilab.words import KPI_KINDS
from tests.small import ROWS, shops


@pytest.fixture
def builder(tmp_path):
    start_cascade(tmp_path / "firm")
    return kl.CascadeBuilder(kl.read_cascade(tmp_path / "firm"))


def choose(builder, view, place):
    builder.view.value = view
    builder.entries.index = [each for _, each in builder.entries.options].index(place)


def press(builder, label):
    (found,) = (each for each in inside(builder, ipywidgets.Button) if each.description == label)
    assert not found.disabled
    found.click()


def inside(widget, kind):
    if isinstance(widget, kind):
        yield widget
    for child in getattr(widget, "children", ()):
        yield from inside(child, kind)


def html_of(builder):
    return "".join(each.value for each in inside(builder, ipywidgets.HTML))


def test_tree_goes_from_objective_to_owner_and_units(builder):
    rows = [label.strip() for label, _ in outline(builder.cascade, "Goals and KPIs")]
    start = rows.index("▪ Revenue")
    assert rows[start - 1].startswith("◇")
    assert rows[start + 1 : start + 5] == [
        "☺ Managing director",
        "⌂ Bicycle hire",
        "⌂ department: 3 units",
        "⌂ person: 12 units",
    ]


@pytest.mark.parametrize("view", VIEWS)
def test_every_entry_of_every_view_opens_its_form(builder, view):
    builder.view.value = view
    for position in range(len(builder.entries.options)):
        builder.entries.index = position
        assert builder.form is not None
        assert builder.form.is_sound, html_of(builder)
        assert builder.form.changed == {}


@pytest.mark.parametrize("noun", ["cascade", *LISTS])
def test_every_field_of_every_noun_has_a_form_field(noun):
    model = LISTS.get(noun, Cascade)
    written = {field.alias or name for name, field in model.model_fields.items()}
    written -= set(KPI_KINDS if noun in LISTS else LISTS)
    assert set(FIELDS[noun]) == written | ({"kind", "computed"} if noun == "kpis" else set())


DATED = [{"weight": "0.4", "from": "2022-01"}, {"weight": "0.6", "from": "2023-01"}]
FILLED = [
    ("objectives", "grow", {"weight": DATED}, lambda o: o.weight[1].weight == 0.6),
    ("processes", "selling", {"procedures": [{"id": "triage", "name": "Triage, first", "owner": "director"}]},
     lambda p: p.procedures[0].name == "Triage, first" and p.procedures[0].owner == "director"),
    ("links", ("calls", "orders"), {"except": "ann, ben", "lags": "2"},
     lambda link: link.excluded == ("ann", "ben") and link.lags == 2),
    ("actions", "call_list", {"starts": [{"unit": "ann", "start": "2024-05"}], "ramp": "3", "source": "Minutes"},
     lambda a: a.starts == {"ann": "2024-05"} and a.ramp == 3),
    ("cascade", "", {"measures": [{"measure": "calls", "across": "same"}], "breaks": "2022-03, 2023-04"},
     lambda c: c.measures["calls"].across == "same" and c.breaks == ("2022-03", "2023-04")),
    ("cascade", "", {"history": [{"url": "env:HISTORY", "query": "select a, b from c"}]},
     lambda c: c.history.query == "select a, b from c" and c.history.path == ()),
]  # fmt: skip


@pytest.mark.parametrize(("noun", "key", "filled", "holds"), FILLED)
def test_what_only_the_file_could_say_is_filled_in_undone_and_saved(builder, noun, key, filled, holds):
    builder._open((noun, key) if noun != "cascade" else WHOLE)
    for field, given in filled.items():
        row = builder.form.rows[field]
        if isinstance(given, str):
            row.text = given
            continue
        (history,) = [True] if field == "history" else [False]
        for _ in given if not history and field != "weight" else given[1:]:
            row.control.add.click()
        for line, cells in zip(row.control.lines, given, strict=True):
            for (name, _), cell in zip(row.field.columns, line.children, strict=False):
                cell.text = cells.get(name, "")
    assert builder.form.is_sound, html_of(builder)
    press(builder, "Change")
    assert holds(builder._entry(builder._place))
    builder.undo()
    builder.redo()
    builder.save()
    assert kl.read_cascade(builder.cascade.folder) == builder.cascade
    assert builder.form.changed == {}


def test_rows_are_wrong_beside_their_field(builder):
    choose(builder, "Processes", ("processes", "selling"))
    row = builder.form.rows["procedures"]
    row.control.add.click()
    row.control.lines[0].children[0].text = "triage"
    assert "'procedures.0.name' is missing" in html.unescape(row.message.value)
    row.control.lines[0].children[-1].click()
    assert builder.form.changed == {}
    builder.form.fill({"procedures": "{id: a, name: A}, {id: b, name: B}"})
    assert [line.children[1].text for line in row.control.lines] == ["A", "B"]
    choose(builder, "Actions", ("actions", "call_list"))
    row = builder.form.rows["expects"]
    row.control.add.click()
    row.control.lines[-1].children[0].text = row.control.lines[0].children[0].text
    assert "is named twice" in row.message.value
    row.control.lines[-1].children[-1].click()
    builder.form.fill({"excludes": "call_list"})
    assert "excludes itself" in builder.form.rows["excludes"].message.value


def test_names_are_chosen_one_by_one(builder):
    choose(builder, "Links", ("links", ("calls", "orders")))
    names = builder.form.rows["except"].control
    names.more.value = "ann"
    names.more.value = "ben"
    assert (names.text, names.more.value) == ("ann, ben", "")


def test_change_is_made_by_the_line_that_is_shown(builder):
    choose(builder, "Goals and KPIs", ("kpis", "calls"))
    builder.form.rows["name"].text = "Phone calls"
    press(builder, "Change")
    assert builder.cascade.kpi("calls").name == "Phone calls"
    assert builder.draft.code == "draft.change('kpis', 'calls', {'name': 'Phone calls'})"
    assert "What you just did in code" in html_of(builder)
    builder.undo()
    assert builder.cascade.kpi("calls").name == "Calls to customers"


def test_another_id_renames_and_another_factor_moves(builder):
    choose(builder, "Goals and KPIs", ("kpis", "calls"))
    other = builder.cascade.factors[-1].id
    builder.form.fill({"id": "phone", "factor": other})
    press(builder, "Change")
    assert builder.cascade.kpi("phone").factor == other
    assert {link.cause for link in builder.cascade.links} == {"phone", "training_hours"}
    assert builder.entries.value == ("kpis", "phone")


def test_files_that_go_on_naming_a_unit_are_said(builder):
    choose(builder, "Units", ("units", "ann"))
    builder.form.fill({"unit": "anna"})
    assert "history.csv goes on saying &#x27;ann&#x27;" in builder.form.rows["unit"].message.value
    assert not builder.apply.disabled


PAY = """\
pay: Bonus
currency: EUR
plans: []
people:
  - {person: city_head, plan: x, target_pay: 5000}   # hers
"""


def test_another_id_is_offered_for_the_pay_plan_too(builder):
    file = builder.cascade.folder / "pay.yaml"
    file.write_text(PAY, encoding="utf-8")
    choose(builder, "Owners", ("owners", "city_head"))
    assert builder.pay.layout.display == "none"
    builder.form.fill({"id": "town_head", "name": "Head of Town"})
    assert builder.pay.layout.display is None
    assert builder.pay.description == "Rename it in pay.yaml too (1 place)"
    press(builder, "Change")
    press(builder, "Save…")
    assert "5000" not in html_of(builder)
    press(builder, "Confirm and save")
    assert file.read_text(encoding="utf-8") == PAY.replace("city_head", "town_head")
    assert builder.cascade.owner("town_head").name == "Head of Town"


def test_one_change_of_id_and_place_is_undone_at_once(builder):
    before = builder.cascade
    choose(builder, "Goals and KPIs", ("factors", "skill"))
    builder.form.fill({"id": "learning", "objective": "grow"})
    press(builder, "Change")
    assert builder.cascade.named("factors", "learning").objective == "grow"
    builder.undo()
    assert builder.cascade == before
    choose(builder, "Goals and KPIs", ("kpis", "calls"))
    builder.form.fill({"factor": "skill", "parent": "training_hours"})
    press(builder, "Change")
    assert builder.cascade.kpi("calls").parent == "training_hours"
    builder.undo()
    assert builder.cascade == before
    choose(builder, "Goals and KPIs", ("objectives", "learn"))
    builder.form.fill({"level": "person", "supports": "grow"})
    press(builder, "Change")
    builder.undo()
    assert builder.cascade == before


def test_levels_are_renamed_with_all_that_names_them(builder):
    choose(builder, "Goals and KPIs", ("cascade", ""))
    builder.form.fill({"levels": "firm, department, person"})
    assert builder.form.is_sound, html_of(builder)
    press(builder, "Change")
    assert builder.cascade.units_at("firm")[0].id == "company"
    builder.form.fill({"levels": "department, firm, person"})
    assert not builder.form.is_sound


def test_entries_move_up_and_down(builder):
    choose(builder, "Goals and KPIs", ("kpis", "orders"))
    press(builder, "Up")
    rows = [label.strip() for label, _ in builder.entries.options]
    assert rows.index("▪ Orders won") < rows.index("▪ Revenue")
    assert builder.entries.value == ("kpis", "orders")
    assert builder._up.disabled
    assert not builder._down.disabled
    assert builder.draft.code == "draft.move('kpis', 'orders', -1)"
    builder.undo()
    assert builder.draft.is_saved
    choose(builder, "Goals and KPIs", ("cascade", ""))
    assert builder._up.disabled
    assert builder._down.disabled


def test_undo_and_redo_are_heard_from_the_keyboard(builder):
    (keys,) = (each for each in builder.children if isinstance(each, UndoKeys))
    builder.draft.change("owners", "director", {"name": "Chief"})
    keys._heard(keys, {"do": "undo"}, [])
    assert builder.draft.is_saved
    keys._heard(keys, {"do": "redo"}, [])
    keys._heard(keys, {"do": "else"}, [])
    assert builder.cascade.owner("director").name == "Chief"


def test_circles_are_refused_at_the_field(builder):
    choose(builder, "Goals and KPIs", ("objectives", "rely"))
    builder.form.fill({"supports": "learn"})
    assert "support each other in a circle" in builder.form.rows["supports"].message.value
    assert builder.apply.disabled
    builder.form.fill({"supports": ""})
    press(builder, "+ Objective")
    builder.view.value = "Links"
    press(builder, "+ Link")
    builder.form.fill({"cause": "orders", "effect": "calls", "lag": "0"})
    assert builder.form.is_sound  # calls lead orders by a month
    builder.draft.change("links", ("calls", "orders"), {"lag": 0})
    press(builder, "+ Link")
    builder.form.fill({"cause": "orders", "effect": "calls", "lag": "0"})
    assert "form a loop without a lag" in builder.form.rows["lag"].message.value
    assert builder.apply.disabled
    builder.form.fill({"lag": "1"})
    assert not builder.apply.disabled


@pytest.fixture
def with_history(tmp_path):
    start_cascade(tmp_path / "firm")
    cascade = kl.read_cascade(tmp_path / "firm")
    return kl.CascadeBuilder(cascade, kl.read_history(cascade))


def test_what_history_says_stands_beside_the_field(with_history):
    builder = with_history
    choose(builder, "Goals and KPIs", ("kpis", "calls"))
    builder.form.fill({"kind": "sum", "computed": "phone_calls"})
    builder.wait()
    assert "phone_calls" in builder.form.rows["computed"].message.value
    assert "error: kpi" in builder.form.rows["computed"].message.value
    assert builder.form.waiting.value == ""
    assert not builder.apply.disabled  # the history may come later
    builder.form.fill({"computed": "calls"})
    builder.wait()
    assert "phone_calls" not in builder.form.rows["computed"].message.value


def test_a_history_of_other_units_is_not_held_against_them(with_history):
    choose(with_history, "Units", ("units", "ann"))
    with_history.form.fill({"unit": "anna"})
    assert "it was read for other units" in with_history.form.waiting.value


def test_a_check_that_fails_says_so_and_the_form_goes_on(with_history, monkeypatch):
    def fail(cascade, history):
        raise ValueError("no such thing")

    monkeypatch.setattr("kpilab.delivery.widgets.builder.history_findings", fail)
    with_history.draft.change("owners", "director", {"name": "Chief"})
    with pytest.raises(ValueError, match="no such thing"):
        with_history.wait()
    assert "Not held against the history: ValueError: no such thing" in with_history.form.waiting.value
    choose(with_history, "Owners", ("owners", "director"))
    with_history.form.fill({"name": "Boss"})
    assert not with_history.apply.disabled


def test_findings_beside_fields_are_those_of_the_check(example_cascade, example_history):
    """Whatever `kl.check` says of the cascade and its history, some form says too; pay stays with the pay panel."""
    told = kl.check(example_cascade, example_history).tidy()
    told = told[~told["rule"].str.startswith("pay_")]
    ours = {
        (f.rule, f.what)
        for f in [*_findings(example_cascade), *history_findings(example_cascade, example_history)]
    }
    assert set(zip(told["rule"], told["what"], strict=True)) == ours


def test_wrong_field_is_told_beside_it_and_cannot_be_added(builder):
    press(builder, "+ KPI")
    assert builder.apply.disabled
    builder.form.fill({"name": "Calls", "id": "calls", "kind": "sum", "computed": "calls"})
    assert "duplicate id" in builder.form.rows["id"].message.value
    assert builder.apply.disabled
    builder.form.fill({"id": "more_calls"})
    assert builder.form.rows["id"].message.value == ""
    assert "has no owner" in builder.form.rows["owner"].message.value
    press(builder, "Add")
    assert builder.cascade.kpi("more_calls").sum == "calls"


def test_removal_shows_what_hangs_on_it_first(builder):
    choose(builder, "Units", ("units", "city"))
    press(builder, "Remove…")
    assert "Unit &#x27;ann&#x27; (Ann) stands below it: it goes too." in html_of(builder)
    assert builder.draft.is_saved
    press(builder, "Back")
    press(builder, "Remove…")
    press(builder, "Remove it with all this")
    assert builder.cascade.named("units", "ann") is None


def test_catalogue_fills_the_form(builder):
    press(builder, "Catalogue")
    (page,) = builder.page.children
    page.template.value = "backlog"
    press(builder, "Begin with this one")
    assert builder.form.texts["computed"] == "open_cases"
    assert "gets gamed" in builder.message.value
    press(builder, "Add")
    assert builder.cascade.kpi("backlog").last == "open_cases"


def test_derived_kpis_are_added(tmp_path):
    cascade, _ = shops(tmp_path)
    builder = kl.CascadeBuilder(cascade)
    builder.draft.change("kpis", "conversion", {"levels": ["company"]})
    choose(builder, "Goals and KPIs", ("kpis", "conversion"))
    press(builder, "Derive KPIs below…")
    page = builder.page.children[0]
    press(builder, "One for each of 2 units")
    orders, visits, own_a, own_b = page.rows
    visits.take.value = False
    orders.cells["name"].text = "Orders taken"
    own_b.take.value = True
    own_b.cells["id"].text, own_b.cells["computed"].text = "conversion_b", "orders_b / visits_b"
    press(builder, "Do what is ticked")
    assert builder.cascade.kpi("conversion").levels == ("company", "shop")
    assert builder.cascade.kpi("orders").name == "Orders taken"
    assert builder.cascade.kpi("conversion_b").ratio.of == "orders_b"
    assert builder.cascade.kpi("conversion_b").parent == "conversion"
    assert builder.cascade.named("kpis", "visits") is None
    assert own_a.edits == []
    builder.undo()
    assert builder.cascade.kpi("conversion").levels == ("company",)
    assert builder.cascade.named("kpis", "orders") is None


def test_a_refused_child_says_why_and_nothing_is_done(builder):
    choose(builder, "Goals and KPIs", ("kpis", "calls"))
    press(builder, "Derive KPIs below…")
    page = builder.page.children[0]
    press(builder, "Do what is ticked")
    assert "Nothing is ticked" in html_of(builder)
    press(builder, "One for each of 3 units")
    page.rows[0].take.value = True
    page.rows[0].cells["id"].text = "orders"
    press(builder, "Do what is ticked")
    assert "duplicate id" in html_of(builder)
    assert builder.draft.is_saved


def test_targets_are_split_among_the_units_below(tmp_path):
    start_cascade(tmp_path / "firm")
    cascade = kl.read_cascade(tmp_path / "firm")
    history = kl.read_history(cascade)
    kept = tuple(t for t in cascade.targets if t.kpi != "revenue" or t.unit == "company")
    upper = cascade.replace(targets=kept)
    builder = kl.CascadeBuilder(upper, history)
    builder.draft.change("kpis", "revenue", {"levels": ["company"]})
    choose(builder, "Goals and KPIs", ("kpis", "revenue"))
    press(builder, "Derive KPIs below…")
    page = builder.page.children[0]
    assert page.level.value == "department"
    builder.wait()
    assert page.targets.tooltip.startswith("Add 3 targets that add up to those above: City")
    press(builder, "Do what is ticked")
    split = [t for t in builder.cascade.targets if t.kpi == "revenue" and t.unit != "company"]
    assert sum(t.target for t in split) == pytest.approx(96_000)
    assert builder.cascade.kpi("revenue").levels == ("company", "department")


def test_two_editors_of_one_draft_stay_in_step(builder):
    other = kl.CascadeBuilder(builder.cascade, draft=builder.draft)
    choose(builder, "Owners", ("owners", "director"))
    builder.form.fill({"name": "Chief"})
    press(builder, "Change")
    other.view.value = "Owners"
    assert "Chief" in [label for label, _ in other.entries.options]
    assert other.cascade == builder.cascade


def test_what_is_typed_outlives_an_edit_made_elsewhere(builder):
    other = kl.CascadeBuilder(builder.cascade, draft=builder.draft)
    choose(builder, "Goals and KPIs", ("kpis", "calls"))
    builder.form.fill({"why": "They begin everything"})
    other.draft.change("owners", "director", {"name": "Chief"})
    assert builder.form.changed == {"why": "They begin everything"}
    press(builder, "Change")
    assert builder.form.changed == {}
    press(builder, "+ KPI")
    builder.form.fill({"name": "Visits", "id": "visits", "kind": "sum", "computed": "visits"})
    other.draft.undo()
    assert builder.form.is_new
    assert builder.form.texts["computed"] == "visits"
    press(builder, "Add")
    assert builder.cascade.kpi("visits").sum == "visits"


def test_a_target_whose_period_changes_stays_chosen(builder):
    builder.view.value = "Targets"
    builder.entries.index = 1
    builder.form.fill({"from": "2024-03"})
    press(builder, "Change")
    assert builder.form.texts["from"] == "2024-03"


def test_a_pasted_history_is_held_against_the_forms(tmp_path):
    cascade, _ = shops(tmp_path)
    builder = kl.CascadeBuilder(cascade)
    choose(builder, "Goals and KPIs", ("kpis", "stock"))
    press(builder, "History")
    builder.page.children[0].table.value = ROWS.replace("stock", "goods").replace(",", "\t")
    press(builder, "Use this history")
    builder.wait()
    assert "needs the measure &#x27;stock&#x27;" in builder.form.rows["computed"].message.value


def test_save_asks_first_and_never_overwrites_unasked(builder):
    folder = builder.cascade.folder
    choose(builder, "Owners", ("owners", "director"))
    builder.form.fill({"name": "Chief"})
    press(builder, "Change")
    press(builder, "Save…")
    assert "its name changed from Managing director to Chief" in html_of(builder)
    text = (folder / "cascade.yaml").read_text(encoding="utf-8")
    (folder / "cascade.yaml").write_text(text + "# hers\n", encoding="utf-8")
    press(builder, "Confirm and save")
    assert "+# hers" in html_of(builder)
    assert kl.read_cascade(folder).owner("director").name == "Managing director"
    press(builder, "Overwrite it")
    assert kl.read_cascade(folder).owner("director").name == "Chief"
    assert builder.draft.is_saved


def test_edits_of_an_earlier_sitting_are_offered(builder):
    builder.draft.add("owners", {"id": "mia", "name": "Mia"})
    again = kl.CascadeBuilder(kl.read_cascade(builder.cascade.folder))
    press(again, "Bring them back")
    assert again.cascade.owner("mia").name == "Mia"
    assert again.banner.children == ()
    third = kl.CascadeBuilder(kl.read_cascade(builder.cascade.folder))
    press(third, "Give them up")
    assert not kl.Draft.has_unsaved(builder.cascade.folder)


PLANTED = "<img src=x onerror=alert(1)></script><script>alert(1)</script>"


def test_html_holds_no_tag_that_somebody_typed(builder):
    builder.draft.add("owners", {"id": "mia", "name": PLANTED})
    builder.draft.add("kpis", {"id": "p", "name": PLANTED, "sum": PLANTED, "why": PLANTED, "owner": "mia", "levels": ["company"]})  # fmt: skip  # noqa: E501
    pages = [
        lambda: choose(builder, "Owners", ("owners", "mia")),
        lambda: builder.form.fill({"id": PLANTED}),
        lambda: builder.form.fill({"id": "mia"}),
        lambda: press(builder, "Remove…"),
        lambda: press(builder, "Save…"),
        lambda: choose(builder, "Goals and KPIs", ("kpis", "p")),
        lambda: press(builder, "Derive KPIs below…"),
        lambda: press(builder, "History"),
        lambda: builder._use_history(f"period\tunit\t{PLANTED}\n{PLANTED}\t{PLANTED}\t{PLANTED}"),
        lambda: press(builder, "Paste a table"),
        lambda: builder._paste("owners", f"{PLANTED}\tname\n1\t2"),
    ]
    for show in pages:
        show()
        assert "<img" not in html_of(builder)
        assert "<script" not in html_of(builder)
        assert "</script" not in html_of(builder)


def test_pasted_table_is_cut_at_tabs_semicolons_or_commas():
    for mark in "\t;,":
        table = pasted_table(f"name{mark}id\n\nAnn{mark}ann\n")
        assert (table.columns, table.rows) == (("name", "id"), [["Ann", "ann"]])


def test_pasted_rows_become_entries_with_ids_of_their_own(tmp_path):
    cascade, _ = shops(tmp_path)
    text = "Name\tSuccess factor\tSum\tLevels\nRevenue\tsell\trevenue\tshop\nCalls made\t\tcalls\t"
    assert pasted_entries(cascade, "kpis", text) == [
        {"name": "Revenue", "factor": "sell", "sum": "revenue", "levels": ["shop"], "id": "revenue_2"},
        {"name": "Calls made", "factor": None, "sum": "calls", "levels": None, "id": "calls_made"},
    ]
    with pytest.raises(kl.InputError, match="unknown column 'Nmae'; did you mean 'name'"):
        pasted_entries(cascade, "kpis", "Nmae\tsum\nx\ty")
    with pytest.raises(kl.InputError, match="row 2: 3 cells under 2 headings"):
        pasted_entries(cascade, "kpis", "name\tsum\na\tb\na\tb\tc")
    with pytest.raises(kl.InputError, match="at least one row"):
        pasted_entries(cascade, "kpis", "")


def test_pasted_history_is_the_file_or_is_refused_with_its_rows(tmp_path):
    cascade, _ = shops(tmp_path)
    assert pasted_history(cascade, ROWS.replace(",", "\t")) == ROWS
    with pytest.raises(kl.InputError) as refused:
        pasted_history(cascade, ROWS.replace("2023-02,a", "2023-02,x"))
    assert [problem.where for problem in refused.value.problems] == ["row 3"]
