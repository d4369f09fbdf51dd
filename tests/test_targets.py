"""Targets downward: they add up to the parent's, say how hard they are, and name what is in the way."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kpilab as kl
from kpilab import cli
from kpilab.model.nouns import Target
from kpilab.problems import InputError
from tests.small import write_cascade_folder

METHODS = ("proportional", "equal", "capability", "gap_to_best")
CHAIN = """\
cascade: Three levels
frequency: month
levels: [group, country, shop]
history: {path: history.csv}
units:
  - {unit: all, name: Group, level: group}
  - {unit: north, name: North, level: country, parent: all}
  - {unit: south, name: South, level: country, parent: all}
  - {unit: n1, name: North 1, level: shop, parent: north}
  - {unit: n2, name: North 2, level: shop, parent: north}
  - {unit: s1, name: South 1, level: shop, parent: south}
  - {unit: s2, name: South 2, level: shop, parent: south}
  - {unit: s3, name: South 3, level: shop, parent: south}
measures:
  days: {across: same}
kpis:
  - {id: paid, name: Paid in time, ratio: {of: paid, per: bills}, better: higher, unit_of_measure: share}
  - {id: paid_total, name: Bills paid, sum: paid, better: higher}
  - {id: unpaid, name: Not paid, formula: "1 - paid_total / bills", better: lower, unit_of_measure: share}
  - {id: open, name: Bills left open, formula: "bills - paid_total", better: lower}
  - {id: odd, name: Odd, formula: "paid_total * bills"}
  - {id: days_open, name: Days, sum: days}
  - {id: per_day, name: Bills per day, ratio: {of: bills, per: days}, better: higher}
  - {id: delay, name: Delay, mean: delay, weight: bills, better: lower}
  - {id: stock, name: Stock, last: stock, better: lower}
  - {id: slowest, name: Longest delay, max: delay, better: lower}
  - {id: at_top, name: At the top, sum: paid, levels: group}
  - {id: skips, name: Skips a level, sum: paid, levels: [group, shop], better: higher}
"""
SHOPS = ("n1", "n2", "s1", "s2", "s3")
DAYS = 30


def history_frame(seed=0, n_periods=40):
    """Return the history of five shops; the seed decides sizes, levels and noise."""
    rng = np.random.default_rng(seed)
    size, level = rng.integers(50, 2000, 5), rng.uniform(0.5, 0.9, 5)
    bills = (size * rng.uniform(0.8, 1.2, (n_periods, 5))).astype(int)
    paid = np.rint(bills * np.clip(level + rng.normal(0, 0.04, bills.shape), 0.05, 0.99))
    columns = {
        "period": np.repeat(pd.period_range("2020-01", periods=n_periods, freq="M").astype(str), 5),
        "unit": SHOPS * n_periods,
        "paid": paid.ravel(),
        "bills": bills.ravel(),
        "days": DAYS,
        "delay": rng.uniform(5, 30, bills.size),
        "stock": rng.integers(10, 90, bills.size),
    }
    return pd.DataFrame(columns)


@pytest.fixture(scope="module")
def cascade(tmp_path_factory):
    return kl.read_cascade(write_cascade_folder(tmp_path_factory.mktemp("chain"), CHAIN))


@pytest.fixture(scope="module")
def chain(cascade):
    return cascade, kl.read_history(cascade, history_frame())


def targets_of(plan):
    return plan.tidy().set_index("unit")["target"]


def rolled_up_again(cascade, history, plan, kpi, period):
    """Put the targets of the lowest level into a history of their own, and let `roll_up` add them up."""
    lowest = plan.at("shop").tidy()
    frame = pd.DataFrame({"period": period, "unit": lowest["unit"], "bills": lowest["weight"], "days": DAYS})
    frame["paid"] = lowest["target"] * (lowest["weight"] if kpi == "paid" else 1)
    frame["delay"] = frame["stock"] = lowest["target"]
    filled = kl.read_history(cascade, frame)
    table = kl.roll_up(cascade, filled, period=period).tidy()
    return table[table["kpi"] == kpi].set_index("unit")["actual"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("kpi", "target"),
    [("paid", "+1%"), ("paid_total", "+8%"), ("delay", "-6%"), ("stock", "-6%"), ("slowest", 20.0)],
)
def test_allocate_then_roll_up_is_the_identity_at_three_levels(chain, method, kpi, target):
    cascade, history = chain
    plan = kl.allocate_targets(cascade, history, kpi=kpi, target=target, period="2024-04", method=method)
    again = rolled_up_again(cascade, history, plan, kpi, "2024-04")
    for unit, wanted in targets_of(plan).items():
        assert again[unit] == pytest.approx(wanted, rel=1e-9)
    assert again["all"] == pytest.approx(plan.target, rel=1e-9)
    assert (plan.residuals()["residual"].abs() <= 1e-9 * abs(plan.target)).all()
    assert list(plan.residuals()["unit"]) == ["all", "north", "south"]
    assert list(plan.residuals().columns)[-1] == "residual"


def plan_or_refusal(cascade, history, options):
    """Return the plan, or why there is none."""
    try:
        return kl.allocate_targets(cascade, history, **options), ""
    except InputError as error:
        return None, str(error)


@given(
    seed=st.integers(0, 10_000),
    share=st.floats(0, 1),
    method=st.sampled_from(METHODS),
    locked=st.dictionaries(st.sampled_from([*SHOPS, "north", "south"]), st.floats(0.3, 0.95), max_size=4),
)
@settings(max_examples=30, deadline=None)
def test_locked_or_not_targets_add_up_or_the_lock_is_named(cascade, seed, share, method, locked):
    history = kl.read_history(cascade, history_frame(seed, 16))
    target = 0.4 + 0.5 * share
    options = {"kpi": "paid", "target": target, "period": "2021-04", "method": method, "locked": locked}
    plan, refused = plan_or_refusal(cascade, history, options)
    if plan is None:
        assert method == "gap_to_best" or any(f"{unit} locked at" in refused for unit in locked), refused
        return
    wanted = targets_of(plan)
    assert all(wanted[unit] == value for unit, value in locked.items())
    assert plan.residuals()["residual"].abs().max() <= 1e-9
    again = rolled_up_again(cascade, history, plan, "paid", "2021-04")
    assert again["all"] == pytest.approx(target, abs=1e-9)


def test_a_lock_two_levels_down_is_known_at_the_top(chain):
    plan = kl.allocate_targets(
        *chain, kpi="paid", target=0.7, period="2024-04", method="equal", locked={"n1": 0.5, "n2": 0.5}
    )
    assert targets_of(plan)["north"] == pytest.approx(0.5)
    assert targets_of(plan)["south"] > 0.85


def test_an_infeasible_target_names_locks_bounds_and_what_is_possible(chain):
    with pytest.raises(
        InputError, match=r"at most .* with north locked at 50.0 % and the upper bound 100.0 %"
    ):
        kl.allocate_targets(
            *chain, kpi="paid", target=0.97, period="2024-04", down_to="country", locked={"north": 0.5}
        )
    with pytest.raises(InputError, match=r"south bounded by 0 % to 60.0 %"):
        kl.allocate_targets(*chain, kpi="paid", target=0.97, period="2024-04", bounds={"south": (None, 0.6)})
    with pytest.raises(InputError, match=r"the upper bound 80.0 % of the children"):
        kl.allocate_targets(*chain, kpi="paid", target=0.9, period="2024-04", bounds=(None, 0.8))
    with pytest.raises(
        InputError, match=r"north, whose own children allow at most 50.0 % \(n1 locked at .* and n2 locked at"
    ):
        kl.allocate_targets(*chain, kpi="paid", target=0.97, period="2024-04", locked={"n1": 0.5, "n2": 0.5})
    with pytest.raises(InputError, match="north fixed at .* and south fixed at"):
        kl.allocate_targets(
            *chain, kpi="paid", target=0.9, period="2024-04", fixed=["north", "south"], down_to="country"
        )


def test_order_of_units_changes_nothing(tmp_path, chain):
    lines = CHAIN.splitlines()
    units = [i for i, line in enumerate(lines) if "{unit: s" in line or "{unit: n" in line]
    mixed = lines.copy()
    for place, source in zip(units, reversed(units), strict=True):
        mixed[place] = lines[source]
    cascade = kl.read_cascade(write_cascade_folder(tmp_path, "\n".join(mixed) + "\n"))
    history = kl.read_history(cascade, history_frame())
    for method in METHODS:
        options = {"kpi": "paid", "target": "+1%", "period": "2024-04", "method": method}
        straight = targets_of(kl.allocate_targets(*chain, **options))
        other = targets_of(kl.allocate_targets(cascade, history, **options))
        assert other[straight.index].to_numpy() == pytest.approx(straight.to_numpy(), abs=1e-12)


def test_inputs_are_unchanged(chain):
    cascade, history = chain
    before, values = cascade.model_dump(), history.values.copy()
    locked, bounds = {"n1": 0.7}, {"s1": (0.1, 0.99)}
    plan = kl.allocate_targets(
        cascade, history, kpi="paid", target=0.85, period="2024-04", locked=locked, bounds=bounds
    )
    table = plan.tidy()
    table["target"] = 0.0
    plan.apply(cascade)
    assert (cascade.model_dump(), locked, bounds) == (before, {"n1": 0.7}, {"s1": (0.1, 0.99)})
    assert np.array_equal(history.values, values, equal_nan=True)
    assert (targets_of(plan) > 0).all()


def test_past_periods_use_their_own_denominators_by_hand(chain):
    cascade, history = chain
    plan = kl.allocate_targets(
        cascade, history, kpi="paid", target=0.9, period="2022-06", method="proportional", unit="north"
    )
    rows = plan.tidy().set_index("unit")
    t = history.position(cascade.period("2022-06"))
    paid, bills = (history.measure(name)[t, [3, 4]] for name in ("paid", "bills"))
    kept = (1 - 0.9) / (1 - paid.sum() / bills.sum())
    assert rows["weight"].tolist() == bills.tolist()
    assert rows["target"].to_numpy() == pytest.approx(1 - kept * (1 - paid / bills), abs=1e-12)
    assert str(plan.base) == "2022-06"


def test_future_periods_rest_on_the_same_months_of_the_latest_year(chain):
    cascade, history = chain
    plan = kl.allocate_targets(cascade, history, kpi="paid", target=0.9, period="2025-03")
    t = history.position(cascade.period("2023-03"))
    assert str(plan.base) == "2023-03"
    assert plan.at("shop").tidy()["weight"].tolist() == history.measure("bills")[t, 3:].tolist()
    year = kl.allocate_targets(cascade, history, kpi="paid", target=0.9, period="2024")
    assert str(year.base) == "2022-01..2022-12"
    given = kl.allocate_targets(
        cascade, history, kpi="paid", target=0.9, period="2024", weights={"north": 1, "south": 3}, method="equal",
        locked={"north": 0.84}, down_to="country",
    )  # fmt: skip
    assert targets_of(given)["south"] == pytest.approx((0.9 - 0.84 / 4) / (3 / 4))


@pytest.mark.parametrize(("kpi", "target"), [("unpaid", 0.12), ("open", "-10%"), ("per_day", "+4%")])
def test_formulas_and_quotients_that_follow_from_their_children_are_split(chain, kpi, target):
    plan = kl.allocate_targets(*chain, kpi=kpi, target=target, period="2024-04")
    assert plan.residuals()["residual"].abs().max() <= 1e-9 * max(1, abs(plan.target))


def test_one_minus_a_quotient_is_the_mirror_image_of_the_quotient(chain):
    paid = targets_of(kl.allocate_targets(*chain, kpi="paid", target=0.88, period="2024-04"))
    unpaid = targets_of(kl.allocate_targets(*chain, kpi="unpaid", target=0.12, period="2024-04"))
    assert unpaid.to_numpy() == pytest.approx(1 - paid[unpaid.index].to_numpy(), abs=1e-12)


def test_a_level_without_the_kpi_is_passed_over(chain):
    plan = kl.allocate_targets(*chain, kpi="skips", target="+5%", period="2024-04")
    assert set(plan.tidy()["unit"]) == set(SHOPS)
    assert set(plan.tidy()["parent"]) == {"all"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"kpi": "odd"}, r"cascade.yaml:\d+: kpi 'odd' cannot be split: 'paid_total \* bills' of the parent"),
        ({"kpi": "days_open"}, "'days' is the same for all siblings"),
        ({"kpi": "at_top"}, r"no unit below 'all' has kpi 'at_top'; add a level to its levels \(country, shop\)"),
        ({"kpi": "payd"}, "unknown kpi 'payd'; did you mean 'paid'"),
        ({"unit": "nroth"}, "unknown unit 'nroth'; did you mean 'north'"),
        ({"kpi": "skips", "unit": "north"}, "'north' is a country, and kpi 'skips' exists at group, shop only"),
        ({"method": "capabilty"}, "unknown method 'capabilty'; did you mean 'capability'"),
        ({"down_to": "town"}, "unknown level 'town'"),
        ({"period": "2024-13"}, "not in the calendar"),
        ({"period": "2019-01"}, "before history"),
        ({"target": 90}, "share between 0 and 1; 90 is outside; write 0.9"),
        ({"target": "ninety"}, "no target"),
        ({"target": float("nan")}, "no target|no number"),
        ({"kpi": "paid_total", "target": "95%"}, "'95%' of what"),
        ({"locked": {"n9": 0.5, "n1": 1.5}}, r"'n9' gets no target[\s\S]*'n1' is locked at 1.5"),
        ({"bounds": {"n1": (0.9, 0.2)}}, "run backwards: 0.9 is above 0.2"),
        ({"fixed": ["n1"], "locked": {"n1": 0.5}}, "'n1' is locked too"),
        ({"weights": {"n1": -1}}, "the weight of 'n1' is -1"),
        ({"weights": {"north": 0, "south": 0}}, "no child of 'all' can be given a target for 'paid'"),
        ({"method": "evidence"}, "pass links=kl.fit_links"),
        ({"unit": "n1"}, "no unit below 'n1' has kpi 'paid'"),
    ],
)  # fmt: skip
def test_bad_input_is_named_with_its_remedy(chain, options, said):
    with pytest.raises(InputError, match=said):
        kl.allocate_targets(*chain, **{"kpi": "paid", "target": 0.9, "period": "2024-04", **options})


def test_children_without_history_are_named_and_get_no_target(cascade):
    frame = history_frame()
    history = kl.read_history(cascade, frame[(frame["unit"] != "s3") | (frame["period"] < "2022")])
    plan = kl.allocate_targets(cascade, history, kpi="paid", target=0.9, period="2024-04")
    assert plan.left_out == (("s3", "no value in 2023-04"),)
    assert "Without a target: s3 (no value in 2023-04)." in plan.text
    assert "s3" not in set(plan.tidy()["unit"])
    assert plan.glance()["n_left_out"].item() == 1


def test_capability_without_history_to_measure_says_so(cascade):
    history = kl.read_history(cascade, history_frame(0, 3))
    options = {"kpi": "paid", "target": 0.9, "period": "2020-03"}
    with pytest.raises(InputError, match="fewer than six"):
        kl.allocate_targets(cascade, history, **options)
    plan = kl.allocate_targets(cascade, history, method="equal", **options)
    assert plan.tidy()["difficulty"].isna().all()
    assert set(plan.tidy()["note"]) == {"2 changes in history: too few for a probability"}


def test_flag_and_stretch_are_those_of_the_childs_own_history_by_hand(chain):
    cascade, history = chain
    plan = kl.allocate_targets(cascade, history, kpi="paid", target=0.9, period="2024-04", method="equal")
    row = plan.tidy().set_index("unit").loc["s1"]
    own = kl.kpi_frame(cascade, history, "paid")["s1"].to_numpy()
    yearly = own[12:] - own[:-12]
    assert row["best"] == pytest.approx(np.quantile(own, 0.9))
    assert row["stretch"] == pytest.approx((0.9 - own[-1]) / np.sqrt(np.mean(yearly**2)))
    assert row["beyond_best"] == (np.quantile(own, 0.9) < 0.9)


def test_capability_has_the_least_stretch_of_all_methods(chain):
    plans = [
        kl.allocate_targets(*chain, kpi="paid", target="+1%", period="2024-04", method=method).glance()
        for method in METHODS
    ]
    stretch = {plan["method"].item(): plan["stretch"].item() for plan in plans}
    assert min(stretch, key=stretch.get) == "capability"


def test_difficulty_is_calibrated_on_a_random_walk_with_known_truth():
    from kpilab.scorecard.difficulty import probability_of_reaching, record_of

    rng = np.random.default_rng(1)
    walks = rng.normal(size=(240 + 12, 4000)).cumsum(axis=0)
    record = record_of(walks[:240], 12)
    asked = walks[239] + rng.normal(size=4000) * 12**0.5
    chance = probability_of_reaching(walks[239], asked, record, True)
    hit = walks[-1] >= asked
    for low in (0.0, 0.2, 0.4, 0.6, 0.8):
        chosen = (chance >= low) & (chance < low + 0.2)
        assert abs(chance[chosen].mean() - hit[chosen].mean()) < 0.05


def test_plan_becomes_a_cascade_whose_scorecard_has_its_targets(chain, tmp_path):
    cascade, history = chain
    plan = kl.allocate_targets(cascade, history, kpi="paid", target=0.9, period="2023-04", method="equal")
    other = plan.apply(cascade)
    assert len(cascade.targets) == 0
    assert {target.status for target in other.targets} == {"illustrative"}
    card = kl.roll_up(other, history, period="2023-04").tidy()
    card = card[card["kpi"] == "paid"].set_index("unit")["target"]
    assert card.drop("all").to_dict() == pytest.approx(targets_of(plan).to_dict())
    assert card["all"] == 0.9
    assert plan.apply(other) == other
    kl.write_cascade(other, tmp_path / "saved")
    assert kl.read_cascade(tmp_path / "saved").targets == other.targets


@pytest.mark.parametrize(
    ("start", "end", "left"),
    [
        (None, None, [(None, "2023-03"), ("2023-07", None)]),
        ("2023-01", "2023-05", [("2023-01", "2023-03")]),
        ("2023-05", None, [("2023-07", None)]),
        ("2023-04", "2023-06", []),
        ("2023-07", "2023-09", [("2023-07", "2023-09")]),
        (None, "2023-03", [(None, "2023-03")]),
    ],
)
def test_a_units_own_target_gives_way_in_the_plans_periods_only(chain, start, end, left):
    cascade, history = chain
    own = Target(kpi="paid", unit="north", start=start, end=end, target=0.7)
    for_all = Target(kpi="paid", target=0.6)
    plan = kl.allocate_targets(
        cascade, history, kpi="paid", target=0.9, period="2023-04..2023-06", method="equal"
    )
    other = plan.apply(cascade.replace(targets=(own, for_all)))
    kept = [(each.start, each.end) for each in other.targets if each.target == 0.7]
    assert kept == left
    assert for_all in other.targets
    assert "targets_overlap" not in {each.rule for each in kl.check(other, history).findings}


def test_who_has_furthest_to_go_is_never_one_who_may_fall_back(chain):
    """Asked for the level of the worst, everybody else may fall back: nobody has any way to go."""
    cascade, history = chain
    plan = kl.allocate_targets(cascade, history, kpi="paid", target=0.05, period="2024-04", method="equal")
    assert (plan.tidy()["stretch"] < 0).all()
    assert "Nobody is asked for more than there is." in plan.text
    assert "furthest" not in plan.text


def test_target_of_a_summed_year_is_spread_over_its_months(chain):
    cascade, history = chain
    plan = kl.allocate_targets(
        cascade, history, kpi="paid_total", target="+5%", period="2022", method="equal"
    )
    card = kl.roll_up(plan.apply(cascade), history, period="2022").tidy()
    card = card[(card["kpi"] == "paid_total")].set_index("unit")["target"]
    assert card["all"] == pytest.approx(plan.target)


def test_levels_and_html_are_the_plans_own(chain):
    plan = kl.allocate_targets(*chain, kpi="paid", target=0.85, period="2024-04")
    country = plan.at("country")
    assert list(country.tidy()["unit"]) == ["north", "south"]
    assert list(country.residuals()["unit"]) == ["all"]
    assert "North" in country._repr_html_()
    with pytest.raises(InputError, match="unknown level"):
        plan.at("town")


def run(capsys, *arguments):
    """Return exit code, stdout and stderr of a command."""
    with pytest.raises(SystemExit) as stopped:
        cli.main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return stopped.value.code, out, err


@pytest.fixture
def folder(tmp_path):
    written = write_cascade_folder(tmp_path / "chain", CHAIN)
    history_frame().to_csv(written / "history.csv", index=False)
    return written


def test_command_prints_the_rows_of_the_plan(chain, folder, capsys):
    code, out, err = run(
        capsys, "targets", folder, "--kpi", "paid", "--target", "85%", "--period", "2024-04", "--method", "equal",
        "--lock", "north=80%", "--lock", "n1=0.7", "--json",
    )  # fmt: skip
    assert (code, err) == (0, "")
    plan = kl.allocate_targets(
        *chain, kpi="paid", target=0.85, period="2024-04", method="equal", locked={"north": 0.8, "n1": 0.7}
    )
    assert [row["target"] for row in json.loads(out)["rows"]] == plan.tidy()["target"].tolist()
    assert json.loads(out)["glance"]["method"] == "equal"


def test_command_says_what_is_in_the_way_on_stderr(folder, capsys):
    options = ["--kpi", "paid", "--target", "99%", "--period", "2024-04", "--lock", "north=0.5"]
    code, out, err = run(capsys, "targets", folder, *options)
    assert (code, out) == (2, "")
    assert "with north locked at 50.0 %" in err
    assert run(capsys, "targets", folder, *options, "--lock", "south")[2].startswith(
        "--lock: 'south' is no lock"
    )


def test_command_writes_the_plan_into_the_folder_when_told(folder, capsys):
    options = ["--kpi", "paid", "--target", "+1%", "--period", "2024-04", "--down-to", "country"]
    assert run(capsys, "targets", folder, *options)[0] == 0
    assert kl.read_cascade(folder).targets == ()
    assert run(capsys, "targets", folder, *options, "--write")[0] == 0
    written = kl.read_cascade(folder).targets
    assert [target.unit for target in written] == ["all", "north", "south"]
    assert {target.status for target in written} == {"illustrative"}


def test_people_read_names_and_sentences(folder, capsys):
    out = run(capsys, "targets", folder, "--kpi", "paid", "--target", "+1%", "--period", "2024-04")[1]
    assert "Group: Paid in time from" in out
    assert "North 1" in out
