"""Pages about actions: pictures of what happened beside what would have, names as text, reports that hold them."""

import nbformat
import numpy as np
import pandas as pd
import pytest

import kpilab as kl
from kpilab.delivery import action_pages
from kpilab.delivery.charts import before_after_chart, event_study_chart
from tests.test_actions import action, moved, panel, with_actions

HOSTILE = "<script>alert(1)</script> $x$"


@pytest.fixture(scope="module")
def example_actions(example_cascade, example_history):
    return kl.evaluate_actions(example_cascade, example_history)


def test_page_of_an_action_shows_verdict_pictures_and_checks(example_actions):
    body = kl.action_page(example_actions, example_actions[("lothian_recording", "seen_within_4h")]).body
    assert "ruler changed" in body
    assert body.count("<svg") == 2
    for said in (
        "what happened",
        "without the action",
        "2017-10",
        "lead placebo",
        "weighted mean of 13 others",
    ):
        assert said in body


def test_page_of_an_untestable_action_says_why_without_a_picture(example_actions):
    result = example_actions[("queen_elizabeth", "admitted")]
    body = kl.action_page(example_actions, result).body
    assert "<svg" not in body
    assert "Cannot be tested" in body


def test_a_unit_sees_the_actions_that_reach_it(example_actions):
    body = action_pages.unit_actions(example_actions, "S08000024").body
    assert "Lothian&#x27;s four-hour recording" in body
    assert "pathfinder" not in body.split("cannot be told from")[0]
    assert body.count("<svg") == 1
    nothing = type(example_actions)(example_actions.cascade, ())
    assert "No action reaches this unit" in action_pages.unit_actions(nothing, "S08000024").body


def test_names_are_text(tmp_path):
    cascade, history = with_actions(tmp_path, {"y": moved(panel(30), [0], 0.1)}, [action([0])])
    named = [entry.model_copy(update={"name": HOSTILE}) for entry in cascade.actions]
    kpis = [entry.model_copy(update={"name": HOSTILE}) for entry in cascade.kpis]
    actions = kl.evaluate_actions(cascade.replace(actions=tuple(named), kpis=tuple(kpis)), history)
    for body in (kl.action_page(actions, actions[0]).body, action_pages.unit_actions(actions, "u0").body):
        assert "<script>" not in body


def test_charts_give_the_same_bytes_and_hold_staggered_starts():
    frame = pd.DataFrame(
        {
            "since_start": np.arange(-3, 4),
            "period": "",
            "actual": np.arange(7.0),
            "counterfactual": np.zeros(7),
            "conf_low": -np.ones(7),
            "conf_high": np.ones(7),
        }
    )
    one, two = (before_after_chart(frame, "KPI", start="2020-01").svg for _ in range(2))
    assert one == two
    assert "periods since the start" in one
    study = frame.rename(columns={"actual": "effect"})
    drawn = event_study_chart(study, unit="percentage points", share=True, expected=0.03).svg
    assert "promised" in drawn
    assert "percentage points" in drawn


def test_choosing_an_action_shows_its_page(example_actions):
    chooser = kl.choose_action(example_actions)
    chooser.action.value = 5
    assert "ruler changed" in chooser.output.value


def test_unit_report_has_the_section(project_root):
    path = project_root / "notebooks" / "templates" / "unit.ipynb"
    sources = [cell.source for cell in nbformat.read(path, as_version=4).cells]
    assert any("action_pages.unit_actions" in source for source in sources)
