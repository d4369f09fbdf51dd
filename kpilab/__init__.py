"""Define goals, cascade them, test the arrows between them, and show what rests on what.

The verbs load what they need when they are first used, so that ``import kpilab as kl`` is light.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOME = {
    "read_cascade": "kpilab.model.files",
    "write_cascade": "kpilab.model.saving",
    "write_workbook": "kpilab.model.workbook",
    "read_workbook": "kpilab.model.workbook_reading",
    "import_workbook": "kpilab.model.workbook_reading",
    "read_history": "kpilab.model.history",
    "Draft": "kpilab.model.draft",
    "check": "kpilab.checkup",
    "diff": "kpilab.scorecard.diff",
    "trace": "kpilab.model.tracing",
    "roll_up": "kpilab.scorecard.rollup",
    "score_goals": "kpilab.scorecard.goals",
    "kpi_trend": "kpilab.scorecard.trends",
    "target_history": "kpilab.scorecard.in_force",
    "explain": "kpilab.scorecard.explain",
    "kpi_frame": "kpilab.scorecard.panels",
    "allocate_targets": "kpilab.scorecard.targets",
    "fit_links": "kpilab.evidence.links",
    "find_missing_links": "kpilab.evidence.missing",
    "evaluate_actions": "kpilab.evidence.actions",
    "screen_pairs": "kpilab.evidence.explore",
    "what_if": "kpilab.decisions.whatif",
    "prepare_what_if": "kpilab.decisions.whatif",
    "what_would_it_take": "kpilab.decisions.backward",
    "plan_actions": "kpilab.decisions.portfolio",
    "action_paths": "kpilab.decisions.paths",
    "action_scenarios": "kpilab.decisions.paths",
    "fan_chart": "kpilab.delivery.fans",
    "fan_charts": "kpilab.delivery.fans",
    "frontier_chart": "kpilab.delivery.fans",
    "Intervention": "kpilab.decisions.interventions",
    "processes": "kpilab.model.process_book",
    "read_pay": "kpilab.model.pay_files",
    "simulate_pay": "kpilab.decisions.pay",
    "line_of_sight": "kpilab.delivery.cards",
    "write_cards": "kpilab.delivery.cards",
    "questions_for": "kpilab.model.understanding",
    "strategy_map": "kpilab.delivery.maps",
    "forest": "kpilab.delivery.pages",
    "plan_chart": "kpilab.delivery.plans",
    "waterfall": "kpilab.delivery.why",
    "link_page": "kpilab.delivery.link_pages",
    "choose_scorecard": "kpilab.delivery.widgets.choose",
    "action_page": "kpilab.delivery.action_pages",
    "choose_action": "kpilab.delivery.widgets.choose",
    "choose_link": "kpilab.delivery.widgets.choose",
    "choose_findings": "kpilab.delivery.widgets.choose_findings",
    "choose_explanation": "kpilab.delivery.widgets.choose_findings",
    "CascadeBuilder": "kpilab.delivery.widgets.builder",
    "Panel": "kpilab.delivery.widgets.panel",
    "MapEditor": "kpilab.delivery.widgets.map_editor",
    "run_reports": "kpilab.delivery.report",
    "run_template": "kpilab.delivery.report",
    "InputError": "kpilab.problems",
}
__all__ = ["__version__", *_HOME]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'kpilab' has no attribute '{name}'")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
