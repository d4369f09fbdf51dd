"""Did it land? Three questions to every owner, made from the cascade, and the answers as measures of history.

`understanding.csv` holds ``owner, question, answer, date``. Each answer counts for the owner's unit in the
period of its date, as the measures `answers_given` and `answers_right`, so that comprehension is a KPI like
any other: ``ratio: {of: answers_right, per: answers_given}``.
"""

import datetime
from dataclasses import dataclass

import pandas as pd

from kpilab.model.cascade import Cascade
from kpilab.model.nouns import Kpi
from kpilab.model.periods import PANDAS_CODE, period_text
from kpilab.model.tables import read_csv_table
from kpilab.problems import Problem, did_you_mean

UNDERSTANDING_FILE = "understanding.csv"
GIVEN, RIGHT = "answers_given", "answers_right"
_COLUMNS = ("owner", "question", "answer", "date")


@dataclass(frozen=True)
class Question:
    """One question to an owner.

    Attributes
    ----------
    id : str
        What stands in the column `question` of `understanding.csv`.
    right : tuple of str
        Answers that count as right; the first one is shown.
    """

    id: str
    text: str
    right: tuple[str, ...]

    def is_right(self, answer: str) -> bool:
        """Tell whether an answer is right; capitals and spaces at the ends do not matter."""
        return answer.strip().casefold() in {each.casefold() for each in self.right}


def own_kpis(cascade: Cascade, owner: str) -> tuple[Kpi, ...]:
    """Return the KPIs that an owner answers for, the nearest first.

    Their own; those of their processes and procedures; those in which the objectives they own are read off;
    those that their actions are to move. Who has none of these is shown what their unit is judged by, and who is
    a unit, all that it is judged by.
    """
    processes = {process.id for process in cascade.processes if process.owner == owner}
    steps = {p.id for p in cascade.processes if any(step.owner == owner for step in p.procedures)}
    own = [kpi for kpi in cascade.kpis if kpi.owner == owner]
    own += [kpi for kpi in cascade.kpis if kpi.process in processes]
    own += [kpi for kpi in cascade.kpis if kpi.process in steps]
    goals = {objective.id for objective in cascade.objectives if objective.owner == owner}
    own += [kpi for kpi in cascade.kpis if (o := cascade.objective_of(kpi)) is not None and o.id in goals
            and kpi.timing != "leading"]  # fmt: skip
    own += [cascade.kpi(kpi) for action in cascade.actions if action.owner == owner for kpi in action.expects]
    if not own and (home := cascade.home_of(owner)):
        level = cascade.unit(home).level
        judged = [kpi for kpi in cascade.kpis if level in cascade.levels_of(kpi)]
        own = judged if home == owner else [kpi for kpi in judged if kpi.timing == "lagging"][:2]
    return tuple({kpi.id: kpi for kpi in own}.values())


def questions_for(cascade: Cascade, owner: str) -> tuple[Question, ...]:
    """Return the three questions to an owner: which objective, which way is better, who owns the next step."""
    kpis = own_kpis(cascade, owner)
    if not kpis:
        return ()
    found = []
    serving = next((kpi for kpi in kpis if cascade.objective_of(kpi) is not None), None)
    if serving is not None and (objective := cascade.objective_of(serving)) is not None:
        text = f"Which objective does '{serving.name}' serve?"
        found.append(Question(f"objective:{serving.id}", text, (objective.name, objective.id)))
    moved = [cascade.kpi(link.effect) for kpi in kpis for link in cascade.links if link.cause == kpi.id]
    kpi = next((kpi for kpi in (*kpis, *moved) if kpi.better is not None), None)
    if kpi is not None and kpi.better is not None:
        right = {"higher": ("more", "higher"), "lower": ("less", "lower"), "near": (f"near {kpi.near:g}",)
                 if kpi.near is not None else ("near",)}[kpi.better]  # fmt: skip
        found.append(Question(f"direction:{kpi.id}", f"Is more or less of '{kpi.name}' better?", right))
    steps = [
        question for kpi in kpis for question in (_next_step(cascade, kpi, owner), _last_step(cascade, kpi))
    ]
    return tuple(found + [question for question in steps if question is not None][:1])


def answers_table(cascade: Cascade) -> tuple[pd.DataFrame | None, list[Problem]]:
    """Read the answers beside a cascade as a wide table of measures; None when there are none.

    Returns
    -------
    DataFrame or None
        ``period, unit, answers_given, answers_right``.
    list of Problem
        Unknown owners and questions, and dates that are none, each with its line.
    """
    path = cascade.folder / UNDERSTANDING_FILE
    if not path.is_file():
        return None, []
    table, problems = read_csv_table(path, UNDERSTANDING_FILE)
    if table is None:
        return None, problems
    lacking = [column for column in _COLUMNS if column not in table.columns]
    if lacking:
        said = f"needs the columns {', '.join(_COLUMNS)}; '{lacking[0]}' is missing"
        return None, [*problems, Problem(f"{UNDERSTANDING_FILE}:1", said)]
    asked = {owner.id: {q.id: q for q in questions_for(cascade, owner.id)} for owner in cascade.owners}
    top = cascade.roots()[0].id
    rows: list[tuple[str, str, int, int]] = []
    for texts, line in zip(table.rows, table.lines, strict=True):
        row = dict(zip(table.columns, texts, strict=True))
        where = f"{UNDERSTANDING_FILE}:{line}"
        fault = _fault(row, asked)
        period = _period_of(cascade, row["date"])
        if fault or period is None:
            date = f"date is '{row['date']}'; write a day, like 2023-03-31"
            problems.append(Problem(where, fault or date))
            continue
        right = asked[row["owner"]][row["question"]].is_right(row["answer"])
        rows.append((period, cascade.home_of(row["owner"]) or top, 1, int(right)))
    frame = pd.DataFrame(rows, columns=["period", "unit", GIVEN, RIGHT])
    return frame.groupby(["period", "unit"], as_index=False, sort=True).sum(), problems


def _fault(row: dict[str, str], asked: dict[str, dict[str, Question]]) -> str:
    owner, question = row["owner"], row["question"]
    if owner not in asked:
        return f"unknown owner '{owner}'; {did_you_mean(owner, asked)}"
    if question not in asked[owner]:
        return f"'{owner}' is not asked '{question}'; {did_you_mean(question, asked[owner])}"
    return ""


def _period_of(cascade: Cascade, date: str) -> str | None:
    try:
        day = datetime.date.fromisoformat(date.strip())
    except ValueError:
        return None
    return period_text(pd.Period(day, PANDAS_CODE[cascade.frequency]))


def _next_step(cascade: Cascade, kpi: Kpi, owner: str) -> Question | None:
    """Ask for the owner of the first KPI that this one is said to move and that somebody else owns."""
    effects = [cascade.kpi(link.effect) for link in cascade.links if link.cause == kpi.id]
    following = next((effect for effect in effects if effect.owner not in (None, owner)), None)
    if following is None:
        return None
    owner_of_next = cascade.named("owners", following.owner)
    text = f"'{kpi.name}' is meant to move '{following.name}'. Who owns that next step?"
    return Question(f"next:{kpi.id}", text, (owner_of_next.name, owner_of_next.id))


def _last_step(cascade: Cascade, kpi: Kpi) -> Question | None:
    """Ask for the owner of the objective, or of the process, where no arrow leads on."""
    for noun, entry in (
        ("objective", cascade.objective_of(kpi)),
        ("process", cascade.named("processes", kpi.process)),
    ):
        owner = cascade.named("owners", entry.owner) if entry is not None else None
        if owner is not None and entry is not None:
            text = f"Who owns the {noun} of '{kpi.name}', '{entry.name}'?"
            return Question(f"next:{kpi.id}", text, (owner.name, owner.id))
    return None
