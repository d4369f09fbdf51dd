"""What the map denies, on histories with a known truth."""

import numpy as np
import pytest

import kpilab as kl
from kpilab.evidence.unroll import denied_arrows
from tests.simulated import chain, simulated

CHAIN = ['cause: x, effect: m, sign: "+", lag: 1', 'cause: m, effect: y, sign: "+", lag: 1']


def test_right_map_is_left_in_peace(tmp_path):
    missing = kl.find_missing_links(*simulated(tmp_path, chain(n_units=20, seed=2), CHAIN))
    assert set(missing.tidy()["verdict"]) == {"agrees"}
    assert missing.glance()["fisher_p"].item() > 0.05


def test_arrow_that_was_left_out_is_found(tmp_path):
    """History has x → y beside x → m → y; the map does not draw it."""
    missing = kl.find_missing_links(*simulated(tmp_path, chain(n_units=20, seed=2, direct=0.4), CHAIN))
    disputed = missing.tidy().query("verdict == 'disagrees'")
    assert ("x", "y", 1) in set(zip(disputed["cause"], disputed["effect"], disputed["lag_from"], strict=True))
    assert missing.glance()["fisher_p"].item() < 0.001
    assert "Your map says that 'X' does not move 'Y'" in missing.text


def test_claims_are_the_pairs_without_an_arrow(tmp_path):
    table = kl.find_missing_links(*simulated(tmp_path, chain(), CHAIN)).tidy()
    lagged = table[table["lag_from"] == 1]
    assert set(zip(lagged["cause"], lagged["effect"], strict=True)) == {
        ("m", "x"),
        ("x", "y"),
        ("y", "x"),
        ("y", "m"),
    }
    at_once = table[table["lag_from"] == 0]
    assert set(zip(at_once["cause"], at_once["effect"], strict=True)) == {("m", "x"), ("m", "y"), ("x", "y")}


def test_lags_beside_an_arrow_are_denied_too(tmp_path):
    """Of x → m at lag 2 and a longest lag of 4 the map denies lag 1 and lags 3 to 4 (and the same period, m → x)."""
    links = ['cause: x, effect: m, sign: "+", lag: 2', 'cause: m, effect: y, sign: "+", lag: 4']
    table = kl.find_missing_links(*simulated(tmp_path, chain(), links)).tidy()
    beside = table.query("cause == 'x' and effect == 'm'").sort_values("lag_from")
    assert beside[["lag_from", "lag_to"]].to_numpy().tolist() == [[1, 1], [3, 4]]
    assert beside["controls"].iloc[1].endswith("x[t-2]")
    assert "after 3 to 4 months" in beside["reason"].iloc[1]


def test_claims_are_the_basis_set_of_the_unrolled_map(tmp_path):
    """Each lag that the unrolled map denies lies in exactly one window, and no other lag does."""
    drawn = [("x", "m", 1, 2), ("m", "y", 0, 0), ("y", "x", 3, 3)]
    links = [f"cause: {c}, effect: {e}, lag: [{a}, {b}]" for c, e, a, b in drawn]
    table = kl.find_missing_links(*simulated(tmp_path, chain(n_periods=60), links)).tidy()
    claimed = [
        (row.cause, row.effect, lag)
        for row in table.itertuples()
        for lag in range(row.lag_from, row.lag_to + 1)
    ]
    assert sorted(claimed) == sorted((d.cause, d.effect, d.lag) for d in denied_arrows(drawn, 3))


def test_a_loop_without_a_lag_is_an_error_that_names_it(tmp_path):
    links = ["cause: x, effect: m, lag: 0", "cause: m, effect: x, lag: 0"]
    with pytest.raises(kl.InputError, match="loop within one period: m → x → m"):
        kl.find_missing_links(*simulated(tmp_path, chain(), links))


def test_mediator_is_held_constant(tmp_path):
    table = kl.find_missing_links(*simulated(tmp_path, chain(), CHAIN)).tidy()
    claim = table[(table["cause"] == "x") & (table["effect"] == "y") & (table["lag_from"] == 1)]
    assert "m[t-1]" in claim["controls"].item()


def test_pairs_of_one_measure_are_related_by_construction(tmp_path):
    cascade, history = simulated(tmp_path, chain(), CHAIN)
    twin = cascade.kpi("y").model_copy(update={"last": "x"})
    missing = kl.find_missing_links(cascade.replace(kpis=(*cascade.kpis[:2], twin)), history)
    rows = missing.tidy().query("cause == 'x' and effect == 'y'")
    assert set(rows["verdict"]) == {"untestable"}
    assert rows["reason"].str.contains("computed from x").all()


def test_map_without_arrows_denies_nothing(tmp_path):
    cascade, history = simulated(tmp_path, chain(), CHAIN)
    missing = kl.find_missing_links(cascade.replace(links=()), history)
    assert len(missing.tidy()) == 0
    assert missing.glance()["n_claims"].item() == 0


def test_right_maps_are_disputed_as_rarely_as_promised(tmp_path):
    """Twelve right maps of 20 units: at most one in ten claims below 5 %."""
    p_values = []
    for seed in range(12):
        missing = kl.find_missing_links(*simulated(tmp_path / str(seed), chain(n_units=20, seed=seed), CHAIN))
        p_values += list(missing.tidy()["p_value"])
    assert len(p_values) == 12 * 7
    assert np.mean(np.array(p_values) < 0.05) <= 0.1
