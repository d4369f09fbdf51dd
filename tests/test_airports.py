"""US airports: published identities hold at every level and in every month, and the defects in the source are found."""

import numpy as np
import pandas as pd
import pytest

import kpilab as kl
from kpilab.scorecard.panels import kpi_panel
from tests.real_data import AIRPORTS

N_MONTHS = 152


@pytest.fixture(scope="module")
def cascade(airports_folder):
    return kl.read_cascade(airports_folder)


@pytest.fixture(scope="module")
def history(cascade):
    return kl.read_history(cascade)


@pytest.fixture(scope="module")
def rows(airports_folder):
    """Give the extract itself, with the region of each airport."""
    table = pd.read_csv(AIRPORTS / "airport_month.csv")
    return table.assign(region=table["region"].map(lambda name: "FAA-" + name.replace(" ", "-")), nation="US")


def panel(cascade, history, kpi):
    return kpi_panel(cascade, history, cascade.kpi(kpi)).values


def test_three_levels_and_every_month_without_a_gap(cascade, history):
    assert {level: len(cascade.units_at(level)) for level in cascade.levels} == {
        "nation": 1,
        "region": 7,
        "airport": 29,
    }
    assert len(history.periods) == N_MONTHS
    assert not np.isnan(panel(cascade, history, "on_time")).any()


def test_every_flight_has_one_outcome_at_every_level_and_month(cascade, history):
    assert (panel(cascade, history, "not_accounted_for") == 0).all()


def test_causes_and_minutes_sum_to_their_totals_within_the_rounding_of_the_source(cascade, history):
    airports = [position for position, unit in enumerate(cascade.units) if unit.level == "airport"]
    assert np.abs(panel(cascade, history, "delays_without_cause")[:, airports]).max() == 9
    assert np.abs(panel(cascade, history, "minutes_without_cause")[:, airports]).max() == 4


@pytest.mark.parametrize(
    ("level", "column"), [("nation", "nation"), ("region", "region"), ("airport", "airport")]
)
def test_shares_are_ratios_of_sums_over_airports_and_over_the_year(cascade, history, rows, level, column):
    year = (
        rows[rows["period"].str.startswith("2014")]
        .groupby(column)[["flights_on_time", "flights_total"]]
        .sum()
    )
    card = kl.roll_up(cascade, history, period="2014").at(level).tidy()
    actual = card[card["kpi"] == "on_time"].set_index("unit")["actual"].sort_index()
    assert (actual == year["flights_on_time"] / year["flights_total"]).all()
    flights = card[card["kpi"] == "flights"].set_index("unit")["actual"].sort_index()
    assert (flights == year["flights_total"]).all()


def test_check_finds_the_two_negative_counts_of_the_source_and_nothing_else_is_an_error(cascade, history):
    errors = [finding for finding in kl.check(cascade, history).findings if finding.severity == "error"]
    assert sorted(finding.what for finding in errors) == [
        "MIA, 2008-09: delays_security is -1",
        "TPA, 2003-09: delays_security is -1",
    ]
    assert all(finding.where.startswith("history.csv:") for finding in errors)


def test_links_are_tested_at_29_airports(cascade, history):
    links = kl.fit_links(cascade, history).tidy().set_index(["cause", "effect"])
    assert (links["n_units"] == 29).all()
    assert links["verdict"].isin(["supported", "contradicted", "inconclusive"]).all()
    late = links.loc[("carrier", "late_aircraft")]
    assert late["conf_low"] > 0
