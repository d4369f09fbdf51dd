"""Notebooks: their numbers are really compared, and they keep the house's form."""

import os
import re
import shutil
import subprocess
import sys

import nbformat
import pytest

NAMES = ("01_build", "02_check_and_score", "03_links_and_map", "04_tune_targets", "06_actions")


def read(project_root, name):
    return nbformat.read(project_root / "notebooks" / f"{name}.ipynb", as_version=4)


def run_nbval(project_root, folder, name):
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--nbval",
        "-q",
        "-p",
        "no:cacheprovider",
        f"notebooks/{name}.ipynb",
    ]
    command += ["--nbval-sanitize-with", str(project_root / "tests" / "nbval_sanitize.cfg")]
    environment = {**os.environ, "PYTHONPATH": str(project_root)}
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment, check=False)


def test_altering_one_number_in_history_makes_the_notebook_fail(project_root, tmp_path):
    for folder in ("notebooks", "data"):
        shutil.copytree(project_root / folder, tmp_path / folder)
    assert run_nbval(project_root, tmp_path, "02_check_and_score").returncode == 0
    path = tmp_path / "data" / "nhs-scotland" / "history.csv"
    lines = path.read_text(encoding="utf-8").splitlines()
    number = next(
        i for i, line in enumerate(lines) if line.startswith("2016-02,S08000028,")
    )  # a small island
    cells = lines[number].split(",")
    column = lines[0].split(",").index("ae_within_4h")
    cells[column] = str(float(cells[column]) + 1)
    lines[number] = ",".join(cells)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    altered = run_nbval(project_root, tmp_path, "02_check_and_score")
    assert altered.returncode == 1, altered.stdout[-2000:]
    assert "Cell outputs differ" in altered.stdout


@pytest.mark.parametrize("name", NAMES)
def test_notebook_keeps_the_houses_form(project_root, name):
    notebook = read(project_root, name)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert len(notebook.cells) <= 26
    assert notebook.cells[0].source.startswith("# ")
    assert "parameters" in code[0].metadata.get("tags", [])
    assert "## What we learned" in notebook.cells[-1].source
    assert all(len(cell.source.splitlines()) <= 10 for cell in code)
    assert not any(re.search(r"^\s*def ", cell.source, re.MULTILINE) for cell in code)
    assert sum(bool(cell.outputs) for cell in code) >= 5  # something is compared
    controls = re.compile(r"kl\.(choose_|Panel\(|CascadeBuilder|MapEditor)")
    assert any(controls.search(cell.source) for cell in code)
    assert (project_root / "notebooks" / f"{name}.ipynb").stat().st_size < 300_000


@pytest.mark.parametrize("name", ["unit", "board"])
def test_template_has_parameters_and_only_short_cells_without_functions_or_loops(project_root, name):
    notebook = nbformat.read(project_root / "notebooks" / "templates" / f"{name}.ipynb", as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert "parameters" in code[0].metadata.get("tags", [])
    assert all(len(cell.source.splitlines()) <= 10 and not cell.outputs for cell in code)
    assert not any(re.search(r"^\s*(def|for|while) ", cell.source, re.MULTILINE) for cell in code)
