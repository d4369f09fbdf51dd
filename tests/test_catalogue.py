"""The catalogue of KPI templates: complete, consistent, and each of them makes a KPI."""

import pytest

import kpilab as kl
from kpilab.model.catalogue import kpi_templates
from kpilab.model.draft import PERSPECTIVES

TEMPLATES = kpi_templates()


def test_some_thirty_in_every_perspective():
    assert 30 <= len(TEMPLATES) <= 40
    assert list(dict.fromkeys(template.perspective for template in TEMPLATES)) == list(PERSPECTIVES)
    for field in ("id", "name", "gamed"):
        assert len({getattr(template, field) for template in TEMPLATES}) == len(TEMPLATES)


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template.id)
def test_drivers_are_other_templates(template):
    assert set(template.drivers) <= {other.id for other in TEMPLATES} - {template.id}


def test_all_of_them_make_one_cascade(tmp_path):
    draft = kl.Draft.new(tmp_path / "new", name="All")
    draft.add_all("kpis", [template.entry for template in TEMPLATES])
    draft.save()
    assert [kpi.id for kpi in kl.read_cascade(tmp_path / "new").kpis] == [each.id for each in TEMPLATES]


def test_shares_are_ratios():
    assert all(each.kind == "ratio" for each in TEMPLATES if each.unit_of_measure == "share")
