"""Reports: parameters are checked before anything runs, paths stay in their folder, a failure is a row."""

import os
import re
import subprocess
import sys

import nbformat
import pandas as pd
import pytest

import kpilab as kl
from kpilab.delivery.report import _file_names, _slug, parameter_problems, template_path
from tests.small import SHOP, write_cascade_folder


def test_report_of_a_unit_is_self_contained_and_the_same_every_time(tmp_path):
    folder = write_cascade_folder(tmp_path / "shops")
    runs = [
        kl.run_reports(folder, units=["a"], period="2023-01", folder=tmp_path / name, progress=False)
        for name in "pq"
    ]
    pages = [run.index.parent / "a.html" for run in runs]
    text = pages[0].read_text(encoding="utf-8")
    assert "Shop A" in text
    assert not re.findall(r"""(?:src|href)\s*=\s*["']?(?:https?:)?//""", text)
    assert text == pages[1].read_text(encoding="utf-8")
    notebooks = [page.with_suffix(".ipynb").read_text(encoding="utf-8") for page in pages]
    assert notebooks[0] == notebooks[1]
    assert runs[0].index == tmp_path / "p" / "shops" / "2023-01" / "index.html"
    assert not runs[0].failed
    assert list(runs[0].tidy()["status"]) == ["written"]


def test_report_of_a_span_stands_in_a_folder_of_its_name(tmp_path):
    folder = write_cascade_folder(tmp_path / "shops")
    run = kl.run_reports(folder, template="board", period="2023-01..2023-02", folder=tmp_path, progress=False)
    assert run.tidy()["path"].tolist() == [str(tmp_path / "shops" / "2023-01..2023-02" / "board.html")]
    assert run.glance()[["n_written", "n_failed"]].values.tolist() == [[1, 0]]


def test_report_that_fails_is_a_row_and_the_index_says_so(tmp_path, monkeypatch):
    folder = write_cascade_folder(tmp_path / "shops")
    broken = nbformat.read(template_path("unit"), as_version=4)
    broken.cells.append(nbformat.v4.new_code_cell("1 / 0 if unit == 'a' else None"))
    templates = tmp_path / "notebooks" / "templates"
    templates.mkdir(parents=True)
    nbformat.write(broken, templates / "unit.ipynb")
    monkeypatch.chdir(tmp_path)
    run = kl.run_reports(folder, period="2023-01", progress=False)
    table = run.tidy().set_index("unit")
    assert run.failed
    assert table.loc["a", "status"] == "failed"
    assert "ZeroDivisionError" in table.loc["a", "problem"]
    assert table.loc["b", "status"] == "written"
    assert "failed: " in run.index.read_text(encoding="utf-8")
    assert "This report failed" in (run.index.parent / "a.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"unti": "a"}, "unknown parameter 'unti'; did you mean 'unit'?"),
        ({"unit": 3}, "parameter 'unit' is 3; it should be of type str"),
        ({"unit": ["a"]}, "parameter 'unit' is a list"),
        ({"unit": True}, "parameter 'unit' is True; it should be of type str"),
        ({"period": pd.Period("2023-01")}, "parameter 'period' is a Period"),
        ({"import os": "x"}, "unknown parameter 'import os'"),
    ],
)
def test_wrong_parameters_are_told_before_anything_runs(tmp_path, parameters, said):
    assert said in str(parameter_problems(template_path("unit"), parameters)[0])
    with pytest.raises(kl.InputError, match=re.escape(said)):
        kl.run_template("unit", tmp_path / "out.ipynb", **parameters)
    assert list(tmp_path.iterdir()) == []


def test_unknown_units_templates_and_periods_are_told_before_anything_runs(tmp_path):
    folder = write_cascade_folder(tmp_path / "shops")
    for wrong, said in (
        ({"units": ["a", "bb"]}, "unknown unit 'bb'; did you mean 'b'"),
        ({"template": "unitt"}, "unknown template 'unitt'; did you mean 'unit'"),
        ({"period": "2023-Q9"}, "is not"),
        ({"period": "2031-01"}, "lies outside the history; give a period from 2023-01 to 2023-02"),
    ):
        with pytest.raises(kl.InputError, match=said):
            kl.run_reports(folder, folder=tmp_path / "out", progress=False, **wrong)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["../../etc", "a/b", "{unit}", "..", ".hidden", "C:\\x", "a b", ""])
def test_no_name_leads_out_of_the_folder(name):
    slug = _slug(name)
    assert slug
    assert not set(slug) & set("/\\{} :")
    assert not slug.startswith(".")
    assert ".." not in slug


def test_a_kernel_that_dies_is_said_in_row_page_and_notebook(tmp_path):
    template = nbformat.v4.new_notebook()
    parameters = nbformat.v4.new_code_cell("hard = 1", metadata={"tags": ["parameters"]})
    dying = nbformat.v4.new_code_cell("import os\nos._exit(hard)")
    template.cells = [parameters, dying, nbformat.v4.new_code_cell("'after'")]
    nbformat.write(template, tmp_path / "dying.ipynb")
    with pytest.raises(kl.InputError, match="Kernel died"):
        kl.run_template(tmp_path / "dying.ipynb", tmp_path / "out" / "r.ipynb", hard=3)
    for ending in ("html", "ipynb"):
        assert "This report failed" in (tmp_path / "out" / f"r.{ending}").read_text(encoding="utf-8")
    assert "papermill" not in nbformat.read(tmp_path / "out" / "r.ipynb", as_version=4).metadata


def test_no_two_units_share_a_file_and_none_takes_the_runs_own(tmp_path):
    ids = ["a:b", "a-b", "A-B", "index", "map", "board"]
    units = "".join(f"  - {{unit: '{each}', name: X, level: shop, parent: all}}\n" for each in ids)
    cascade = kl.read_cascade(
        write_cascade_folder(tmp_path, SHOP.replace("objectives:", f"{units}objectives:", 1))
    )
    names = [name.lower() for name in _file_names(cascade).values()]
    assert len(set(names)) == len(names)
    assert not {"index", "map", "board"} & set(names)


def test_a_script_without_main_guard_can_run_reports_into_a_folder_with_braces(tmp_path):
    write_cascade_folder(tmp_path / "shops {x}")
    script = "import kpilab as kl; print(kl.run_reports('shops {x}', units=['a', 'b'], folder='o {0}').text)"
    done = subprocess.run(
        [sys.executable],
        input=script,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(template_path("unit").parents[2])},
        check=False,
    )
    assert done.stdout.startswith("2 reports written"), done.stderr
    assert "2/2" not in done.stderr  # a bar is for terminals
    assert (tmp_path / "o {0}" / "shops-x-" / "2023-02" / "index.html").exists()


def test_templates_run_as_they_stand_and_a_report_runs_again_where_it_lies(tmp_path, monkeypatch):
    monkeypatch.chdir(template_path("unit").parent)
    kl.run_template("unit", tmp_path / "alone.ipynb")
    assert "NHS Ayrshire and Arran" in (tmp_path / "alone.html").read_text(encoding="utf-8")
    run = kl.run_reports(
        write_cascade_folder(tmp_path / "shops"), units=["a"], folder=tmp_path / "out", progress=False
    )
    written = run.index.parent / "a.ipynb"
    assert "../../../shops" in written.read_text(encoding="utf-8")
    assert str(tmp_path) not in written.read_text(encoding="utf-8")


@pytest.mark.parametrize("cell", ["a = 1\nb = open('x')", "a = (", "a: int = 1\nb = -2.5"])
def test_parameters_are_read_without_running_the_cell(tmp_path, cell):
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [nbformat.v4.new_code_cell(cell, metadata={"tags": ["parameters"]})]
    nbformat.write(notebook, tmp_path / "t.ipynb")
    if "-2.5" in cell:
        assert parameter_problems(tmp_path / "t.ipynb", {"a": 2, "b": 3}) == []
        assert len(parameter_problems(tmp_path / "t.ipynb", {"a": 2.5, "b": "3"})) == 2
        return
    with pytest.raises(kl.InputError, match="not plain assignments"):
        parameter_problems(tmp_path / "t.ipynb", {})


def test_owners_get_a_page_each_and_stand_on_the_index(example_folder, tmp_path):
    run = kl.run_reports(
        example_folder,
        template="owner",
        units=["flow_lead"],
        period="2023-03",
        folder=tmp_path,
        progress=False,
    )
    assert not run.failed
    page = (run.index.parent / "owner-flow_lead.html").read_text(encoding="utf-8")
    assert "Head of patient flow" in page
    assert "What it moves, and why that matters" in page
    assert "href='owner-flow_lead.html'" in run.index.read_text(encoding="utf-8")
    with pytest.raises(kl.InputError, match="did you mean 'flow_lead'"):
        kl.run_reports(example_folder, template="owner", units=["flow"], folder=tmp_path, progress=False)
