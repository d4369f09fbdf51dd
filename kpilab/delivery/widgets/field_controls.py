"""The controls of a form: each holds one field as text, however it is typed or chosen."""

from collections.abc import Callable
from typing import Any

import ipywidgets

from kpilab.delivery.widgets.drafted import laid_out
from kpilab.delivery.widgets.form_fields import Choices, Field
from kpilab.model.rows import Row, Table, listed_in, listing, rows_of, text_of_rows

MOST_CHOICES = 300
"""Longer lists are typed, with suggestions: a menu of thousands helps nobody."""
_CONTROL = {"width": "320px", "flex": "0 1 320px"}
_TABLE = {"width": "480px", "flex": "0 1 480px"}
_CELL = {"width": "auto", "flex": "1 1 80px", "min_width": "60px"}
_MORE = {"flex": "0 0 84px", "width": "84px", "min_width": "0"}
_ICON = {"width": "34px", "flex": "0 0 34px"}

Heard = Callable[[Any], None]


def control_of(field: Field) -> Any:
    """Return the control of a field."""
    match field.control:
        case "ticks":
            return Ticks(field)
        case "names":
            return Names(field)
        case "rows" if field.table is not None:
            return Rows(field, field.table)
        case "choice" if len(field.choices) <= MOST_CHOICES:
            return Choice(field.choices, layout=laid_out(**_CONTROL), tooltip=field.meaning or field.label)
        case "choice":
            return Suggested(field.choices, layout=laid_out(**_CONTROL), tooltip=field.meaning or field.label)
        case _:
            return Line(
                placeholder=field.hint, layout=laid_out(**_CONTROL), tooltip=field.meaning or field.label
            )


class Line(ipywidgets.Text):
    """One line of text."""

    @property
    def text(self) -> str:
        """Return what was typed."""
        return str(self.value)

    @text.setter
    def text(self, text: str) -> None:
        self.value = text

    def observe_text(self, heard: Heard) -> None:
        """Call a function whenever something is typed."""
        self.observe(heard, "value")


class Suggested(ipywidgets.Combobox, Line):
    """One of very many: typed, with suggestions."""

    def __init__(self, choices: Choices, **options: Any):
        super().__init__(options=[value for _, value in choices if value], **options)


class Choice(ipywidgets.Dropdown):
    """One of a few."""

    def __init__(self, choices: Choices, **options: Any):
        super().__init__(options=list(choices), **options)

    @property
    def text(self) -> str:
        """Return what was chosen."""
        return str(self.value or "")

    @text.setter
    def text(self, text: str) -> None:
        values = [value for _, value in self.options]
        self.value = text if text in values else values[0] if values else None

    def observe_text(self, heard: Heard) -> None:
        """Call a function whenever something is chosen."""
        self.observe(heard, "value")


class Ticks(ipywidgets.HBox):
    """Any of a few."""

    def __init__(self, field: Field):
        boxes = [
            ipywidgets.Checkbox(
                description=label, indent=False, layout=laid_out(width="auto", margin="0 14px 0 0")
            )
            for label, _ in field.choices
        ]
        super().__init__(boxes, layout=laid_out(**_CONTROL, flex_flow="row wrap"))

    @property
    def text(self) -> str:
        """Return what is ticked."""
        return listing([box.description for box in self.children if box.value])

    @text.setter
    def text(self, text: str) -> None:
        chosen = listed_in(text)
        for box in self.children:
            box.value = box.description in chosen

    def observe_text(self, heard: Heard) -> None:
        """Call a function whenever something is ticked."""
        for box in self.children:
            box.observe(heard, "value")


class Names(ipywidgets.HBox):
    """Several of many: ids with commas; `more` adds one that is chosen by its name."""

    def __init__(self, field: Field):
        self.line = Line(
            placeholder=field.hint or "ids with commas",
            layout=laid_out(flex="1 1 120px", width="auto", min_width="0"),
            tooltip=field.meaning or field.label,
        )
        few = len(field.choices) <= MOST_CHOICES
        options = [("add…", ""), *field.choices] if few else [("add…", "")]
        self.more = ipywidgets.Dropdown(
            options=options,
            layout={
                "flex": "0 1 110px",
                "width": "auto",
                "display": None if few and field.choices else "none",
            },
            tooltip=f"{field.label}: add one",
        )
        super().__init__([self.line, self.more], layout=laid_out(**_CONTROL))
        self.more.observe(self._added, "value")

    def _added(self, change: object) -> None:
        if self.more.value:
            self.line.value = listing([*listed_in(self.line.value), self.more.value])
            self.more.value = ""

    @property
    def text(self) -> str:
        """Return the ids."""
        return str(self.line.value)

    @text.setter
    def text(self, text: str) -> None:
        self.line.value = text

    def observe_text(self, heard: Heard) -> None:
        """Call a function whenever one is typed or chosen."""
        self.line.observe(heard, "value")


class Rows(ipywidgets.VBox):
    """A little table, such as the procedures of a process; `add` is the button for one row more."""

    def __init__(self, field: Field, table: Table):
        self._field, self.table = field, table
        self._heard = list[Heard]()
        self._fixed = self.table.shape == "one"
        heads = [
            ipywidgets.Label(name, layout=laid_out(**_CELL, height="20px"), tooltip=field.meaning)
            for name, _ in field.columns
        ]
        spare = [] if self._fixed else [ipywidgets.Label("", layout=laid_out(**_ICON))]
        self._head = ipywidgets.HBox([*heads, *spare])
        self.add = ipywidgets.Button(
            description="row", icon="plus", tooltip=f"{field.label}: add a row", layout=laid_out(width="80px")
        )
        self.add.on_click(lambda clicked: self._change([*self.rows, {}]))
        super().__init__(layout=laid_out(**_TABLE))
        self.rows = []

    @property
    def lines(self) -> tuple[Any, ...]:
        """Return the rows as widgets: their cells, and a button that takes them out."""
        return tuple(child for child in self.children if child not in (self._head, self.add))

    @property
    def rows(self) -> list[Row]:
        """Return what stands in the cells."""
        names = [name for name, _ in self._field.columns]
        return [
            {name: cell.text for name, cell in zip(names, line.children, strict=False)} for line in self.lines
        ]

    @rows.setter
    def rows(self, rows: list[Row]) -> None:
        begun = rows or ([{}] if self._fixed or self._field.name == "weight" else [])
        made = [self._line(row, place) for place, row in enumerate(begun)]
        parts = [*([self._head] if made else []), *made]
        self.children = parts if self._fixed else [*parts, self.add]

    def _line(self, row: Row, place: int) -> Any:
        cells = []
        for name, choices in self._field.columns:
            hint = f"{self._field.label}: {name}"
            cell: Any = Line(layout=laid_out(**_CELL), tooltip=hint)
            if choices:
                kind = Choice if len(choices) <= MOST_CHOICES else Suggested
                cell = kind(choices, layout=laid_out(**_CELL), tooltip=hint)
            cell.text = row.get(name, "")
            for heard in self._heard:
                cell.observe_text(heard)
            cells.append(cell)
        if not self._fixed:
            out = ipywidgets.Button(icon="times", tooltip="Take this row out", layout=laid_out(**_ICON))
            out.on_click(lambda clicked: self._change([*self.rows[:place], *self.rows[place + 1 :]]))
            cells.append(out)
        return ipywidgets.HBox(cells)

    def _change(self, rows: list[Row]) -> None:
        self.rows = rows
        for heard in self._heard:
            heard(None)

    @property
    def text(self) -> str:
        """Return the rows as the text of the field."""
        return text_of_rows(self.table, self.rows)

    @text.setter
    def text(self, text: str) -> None:
        self.rows = rows_of(self.table, text)

    def observe_text(self, heard: Heard) -> None:
        """Call a function whenever a cell changes, or a row comes or goes."""
        self._heard.append(heard)
        for line in self.lines:
            for cell in line.children[: len(self._field.columns)]:
                cell.observe_text(heard)
