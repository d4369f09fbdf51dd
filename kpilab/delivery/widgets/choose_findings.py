"""Choose, and see: what a check found, by rule; why a KPI moved, by unit and span."""

import html
from typing import Any

import ipywidgets

from kpilab.delivery.why import waterfall
from kpilab.delivery.widgets.entry_form import BAD, said
from kpilab.delivery.widgets.latest import Report
from kpilab.delivery.widgets.work import Work
from kpilab.model.cascade import Cascade
from kpilab.model.checks import CheckReport
from kpilab.model.history import History
from kpilab.problems import InputError
from kpilab.scorecard.explain import explain
from kpilab.show import paragraphs_html, table_html
from kpilab.words import SEVERITIES

_WIDE = {"description_width": "initial"}


class FindingChooser(ipywidgets.VBox):
    """Choose a severity, a rule and words, see the findings; `severity`, `rule`, `words` and `output` are its parts."""

    def __init__(self, report: CheckReport):
        self._report = report
        self.severity = ipywidgets.Dropdown(
            options=[("all severities", ""), *((each, each) for each in SEVERITIES)],
            layout={"width": "160px"},
        )
        self.rule = ipywidgets.Dropdown(layout={"width": "320px"})
        self.words = ipywidgets.Text(
            placeholder="a unit or a KPI", continuous_update=False, layout={"width": "200px"}
        )
        self.output, self.code = ipywidgets.HTML(), ipywidgets.HTML()
        bar = ipywidgets.HBox([self.severity, self.rule, self.words], layout={"flex_flow": "row wrap"})
        super().__init__([bar, self.code, self.output])
        self._offer()
        self.severity.observe(self._offer, "value")
        for part in (self.rule, self.words):
            part.observe(self._draw, "value")

    def _offer(self, change: object = None) -> None:
        """Offer the rules of the chosen severity, each with how often it was broken."""
        table = self._report.tidy()
        if self.severity.value:
            table = table[table["severity"] == self.severity.value]
        counts = table["rule"].value_counts(sort=False)
        rules = [(f"{rule} ({count})", rule) for rule, count in counts.items()]
        self.rule.options = [(f"all rules ({len(table)})", ""), *rules]
        self._draw()

    def _draw(self, change: object = None) -> None:
        words = self.words.value.strip()
        found = (self._report.about(words) if words else self._report).tidy()
        asked = [(name, getattr(self, name).value) for name in ("severity", "rule")]
        query = " and ".join(f"{name} == {value!r}" for name, value in asked if value)
        found = found.query(query) if query else found
        line = f"report{f'.about({words!r})' if words else ''}.tidy()"
        self.code.value = _line(f"{line}.query({query!r})" if query else line)
        self.output.value = table_html(found[["where", "what", "remedy"]])


class ExplanationChooser(ipywidgets.VBox):
    """Choose a KPI, a unit and two spans, see why it moved; `kpi`, `unit`, `start` and `end` are its controls."""

    def __init__(self, cascade: Cascade, history: History, *, kpi: str | None, start: str, end: str):
        self._cascade, self._history = cascade, history
        self.kpi = ipywidgets.Dropdown(
            options=[(each.name, each.id) for each in cascade.kpis],
            value=cascade.kpi(kpi).id if kpi else cascade.kpis[0].id,
            description="KPI",
            style=_WIDE,
        )
        self.unit = ipywidgets.Dropdown(
            options=[(each.name, each.id) for each in cascade.units if cascade.children(each.id)],
            description="Unit",
            style=_WIDE,
        )
        self.start, self.end = (
            ipywidgets.Text(value=span, description=name, continuous_update=False, style=_WIDE)
            for name, span in (("from", start), ("to", end))
        )
        self.work = Work(lambda: self.work.cancel())
        self.output, self.code = ipywidgets.HTML(), ipywidgets.HTML()
        controls = (self.kpi, self.unit, self.start, self.end)
        bar = ipywidgets.HBox(controls, layout={"flex_flow": "row wrap"})
        super().__init__([bar, self.code, self.work, self.output])
        for part in controls:
            part.observe(self._draw, "value")
        self._draw()

    def _draw(self, change: object = None) -> None:
        asked: dict[str, Any] = {"kpi": self.kpi.value, "start": self.start.value, "end": self.end.value}
        asked = {name: value for name, value in asked.items() if value}
        if self.unit.value is not None:
            asked["unit"] = self.unit.value
        given = ", ".join(f"{name}={value!r}" for name, value in asked.items())
        self.code.value = _line(f"kl.waterfall(kl.explain(cascade, history, {given}))")

        def explained(report: Report) -> None:
            try:
                why = explain(self._cascade, self._history, **asked)
                shown = waterfall(why)._repr_html_() + paragraphs_html(why.text)
            except InputError as error:
                shown = "".join(said(problem.message, BAD) for problem in error.problems)
            report(1, 1)
            self.output.value = shown

        self.work.start("Explaining", explained)


def choose_findings(report: CheckReport) -> FindingChooser:
    """Choose a rule and see its findings: ``report.tidy().query("rule == 'gap'")``."""
    return FindingChooser(report)


def choose_explanation(
    cascade: Cascade, history: History, *, kpi: str | None = None, start: str = "", end: str = ""
) -> ExplanationChooser:
    """Choose a KPI, a unit and two spans and see why it moved: ``kl.waterfall(kl.explain(…))``.

    Parameters
    ----------
    cascade : Cascade
    history : History
    kpi : str, optional
        What it begins with; default: the first.
    start, end : str
        Periods or spans it begins with; default: as `kl.explain` takes them.
    """
    return ExplanationChooser(cascade, history, kpi=kpi, start=start, end=end)


def _line(code: str) -> str:
    """Show the line that does what was chosen, as text."""
    return f"What you just did in code: <code>{html.escape(code)}</code>"
