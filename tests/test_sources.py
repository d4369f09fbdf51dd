"""History from CSV, Parquet, Excel and SQL is the same history."""

import datetime
import sqlite3

import duckdb
import numpy as np
import pandas as pd
import pytest

import kpilab as kl
from tests.small import ROWS, SHOP, shops, write_cascade_folder


@pytest.fixture(scope="module")
def from_csv(tmp_path_factory):
    return shops(tmp_path_factory.mktemp("csv"))[1]


def wide(folder):
    return pd.read_csv(folder / "history.csv")


def long(folder):
    return wide(folder).melt(["period", "unit"], var_name="measure")


def into_parquet(folder, rows):
    duckdb.register("rows", rows)
    duckdb.sql(f"copy rows to '{folder / 'history.parquet'}' (format parquet)")
    return "{path: history.parquet}"


def into_excel(folder, rows):
    rows.to_excel(folder / "history.xlsx", index=False)
    return "{path: history.xlsx}"


def into_sqlite(folder, rows):
    with sqlite3.connect(folder / "warehouse.db") as connection:
        rows.to_sql("facts", connection, index=False)
    connection.close()
    return '{url: "sqlite:///warehouse.db", query: "select * from facts"}'


@pytest.mark.parametrize("shape", [wide, long])
@pytest.mark.parametrize("store", [into_parquet, into_excel, into_sqlite])
def test_history_is_the_same_from_every_source_in_either_shape(store, shape, from_csv, tmp_path):
    folder = write_cascade_folder(tmp_path)
    source = store(folder, shape(folder))
    history = shops(folder, SHOP.replace("{path: history.csv}", source))[1]
    order = [history.measures.index(name) for name in from_csv.measures]
    assert np.array_equal(history.values[:, :, order], from_csv.values, equal_nan=True)


def test_sqlite_file_is_found_from_any_working_directory(tmp_path, monkeypatch):
    folder = write_cascade_folder(tmp_path / "shops")
    text = SHOP.replace("{path: history.csv}", into_sqlite(folder, wide(folder)))
    monkeypatch.chdir(tmp_path)
    assert shops(folder, text)[1].measure("revenue")[0, 1] == 100


def test_query_that_the_database_refuses_is_bad_input_and_no_file_is_made(tmp_path):
    folder = write_cascade_folder(tmp_path)
    into_sqlite(folder, wide(folder))
    source = '{url: "sqlite:///warehouse.db", query: "select * from fact"}'
    with pytest.raises(kl.InputError, match="did not answer the query .*no such table: fact"):
        shops(folder, SHOP.replace("{path: history.csv}", source))
    with pytest.raises(kl.InputError, match=r"no such file: none\.db"):
        shops(folder, SHOP.replace("{path: history.csv}", '{url: "sqlite:///none.db", query: "select 1"}'))
    assert not (folder / "none.db").exists()


@pytest.mark.parametrize("store", [into_parquet, into_excel])
def test_dates_count_as_days_where_the_cascade_counts_by_day(store, tmp_path):
    text = SHOP.replace("frequency: month", "frequency: day").split("targets:")[0]
    folder = write_cascade_folder(tmp_path)
    rows = pd.DataFrame({"period": pd.date_range("2023-01-30", periods=3), "unit": "a", "revenue": [1, 2, 3]})
    history = shops(folder, text.replace("{path: history.csv}", store(folder, rows)))[1]
    assert [str(period) for period in history.periods] == ["2023-01-30", "2023-01-31", "2023-02-01"]
    assert history.periods[0].start_time.date() == datetime.date(2023, 1, 30)


def test_several_files_and_patterns_make_one_history(tmp_path):
    first, second = ROWS.split("2023-02,a")
    text = SHOP.replace("{path: history.csv}", '{path: ["part*.csv"]}')
    folder = write_cascade_folder(tmp_path, text)
    (folder / "part1.csv").write_text(first)
    (folder / "part2.csv").write_text(first.split("\n")[0] + "\n2023-02,a" + second)
    (folder / "history.csv").unlink()
    history = kl.read_history(kl.read_cascade(folder))
    assert history.glance()["n_values"].item() == 24
