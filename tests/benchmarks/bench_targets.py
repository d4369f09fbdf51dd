"""How long `allocate_targets` takes with 5,000 children, beside the linear programme that HiGHS solves for it."""

import time

import numpy as np
import pandas as pd
from scipy.optimize import linprog

import kpilab as kl
from kpilab.model.cascade import Cascade

N_CHILDREN, N_GROUPS, N_PERIODS = 5000, 50, 60
LIMIT_SECONDS = 1.0


def large(n_groups: int):  # type: ignore[no-untyped-def]
    """Return a cascade of 5,000 shops, below one company directly or in groups, and its history."""
    groups = [
        {"unit": f"g{i}", "name": f"Group {i}", "level": "group", "parent": "all"} for i in range(n_groups)
    ]
    shops = [
        {"unit": f"s{i}", "name": f"Shop {i}", "level": "shop", "parent": f"g{i % n_groups}" if groups else "all"}
        for i in range(N_CHILDREN)
    ]  # fmt: skip
    cascade = Cascade.model_validate(
        {
            "cascade": "Many shops",
            "frequency": "month",
            "levels": ["company", *(["group"] if groups else []), "shop"],
            "history": {"path": "history.csv"},
            "units": [{"unit": "all", "name": "All", "level": "company"}, *groups, *shops],
            "kpis": [
                {"id": "paid", "name": "Paid", "ratio": {"of": "paid", "per": "bills"}, "better": "higher",
                 "unit_of_measure": "share"},
            ],
        }
    )  # fmt: skip
    rng = np.random.default_rng(0)
    bills = rng.integers(20, 500, (N_PERIODS, N_CHILDREN))
    share = np.clip(rng.uniform(0.5, 0.9, N_CHILDREN) + rng.normal(0, 0.05, bills.shape), 0, 1)
    frame = pd.DataFrame(
        {
            "period": np.repeat(
                pd.period_range("2019-01", periods=N_PERIODS, freq="M").astype(str), N_CHILDREN
            ),
            "unit": [f"s{i}" for i in range(N_CHILDREN)] * N_PERIODS,
            "paid": np.rint(bills * share).ravel(),
            "bills": bills.ravel(),
        }
    )
    return cascade, kl.read_history(cascade, frame)


def highs_alone(plan) -> float:  # type: ignore[no-untyped-def]
    """Return the seconds that HiGHS takes for the plain sum of stretches of the same children."""
    rows = plan.tidy()
    weight, actual = rows["weight"].to_numpy(), rows["actual"].to_numpy()
    spread = ((rows["target"] - rows["actual"]) / rows["stretch"]).fillna(1).abs().to_numpy()
    share = weight / weight.sum()
    begun = time.perf_counter()
    linprog(
        np.ones(len(rows)), A_eq=(share * spread)[None, :], b_eq=[plan.target - share @ actual],
        bounds=list(zip(np.zeros(len(rows)), (1 - actual) / spread, strict=True)), method="highs",
    )  # fmt: skip
    return time.perf_counter() - begun


def main() -> None:
    """Print seconds per method, two and three levels; more than a second with capability is a failure."""
    for n_groups in (0, N_GROUPS):
        cascade, history = large(n_groups)
        kl.allocate_targets(cascade, history, kpi="paid", target=0.72, period="2024-06")
        for method in ("capability", "proportional", "equal", "gap_to_best"):
            begun = time.perf_counter()
            plan = kl.allocate_targets(
                cascade, history, kpi="paid", target=0.72, period="2024-06", method=method
            )
            seconds = time.perf_counter() - begun
            residual = plan.residuals()["residual"].abs().max()
            print(
                f"{N_CHILDREN} children, {n_groups} groups, {method}: {seconds:.2f} s, residual {residual:.1e}"
            )
            if method == "capability" and seconds > LIMIT_SECONDS:
                raise SystemExit("slower than the limit of 1 s")
        if not n_groups:
            print(f"HiGHS alone, linear programme of the same size: {highs_alone(plan):.2f} s")


if __name__ == "__main__":
    main()
