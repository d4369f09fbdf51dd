"""Charts for notebooks and reports, as SVG: the only matplotlib import."""

from kpilab.delivery.charts.actions import before_after_chart, event_study_chart
from kpilab.delivery.charts.drawing import Chart
from kpilab.delivery.charts.links import forest_chart, profile_chart, scatter_chart
from kpilab.delivery.charts.scores import (
    STATUS_COLOURS,
    STATUS_SIGNS,
    status_grid,
    trend_chart,
    waterfall_chart,
)

__all__ = [
    "STATUS_COLOURS",
    "STATUS_SIGNS",
    "Chart",
    "before_after_chart",
    "event_study_chart",
    "forest_chart",
    "profile_chart",
    "scatter_chart",
    "status_grid",
    "trend_chart",
    "waterfall_chart",
]
