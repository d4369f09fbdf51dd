"""What can be wrong, and how it is said.

A `Problem` is bad input: it stops the reader and carries file, line, value and remedy. All problems of a
run are collected and raised together as one `InputError`. A `Finding` is a weakness of a strategy or of
its history: it is a row of a report, never an exception.
"""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from kpilab.words import Severity

MOST_SHOWN_PER_KIND = 20


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with the input.

    Parameters
    ----------
    where : str
        ``file:line``, or the file or argument when there is no line.
    message : str
        What is wrong, with the value, and what to do about it.
    """

    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"


class InputError(ValueError):
    """Raise every problem of an input at once.

    Attributes
    ----------
    problems : tuple of Problem
    """

    def __init__(self, problems: Iterable[Problem]):
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


@dataclass(frozen=True)
class Finding:
    """One row of a check report.

    Parameters
    ----------
    severity : {"error", "warning", "note"}
    rule : str
        Short fixed name of the rule, for filtering.
    where : str
        ``file:line``, or unit and period.
    what : str
        What was found, with the numbers.
    remedy : str
        What to do about it.
    """

    severity: Severity
    rule: str
    where: str
    what: str
    remedy: str


def stop_on(problems: Iterable[Problem]) -> None:
    """Raise `InputError` when there is any problem."""
    found = tuple(problems)
    if found:
        raise InputError(found)


def one_problem(where: str, message: str) -> InputError:
    """Make the error for a single problem, to be raised by the caller."""
    return InputError([Problem(where, message)])


def shortened(problems: list[Problem], kind: str) -> list[Problem]:
    """Keep the first problems of one kind and count the rest in one line, so nothing is lost silently."""
    if len(problems) <= MOST_SHOWN_PER_KIND:
        return problems
    rest = len(problems) - MOST_SHOWN_PER_KIND
    summary = Problem(problems[MOST_SHOWN_PER_KIND].where, f"… and {rest:,} more lines with {kind}")
    return [*problems[:MOST_SHOWN_PER_KIND], summary]


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """Suggest the nearest known word, or list the known words when there are few.

    Examples
    --------
    >>> did_you_mean("ownr", ["owner", "name"])
    "did you mean 'owner'?"
    """
    words = sorted(set(known))
    close = difflib.get_close_matches(str(word), words, n=1, cutoff=0.6)
    if close:
        return f"did you mean '{close[0]}'?"
    if not words:
        return "none is declared"
    listed = ", ".join(words[:12]) + (", …" if len(words) > 12 else "")
    return f"use one of: {listed}"
