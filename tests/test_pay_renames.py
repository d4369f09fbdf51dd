"""An id under another name in the pay plan: only where it is named, and nothing of it is shown."""

import pytest

import kpilab as kl
from kpilab.model.pay_renames import pay_names, pay_renamed
from kpilab.model.start import start_cascade

PAY = """\
pay: Bonus   # of ann and calls
currency: EUR
curves:
  - {id: usual, shape: linear, threshold: [0.8, 0.5], target: [1.0, 1.0], maximum: [1.2, 2.0]}
plans:
  - id: calls
    curve: usual
    measures:
      - {kpi: "calls",   level: department, unit: city, weight: 0.5}
      - {weight: 0.5, kpi: orders, level: department}
people:
  - {person: director, plan: calls, target_pay: 5000}
"""


@pytest.fixture
def folder(tmp_path):
    start_cascade(tmp_path / "firm")
    (tmp_path / "firm" / "pay.yaml").write_text(PAY, encoding="utf-8")
    return tmp_path / "firm"


@pytest.mark.parametrize(
    ("noun", "old", "new", "before", "after"),
    [
        ("kpis", "calls", "phone", 'kpi: "calls",   level', 'kpi: "phone",   level'),
        ("units", "city", "town", "unit: city,", "unit: town,"),
        ("owners", "director", "chief", "person: director,", "person: chief,"),
        ("objectives", "calls", "phone", "id: calls", "id: calls"),
    ],
)
def test_only_what_names_the_entry_changes(noun, old, new, before, after):
    assert before in PAY
    assert pay_renamed(PAY, noun, old, new) == PAY.replace(before, after)


def test_a_plan_that_cannot_be_read_is_left_alone():
    assert pay_renamed("pay: [", "kpis", "calls", "phone") == "pay: ["


def test_renaming_in_the_pay_plan_is_saved_undone_and_shows_no_amount(folder):
    cascade = kl.read_cascade(folder)
    assert (pay_names(cascade, "kpis", "calls"), pay_names(cascade, "kpis", "revenue")) == (1, 0)
    draft = kl.Draft(cascade)
    draft.rename("kpis", "calls", "phone", pay=True)
    assert draft.code == "draft.rename('kpis', 'calls', 'phone', pay=True)"
    assert kl.Draft.recover(folder).files == draft.files
    assert "confidential and not shown" in draft.difference()
    assert "5000" not in draft.difference()
    draft.undo()
    assert draft.is_saved
    draft.redo()
    draft.save()
    assert (folder / "pay.yaml").read_text(encoding="utf-8") == PAY.replace('"calls"', '"phone"')
    again = kl.read_cascade(folder)
    assert kl.read_pay(again).plans[0].measures[0].kpi == "phone"


def test_a_pay_plan_that_changed_meanwhile_is_not_overwritten_and_not_shown(folder):
    draft = kl.Draft(kl.read_cascade(folder))
    draft.rename("owners", "director", "chief", pay=True)
    (folder / "pay.yaml").write_text(PAY.replace("5000", "7777"), encoding="utf-8")
    with pytest.raises(kl.InputError, match="pay.yaml: changed on disk") as refused:
        draft.save()
    assert "7777" not in str(refused.value)
