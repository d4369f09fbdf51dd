"""Run reports from a notebook: choose, run beside the page, follow the links to what was written."""

import html
import os
from pathlib import Path
from typing import Any, get_args
from urllib.parse import quote

import ipywidgets
import pandas as pd

from kpilab.delivery.charts import Chart
from kpilab.delivery.report import COLUMNS, OF_THE_WHOLE, ReportRun, Template, run_reports
from kpilab.delivery.widgets.frame import BAD, Answer, Frame, State, file_name
from kpilab.delivery.widgets.latest import Report
from kpilab.model.cascade import Cascade
from kpilab.model.history import History
from kpilab.model.periods import period_text
from kpilab.model.saving import refuse_if_read_only
from kpilab.problems import InputError, one_problem
from kpilab.scorecard.rollup import last_complete_period
from kpilab.show import count_of

LAST = ""
"""The period that is chosen when none is."""
_WIDE = {"description_width": "110px"}
_LAYOUT = {"width": "560px"}


class ReportPanel(Frame):
    """Template, units, period and folder of a run of reports, a button that runs them, and links to their pages.

    `run_result` is the last run, once there was one. The run reads the cascade's folder: save before. Cancel ends
    it between two reports; what is written by then stays, without an index.
    """

    kinds = ("csv",)

    def __init__(
        self,
        cascade: Cascade,
        history: History,
        *,
        template: Template = "unit",
        units: tuple[str, ...] = (),
        period: object = None,
        folder: str | os.PathLike[str] = "reports",
    ):
        super().__init__(cascade, f"{cascade.name}: reports")
        self._run: ReportRun | None = None
        last = period_text(last_complete_period(cascade, history))
        self.template = ipywidgets.Dropdown(
            options=get_args(Template), value=template, description="Template", style=_WIDE, layout=_LAYOUT
        )
        self.units = ipywidgets.SelectMultiple(rows=8, description="Only for", style=_WIDE, layout=_LAYOUT)
        past = [period_text(each) for each in reversed(history.periods)]
        chosen = LAST if period is None else period_text(cascade.period(str(period)))
        self.period = ipywidgets.Dropdown(
            options=[(f"last complete: {last}", LAST), *((each, each) for each in past)], value=chosen,
            description="Period", style=_WIDE, layout=_LAYOUT,
        )  # fmt: skip
        self.folder = ipywidgets.Text(
            value=os.fspath(folder),
            description="Folder",
            continuous_update=False,
            style=_WIDE,
            layout=_LAYOUT,
        )
        self.run_button = ipywidgets.Button(description="Run", icon="play", button_style="primary")
        self.run_button.on_click(lambda button: self.run())
        self.pages = ipywidgets.Output()
        self._offer_units()
        self.units.value = tuple(units)
        self.template.observe(self._another_template, "value")
        self._watch(self.units, self.period, self.folder)
        controls = [self.template, self.units, self.period, self.folder, self.run_button]
        self._begin(*controls, self.code, self.pages)

    @property
    def run_result(self) -> ReportRun:
        """Return the last run, as soon as it has ended.

        Raises
        ------
        InputError
            When nothing was run, or the run was cancelled or refused.
        """
        self.wait()
        if self._run is None:
            raise self._refusal or one_problem("reports", "nothing was run yet; call panel.run()")
        return self._run

    def run(self) -> None:
        """Run the reports beside the page, as the button does; `wait` or `run_result` waits for the end."""
        state = self._now
        self._run = None
        self._say("")
        self._tell("")
        self.run_button.disabled = True

        def work(report: Report) -> None:
            try:
                refuse_if_read_only(self._cascade)
                ended = run_reports(self._cascade, **_asked(state), progress=report)
            except InputError as error:
                self._refuse(error)
            else:
                self._show_run(ended)
            self.run_button.disabled = False

        self.work.start("Writing reports", work)

    def cancel(self) -> None:
        """End the run before its next report; see `Frame.cancel`."""
        running = self.run_button.disabled
        super().cancel()
        self.run_button.disabled = False
        if running:
            self._refuse(
                one_problem("reports", "cancelled; what was written by then stays, without an index")
            )

    def _offer_units(self) -> None:
        """List whom the template can be run for: none chosen is everybody."""
        template = self.template.value
        if template == "owner":
            options = [(owner.name, owner.id) for owner in self._cascade.owners]
        elif template in OF_THE_WHOLE:
            options = []
        else:
            rank = {level: place for place, level in enumerate(self._cascade.levels)}
            options = [
                (f"{chr(0xA0) * 3 * rank[unit.level]}{unit.name}", unit.id) for unit in self._cascade.units
            ]
        self.units.options, self.units.disabled = options, not options

    def _another_template(self, change: dict[str, Any]) -> None:
        with self._lock:
            if not self._listening:
                return
            with self._quiet():
                self._offer_units()
        self._heard(change)

    def _state(self) -> State:
        return {
            "template": self.template.value, "units": tuple(self.units.value), "period": self.period.value,
            "folder": self.folder.value,
        }  # fmt: skip

    def _put(self, state: State) -> None:
        self.template.value = state["template"]
        self._offer_units()
        self.units.value, self.period.value = state["units"], state["period"]
        self.folder.value = state["folder"]

    def _answer(self, state: State, report: Report) -> Answer:
        asked = ", ".join(f"{name}={value!r}" for name, value in _asked(state).items() if value is not None)
        table = pd.DataFrame(columns=COLUMNS) if self._run is None else self._run.tidy()
        return Answer(None, f"kl.run_reports(cascade, {asked})", Chart(""), table)

    @property
    def table(self) -> pd.DataFrame:
        """Return one row per report of the last run; none before it."""
        return pd.DataFrame(columns=COLUMNS) if self._run is None else self._run.tidy()

    def _show_run(self, ended: ReportRun) -> None:
        self._run = ended
        lines = "".join(_line(row) for row in ended.tidy().to_dict("records"))
        start = _link(str(ended.index), "index.html")
        failed = int((ended.tidy()["status"] == "failed").sum())
        said = f"{count_of(len(ended.tidy()) - failed, 'report')} written, {failed} failed."
        self._tell(f"<p>{said} Start at {start}.</p><table>{lines}</table>")

    def _tell(self, shown: str) -> None:
        """Show HTML as a cell would: JupyterLab finds what its links lead to, relative to the notebook."""
        output = {"output_type": "display_data", "data": {"text/html": shown}, "metadata": {}}
        self.pages.outputs = (output,) if shown else ()

    def _file_name(self) -> str:
        return file_name("reports", self.template.value, self.period.value or "last")


def _asked(state: State) -> dict[str, Any]:
    """Return the arguments of `run_reports`."""
    chosen: Any = list(state["units"]) or "all"
    return {**state, "units": chosen, "period": state["period"] or None}


def _line(row: dict[Any, Any]) -> str:
    path = Path(row["path"])
    failed = f"<b style='color:{BAD}'>failed: {html.escape(row['problem'])}</b>" if row["problem"] else ""
    return (
        f"<tr><td>{html.escape(row['name'])}</td><td>{_link(str(path), path.name)}</td><td>{failed}</td></tr>"
    )


def _link(path: str, name: str) -> str:
    """Return a link to a file below the working directory; the path of any other."""
    relative = Path(os.path.relpath(path))
    if relative.is_absolute() or ".." in relative.parts:
        return html.escape(path)
    return f"<a href='{html.escape(quote(relative.as_posix()))}'>{html.escape(name)}</a>"
