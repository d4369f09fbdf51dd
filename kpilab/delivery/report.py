"""Parameterised reports: one notebook template run per unit, and an index page. The only papermill import.

papermill takes any parameter name, says that a dead kernel's notebook completed, and expands braces in paths;
so names and types are checked before anything runs, the outcome of each report is kept here, and papermill
writes to a scratch folder. Kernels are processes of their own; threads wait for them, two at a time: a pool of
processes would run the caller's script anew.
"""

import html
import os
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal
from urllib.parse import quote

import pandas as pd

from kpilab.delivery.maps import strategy_map
from kpilab.delivery.pages import attribution, forest, heading, standing, standing_text, value_grid
from kpilab.delivery.shared_results import shared_results
from kpilab.delivery.templates import parameter_problems, template_path
from kpilab.evidence.actions import evaluate_actions
from kpilab.evidence.links import LinkResults, fit_links
from kpilab.model.cascade import Cascade
from kpilab.model.history import History, read_folder
from kpilab.model.periods import Span
from kpilab.problems import Problem, did_you_mean, one_problem, stop_on
from kpilab.scorecard.rollup import Scorecard, roll_up, scorecard_span, within_history
from kpilab.show import Result, count_of

Template = Literal["unit", "board", "evidence", "owner", "all"]
OF_THE_WHOLE = {"board": "as a whole", "evidence": "every arrow against history"}
WORKERS = 2
CELL_SECONDS = 1800
FILES_OF_A_RUN = ("index", "map", *OF_THE_WHOLE)
COLUMNS = ["template", "unit", "name", "status", "path", "notebook", "problem"]
_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:1120px;margin:1.5em auto;padding:0 1em;color:#222}"
    "h1{font-size:1.7em;margin-bottom:.1em}h2{margin:1.8em 0 .3em;padding-top:.5em;border-top:1px solid #e3e3e3;"
    "font-size:1.25em}table{border-collapse:collapse}svg,img{max-width:100%;height:auto}a{color:#2166ac}"
    "summary{cursor:pointer;color:#2166ac}.jp-OutputArea-output pre{white-space:pre-wrap}.failed{color:#b2182b}"
    ".reports td,.reports th{text-align:left;padding:2px 24px 2px 0;border-bottom:1px solid #e3e3e3}"
    "iframe{width:100%;height:720px;border:1px solid #e3e3e3}@media print{iframe{display:none}}"
)


@dataclass(frozen=True)
class Job:
    """One report to run; relative paths among its parameters start from `runs_in`."""

    template: str
    unit: str
    name: str
    parameters: tuple[tuple[str, Any], ...]
    notebook: Path
    runs_in: Path

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
        failures = self.table[self.table["status"] == "failed"]
        lines += [f"{row['name']}: failed. {row['problem']}" for _, row in failures.iterrows()]
        return "\n".join(lines)


def run_reports(
    cascade: Cascade | str | os.PathLike[str],
    *,
    template: Template = "unit",
    units: Literal["all"] | Sequence[str] = "all",
    period: object = None,
    folder: str | os.PathLike[str] = "reports",
    progress: bool | Callable[[int, int], None] = True,
) -> ReportRun:
    """Run a report template for many units, and write an index page with the map.

    Parameters
    ----------
    cascade : Cascade or path
        Its folder is what the templates read; changes made in memory only are not seen.
    template : {"unit", "board", "evidence", "owner", "all"}
        One report per unit, one for the organisation as a whole, one on the evidence for its arrows, one per
        owner, or all but those of the owners.
    units : "all" or list of unit ids
        ``"all"`` is every unit of the second level (of the first where there is one level only); for the
        template ``"owner"`` ids of owners, ``"all"`` every owner.
    period : str, optional
        Default: the last complete period.
    folder : path
        Reports go to ``<folder>/<cascade>/<period>/``.
    progress : bool or callable
        Show a progress bar on stderr; or a function that is told how many of how many reports are written. What
        it raises ends the run: no further report is begun, and no index is written.

    Returns
    -------
    ReportRun
        A report that fails is a row with its problem; the others are still written.

    Raises
    ------
    InputError
        Before anything runs: faults of the cascade or its history, unknown units, periods, templates or
        parameters.
    """
    cascade, history = read_folder(cascade.folder if isinstance(cascade, Cascade) else cascade)
    span = within_history(history, scorecard_span(cascade, history, period))
    target = Path(folder) / _slug(cascade.folder.resolve().name) / str(span)
    jobs = _jobs(cascade, template, _chosen(cascade, units, template), span, target)
    for job in {job.template: job for job in jobs}.values():
        stop_on(parameter_problems(template_path(job.template), dict(job.parameters)))
    target.mkdir(parents=True, exist_ok=True)
    told = _bar(len(jobs)) if progress is True else progress or (lambda done, total: None)
    told(0, len(jobs))
    links = fit_links(cascade, history, progress=lambda done, total: told(0, len(jobs)))
    shared = [links, evaluate_actions(cascade, history)] if template in ("unit", "all") else [links]
    with shared_results(history, *shared):
        outcome = _run_all(jobs, told)
    table = pd.DataFrame([_row(job, outcome[job]) for job in jobs], columns=COLUMNS)
    index = _write_index(links, history, span, table, target)
    return ReportRun(cascade.name, span, index, table)


def run_template(
    template: str | os.PathLike[str], notebook: str | os.PathLike[str], **parameters: Any
) -> Path:
    """Run one template and write the notebook and a self-contained page beside it.

    Parameters
    ----------
    template : path or name
        ``"unit"``, ``"board"``, ``"evidence"``, or the path of a notebook with a cell tagged ``parameters``.
    notebook : path
        Where the executed notebook goes; the page has the ending ``.html``.
    **parameters
        Values for names of the parameters cell: text, numbers or true/false.

    Raises
    ------
    InputError
        When a name is unknown or a value has another type than the template's, before anything runs; or
        when the notebook fails.
    """
    path = template_path(os.fspath(template))
    stop_on(parameter_problems(path, parameters))
    job = Job(str(path), "", Path(notebook).stem, tuple(parameters.items()), Path(notebook), Path())
    problem = _run_all([job])[job]
    if problem:
        raise one_problem(path.name, problem)
    return job.page


def _chosen(cascade: Cascade, units: Literal["all"] | Sequence[str], template: Template) -> list[str]:
    if template == "owner":
        owners = [owner.id for owner in cascade.owners]
        return owners if units == "all" else [cascade.owner(each).id for each in units]
    if units == "all":
        return [unit.id for unit in cascade.units_at(cascade.levels[min(1, len(cascade.levels) - 1)])]
    known = {unit.id for unit in cascade.units}
    named = [units] if isinstance(units, str) else list(units)
    unknown = [unit for unit in named if unit not in known]
    stop_on(Problem("units", f"unknown unit '{unit}'; {did_you_mean(unit, known)}") for unit in unknown)
    return list(dict.fromkeys(named))


def _jobs(cascade: Cascade, template: Template, units: list[str], span: Span, target: Path) -> list[Job]:
    known = ["unit", *OF_THE_WHOLE, "owner", "all"]
    if template not in known:
        raise one_problem("template", f"unknown template '{template}'; {did_you_mean(template, known)}")
    shared = (("cascade", _seen_from(target, cascade.folder)), ("period", str(span)))
    jobs = []
    for whole in OF_THE_WHOLE:
        if template in (whole, "all"):
            jobs.append(Job(whole, "", cascade.name, shared, target / f"{whole}.ipynb", target))
    if template in ("unit", "all"):
        files = _file_names(cascade)
        for unit in units:
            notebook = target / f"{files[unit]}.ipynb"
            jobs.append(
                Job("unit", unit, cascade.unit(unit).name, (*shared, ("unit", unit)), notebook, target)
            )
    if template == "owner":
        for owner in units:
            notebook = target / f"owner-{_slug(owner)}.ipynb"
            jobs.append(
                Job("owner", owner, cascade.owner(owner).name, (*shared, ("owner", owner)), notebook, target)
            )
    return jobs


def _seen_from(target: Path, folder: Path) -> str:
    """Write a path as seen from another folder: the same on every machine that has the two side by side."""
    try:
        return Path(os.path.relpath(folder.resolve(), target.resolve())).as_posix()
    except ValueError:  # on another drive
        return str(folder.resolve())


def _file_names(cascade: Cascade) -> dict[str, str]:
    """Name a file for each unit: no two alike, even where capitals do not count, and none like the run's own."""
    taken, names = set(FILES_OF_A_RUN), {}
    for unit in cascade.units:
        name = _slug(unit.id)
        while name.lower() in taken:
            name += "-"
        taken.add(name.lower())
        names[unit.id] = name
    return names


def _slug(text: str) -> str:
    """Keep letters, digits, '-', '_' and single dots, so that no name leads out of the folder."""
    return re.sub(r"[^\w.-]+|\.(?=\.)|^\.", "-", text) or "-"


def _row(job: Job, problem: str) -> tuple[str, ...]:
    status = "failed" if problem else "written"
    return (job.template, job.unit, job.name, status, str(job.page), str(job.notebook), problem)


def _run_all(jobs: list[Job], told: Callable[[int, int], None] = lambda done, total: None) -> dict[Job, str]:
    """Run every job and write its files as it ends; return its problem, or ''."""
    outcome: dict[Job, str] = {}
    pool = ThreadPoolExecutor(min(WORKERS, len(jobs)))
    try:
        waiting: dict[Future[tuple[Any, str]], Job] = {pool.submit(_executed, job): job for job in jobs}
        for done in as_completed(waiting):
            job, (notebook, problem) = waiting[done], done.result()
            _write(job, notebook, problem)
            outcome[job] = problem
            told(len(outcome), len(jobs))
    finally:
        pool.shutdown(cancel_futures=True)
    return outcome


def _bar(total: int) -> Callable[[int, int], None]:
    """Return a progress bar on stderr, on a terminal only, to be told how many reports are written."""
    from tqdm import tqdm

    bar = tqdm(total=total, desc="reports", unit="report", disable=None)

    def told(done: int, total: int) -> None:
        bar.update(done - bar.n)
        if done == total:
            bar.close()

    return told


def _executed(job: Job) -> tuple[Any, str]:
    """Execute one notebook; return it as far as it came (None when not at all), and what went wrong."""
    import nbformat
    import papermill

    job.notebook.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="kpilab-") as scratch:
        written, problem = Path(scratch) / "report.ipynb", ""
        try:
            papermill.execute_notebook(
                _literal(template_path(job.template)),
                _literal(written),
                parameters=dict(job.parameters),
                kernel_name="python3",
                language="python",
                progress_bar=False,
                execution_timeout=CELL_SECONDS,
                shutdown_kernel="immediate",
                extra_arguments=["--IPKernelApp.log_level=ERROR"],
                resources={"metadata": {"path": str(job.runs_in.resolve())}},
            )
        except Exception as error:  # noqa: BLE001 — whatever ends a kernel is a row of the run, not the end of it
            problem = _in_words(error)
        return (nbformat.read(written, as_version=4) if written.exists() else None), problem


def _literal(path: Path) -> str:
    """Write a path so that papermill does not fill in what stands in braces."""
    return str(path.resolve()).replace("{", "{{").replace("}", "}}")


def _in_words(error: Exception) -> str:
    """Say in one line what ended a notebook: the cell's own error, or what became of the kernel."""
    kind = getattr(error, "ename", None) or type(error).__name__
    lines = str(getattr(error, "evalue", None) or error).strip().splitlines()
    return f"{kind}: {'; '.join(line.strip() for line in lines if line.strip()) or 'no message'}"


def _write(job: Job, notebook: Any, problem: str) -> None:
    """Write the notebook, and the page: outputs and prose, no code, nothing from a network."""
    import nbformat

    notebook = notebook if notebook is not None else nbformat.v4.new_notebook()
    if problem:
        notebook.cells.insert(
            0, nbformat.v4.new_markdown_cell(f"**This report failed:** {html.escape(problem)}")
        )
    _without_times(notebook)
    nbformat.write(notebook, job.notebook)
    body, _ = _exporter().from_notebook_node(notebook)
    job.page.write_text(_html_page(job.name, body), encoding="utf-8")


def _without_times(notebook: Any) -> None:
    """Take out what differs from run to run, and papermill's word that all is well."""
    for name in ("papermill", "widgets"):
        notebook.metadata.pop(name, None)
    for position, cell in enumerate(notebook.cells):
        cell.id = f"c{position:02d}"
        for name in ("papermill", "execution"):
            cell.metadata.pop(name, None)


@cache
def _exporter() -> Any:
    from nbconvert import HTMLExporter

    return HTMLExporter(
        template_name="basic", exclude_input=True, exclude_output_prompt=True, exclude_anchor_links=True
    )


def _html_page(title: str, body: str) -> str:
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="icon" href="data:,"><style>{_STYLE}</style></head><body>{body}</body></html>'
    )


def _write_index(links: LinkResults, history: History, span: Span, table: pd.DataFrame, target: Path) -> Path:
    """Write the page to start from: every report, the map, where the units stand, what history says."""
    cascade = links.cascade
    scorecard = roll_up(cascade, history, period=span)
    strategy_map(cascade, links=links).save(target / "map.html")
    lines = "".join(_index_line(scorecard, links, row) for row in table.to_dict("records"))
    parts = [
        heading(cascade.name, f"Reports for {span}").body,
        f"<table class='reports'><tr><th>report</th><th>in short</th><th></th></tr>{lines}</table>",
        "<h2>Strategy map</h2><p>An arrow is what we assume; its colour is what history says of it. "
        "<a href='map.html'>The map on its own</a></p><iframe src='map.html' title='Strategy map'></iframe>",
        f"<h2>Where we stand</h2>{standing(scorecard, cascade.roots()[0].id).body}",
        value_grid(scorecard.at(cascade.levels[min(1, len(cascade.levels) - 1)])).body,
        "<h2>What history says of the arrows</h2>"
        f"<p>{html.escape(links.text.splitlines()[0])}</p>{forest(links).svg}" * bool(len(links)),
        attribution(cascade).body,
    ]
    index = target / "index.html"
    index.write_text(_html_page(f"{cascade.name} {span}", "".join(parts)), encoding="utf-8")
    return index


def _index_line(scorecard: Scorecard, links: LinkResults, row: Mapping[Any, Any]) -> str:
    """Return one report's line: its page, how its unit (or the evidence) stands, what went wrong."""
    unit = row["unit"] or scorecard.cascade.roots()[0].id
    if row["template"] == "owner":
        unit = scorecard.cascade.home_of(unit) or scorecard.cascade.roots()[0].id
    what = OF_THE_WHOLE.get(row["template"])
    name = f"{row['name']}, {what}" if what else row["name"]
    stands = links.text if row["template"] == "evidence" else standing_text(scorecard.of_unit(unit))
    failed = f"<b class='failed'>failed: {html.escape(row['problem'])}</b>" if row["problem"] else ""
    page = html.escape(quote(Path(row["path"]).name), quote=True)
    link = f"<a href='{page}'>{html.escape(name)}</a>"
    return f"<tr><td>{link}</td><td>{html.escape(stands.splitlines()[0])}</td><td>{failed}</td></tr>"
