"""Three questions to every owner, and their answers as a KPI on the scorecard."""

import pytest

import kpilab as kl
from kpilab.model.understanding import answers_table
from tests.small import cell
from tests.test_pay_files import CASCADE, HISTORY, paid

KPI = (
    "  - {id: understood, name: Understood, ratio: {of: answers_right, per: answers_given}, better: higher}\n"
)
ANSWERS = """\
owner,question,answer,date
ann,objective:sales,Grow,2023-02-03
ann,direction:sales,less,2023-02-03
bo,direction:sales, More ,2023-02-20
"""


def company(folder, answers=ANSWERS):
    text = CASCADE.replace("links:\n", KPI + "links:\n")
    paid(folder, text=text)
    (folder / "understanding.csv").write_text(answers, encoding="utf-8")
    cascade = kl.read_cascade(folder)
    return cascade, kl.read_history(cascade)


def test_every_owner_of_the_example_is_asked_three_questions(example_cascade):
    for owner in example_cascade.owners:
        questions = kl.questions_for(example_cascade, owner.id)
        assert len(questions) == 3, owner.id
        assert all(question.right for question in questions)


def test_right_answers_come_from_the_cascade(example_cascade):
    first, second, third = kl.questions_for(example_cascade, "discharge_lead")
    assert first.is_right("a bed for those who need one")
    assert second.is_right(" Less ")
    assert not second.is_right("more")
    assert third.is_right("flow_lead")


def test_comprehension_is_a_kpi_like_any_other(tmp_path):
    """One of Ann's two answers is right, Bo's only one is: a half, all, and two thirds for the company."""
    table = kl.roll_up(*company(tmp_path), period="2023-02").tidy()
    assert [cell(table, "understood", unit) for unit in ("ann", "bo", "all")] == pytest.approx(
        [0.5, 1, 2 / 3]
    )


def test_bad_answers_are_told_with_their_lines(tmp_path):
    answers = (
        ANSWERS
        + "cy,direction:sales,more,2023-02-20\nann,direction:x,more,2023-02-20\nbo,direction:sales,more,May\n"
    )
    with pytest.raises(kl.InputError) as caught:
        company(tmp_path, answers)
    said = [str(problem) for problem in caught.value.problems]
    assert said[0].startswith("understanding.csv:5: unknown owner 'cy'")
    assert said[1].startswith(
        "understanding.csv:6: 'ann' is not asked 'direction:x'; did you mean 'direction:sales'?"
    )
    assert said[2] == "understanding.csv:7: date is 'May'; write a day, like 2023-03-31"


def test_without_answers_history_is_as_it_was(tmp_path):
    cascade, history = paid(tmp_path)
    assert answers_table(cascade) == (None, [])
    assert set(history.measures) == set(HISTORY.splitlines()[0].split(",")[2:])
