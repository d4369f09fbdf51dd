"""Work that may take a while: in a thread, with a bar and Cancel, so that the page goes on answering."""

from collections.abc import Callable
from concurrent.futures import wait
from typing import Any

import ipywidgets

from kpilab.delivery.widgets.latest import Latest, Report

PATIENCE_SECONDS = 0.15
STEPS_SHOWN = 50


class Work(ipywidgets.HBox):
    """One piece of work at a time; what is asked last counts. `bar`, `words` and `stop` show while it lasts.

    What is done within `PATIENCE_SECONDS` is there when `start` returns, and nothing of this is seen.

    Parameters
    ----------
    cancelled : callable
        Called when the user presses Cancel.
    """

    def __init__(self, cancelled: Callable[[], None]):
        self._latest = Latest("panel")
        self.bar = ipywidgets.IntProgress(value=0, min=0, max=1, layout={"width": "260px"})
        self.words = ipywidgets.Label()
        self.stop = ipywidgets.Button(description="Cancel", icon="stop", layout={"width": "auto"})
        self.stop.on_click(lambda button: cancelled())
        super().__init__([self.bar, self.words, self.stop], layout={"display": "none"})

    @property
    def going_on(self) -> bool:
        """Tell whether anything is being worked out."""
        return self._latest.going_on

    def start(self, what: str, work: Callable[[Report], None]) -> None:
        """Begin, in place of whatever went on; `work` is given a function to report its steps to.

        Parameters
        ----------
        what : str
            What is done, for the page.
        work : callable
        """
        self._tell(0, 0)
        job = self._latest.start(work, self._tell, self._hide)
        wait([job], PATIENCE_SECONDS)
        with self._latest.lock:
            if self._latest.lasts(job):
                self.words.value, self.layout.display = what, ""

    def cancel(self) -> None:
        """End what goes on at its next step; its result is thrown away."""
        self._latest.cancel()
        self._hide()

    def wait(self, seconds: float | None = None) -> None:
        """Wait until nothing goes on; an error of the work that is no refusal is raised here."""
        self._latest.wait(seconds)

    def _tell(self, done: int, total: int) -> None:
        """Move the bar, a fiftieth at a time at the least; without a total it only says that it works."""
        style = "" if total else "info"
        if self.bar.bar_style != style:
            self.bar.bar_style = style
        share: Any = done if total <= STEPS_SHOWN else STEPS_SHOWN * done // total
        most, value = max(min(total, STEPS_SHOWN), 1), share if total else 1
        if (self.bar.max, self.bar.value) != (most, value):
            self.bar.max, self.bar.value = most, value

    def _hide(self) -> None:
        if self.layout.display != "none":
            self.layout.display = "none"
