"""Read a report on the page: it is run into a scratch folder, so that nothing is left anywhere."""

import html
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, get_args

import ipywidgets

from kpilab.delivery.report import OF_THE_WHOLE, Template, run_reports
from kpilab.delivery.widgets.entry_form import BAD, said
from kpilab.delivery.widgets.kernel_watch import KernelWatch
from kpilab.delivery.widgets.latest import Report
from kpilab.delivery.widgets.work import Work
from kpilab.model.cascade import Cascade
from kpilab.model.history import History
from kpilab.model.periods import period_text
from kpilab.problems import InputError
from kpilab.scorecard.rollup import last_complete_period

_NAMES: dict[str, str] = {
    "unit": "of a unit",
    "board": "of the whole",
    "evidence": "on the evidence for its arrows",
    "owner": "of an owner",
}
_LAYOUT = {"width": "520px"}


class ReportReader(ipywidgets.VBox):
    """Choose which report, for whom and when, and read it; `output` shows it, `work` runs it beside the page."""

    def __init__(self, cascade: Cascade, history: History):
        self._cascade = cascade
        kinds = [(_NAMES[name], name) for name in get_args(Template) if name in _NAMES]
        last = period_text(last_complete_period(cascade, history))
        self.template = ipywidgets.Dropdown(options=kinds, description="Report", layout=_LAYOUT)
        self.of = ipywidgets.Dropdown(description="Of", layout=_LAYOUT)
        self.period = ipywidgets.Dropdown(
            options=[period_text(each) for each in reversed(history.periods)],
            value=last,
            description="Period",
            layout=_LAYOUT,
        )
        self.run_button = ipywidgets.Button(description="Show", icon="play", button_style="primary")
        self.work = Work(self._cancel)
        self.output = ipywidgets.HTML()
        controls = [self.template, self.of, self.period, self.run_button]
        super().__init__([KernelWatch(), *controls, self.work, self.output])
        self.template.observe(self._offer, "value")
        self.run_button.on_click(lambda clicked: self.run())
        self._offer()

    def run(self) -> None:
        """Run what is chosen, in place of whatever is run; `work.wait` waits for its end."""
        asked = {
            "template": self.template.value,
            "units": "all" if self.of.value is None else [self.of.value],
            "period": self.period.value,
        }
        self.output.value = ""
        self.work.start("Writing the report", lambda report: self._show(asked, report))

    def _show(self, asked: dict[str, Any], report: Report) -> None:
        with TemporaryDirectory(prefix="kpilab-report-") as folder:
            try:
                row = run_reports(self._cascade, **asked, folder=folder, progress=report).tidy().iloc[0]
            except InputError as error:
                self.output.value = "".join(said(problem.message, BAD) for problem in error.problems)
                return
            if row["problem"]:
                self.output.value = said(str(row["problem"]), BAD)
                return
            page = html.escape(Path(row["path"]).read_text(encoding="utf-8"))
        style = "width:100%;height:75vh;min-width:900px;border:1px solid #ddd"
        self.output.value = f'<iframe sandbox="allow-scripts" style="{style}" srcdoc="{page}"></iframe>'

    def _cancel(self) -> None:
        self.work.cancel()
        self.output.value = said("Cancelled.")

    def _offer(self, change: object = None) -> None:
        """List whom the report can be about."""
        template = self.template.value
        if template in OF_THE_WHOLE:
            self.of.options, self.of.disabled = [], True
            return
        nouns = self._cascade.owners if template == "owner" else self._cascade.units
        self.of.options, self.of.disabled = [(noun.name, noun.id) for noun in nouns], not nouns
        self.of.value = nouns[0].id if nouns else None
