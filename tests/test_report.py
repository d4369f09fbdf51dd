"""Reports: parameters are checked before anything runs, paths stay in their folder, a failure is a row."""

import re

import nbformat
import pytest

import kpilab as kl
from kpilab.delivery.report import _slug, parameter_problems, template_path
from tests.small import write_cascade_folder


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
