"""Why a KPI moved between two spans, or differs between two units: a change divided without remainder."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from kpilab.model.cascade import Cascade
from kpilab.model.history import History
from kpilab.model.nouns import Kpi
from kpilab.problems import Problem, did_you_mean, one_problem, stop_on
from kpilab.scorecard.causes import NOT_ASKED, FittedLink, causal_rows, explained_part
from kpilab.scorecard.contributions import is_simpsons_paradox
from kpilab.scorecard.ends import End, Ends
from kpilab.scorecard.panels import part_names
from kpilab.scorecard.partition import divide
from kpilab.scorecard.question import (
    level_problems,
    moved_reference,
    read_question,
    shifts,
    unit_problems,
    why_no_value,
)
from kpilab.scorecard.wording import (
    OF_PARTS,
    causes_said,
    contributor,
    headline,
    part_name,
    row_sentences,
    unit_name,
)
from kpilab.show import Result, count_of, listed

COLUMNS = [
    "kpi", "unit", "part", "child", "name", "level", "effect", "start", "end", "weight_start", "weight_end",
    "missing_start", "missing_end", "contribution", "share_of_change",
]  # fmt: skip
STABILITY_COLUMNS = ["reference", "change", "top", "contribution", "same"]
SHOWN = ["name", "effect", "start", "end", "contribution", "share_of_change"]


@dataclass(frozen=True, eq=False)
class Explanation(Result):
    """A change divided among those who made it.

    `tidy()` has one row per unit (`child`), formula part and `effect`, and its `contribution` adds up to the
    `change` in `glance()`. Effects: ``level`` (the child's own change in a sum), ``rate`` and ``mix`` (its own
    ratio, its weight), ``entered``, ``left``, ``missing`` (should have reported at one end), ``own`` (reported
    by the unit itself, not by its children), ``no denominator``, ``binding`` and ``handover`` (minimum and
    maximum), ``part`` (of a formula), ``numerator`` and ``denominator`` (of a unit with nothing below it),
    ``here`` and ``there`` (children of two units that are compared).

    Attributes
    ----------
    kpi : Kpi
    ends : Ends
        Units and spans; of two units that are compared, the start is the one compared with.
    level : str or None
        At which the change was divided; None: directly below.
    start_value, end_value : float
    table : DataFrame
    references : tuple of Ends
        The start moved by one to three periods and by a year.
    stability : DataFrame
        For each of these references the change and the top contributor.
    links : tuple of FittedLink, or None
    """

    ends: Ends
    kpi: Kpi
    level: str | None
    start_value: float
    end_value: float
    table: pd.DataFrame
    references: tuple[Ends, ...]
    stability: pd.DataFrame
    links: tuple[FittedLink, ...] | None = None

    @property
    def cascade(self) -> Cascade:
        """Return the cascade."""
        return self.ends.cascade

    @property
    def title(self) -> str:  # type: ignore[override]
        """Return the unit, the KPI and what is compared."""
        start, end = self.ends.both
        asked = f"against {unit_name(self.cascade, start)}" if self.compares_units else f"since {start.span}"
        return f"{unit_name(self.cascade, end)}: {self.kpi.name}, {end.span} {asked}"

    @property
    def compares_units(self) -> bool:
        """Tell whether two units are compared rather than two spans."""
        return self.ends.start.units != self.ends.end.units

    @property
    def change(self) -> float:
        """Return end minus start."""
        return self.end_value - self.start_value

    @property
    def simpsons_paradox(self) -> bool:
        """Tell whether the ratios of all children moved one way and the whole moved the other way."""
        rates = self.table[self.table["effect"] == "rate"]
        if self.kpi.formula is not None:
            return False
        return is_simpsons_paradox((rates["end"] - rates["start"]).to_numpy(), self.change)

    @property
    def top(self) -> str:
        """Return the name of the unit or part that contributed most in the direction of the change."""
        return _top(self.ends, self.table, self.change)[0]

    @property
    def unstable(self) -> bool:
        """Tell whether another reference names another top contributor."""
        return not bool(self.stability["same"].all())

    def tidy(self) -> pd.DataFrame:
        """Return one row per unit, part and effect; the contributions add up to the change."""
        return self.table.copy()

    def glance(self) -> pd.DataFrame:
        """Return one row: the two values, the change, what is left over, and how far to trust the top."""
        start, end = self.ends.both
        top, contribution = _top(self.ends, self.table, self.change)
        whole = {
            "kpi": self.kpi.id,
            "unit": end.label,
            "against": start.label if self.compares_units else "",
            "level": self.level or "",
            "start": str(start.span),
            "end": str(end.span),
            "start_value": self.start_value,
            "end_value": self.end_value,
            "change": self.change,
            "residual": self.change - float(self.table["contribution"].sum()),
            "n_rows": len(self.table),
            "simpsons_paradox": self.simpsons_paradox,
            "top": top,
            "top_contribution": contribution,
            "unstable": self.unstable,
            "n_references": len(self.stability),
            "missing_start": int(self.ends.missing(self.kpi, start, start.units).sum()),
            "missing_end": int(self.ends.missing(self.kpi, end, end.units).sum()),
        }
        whole |= explained_part(self._causes) if self._has_causes else NOT_ASKED
        return pd.DataFrame({name: [value] for name, value in whole.items()})

    @property
    def text(self) -> str:
        """Return what changed, one sentence per big contributor, and what to be careful about."""
        start, end = self.ends.both
        values = (self.start_value, self.end_value)
        names = (unit_name(self.cascade, end), unit_name(self.cascade, start))
        said = [headline(self.cascade, self.kpi, start, end, values)]
        said += row_sentences(self.cascade, self.kpi, self.table, self.change, names)
        said += [self._undivided_said()] if self._undivided else []
        said += [self._paradox_said()] if self.simpsons_paradox else []
        said += [self._stability_said()] if len(self.stability) and self.change else []
        said += [causes_said(self.cascade, self.kpi, self._causes, self.change)] if self._has_causes else []
        said += self._missing_said()
        return "\n".join(said)

    def shown(self) -> pd.DataFrame:
        """Return the contributions, largest first."""
        order = self.table["contribution"].abs().sort_values(ascending=False, kind="stable").index
        return self.table.loc[order, SHOWN].reset_index(drop=True)

    def at(self, level: str) -> "Explanation":
        """Divide the same change among the units of a deeper level.

        Raises
        ------
        InputError
            When the cascade has no such level below, or the KPI does not exist there.
        """
        stop_on(level_problems(self.cascade, self.kpi, self.ends, level))
        return _explained(self.ends, self.kpi, level, self.links)

    def of_unit(self, unit: str) -> "Explanation":
        """Explain the change of the same KPI at another unit, for instance a child that stands out.

        Raises
        ------
        InputError
            When the unit is unknown or has no value at one of the two ends.
        """
        start, end = self.ends.both
        stop_on(unit_problems(self.cascade, self.kpi, "unit", unit))
        ends = self.ends.between(End(start.span, (unit,)), End(end.span, (unit,)))
        return _explained(ends, self.kpi, None, self.links)

    def of_part(self, part: str) -> "Explanation":
        """Explain the change of one part of a formula KPI, in its own unit of measure.

        Raises
        ------
        InputError
            When the formula has no such part.
        """
        names = part_names(self.kpi) if self.kpi.formula else ()
        if part not in names:
            raise one_problem("part", f"'{self.kpi.id}' has no part '{part}'; {did_you_mean(part, names)}")
        return _explained(self.ends, self.ends.parts(self.kpi)[part], None, self.links)

    def causes(self) -> pd.DataFrame:
        """Return what the links into the KPI account for, and the rest as *unexplained*.

        Returns
        -------
        DataFrame
            Columns ``cause, level, verdict, cause_start, cause_end, estimate, implied, contribution, conf_low,
            conf_high, share_of_change, n_units, reason, unstable``. Contributions of supported links and the row
            ``unexplained`` add up to the change; other links are shown with what their estimate would imply.

        Raises
        ------
        InputError
            When no links were given, or two units are compared.
        """
        if self.links is None:
            raise one_problem(
                "links", "are needed for causes: explain(…, links=kl.fit_links(cascade, history))"
            )
        return self._causes.copy()

    @cached_property
    def _causes(self) -> pd.DataFrame:
        return causal_rows(self.ends, self.kpi, self.links or (), self.references)

    @property
    def _has_causes(self) -> bool:
        return self.links is not None and not self.compares_units

    @property
    def _undivided(self) -> bool:
        units = {unit for end in self.ends.both for unit in end.units}
        one_each = all(len(end.units) == 1 for end in self.ends.both)
        below = one_each and any(self.cascade.children(unit) for unit in units)
        return below and self.kpi.formula is None and set(self.table["child"]) <= units

    def _undivided_said(self) -> str:
        return (
            "Not divided among the units below: at one of the two ends none of them has a value of its own."
        )

    def _paradox_said(self) -> str:
        way, other = ("rose", "fell") if self.change < 0 else ("fell", "rose")
        return (
            f"Simpson's paradox: every unit that is there at both ends {way} or stood still, and yet the whole "
            f"{other}: what moved it is where the weight went."
        )

    def _stability_said(self) -> str:
        others = self.stability[~self.stability["same"]]
        tried = listed([str(each) for each in self.stability["reference"]])
        if others.empty:
            return f"The largest contributor, {self.top}, is the same with {tried} as reference."
        named = [
            f"{top} with {listed([str(reference) for reference in rows['reference']])}"
            for top, rows in others.groupby("top", sort=False)
        ]
        return f"Unstable: with another reference {self.top} is not the largest contributor; it is {listed(named)}."

    def _missing_said(self) -> list[str]:
        about = self.glance().iloc[0]
        late = [(about["missing_start"], self.ends.start.span), (about["missing_end"], self.ends.end.span)]
        return [
            f"{count_of(n, 'expected report')} missing in {span}; see the columns missing_start and missing_end."
            for n, span in late
            if n
        ]


def explain(
    cascade: Cascade,
    history: History,
    *,
    kpi: str,
    start: object = None,
    end: object = None,
    unit: str | None = None,
    against: str | None = None,
    level: str | None = None,
    links: Iterable[FittedLink] | None = None,
) -> Explanation:
    """Explain why a KPI moved between two spans, or why two units differ, without remainder.

    Sums are divided among their children, ratios and weighted means into a rate and a mix effect of every child
    (Kitagawa 1955; Griliches & Regev 1995), formulas among their parts (Shapley 1953), minima and maxima
    between the children that bind.

    Parameters
    ----------
    cascade : Cascade
    history : History
    kpi : str
    start, end : str or Period, optional
        Periods or spans (``2012-04..2013-03``). Default: the last complete period, and the same a year before.
    unit : str, optional
        Default: the highest unit, or all units of the highest level, that have the KPI.
    against : str, optional
        Another unit to compare `unit` with, in the span `end`; `start` is then not given, or the same.
    level : str, optional
        Divide among the units of this level; default: directly below. See also `Explanation.at`.
    links : LinkResults, optional
        The result of `kl.fit_links`, for `Explanation.causes`.

    Returns
    -------
    Explanation

    Raises
    ------
    InputError
        For an unknown KPI, unit or level, spans outside history or in the wrong order, and where the KPI has no
        value at one of the two ends, with the reason.
    """
    chosen, ends = read_question(cascade, history, kpi=kpi, start=start, end=end, unit=unit, against=against)
    if level is not None:
        stop_on(level_problems(cascade, chosen, ends, level))
    return _explained(ends, chosen, level, None if links is None else tuple(links))


def _explained(ends: Ends, kpi: Kpi, level: str | None, links: tuple[FittedLink, ...] | None) -> Explanation:
    values = [ends.value(kpi, end) for end in ends.both]
    stop_on(
        Problem(name, why_no_value(ends, kpi, end))
        for name, value, end in zip(("start", "end"), values, ends.both, strict=True)
        if np.isnan(value)
    )
    table = _named(ends, kpi, _closed(divide(ends, kpi, level), values[1] - values[0]))
    table["share_of_change"] = _shares(table["contribution"].to_numpy(), values[1] - values[0])
    moved = [moved_reference(ends, kpi, shift) for shift in shifts(ends.cascade)]
    references = tuple(each for each in moved if each is not None)
    stability = _stability(references, kpi, level, _top(ends, table, values[1] - values[0])[0])
    return Explanation(ends, kpi, level, values[0], values[1], table[COLUMNS], references, stability, links)


def _closed(table: pd.DataFrame, change: float) -> pd.DataFrame:
    """Put what floating point has rounded away on the largest row, so that the column adds up."""
    if table.empty:
        return table
    rows = table["contribution"].to_numpy().copy()
    scale = np.abs(rows).sum() + abs(change)
    rest = change - rows.sum()
    if abs(rest) <= 1e-9 * scale:
        rows[np.abs(rows).argmax()] += rest
    return table.assign(contribution=rows)


def _named(ends: Ends, kpi: Kpi, table: pd.DataFrame) -> pd.DataFrame:
    cascade, whole = ends.cascade, unit_name(ends.cascade, ends.end)
    units = [cascade.named("units", child) for child in table["child"].tolist()]
    parts = {part: part_name(cascade, part) for part in set(table["part"])}
    of_part = table["effect"].isin(OF_PARTS)
    return table.assign(
        kpi=kpi.id,
        unit=ends.end.label,
        name=np.where(of_part, table["part"].map(parts), [unit.name if unit else whole for unit in units]),
        level=[unit.level if unit else "" for unit in units],
    )


def _shares(contribution: np.ndarray, change: float) -> np.ndarray:
    return contribution / change if change else np.full(len(contribution), np.nan)


def _top(ends: Ends, table: pd.DataFrame, change: float) -> tuple[str, float]:
    """Return the unit or part whose rows together contributed most in the direction of the change."""
    codes, _ = pd.factorize(table["part"] + "|" + table["child"])
    totals = np.bincount(codes, weights=table["contribution"])
    if not len(totals):
        return "", float("nan")
    first = int((totals * np.sign(change) if change else np.abs(totals)).argmax())
    row = table.iloc[int((codes == first).argmax())]
    found = ends.cascade.named("units", row["child"])
    name = found.name if found else unit_name(ends.cascade, ends.end)
    return contributor(ends.cascade, row["part"], name, row["effect"]), float(totals[first])


def _stability(references: tuple[Ends, ...], kpi: Kpi, level: str | None, own: str) -> pd.DataFrame:
    """Explain again from every other reference, and see whether the top contributor stays the same."""
    rows = []
    for moved in references:
        change = moved.value(kpi, moved.end) - moved.value(kpi, moved.start)
        top, contribution = _top(moved, divide(moved, kpi, level), change)
        rows.append((str(moved.start.span), change, top, contribution, top == own))
    return pd.DataFrame(rows, columns=STABILITY_COLUMNS).astype({"same": bool})
