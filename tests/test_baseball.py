"""Baseball: single players add up exactly to the team totals that the databank publishes in a table of its own."""

import pandas as pd
import pytest

import kpilab as kl
from kpilab.model.history_checks import findings
from tests.real_data import baseball_build

SEASON = "2016"


@pytest.fixture(scope="module")
def cascade(baseball_folder):
    return kl.read_cascade(baseball_folder)


@pytest.fixture(scope="module")
def history(cascade):
    return kl.read_history(cascade)


@pytest.fixture(scope="module")
def season(cascade, history):
    """Give the scorecard of one season, in which every franchise was in the league and division it is in now."""
    return kl.roll_up(cascade, history, period=SEASON).tidy()


@pytest.fixture(scope="module")
def published():
    """Give the databank's own table of teams for that season."""
    teams = baseball_build().databank("Teams")
    teams = teams[teams["yearID"] == int(SEASON)].copy()
    teams["division"] = teams["lgID"] + "-" + teams["divID"]
    return teams


def actual(season: pd.DataFrame, kpi: str, level: str) -> pd.Series:
    rows = season[(season["kpi"] == kpi) & (season["level"] == level)]
    return rows.set_index("unit")["actual"].sort_index()


def test_from_the_leagues_to_every_player_of_36_seasons(cascade, history):
    n_units = {level: len(cascade.units_at(level)) for level in cascade.levels}
    assert n_units == {"league": 2, "division": 6, "franchise": 30, "player": 21108}
    assert (str(history.periods[0]), str(history.periods[-1])) == ("1985", "2020")


@pytest.mark.parametrize(
    ("level", "column"), [("franchise", "franchID"), ("division", "division"), ("league", "lgID")]
)
def test_batting_of_players_adds_up_to_the_published_totals_of_every_team(season, published, level, column):
    totals = published.groupby(column)[["AB", "H", "2B", "3B", "HR", "BB", "HBP", "SF"]].sum()
    bases = totals["H"] + totals["2B"] + 2 * totals["3B"] + 3 * totals["HR"]
    on_base = totals["H"] + totals["BB"] + totals["HBP"]
    chances = totals["AB"] + totals["BB"] + totals["HBP"] + totals["SF"]
    assert (actual(season, "batting_average", level) == totals["H"] / totals["AB"]).all()
    assert (actual(season, "slugging", level) == bases / totals["AB"]).all()
    assert (actual(season, "on_base", level) == on_base / chances).all()
    assert (actual(season, "home_runs", level) == totals["HR"]).all()


def test_a_team_average_is_the_ratio_of_sums_of_its_players_and_not_their_mean(season, cascade, history):
    year = history.position(cascade.period(SEASON))
    place = {unit: position for position, unit in enumerate(history.units)}
    players = [place[unit.id] for unit in cascade.children("NYY")]
    hits, at_bats = (pd.Series(history.measure(name)[year, players]) for name in ("hits", "at_bats"))
    average = actual(season, "batting_average", "franchise")["NYY"]
    assert average == hits.sum() / at_bats.sum()
    assert abs(average - (hits / at_bats).mean()) > 0.05


def test_a_player_has_the_batting_average_of_the_record_books(season):
    assert round(actual(season, "batting_average", "player")["ortizda01.BOS"], 3) == 0.315
    assert actual(season, "home_runs", "player")["ortizda01.BOS"] == 38


def test_a_player_has_a_card_of_his_own(cascade, history):
    """Mike Trout in 2016, as the record books have him: on-base .441, slugging .550."""
    card = kl.line_of_sight(cascade, history, owner="troutmi01.ANA", period=SEASON)
    table = card.tidy().set_index("kpi")
    assert table.loc[["on_base", "slugging"], "actual"].round(3).tolist() == [0.441, 0.550]
    assert table.loc["on_base", "path"] == "on_base → runs_scored"
    assert card.name.startswith("Mike Trout")
    with pytest.raises(kl.InputError, match="unknown owner 'troutmi02'"):
        kl.line_of_sight(cascade, history, owner="troutmi02")


def test_earned_run_average_of_a_franchise_is_the_published_one(season, published):
    era = published.set_index("franchID")["ERA"].sort_index()
    assert (actual(season, "earned_runs", "franchise") - era).abs().max() < 0.00501


def test_check_finds_the_published_totals_that_differ_from_their_players(cascade, history):
    differs = [each.what for each in findings(cascade, history) if each.rule == "parent_differs"]
    assert [what for what in differs if "earned_runs" not in what] == [
        next(what for what in differs if "stolen_bases" in what)
    ]
    assert len([what for what in differs if "earned_runs" in what]) == 30


def test_ten_runs_more_are_one_win_more_as_the_rule_of_thumb_says(cascade, history):
    links = kl.fit_links(cascade, history).tidy().set_index(["cause", "effect"])
    runs_per_win = 1 / links.loc[("runs_scored", "win_share"), "estimate"]
    assert 9 < runs_per_win < 12
    assert links.loc[("on_base", "runs_scored"), "verdict"] == "supported"
    assert links.loc[("win_share", "attendance"), "verdict"] == "supported"


def test_managers_stints_are_those_of_the_databank(cascade):
    managers = (
        baseball_build()
        .databank("Managers")
        .merge(baseball_build().databank("Teams")[["yearID", "teamID", "franchID"]], on=["yearID", "teamID"])
    )
    stints = [action for action in cascade.actions if action.process == "game_day"]
    assert len(stints) == 10
    for stint in stints:
        manager, franchise = stint.id.split("_")
        own = managers[(managers["playerID"] == manager) & (managers["franchID"] == franchise.upper())]
        seasons = own[(own["yearID"] >= int(stint.start)) & (own["yearID"] <= int(stint.end))]["yearID"]
        assert sorted(seasons) == list(range(int(stint.start), int(stint.end) + 1)), stint.id


def test_check_of_the_shipped_case_finds_no_error_and_stays_readable(cascade, history):
    report = kl.check(cascade, history).tidy()
    assert not (report["severity"] == "error").any()
    assert len(report) < 250


def test_players_who_come_and_go_are_told_once_per_franchise(cascade, history):
    ends = [each for each in findings(cascade, history) if each.rule == "unit_ends"]
    franchises = sorted(unit.id for unit in cascade.units_at("franchise"))
    assert sorted(each.what.split(":")[0] for each in ends) == franchises
    n_players = len(cascade.children("ANA"))
    assert f"of its {n_players} units" in next(each.what for each in ends if each.what.startswith("ANA:"))
