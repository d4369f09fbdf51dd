"""Choosing actions: the program against brute force, plans on a simulated map, reasons, and bad input."""

from itertools import product

import numpy as np
import pytest

import kpilab as kl
from kpilab.decisions.choice import Demands, Program, choose
from tests.simulated import chain, simulated

MORE = """
targets:
  - {kpi: y, target: 1.5}
  - {kpi: m, target: 1.0}
actions:
  - {id: big, name: Big, units: [u0], start: 2020-05, cost: 80, expects: {x: 2.0}}
  - {id: small, name: Small, units: [u0], start: 2020-05, cost: 30, expects: {x: 0.5}}
  - {id: direct, name: Direct, units: [u0], start: 2020-05, cost: 40, expects: {y: 0.5}, requires: small}
  - {id: rival, name: Rival, units: [u0], start: 2020-05, cost: 50, expects: {x: 1.0}, excludes: big}
  - {id: idle, name: Idle, units: [u1], start: 2020-05, cost: 1, expects: {y: 5.0}}
  - {id: free, name: No cost known, units: [u0], start: 2020-05, expects: {y: 0.5}}
  - {id: gone, name: Long ago, units: [u0], start: 2015-01, cost: 5, expects: {y: 0.5}}
"""
X_TO_M = 'cause: x, effect: m, sign: "+", lag: 1'
M_TO_Y = 'cause: m, effect: y, sign: "+", lag: 1'


@pytest.fixture(scope="module")
def planned(tmp_path_factory):
    series = chain(n_periods=100, n_units=12, seed=5)
    cascade, history = simulated(tmp_path_factory.mktemp("plan"), series, [X_TO_M, M_TO_Y], MORE)
    return cascade, history, kl.fit_links(cascade, history)


def brute_force(program: Program, budget: float) -> float:
    """Return the best share that any allowed set achieves."""
    best = 0.0
    for bits in product([False, True], repeat=len(program.cost)):
        chosen = np.array(bits)
        if program.cost[chosen].sum() > budget:
            continue
        if any(chosen[a] and not chosen[b] for a, b in program.requires):
            continue
        if any(chosen[a] and chosen[b] for a, b in program.excludes):
            continue
        best = max(best, program.share(chosen))
    return best


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("goals", [((0, 1),), ((0,), (1,))])
def test_program_finds_what_brute_force_finds(seed, goals):
    rng = np.random.default_rng(seed)
    program = Program(
        cost=rng.uniform(1, 5, 7), gap=rng.normal(1.0, 1.0, (2, 60)), gain=rng.normal(0.3, 0.5, (7, 2, 60)),
        worth=np.zeros(7), goals=goals, requires=((0, 1),), excludes=((2, 3), (1, 4)),
    )  # fmt: skip
    found = choose(program, Demands(9.0))
    assert found.value == pytest.approx(brute_force(program, 9.0), abs=1e-9)
    assert program.cost[found.chosen].sum() <= 9.0


def test_expected_value_is_the_best_knapsack():
    """Items of worth 60, 100, 120 and weight 10, 20, 30 in a sack of 50: 220 (the textbook example)."""
    program = Program(
        np.array([10.0, 20.0, 30.0]),
        np.empty((0, 0)),
        np.empty((3, 0, 0)),
        np.array([60.0, 100.0, 120.0]),
        (),
    )
    found = choose(program, Demands(50.0))
    assert found.chosen.tolist() == [False, True, True]
    assert found.value == 220


def test_plan_keeps_to_the_budget_and_the_frontier_rises(planned):
    plan = kl.plan_actions(*planned, budget=100, unit="u0", targets=["y"])
    assert plan.glance()["cost"].item() <= 100
    assert plan.probability > plan.probability_without
    frontier = plan.frontier()
    assert frontier["cost"].is_monotonic_increasing
    assert frontier["achieves"].is_monotonic_increasing
    assert frontier["achieves"].iloc[0] == pytest.approx(plan.probability_without)


def test_more_money_never_makes_a_plan_worse(planned):
    chances = [
        kl.plan_actions(*planned, budget=budget, unit="u0", targets=["y"]).probability
        for budget in (0, 50, 200)
    ]
    assert chances[0] <= chances[1] <= chances[2]


def test_every_rejected_action_has_its_reason(planned):
    plan = kl.plan_actions(*planned, budget=115, unit="u0", targets=["y"]).tidy().set_index("action")
    assert set(plan.index) == {"big", "small", "direct", "rival", "idle", "free"}
    assert (
        plan.loc["idle", "reason"] == "no arrow leads from it to a target" or not plan.loc["idle", "chosen"]
    )
    assert "its cost is not known" in plan.loc["free", "reason"]
    assert "excludes big" in plan.loc["rival", "reason"]
    poor = kl.plan_actions(*planned, budget=35, unit="u0", targets=["y"]).tidy().set_index("action")
    assert "more than the whole budget" in poor.loc["big", "reason"]
    assert (
        "cannot be had within the budget"
        in kl.plan_actions(*planned, budget=45, unit="u0", targets=["y"])
        .tidy()
        .set_index("action")
        .loc["direct", "reason"]
    )


def test_probability_of_the_chosen_is_that_of_running_them_together(planned):
    cascade, history, links = planned
    plan = kl.plan_actions(cascade, history, links, budget=200, unit="u0", targets=["y"])
    assert "big" in plan.chosen
    changes = [(k, one) for a in plan.chosen for k, one in _promises(cascade, a)]
    last = kl.what_if(cascade, history, links, changes, horizon=12, units="u0").path("y", "u0").iloc[-1]
    assert last["p_target"] == pytest.approx(plan.probability, abs=1e-9)


def _promises(cascade, action):
    from kpilab.decisions.interventions import of_action

    return [(one.kpi, one) for one in of_action(cascade, action)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"budget": -1}, "budget: is -1; write an amount of 0 or more"),
        ({"budget": "lots"}, "budget: is lots; write an amount of 0 or more"),
        ({"budget": float("nan")}, "budget: is nan"),
        ({"budget": 1, "unit": "nowhere"}, "unknown unit 'nowhere'"),
        ({"budget": 1, "actions": ["nothing"]}, "unknown action 'nothing'"),
        ({"budget": 1, "targets": ["z"]}, "unknown KPI 'z'"),
        ({"budget": 1, "targets": ["x"]}, "'x' has no target in force"),
        ({"budget": 1, "costs": {"big": -5}}, "'big' costs -5"),
        ({"budget": 1, "period": "2019-01"}, "2019-01 is not ahead: history ends in 2020-04"),
        ({"budget": 1, "objective": "fun"}, "'fun' is not known"),
    ],
)
def test_bad_input_is_named_with_its_remedy(planned, options, message):
    with pytest.raises(kl.InputError, match=message):
        kl.plan_actions(*planned, **{"unit": "u0", **options})


def test_no_initiative_ahead_is_said_with_the_remedy(planned):
    cascade, history, links = planned
    past = cascade.replace(actions=cascade.actions[-1:])
    with pytest.raises(kl.InputError, match="no initiative starts after 2020-04"):
        kl.plan_actions(past, history, links, budget=1, unit="u0")


def test_example_can_be_planned_and_says_what_is_illustrative(example_cascade, example_history):
    links = kl.fit_links(example_cascade, example_history)
    plan = kl.plan_actions(
        example_cascade,
        example_history,
        links,
        budget=1e6,
        unit="S08000015",
        draws=300,
        targets=["bed_occupancy"],
    )
    assert plan.glance()["n_illustrative"].item() == 5
    assert "no decision rests on them" in plan.text
    assert (plan.tidy()["reason"] != "").all()
