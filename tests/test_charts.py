"""Charts: the same bytes every time, names shown as text, what is drawn is what the table says."""

import pandas as pd
import pytest

from kpilab.delivery.charts import forest_chart, profile_chart, scatter_chart, status_grid, trend_chart

PERIODS = pd.period_range("2023-01", periods=4, freq="M")
LINKS = pd.DataFrame(
    {
        "cause": ["a", "b"],
        "effect": ["b", "c"],
        "estimate": [0.5, float("nan")],
        "conf_low": [0.2, float("nan")],
        "conf_high": [0.9, float("nan")],
        "min_effect": [0.1, float("nan")],
        "detectable_effect": [0.3, float("nan")],
        "verdict": ["supported", "untestable"],
    }
)
STATUS = pd.DataFrame(
    {"unit": ["u", "u", "v"], "kpi": ["k", "l", "k"], "status": ["met", "missed", "no data"]}
)
PROFILE = pd.DataFrame(
    {name: [0.1, 0.3] for name in ("estimate", "conf_low", "conf_high", "band_low", "band_high")}
    | {"horizon": [0, 1]}
)


def every_chart(name="Name"):
    values = pd.DataFrame({name: [1.0, 2, 3, 4]}, index=PERIODS)
    return [
        trend_chart(values, pd.Series([2.0] * 4, index=PERIODS), name),
        forest_chart(LINKS, {"a": name}),
        profile_chart(PROFILE, "month", (0, 1)),
        scatter_chart(pd.Series([1.0, 2]), pd.Series([1.0, 3]), 2.0, name, name),
        status_grid(STATUS, {"u": name}),
    ]


def test_same_data_give_the_same_bytes():
    assert [chart.svg for chart in every_chart()] == [chart.svg for chart in every_chart()]


@pytest.mark.parametrize(
    "name", ["$x_1^2$ costs $5", "<img src=x onerror=alert(1)>", "</svg><script>alert(1)</script>"]
)
def test_hostile_names_are_text(name):
    for chart in every_chart(name):
        assert "<img" not in chart.svg
        assert "<script" not in chart.svg


def test_forest_leaves_out_what_was_not_estimated():
    assert "supported" in forest_chart(LINKS).svg
    assert "untestable" not in forest_chart(LINKS).svg


def test_forest_names_both_ends_and_says_when_nothing_was_estimated():
    name = "Planned operations cancelled for want of capacity"
    svg = forest_chart(LINKS, {"a": name, "b": "A&E patients seen within four hours"}).svg
    assert name in svg
    assert "→ A&amp;E patients seen within four hours" in svg
    assert "No arrow has an estimate" in forest_chart(LINKS[1:]).svg


def test_status_is_told_by_a_sign_as_well_as_by_colour():
    svg = status_grid(STATUS).svg
    assert svg.count("✓") == 2  # the cell and the legend
    assert svg.count("✗") == 2


def test_chart_is_saved(tmp_path):
    assert every_chart()[0].save(tmp_path / "a.svg").read_text(encoding="utf-8").startswith("<svg")
