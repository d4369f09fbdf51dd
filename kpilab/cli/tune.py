"""Commands to tune a cascade: where KPIs stand, where they head, why they moved, what they should reach."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any

import typer

import kpilab as kl
from kpilab.cli.program import AsJson, Folder, Period, app, read
from kpilab.printing import print_result
from kpilab.problems import Problem, stop_on

SITTING = "Tune"


class Method(StrEnum):
    """How a target is split."""

    capability = "capability"
    proportional = "proportional"
    equal = "equal"
    gap_to_best = "gap_to_best"
    evidence = "evidence"


@app.command(rich_help_panel=SITTING)
def score(
    folder: Folder,
    period: Period = None,
    level: Annotated[str | None, typer.Option(help="Only the units of this level.")] = None,
    unit: Annotated[str | None, typer.Option(help="Only this unit.")] = None,
    by: Annotated[
        str, typer.Option(help="kpi, or the average by factor, objective, process or unit.")
    ] = "kpi",
    as_json: AsJson = False,
) -> None:
    """Compute every KPI of every unit against the target in force."""
    card = kl.roll_up(*read(folder), period=period)
    card = card.at(level) if level is not None else card
    card = card.of_unit(unit) if unit is not None else card
    print_result(card if by == "kpi" else kl.score_goals(card, by=by), as_json)


@app.command(rich_help_panel=SITTING)
def trend(
    folder: Folder,
    kpi: Annotated[str, typer.Option(help="Id of the KPI.")],
    unit: Annotated[str | None, typer.Option(help="Default: the highest unit that has it.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show where a KPI is heading once its season is taken out, with an interval."""
    print_result(kl.kpi_trend(*read(folder), kpi=kpi, unit=unit), as_json)


@app.command(rich_help_panel=SITTING)
def explain(
    folder: Folder,
    kpi: Annotated[str, typer.Option(help="The KPI that moved.")],
    start: Annotated[str | None, typer.Option(help="Period or span. Default: a year before the end.")] = None,
    end: Annotated[str | None, typer.Option(help="Period or span. Default: the last complete one.")] = None,
    unit: Annotated[str | None, typer.Option(help="Default: the highest that has the KPI.")] = None,
    against: Annotated[str | None, typer.Option(help="Another unit to compare with, at the end.")] = None,
    level: Annotated[str | None, typer.Option(help="Divide among the units of this level.")] = None,
    causes: Annotated[
        bool, typer.Option("--causes", help="Also what tested links account for, and what is unexplained.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Say why a KPI moved, or why two units differ: contributions that add up to the change."""
    cascade, history = read(folder)
    asked: dict[str, Any] = {"kpi": kpi, "start": start, "end": end, "unit": unit, "against": against}
    tested = kl.fit_links(cascade, history) if causes else None
    found = kl.explain(cascade, history, **asked, level=level, links=tested)
    print_result(found, as_json, *([found.causes()] if causes and against is None else []))


@app.command(rich_help_panel=SITTING)
def targets(
    folder: Folder,
    kpi: Annotated[str, typer.Option(help="The KPI.")],
    target: Annotated[str, typer.Option(help="0.95, 95% (of a share), or +5% relative to the actual.")],
    period: Annotated[
        str | None, typer.Option(help="When: 2024-03 or 2024. Default: a year after the last complete one.")
    ] = None,
    method: Annotated[Method, typer.Option(help="How it is split; evidence: among drivers.")] = (
        Method.capability
    ),
    unit: Annotated[str | None, typer.Option(help="Whose target. Default: the unit at the top.")] = None,
    lock: Annotated[
        list[str] | None, typer.Option(metavar="UNIT=VALUE", help="A target that is given; repeat it.")
    ] = None,
    fix: Annotated[
        list[str] | None, typer.Option(metavar="UNIT", help="A unit that keeps its actual; repeat it.")
    ] = None,
    bound: Annotated[
        list[str] | None,
        typer.Option(metavar="UNIT=LOW..HIGH", help="A target's limits, either may be left out; repeat it."),
    ] = None,
    down_to: Annotated[str | None, typer.Option(help="The lowest level. Default: all that have it.")] = None,
    write: Annotated[
        bool, typer.Option("--write", help="Write the targets into the cascade's folder, as illustrative.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Split a target among the units below, or among the drivers, so that they add up to it."""
    cascade, history = read(folder)
    plan = kl.allocate_targets(
        cascade,
        history,
        kpi=kpi,
        target=target,
        period=period,
        method=method.value,
        unit=unit,
        locked=_locks(lock or []),
        fixed=fix or (),
        bounds=_bounds(bound or []) or None,
        down_to=down_to,
        links=kl.fit_links(cascade, history) if method is Method.evidence else None,
    )
    print_result(plan, as_json)
    if write:
        kl.write_cascade(plan.apply(cascade))
        if not as_json:
            print(f"\nWritten into {folder}, as illustrative targets for {plan.span}.")


def _locks(pairs: Sequence[str]) -> dict[str, float]:
    """Read ``UNIT=VALUE``; a percentage is a share."""
    locks, problems = {}, []
    for pair in pairs:
        name, _, text = pair.partition("=")
        try:
            locks[name.strip()] = _number(text)
        except ValueError:
            said = f"'{pair}' is no lock; write UNIT=VALUE, like city=0.9 or city=90%"
            problems.append(Problem("--lock", said))
    stop_on(problems)
    return locks


def _bounds(pairs: Sequence[str]) -> dict[str, tuple[float | None, float | None]]:
    """Read ``UNIT=LOW..HIGH``; an end that is left out is open."""
    bounds, problems = {}, []
    for pair in pairs:
        name, _, text = pair.partition("=")
        ends = [end.strip() for end in text.split("..")]
        try:
            low, high = (_number(end) if end else None for end in ends)
            bounds[name.strip()] = (low, high)
        except ValueError:
            said = f"'{pair}' is no bound; write UNIT=LOW..HIGH, like city=0.8..0.95 or city=..95%"
            problems.append(Problem("--bound", said))
    stop_on(problems)
    return bounds


def _number(text: str) -> float:
    number = float(text.strip().removesuffix("%"))
    return number / 100 if text.strip().endswith("%") else number
