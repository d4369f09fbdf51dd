"""Build a cascade with the mouse: a tree of its entries, a form for each, and a save that shows what it changes.

Everything done here is a method of a `Draft`; the line of code that does the same stands at the foot.
"""

import html
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import ipywidgets

from kpilab.delivery.widgets.background import Background
from kpilab.delivery.widgets.builder_pages import BuilderPages
from kpilab.delivery.widgets.drafted import Quiet
from kpilab.delivery.widgets.entry_form import EntryForm, said
from kpilab.delivery.widgets.judging import (
    WHOLE,
    Judgement,
    Place,
    about,
    fits,
    has_id,
    history_findings,
    identity_of,
    judged_addition,
    judged_change,
    named_elsewhere,
    renamed_levels,
)
from kpilab.delivery.widgets.kernel_watch import AGAIN, KEPT, KernelWatch
from kpilab.delivery.widgets.outline import NOUNS, SINGULAR, VIEWS, outline
from kpilab.delivery.widgets.save_page import RecoveryBanner
from kpilab.delivery.widgets.side_pages import button, heading
from kpilab.delivery.widgets.undo_keys import UndoKeys
from kpilab.model import editing
from kpilab.model.cascade import Cascade
from kpilab.model.draft import Draft
from kpilab.model.history import History
from kpilab.model.pay_renames import PAY_FILE, pay_names
from kpilab.model.typed import texts_of, typed
from kpilab.problems import Finding, InputError
from kpilab.show import count_of
from kpilab.words import Frequency

MOST_LINES_OF_CODE = 4


class CascadeBuilder(BuilderPages, Quiet, ipywidgets.VBox):
    """Build a cascade: choose an entry on the left, change it on the right, save at the top.

    Parameters
    ----------
    cascade : Cascade
    history : History, optional
        With it the findings beside the fields are those of `kl.check` with a history, and targets are split.
    draft : Draft, optional
        One that another editor works on too: both stay in step.

    Attributes
    ----------
    draft : Draft
    view, entries : widgets
        Which part of the cascade is listed, and the list.
    page : widget
        What stands on the right: `form`, when it is the form of an entry.
    """

    def __init__(self, cascade: Cascade, history: History | None = None, *, draft: Draft | None = None):
        self.draft = Draft(cascade) if draft is None else draft
        self.history = history
        self.form: EntryForm | None = None
        self._lines = list[str]()
        self._beside = Background[Any]()
        self._said_of: tuple[Cascade, list[Finding]] | None = None
        self._place: Place = WHOLE
        self._build()
        self.draft.watch(self._heard)
        self._look()
        self._open(WHOLE)

    @classmethod
    def new(
        cls,
        folder: str | os.PathLike[str],
        *,
        name: str,
        levels: Sequence[str] = ("company", "department", "person"),
        frequency: Frequency = "month",
    ) -> "CascadeBuilder":
        """Begin a cascade in an empty folder; see `Draft.new`."""
        draft = Draft.new(folder, name=name, levels=levels, frequency=frequency)
        return cls(draft.cascade, draft=draft)

    def _build(self) -> None:
        self._undo = button("Undo", self.undo, icon="undo")
        self._redo = button("Redo", self.redo, icon="repeat")
        self._save = button(
            "Save…", self._ask_save, icon="save", style="success", hint="See what changes, then save"
        )
        self.state = ipywidgets.HTML()
        bar = ipywidgets.HBox(
            [self._undo, self._redo, self._save, self.state], layout={"align_items": "center"}
        )
        self.banner = RecoveryBanner(self.draft)
        self.view = ipywidgets.Dropdown(options=VIEWS, layout={"width": "auto"}, tooltip="Which part to list")
        self.entries = ipywidgets.Select(rows=22, layout={"width": "auto"}, tooltip="Choose an entry")
        self._up = button("Up", lambda: self._move(-1), icon="arrow-up", hint="Further up among its siblings")
        self._down = button("Down", lambda: self._move(1), icon="arrow-down", hint="Further down")
        self.adders = ipywidgets.HBox(layout={"flex_flow": "row wrap"})
        more = ipywidgets.HBox(
            [
                button("Catalogue", self._show_catalogue, icon="book", hint="Begin with a KPI template"),
                button("Paste a table", self._show_paste, icon="table"),
                button("History", self._show_history, icon="line-chart"),
            ],
            layout={"flex_flow": "row wrap"},
        )
        left = ipywidgets.VBox(
            [self.view, self.entries, ipywidgets.HBox([self._up, self._down]), self.adders, more],
            layout={"width": "340px", "flex": "0 0 340px"},
        )
        self.page = ipywidgets.VBox(layout={"flex": "1 1 auto", "padding": "0 0 0 18px", "min_width": "0"})
        self.code = ipywidgets.HTML()
        watch = KernelWatch(f"{AGAIN} {KEPT}")
        keys = UndoKeys(self.undo, self.redo)
        super().__init__([watch, keys, self.banner, bar, ipywidgets.HBox([left, self.page]), self.code])
        self.view.observe(lambda change: self._look(), "value")
        self.entries.observe(lambda change: self._chosen(), "index")

    def _look(self) -> None:
        """List another part, and offer to add what belongs there."""
        before = self.adders.children
        self.adders.children = [
            button(f"+ {_title(noun)}", lambda noun=noun: self._begin(noun))  # type: ignore[misc]
            for noun in NOUNS[self.view.value]
        ]
        for each in before:
            each.close()
        self._list()

    # What stands on the left ----------------------------------------------------------------------------------

    def _list(self) -> None:
        """List the entries of now, and keep the chosen one chosen."""
        rows = outline(self.cascade, self.view.value)
        places = [place for _, place in rows]
        with self._quiet():
            self.entries.options = rows
            self.entries.index = places.index(self._place) if self._place in places else None
        changes = len(self.draft.changes())
        said_of_state = (
            "everything is saved" if self.draft.is_saved else f"{count_of(changes, 'unsaved change')}"
        )
        trouble = f" — {self.draft.trouble}" if self.draft.trouble else ""
        self.state.value = (
            f"<span style='margin-left:8px;color:#444'>{html.escape(said_of_state + trouble)}</span>"
        )
        self._undo.disabled, self._redo.disabled = not self.draft.can_undo, not self.draft.can_redo
        self._save.disabled = self.draft.is_saved
        self._order()

    def _order(self) -> None:
        """Offer to move the chosen entry, where it has siblings."""
        noun, key = self._place
        among, place = [0], 0
        if self._place != WHOLE:
            position = editing.place_of(self.cascade, noun, key)
            among = editing.siblings_of(self.cascade, noun, position)
            place = among.index(position)
        self._up.disabled, self._down.disabled = place == 0, place == len(among) - 1

    def _chosen(self) -> None:
        if self._listening and self.entries.value is not None:
            noun, key = self.entries.value
            self._open((noun, key.partition("@")[0]) if noun == "kpis" else (noun, key))

    def _heard(self) -> None:
        """Follow the draft, whoever edited it; what is being typed here outlives an edit made elsewhere."""
        form = None if self._is_editing else self.form
        before, begun = self._place, {} if form is None else form.changed
        if not self._exists(self._place):
            self._place = WHOLE
        self._list()
        self._open(self._place)
        if form is not None and begun and form.is_new:
            self._begin(form.noun, begun)
        elif self.form is not None and begun and self._place == before:
            self.form.fill(begun)
        self._lines = [*self._lines, self.draft.code][-MOST_LINES_OF_CODE:]
        lines = "".join(f"<div><code>{html.escape(line)}</code></div>" for line in self._lines)
        style = "color:#555;margin-top:6px;overflow-wrap:anywhere;line-height:1.4"
        self.code.value = f"<div style='{style}'>What you just did in code:{lines}</div>"

    def _exists(self, place: Place) -> bool:
        try:
            return place == WHOLE or editing.place_of(self.cascade, *place) >= 0
        except InputError:
            return False

    # What stands on the right ---------------------------------------------------------------------------------

    def _open(self, place: Place) -> None:
        """Show the form of an entry."""
        self._place = place
        self._order()
        noun, key = place
        entry = self._entry(place)
        self.apply = button("Change", self._change, icon="check", style="primary")
        buttons = [self.apply]
        if place != WHOLE:
            buttons.append(button("Remove…", self._ask_removal, icon="trash", style="warning"))
        if noun == "kpis":
            buttons.append(button("Derive KPIs below…", self._show_derived, icon="sitemap"))
        self.message = ipywidgets.HTML()
        self._in_pay: int | None = None
        self.pay = ipywidgets.Checkbox(
            value=True,
            indent=False,
            layout={"width": "auto", "display": "none"},
            tooltip="Its other lines stay",
        )
        form = EntryForm(
            self.cascade,
            noun,
            texts_of(noun, entry),
            is_new=False,
            judge=self._judge,
            heard=self._typed,
            late=self._late,
        )
        name = getattr(entry, "name", None) or entry.id
        self._show(heading(f"{_title(noun)}: {name}"), form, self.pay, ipywidgets.HBox(buttons), self.message)
        self._typed()

    def _entry(self, place: Place) -> Any:
        noun, key = place
        if place == WHOLE:
            return self.cascade
        return getattr(self.cascade, noun)[editing.place_of(self.cascade, noun, key)]

    def _begin(self, noun: str, texts: dict[str, str] | None = None, about: Sequence[str] = ()) -> None:
        """Show the form of an entry that is to be added; it belongs to what was chosen."""
        self.apply = button("Add", lambda: self._add(noun), icon="plus", style="primary")
        back = button("Back", lambda: self._open(self._place), icon="arrow-left")
        self.message = ipywidgets.HTML("".join(said(line) for line in about))
        form = EntryForm(
            self.cascade,
            noun,
            {},
            is_new=True,
            judge=lambda given: judged_addition(self.cascade, noun, given),
            heard=self._typed,
            late=self._late,
        )
        self._show(heading(f"New {SINGULAR[noun]}"), form, ipywidgets.HBox([self.apply, back]), self.message)
        form.fill(self._belongs(noun) | (texts or {}))

    def _belongs(self, noun: str) -> dict[str, str]:
        """Return what a new entry takes from the one that is chosen: a factor its objective, a KPI its factor."""
        chosen, key = self._place
        if (noun, chosen) in {("factors", "objectives"), ("kpis", "factors"), ("units", "units")}:
            return {{"factors": "objective", "kpis": "factor", "units": "parent"}[noun]: key}
        if (noun, chosen) == ("kpis", "kpis"):
            return {"factor": self.cascade.kpi(key).factor or ""}
        if (noun, chosen) == ("factors", "factors"):
            return {"objective": self.cascade.named("factors", key).objective}
        return {}

    def _judge(self, texts: dict[str, str]) -> Judgement:
        judgement = judged_change(self.cascade, self._place, texts)
        noun, key = self._place
        if not has_id(noun) or texts[identity_of(noun)] == key or judgement.after is None:
            return judgement
        return replace(judgement, findings=[*judgement.findings, *named_elsewhere(self.cascade, noun, key)])

    def _late(
        self, judgement: Judgement, heard: Callable[[list[Finding]], None], failed: Callable[[str], None]
    ) -> None:
        """Find out beside the page what history says of an entry."""
        after, history = judgement.after, self.history
        if history is None or after is None:
            heard([])
        elif not fits(after, history):
            failed("it was read for other units; save, and read it again")
        elif self._said_of is not None and self._said_of[0] == after:
            self._beside.drop()
            heard(about(self._said_of[1], judgement.noun, judgement.entry))
        else:

            def found() -> list[Finding]:
                self._said_of = (after, history_findings(after, history))
                return about(self._said_of[1], judgement.noun, judgement.entry)

            self._beside.ask(found, heard, failed)

    def wait(self, seconds: float = 60) -> None:
        """Wait until what the history has to say stands there: for cells that read it."""
        self._beside.wait(seconds)

    def _typed(self) -> None:
        self.apply.disabled = (
            self.form is None
            or not self.form.is_sound
            or not any(self.form.changed.values())
            and not self.form.changed
        )
        noun, key = self._place
        if self.form is None or self.form.is_new or not has_id(noun):
            return
        n_places = self._places_in_pay(noun, key) if self.form.changed.get(identity_of(noun)) else 0
        self.pay.layout.display = None if n_places else "none"
        self.pay.description = f"Rename it in {PAY_FILE} too ({count_of(n_places, 'place')})"

    def _places_in_pay(self, noun: str, key: str) -> int:
        """Count them once for each form: a long plan takes a while to read."""
        if self._in_pay is None:
            self._in_pay = pay_names(self.cascade, noun, key)
        return self._in_pay

    # Edits ----------------------------------------------------------------------------------------------------

    def _add(self, noun: str) -> None:
        if self.form is None:
            return
        given = {field: value for field, value in typed(noun, self.form.texts).items() if value is not None}
        key: Any = given.get(identity_of(noun), "")
        if noun == "links":
            key = (given["cause"], given["effect"])
        before = self._place
        self._place = (noun, key) if noun != "targets" else before
        if not self._tried(lambda: self.draft.add(noun, given)):
            self._place = before

    def _change(self) -> None:
        if self.form is None:
            return
        noun, key = self._place
        changed = dict(self.form.changed)
        if noun == "kpis" and {"kind", "computed"} & changed.keys():
            changed |= {field: self.form.texts[field] for field in ("kind", "computed")}
        new: Any = changed.pop(identity_of(noun), key) if has_id(noun) else key
        fields = typed(noun, changed)
        edits: list[tuple[Any, ...]] = []
        if new != key:
            edits.append(("rename", noun, key, new, *((True,) if self._is_in_pay else ())))
        for level in renamed_levels(self.cascade, fields.get("levels")) if noun == "cascade" else ():
            edits.append(("rename", "levels", *level))
        if fields:
            edits.append(("change", noun, new, fields))
        before, self._place = self._place, (noun, self._key_after(new, fields))
        if not self._tried(lambda: self._do(edits)):
            self._place = before

    def _key_after(self, key: Any, fields: dict[str, Any]) -> Any:
        """Return what the entry at hand is known by once its fields are changed."""
        if self._place[0] == "targets" and self.form is not None:
            return self._judge(self.form.texts).entry.id
        if self._place[0] != "links":
            return key
        level = (fields.get("at", key[2]),) if len(key) > 2 else ()
        return (fields.get("cause", key[0]), fields.get("effect", key[1]), *level)

    @property
    def _is_in_pay(self) -> bool:
        return bool(self.pay.value) and self.pay.layout.display != "none"

    def _do(self, edits: Sequence[tuple[Any, ...]]) -> None:
        """Make one edit, or several as one."""
        if len(edits) != 1:
            self.draft.at_once(*edits)
            return
        verb, *arguments = edits[0]
        if verb == "rename":
            self.draft.rename(*arguments[:3], pay=len(arguments) > 3)
        else:
            self.draft.change(*arguments)

    def _move(self, steps: int) -> None:
        noun, key = self._place
        self._tried(lambda: self.draft.move(noun, key, steps))


def _title(noun: str) -> str:
    return SINGULAR[noun][:1].upper() + SINGULAR[noun][1:]
