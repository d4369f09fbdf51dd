"""A cascade that is being edited: the only thing that changes, around cascades that never do."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from kpilab.model import editing
from kpilab.model.cascade import Cascade, Origin
from kpilab.model.changes import find_changes
from kpilab.model.conflicts import difference_of, refuse_what_changed
from kpilab.model.dependents import Dependent
from kpilab.model.faults import told
from kpilab.model.files import CASCADE_FILE, LISTS, read_cascade, text_of
from kpilab.model.journal import Journal, Step, journals_in, read_journal
from kpilab.model.map_positions import POSITIONS_FILE, Position, positions_in, positions_text, rounded
from kpilab.model.new_ids import id_from
from kpilab.model.pay_renames import PAY_FILE, pay_renamed
from kpilab.model.references import reference_problems
from kpilab.model.saving import refuse_if_read_only, replace_files, rewritten_files
from kpilab.problems import InputError, did_you_mean, one_problem, stop_on
from kpilab.show import count_of
from kpilab.words import Frequency

EDITS = ("add", "add_all", "put", "change", "rename", "move", "remove")
PERSPECTIVES = ("Finance", "Customers", "Processes", "People")


@dataclass(frozen=True)
class _State:
    """What an edit changes: the cascade, the files to be written beside it, where KPIs were put on the map."""

    cascade: Cascade
    files: Mapping[str, str] = field(default_factory=dict)
    moved: Mapping[str, Position] = field(default_factory=dict)


class Draft:
    """Edits of a cascade, one after the other, until they are saved.

    Every edit makes a new frozen cascade, or is refused with the reasons that a reader of files would give.
    Unsaved edits are journalled in a hidden file of the folder: `Draft.recover` brings them back.

    Parameters
    ----------
    cascade : Cascade

    Attributes
    ----------
    code : str
        The line of code that does what was done last.

    Examples
    --------
    >>> from kpilab.model.start import start_cascade
    >>> import kpilab as kl, tempfile
    >>> folder = tempfile.mkdtemp()
    >>> _ = start_cascade(folder)
    >>> draft = kl.Draft(kl.read_cascade(folder))
    >>> draft.change("kpis", "orders", {"name": "Sales"})
    >>> draft.changes()
    ("KPI 'orders' (Orders won): its name changed from Orders won to Sales.",)
    >>> draft.undo()
    >>> draft.changes()
    ()
    """

    def __init__(self, cascade: Cascade):
        self._saved = cascade
        self._now = _State(cascade)
        self.code = ""
        self._journal = Journal(cascade, mute=cascade.read_only)
        self._read = dict(cascade.texts)
        self._past: list[_State] = []
        self._future: list[_State] = []
        self._watchers: list[Callable[[], None]] = []
        self._positions = positions_in(cascade.folder)

    @property
    def cascade(self) -> Cascade:
        """Return the cascade as it is now."""
        return self._now.cascade

    @classmethod
    def new(
        cls,
        folder: str | os.PathLike[str],
        *,
        name: str,
        levels: Sequence[str] = ("company", "department", "person"),
        frequency: Frequency = "month",
    ) -> "Draft":
        """Begin a cascade in a folder that has none: one unit, at the highest of its levels, and no KPI yet.

        Raises
        ------
        InputError
            When there is a cascade already, or the levels are none.
        """
        path = Path(folder)
        if path.is_file() or (path / CASCADE_FILE).exists():
            raise one_problem(
                str(path), "holds a cascade already, or is a file; open it, or name another folder"
            )
        top = levels[0] if levels else ""
        values = {
            "cascade": name,
            "frequency": frequency,
            "levels": tuple(levels),
            "history": {"path": "history.csv"},
            "perspectives": PERSPECTIVES,
            "units": [{"unit": id_from(top), "name": name, "level": top}],
        }
        try:
            cascade = Cascade.model_validate(values)
        except ValidationError as error:
            raise InputError(told(error.errors(), Cascade, "new", {}, "cascade")) from error
        stop_on(reference_problems(cascade))
        return cls(cascade.with_origin(Origin(path)))

    @classmethod
    def recover(cls, folder: str | os.PathLike[str]) -> "Draft":
        """Bring back the edits that were made last in a folder and never saved.

        Raises
        ------
        InputError
            When there are none.
        """
        journals = journals_in(Path(folder))
        if not journals:
            raise one_problem(str(folder), "holds no unsaved edits")
        begun, steps = read_journal(Path(folder), journals[-1])
        draft = cls(begun)
        draft._journal = Journal(begun, mute=True)
        for step in steps:
            draft._replay(step)
        draft._journal = Journal(begun, journals[-1])
        return draft

    def take_up(self) -> None:
        """Go on with the edits of an earlier sitting, in place of this draft's own."""
        other = Draft.recover(self.cascade.folder)
        for name in ("_now", "_saved", "_journal", "_read", "_past", "_future"):
            setattr(self, name, getattr(other, name))
        self._tell("draft = kl.Draft.recover(cascade.folder)")

    @staticmethod
    def has_unsaved(folder: str | os.PathLike[str]) -> bool:
        """Tell whether a folder holds edits that were never saved."""
        return bool(journals_in(Path(folder)))

    @staticmethod
    def discard(folder: str | os.PathLike[str]) -> None:
        """Give up the edits that `recover` would bring back."""
        for path in journals_in(Path(folder))[-1:]:
            path.unlink()

    def give_up(self) -> None:
        """Go back to what was read or saved last, and keep nothing that could be recovered."""
        self._now, self._past, self._future = _State(self._saved), [], []
        self._journal.begin_again(self.cascade)
        self._tell("draft.give_up()")

    def add(self, noun: str, entry: Mapping[str, Any]) -> None:
        """Add an entry; see `kpilab.model.editing.add`."""
        self._edit("add", noun, dict(entry))

    def add_all(self, noun: str, entries: Sequence[Mapping[str, Any]]) -> None:
        """Add several entries in one step; see `kpilab.model.editing.add_all`."""
        self._edit("add_all", noun, [dict(entry) for entry in entries])

    def put(self, noun: str, entries: Sequence[Mapping[str, Any]]) -> None:
        """Put other entries in place of a whole list in one step; see `kpilab.model.editing.put`."""
        self._edit("put", noun, [dict(entry) for entry in entries])

    def change(self, noun: str, key: editing.Key, fields: Mapping[str, Any]) -> None:
        """Change some fields of an entry; see `kpilab.model.editing.change`."""
        self._edit("change", noun, key, dict(fields))

    def move(self, noun: str, key: editing.Key, steps: int) -> None:
        """Move an entry up or down among its siblings; see `kpilab.model.editing.move`."""
        self._edit("move", noun, key, steps)

    def rename(self, noun: str, key: str, new: str, *, pay: bool = False) -> None:
        """Give an entry another id; whatever names it follows, and with `pay` the plan in `pay.yaml` too."""
        state = self._renamed(self._now, noun, key, new, pay)
        step = {"do": "rename", "arguments": [noun, key, new], "options": {"pay": pay} if pay else {}}
        option = ", pay=True" if pay else ""
        self._did(step, f"draft.rename({noun!r}, {key!r}, {new!r}{option})", state)

    def remove(self, noun: str, key: editing.Key, *, with_dependents: bool = False) -> None:
        """Remove an entry; see `kpilab.model.editing.remove`."""
        self._edit("remove", noun, key, with_dependents=with_dependents)

    def at_once(self, *edits: Sequence[Any]) -> None:
        """Make several edits as one: refused together, and undone together.

        Parameters
        ----------
        *edits : sequence
            Each the name of an edit and what it takes: ``("rename", "kpis", "calls", "phone")``,
            ``("change", "kpis", "phone", {"better": "lower"})``.

        Raises
        ------
        InputError
            With the reasons of the first that is refused; then none of them is made.
        """
        state = self._now
        for verb, noun, *arguments in edits:
            if verb not in EDITS:
                raise one_problem("edit", f"'{verb}' is no edit; {did_you_mean(verb, EDITS)}")
            if verb == "rename":
                state = self._renamed(state, noun, *arguments)
            else:
                after = getattr(editing, verb)(state.cascade, noun, *map(_key, arguments))
                state = replace(state, cascade=after)
        said = ", ".join(repr(tuple(edit)) for edit in edits)
        step = {"do": "at_once", "arguments": [list(edit) for edit in edits]}
        self._did(step, f"draft.at_once({said})", state)

    def dependents(self, noun: str, key: editing.Key) -> tuple[Dependent, ...]:
        """List what hangs on an entry; see `kpilab.model.editing.dependents`."""
        return editing.dependents(self.cascade, noun, key)

    def attach(self, name: str, text: str) -> None:
        """Lay a file, such as `history.csv`, beside the cascade: it is written when the cascade is saved."""
        if Path(name).name != name or name.startswith(".") or name in (CASCADE_FILE, POSITIONS_FILE):
            raise one_problem(
                "name", f"'{name}' is no name for a file of the folder; write one like history.csv"
            )
        if (there := text_of(self.cascade.folder / name)) is not None:
            self._read.setdefault(name, there)
        after = replace(self._now, files={**self._now.files, name: text})
        self._did({"do": "attach", "arguments": [name, text]}, f"draft.attach({name!r}, …)", after)

    @property
    def files(self) -> dict[str, str]:
        """Return the texts of the files that wait to be written beside the cascade, by name."""
        return dict(self._now.files)

    @property
    def can_undo(self) -> bool:
        """Tell whether there is an edit to undo."""
        return bool(self._past)

    @property
    def can_redo(self) -> bool:
        """Tell whether there is an undone edit to do again."""
        return bool(self._future)

    def undo(self) -> None:
        """Take the last edit back; nothing happens when there is none."""
        if self._past:
            self._future.append(self._now)
            self._now = self._past.pop()
            self._note({"do": "undo", "arguments": []}, "draft.undo()")

    def redo(self) -> None:
        """Do again what was undone last; nothing happens when nothing was."""
        if self._future:
            self._past.append(self._now)
            self._now = self._future.pop()
            self._note({"do": "redo", "arguments": []}, "draft.redo()")

    def watch(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call a function after everything that happens to the draft; return one that ends this."""
        self._watchers.append(callback)
        return lambda: self._watchers.remove(callback)

    @property
    def positions(self) -> dict[str, Position]:
        """Return where KPIs stand on the map, by id."""
        known = {kpi.id for kpi in self.cascade.kpis}
        return {kpi: at for kpi, at in {**self._positions, **self._now.moved}.items() if kpi in known}

    def place(self, positions: Mapping[str, Position]) -> None:
        """Put KPIs somewhere on the map: saved with the cascade, and undone like any edit."""
        put = rounded(positions)
        step = {"do": "place", "arguments": [{kpi: list(at) for kpi, at in put.items()}]}
        self._did(step, f"draft.place({put})", replace(self._now, moved={**self._now.moved, **put}))

    @property
    def trouble(self) -> str:
        """Return why unsaved edits are not kept; ``""`` while they are."""
        return self._journal.trouble

    @property
    def is_saved(self) -> bool:
        """Tell whether the folder says what the draft says."""
        return self.cascade == self._saved and not self._now.files and not self._now.moved

    def changes(self) -> tuple[str, ...]:
        """Say in sentences what differs from what was read or saved last."""
        told = [change.sentence for change in find_changes(self._saved, self.cascade)]
        told += [
            f"The order of the {noun} changed."
            for noun in LISTS
            if _reordered(self._saved, self.cascade, noun)
        ]
        if self._now.moved:
            told.append(f"Put elsewhere on the map: {count_of(len(self._now.moved), 'KPI')}.")
        return (*told, *(f"File {name} is written beside the cascade." for name in self._now.files))

    def difference(self) -> str:
        """Return what saving would change in the files, as a unified diff."""
        folder = self.cascade.folder
        return "".join(
            difference_of(name, text_of(folder / name) or "", text) for name, text in self._texts().items()
        )

    def save(self, *, overwrite: bool = False) -> list[Path]:
        """Write what changed; a crash leaves the old files, and the edits in the journal.

        Parameters
        ----------
        overwrite : bool
            Also over what somebody else wrote in the meantime.

        Returns
        -------
        list of Path
            The files that were written.

        Raises
        ------
        InputError
            When a file changed on disk since it was read: one problem for each, with its difference; or when
            the cascade was read with `read_only`.
        """
        folder = self.cascade.folder
        refuse_if_read_only(self.cascade)
        if not overwrite:
            refuse_what_changed(folder, self._read)
        folder.mkdir(parents=True, exist_ok=True)
        written = replace_files({folder / name: text for name, text in self._texts().items()})
        self._positions = self.positions
        self._saved = read_cascade(folder)
        self._now = _State(self._saved)
        self._read = dict(self.cascade.texts)
        self._past, self._future = [], []
        self._journal.begin_again(self.cascade)
        self._tell("draft.save()")
        return written

    def _texts(self) -> dict[str, str]:
        """Return the files as they would be saved; the cascade comes last: it names the others."""
        texts: dict[str, str] = {}
        if self._now.moved:
            texts[POSITIONS_FILE] = positions_text(self.positions)
        if self.cascade != self._saved or not self._read:
            texts |= rewritten_files(self.cascade, self.cascade.folder)
        return {**self._now.files, **texts}

    def _renamed(self, state: _State, noun: str, key: str, new: str, pay: bool = False) -> _State:
        """Return what follows when an entry has another id: its place on the map, and the pay plan if asked."""
        after = replace(state, cascade=editing.rename(state.cascade, noun, key, new))
        stood = {**self._positions, **state.moved}.get(key) if noun == "kpis" else None
        if stood is not None:
            after = replace(after, moved={**state.moved, new: stood})
        text = state.files.get(PAY_FILE, text_of(state.cascade.folder / PAY_FILE)) if pay else None
        if text is None:
            return after
        self._read.setdefault(PAY_FILE, text)
        return replace(after, files={**state.files, PAY_FILE: pay_renamed(text, noun, key, new)})

    def _edit(self, verb: str, noun: str, *arguments: Any, **options: Any) -> None:
        after = getattr(editing, verb)(self.cascade, noun, *arguments, **options)
        given = [f"{name}={value!r}" for name, value in options.items() if value]
        said = ", ".join([*map(repr, (noun, *arguments)), *given])
        step = {"do": verb, "arguments": [noun, *arguments], "options": options}
        self._did(step, f"draft.{verb}({said})", replace(self._now, cascade=after))

    def _did(self, step: Step, code: str, after: _State) -> None:
        """Make a state that of now, so that it can be undone."""
        self._past.append(self._now)
        self._now, self._future = after, []
        self._note(step, code)

    def _note(self, step: Step, code: str) -> None:
        self._journal.note(step)
        self._tell(code)

    def _tell(self, code: str) -> None:
        self.code = code
        for callback in tuple(self._watchers):
            callback()

    def _replay(self, step: Step) -> None:
        arguments = [_key(each) for each in step["arguments"]]
        getattr(self, step["do"])(*arguments, **step.get("options", {}))


def _key(argument: Any) -> Any:
    """Give a pair of ids, which a journal holds as a list, its form back."""
    pair = isinstance(argument, list) and all(isinstance(part, str | None) for part in argument)
    return tuple(argument) if pair else argument


def _reordered(old: Cascade, new: Cascade, noun: str) -> bool:
    """Tell whether entries that stand in both are in another order."""
    before, after = ([entry.id for entry in getattr(each, noun)] for each in (old, new))
    return [each for each in before if each in set(after)] != [each for each in after if each in set(before)]
