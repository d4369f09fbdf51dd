"""A first cascade folder to learn from: a company, its departments, their people, and a generated history."""

import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd

from kpilab.problems import one_problem

FILES = Path(__file__).with_name("starter")
FIRST, N_PERIODS, SEED = "2021-01", 48, 20211
PEOPLE = {
    "city": ("ann", "ben", "cleo", "dan"),
    "coast": ("eva", "finn", "gus", "hana"),
    "hills": ("ivo", "jo", "kim", "lea"),
}
TARGETS_FROM = "2024-01"
TARGETS_OF_A_PERSON = {"revenue": 8000, "orders": 20, "calls": 65, "training_hours": 6}
TARGETS_OF_ALL = {"average_order": 400, "solved_in_time": 0.85}


def start_cascade(folder: str | os.PathLike[str]) -> list[Path]:
    """Write a small working cascade into a new or empty folder.

    Parameters
    ----------
    folder : path

    Returns
    -------
    list of Path
        The files written: `cascade.yaml`, `units.csv`, `targets.csv`, `history.csv`. They are the same
        each time.

    Raises
    ------
    InputError
        When the folder is a file or holds something: nothing is overwritten.
    """
    target = Path(folder)
    _refuse_what_is_there(target)
    target.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(FILES / "cascade.yaml", target / "cascade.yaml")
    tables = {"units.csv": unit_table(), "targets.csv": target_table(), "history.csv": generated_history()}
    for name, table in tables.items():
        table.to_csv(target / name, index=False, lineterminator="\n")
    return [target / name for name in ("cascade.yaml", *tables)]


def unit_table() -> pd.DataFrame:
    """Return the unit tree: one company, three departments, four persons in each."""
    rows = [("company", "Bicycle hire", "company", "", "director")]
    for department, people in PEOPLE.items():
        rows.append((department, department.title(), "department", "company", f"{department}_head"))
        rows += [(person, person.title(), "person", department, "") for person in people]
    return pd.DataFrame(rows, columns=["unit", "name", "level", "parent", "owner"])


def target_table() -> pd.DataFrame:
    """Return the targets: amounts that add up from persons to the company, and shares that hold for everyone."""
    sizes = {person: 1 for people in PEOPLE.values() for person in people}
    sizes |= {department: len(people) for department, people in PEOPLE.items()}
    sizes["company"] = sum(len(people) for people in PEOPLE.values())
    rows: list[tuple[str, str, str, float, str]] = [
        (kpi, unit, TARGETS_FROM, each * sizes[unit], "illustrative")
        for kpi, each in TARGETS_OF_A_PERSON.items()
        for unit in unit_table()["unit"]
    ]
    rows += [(kpi, "", TARGETS_FROM, share, "illustrative") for kpi, share in TARGETS_OF_ALL.items()]
    return pd.DataFrame(rows, columns=["kpi", "unit", "from", "target", "status"])


def generated_history() -> pd.DataFrame:
    """Return a history whose truth is known, one row per month and person.

    True by construction: a call wins 0.2 orders a month later; an hour of training lifts the share of
    tickets solved on the same day by 0.015 a month later; calls do nothing to the size of an order. The
    call list adds 10 % calls in City from 2024-03; the ticket clock takes 0.06 off the share in Coast from
    2023-01.
    """
    draw = np.random.default_rng(SEED)
    people = [person for members in PEOPLE.values() for person in members]
    shape = (N_PERIODS + 1, len(people))  # one month before the first, for what acts a month later
    months = pd.period_range(FIRST, periods=N_PERIODS, freq="M").astype(str)
    late = _from_month(months, "2024-03") & _in_department(people, "city")
    clock = _from_month(months, "2023-01") & _in_department(people, "coast")
    season = 1 + 0.1 * np.sin(2 * np.pi * np.arange(-1, N_PERIODS) / 12)[:, None]
    calls = np.rint(draw.normal(60, 6, shape[1]) * season + _lasting(draw, shape, 0.5, 8)) * 1.0
    calls[1:] = np.rint(calls[1:] * np.where(late, 1.1, 1))
    hours = np.rint(np.clip(6 + _lasting(draw, shape, 0.3, 2.5), 0, None))
    orders = draw.poisson(np.clip(6 + 0.2 * calls[:-1] + _lasting(draw, shape, 0.4, 1)[1:], 1, None))
    share = 0.72 + 0.015 * hours[:-1] - 0.06 * clock + _lasting(draw, shape, 0.4, 0.02)[1:]
    tickets = draw.poisson(80, shape)[1:]
    revenue = np.rint(orders * (420 + _lasting(draw, shape, 0.4, 15)[1:]))
    measures = {
        "calls": calls[1:],
        "orders": orders,
        "revenue": revenue,
        "tickets": tickets,
        "tickets_in_time": draw.binomial(tickets, np.clip(share, 0, 1)),
        "training_hours": hours[1:],
    }
    rows = pd.MultiIndex.from_product([months, people], names=["period", "unit"])
    return pd.DataFrame({k: v.ravel().astype(int) for k, v in measures.items()}, index=rows).reset_index()


def _lasting(
    draw: np.random.Generator, shape: tuple[int, int], persistence: float, noise: float
) -> np.ndarray:
    """Return series around zero, shape (T, U), in which each month keeps a share of the month before."""
    values = draw.normal(0, noise, shape)
    for month in range(1, shape[0]):
        values[month] += persistence * values[month - 1]
    return values


def _from_month(months: pd.Index, first: str) -> np.ndarray:
    return np.asarray(months >= first)[:, None]


def _in_department(people: list[str], department: str) -> np.ndarray:
    return np.array([person in PEOPLE[department] for person in people])[None, :]


def _refuse_what_is_there(target: Path) -> None:
    if target.exists() and not target.is_dir():
        raise one_problem(str(target), "is a file; name a new folder")
    if target.is_dir() and any(target.iterdir()):
        raise one_problem(
            str(target), "is not empty and nothing is overwritten; name a new folder, or empty this one"
        )
