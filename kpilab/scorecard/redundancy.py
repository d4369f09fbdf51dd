"""Which KPIs say the same: correlations of within-unit changes, for all pairs at once. Arrays in, arrays out."""

import numpy as np

LEAST_PAIRS = 24


def change_correlations(panels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Correlate the within-unit changes of every pair of KPIs over the cells that both have.

    Parameters
    ----------
    panels : ndarray, shape (K, T, U)
        KPIs × periods × units; NaN where nothing is known.

    Returns
    -------
    correlation : ndarray, shape (K, K)
        −1 to 1; NaN where fewer than 24 common changes are known or one of the two never changes.
    n_common : ndarray of int, shape (K, K)
        Number of common changes.

    Notes
    -----
    Changes are divided by the unit's own standard deviation, so that large units do not decide alone. The
    sums of all pairs are five matrix products.
    """
    changes = _scaled(np.diff(panels, axis=1))
    flat = changes.reshape(len(panels), -1)
    known = (~np.isnan(flat)).astype(float)
    value = np.nan_to_num(flat, nan=0.0)
    n_common = known @ known.T
    sums, products, squares = value @ known.T, value @ value.T, (value**2) @ known.T
    with np.errstate(invalid="ignore", divide="ignore"):
        covariance = products - sums * sums.T / n_common
        spread = squares - sums**2 / n_common
        # 1e-12: what rounding leaves of a spread that is none
        flat_one = (spread <= 1e-12 * np.maximum(squares, 1)) | (n_common < LEAST_PAIRS)
        correlation = covariance / np.sqrt(spread * spread.T)
    blank = flat_one | flat_one.T
    return np.where(blank, np.nan, np.clip(correlation, -1, 1)), n_common.astype(int)


def _scaled(changes: np.ndarray) -> np.ndarray:
    """Divide each unit's changes, shape (K, T, U), by their root mean square; what never moves is left out."""
    known = ~np.isnan(changes)
    count = known.sum(axis=1)
    square = np.where(known, changes, 0.0) ** 2
    with np.errstate(invalid="ignore", divide="ignore"):
        size = np.sqrt(square.sum(axis=1) / count)
        return np.where(size[:, None, :] > 0, changes / size[:, None, :], np.nan)
