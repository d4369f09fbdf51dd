"""Parquet files are read by DuckDB: the same panel, lines and problems as the same rows read by pandas."""

import duckdb
import numpy as np
import pandas as pd
import pytest

import kpilab as kl
from tests.small import SHOP, write_cascade_folder

TIDY = {"period": ["2023-01", "2023-01", "2023-02"], "unit": ["a", "b", "a"]}
WIDE = pd.DataFrame({**TIDY, "revenue": [1.0, 2.0, None], "orders": [4, 5, 6]})
LONG = pd.DataFrame({**TIDY, "measure": ["revenue", "orders", "orders"], "value": [1.0, 5.0, 6.0]})


def both(folder, rows):
    """Read rows from a Parquet file and as a DataFrame; return two histories or the lines of two errors."""
    cascade = kl.read_cascade(write_cascade_folder(folder, SHOP.replace("history.csv", "history.parquet")))
    with duckdb.connect() as connection:
        connection.register("rows", rows)
        connection.execute(f"COPY rows TO '{folder / 'history.parquet'}' (FORMAT parquet)")
    return [outcome(cascade, source) for source in (None, rows)]


def outcome(cascade, source):
    try:
        return kl.read_history(cascade, source)
    except kl.InputError as error:
        return [str(problem).replace("history.parquet", "history") for problem in error.problems]


@pytest.mark.parametrize("rows", [WIDE, LONG], ids=["wide", "long"])
def test_the_same_panel_and_lines(rows, tmp_path):
    from_file, from_frame = both(tmp_path, rows)
    assert from_file.measures == from_frame.measures == ("revenue", "orders")
    np.testing.assert_array_equal(from_file.values, from_frame.values)
    assert from_file.where("a", from_file.periods[1]) == "history.parquet:3"
    assert from_file.where("b", from_file.periods[1]) == "b, 2023-02"


def test_the_first_of_two_rows_counts_in_the_order_of_the_file(tmp_path):
    rows = pd.concat([LONG, LONG.assign(value=[1.0, 7.0, None]), LONG])
    from_file, from_frame = both(tmp_path, rows)
    np.testing.assert_array_equal(from_file.values, from_frame.values)
    seconds = [(each.where, each.first, each.unit, each.differs) for each in from_file.duplicates]
    assert seconds[:3] == [
        ("history.parquet:4", "history.parquet:1", "a", False),
        ("history.parquet:5", "history.parquet:2", "b", True),
        ("history.parquet:6", "history.parquet:3", "a", False),
    ]
    assert len(seconds) == 6


@pytest.mark.parametrize("values", [(np.nan, 3), (3, np.nan), (np.nan, np.nan), (3, 3)])
@pytest.mark.parametrize("shape", ["wide", "long"])
def test_two_rows_for_one_place_are_noticed_whichever_of_them_is_empty(shape, values, tmp_path):
    rows = pd.DataFrame({"period": "2023-01", "unit": ["a", "a", "b"], "revenue": [*values, 0.0]})
    if shape == "long":
        rows = rows.assign(measure="revenue").rename(columns={"revenue": "value"})
    from_file, from_frame = both(tmp_path, rows)
    np.testing.assert_array_equal(from_file.values, from_frame.values)
    for history in (from_file, from_frame):
        assert [each.where.rpartition(":")[2] for each in history.duplicates] == ["2"]


WRONG = {
    "a period": (WIDE.assign(period=["2023-01", "2023-Q1", None]), 2),
    "a period that is a date": (WIDE.assign(period=pd.to_datetime(["2023-01-01"] * 3)), 3),
    "a unit": (LONG.assign(unit=["bb", "a", None]), 2),
    "no measure": (LONG.assign(measure=["revenue", None, " "]), 2),
    "infinity": (WIDE.assign(revenue=[1.0, np.inf, -np.inf]), 2),
    "text": (WIDE.assign(revenue=["1", "many", None]), 1),
    "many": (pd.concat([WIDE.assign(unit="x")] * 20), 21),
}


@pytest.mark.parametrize(("rows", "n_problems"), WRONG.values(), ids=WRONG)
def test_the_same_problems_with_the_same_rows(rows, n_problems, tmp_path):
    from_file, from_frame = both(tmp_path, rows)
    assert from_file == from_frame
    assert len(from_file) == n_problems


def test_a_file_without_rows_is_a_problem(tmp_path):
    from_file, from_frame = both(tmp_path, WIDE.iloc[:0])
    assert from_file == from_frame == ["history: has no rows; add at least one period"]


def test_a_damaged_file_is_a_problem(tmp_path):
    folder = write_cascade_folder(tmp_path, SHOP.replace("history.csv", "history.parquet"))
    (folder / "history.parquet").write_bytes(b"PAR1 no more")
    with pytest.raises(kl.InputError, match=r"history\.parquet: cannot be read"):
        kl.read_history(kl.read_cascade(folder))
