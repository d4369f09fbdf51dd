"""What both editors share: a draft to work on, controls that can be set without being heard, layouts."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import ipywidgets

from kpilab.model.cascade import Cascade
from kpilab.model.draft import Draft


class OnDraft:
    """An editor of a draft; two that are given the same draft stay in step."""

    draft: Draft

    @property
    def cascade(self) -> Cascade:
        """Return the cascade as it is now."""
        return self.draft.cascade

    def undo(self) -> None:
        """Take the last edit back."""
        self.draft.undo()

    def redo(self) -> None:
        """Do again what was undone last."""
        self.draft.redo()

    def save(self, *, overwrite: bool = False) -> list[Path]:
        """Save without being asked; see `Draft.save`. The button shows the difference first."""
        return self.draft.save(overwrite=overwrite)


class Quiet:
    """Something with controls: `_listening` tells whether a change of theirs is the user's."""

    _listening = True

    @contextmanager
    def _quiet(self) -> Iterator[None]:
        """Set controls without hearing of it; what the front end sends later is heard again."""
        before, self._listening = self._listening, False
        try:
            yield
        finally:
            self._listening = before


@cache
def laid_out(**options: str) -> ipywidgets.Layout:
    """Return the one layout of all that look alike: each of its own costs the page a model and a millisecond."""
    return ipywidgets.Layout(**options)


def close_all(part: Any) -> None:
    """Close a widget with everything in it, so that page and kernel forget it; shared layouts stay."""
    for child in getattr(part, "children", ()):
        close_all(child)
    part.close()
