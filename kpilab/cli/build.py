"""Commands to build a cascade: start one, check it, trace it, compare versions, exchange it with Excel."""

import json
from pathlib import Path
from typing import Annotated

import typer

import kpilab as kl
from kpilab.cli.program import FOUND_ERRORS, AsJson, Folder, Period, app, read
from kpilab.printing import print_check, print_json, print_quality, print_result, print_table

SITTING = "Build"


@app.command(rich_help_panel=SITTING)
def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder.")],
    as_json: AsJson = False,
) -> None:
    """Write a small working cascade, with a generated history, to start from."""
    from kpilab.model.start import start_cascade

    paths = [str(path) for path in start_cascade(folder)]
    if as_json:
        print_json({"folder": str(folder)}, [{"path": path} for path in paths])
    else:
        print(*paths, sep="\n")
        print(f"Next: kpilab check {folder}; kpilab links {folder}; kpilab report {folder}")


@app.command(rich_help_panel=SITTING)
def check(
    folder: Folder,
    quality: Annotated[
        bool, typer.Option("--quality", help="How good each KPI is as an indicator, instead of the findings.")
    ] = False,
    links: Annotated[
        bool, typer.Option("--links", help="Test the links first: their verdicts enter what is found.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Report everything wrong or weak in a cascade and its history; exit code 1 when there are errors."""
    cascade, history = read(folder)
    report = kl.check(cascade, history, links=kl.fit_links(cascade, history) if links else None)
    if quality:
        print_quality(report, as_json)
    else:
        print_check(report, as_json)
    if report.has_errors:
        raise typer.Exit(FOUND_ERRORS)


@app.command(rich_help_panel=SITTING)
def trace(
    folder: Folder,
    level: Annotated[str | None, typer.Option(help="Only the KPIs of this level.")] = None,
    objectives: Annotated[
        bool,
        typer.Option("--objectives", help="A row per objective: what it supports, priority, weight, budget."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Trace every KPI to the levels above and below it; list orphans and blind spots."""
    traced = kl.trace(kl.read_cascade(folder))
    traced = traced.at(level) if level is not None else traced
    if objectives:
        print_table(traced, traced.objectives(), as_json)
    else:
        print_result(traced, as_json)


@app.command(rich_help_panel=SITTING)
def processes(
    folder: Folder,
    procedures: Annotated[
        bool, typer.Option("--procedures", help="A row per procedure, with its document and owner.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List every process: owner, procedures, and the KPIs, targets, actions and persons it serves."""
    book = kl.processes(kl.read_cascade(folder))
    print_result(book.by_procedure() if procedures else book, as_json)


@app.command(rich_help_panel=SITTING)
def diff(
    old: Annotated[Path, typer.Argument(metavar="A", help="The folder of the earlier version.")],
    new: Annotated[Path, typer.Argument(metavar="B", help="The folder of the later version.")],
    period: Period = None,
    unit: Annotated[str | None, typer.Option(help="Whose score; default: the top unit's.")] = None,
    score: Annotated[
        bool, typer.Option(help="Also what it does to the score, under the history of B.")
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Say what changed between two versions of a cascade, and what each change does to the score."""
    if score:
        later, history = read(new)
        result = kl.diff(kl.read_cascade(old), later, history=history, period=period)
    else:
        result = kl.diff(old, new)
    print_result(result.at(unit) if unit is not None else result, as_json)


@app.command(rich_help_panel=SITTING)
def export(
    folder: Folder,
    book: Annotated[Path, typer.Argument(metavar="BOOK.xlsx", help="The workbook to write.")],
    pay: Annotated[
        bool, typer.Option("--pay", help="With pay.yaml, which is confidential; only you can read the file.")
    ] = False,
) -> None:
    """Write a cascade as an Excel workbook, a sheet per noun, and say what it does not hold."""
    from kpilab.model.workbook import left_out

    cascade = kl.read_cascade(folder)
    print(kl.write_workbook(cascade, book, pay=pay), *left_out(cascade, pay=pay)[1:], sep="\n")


@app.command("import", rich_help_panel=SITTING)
def import_book(
    book: Annotated[Path, typer.Argument(metavar="BOOK.xlsx", help="A workbook made by export.")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The cascade folder to write.")],
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Change the cascade that is there; without: say what would change."),
    ] = False,
) -> None:
    """Write what a workbook says into a cascade folder; comments that stand there are kept."""
    written = kl.import_workbook(book, folder, overwrite=overwrite)
    print(*written or ["nothing changed"], sep="\n")
    absent = [name for name in kl.read_cascade(folder).history.path if not (folder / name).exists()]
    if absent:
        print(
            f"A workbook holds no history: copy {', '.join(absent)} into {folder}, or change history: there."
        )


@app.command(rich_help_panel=SITTING)
def schema() -> None:
    """Print the JSON Schema of cascade.yaml, for an editor."""
    from kpilab.model.files import cascade_schema

    print(json.dumps(cascade_schema(), indent=2))
