"""Bad pay plans: one line each, with file, line, value and remedy, all at once."""

import pytest

import kpilab as kl
from tests.small import shops

CASCADE = """\
cascade: Paid
frequency: month
levels: [company, person]
history: {path: history.csv}
units:
  - {unit: all, name: Company, level: company}
  - {unit: ann, name: Ann, level: person, parent: all}
  - {unit: bo, name: Bo, level: person, parent: all}
owners:
  - {id: ann, name: Ann}
  - {id: bo, name: Bo}
  - {id: boss, name: Boss, unit: all}
objectives: [{id: grow, name: Grow}]
factors: [{id: sell, name: Sell, objective: grow}]
kpis:
  - {id: sales, name: Sales, factor: sell, sum: sales, better: higher, timing: lagging}
  - {id: calls, name: Calls, factor: sell, sum: calls, better: higher, timing: leading}
  - {id: faults, name: Faults, sum: faults, better: lower}
links:
  - {cause: calls, effect: sales, sign: "+", at: person}
targets:
  - {kpi: sales, unit: all, target: 200}
  - {kpi: sales, unit: ann, target: 100}
  - {kpi: sales, unit: bo, target: 100}
  - {kpi: calls, unit: ann, target: 10}
  - {kpi: calls, unit: bo, target: 10}
  - {kpi: faults, unit: ann, target: 2}
  - {kpi: faults, unit: bo, target: 2}
"""
HISTORY = """\
period,unit,sales,calls,faults
2023-01,ann,90,12,4
2023-01,bo,80,8,0
2023-02,ann,100,10,2
2023-02,bo,79,20,1
"""
PAY = """\
pay: Test plan
currency: EUR
curves:
  - {id: usual, threshold: [0.8, 0.5], target: [1, 1], maximum: [1.2, 2]}
plans:
  - id: sellers
    curve: usual
    measures:
      - {kpi: sales, level: person, weight: 0.5}
      - {kpi: sales, level: company, weight: 0.2}
      - {kpi: calls, level: person, weight: 0.3}
people:
  - {person: ann, plan: sellers, target_pay: 1000}
  - {person: bo, plan: sellers, target_pay: 1000}
"""


def paid(folder, pay=PAY, text=CASCADE, rows=HISTORY):
    """Return cascade and history of a company with two sellers, and write its pay plan beside them."""
    cascade, history = shops(folder, text, rows)
    (folder / "pay.yaml").write_text(pay, encoding="utf-8")
    return cascade, history


FAULTS = {
    "a missing person": (("person: bo,", "person: bob,"), "pay.yaml:14: unknown person 'bob'; did you mean 'bo'?"),
    "an unknown plan": (("person: ann, plan: sellers", "person: ann, plan: seller"),
                        "pay.yaml:13: unknown plan 'seller'; did you mean 'sellers'?"),
    "an unknown kpi": (("kpi: calls", "kpi: call"), "pay.yaml:8: unknown kpi 'call'; did you mean 'calls'?"),
    "no curve": (("    curve: usual\n", ""), "pay.yaml:7: unknown curve '(none given)'; use one of: usual"),
    "weights beyond one": (("level: person, weight: 0.3", "level: person, weight: 0.4"),
                           "pay.yaml:6: plans: 'sellers': the weights of its measures sum to 1.1; make them sum to 1"),
    "equal points": (("target: [1, 1]", "target: [0.8, 1]"),
                     "pay.yaml:4: curves: 'usual': two marks at performance 0.8; give each its own"),
    "a curve that falls": (("maximum: [1.2, 2]", "maximum: [1.2, 0.9]"),
                           "pay.yaml:4: curves: 'usual': the payout falls while performance rises"),
    "two plans in one period": (("target_pay: 1000}\n  - {person: bo", "target_pay: 1000}\n"
                                 "  - {person: ann, plan: sellers, target_pay: 5}\n  - {person: bo"),
                                "pay.yaml:14: 'ann' is in 'sellers' and 'sellers' in the same period"),
    "a gate on an unknown kpi": (("    curve: usual\n", "    curve: usual\n    gates: [{kpi: safety, at_least: 1}]\n"),
                                 "pay.yaml:8: unknown kpi 'safety'"),
    "a circular gate": (("    curve: usual\n", "    curve: usual\n    gates: [{plan: sellers}]\n"),
                        "pay.yaml:8: gates go in a circle: sellers > sellers; open one of them"),
    "a currency mix": (("target_pay: 1000}\n  - {person: bo", "target_pay: 1000, currency: USD}\n"
                        "  - {person: bo"), "pay.yaml:13: 'ann' is paid in USD, the plan in EUR"),
    "proration over one": (("person: bo, plan: sellers", "person: bo, fte: 1.2, plan: sellers"),
                           "pay.yaml:14: people: fte is 1.2; it should be less than or equal to 1"),
    "negative pay": (("person: bo, plan: sellers, target_pay: 1000", "person: bo, plan: sellers, target_pay: -1"),
                     "pay.yaml:14: people: target_pay is -1"),
    "an unknown key": (("currency: EUR", "currency: EUR\nrounding_to: 1"), "pay.yaml:3: unknown key 'rounding_to'"),
    "a period that is none": (("person: bo,", "person: bo, from: 2023-13,"), "pay.yaml:14: from: period '2023-13'"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_one_mistake_is_one_line_with_its_place(fault, tmp_path):
    (old, new), said = FAULTS[fault]
    assert old in PAY
    cascade, _ = paid(tmp_path, PAY.replace(old, new))
    with pytest.raises(kl.InputError) as caught:
        kl.read_pay(cascade)
    lines = [str(problem) for problem in caught.value.problems]
    assert len(lines) == 1, lines
    assert lines[0].startswith(said)


def test_all_mistakes_are_told_at_once(tmp_path):
    text = PAY
    for fault in ("a missing person", "an unknown kpi", "a currency mix"):
        text = text.replace(*FAULTS[fault][0])
    cascade, _ = paid(tmp_path, text)
    with pytest.raises(kl.InputError) as caught:
        kl.read_pay(cascade)
    assert len(caught.value.problems) == 3


def test_a_missing_file_is_one_line(tmp_path):
    cascade, _ = shops(tmp_path, CASCADE, HISTORY)
    with pytest.raises(kl.InputError, match=r"pay\.yaml: no such file"):
        kl.read_pay(cascade)


def test_level_weights_multiply_those_within_the_level(tmp_path):
    text = PAY.replace("    curve: usual\n", "    curve: usual\n    levels: {company: 0.3, person: 0.7}\n")
    text = text.replace("company, weight: 0.2", "company, weight: 1").replace("weight: 0.3", "weight: 0.5")
    cascade, _ = paid(tmp_path, text)
    plan = kl.read_pay(cascade).plans[0]
    assert [str(plan.weight_of(measure)) for measure in plan.measures] == ["0.35", "0.3", "0.35"]
