"""Commands to validate what a cascade assumes: links, arrows not drawn, actions."""

from typing import Annotated

import typer

import kpilab as kl
from kpilab.cli.program import AsJson, Folder, app, read
from kpilab.printing import print_result

SITTING = "Validate"


@app.command(rich_help_panel=SITTING)
def links(folder: Folder, as_json: AsJson = False) -> None:
    """Test every assumed link against history."""
    print_result(kl.fit_links(*read(folder)), as_json)


@app.command(rich_help_panel=SITTING)
def missing(folder: Folder, as_json: AsJson = False) -> None:
    """Test every arrow that the map does not draw."""
    print_result(kl.find_missing_links(*read(folder)), as_json)


@app.command(rich_help_panel=SITTING)
def actions(
    folder: Folder,
    unit: Annotated[str | None, typer.Option(help="Only the actions that reach this unit.")] = None,
    as_json: AsJson = False,
) -> None:
    """Ask of every action whether it moved its KPIs, against what would have happened without it."""
    found = kl.evaluate_actions(*read(folder))
    print_result(found.of_unit(unit) if unit is not None else found, as_json)
