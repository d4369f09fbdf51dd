"""All correlations of within-unit changes at once, against numpy pair by pair."""

import numpy as np
import pytest

from kpilab.scorecard.redundancy import change_correlations


@pytest.fixture(scope="module")
def panels():
    draw = np.random.default_rng(21)
    first = draw.normal(0, 1, (60, 5)).cumsum(axis=0)
    second = 0.7 * first + draw.normal(0, 1, (60, 5)).cumsum(axis=0)
    same = 100 * first + np.arange(5) * 1e4
    holes = np.where(draw.random((60, 5)) < 0.1, np.nan, second)
    return np.stack([first, second, same, holes, np.ones((60, 5))])


def test_matches_numpy_pair_by_pair(panels):
    changes = np.diff(panels[[0, 3]], axis=1)
    changes = changes / np.sqrt(np.nanmean(changes**2, axis=1))[:, None, :]
    both = ~np.isnan(changes).any(axis=0)
    expected = np.corrcoef(changes[0][both], changes[1][both])[0, 1]
    correlation, n_common = change_correlations(panels)
    assert correlation[0, 3] == pytest.approx(expected, abs=1e-12)
    assert n_common[0, 3] == both.sum()


def test_a_kpi_in_another_unit_of_measure_is_the_same_kpi(panels):
    correlation, _ = change_correlations(panels)
    assert correlation[0, 2] == pytest.approx(1, abs=1e-9)
    np.testing.assert_allclose(correlation, correlation.T)


def test_what_never_changes_or_is_hardly_known_has_no_correlation(panels):
    assert np.isnan(change_correlations(panels)[0][4]).all()
    assert np.isnan(change_correlations(panels[:, :5, :5])[0]).all()  # 20 common changes, 24 needed
