"""Ten thousand people paid, their pay drawn two thousand times; a thousand cards."""

import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

import kpilab as kl
from kpilab.delivery.cards import CardMaker
from kpilab.scorecard.rollup import scorecard_span

PEOPLE, TEAMS, DRAWS, CARDS = 10_000, 100, 2_000, 1_000
KPIS = [f"k{i}" for i in range(5)]


def write_company(folder: Path) -> Path:
    """Write a company of people in teams, each with five KPIs of their own, all paid by one plan."""
    rng = np.random.default_rng(0)
    people = [f"p{i}" for i in range(PEOPLE)]
    teams = [f"t{i}" for i in range(TEAMS)]
    units = [("all", "Company", "company", ""), *((team, team, "team", "all") for team in teams)]
    units += [(each, each, "person", teams[i % TEAMS]) for i, each in enumerate(people)]
    pd.DataFrame(units, columns=["unit", "name", "level", "parent"]).to_csv(folder / "units.csv", index=False)
    rows = pd.MultiIndex.from_product(
        [[f"2023-{m:02d}" for m in range(1, 13)], people], names=["period", "unit"]
    )
    history = pd.DataFrame({kpi: rng.uniform(80, 120, len(rows)) for kpi in KPIS}, index=rows)
    history.reset_index().to_csv(folder / "history.csv", index=False)
    targets = [{"kpi": kpi, "unit": each, "target": 100} for kpi in KPIS for each in people]
    pd.DataFrame(targets).to_csv(folder / "targets.csv", index=False)
    kpis = "".join(
        f"  - {{id: {kpi}, name: {kpi.upper()}, sum: {kpi}, better: higher, levels: person, factor: f, timing: "
        f"{'lagging' if kpi == 'k0' else 'leading'}}}\n"
        for kpi in KPIS
    )
    links = "".join(f'  - {{cause: {kpi}, effect: k0, sign: "+", at: person}}\n' for kpi in KPIS[1:])
    owners = "".join(f"  - {{id: {each}, name: Person {each}, unit: {each}}}\n" for each in people)
    (folder / "cascade.yaml").write_text(
        "cascade: Big\nfrequency: month\nlevels: [company, team, person]\nhistory: {path: history.csv}\n"
        "units: {path: units.csv}\ntargets: {path: targets.csv}\nobjectives: [{id: o, name: Grow}]\n"
        f"factors: [{{id: f, name: Sell, objective: o}}]\nkpis:\n{kpis}links:\n{links}owners:\n{owners}",
        encoding="utf-8",
    )
    measures = "".join(f"      - {{kpi: {kpi}, level: person, weight: 0.2}}\n" for kpi in KPIS)
    entries = "".join(f"  - {{person: {each}, plan: all, target_pay: 1000}}\n" for each in people)
    (folder / "pay.yaml").write_text(
        "pay: Big\ncurrency: EUR\ncurves:\n  - {id: c, threshold: [0.8, 0.5], target: [1, 1], maximum: [1.2, 2]}\n"
        f"plans:\n  - id: all\n    curve: c\n    measures:\n{measures}people:\n{entries}",
        encoding="utf-8",
    )
    return folder


def main() -> None:
    """Print what pay and cards take, after reading."""
    with tempfile.TemporaryDirectory() as place:
        folder = write_company(Path(place))
        cascade = kl.read_cascade(folder)
        history = kl.read_history(cascade)
        plan = kl.read_pay(cascade)
    start = time.perf_counter()
    paid = kl.simulate_pay(cascade, history, pay=plan, period="2023", years=0)
    stated = time.perf_counter() - start
    rng = np.random.default_rng(0)
    draws = {
        (kpi, unit.id): rng.normal(1200, 120, DRAWS).astype(np.float32)
        for kpi in KPIS
        for unit in cascade.units_at("person")
    }
    start = time.perf_counter()
    paid.forecast(draws)
    drawn = time.perf_counter() - start
    start = time.perf_counter()
    tested = kl.fit_links(cascade, history)
    fitted = time.perf_counter() - start
    maker = CardMaker(cascade, history, tested, scorecard_span(cascade, history, "2023-12"))
    for owner in cascade.owners[:CARDS]:
        maker.card(owner.id).page()
    carded = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"  statements of {PEOPLE:,} people with {len(KPIS)} measures   {stated:6.1f} s")
    print(f"  {DRAWS:,} draws of their pay                        {drawn:6.1f} s   (wanted: under 10 s)")
    print(f"  {len(tested)} links of {PEOPLE:,} people tested               {fitted:6.1f} s")
    print(f"  {CARDS:,} cards, the links included                 {carded:6.1f} s   (wanted: under 60 s)")
    print(f"  peak memory                                    {peak:6.2f} GB  (wanted: under 1.5 GB)")


if __name__ == "__main__":
    main()
