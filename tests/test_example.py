"""The shipped example: what it holds, and facts computed from its csv files without kpilab."""

import importlib.util

import pandas as pd
import pytest

import kpilab as kl

ATTENDANCES = ["ae_attendances", "ae_within_4h"]
EPISODES = ["ae_episodes", "ae_over_8h", "ae_over_12h"]
OPERATIONS = ["ops_planned", "ops_cancelled", "ops_cancelled_capacity", "ops_cancelled_clinical"]
ATTRIBUTION = (
    "Contains public sector information from Public Health Scotland (opendata.nhs.scot), licensed under the "
    "Open Government Licence v3.0. Derived extract; not endorsed by PHS."
)


@pytest.fixture(scope="module")
def rows(example_folder):
    """Give history.csv with the level and parent of each unit."""
    units = pd.read_csv(example_folder / "units.csv")
    return pd.read_csv(example_folder / "history.csv").merge(units, on="unit", validate="many_to_one")


@pytest.fixture(scope="module")
def boards(rows):
    return rows[rows["level"] == "board"].set_index(["unit", "period"])


@pytest.fixture(scope="module")
def hospital_sums(rows):
    hospitals = rows[rows["level"] == "hospital"]
    measures = [*ATTENDANCES, *EPISODES, *OPERATIONS]
    return hospitals.groupby(["parent", "period"])[measures].sum(min_count=1).rename_axis(["unit", "period"])


def test_the_cascade_holds_what_the_readme_says(example_cascade):
    counts = {
        noun: len(getattr(example_cascade, noun)) for noun in ("objectives", "kpis", "links", "actions")
    }
    assert counts == {"objectives": 4, "kpis": 13, "links": 9, "actions": 12}
    assert len({objective.perspective for objective in example_cascade.objectives}) >= 3
    assert [len(example_cascade.units_at(level)) for level in example_cascade.levels] == [1, 15, 60]


def test_every_kpi_has_factor_process_owner_timing_and_every_measure_a_column(example_cascade, rows):
    for kpi in example_cascade.kpis:
        assert None not in (kpi.factor, kpi.process, kpi.owner, kpi.timing), kpi.id
        if kpi.ratio:
            assert {kpi.ratio.of, kpi.ratio.per} <= set(rows.columns), kpi.id


def test_every_link_has_reason_sign_and_size_and_leaves_out_islands_and_golden_jubilee(example_cascade):
    for link in example_cascade.links:
        assert link.because, link.id
        assert link.sign in ("+", "-"), link.id
        assert link.min_effect, link.id
        assert link.excluded == ("S08000025", "S08000026", "S08000028", "SB0801")


def test_check_finds_the_real_defects_and_no_gap_in_the_strategy_itself(example_cascade, example_history):
    report = kl.check(example_cascade, example_history)
    found = [finding for finding in report.findings if finding.severity != "note"]
    assert not report.has_errors
    assert {f.rule for f in found if f.where.startswith("cascade.yaml")} == {"shared_measures"}
    assert {"gap", "parent_differs"} <= {finding.rule for finding in found}


def test_attribution_travels_with_the_data(example_cascade, example_folder):
    assert example_cascade.attribution == ATTRIBUTION
    assert ATTRIBUTION in (example_folder / "README.md").read_text(encoding="utf-8")
    assert ATTRIBUTION in (example_folder / "LICENCE.md").read_text(encoding="utf-8")


def test_saving_the_example_unchanged_keeps_every_line_and_comment(example_copy, example_folder):
    cascade = kl.read_cascade(example_copy)
    kl.write_cascade(cascade)
    written = (example_copy / "cascade.yaml").read_bytes()
    assert written == (example_folder / "cascade.yaml").read_bytes()
    assert kl.read_cascade(example_copy) == cascade


def test_rows_are_in_order_and_none_is_there_twice(example_folder):
    for name in ("history.csv", "history_later.csv"):
        keys = pd.read_csv(example_folder / name, usecols=["unit", "period"])[["unit", "period"]]
        pd.testing.assert_frame_equal(keys, keys.sort_values(["unit", "period"], ignore_index=True))
        assert not keys.duplicated().any()


def test_hospitals_add_up_to_boards_in_attendances(boards, hospital_sums):
    own = boards.loc[boards["ae_attendances"].notna(), ATTENDANCES]
    pd.testing.assert_frame_equal(own, hospital_sums.loc[own.index, ATTENDANCES])


def test_boards_count_more_episodes_than_their_hospitals_never_fewer(boards, hospital_sums):
    """The note that came with the extract calls these sums exact; the example's README says what they are."""
    more = (boards[EPISODES] - hospital_sums[EPISODES]).dropna()
    assert (more >= 0).all(axis=None)
    assert ((more > 0).sum().tolist(), len(more)) == ([889, 268, 166], 1855)


def test_hospitals_add_up_to_boards_in_operations_until_april_2022(boards, hospital_sums):
    until = boards.index.get_level_values("period") <= "2022-04"
    own = boards.loc[until & boards["ops_planned"].notna(), OPERATIONS]
    assert own.index.get_level_values("period").min() == "2015-05"
    pd.testing.assert_frame_equal(own, hospital_sums.loc[own.index, OPERATIONS])


def test_reasons_add_up_to_delays_and_all_but_14_times_to_cancellations(boards):
    delays = boards[boards["delayed_bed_days"].notna()]
    reasons = [f"delayed_bed_days_{reason}" for reason in ("hsc", "family", "awi", "code9_other")]
    assert (delays[reasons].sum(axis=1) == delays["delayed_bed_days"]).all()
    cancelled = boards[boards["ops_cancelled"].notna()]
    reasons = [f"ops_cancelled_{reason}" for reason in ("capacity", "clinical", "patient", "other")]
    short = cancelled[cancelled[reasons].sum(axis=1) != cancelled["ops_cancelled"]]
    assert short.groupby("unit").size().to_dict() == {"S08000017": 1, "S08000025": 13}
    assert short.index.get_level_values("period").min() == "2022-05"


def test_staffed_bed_days_are_beds_times_days(boards):
    expected = (boards["beds_staffed_q"] * boards["days_in_month"]).rename("staffed_bed_days")
    pd.testing.assert_series_equal(boards["staffed_bed_days"], expected)


def test_staffed_beds_disagree_in_570_board_months(rows):
    beds = rows.set_index(["unit", "period"])["beds_staffed_q"]
    hospitals = (
        rows[rows["level"] == "hospital"].groupby(["parent", "period"])["beds_staffed_q"].sum(min_count=1)
    )
    both = pd.DataFrame({"own": beds, "below": hospitals.rename_axis(["unit", "period"])}).dropna()
    apart = (both["own"] - both["below"]).abs()
    assert (len(both), int((apart > 0.25).sum()), int((apart > 1e-6).sum())) == (874, 570, 582)


@pytest.mark.parametrize(
    ("first", "last", "share", "n_boards"),
    [("2012-04", "2013-03", 0.936, 8), ("2022-04", "2023-03", 0.691, 1)],
)
def test_four_hour_figures_match_published(boards, first, last, share, n_boards):
    periods = boards.index.get_level_values("period")
    year = boards[(periods >= first) & (periods <= last)]
    sums = year.groupby("unit")[["ae_within_4h", "ae_attendances"]].sum(min_count=1).dropna()
    assert len(sums) == 14
    assert sums["ae_within_4h"].sum() / sums["ae_attendances"].sum() == pytest.approx(share, abs=5e-4)
    assert (sums["ae_within_4h"] / sums["ae_attendances"] >= 0.95).sum() == n_boards


def test_the_standard_fell_from_98_to_95_per_cent_in_april_2013(example_cascade):
    standard = [target for target in example_cascade.targets if target.kpi == "seen_within_4h"]
    assert [(t.unit, t.start, t.end, t.target, t.status) for t in standard] == [
        (None, "2008-01", "2013-03", 0.98, "official"),
        (None, "2013-04", None, 0.95, "official"),
    ]
    others = {t.kpi: (t.target, t.status) for t in example_cascade.targets if t not in standard}
    assert others == {
        "bed_occupancy": (0.85, "illustrative"),
        "cancelled_for_capacity": (0.015, "illustrative"),
        "over_12h": (0.001, "illustrative"),
    }


def test_loading_the_later_months_is_one_line(example_copy):
    file = example_copy / "cascade.yaml"
    text = file.read_text(encoding="utf-8")
    before = "\nhistory: {path: history.csv}\n"
    assert text.count(before) == 1
    file.write_text(
        text.replace(before, "\nhistory: {path: [history.csv, history_later.csv]}\n"), encoding="utf-8"
    )
    history = kl.read_history(kl.read_cascade(example_copy))
    assert (str(history.periods[-1]), history.duplicates) == ("2025-08", ())
    later = pd.read_csv(example_copy / "history_later.csv")
    read = history.frame("delayed_bed_days").loc["2023-06":].sum().sum()
    assert read == later["delayed_bed_days"].sum()


def test_build_makes_the_committed_files_again(example_folder, tmp_path):
    spec = importlib.util.spec_from_file_location("build_nhs_scotland", example_folder / "build.py")
    build = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(build)
    if not build.SOURCE.is_dir():
        pytest.skip(
            "the extract this example is made from is not beside the project (shared/data/nhs-scotland)"
        )
    made = build.build(build.SOURCE, tmp_path)
    assert sorted(path.name for path in made) == [
        "history.csv",
        "history_later.csv",
        "targets.csv",
        "units.csv",
    ]
    for path in made:
        assert path.read_bytes() == (example_folder / path.name).read_bytes(), path.name
