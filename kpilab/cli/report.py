"""Commands to report: a page per person, the map, the reports of a period, the web app."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

import kpilab as kl
from kpilab.cli.program import SOME_FAILED, AsJson, Folder, Period, app, read
from kpilab.printing import print_json, print_result
from kpilab.problems import one_problem

SITTING = "Report"


class Template(StrEnum):
    """Which reports to run."""

    unit = "unit"
    board = "board"
    evidence = "evidence"
    owner = "owner"
    all = "all"


@app.command(rich_help_panel=SITTING)
def card(
    folder: Folder,
    owner: Annotated[list[str] | None, typer.Option(help="Whose page; repeat it.")] = None,
    everybody: Annotated[bool, typer.Option("--all", help="A page for every owner.")] = False,
    period: Period = None,
    as_json: AsJson = False,
) -> None:
    """Write a page per owner: what they look after, what it moves, and why that matters."""
    if not owner and not everybody:
        raise one_problem("card", "say whose page: --owner ID, or --all")
    cascade, history = read(folder)
    chosen: Any = "all" if everybody else owner
    tested = kl.fit_links(cascade, history)
    if as_json:
        names = [each.id for each in cascade.owners] if everybody else owner or []
        cards = [kl.line_of_sight(cascade, history, tested, owner=name, period=period) for name in names]
        rows = [row for each in cards for row in each.tidy().to_dict("records")]
        print_json({"n_cards": len(cards), "period": str(cards[0].span) if cards else None}, rows)
    else:
        print(*kl.write_cards(cascade, history, tested, owners=chosen, period=period), sep="\n")


@app.command("map", rich_help_panel=SITTING)
def strategy_map(
    folder: Folder,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE.html", help="Default: reports/<cascade>/map.html.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Draw the strategy map with the verdicts on its arrows, as one file that needs no network."""
    cascade, history = read(folder)
    drawn = kl.strategy_map(cascade, links=kl.fit_links(cascade, history))
    path = out or Path("reports") / cascade.folder.resolve().name / "map.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    drawn.save(path)
    if as_json:
        print_result(drawn, as_json)
    else:
        print(path)


@app.command(rich_help_panel=SITTING)
def report(
    folder: Folder,
    template: Annotated[
        Template, typer.Option(help="unit, board (the whole), evidence, owner; all: the first three.")
    ] = (Template.all),
    units: Annotated[
        list[str] | None, typer.Option(help="Units, or owners, to report on; repeat it. Default: all.")
    ] = (None),
    period: Period = None,
    as_json: AsJson = False,
) -> None:
    """Run the reports; the last line is the path of the index page; exit code 3 when some failed."""
    chosen = "all" if not units or units == ["all"] else tuple(units)
    run = kl.run_reports(kl.read_cascade(folder), template=template.value, units=chosen, period=period)
    if as_json:
        print_result(run, as_json)
    else:
        print(*run.tidy()["path"], run.index, sep="\n")
    if run.failed:
        raise typer.Exit(SOME_FAILED)


@app.command("app", rich_help_panel=SITTING)
def serve(
    folder: Folder,
    edit: Annotated[
        bool, typer.Option("--edit", help="With the editors, which save into the folder.")
    ] = False,
    pay: Annotated[
        bool, typer.Option("--pay", help="With pay plans, names and amounts, which are confidential.")
    ] = False,
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8866,
    ip: Annotated[
        str, typer.Option(help="The address to listen at. Default: this machine only.")
    ] = "127.0.0.1",
    token: Annotated[
        str | None, typer.Option(help="At least 16 characters. Default: a new one.", envvar="KPILAB_TOKEN")
    ] = None,
    browser: Annotated[bool, typer.Option(help="Open a browser.")] = True,
) -> None:
    """Serve the panels as a web app that asks for a token; stop it with Ctrl-C."""
    from kpilab.delivery.app import serve_app

    serve_app(folder, edit=edit, pay=pay, port=port, ip=ip, token=token, open_browser=browser)
