"""Commands to decide: what follows from a change, which actions, what pay."""

import sys
from pathlib import Path
from typing import Annotated

import typer

import kpilab as kl
from kpilab.cli.program import AsJson, Folder, Period, app, read
from kpilab.printing import print_json, print_result

SITTING = "Decide"


@app.command(rich_help_panel=SITTING)
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
    seed: Annotated[int, typer.Option(help="Of the random draws: the same seed gives the same result.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Carry a change of KPIs along the arrows: what follows, when, how sure."""
    from kpilab.decisions.interventions import read_settings

    cascade, history = read(folder)
    wanted = read_settings(changes or ())
    scenario = kl.what_if(
        cascade, history, kl.fit_links(cascade, history), wanted, action=action, horizon=horizon,
        units=unit or None, kpis=kpi or None, inconclusive=inconclusive, inference=inference, seed=seed,
    )  # fmt: skip
    print_result(scenario, as_json)


@app.command(rich_help_panel=SITTING)
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

    cascade, history = read(folder)
    found = kl.plan_actions(
        cascade, history, kl.fit_links(cascade, history), budget=budget, targets=targets or None, unit=unit,
        period=period, actions=actions or None, costs=read_amounts(costs or ()), objective=objective,
    )  # fmt: skip
    print_result(found, as_json)


@app.command(rich_help_panel=SITTING)
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

    cascade, history = read(folder)
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
