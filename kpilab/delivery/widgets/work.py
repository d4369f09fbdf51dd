"""Work that may take a while: in a thread, with a bar and Cancel, so that the page goes on answering."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from threading import RLock
from typing import Any

import ipywidgets

Report = Callable[[int, int], None]
"""Says how many of how many steps are done; raises `Cancelled` when nobody waits for the work any more."""

PATIENCE_SECONDS = 0.15


class Cancelled(Exception):
    """Work that nobody waits for any more."""


class Work(ipywidgets.HBox):
    """One piece of work at a time; what is asked last counts. `bar`, `words` and `stop` show while it lasts.

    What is done within `PATIENCE_SECONDS` is there when `start` returns, and nothing of this is seen.

    Parameters
    ----------
    cancelled : callable
        Called when the user presses Cancel.
    """

    def __init__(self, cancelled: Callable[[], None]):
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="panel")
        self._job: Future[None] | None = None
        self._turn, self._turns = 0, RLock()
        self.bar = ipywidgets.IntProgress(value=0, min=0, max=1, layout={"width": "260px"})
        self.words = ipywidgets.Label()
        self.stop = ipywidgets.Button(description="Cancel", icon="stop", layout={"width": "auto"})
        self.stop.on_click(lambda button: cancelled())
        super().__init__([self.bar, self.words, self.stop], layout={"display": "none"})

    @property
    def going_on(self) -> bool:
        """Tell whether anything is being worked out."""
        return self._job is not None and not self._job.done()

    def start(self, what: str, work: Callable[[Report], None]) -> None:
        """Begin, in place of whatever went on; `work` is given a function to report its steps to.

        Parameters
        ----------
        what : str
            What is done, for the page.
        work : callable
        """
        with self._turns:
            self._turn += 1
            turn = self._turn
            self._job = self._pool.submit(self._run, turn, work)
        wait([self._job], PATIENCE_SECONDS)
        with self._turns:
            if turn == self._turn and self.going_on:
                self.words.value, self.layout.display = what, ""

    def cancel(self) -> None:
        """End what goes on at its next step; its result is thrown away."""
        with self._turns:
            self._turn += 1
            self._hide()

    def wait(self, seconds: float | None = None) -> None:
        """Wait until nothing goes on; an error of the work that is no refusal is raised here.

        Raises
        ------
        TimeoutError
            When it takes longer than `seconds`.
        """
        while (job := self._job) is not None:
            job.result(seconds)
            if job is self._job:
                return

    def _run(self, turn: int, work: Callable[[Report], None]) -> None:
        def report(done: int, total: int) -> None:
            if turn != self._turn:
                raise Cancelled
            self._tell(done, total)

        try:
            report(0, 0)
            work(report)
        except Cancelled:
            return
        finally:
            with self._turns:
                if turn == self._turn:
                    self._hide()

    def _tell(self, done: int, total: int) -> None:
        """Move the bar, a fiftieth at a time at the least; without a total it only says that it works."""
        style = "" if total else "info"
        if self.bar.bar_style != style:
            self.bar.bar_style = style
        share: Any = done if total <= 50 else 50 * done // total
        if (self.bar.max, self.bar.value) != (max(min(total, 50), 1), share if total else 1):
            self.bar.max, self.bar.value = max(min(total, 50), 1), share if total else 1

    def _hide(self) -> None:
        if self.layout.display != "none":
            self.layout.display = "none"
