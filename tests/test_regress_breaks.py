"""The break test against R's strucchange."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from kpilab.evidence.regress import NotEstimable, sup_f
from kpilab.evidence.regress.breaks import hansen_p

REFERENCE = Path(__file__).parent / "reference"
TABLE = pd.read_csv(REFERENCE / "regress.csv")
FROM_R = {case: dict(zip(rows.name, rows.value, strict=True)) for case, rows in TABLE.groupby("case")}


@pytest.fixture(scope="module")
def belts():
    y = np.log10(pd.read_csv(REFERENCE / "seatbelts.csv").drivers.to_numpy(float))
    return y[12:], np.column_stack([y[11:-1], y[:-12]])


def assert_equal_to_r(result, case):
    expected = FROM_R[case]
    assert_allclose(result.statistic, expected["statistic"], rtol=1e-9)
    assert_allclose(result.p_value, expected["p_value"], rtol=1e-7, atol=1e-15)
    assert result.last_before == expected["breakpoint"] - 1
    assert len(result.path) == expected["candidates"]


@pytest.mark.parametrize("trim", [0.05, 0.1, 0.15, 0.25])
def test_sup_f_matches_r_strucchange_seat_belts(belts, trim):
    assert_equal_to_r(sup_f(*belts, trim=trim), f"supf_belts_{trim}")


def test_sup_f_matches_r_strucchange_constant_only(belts):
    assert_equal_to_r(sup_f(belts[0], np.empty((180, 0))), "supf_mean_0.15")


def test_sup_f_matches_r_strucchange_eggs():
    table = pd.read_csv(REFERENCE / "chickegg.csv")
    assert_equal_to_r(sup_f(table.chicken, table[["egg"]]), "supf_egg_0.15")


def test_a_given_constant_is_not_added_twice(belts):
    y, X = belts
    with_constant = sup_f(y, np.column_stack([np.ones(180), X]))
    assert with_constant.coefficients == 3
    assert_allclose(with_constant.statistic, sup_f(y, X).statistic)


def test_missing_rows_are_left_out_and_places_kept(belts):
    y, X = belts
    longer = np.r_[np.full(12, np.nan), y]
    result = sup_f(longer, np.vstack([np.full((12, 2), np.nan), X]))
    assert result.n_obs == 180
    assert result.last_before == sup_f(y, X).last_before + 12


@pytest.mark.parametrize("case", [case for case in FROM_R if case.startswith("hansen")])
def test_hansen_p_matches_r_strucchange(case):
    _, coefficients, statistic, trim = case.split("_")
    expected = FROM_R[case]["p_value"]
    found = hansen_p(float(statistic), int(coefficients), float(trim))
    assert_allclose(found, expected, rtol=1e-7, atol=1e-14)


def test_chow_statistic_matches_two_separate_fits(belts):
    y, X = belts
    design = np.column_stack([np.ones(180), X])
    result = sup_f(y, X)
    split = int(result.candidates[20]) + 1

    def squares(rows):
        return float(np.linalg.lstsq(design[rows], y[rows])[1][0])

    apart = squares(slice(0, split)) + squares(slice(split, None))
    assert_allclose(result.path[20], (squares(slice(None)) - apart) / apart * 174, rtol=1e-9)


def test_size_on_stable_series():
    rng = np.random.default_rng(2)
    p_values = [sup_f(rng.standard_normal(100), rng.standard_normal((100, 1))).p_value for _ in range(400)]
    assert 0.01 < np.mean(np.array(p_values) < 0.05) < 0.09


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (lambda: sup_f(np.ones(50), np.arange(50.0)), "no variation"),
        (lambda: sup_f(np.arange(50.0), np.arange(50.0)), "identity"),
        (lambda: sup_f(np.arange(4.0) ** 2, np.arange(4.0)), "too few rows"),
        (lambda: sup_f(np.full(10, np.nan), np.arange(10.0)), "too few rows"),
    ],
)
def test_what_cannot_be_tested_is_refused(call, reason):
    with pytest.raises(NotEstimable) as refusal:
        call()
    assert refusal.value.reason == reason


def test_nonsense_arguments_are_refused():
    for trim in (0.0, 0.5, 15):
        with pytest.raises(ValueError, match="trim"):
            sup_f(np.arange(50.0), np.arange(50.0), trim=trim)
    with pytest.raises(ValueError, match="same rows"):
        sup_f(np.arange(50.0), np.arange(49.0))
