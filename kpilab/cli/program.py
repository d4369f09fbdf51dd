"""What all commands share: the program, its arguments, its exit codes, how a folder is read."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from kpilab.problems import InputError

FOUND_ERRORS, BAD_INPUT, SOME_FAILED = 1, 2, 3

app = typer.Typer(
    help="Define goals, cascade them, test the arrows between them, and show what rests on what.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


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


def read(folder: Path) -> tuple[Any, Any]:
    """Read a cascade and its history; a terminal shows that it takes a while."""
    from rich.console import Console

    from kpilab.model.history import read_folder

    with Console(stderr=True).status("reading the cascade and its history"):
        return read_folder(folder)
