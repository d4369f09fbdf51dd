"""Between the levels: each rule on a cascade of three levels, small enough to check by hand."""

import pytest

import kpilab as kl
from kpilab.model.level_checks import findings
from tests.small import write_cascade_folder

FIRM = """\
cascade: Firm
frequency: month
levels: [firm, team, person]
history: {path: history.csv}
units:
  - {unit: firm, name: Firm, level: firm, owner: chief}
  - {unit: east, name: East, level: team, parent: firm, owner: east_head}
  - {unit: ann, name: Ann, level: person, parent: east, owner: ann}
  - {unit: bob, name: Bob, level: person, parent: east, owner: bob}
objectives:
  - {id: grow, name: Grow, level: firm, priority: 1, weight: 0.7}
  - {id: save, name: Save, level: firm, priority: 2, weight: 0.3}
  - {id: win, name: Win orders, level: team, supports: grow, priority: 1}
  - {id: lean, name: Waste less, level: team, supports: save, priority: 2}
factors:
  - {id: f_grow, name: Growth, objective: grow}
  - {id: f_save, name: Saving, objective: save}
  - {id: f_win, name: Orders, objective: win}
  - {id: f_lean, name: Less waste, objective: lean}
owners:
  - {id: chief, name: Chief, unit: firm}
  - {id: east_head, name: Head of East, unit: east}
  - {id: ann, name: Ann, unit: ann}
  - {id: bob, name: Bob, unit: bob}
  - {id: buyer, name: Buyer}
processes:
  - {id: selling, name: Selling, owner: east_head}
  - {id: buying, name: Buying, owner: buyer}
kpis:
  - {id: revenue, name: Revenue, factor: f_grow, owner: chief, process: selling, sum: revenue, levels: [firm, team]}
  - {id: cost, name: Cost, factor: f_save, owner: buyer, process: buying, sum: cost, levels: [firm, team]}
  - {id: orders, name: Orders, factor: f_win, owner: east_head, process: selling, sum: orders, levels: [team, person],
     parent: revenue, timing: lagging}
  - {id: calls, name: Calls, factor: f_win, owner: east_head, process: selling, sum: calls, levels: [person],
     timing: leading}
  - {id: waste, name: Waste, factor: f_lean, owner: buyer, process: buying, sum: waste, levels: [team, person],
     timing: leading}
links:
  - {cause: calls, effect: orders, lag: 1, at: person}
  - {cause: waste, effect: cost, lag: 0, at: team}
actions:
  - {id: campaign, name: Campaign, units: [east], start: 2023-01, cost: 600, owner: east_head, expects: {orders: "+5%"}}
  - {id: bins, name: Bins, units: [east], start: 2023-01, cost: 400, owner: buyer, process: buying}
"""  # fmt: skip
ROWS = "period,unit,revenue,cost,orders,calls,waste\n2023-01,ann,1,1,1,1,1\n2023-01,bob,1,1,1,1,1\n"


def firm(folder, *replacements):
    text = FIRM
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new, 1)
    return kl.read_cascade(write_cascade_folder(folder, text, ROWS))


def rules(cascade, bonus=None):
    return [(finding.rule, finding.severity) for finding in findings(cascade, bonus)]


def what(cascade, rule, bonus=None):
    return next(finding.what for finding in findings(cascade, bonus) if finding.rule == rule)


def test_a_firm_whose_levels_fit_together_has_no_finding(tmp_path):
    assert findings(firm(tmp_path)) == []


@pytest.mark.parametrize(
    ("old", "new", "rule", "severity"),
    [
        ("level: team, supports: grow", "level: team", "objective_untraced", "warning"),
        ("level: team, supports: grow", "level: team, supports: lean", "objective_wrong_level", "error"),
        ("level: firm, priority: 1", "level: firm, supports: win, priority: 1", "objective_circle", "error"),
        ("supports: save, priority: 2", "supports: grow, priority: 2", "priority_against_budget", None),
        ("weight: 0.7", "weight: 0.2", "priority_against_weights", "warning"),
        ("cost: 600", "cost: 100", "priority_against_budget", "warning"),
        ("process: buying}\n", "process: buying}\n  - {id: x, name: X, start: 2023-01, cost: 9}\n",
         "budget_without_objective", "warning"),
        ("parent: revenue, ", "", "kpi_orphan", "warning"),
        ("lag: 1, at: person", "lag: 1, at: team", "kpi_orphan", "warning"),
        ("{cause: waste, effect: cost, lag: 0, at: team}", "{cause: waste, effect: revenue, lag: 0, at: team}",
         "kpi_blind_spot", "note"),
        ("owner: buyer, process: buying, sum: cost", "owner: bob, process: buying, sum: cost",
         "owner_without_lever", "warning"),
        ("sum: waste, levels: [team, person],\n     timing: leading",
         "sum: waste, levels: [team, person],\n     timing: lagging", "kpi_copied", "warning"),
        ("kpis:\n", "measures:\n  waste: {across: same}\nkpis:\n", "kpi_copied", "warning"),
    ],
)  # fmt: skip
def test_rule_is_found_only_when_it_is_broken(tmp_path, old, new, rule, severity):
    broken = rules(firm(tmp_path, (old, new)))
    assert ((rule, severity) in broken) == (severity is not None)


def test_goal_that_no_lower_level_takes_up(tmp_path):
    """`save` has no objective below once `lean` supports `grow`; its KPI still exists in the teams."""
    lonely = (", level: team, supports: save", ", level: team, supports: grow")
    assert "objective_not_carried_down" not in [rule for rule, _ in rules(firm(tmp_path / "a", lonely))]
    only_firm = ("sum: cost, levels: [firm, team]", "sum: cost, levels: [firm]")
    found = rules(firm(tmp_path / "b", lonely, only_firm))
    assert ("objective_not_carried_down", "warning") in found


def test_budget_of_an_objective_includes_what_supports_it(tmp_path):
    """Paper arithmetic: 600 for orders (win, grow), 400 through buying (cost: save; waste: lean): 200 each."""
    table = kl.trace(firm(tmp_path)).objectives().set_index("objective")
    assert table["budget"].to_dict() == {"grow": 600, "save": 400, "win": 600, "lean": 200}
    assert table.loc[["grow", "save"], "budget_share"].tolist() == [0.6, 0.4]
    assert table.loc[["win", "lean"], "budget_share"].tolist() == [0.75, 0.25]
    assert table.loc["grow", "weight_share"] == 0.7
    assert table["status"].tolist() == ["top", "top", "traced", "traced"]
    assert table["n_supported_by"].tolist() == [1, 1, 0, 0]


def test_bonus_money_against_priorities(tmp_path):
    cascade = firm(tmp_path)
    assert findings(cascade, {"win": 30_000, "lean": 10_000}) == []
    said = what(cascade, "priority_against_bonus", {"win": 10_000, "lean": 30_000})
    assert (
        said == "objective 'grow' has priority 1 and 25 % of the bonus money; 'save' has priority 2 and 75 %"
    )


def test_bonus_for_an_unknown_objective_is_bad_input(tmp_path):
    with pytest.raises(kl.InputError) as error:
        kl.check(firm(tmp_path), pay={"gro": 1, "save": -1})
    assert [problem.message for problem in error.value.problems] == [
        "unknown objective 'gro'; did you mean 'grow'?",
        "'save' gets -1; give an amount of 0 or more",
    ]


def test_trace_follows_every_kpi_up_and_down(tmp_path):
    table = kl.trace(firm(tmp_path)).tidy().set_index(["kpi", "level"])
    assert set(table["status"]) == {"traced"}
    assert table.loc[("orders", "team"), "above"] == "revenue at team"
    assert table.loc[("orders", "team"), "below"] == "orders at person"
    assert table.loc[("calls", "person"), "above_by"] == "link"
    assert len(table) == 2 + 2 + 2 + 1 + 2


def test_trace_lists_orphans_and_blind_spots(tmp_path):
    cascade = firm(tmp_path, ("parent: revenue, ", ""), ("lag: 0, at: team", "lag: 0, at: person"))
    trace = kl.trace(cascade)
    assert trace.orphans()[["kpi", "level"]].to_numpy().tolist() == [["orders", "team"], ["waste", "team"]]
    assert trace.blind_spots()["kpi"].tolist() == ["revenue"]
    assert trace.glance().iloc[0].to_dict() == {
        "n_kpis": 5, "n_levels": 3, "n_orphans": 2, "n_blind_spots": 1,
    }  # fmt: skip
    assert "Orphans, leading to nothing above: orders at team" in trace.text
    assert trace.at("team").tidy()["level"].unique().tolist() == ["team"]


def test_kpis_that_lead_only_to_each_other_are_orphans(tmp_path):
    cascade = firm(
        tmp_path,
        ("parent: revenue, ", ""),
        (
            "{cause: waste, effect: cost, lag: 0, at: team}",
            "{cause: orders, effect: waste, lag: 0, at: team}",
        ),
    )
    assert kl.trace(cascade).orphans()[["kpi", "level"]].to_numpy().tolist() == [
        ["orders", "team"],
        ["waste", "team"],
    ]


def test_of_dated_weights_the_last_is_held_against_the_priorities(tmp_path):
    grown = "weight: [{from: 2022-01, weight: 0.3}, {from: 2023-01, weight: 0.7}]"
    shrunk = "weight: [{from: 2022-01, weight: 0.7}, {from: 2023-01, weight: 0.3}]"
    assert (
        rules(
            firm(
                tmp_path / "a", ("weight: 0.7", grown), ("priority: 2, weight: 0.3", f"priority: 2, {shrunk}")
            )
        )
        == []
    )
    turned = firm(
        tmp_path / "b", ("weight: 0.7", shrunk), ("priority: 2, weight: 0.3", f"priority: 2, {grown}")
    )
    assert rules(turned) == [("priority_against_weights", "warning")]


def test_the_example_is_not_drowned_in_findings(example_cascade):
    """Delays are not recorded by hospital: three notes say so, and that is all there is between the levels."""
    assert [(f.rule, f.severity) for f in findings(example_cascade)] == [("kpi_blind_spot", "note")] * 3


def test_an_owner_may_move_a_kpi_through_a_path_of_links(example_cascade):
    """The head of patient flow owns the four-hour KPI; A&E is another's process, but arrivals, on which the
    urgent-care action of the former acts, lead to it."""
    from kpilab.model.levers import Levers

    lever = Levers(example_cascade).of_owner("flow_lead", example_cascade.kpi("seen_within_4h"))
    assert lever == "path from attendances"
