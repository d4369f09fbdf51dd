"""What is weak in a pay plan: a finding per fault, in words that name no person and no amount."""

from collections.abc import Iterable, Iterator, Mapping

import pandas as pd

from kpilab.decisions.pay import PayResults, last_complete_year, simulate_pay
from kpilab.decisions.pay_forward import USUAL
from kpilab.model.cascade import Cascade
from kpilab.model.history import History
from kpilab.model.levers import Levers
from kpilab.model.pay_files import has_pay, read_pay
from kpilab.model.pay_plan import PayPlan, Plan
from kpilab.problems import Finding, InputError
from kpilab.scorecard.kpi_quality import TestedLink
from kpilab.scorecard.panels import measures_of
from kpilab.scorecard.rollup import last_complete_period, roll_up
from kpilab.show import count_of

FEWEST_MEASURES, MOST_MEASURES = 3, 5
LEAST_WEIGHT = 0.1
HIGH_CLIFF = 0.25
FAR_FROM_USUAL = 0.25


def findings(
    cascade: Cascade,
    history: History,
    links: Iterable[TestedLink] | None = None,
    suspected: Mapping[str, str] | None = None,
) -> list[Finding]:
    """List what is weak in the pay plan beside a cascade; nothing when there is none.

    Mistakes in `pay.yaml` become findings too, so that a check of the strategy never stops on it.

    Parameters
    ----------
    suspected : mapping of KPI to rule, optional
        KPIs with signs of gaming.
    """
    if not has_pay(cascade):
        return []
    try:
        pay = read_pay(cascade)
    except InputError as error:
        return [
            Finding("error", "pay_unreadable", p.where, p.message, "correct pay.yaml") for p in error.problems
        ]
    found = list(plan_findings(cascade, pay))
    try:
        results = simulate_pay(cascade, history, pay=pay, links=links, period=_period(cascade, history))
    except InputError as error:
        return found + [
            Finding("error", "pay_not_computable", p.where, p.message, "deliver it, or change the plan")
            for p in error.problems
        ]
    found += result_findings(results, suspected or {})
    return found + (list(_footing(results)) if links is not None else [])


def _period(cascade: Cascade, history: History) -> object:
    """Return the last complete year, or the last complete period of a history that holds no year."""
    try:
        return last_complete_year(cascade, history)
    except InputError:
        return last_complete_period(cascade, history)


def plan_findings(cascade: Cascade, pay: PayPlan) -> Iterator[Finding]:
    """List what is weak in the plans themselves, whatever happened."""
    for position, plan in enumerate(pay.plans):
        where = pay.where("plans", f"#{position}", "measures")
        yield from _numbers(plan, where)
        yield from _counted_twice(cascade, plan, where)
        yield from _without_influence(cascade, pay, plan, where)
        yield from _cliffs(pay, plan, where)


def result_findings(results: PayResults, suspected: Mapping[str, str]) -> Iterator[Finding]:
    """List what is weak in what the plans pay for, given history."""
    if not results.statements_:
        return
    paid = {(line.place.kpi, line.place.unit) for s in results.statements_ for line in s.lines}
    for kpi in dict.fromkeys(kpi for kpi, _ in sorted(paid)):
        if kpi in suspected:
            what = f"pay rests on '{kpi}', which shows a sign of gaming ({suspected[kpi]})"
            remedy = "look at how its values come about before it is paid for"
            yield Finding("warning", "pay_on_gamed_kpi", "pay.yaml", what, remedy)
    table = roll_up(results.cascade, results.history, period=results.span).table
    rows = table[[pair in paid for pair in zip(table["kpi"], table["unit"], strict=True)]]
    yield from _targets_and_reports(rows)
    yield from _replayed(results)


def _numbers(plan: Plan, where: str) -> Iterator[Finding]:
    n_measures = len(plan.measures)
    if not FEWEST_MEASURES <= n_measures <= MOST_MEASURES:
        what = f"a plan has {count_of(n_measures, 'measure')}; three to five are understood and felt"
        yield Finding("warning", "pay_number_of_measures", where, what, "split, merge or drop measures")
    for measure in plan.measures:
        weight = float(plan.weight_of(measure))
        if weight < LEAST_WEIGHT:
            what = f"'{measure.kpi}' weighs {100 * weight:.3g} % of a plan; under 10 % nobody feels it"
            yield Finding("warning", "pay_small_weight", where, what, "give it more weight, or drop it")


def _counted_twice(cascade: Cascade, plan: Plan, where: str) -> Iterator[Finding]:
    """Find a measure that is paid twice: the same KPI at the same units, or one thing under two names."""
    for i, one in enumerate(plan.measures):
        for two in plan.measures[i + 1 :]:
            same_place = (one.level, one.unit) == (two.level, two.unit)
            if one.kpi == two.kpi and same_place:
                what = f"a plan pays twice for '{one.kpi}' at the same unit"
                yield Finding("error", "pay_counted_twice", where, what, "merge the two measures")
            elif one.kpi != two.kpi and _core(cascade, one.kpi) & _core(cascade, two.kpi):
                shared = ", ".join(sorted(_core(cascade, one.kpi) & _core(cascade, two.kpi)))
                what = f"'{one.kpi}' and '{two.kpi}' in one plan both count {shared}: one measure under two names"
                yield Finding("warning", "pay_counted_twice", where, what, "keep one of them")


def _core(cascade: Cascade, kpi_id: str) -> set[str]:
    """Return what a KPI counts: its measures, without what they are divided or weighted by."""
    kpi = cascade.kpi(kpi_id)
    if kpi.ratio:
        return {kpi.ratio.of}
    return {kpi.mean.of} if kpi.mean else set(measures_of(cascade, kpi))


def _without_influence(cascade: Cascade, pay: PayPlan, plan: Plan, where: str) -> Iterator[Finding]:
    """Count the participants who neither own a KPI they are paid on nor hold a lever on it."""
    people = list(dict.fromkeys(each.person for each in pay.people if each.plan == plan.id))
    levers = Levers(cascade)
    for kpi_id in dict.fromkeys(measure.kpi for measure in plan.measures):
        kpi = cascade.kpi(kpi_id)
        without = [each for each in people if kpi.owner != each and not levers.of_owner(each, kpi)]
        if without:
            who = f"{len(without)} of {count_of(len(people), 'participant')}"
            what = f"{who} of a plan neither own '{kpi_id}' nor influence it by any process, action or arrow"
            yield Finding("warning", "pay_without_influence", where, what, "pay them on what they can move")


def _cliffs(pay: PayPlan, plan: Plan, where: str) -> Iterator[Finding]:
    for measure in {measure.kpi: measure for measure in plan.measures}.values():
        curve = pay.curve_of(plan, measure.curve)
        step = float(curve.threshold[1])
        if curve.shape == "stepped" or step >= 2 * HIGH_CLIFF:
            kind = "rises in steps" if curve.shape == "stepped" else f"jumps from 0 to {100 * step:.0f} %"
            what = f"the payout of '{measure.kpi}' {kind}: a small difference decides about much money"
            yield Finding(
                "note", "pay_cliff", where, what, "let it rise from a low threshold in a straight line"
            )


def _footing(results: PayResults) -> Iterator[Finding]:
    """Report the money that rests on ways that history contradicts or nobody tested."""
    table = results.anonymous()
    for footing, severity in (("contradicted", "error"), ("untested", "warning")):
        rows = table[table["footing"] == footing]
        for kpi, share in rows.groupby("kpi", sort=False)["share_of_target_pay"].sum().items():
            path = rows.loc[rows["kpi"] == kpi, "path"].iloc[0]
            way = (
                f"the way {path} is {footing}"
                if path
                else "no arrow leads from it to the outcome of an objective"
            )
            what = f"{100 * share:.0f} % of the money at target rests on '{kpi}': {way}"
            remedy = "pay for the outcome instead, or find out whether it moves it"
            yield Finding(severity, f"pay_on_{footing}", "pay.yaml", what, remedy)  # type: ignore[arg-type]


def _targets_and_reports(rows: pd.DataFrame) -> Iterator[Finding]:
    eased = rows[rows["target_change"] == "eased"]
    for kpi, found in eased.groupby("kpi", sort=False):
        what = (
            f"the target of '{kpi}' was eased within the year before payout at {count_of(len(found), 'unit')}"
        )
        remedy = "pay against the target that was in force when the period began"
        yield Finding("warning", "pay_target_eased", "pay.yaml", what, remedy)
    incomplete = rows[rows["status"] == "incomplete"]
    for kpi, found in incomplete.groupby("kpi", sort=False):
        what = f"'{kpi}' is paid on incomplete reports at {count_of(len(found), 'unit')}"
        yield Finding("warning", "pay_on_incomplete", "pay.yaml", what, "wait for the missing reports")


def _replayed(results: PayResults) -> Iterator[Finding]:
    """Report a plan that would have paid much more often, or much less, than usual plans do."""
    for row in results.replay_summary().to_dict("records"):
        if row["n_years"] < 3 or abs(row["reached"] - USUAL[row["mark"]]) < FAR_FROM_USUAL:
            continue
        seldom = row["reached"] < row["usual"]
        what = (
            f"over {row['n_years']} past years the {row['mark']} would have been reached for "
            f"{100 * row['reached']:.0f} % of the money; usual is {100 * row['usual']:.0f} %"
        )
        remedy = "what is out of reach moves nobody" if seldom else "what is always reached is salary"
        yield Finding("note", "pay_marks_unusual", "pay.yaml", what, remedy)
