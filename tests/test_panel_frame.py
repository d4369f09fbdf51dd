"""What all panels share, on a panel that is as small as can be: state, undo, threads, cancel, downloads."""

import threading
import time

import ipywidgets
import pandas as pd
import pytest

from kpilab.delivery.charts import Chart
from kpilab.delivery.widgets.frame import Answer, Frame, file_name
from kpilab.delivery.widgets.work import PATIENCE_SECONDS
from kpilab.problems import InputError, one_problem

LONG = 10 * PATIENCE_SECONDS


class Doubling(Frame):
    """Doubles a number: at once, or as slowly as `slow` lets it; 13 is refused."""

    def __init__(self, slow=None, first=1.0):
        super().__init__("cascade", "A <b>panel</b>")
        self.slow, self.answered = slow, []
        self.number, self.other = ipywidgets.FloatSlider(first, max=100.0), ipywidgets.FloatSlider(0.0)
        self._watch(self.number, self.other)
        self._begin(self.number, self.other, self.chart)

    @property
    def doubled(self):
        return self._answered().result

    def _state(self):
        return {"number": self.number.value, "other": self.other.value}

    def _put(self, state):
        self.number.value, self.other.value = state["number"], state["other"]

    def _answer(self, state, report):
        if self.slow is not None and state["number"] in self.slow:
            for step in range(1000):
                report(step, 1000)
                time.sleep(LONG / 1000 if self.slow[state["number"]] else 3600)
        if state["number"] == 13:
            raise one_problem("number", "13 is unlucky; take another")
        self.answered.append(state["number"])
        doubled = 2 * state["number"]
        table = pd.DataFrame({"number": [state["number"]], "doubled": [doubled]})
        return Answer(doubled, f"2 * {state['number']:g}", Chart(f"<svg>{doubled:g}</svg>"), table)

    def _file_name(self):
        return "doubled"


def move(panel, value, control=None):
    """Move a control as slowly as to count as a move of its own."""
    panel._last_move = (0, 0.0)
    (control or panel.number).value = value


def test_what_is_quick_is_there_when_the_move_returns():
    panel = Doubling()
    move(panel, 4)
    assert panel._shown.result == 8
    assert "8" in panel.chart.value
    assert "<code>2 * 4</code>" in panel.code.value
    assert panel.work.layout.display == "none"


def test_a_title_is_text():
    assert "<b>panel" not in Doubling().title.value


def test_undo_and_redo_visit_every_move_and_a_new_move_forgets_what_was_undone():
    panel = Doubling()
    for value in (2, 3, 4):
        move(panel, value)
    panel.undo()
    panel.undo()
    assert (panel.doubled, panel.number.value) == (4, 2)
    panel.redo()
    assert panel.doubled == 6
    move(panel, 9)
    panel.redo()
    assert panel.doubled == 18
    panel.reset()
    assert panel.doubled == 2
    panel.undo()
    assert panel.doubled == 18


def test_a_drag_is_one_step_for_undo_and_a_move_of_another_control_is_another():
    panel = Doubling()
    for value in (2, 3, 4):
        panel.number.value = value
    panel.other.value = 1
    panel.undo()
    assert (panel.number.value, panel.other.value) == (4, 0)
    panel.undo()
    assert panel.number.value == 1


def test_the_page_goes_on_while_it_works_and_a_cell_waits_for_the_result():
    panel = Doubling(slow={5: True})
    started = time.monotonic()
    move(panel, 5)
    assert panel._shown.result == 2
    assert time.monotonic() - started < LONG / 2
    assert panel.work.layout.display == ""
    assert panel.work.going_on
    assert panel.doubled == 10
    assert panel.work.layout.display == "none"


def test_the_latest_move_counts_and_an_outdated_one_is_never_shown():
    panel = Doubling(slow={5: True})
    shown = []
    panel.chart.observe(lambda change: shown.append(change["new"]), "value")
    move(panel, 5)
    move(panel, 6)
    assert panel.doubled == 12
    assert panel.answered == [1, 6]
    assert not [each for each in shown if ">10<" in each]


def test_cancel_ends_the_work_and_brings_back_what_is_shown():
    panel = Doubling(slow={5: True})
    move(panel, 2)
    move(panel, 5)
    panel.work.stop.click()
    panel.wait()
    assert (panel.number.value, panel.doubled) == (2, 4)
    assert 5 not in panel.answered
    panel.undo()
    assert panel.doubled == 2


def test_a_first_answer_that_is_cancelled_is_asked_for_again_by_reset():
    panel = Doubling(slow={5: True}, first=5.0)
    panel.cancel()
    with pytest.raises(InputError, match="press Reset"):
        panel.doubled  # noqa: B018
    panel.slow = None
    panel.reset()
    assert panel.doubled == 10


def test_what_is_refused_is_said_and_can_be_undone():
    panel = Doubling()
    move(panel, 13)
    assert "13 is unlucky" in panel.problem.value
    assert panel.doubled == 2
    panel.undo()
    assert panel.problem.value == ""
    with pytest.raises(InputError, match="unlucky"):
        Doubling(first=13.0)


def test_an_error_of_the_program_is_not_lost():
    panel = Doubling()
    panel._answer = lambda state, report: 1 / 0
    move(panel, 3)
    with pytest.raises(ZeroDivisionError):
        panel.wait()


def test_moves_from_several_threads_end_in_the_last_state():
    panel = Doubling()
    threads = [threading.Thread(target=move, args=(panel, value)) for value in range(20, 40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert panel.doubled == 2 * panel.number.value


def test_downloads_are_what_is_shown():
    panel = Doubling()
    sent = []
    panel.downloads.send = sent.append
    move(panel, 4)
    for kind in ("svg", "png", "csv", "exe"):
        panel.downloads._heard(panel.downloads, {"kind": kind}, [])
    assert [message["name"] for message in sent] == ["doubled.svg", "doubled.png", "doubled.csv"]
    assert sent[0]["text"] == panel.picture.svg == "<svg>8</svg>"
    assert sent[2]["text"] == "number,doubled\n4.0,8.0\n"


def test_a_file_name_leads_nowhere_else():
    assert file_name("pay", "../../etc", "a b\n<c>") == "pay_..-..-etc_a-b--c-"
