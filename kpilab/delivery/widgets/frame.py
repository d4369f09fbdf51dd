"""What every panel has: title, undo, redo, reset, downloads, the line of code, chart and table, work in a thread."""

import html
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from threading import RLock
from typing import Any

import ipywidgets
import pandas as pd

from kpilab.delivery.charts import Chart
from kpilab.delivery.widgets.downloads import Downloads
from kpilab.delivery.widgets.drafted import Quiet
from kpilab.delivery.widgets.kernel_watch import KernelWatch
from kpilab.delivery.widgets.latest import Report
from kpilab.delivery.widgets.work import Work
from kpilab.model.cascade import Cascade
from kpilab.problems import InputError, one_problem

State = Mapping[Any, Any]
"""What the controls say; keyed as a panel likes."""

BURST_SECONDS = 0.5
"""Moves of one control that follow each other faster are one step for undo: a slider that is dragged."""
BAD = "#b2182b"
_LABELS = (
    "<style>.kpilab-long .widget-label{white-space:normal;line-height:1.15;height:auto;overflow-wrap:anywhere}"
    ".kpilab-tabs{--jp-widgets-horizontal-tab-width:260px}</style>"
)


@dataclass(frozen=True)
class Answer:
    """What a panel shows of a state.

    Attributes
    ----------
    result : object
        What the verb returned.
    code : str
        The line that does it in a cell.
    chart : Chart
    table : DataFrame
        What is downloaded as CSV.
    """

    result: Any
    code: str
    chart: Chart
    table: pd.DataFrame


class Frame(Quiet, ipywidgets.VBox):
    """A panel without its controls: those a panel adds, and says what they ask (`_state`) and what follows (`_answer`).

    An answer that takes longer than a moment is worked out in a thread, under a bar with Cancel; the answer to the
    latest move is the one that is shown. A cell that reads a result waits for it. Cancel brings the controls back
    to what is shown.
    """

    doing = "Working…"
    kinds: tuple[str, ...] = ("svg", "png", "csv")
    """What can be downloaded."""

    def __init__(self, cascade: Cascade, title: str, note: str = ""):
        self._cascade = cascade
        self._lock = RLock()
        self._past: list[State] = []
        self._future: list[State] = []
        self._shown: Answer | None = None
        self._settled: tuple[State, list[State], list[State]] | None = None
        self._refusal: InputError | None = None
        self._last_move: tuple[int, float] = (0, 0.0)
        self.work = Work(self.cancel)
        self.title = ipywidgets.HTML(f"{_LABELS}<b>{html.escape(title)}</b>{html.escape(note)}")
        self.undo_button = _button("Undo", "undo", self.undo)
        self.redo_button = _button("Redo", "repeat", self.redo)
        self.reset_button = _button("Reset", "refresh", self.reset, "Back to the beginning")
        self.downloads = Downloads(
            lambda: self.picture, lambda: self.table, self._file_name, kinds=self.kinds
        )
        self.problem, self.code, self.chart = ipywidgets.HTML(), ipywidgets.HTML(), ipywidgets.HTML()
        super().__init__()

    @property
    def cascade(self) -> Cascade:
        """Return the cascade as the controls make it; a panel that changes nothing returns the one it was given."""
        return self._cascade

    @property
    def picture(self) -> Chart:
        """Return the chart; ``panel.picture.save("chart.svg")`` is what its download does."""
        return self._answered().chart

    @property
    def table(self) -> pd.DataFrame:
        """Return the rows behind the chart; ``panel.table.to_csv("rows.csv", index=False)`` saves them."""
        return self._answered().table

    def undo(self) -> None:
        """Take the last move back; nothing happens when there is none."""
        self._travel(self._past, self._future)

    def redo(self) -> None:
        """Do again what was undone last; nothing happens when nothing was."""
        self._travel(self._future, self._past)

    def reset(self) -> None:
        """Bring every control back to where it began: a move that can be undone."""
        with self._lock:
            if self._now != self._first:
                self._step(self._first)
            self._put_quietly(self._first)
        self._ask()

    def cancel(self) -> None:
        """End what is being worked out; the controls go back to what is shown."""
        self.work.cancel()
        with self._lock:
            if self._settled is None:
                self._refuse(
                    one_problem("panel", "cancelled before there was an answer; press Reset to begin again")
                )
                return
            self._now, past, future = self._settled
            self._past, self._future = [*past], [*future]
            self._put_quietly(self._now)
            self._show_buttons()

    def wait(self, seconds: float | None = None) -> None:
        """Wait until nothing is being worked out any more; by default as long as it takes."""
        self.work.wait(seconds)

    def _begin(self, *parts: Any, saves: bool = False) -> None:
        """Lay out the panel round its own parts, and answer what its controls say now."""
        save = [_button("Save…", "save", self._ask_to_save)] if saves else []
        self.buttons = ipywidgets.HBox(
            [self.undo_button, self.redo_button, self.reset_button, *save, self.downloads]
        )
        self.children = [self.title, KernelWatch(), self.buttons, self.work, self.problem, *parts]
        self._now = self._first = self._state()
        self._ask()
        if self._shown is None and self._refusal is not None:
            raise self._refusal

    def _state(self) -> State:
        """Return what the controls say."""
        raise NotImplementedError

    def _put(self, state: State) -> None:
        """Set the controls to what they said."""
        raise NotImplementedError

    def _answer(self, state: State, report: Report) -> Answer:
        """Work out what follows, with public verbs only; this runs in a thread."""
        raise NotImplementedError

    def _show(self, state: State, answer: Answer) -> None:
        """Show what a panel shows beside its chart; `answer` is the one that `_shown` holds now."""

    def _file_name(self) -> str:
        """Return the name of downloads, without an ending."""
        raise NotImplementedError

    def _ask_to_save(self) -> None:
        """Show what saving would change, and ask."""
        raise NotImplementedError

    def _watch(self, *controls: Any) -> None:
        """Follow the values of controls."""
        for control in controls:
            control.observe(self._heard, "value")

    def _heard(self, change: Mapping[str, Any]) -> None:
        """Answer a move, unless it was the panel itself that set the control."""
        with self._lock:
            state = self._state() if self._listening else self._now
            if state == self._now:
                return
            moved, now = id(change["owner"]), time.monotonic()
            again = moved == self._last_move[0] and now - self._last_move[1] < BURST_SECONDS
            self._step(state, as_one=again and bool(self._past))
        self._ask()
        self._last_move = (moved, time.monotonic())  # moves that queued up meanwhile follow at once

    def _step(self, state: State, *, as_one: bool = False) -> None:
        if not as_one:
            self._past.append(self._now)
        self._future.clear()
        self._now = state

    def _travel(self, back: list[State], forth: list[State]) -> None:
        with self._lock:
            if not back:
                return
            forth.append(self._now)
            self._now, self._last_move = back.pop(), (0, 0.0)
            self._put_quietly(self._now)
        self._ask()

    def _put_quietly(self, state: State) -> None:
        with self._quiet():
            self._put(state)

    def _ask(self) -> None:
        """Answer what the controls say now, in place of whatever was asked before."""
        state = self._now
        self._show_buttons()

        def work(report: Report) -> None:
            try:
                answer = self._answer(state, report)
            except InputError as error:
                self._take(state, partial(self._refuse, error))
            else:
                self._take(state, partial(self._show_all, state, answer))

        self.work.start(self.doing, work)

    def _take(self, state: State, show: Callable[[], None]) -> None:
        """Show an answer unless something else was asked in the meantime."""
        with self._lock:
            if state is self._now:
                self._settled = (state, [*self._past], [*self._future])
                show()

    def _refuse(self, error: InputError) -> None:
        self._refusal = error
        self._say("; ".join(problem.message for problem in error.problems))

    def _show_all(self, state: State, answer: Answer) -> None:
        self._shown, self._refusal = answer, None
        self._say("")
        self.chart.value = answer.chart._repr_html_()
        self.code.value = code_html(answer.code)
        self._show(state, answer)

    def _say(self, problem: str) -> None:
        said = f"<p style='color:{BAD};margin:0'>{html.escape(problem)}</p>" if problem else ""
        if self.problem.value != said:
            self.problem.value = said

    def _show_buttons(self) -> None:
        self.undo_button.disabled, self.redo_button.disabled = not self._past, not self._future

    def _answered(self) -> Answer:
        """Return the last answer, as soon as it is there.

        Raises
        ------
        InputError
            When there never was one: the first was refused or cancelled.
        """
        self.wait()
        if self._shown is None:
            raise self._refusal or one_problem("panel", "was never answered; press Reset to begin again")
        return self._shown


def code_html(code: str) -> str:
    """Show the line that does in a cell what was just done with the mouse."""
    return f"What you just did in code: <code>{html.escape(code)}</code>"


def free_of_noise(value: float) -> float:
    """Return a slider's value as it was meant: the page adds its steps up in floating point.

    Examples
    --------
    >>> free_of_noise(1.2000000000000002)
    1.2
    """
    return float(f"{value:.9g}")


def file_name(*parts: object) -> str:
    """Return parts of a name as a file may be called.

    Examples
    --------
    >>> file_name("targets", "a/b", None, "2024-03")
    'targets_a-b_2024-03'
    """
    said = (str(part) for part in parts if part is not None)
    return "_".join("".join(c if c.isalnum() or c in "-_." else "-" for c in each) for each in said)


def _button(label: str, icon: str, does: Callable[[], None], hint: str = "") -> Any:
    made = ipywidgets.Button(description=label, icon=icon, tooltip=hint or label, layout={"width": "auto"})
    made.on_click(lambda clicked: does())
    return made
