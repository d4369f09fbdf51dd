"""The command line as a module: ``python -m kpilab.cli``."""

from kpilab.cli import main

main()
