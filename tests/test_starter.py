"""The cascade that `kpilab init` writes: checked, exact from persons to company, links known by construction."""

import numpy as np
import pytest

import kpilab as kl
from kpilab import cli
from kpilab.model.start import PEOPLE, generated_history, start_cascade


@pytest.fixture(scope="module")
def starter(tmp_path_factory):
    folder = tmp_path_factory.mktemp("start") / "firm"
    start_cascade(folder)
    cascade = kl.read_cascade(folder)
    return cascade, kl.read_history(cascade)


def test_check_finds_nothing_but_notes_on_indicators_and_plans(starter):
    """True by construction: revenue is orders times a steady price, and neither has trend or season."""
    found = kl.check(*starter).findings
    assert {finding.severity for finding in found} == {"note"}
    assert {finding.rule for finding in found} == {
        "kpi_noisy",
        "kpi_near_duplicates",
        "leading_without_link",
        "action_after_history",
    }


def test_it_has_three_levels_with_individual_kpis(starter):
    cascade, _ = starter
    assert cascade.levels == ("company", "department", "person")
    assert {child.id for child in cascade.children("city")} == set(PEOPLE["city"])
    table = kl.roll_up(*starter, period="2024").at("person").tidy()
    assert len(table) == 6 * 12
    assert table["actual"].notna().all()
    assert table["target"].notna().all()


@pytest.mark.parametrize("kpi", ["revenue", "orders", "calls", "training_hours"])
@pytest.mark.parametrize("column", ["actual", "target"])
def test_persons_add_up_exactly_to_departments_and_company(starter, kpi, column):
    card = kl.roll_up(*starter, period="2024")
    rows = card.tidy()
    rows = rows[rows["kpi"] == kpi]
    sums = [rows.loc[rows["level"] == level, column].sum() for level in starter[0].levels]
    assert sums[0] == sums[1] == sums[2] > 0


def test_share_of_the_company_is_the_ratio_of_sums(starter):
    history = generated_history()
    last = history[history["period"] == "2024-12"]
    table = kl.roll_up(*starter, period="2024-12").at("company").tidy().set_index("kpi")
    assert table.loc["solved_in_time", "actual"] == last["tickets_in_time"].sum() / last["tickets"].sum()


def test_links_are_found_as_they_were_made(starter):
    """True by construction: 0.2 orders per call, 0.015 per hour, nothing per call for the size of an order."""
    links = kl.fit_links(*starter)
    for pair, truth in ((("calls", "orders"), 0.2), (("training_hours", "solved_in_time"), 0.015)):
        assert links[pair].verdict == "supported"
        assert links[pair].fit.conf_low < truth < links[pair].fit.conf_high
    assert links[("calls", "average_order")].verdict != "supported"


def test_same_files_each_time(tmp_path):
    first, second = start_cascade(tmp_path / "a"), start_cascade(tmp_path / "b")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_numbers_are_counts_that_can_be(starter):
    history = generated_history()
    assert len(history) == 48 * 12
    assert (history.drop(columns=["period", "unit"]) >= 0).all(axis=None)
    assert (history["tickets_in_time"] <= history["tickets"]).all()
    assert np.isfinite(history["revenue"]).all()


def test_nothing_is_overwritten(tmp_path, capsys):
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(SystemExit) as stopped:
        cli.main(["init", str(tmp_path)])
    assert stopped.value.code == 2
    assert capsys.readouterr().err == (
        f"{tmp_path}: is not empty and nothing is overwritten; name a new folder, or empty this one\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    with pytest.raises(kl.InputError, match="is a file; name a new folder"):
        start_cascade(tmp_path / "mine.txt")


def test_init_prints_what_it_wrote(tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main(["init", str(tmp_path / "new")])
    assert stopped.value.code == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:-1] == [str(tmp_path / "new" / name) for name in ("cascade.yaml", "units.csv", "targets.csv", "history.csv")]  # fmt: skip  # noqa: E501
    assert lines[-1].startswith("Next: kpilab check")


def test_it_says_that_it_is_generated(starter):
    assert "not real" in starter[0].attribution
    assert "not real" in starter[0].name
