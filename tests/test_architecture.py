"""ARCHITECTURE.md is true: what it names exists, no module goes unnamed, its layers are those enforced."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def architecture():
    return (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")


def named_modules(text):
    """Join each heading that is a folder with the modules listed under it."""
    folder, named = None, []
    for line in text.splitlines():
        if line.startswith("#"):
            heading = re.search(r"`(kpilab/[\w/]*)`", line)
            folder = heading.group(1) if heading else None
        elif folder and (entry := re.match(r"- `(\w+\.py)`", line)):
            named.append(folder + entry.group(1))
    return named


def test_every_module_is_named_once_and_every_name_exists(architecture):
    named = named_modules(architecture)
    there = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "kpilab").rglob("*.py")
        if path.name != "__init__.py"
    }
    assert {"not named": sorted(there - set(named)), "not there": sorted(set(named) - there)} == {
        "not named": [],
        "not there": [],
    }
    assert len(named) == len(set(named))


def test_layers_are_those_that_lint_imports_enforces(architecture):
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    rooms = next(each for each in pyproject["tool"]["importlinter"]["contracts"] if each["id"] == "rooms")
    said = re.search(r"^ *(cli > .*)$", architecture, flags=re.MULTILINE)
    assert said, "ARCHITECTURE.md states no layers"
    assert said.group(1).split(" > ") == [
        layer.replace("(", "").replace(")", "") for layer in rooms["layers"]
    ]
