"""The command line: parse, call one function, print, exit.

Exit codes: 0 fine; 1 the check found errors in a valid cascade; 2 bad input; 3 some reports of a batch failed.
"""

import json
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

import kpilab as kl
from kpilab.printing import print_check, print_json, print_quality, print_result
from kpilab.problems import InputError, Problem, one_problem, stop_on

FOUND_ERRORS, BAD_INPUT, SOME_FAILED = 1, 2, 3

app = typer.Typer(
    help="Define goals, cascade them, test the arrows between them, and show what rests on what.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


class Method(StrEnum):
    """How a target is split."""

    capability = "capability"
    proportional = "proportional"
    equal = "equal"
    gap_to_best = "gap_to_best"
    evidence = "evidence"


class Template(StrEnum):
    """Which reports to run."""

    unit = "unit"
    board = "board"
    evidence = "evidence"
    owner = "owner"
    all = "all"


Folder = Annotated[Path, typer.Argument(metavar="CASCADE", help="The folder that holds cascade.yaml.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON and nothing else.")]
Period = Annotated[
    str | None,
    typer.Option(help="2023-03, 2023-Q1, 2023 or 2012-04..2013-03. Default: the last complete one."),
]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command; bad input becomes one line per problem on stderr and exit code 2."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        app(arguments)
    except InputError as error:
        print(*error.problems, sep="\n", file=sys.stderr)
        sys.exit(BAD_INPUT)
    except OSError as error:
        if error.filename is None:
            raise
        print(f"{error.filename}: {error.strerror}; name a place where you may write", file=sys.stderr)
        sys.exit(BAD_INPUT)


@app.command()
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


@app.command()
def check(
    folder: Folder,
    quality: Annotated[
        bool, typer.Option("--quality", help="How good each KPI is as an indicator, instead of the findings.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Report everything wrong or weak in a cascade and its history; exit code 1 when there are errors."""
    report = kl.check(*_read(folder))
    if quality:
        print_quality(report, as_json)
    else:
        print_check(report, as_json)
    if report.has_errors:
        raise typer.Exit(FOUND_ERRORS)


@app.command()
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
    card = kl.roll_up(*_read(folder), period=period)
    card = card.at(level) if level is not None else card
    card = card.of_unit(unit) if unit is not None else card
    print_result(card if by == "kpi" else kl.score_goals(card, by=by), as_json)


@app.command()
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


@app.command()
def trend(
    folder: Folder,
    kpi: Annotated[str, typer.Option(help="Id of the KPI.")],
    unit: Annotated[str | None, typer.Option(help="Default: the highest unit that has it.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show where a KPI is heading once its season is taken out, with an interval."""
    print_result(kl.kpi_trend(*_read(folder), kpi=kpi, unit=unit), as_json)


@app.command()
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
    down_to: Annotated[str | None, typer.Option(help="The lowest level. Default: all that have it.")] = None,
    write: Annotated[
        bool, typer.Option("--write", help="Write the targets into the cascade's folder, as illustrative.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Split a target among the units below, or among the drivers, so that they add up to it."""
    cascade, history = _read(folder)
    plan = kl.allocate_targets(
        cascade,
        history,
        kpi=kpi,
        target=target,
        period=period,
        method=method.value,
        unit=unit,
        locked=_locks(lock or []),
        down_to=down_to,
        links=kl.fit_links(cascade, history) if method is Method.evidence else None,
    )
    if write:
        kl.write_cascade(plan.apply(cascade))
    print_result(plan, as_json)


@app.command()
def explain(
    folder: Folder,
    kpi: Annotated[str, typer.Option(help="The KPI that moved.")],
    start: Annotated[str | None, typer.Option(help="Period or span. Default: a year before the end.")] = None,
    end: Annotated[str | None, typer.Option(help="Period or span. Default: the last complete one.")] = None,
    unit: Annotated[str | None, typer.Option(help="Default: the highest that has the KPI.")] = None,
    against: Annotated[str | None, typer.Option(help="Another unit to compare with, at the end.")] = None,
    level: Annotated[str | None, typer.Option(help="Divide among the units of this level.")] = None,
    causes: Annotated[bool, typer.Option("--causes", help="Say what tested links account for.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say why a KPI moved, or why two units differ: contributions that add up to the change."""
    cascade, history = _read(folder)
    asked: dict[str, Any] = {"kpi": kpi, "start": start, "end": end, "unit": unit, "against": against}
    tested = kl.fit_links(cascade, history) if causes else None
    print_result(kl.explain(cascade, history, **asked, level=level, links=tested), as_json)


@app.command()
def links(folder: Folder, as_json: AsJson = False) -> None:
    """Test every assumed link against history."""
    print_result(kl.fit_links(*_read(folder)), as_json)


@app.command()
def missing(folder: Folder, as_json: AsJson = False) -> None:
    """Test every arrow that the map does not draw."""
    print_result(kl.find_missing_links(*_read(folder)), as_json)


@app.command()
def actions(
    folder: Folder,
    unit: Annotated[str | None, typer.Option(help="Only the actions that reach this unit.")] = None,
    as_json: AsJson = False,
) -> None:
    """Ask of every action whether it moved its KPIs, against what would have happened without it."""
    found = kl.evaluate_actions(*_read(folder))
    print_result(found.of_unit(unit) if unit is not None else found, as_json)


@app.command()
def whatif(
    folder: Folder,
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KPI=CHANGE", help="-0.03, +10%, '-3% ramp 6 at S08000015'; repeat it."
        ),
    ] = None,
    action: Annotated[str | None, typer.Option(help="An action: what it expects is the change.")] = None,
    horizon: Annotated[int, typer.Option(help="Periods ahead.")] = 12,
    unit: Annotated[list[str] | None, typer.Option(help="Units or levels to show; repeat it.")] = None,
    kpi: Annotated[list[str] | None, typer.Option(help="KPIs to show; repeat it.")] = None,
    inconclusive: Annotated[str, typer.Option(help="Arrows that history leaves open: in or out.")] = "in",
    inference: Annotated[str, typer.Option(help="cluster, or wild for the wild bootstrap.")] = "cluster",
    seed: Annotated[int, typer.Option(help="Of the draws.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Carry a change of KPIs along the arrows: what follows, when, how sure."""
    from kpilab.decisions.interventions import read_settings

    cascade, history = _read(folder)
    wanted = read_settings(changes or ())
    scenario = kl.what_if(
        cascade, history, kl.fit_links(cascade, history), wanted, action=action, horizon=horizon,
        units=unit or None, kpis=kpi or None, inconclusive=inconclusive, inference=inference, seed=seed,
    )  # fmt: skip
    print_result(scenario, as_json)


@app.command()
def pay(
    folder: Folder,
    period: Period = None,
    owner: Annotated[str | None, typer.Option(help="The statement of this person: confidential.")] = None,
    confidential: Annotated[
        bool, typer.Option("--confidential", help="Everybody's statements, with names and money.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write what is shown as marked files that only you can read."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what a period pays and what the money rests on: in shares, unless a person is asked for."""
    from kpilab.delivery.pay_pages import keep_to_owner, write_statements

    cascade, history = _read(folder)
    paid = kl.simulate_pay(cascade, history, links=kl.fit_links(cascade, history), period=period)
    paid = paid.of_owner(owner) if owner is not None else paid
    named = confidential or owner is not None
    if out is not None:
        print(*write_statements(paid, out, named=named), sep="\n")
        return
    if named:
        keep_to_owner(sys.stdout)
    if as_json:
        rows = paid.tidy() if named else paid.anonymous()
        glance = paid.glance().iloc[0].to_dict() | {"confidential": named}
        print_json(glance, rows.to_dict("records"))
    elif named:
        from kpilab.show import table_text

        tables = (table_text(paid.statements(), len(paid.statements_)), table_text(paid.tidy(), 500))
        print(paid.title, "CONFIDENTIAL", *tables, sep="\n\n")
    else:
        print_result(paid, as_json)


@app.command()
def plan(
    folder: Folder,
    budget: Annotated[float, typer.Option(help="What may be spent, in the currency of the costs.")],
    targets: Annotated[
        list[str] | None, typer.Option("--target", help="KPIs whose targets count; repeat it.")
    ] = None,
    unit: Annotated[str | None, typer.Option(help="Where. Default: the highest unit.")] = None,
    period: Annotated[str | None, typer.Option(help="When. Default: a year ahead.")] = None,
    actions: Annotated[
        list[str] | None,
        typer.Option("--action", help="Candidates; repeat it. Default: initiatives that start ahead."),
    ] = None,
    costs: Annotated[
        list[str] | None, typer.Option("--cost", metavar="ACTION=AMOUNT", help="Repeat it.")
    ] = None,
    objective: Annotated[
        str, typer.Option(help="probability (of meeting all targets) or value.")
    ] = "probability",
    as_json: AsJson = False,
) -> None:
    """Choose initiatives under a budget, and say why the others are not chosen."""
    from kpilab.decisions.interventions import read_amounts

    cascade, history = _read(folder)
    found = kl.plan_actions(
        cascade, history, kl.fit_links(cascade, history), budget=budget, targets=targets or None, unit=unit,
        period=period, actions=actions or None, costs=read_amounts(costs or ()), objective=objective,
    )  # fmt: skip
    print_result(found, as_json)


@app.command()
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
    cascade, history = _read(folder)
    chosen: Any = "all" if everybody else owner
    tested = kl.fit_links(cascade, history)
    if as_json:
        names = [each.id for each in cascade.owners] if everybody else owner or []
        cards = [kl.line_of_sight(cascade, history, tested, owner=name, period=period) for name in names]
        rows = [row for each in cards for row in each.tidy().to_dict("records")]
        print_json({"n_cards": len(cards), "period": str(cards[0].span) if cards else None}, rows)
    else:
        print(*kl.write_cards(cascade, history, tested, owners=chosen, period=period), sep="\n")


@app.command("map")
def strategy_map(
    folder: Folder,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE.html", help="Default: reports/<cascade>/map.html.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Draw the strategy map with the verdicts on its arrows, as one file that needs no network."""
    cascade, history = _read(folder)
    drawn = kl.strategy_map(cascade, links=kl.fit_links(cascade, history))
    path = out or Path("reports") / cascade.folder.resolve().name / "map.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    drawn.save(path)
    if as_json:
        print_result(drawn, as_json)
    else:
        print(path)


@app.command()
def report(
    folder: Folder,
    template: Annotated[
        Template, typer.Option(help="One per unit, for the whole, the evidence, per owner, or all but those.")
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


@app.command()
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
        later, history = _read(new)
        result = kl.diff(kl.read_cascade(old), later, history=history, period=period)
    else:
        result = kl.diff(old, new)
    print_result(result.at(unit) if unit is not None else result, as_json)


@app.command("app")
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


@app.command()
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


@app.command("import")
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


@app.command()
def schema() -> None:
    """Print the JSON Schema of cascade.yaml, for an editor."""
    from kpilab.model.files import cascade_schema

    print(json.dumps(cascade_schema(), indent=2))


def _locks(pairs: Sequence[str]) -> dict[str, float]:
    """Read ``UNIT=VALUE``; a percentage is a share."""
    locks, problems = {}, []
    for pair in pairs:
        name, _, text = pair.partition("=")
        try:
            number = float(text.strip().removesuffix("%"))
        except ValueError:
            problems.append(
                Problem("--lock", f"'{pair}' is no lock; write UNIT=VALUE, like city=0.9 or city=90%")
            )
            continue
        locks[name.strip()] = number / 100 if text.strip().endswith("%") else number
    stop_on(problems)
    return locks


def _read(folder: Path) -> tuple[Any, Any]:
    from rich.console import Console

    from kpilab.model.history import read_folder

    with Console(stderr=True).status("reading the cascade and its history"):
        return read_folder(folder)


if __name__ == "__main__":
    main()
