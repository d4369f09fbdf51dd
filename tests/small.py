"""Cascades small enough to check by hand, for the tests."""

from pathlib import Path

import pandas as pd

import kpilab as kl

SHOP = """\
cascade: Two shops
frequency: month
levels: [company, shop]
history: {path: history.csv}
units:
  - {unit: all, name: Company, level: company}
  - {unit: a, name: Shop A, level: shop, parent: all}
  - {unit: b, name: Shop B, level: shop, parent: all}
objectives:
  - {id: grow, name: Grow}
factors:
  - {id: sell, name: Sell well, objective: grow}
owners:
  - {id: boss, name: Head of sales}
measures:
  days: {across: same}
kpis:
  - {id: revenue, name: Revenue, factor: sell, owner: boss, sum: revenue, better: higher, timing: lagging}
  - id: conversion
    name: Conversion
    factor: sell
    owner: boss
    ratio: {of: orders, per: visits}
    better: higher
    unit_of_measure: share
    timing: leading
  - {id: stock, name: Stock, factor: sell, owner: boss, last: stock, better: lower}
  - {id: basket, name: Basket, factor: sell, owner: boss, formula: "revenue / orders"}
  - {id: speed, name: Speed, factor: sell, owner: boss, mean: minutes, weight: orders, better: lower}
  - {id: per_day, name: Orders per day, factor: sell, owner: boss, ratio: {of: orders, per: days}, better: higher}
targets:
  - {kpi: conversion, target: 0.5}
  - {kpi: revenue, unit: all, from: 2023-01, to: 2023-01, target: 400}
  - {kpi: revenue, unit: all, from: 2023-02, target: 500}
"""

ROWS = """\
period,unit,revenue,orders,visits,stock,minutes,days
2023-01,a,100,10,20,5,30,31
2023-01,b,300,30,100,7,10,31
2023-02,a,200,20,40,6,20,28
2023-02,b,300,10,20,8,40,28
"""


def write_cascade_folder(folder: Path, text: str = SHOP, rows: str = ROWS) -> Path:
    """Write a cascade folder and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cascade.yaml").write_text(text, encoding="utf-8")
    (folder / "history.csv").write_text(rows, encoding="utf-8")
    return folder


def shops(folder: Path, text: str = SHOP, rows: str = ROWS):
    """Return the cascade and history of two shops."""
    cascade = kl.read_cascade(write_cascade_folder(folder, text, rows))
    return cascade, kl.read_history(cascade)


def cell(table: pd.DataFrame, kpi: str, unit: str, column: str = "actual"):
    """Return one cell of a scorecard."""
    rows = table[(table["kpi"] == kpi) & (table["unit"] == unit)]
    return rows[column].item()
