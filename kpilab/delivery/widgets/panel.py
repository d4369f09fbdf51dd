"""One panel of controls and charts for a verb."""

from importlib import import_module
from typing import Any

from kpilab.model.cascade import Cascade
from kpilab.model.history import History
from kpilab.problems import did_you_mean, one_problem

_PANELS = {
    "targets": "TargetPanel",
    "what_if": "WhatIfPanel",
    "pay": "PayPanel",
    "report": "ReportPanel",
}
_ALSO_CALLED = {"what-if": "what_if", "reports": "report"}


def Panel(verb: str, cascade: Cascade, history: History, **options: Any) -> Any:
    """Build the controls and charts of a verb; what they do, a line of code beside them does too.

    The panel is there at once. What takes longer than a moment is worked out beside the page, and a cell that reads
    a result of the panel (``panel.plan``, ``.scenario``, ``.results``, ``.run_result``) waits for it.

    Parameters
    ----------
    verb : {"targets", "what_if", "pay", "report"}
    cascade : Cascade
    history : History
    **options
        What the panel begins with: the keyword arguments of the verb, e.g.
        ``kpi="seen_within_4h", target=0.8, period="2024-03"``. Without any, targets begins with the first KPI that
        has a target in force and with that target, what_if with the arrows as `fit_links` judges them.

    Raises
    ------
    InputError
        When there is no panel for the verb, or it cannot begin with these options.
    """
    name = _ALSO_CALLED.get(verb, verb)
    if name not in _PANELS:
        raise one_problem("verb", f"no panel for '{verb}'; {did_you_mean(verb, _PANELS)}")
    module = import_module(f"kpilab.delivery.widgets.{name}")
    return getattr(module, _PANELS[name])(cascade, history, **options)
