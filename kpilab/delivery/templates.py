"""Notebook templates: where they are, and whether parameters are those that a template has.

papermill takes any name and any type: a misspelt one would be ignored, and the report be of something else.
"""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kpilab.problems import Problem, did_you_mean, one_problem

_PLAIN_TYPES = (str, int, float, bool)


def template_path(template: str) -> Path:
    """Find a template by name, in ``notebooks/templates`` here or beside the package, or by path."""
    beside = Path(__file__).resolve().parents[2]
    given = Path(template)
    candidates = [root / "notebooks" / "templates" / f"{template}.ipynb" for root in (Path(), beside)]
    for path in [given, *candidates] if given.suffix == ".ipynb" else candidates:
        if path.is_file():
            return path
    known = {path.stem for path in (beside / "notebooks" / "templates").glob("*.ipynb")}
    raise one_problem("template", f"unknown template '{template}'; {did_you_mean(template, known)}")


def parameter_problems(template: Path, parameters: Mapping[str, Any]) -> list[Problem]:
    """List parameters that the template does not have, or whose type is not the template's."""
    defaults = _defaults(template)
    found = []
    for name, value in parameters.items():
        if name not in defaults:
            found.append(
                Problem(template.name, f"unknown parameter '{name}'; {did_you_mean(name, defaults)}")
            )
        elif type(value) not in _PLAIN_TYPES:
            kind = type(value).__name__
            found.append(
                Problem(template.name, f"parameter '{name}' is a {kind}; give text, a number or true/false")
            )
        elif not _of_the_type_of(defaults[name], value):
            wanted = type(defaults[name]).__name__
            found.append(
                Problem(template.name, f"parameter '{name}' is {value!r}; it should be of type {wanted}")
            )
    return found


def _of_the_type_of(default: Any, value: Any) -> bool:
    """Tell whether a value can stand for a default; a whole number is good for a decimal one."""
    return default is None or type(value) is type(default) or (type(default) is float and type(value) is int)


def _defaults(template: Path) -> dict[str, Any]:
    """Return the names and values that the template's parameters cell assigns."""
    import nbformat

    cells = nbformat.read(template, as_version=4).cells
    tagged = [cell for cell in cells if "parameters" in cell.metadata.get("tags", [])]
    if not tagged:
        raise one_problem(template.name, "has no cell tagged 'parameters'; tag the one that sets them")
    try:
        return dict(_assigned(ast.parse(tagged[0].source)))
    except (SyntaxError, ValueError) as error:
        raise one_problem(template.name, f"its parameters cell is not plain assignments: {error}") from error


def _assigned(cell: ast.Module) -> Iterator[tuple[str, Any]]:
    for node in cell.body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        value = getattr(node, "value", None)
        if isinstance(target, ast.Name) and value is not None:
            yield target.id, ast.literal_eval(value)
