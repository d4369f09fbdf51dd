"""The command line: parse, call one function, print, exit.

Exit codes: 0 fine; 1 the check found errors in a valid cascade; 2 bad input; 3 some reports of a batch failed.
The commands stand in the order of the analyst's sittings: build, tune, validate, decide, report.
"""

from kpilab.cli import build, tune, validate, decide, report  # noqa: F401, I001  (the order of the help)
from kpilab.cli.program import main

__all__ = ["main"]
