"""The widgets of one page of the web app; where a cascade cannot open it, the reason in words."""

from collections.abc import Callable
from typing import Any

import ipywidgets

from kpilab.decisions.pay import simulate_pay
from kpilab.delivery.app_pages import PAGES
from kpilab.delivery.maps import strategy_map
from kpilab.delivery.pay_pages import rests_page
from kpilab.delivery.widgets.builder import CascadeBuilder
from kpilab.delivery.widgets.choose import ActionChooser, LinkChooser, ScorecardChooser, TargetChooser
from kpilab.delivery.widgets.entry_form import BAD, said
from kpilab.delivery.widgets.map_editor import MapEditor
from kpilab.delivery.widgets.panel import Panel
from kpilab.delivery.widgets.report_reader import ReportReader
from kpilab.evidence.actions import evaluate_actions
from kpilab.evidence.links import fit_links
from kpilab.model.cascade import Cascade
from kpilab.model.files import read_cascade
from kpilab.model.history import History, read_history
from kpilab.problems import InputError
from kpilab.show import count_of


def app_page(name: str, folder: str, *, edit: bool = False, pay: bool = False) -> Any:
    """Build the widgets of a page, or say why they cannot be.

    Parameters
    ----------
    name : str
        Of `app_pages.PAGES`.
    folder : str
    edit : bool
        Whether anything may be saved into the folder.
    pay : bool
        Whether plans are shown, and names and amounts to who asks for them.
    """
    page = next(page for page in PAGES if page.name == name)
    try:
        cascade = read_cascade(folder, read_only=not edit)
        closed = page.closed(cascade)
        if closed:
            return ipywidgets.HTML(said(closed))
        if page.saves:
            return _EDITORS[name](cascade)
        history = read_history(cascade)
        if name == "pay":
            return _pay(cascade, history, named=pay)
        return _PANELS[name](cascade, history)
    except InputError as error:
        lines = [f"{problem.where}: {problem.message}" for problem in error.problems]
        return ipywidgets.HTML("".join(said(line, BAD) for line in lines))


def _links(cascade: Cascade, history: History) -> Any:
    links = fit_links(cascade, history)
    drawn = ipywidgets.HTML(strategy_map(cascade, links=links)._repr_html_())
    return ipywidgets.VBox([drawn, LinkChooser(links)])


def _what_if(cascade: Cascade, history: History) -> Any:
    return Panel("what_if", cascade, history, links=fit_links(cascade, history))


def _actions(cascade: Cascade, history: History) -> Any:
    return ActionChooser(evaluate_actions(cascade, history))


def _pay(cascade: Cascade, history: History, *, named: bool) -> Any:
    """Return the plan with its sliders to who may see it, and to everybody else what pay rests on, in shares."""
    links = fit_links(cascade, history) if cascade.links else None
    if named:
        return Panel("pay", cascade, history, links=links)
    hint = "Plans, names and amounts are confidential; an app that is served with --pay shows them."
    try:
        shares = rests_page(simulate_pay(cascade, history, links=links)).body
    except InputError as error:  # its sentences may name people and amounts
        found = count_of(len(error.problems), "problem")
        shares = said(f"pay.yaml has {found}: `kpilab pay` lists them for who may read it.", BAD)
    return ipywidgets.HTML(shares + said(hint))


def _build(cascade: Cascade) -> Any:
    """Return the builder; it works without a history too, and says why there is none."""
    try:
        return CascadeBuilder(cascade, read_history(cascade))
    except InputError as error:
        why = "".join(said(f"{problem.where}: {problem.message}", BAD) for problem in error.problems)
        return ipywidgets.VBox([ipywidgets.HTML(why), CascadeBuilder(cascade)])


_PANELS: dict[str, Callable[[Cascade, History], Any]] = {
    "scorecard": ScorecardChooser,
    "targets": TargetChooser,
    "links": _links,
    "what_if": _what_if,
    "actions": _actions,
    "reports": ReportReader,
}
_EDITORS: dict[str, Callable[[Cascade], Any]] = {
    "build": _build,
    "map": lambda cascade: MapEditor(cascade, read_history(cascade)),
}
