"""A notice on the page when the kernel behind it has gone, and what to do then."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anywidget
import traitlets

_STATIC = Path(__file__).parent.parent / "static"
AGAIN = "Run its cell again; in the web app, reload the page."
KEPT = "Edits that were not saved are kept, and offered then."


class KernelWatch(anywidget.AnyWidget):
    """Nothing to be seen while the kernel answers; says so, and how to go on, when it was restarted or has gone.

    Parameters
    ----------
    remedy : str
        What to do then.
    """

    _esm = _STATIC / "kernel_watch.js"
    remedy = traitlets.Unicode().tag(sync=True)
    answered = traitlets.Int(0).tag(sync=True)

    def __init__(self, remedy: str = AGAIN):
        super().__init__(remedy=remedy)
        self.on_msg(self._heard)

    def _heard(self, widget: object, message: Mapping[str, Any], buffers: object) -> None:
        self.answered = int(message.get("number", 0))
