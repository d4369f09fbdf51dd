"""Pages of the builder beside the forms: paste a table, a history, the catalogue, derive, save, remove."""

import html
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import ipywidgets

from kpilab.delivery.widgets.drafted import laid_out
from kpilab.delivery.widgets.entry_form import BAD, said
from kpilab.delivery.widgets.form_fields import FIELDS
from kpilab.delivery.widgets.outline import SINGULAR
from kpilab.model.catalogue import Template, kpi_templates
from kpilab.model.files import LISTS
from kpilab.problems import Problem
from kpilab.show import count_of, listed

_WIDE = {"width": "auto"}
MOST_LINES_SHOWN = 400
_NEW, _GONE, _PLACE = "#1b7837", "#b2182b", "#666"


def button(label: str, does: Callable[[], None], *, icon: str = "", style: str = "", hint: str = "") -> Any:
    """Return a button that calls a function without arguments."""
    made = ipywidgets.Button(
        description=label, icon=icon, button_style=style, tooltip=hint or label, layout=laid_out(width="auto")
    )
    made.on_click(lambda clicked: does())
    return made


def heading(text: str, below: str = "") -> Any:
    """Return the heading of a page, and a sentence under it."""
    style = "font-size:16px;font-weight:600;overflow-wrap:anywhere"
    return ipywidgets.HTML(f"<div style='{style}'>{html.escape(text)}</div>" + (said(below) if below else ""))


def problem_lines(problems: Iterable[Problem]) -> str:
    """Return problems as lines; differences between files keep their form."""
    return "".join(
        said(f"{problem.where}: {problem.message.partition(chr(10))[0]}", BAD)
        + diff_html(problem.message.partition("\n")[2])
        for problem in problems
    )


def diff_html(text: str) -> str:
    """Return a unified diff, what is added and removed in colours and signs."""
    if not text:
        return ""
    colours = {"+": _NEW, "-": _GONE, "@": _PLACE}
    shown = text.splitlines()[:MOST_LINES_SHOWN]
    rest = text.count("\n") - len(shown)
    shown += [f"… and {count_of(rest, 'more line')}"] if rest > 0 else []
    lines = "".join(
        f"<div style='color:{colours.get(line[:1], '#222')}'>{html.escape(line) or '&nbsp;'}</div>"
        for line in shown
    )
    style = (
        "font:12px/1.4 monospace;white-space:pre-wrap;overflow-wrap:anywhere;max-height:320px;overflow:auto;"
        "background:#f7f7f7;padding:6px;border:1px solid #ddd"
    )
    return f"<div style='{style}'>{lines}</div>"


class PastePage(ipywidgets.VBox):
    """A table from a spreadsheet becomes entries; `noun`, `table`, `take` and `message` are its parts."""

    def __init__(self, noun: str, take: Callable[[str, str], None]):
        options = [(SINGULAR[each].capitalize() if each != "kpis" else "KPI", each) for each in LISTS]
        self.noun = ipywidgets.Dropdown(options=options, value=noun, description="Rows are:")
        self.hint = ipywidgets.HTML()
        self.table = ipywidgets.Textarea(placeholder="Paste cells here", rows=10, layout=_WIDE)
        self.message = ipywidgets.HTML()
        self.take = button(
            "Add the rows", lambda: take(self.noun.value, self.table.value), icon="check", style="primary"
        )
        super().__init__(
            [
                heading("Paste a table", "Copy cells in Excel with their headings: one row per entry."),
                self.noun, self.hint, self.table, self.take, self.message,
            ]
        )  # fmt: skip
        self.noun.observe(self._explain, "value")
        self._explain()

    def _explain(self, change: object = None) -> None:
        self.hint.value = said(
            "Headings: "
            + ", ".join(FIELDS[self.noun.value])
            + ". An id is made of the name where none is given."
        )


class HistoryPage(ipywidgets.VBox):
    """What happened, pasted; `table`, `take` and `message` are its parts."""

    def __init__(self, measures: Sequence[str], take: Callable[[str], None]):
        self.table = ipywidgets.Textarea(placeholder="Paste cells here", rows=12, layout=_WIDE)
        self.message = ipywidgets.HTML()
        self.take = button("Use this history", lambda: take(self.table.value), icon="check", style="primary")
        asked = listed(measures, most=12) if measures else "your measures"
        below = (
            "Headings: period, unit, and one column per measure; one row per period and unit. "
            f"The KPIs ask for: {asked}. Name a file that is there already under the cascade, at the top of the list."
        )
        super().__init__([heading("History", below), self.table, self.take, self.message])


class CataloguePage(ipywidgets.VBox):
    """KPI templates by perspective and success factor; `template` and `choose` are its parts."""

    def __init__(self, choose: Callable[[Template], None]):
        self._templates = {template.id: template for template in kpi_templates()}
        options = [
            (f"{each.perspective} · {each.success_factor} · {each.name}", each.id) for each in kpi_templates()
        ]
        self.template = ipywidgets.Select(options=options, rows=14, layout=_WIDE)
        self.about = ipywidgets.HTML()
        self.choose = button(
            "Begin with this one",
            lambda: choose(self._templates[self.template.value]),
            icon="check",
            style="primary",
        )
        below = "KPIs that many organisations have. What you choose fills the form; change it as you like."
        super().__init__([heading("Catalogue of KPIs", below), self.template, self.about, self.choose])
        self.template.observe(self._tell, "value")
        self._tell()

    def _tell(self, change: object = None) -> None:
        template = self._templates[self.template.value]
        self.about.value = "".join(said(line) for line in about_template(template, self._templates))


def about_template(template: Template, known: dict[str, Template]) -> list[str]:
    """Say what there is to know about a template."""
    drivers = listed([known[driver].name for driver in template.drivers], most=9)
    return [
        f"{template.name}: {template.kind} {template.computed}; better: {template.better}.",
        f"Typical drivers: {drivers or 'none in this catalogue'}.",
        f"How it gets gamed: {template.gamed}.",
    ]


class AskPage(ipywidgets.VBox):
    """A question with what is at stake; `yes` does it, `no` goes back."""

    def __init__(
        self,
        question: str,
        stakes: str,
        *,
        yes: str,
        does: Callable[[], None],
        back: Callable[[], None],
        danger: bool,
    ):
        self.yes = button(yes, does, icon="check", style="danger" if danger else "success")
        self.no = button("Back", back, icon="arrow-left")
        super().__init__(
            [heading(question), ipywidgets.HBox([self.yes, self.no]), ipywidgets.HTML(stakes, layout=_WIDE)]
        )


def stakes_of_removal(sentences: Sequence[str]) -> str:
    """Say what hangs on what is to be removed."""
    first = (
        f"{count_of(len(sentences), 'entry', 'entries')} hang on it:" if sentences else "Nothing hangs on it."
    )
    return said(first) + "".join(said(f"• {sentence}") for sentence in sentences)


def stakes_of_save(changes: Sequence[str], difference: str) -> str:
    """Say what a save would change, in sentences and line by line."""
    return "".join(said(f"• {change}") for change in changes) + diff_html(difference)
