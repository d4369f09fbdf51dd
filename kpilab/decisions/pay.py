"""What a period pays, whom, for what, and what the payout rests on: `kl.simulate_pay`.

Amounts and names are confidential: what a result shows by itself, and `anonymous`, speak of shares only;
`tidy`, `statements` and `of_owner` name persons and money and are for those who asked for them.
"""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cached_property

import numpy as np
import pandas as pd

from kpilab.decisions.footing import FOOTINGS, Basis, bases
from kpilab.decisions.incentives import incentives
from kpilab.decisions.pay_forecast import Draws, PayForecast, draws_over, period_ahead
from kpilab.decisions.pay_forward import (
    PEOPLE_AT_ONCE,
    THREADS,
    USUAL,
    marks_reached,
    past_spans,
    payouts,
    place_draws,
    place_years,
    total_pay,
)
from kpilab.decisions.scenario import Scenario
from kpilab.decisions.statements import PayLine, PayStatement, Place, Standings, statements
from kpilab.model.cascade import Cascade
from kpilab.model.history import History
from kpilab.model.pay_files import read_pay
from kpilab.model.pay_plan import PayPlan
from kpilab.model.periods import Span, period_text, year_to_date
from kpilab.problems import did_you_mean, one_problem
from kpilab.scorecard.in_force import TargetBook
from kpilab.scorecard.kpi_quality import TestedLink
from kpilab.scorecard.rollup import last_complete_period, roll_up, scorecard_span
from kpilab.show import Result, count_of

FEWEST_TOGETHER = 5
"""An average over fewer people is withheld: it would tell what a single one got."""
COLUMNS = [
    "person", "plan", "kpi", "unit", "level", "period", "weight", "actual", "target", "performance", "payout",
    "target_pay", "factor", "amount", "currency", "footing",
]  # fmt: skip
ANONYMOUS_COLUMNS = [
    "kpi", "level", "n_people", "share_of_target_pay", "share_of_payout", "mean_payout", "footing", "path",
    "objective",
]  # fmt: skip


@dataclass(frozen=True, eq=False)
class PayResults(Result):
    """Statements for a period, and what they rest on.

    `tidy()` has one row per person and measure: ``person, plan, kpi, unit, level, period, weight, actual,
    target, performance, payout, target_pay, factor, amount, currency, footing``; amounts are exact decimals,
    not rounded: a statement is rounded once, at its end (`statements()`).
    """

    cascade: Cascade
    history: History = field(repr=False)
    pay: PayPlan
    span: Span
    statements_: tuple[PayStatement, ...]
    basis: Mapping[str, Basis]
    standings: Standings = field(repr=False)
    years: int = 10

    @property
    def title(self) -> str:  # type: ignore[override]
        """Return the plan's name, that it is illustrative if it is, and the period."""
        label = " (illustrative: nobody is paid by it)" if self.pay.status == "illustrative" else ""
        return f"{self.cascade.name}: pay {self.span}{label}"

    def tidy(self) -> pd.DataFrame:
        """Return one row per person and measure, names and money included: confidential."""
        rows = [
            [s.participant.person, s.participant.plan, line.place.kpi, line.place.unit,
             self.cascade.unit(line.place.unit).level, str(self.span), line.weight, line.actual, line.target,
             line.performance, line.payout, s.target_pay, s.factor, line.amount, self.pay.currency,
             self.basis[line.place.kpi].footing]
            for s, line in self._lines()
        ]  # fmt: skip
        return pd.DataFrame(rows, columns=COLUMNS)

    def statements(self) -> pd.DataFrame:
        """Return one row per person: target pay for the time taken part, the rounded amount, and what cut it."""
        rows = [
            [s.participant.person, s.participant.plan, str(self.span), s.proration, s.target_pay,
             "; ".join(said for said, _ in s.factors), s.amount, self.pay.currency, self.pay.status]
            for s in self.statements_
        ]  # fmt: skip
        columns = [
            "person",
            "plan",
            "period",
            "proration",
            "target_pay",
            "factors",
            "amount",
            "currency",
            "status",
        ]
        return pd.DataFrame(rows, columns=columns)

    def glance(self) -> pd.DataFrame:
        """Return one row: how many people, the payout as a share of target pay, and what it rests on."""
        rests = self.rests_on().set_index("footing")["share_of_target_pay"]
        about: dict[str, object] = {
            "status": self.pay.status,
            "period": str(self.span),
            "n_people": len({s.participant.person for s in self.statements_}),
            "n_plans": len({s.participant.plan for s in self.statements_}),
            "payout": float(self.total / self.total_target) if self.total_target else float("nan"),
        }
        about |= {f"share_{footing}": float(rests[footing]) for footing in FOOTINGS}
        return pd.DataFrame([about])

    @property
    def total(self) -> Decimal:
        """Return what the period costs: the sum of the rounded statements."""
        return sum((s.amount for s in self.statements_), Decimal(0))

    @property
    def total_target(self) -> Decimal:
        """Return what it would cost if everybody were paid at target."""
        return sum((s.target_pay for s in self.statements_), Decimal(0))

    @property
    def text(self) -> str:
        """Return what the payout rests on, in shares; no name and no amount."""
        about = self.glance().iloc[0]
        if not self.statements_:
            return f"Nobody takes part in a plan in {self.span}."
        lines = []
        if self.pay.status == "illustrative":
            lines.append("This plan is illustrative: nobody is paid by it.")
        lines.append(
            f"{count_of(int(about['n_people']), 'person', 'people')} in {count_of(int(about['n_plans']), 'plan')}: "
            f"the period pays {100 * about['payout']:.1f} % of target pay."
        )
        said = {
            "arithmetic": "on outcomes themselves",
            "supported": "on KPIs whose way to an objective history supports",
            "inconclusive": "on ways of which history cannot tell",
            "untested": "on KPIs with no tested way to an objective",
            "contradicted": "on ways that history contradicts",
        }
        shares = [f"{100 * about[f'share_{f}']:.0f} % {said[f]}" for f in FOOTINGS if about[f"share_{f}"] > 0]
        lines.append(f"Of the money at target, {'; '.join(shares)}.")
        reached = self.replay_summary()
        if len(reached):
            lines.append(self._replay_sentence(reached))
        return "\n".join(lines)

    def shown(self) -> pd.DataFrame:
        """Return the anonymous table: nobody's name, no amount."""
        return self.anonymous()

    def anonymous(self) -> pd.DataFrame:
        """Return one row per KPI and level in shares of the whole.

        An average over fewer than five people is withheld (NaN).
        """
        lines = self.tidy()
        if lines.empty:
            return pd.DataFrame(columns=ANONYMOUS_COLUMNS)
        lines["money"] = [float(t * w) for t, w in zip(lines["target_pay"], lines["weight"], strict=True)]
        lines["paid"] = lines["amount"].map(float)
        groups = lines.groupby(["kpi", "level"], sort=False)
        found = groups.agg(
            n_people=("person", "nunique"), money=("money", "sum"), paid=("paid", "sum")
        ).reset_index()
        enough = found["n_people"] >= FEWEST_TOGETHER
        found["share_of_target_pay"] = found["money"] / found["money"].sum()
        total = found["paid"].sum()
        found["share_of_payout"] = (found["paid"] / total if total else np.nan) * np.where(enough, 1, np.nan)
        found["mean_payout"] = np.where(enough & (found["money"] > 0), found["paid"] / found["money"], np.nan)
        found["footing"] = [self.basis[kpi].footing for kpi in found["kpi"]]
        found["path"] = [" → ".join(self.basis[kpi].path) for kpi in found["kpi"]]
        found["objective"] = [self.basis[kpi].objective for kpi in found["kpi"]]
        return found[ANONYMOUS_COLUMNS]

    def of_owner(self, person: str) -> "PayResults":
        """Return the statements of one person.

        Raises
        ------
        InputError
            When this person takes part in no plan in the period.
        """
        own = tuple(s for s in self.statements_ if s.participant.person == person)
        if not own:
            known = [s.participant.person for s in self.statements_]
            hint = (
                did_you_mean(person, known)
                if self.cascade.named("owners", person) is None
                else "none is stated"
            )
            raise one_problem("owner", f"'{person}' takes part in no plan in {self.span}; {hint}")
        return replace(self, statements_=own)

    def with_plan(self, pay: PayPlan) -> "PayResults":
        """Return what another plan would have paid the same people for the same performances.

        Raises
        ------
        InputError
            As `simulate_pay`.
        """
        people = {statement.participant.person for statement in self.statements_}
        found = statements(self.cascade, pay, self.span, self.standings)
        return replace(self, pay=pay, statements_=tuple(s for s in found if s.participant.person in people))

    def rests_on(self) -> pd.DataFrame:
        """Return, per footing, the share of the money at target and of the payout that rides on it."""
        money: dict[str, Decimal] = dict.fromkeys(FOOTINGS, Decimal(0))
        paid: dict[str, Decimal] = dict.fromkeys(FOOTINGS, Decimal(0))
        for s, line in self._lines():
            footing = self.basis[line.place.kpi].footing
            money[footing] += s.target_pay * line.weight
            paid[footing] += line.amount
        columns = ["footing", "share_of_target_pay", "share_of_payout"]
        rows = [[f, _share(money[f], money), _share(paid[f], paid)] for f in FOOTINGS]
        return pd.DataFrame(rows, columns=columns)

    def by_objective(self) -> dict[str, float]:
        """Return the share of the money at target that reaches each objective, for `kl.check(…, pay=…)`."""
        money: dict[str, Decimal] = {}
        for s, line in self._lines():
            objective = self.basis[line.place.kpi].objective
            if objective:
                money[objective] = money.get(objective, Decimal(0)) + s.target_pay * line.weight
        total = sum(money.values(), Decimal(0))
        return {objective: float(each / total) for objective, each in money.items()} if total else {}

    def incentives(self) -> pd.DataFrame:
        """Return what one unit more of each KPI pays everybody together, where it stands: confidential.

        Columns ``kpi, unit, actual, payout, money_at_target, slope_down, slope_up`` (money per unit of the KPI,
        towards lower and higher values), ``kink`` (the two differ), ``next_cliff`` (the nearest value at which
        the payout jumps), ``jump`` (by how much money). Gates, modifiers and caps are held as they are.
        """
        return incentives(self.cascade, self.span, self.statements_)

    def replay(self) -> pd.DataFrame:
        """Return this plan, with today's people, on past years: one row per year.

        Columns ``period, n_measures, threshold, target, maximum`` (share of the money at target whose measure
        reached the mark), ``payout`` (as a share of target pay, before gates, modifiers and caps),
        ``n_current_targets`` (measures held against today's target, since none was in force then).
        """
        spans = past_spans(self.history, self.span, self.years)
        found = place_years(self.cascade, self.history, self._places, spans, self.span)
        reached = marks_reached(self._places, found.performance)
        paid = payouts(self._places, found.performance)
        known, weight = ~np.isnan(found.performance), self._money_at
        with np.errstate(invalid="ignore", divide="ignore"):
            whole = known @ weight
            shares = [(reached[:, :, k] & known) @ weight / whole for k in range(3)]
            payout = np.nan_to_num(paid) @ weight / whole
        return pd.DataFrame(
            {
                "period": [str(span) for span in spans],
                "n_measures": known.sum(axis=1),
                "threshold": shares[0],
                "target": shares[1],
                "maximum": shares[2],
                "payout": payout,
                "n_current_targets": (found.with_current_target & known).sum(axis=1),
            }
        )

    def replay_summary(self) -> pd.DataFrame:
        """Return how often the marks were reached over all replayed years, beside what is usual."""
        table = self.replay()
        table = table[table["n_measures"] > 0]
        if table.empty:
            return pd.DataFrame(columns=["mark", "reached", "usual", "n_years"])
        rows = [[mark, float(table[mark].mean()), usual, len(table)] for mark, usual in USUAL.items()]
        return pd.DataFrame(rows, columns=["mark", "reached", "usual", "n_years"])

    def forecast(self, draws: Draws | Scenario, *, span: Span | None = None) -> PayForecast:
        """Return what everybody together may be paid over draws of the KPIs: confidential.

        Parameters
        ----------
        draws : Scenario, or mapping of (kpi, unit) to ndarray, shape (n_draws,)
            A scenario pays the first period of the same length that ends ahead of history, what is known of it
            included, against the targets in force then. A mapping holds jointly drawn values; measures without
            draws count as they are now.
        span : Span, optional
            The period that a mapping is of; default: this one.

        Raises
        ------
        InputError
            When the scenario does not look far enough ahead, with the horizon that would.
        """
        span = span or self.span
        if isinstance(draws, Scenario):
            span = period_ahead(draws, self.span)
            draws = draws_over(self.cascade, self.history, draws, self._places, span)
        return PayForecast(
            self.cascade.name + (" (illustrative plan)" if self.pay.status == "illustrative" else ""),
            span,
            self._totals(draws, span),
            float(self.total_target),
            self.pay.currency,
            len({(place.kpi, place.unit) for place in self._places}),
            len({(place.kpi, place.unit) for place in self._places} & draws.keys()),
        )

    def _totals(self, draws: Draws, span: Span) -> np.ndarray:
        """Add up what all participants get in each draw, shape (n_draws,), people in blocks."""
        book = TargetBook(self.cascade)
        caps = {plan.id: float(plan.cap) for plan in self.pay.plans if plan.cap is not None}
        blocks = [
            self.statements_[start : start + PEOPLE_AT_ONCE]
            for start in range(0, len(self.statements_), PEOPLE_AT_ONCE)
        ]

        def paid_to(block: Sequence[PayStatement]) -> np.ndarray:
            places = tuple(dict.fromkeys(line.place for s in block for line in s.lines))
            performance = place_draws(book, places, draws, span)
            return total_pay(block, places, payouts(places, performance), caps)

        with ThreadPoolExecutor(THREADS) as pool:  # numpy computes outside Python's lock
            totals = pool.map(paid_to, blocks)
            return sum(totals, np.zeros(len(next(iter(draws.values()), ()))))

    def _lines(self) -> Iterable[tuple[PayStatement, PayLine]]:
        return ((s, line) for s in self.statements_ for line in s.lines)

    @cached_property
    def _places(self) -> tuple[Place, ...]:
        return tuple(dict.fromkeys(line.place for _, line in self._lines()))

    @cached_property
    def _money_at(self) -> np.ndarray:
        """Return the money at target that each place decides about, shape (n_places,)."""
        column = {place: i for i, place in enumerate(self._places)}
        money = np.zeros(len(column))
        for s, line in self._lines():
            money[column[line.place]] += float(s.target_pay * line.weight)
        return money

    def _replay_sentence(self, reached: pd.DataFrame) -> str:
        said = ", ".join(
            f"{mark} {100 * share:.0f} % (usual {100 * usual:.0f} %)"
            for mark, share, usual in zip(reached["mark"], reached["reached"], reached["usual"], strict=True)
        )
        years = count_of(int(reached["n_years"].iloc[0]), "past year")
        return f"On {years} of history this plan would have reached: {said}."


def simulate_pay(
    cascade: Cascade,
    history: History,
    *,
    pay: PayPlan | None = None,
    links: Iterable[TestedLink] | None = None,
    period: object = None,
    years: int = 10,
) -> PayResults:
    """Compute what a period pays, line by line, and what the payout rests on.

    Parameters
    ----------
    cascade : Cascade
    history : History
    pay : PayPlan, optional
        Default: `pay.yaml` beside the cascade.
    links : LinkResults, optional
        Tested links; without them every arrow is untested.
    period : str or Period, optional
        Default: the last complete year, from the cascade's `year_start`.
    years : int
        How many years back the plan is replayed on history.

    Returns
    -------
    PayResults

    Raises
    ------
    InputError
        When pay.yaml has mistakes, or for every measure that cannot be paid: no unit, value or target, a
        negative attainment.
    """
    plan = pay if pay is not None else read_pay(cascade)
    span = (
        last_complete_year(cascade, history) if period is None else scorecard_span(cascade, history, period)
    )
    standings = Standings(roll_up(cascade, history, period=span).table)
    found = statements(cascade, plan, span, standings)
    return PayResults(cascade, history, plan, span, found, bases(cascade, links), standings, years)


def last_complete_year(cascade: Cascade, history: History) -> Span:
    """Return the last year, from the cascade's `year_start`, that lies within complete history."""
    last = last_complete_period(cascade, history)
    year = year_to_date(last, cascade.year_start)
    following = year_to_date(last + 1, cascade.year_start)
    if following.start == last + 1:
        return year
    before = year.start - 1
    span = year_to_date(before, cascade.year_start)
    if history.position(span.start) < 0:
        said = f"history, from {period_text(history.periods[0])}, holds no complete year; name a period"
        raise one_problem("period", said)
    return span


def _share(part: Decimal, whole: Mapping[str, Decimal]) -> float:
    total = sum(whole.values(), Decimal(0))
    return float(part / total) if total else float("nan")
