"""The sentences that say why a link got its verdict speak in the units of its KPIs."""

from types import SimpleNamespace

from kpilab.evidence.verdicts import reason
from kpilab.model.nouns import Kpi

FIT = SimpleNamespace(estimate=0.5, conf_low=0.25, conf_high=0.75)
TIME = Kpi(id="wait", name="Waiting time", last="wait", unit_of_measure="min")


def said(q_value, **effect):
    share = Kpi(id="left", name="Left", last="left", unit_of_measure="share", **effect)
    return reason("right sign", TIME, share, FIT, q_value, 0.1, 0.1, (), "")


def test_share_moves_by_percentage_points():
    assert said(0.02) == (
        "+1 min in 'Waiting time' goes with +50 percentage points in 'Left' "
        "(95 % interval +25 to +75 percentage points; q = 0.02)."
    )


def test_effect_on_the_logit_scale_is_not_called_a_share():
    assert "goes with +0.5 logits in 'Left' (95 % interval +0.25 to +0.75 logits" in said(
        0.02, transform="logit"
    )


def test_small_q_value_is_not_called_zero():
    assert "q < 0.001" in said(0.0)
    assert "q = 0.00123" in said(0.00123)
