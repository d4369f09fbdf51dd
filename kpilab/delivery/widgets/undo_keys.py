"""Undo and redo from the keyboard, wherever nobody types."""

from collections.abc import Callable, Mapping
from pathlib import Path

import anywidget

_SCRIPT = Path(__file__).parent.parent / "static" / "undo_keys.js"


class UndoKeys(anywidget.AnyWidget):
    """Nothing to be seen: hears Ctrl+Z and Ctrl+Y in the widget that it stands in.

    Parameters
    ----------
    undo, redo : callable
    """

    _esm = _SCRIPT

    def __init__(self, undo: Callable[[], None], redo: Callable[[], None]):
        super().__init__()
        self._does = {"undo": undo, "redo": redo}
        self.on_msg(self._heard)

    def _heard(self, widget: object, message: Mapping[str, str], buffers: object) -> None:
        does = self._does.get(message.get("do", ""))
        if does is not None:
            does()
