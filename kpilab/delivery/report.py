"""Parameterised reports: one notebook template run per unit, and an index page. The only papermill import.

papermill takes any parameter name, says that a dead kernel's notebook completed, and expands braces in paths;
so names and types are checked before anything runs, the outcome of each report is kept here, and paths are
made of plain characters only.
"""

import ast
import html
import os
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from kpilab.delivery.maps import strategy_map
from kpilab.delivery.pages import forest, level_grid, summary
from kpilab.evidence.links import fit_links
from kpilab.model.cascade import Cascade
from kpilab.model.files import read_cascade
from kpilab.model.history import History, read_history
from kpilab.model.periods import Span
from kpilab.problems import Problem, did_you_mean, one_problem, stop_on
from kpilab.scorecard.rollup import roll_up, scorecard_span
from kpilab.show import Result, count_of

Template = Literal["unit", "board", "all"]
WORKERS = 2
COLUMNS = ["template", "unit", "name", "status", "path", "notebook", "problem"]
_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:1080px;margin:1.5em auto;padding:0 1em;color:#222}"
    "table{border-collapse:collapse}img,svg{max-width:100%;height:auto}h1{font-size:1.7em}h2{margin-top:1.6em}"
    "a{color:#2166ac}.jp-OutputArea-output pre{white-space:pre-wrap}iframe{width:100%;height:760px;border:0}"
    "@media print{iframe{display:none}}"
)


@dataclass(frozen=True)
class Job:
    """One report to run."""

    template: str
    unit: str
    name: str
    parameters: tuple[tuple[str, Any], ...]
    notebook: Path

    @property
    def page(self) -> Path:
        """Return the path of the HTML page."""
        return self.notebook.with_suffix(".html")


@dataclass(frozen=True, eq=False)
class ReportRun(Result):
    """What a run wrote: one row per report, and the index page."""

    name: str
    span: Span
    index: Path
    table: pd.DataFrame

    @property
    def title(self) -> str:  # type: ignore[override]
        """Return the name of the cascade and the period."""
        return f"{self.name}: reports for {self.span}"

    @property
    def failed(self) -> bool:
        """Tell whether any report failed."""
        return bool((self.table["status"] == "failed").any())

    def tidy(self) -> pd.DataFrame:
        """Return one row per report: template, unit, name, status, path, notebook, problem."""
        return self.table.copy()

    def glance(self) -> pd.DataFrame:
        """Return one row: how many reports were written and how many failed."""
        counts = self.table["status"].value_counts()
        facts = {"period": str(self.span), "index": str(self.index)}
        return pd.DataFrame([{**facts, **{f"n_{s}": int(counts.get(s, 0)) for s in ("written", "failed")}}])

    @property
    def text(self) -> str:
        """Return how many were written, where, and why any failed."""
        written = count_of(int((self.table["status"] == "written").sum()), "report")
        lines = [f"{written} written; start at {self.index}"]
        lines += [
            f"{row.name}: failed. {row.problem}" for row in self.table.itertuples(index=False) if row.problem
        ]
        return "\n".join(lines)


def run_reports(
    cascade: Cascade | str | os.PathLike[str],
    *,
    template: Template = "unit",
    units: Literal["all"] | Sequence[str] = "all",
    period: object = None,
    folder: str | os.PathLike[str] = "reports",
    progress: bool = True,
) -> ReportRun:
    """Run a report template for many units, and write an index page with the map.

    Parameters
    ----------
    cascade : Cascade or path
        Its folder is what the templates read.
    template : {"unit", "board", "all"}
        One report per unit, one for the organisation as a whole, or both.
    units : "all" or list of unit ids
        ``"all"`` is every unit of the second level (of the first where there is one level only).
    period : str, optional
        Default: the last complete period.
    folder : path
        Reports go to ``<folder>/<cascade>/<period>/``.
    progress : bool
        Show a progress bar on stderr.

    Returns
    -------
    ReportRun
        A report that fails is a row with its problem; the others are still written.

    Raises
    ------
    InputError
        Before anything runs: unknown units, periods, templates or parameters.
    """
    cascade = cascade if isinstance(cascade, Cascade) else read_cascade(cascade)
    history = read_history(cascade)
    span = scorecard_span(cascade, history, period)
    target = Path(folder) / _slug(cascade.folder.resolve().name) / _slug(str(span))
    jobs = _jobs(cascade, template, _chosen(cascade, units), span, target)
    for path in {template_path(job.template) for job in jobs}:
        stop_on(
            parameter_problems(
                path, dict(next(j for j in jobs if template_path(j.template) == path).parameters)
            )
        )
    target.mkdir(parents=True, exist_ok=True)
    outcome = _run_all(jobs, progress)
    rows = [
        (
            j.template,
            j.unit,
            j.name,
            "failed" if outcome[j] else "written",
            str(j.page),
            str(j.notebook),
            outcome[j],
        )
        for j in jobs
    ]
    table = pd.DataFrame(rows, columns=COLUMNS)
    index = _write_index(cascade, history, span, table, target)
    return ReportRun(cascade.name, span, index, table)


def run_template(
    template: str | os.PathLike[str], notebook: str | os.PathLike[str], **parameters: Any
) -> Path:
    """Run one template and write the notebook and a self-contained page beside it.

    Parameters
    ----------
    template : path or name
        ``"unit"``, ``"board"``, or the path of a notebook with a cell tagged ``parameters``.
    notebook : path
        Where the executed notebook goes; the page has the ending ``.html``.
    **parameters
        Values for names of the parameters cell: text, numbers or true/false.

    Raises
    ------
    InputError
        When a name is unknown or a value has another type than the template's.
    """
    path = template_path(os.fspath(template))
    stop_on(parameter_problems(path, parameters))
    job = Job(str(path), "", Path(notebook).stem, tuple(parameters.items()), Path(notebook))
    problem = _run_one(job)
    if problem:
        raise one_problem(path.name, problem)
    return job.page


def template_path(template: str) -> Path:
    """Find a template by name, in ``notebooks/templates`` here or beside the package, or by path."""
    beside = Path(__file__).resolve().parents[2]
    given = Path(template)
    candidates = [root / "notebooks" / "templates" / f"{template}.ipynb" for root in (Path(), beside)]
    for path in [given, *candidates] if given.suffix == ".ipynb" else candidates:
        if path.is_file():
            return path
    known = {path.stem for path in (beside / "notebooks" / "templates").glob("*.ipynb")}
    raise one_problem("template", f"unknown template '{template}'; {did_you_mean(template, known)}")


def parameter_problems(template: Path, parameters: Mapping[str, Any]) -> list[Problem]:
    """List parameters that the template does not have, or whose type is not the template's."""
    defaults = _defaults(template)
    found = []
    for name, value in parameters.items():
        if name not in defaults:
            found.append(
                Problem(template.name, f"unknown parameter '{name}'; {did_you_mean(name, defaults)}")
            )
        elif not isinstance(value, str | int | float | bool):
            kind = type(value).__name__
            found.append(
                Problem(template.name, f"parameter '{name}' is a {kind}; give text, a number or true/false")
            )
        elif defaults[name] is not None and type(value) is not type(defaults[name]):
            wanted = type(defaults[name]).__name__
            found.append(
                Problem(template.name, f"parameter '{name}' is {value!r}; it should be of type {wanted}")
            )
    return found


def _defaults(template: Path) -> dict[str, Any]:
    """Return the names and values that the template's parameters cell assigns."""
    import nbformat

    cells = nbformat.read(template, as_version=4).cells
    tagged = [cell for cell in cells if "parameters" in cell.metadata.get("tags", [])]
    if not tagged:
        raise one_problem(template.name, "has no cell tagged 'parameters'; tag the one that sets them")
    return {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in ast.parse(tagged[0].source).body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }


def _chosen(cascade: Cascade, units: Literal["all"] | Sequence[str]) -> list[str]:
    if units == "all":
        return [unit.id for unit in cascade.units_at(cascade.levels[min(1, len(cascade.levels) - 1)])]
    known = {unit.id for unit in cascade.units}
    named = [units] if isinstance(units, str) else list(units)
    unknown = [unit for unit in named if unit not in known]
    stop_on(Problem("units", f"unknown unit '{unit}'; {did_you_mean(unit, known)}") for unit in unknown)
    return named


def _jobs(cascade: Cascade, template: Template, units: list[str], span: Span, target: Path) -> list[Job]:
    shared = {"cascade": str(cascade.folder), "period": str(span)}
    jobs = []
    if template in ("board", "all"):
        parameters = tuple(shared.items())
        jobs.append(Job("board", "", cascade.name, parameters, target / "board.ipynb"))
    if template in ("unit", "all"):
        for unit in units:
            parameters = tuple({**shared, "unit": unit}.items())
            jobs.append(
                Job("unit", unit, cascade.unit(unit).name, parameters, target / f"{_slug(unit)}.ipynb")
            )
    if not jobs:
        raise one_problem(
            "template", f"unknown template '{template}'; {did_you_mean(template, ['unit', 'board', 'all'])}"
        )
    return jobs


def _slug(text: str) -> str:
    """Keep letters, digits, '-', '_' and single dots, so that no name leads out of the folder."""
    return re.sub(r"[^\w.-]+|\.(?=\.)|^\.", "-", text) or "-"


def _run_all(jobs: list[Job], progress: bool) -> dict[Job, str]:
    """Run every job, two at a time, each in a process that serves several; return its problem or ''."""
    from tqdm import tqdm

    outcome: dict[Job, str] = {}
    workers = min(WORKERS, len(jobs), os.cpu_count() or 1)
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        waiting: dict[Future[str], Job] = {pool.submit(_run_one, job): job for job in jobs}
        bar = tqdm(total=len(jobs), desc="reports", unit="report", disable=not progress)
        for done in as_completed(waiting):
            error = done.exception()
            outcome[waiting[done]] = done.result() if error is None else f"the process ended: {error}"
            bar.update()
        bar.close()
    return outcome


def _run_one(job: Job) -> str:
    """Execute one notebook and export it; return what went wrong, '' when nothing did."""
    import papermill

    problem = ""
    os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    job.notebook.parent.mkdir(parents=True, exist_ok=True)
    try:
        papermill.execute_notebook(
            str(template_path(job.template)),
            str(job.notebook),
            parameters=dict(job.parameters),
            kernel_name="python3",
            progress_bar=False,
            log_output=False,
            shutdown_kernel="immediate",
            extra_arguments=["--IPKernelApp.log_level=ERROR"],
        )
    except Exception as error:  # noqa: BLE001 — whatever ends a kernel is a row of the run, not the end of it
        last = [line for line in str(error).strip().splitlines() if line.strip()]
        problem = f"{type(error).__name__}: {last[-1] if last else 'no message'}"
    if job.notebook.exists():
        _export(job, problem)
    return problem


def _export(job: Job, problem: str) -> None:
    """Take times out of the notebook and write the page: outputs and prose, no code, nothing from a network."""
    import nbformat
    from nbconvert import HTMLExporter

    notebook = nbformat.read(job.notebook, as_version=4)
    notebook.metadata.pop("papermill", None)
    for cell in notebook.cells:
        cell.metadata.pop("papermill", None)
        cell.metadata.pop("execution", None)
    nbformat.write(notebook, job.notebook)
    exporter = HTMLExporter(
        template_name="basic", exclude_input=True, exclude_output_prompt=True, exclude_anchor_links=True
    )
    body, _ = exporter.from_notebook_node(notebook)
    warning = (
        f"<p style='color:#b2182b'><b>This report failed:</b> {html.escape(problem)}</p>" if problem else ""
    )
    job.page.write_text(_html_page(job.name, warning + body), encoding="utf-8")


def _html_page(title: str, body: str) -> str:
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f'<link rel="icon" href="data:,"><style>{_STYLE}</style></head><body>{body}</body></html>'
    )


def _write_index(cascade: Cascade, history: History, span: Span, table: pd.DataFrame, target: Path) -> Path:
    """Write the page to start from: where the organisation stands, every report, the map."""
    links = fit_links(cascade, history)
    scorecard = roll_up(cascade, history, period=span)
    strategy_map(cascade, links=links).save(target / "map.html")
    level = cascade.levels[min(1, len(cascade.levels) - 1)]
    reports = table.to_dict("records")
    items = "".join(
        f"<li><a href='{html.escape(Path(str(row['path'])).name)}'>{html.escape(str(row['name']))}</a>"
        f"{' — failed: ' + html.escape(str(row['problem'])) if row['problem'] else ''}</li>"
        for row in reports
    )
    body = (
        f"<h1>{html.escape(cascade.name)}: {html.escape(str(span))}</h1>"
        f"<h2>Where we stand</h2>{summary(scorecard.at(cascade.levels[0])).body}{level_grid(scorecard, level).svg}"
        f"<h2>Reports</h2><ul style='columns:2'>{items}</ul>"
        f"<h2>Strategy map</h2><p><a href='map.html'>Open the map on its own</a></p>"
        f"<iframe src='map.html' title='Strategy map'></iframe>"
        f"<h2>What history says of the arrows</h2><p>{html.escape(links.text.splitlines()[0])}</p>{forest(links).svg}"
        f"<p style='color:#777;font-size:12px'>{html.escape(cascade.attribution)}</p>"
    )
    index = target / "index.html"
    index.write_text(_html_page(f"{cascade.name} {span}", body), encoding="utf-8")
    return index
