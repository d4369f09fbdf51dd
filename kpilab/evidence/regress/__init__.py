"""Regressions that test links: arrays in, frozen results out, every number checked against R or statsmodels.

No domain word enters here. `linear` holds the shared least squares, `windows` the lag equations, `panels`
and `wild` the panel estimators, `inference` what follows from an estimate, `breaks` the break test and
`screening` all pairs at once.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .breaks import SupF, sup_f
from .inference import (
    FishersC,
    benjamini_hochberg,
    detectable_effect,
    e_value,
    fishers_c,
    robustness_value,
    tost,
)
from .linear import Estimate, Estimates, Fit, NotEstimable, ols
from .screening import Screen, screen
from .windows import (
    Design,
    JointTest,
    Profile,
    joint_lags,
    link_design,
    link_equation,
    lp_design,
    lp_profile,
    lp_window,
)

__all__ = [
    "Design",
    "Estimate",
    "Estimates",
    "FishersC",
    "Fit",
    "JointTest",
    "NotEstimable",
    "Profile",
    "Screen",
    "SupF",
    "benjamini_hochberg",
    "detectable_effect",
    "e_value",
    "fishers_c",
    "joint_lags",
    "link_design",
    "link_equation",
    "lp_design",
    "lp_profile",
    "lp_window",
    "ols",
    "panel",
    "robustness_value",
    "screen",
    "sup_f",
    "tost",
    "wild_cluster",
]

if TYPE_CHECKING:
    from .panels import panel
    from .wild import wild_cluster

_LATER = {"panel": "panels", "wild_cluster": "wild"}


def __getattr__(name: str) -> Any:
    """Load the panel estimators when they are first asked for."""
    if name in _LATER:
        return getattr(import_module(f".{_LATER[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
