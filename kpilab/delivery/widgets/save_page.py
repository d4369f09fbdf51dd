"""Save a draft: what changes is shown first, and what somebody else changed is never overwritten unasked."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import ipywidgets

from kpilab.delivery.widgets.entry_form import BAD, said
from kpilab.delivery.widgets.side_pages import AskPage, button, heading, problem_lines, stakes_of_save
from kpilab.model.cascade import Cascade
from kpilab.model.draft import Draft
from kpilab.problems import InputError


class Savable(Protocol):
    """What can be saved once it was looked at: a draft of the cascade, or of the pay plan."""

    @property
    def cascade(self) -> Cascade:
        """Return the cascade in whose folder it is saved."""

    def changes(self) -> tuple[str, ...]:
        """Say in sentences what differs from what was read or saved last."""

    def difference(self) -> str:
        """Return what saving would change in the files, as a unified diff."""

    def save(self, *, overwrite: bool = False) -> list[Path]:
        """Write what changed; refuse when a file changed on disk, unless told to overwrite it."""


class SavePage(ipywidgets.VBox):
    """The question before a save, or, where a file changed on disk, the difference.

    Parameters
    ----------
    draft : Draft or PayDraft
    back : callable
        Leaves the page.
    done : callable
        Called with a sentence once it is saved.
    """

    def __init__(self, draft: Savable, back: Callable[[], None], done: Callable[[str], None]):
        self._draft, self._back, self._done = draft, back, done
        stakes = stakes_of_save(draft.changes(), draft.difference())
        super().__init__(
            [AskPage("Save this?", stakes, yes="Confirm and save", does=self._save, back=back, danger=False)]
        )

    def _save(self, *, overwrite: bool = False) -> None:
        try:
            written = self._draft.save(overwrite=overwrite)
        except InputError as error:
            again = button("Overwrite it", lambda: self._save(overwrite=True), icon="warning", style="danger")
            buttons = ipywidgets.HBox([button("Back", self._back, icon="arrow-left"), again])
            lines = ipywidgets.HTML(problem_lines(error.problems))
            self._show(heading("Somebody else changed a file"), lines, buttons)
        except OSError as error:
            refused = said(f"{error.filename}: {error.strerror}; the edits are still here", BAD)
            self._show(ipywidgets.HTML(refused), button("Back", self._back, icon="arrow-left"))
        else:
            names = ", ".join(path.name for path in written) or "nothing changed"
            self._done(f"Saved in {self._draft.cascade.folder.name}: {names}.")

    def _show(self, *parts: Any) -> None:
        self.children = parts


class RecoveryBanner(ipywidgets.VBox):
    """Offers the edits of an earlier sitting, as long as there are any that were never saved."""

    def __init__(self, draft: Draft):
        self._draft = draft
        super().__init__()
        if not draft.can_undo:
            self._offer()

    def _offer(self) -> None:
        folder = self._draft.cascade.folder
        read_only = self._draft.cascade.read_only
        if read_only or not folder.is_dir() or not Draft.has_unsaved(folder):
            self._show()
            return
        text = "Edits of an earlier sitting were never saved: the kernel stopped, or the page was closed."
        bring = button("Bring them back", self._bring, icon="history", style="info")
        give_up = button("Give them up", self._give_up, icon="trash")
        self._show(ipywidgets.HTML(said(text, BAD)), ipywidgets.HBox([bring, give_up]))

    def _bring(self) -> None:
        self._draft.take_up()
        self._show()

    def _give_up(self) -> None:
        Draft.discard(self._draft.cascade.folder)
        self._offer()

    def _show(self, *parts: Any) -> None:
        self.children = parts
