"""Regressions that test links: arrays in, frozen results out, every number checked against R or statsmodels.

No domain word enters here. `did`, `synthetic_did`, `synthetic_cohorts` and `structural` estimate interventions.
`linear` holds the shared least squares, `windows` the lag equations, `profiles` their responses over time, `panels`
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
from .profiles import Profile, lp_profile
from .screening import Screen, screen
from .synthetic_cohorts import Cohorts, synthetic_cohorts
from .synthetic_did import SyntheticDid, synthetic_did
from .windows import (
    Design,
    JointTest,
    joint_lags,
    link_design,
    link_equation,
    lp_design,
    lp_window,
)

__all__ = [
    "Cohorts",
    "Design",
    "Estimate",
    "Estimates",
    "FishersC",
    "Fit",
    "GroupTime",
    "Intervention",
    "JointTest",
    "NotEstimable",
    "Profile",
    "Screen",
    "SupF",
    "SyntheticDid",
    "att_gt",
    "benjamini_hochberg",
    "detectable_effect",
    "e_value",
    "fishers_c",
    "intervention",
    "joint_lags",
    "link_design",
    "link_equation",
    "lp_design",
    "lp_profile",
    "lp_window",
    "ols",
    "panel",
    "placebo_steps",
    "robustness_value",
    "screen",
    "sup_f",
    "synthetic_cohorts",
    "synthetic_did",
    "tost",
    "wild_cluster",
]

if TYPE_CHECKING:
    from .did import GroupTime, att_gt
    from .panels import panel
    from .structural import Intervention, intervention, placebo_steps
    from .wild import wild_cluster

_LATER = {
    "GroupTime": "did",
    "Intervention": "structural",
    "att_gt": "did",
    "intervention": "structural",
    "panel": "panels",
    "placebo_steps": "structural",
    "wild_cluster": "wild",
}


def __getattr__(name: str) -> Any:
    """Load the panel estimators and the effects of interventions when they are first asked for."""
    if name in _LATER:
        return getattr(import_module(f".{_LATER[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
