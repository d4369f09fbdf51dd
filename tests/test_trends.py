"""The trend without season: recovered from simulated series whose parts are known."""

import numpy as np
import pytest

import kpilab as kl
from kpilab.scorecard.trends import local_level
from tests.small import SHOP, shops

MONTHS = 120
SEASON = np.tile(np.sin(2 * np.pi * np.arange(12) / 12), MONTHS // 12)


def simulated(seed):
    rng = np.random.default_rng(seed)
    level = 50 + np.cumsum(rng.normal(0, 0.5, MONTHS))
    return level, level + 5 * SEASON + rng.normal(0, 1, MONTHS)


def test_interval_covers_the_true_level_as_often_as_it_says():
    """Known truth: over 20 series × 120 months the 95 % interval holds the level in 90–99 % of months."""
    inside = []
    for seed in range(20):
        level, values = simulated(seed)
        found, std_error, _ = local_level(values, 12)
        inside.append(np.abs(found - level) <= 1.96 * std_error)
    assert 0.90 <= np.mean(inside) <= 0.99


def test_interval_is_as_wide_as_its_confidence_says(example_cascade, example_history):
    """Of a normal distribution: 1.959964 standard errors on either side for 95 %, 0.674490 for 50 %."""
    widths = []
    for confidence in (0.95, 0.5):
        last = (
            kl.kpi_trend(example_cascade, example_history, kpi="attendances", confidence=confidence)
            .tidy()
            .iloc[-1]
        )
        assert last["trend"] == pytest.approx((last["conf_low"] + last["conf_high"]) / 2)
        widths.append(last["conf_high"] - last["conf_low"])
    assert widths[0] / widths[1] == pytest.approx(1.959964 / 0.674490, rel=1e-6)


def test_season_is_found_and_sums_to_zero():
    _, values = simulated(1)
    values[30:34] = np.nan
    level, _, seasonal = local_level(values, 12)
    assert np.corrcoef(seasonal, SEASON)[0, 1] > 0.99
    assert seasonal[:12].sum() == pytest.approx(0, abs=1e-6)
    assert not np.isnan(level).any()


def test_missing_periods_stay_missing_in_actual(example_cascade, example_history):
    found = kl.kpi_trend(example_cascade, example_history, kpi="seen_within_4h", unit="S08000015")
    table = found.tidy()
    np.testing.assert_allclose(table["adjusted"], table["actual"] - table["seasonal"])
    assert (table["conf_low"] < table["trend"]).all()
    assert "without season" in found.text


def test_too_short_or_unknown_is_said(tmp_path, example_cascade, example_history):
    with pytest.raises(kl.InputError, match="has a value in 2 periods; a trend needs 12"):
        kl.kpi_trend(*shops(tmp_path), kpi="revenue")
    with pytest.raises(kl.InputError, match="unknown kpi 'seen'"):
        kl.kpi_trend(example_cascade, example_history, kpi="seen")
    with pytest.raises(kl.InputError, match="does not exist at 'A111H'; its levels: nation, board"):
        kl.kpi_trend(example_cascade, example_history, kpi="delayed_beds", unit="A111H")
    text = SHOP.replace("levels: [company, shop]", "levels: [company, shop, till]")
    text = text.replace("objectives:", "  - {unit: t, name: Till, level: till, parent: a}\nobjectives:", 1)
    text = text.replace("sum: revenue, better", "sum: revenue, levels: [company, shop], better")
    with pytest.raises(kl.InputError, match="'t'; its levels: company, shop"):
        kl.kpi_trend(*shops(tmp_path / "till", text), kpi="revenue", unit="t")
