"""A change divided among units and parts: the rows of an explanation, which add up to the change."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from kpilab.model.nouns import Kpi
from kpilab.problems import one_problem
from kpilab.scorecard.contributions import (
    Sums,
    extreme_contributions,
    quotient_contributions,
    rate_and_mix,
    sum_contributions,
)
from kpilab.scorecard.ends import Ends
from kpilab.scorecard.panels import part_names
from kpilab.scorecard.shapley import formula_shares

ROW_COLUMNS = [
    "part", "child", "effect", "start", "end", "weight_start", "weight_end", "missing_start", "missing_end",
    "contribution",
]  # fmt: skip


@dataclass(frozen=True)
class Members:
    """What the sums of a KPI are made of at both ends.

    Attributes
    ----------
    children : tuple of str, length C
    holders : tuple of str, length H
        Units between the whole and these children, the whole included.
    start, end : Sums, shape (C + H,)
        Of the children, then what the holders report beyond theirs; NaN where nothing is known.
    missing_start, missing_end : ndarray of int, shape (C + H,)
        Reports that should have come and did not.
    """

    children: tuple[str, ...]
    holders: tuple[str, ...]
    start: Sums
    end: Sums
    missing_start: np.ndarray
    missing_end: np.ndarray

    @property
    def names(self) -> np.ndarray:
        """Return the ids of children and holders, shape (C + H,)."""
        return np.array([*self.children, *self.holders], dtype=object)

    @property
    def is_child(self) -> np.ndarray:
        """Tell children from holders, shape (C + H,)."""
        return np.arange(len(self.children) + len(self.holders)) < len(self.children)


def divide(ends: Ends, kpi: Kpi, level: str | None) -> pd.DataFrame:
    """Divide the change of a KPI; the contributions add up to it.

    Parameters
    ----------
    ends : Ends
    kpi : Kpi
    level : str or None
        Divide among the units of this level; None: among the units directly below, or the parts of a formula.

    Returns
    -------
    DataFrame
        One row per unit, part and effect with the columns of `ROW_COLUMNS`.

    Raises
    ------
    InputError
        When a formula cannot be divided.
    """
    shape = ends.shape(kpi)
    if shape == "formula":
        return _by_part(ends, kpi, level)
    members = members_of(ends, kpi, level)
    if shape == "own" or not _known_at_both(ends, members):
        return _by_itself(ends, kpi)
    by = {"sum": _by_addition, "ratio": _by_rate_and_mix, "extreme": _by_extreme}[shape]
    return by(ends, kpi, members)


def members_of(ends: Ends, kpi: Kpi, level: str | None) -> Members:
    """Return the sums of a KPI's children and of what the units above them report beyond theirs."""
    tops = dict.fromkeys(end.units for end in ends.both)
    found = {units: ends.below(kpi, units, level) for units in tops}
    below = [found[end.units] for end in ends.both]
    children = tuple(dict.fromkeys(unit for each in below for unit in each.children))
    holders = tuple(dict.fromkeys(unit for each in below for unit in each.holders))
    sums: list[Sums] = []
    missing: list[np.ndarray] = []
    for end, here in zip(ends.both, below, strict=True):
        ours = {*here.children, *here.holders}
        there = np.array([unit in ours for unit in (*children, *holders)])
        inner, own = ends.sums(kpi, end, children), ends.remainder(kpi, end, holders)
        sums.append(
            Sums(
                np.where(there, np.concatenate([inner.numerator, own.numerator]), np.nan),
                np.where(there, np.concatenate([inner.denominator, own.denominator]), np.nan),
            )
        )
        late = np.concatenate([ends.missing(kpi, end, children), np.zeros(len(holders), dtype=int)])
        missing.append(np.where(there, late, 0))
    return Members(children, holders, sums[0], sums[1], missing[0], missing[1])


def _known_at_both(ends: Ends, members: Members) -> bool:
    """Tell whether there are children to divide among: units below, some of them known at both ends."""
    if not members.holders and all(len(end.units) == 1 for end in ends.both):
        return False
    return all(
        bool((~np.isnan(sums.numerator) & members.is_child).any()) for sums in (members.start, members.end)
    )


def _by_addition(ends: Ends, kpi: Kpi, members: Members) -> pd.DataFrame:
    """Divide the change of a sum, or of a sum over something that all units share."""
    before, after = (
        sums.numerator / ends.whole(kpi, end).denominator
        for sums, end in zip((members.start, members.end), ends.both, strict=True)
    )
    contribution = sum_contributions(before, after)
    known_before, known_after = ~np.isnan(before), ~np.isnan(after)
    effect = np.where(members.is_child, _presence(ends, members, known_before, known_after), "own")
    effect = np.where(effect == "both", "level", effect)
    kept = np.where(
        members.is_child, effect != "", (np.nan_to_num(before) != 0) | (np.nan_to_num(after) != 0)
    )
    return _frame(members, effect=effect, start=before, end=after, contribution=contribution)[
        kept
    ].reset_index(drop=True)


def _by_rate_and_mix(ends: Ends, kpi: Kpi, members: Members) -> pd.DataFrame:
    """Divide the change of a ratio of sums, or of a weighted mean."""
    wholes = [ends.whole(kpi, end) for end in ends.both]
    split = rate_and_mix(members.start, members.end, *wholes, matched=members.is_child)
    weights = [
        sums.denominator / whole.denominator
        for sums, whole in zip((members.start, members.end), wholes, strict=True)
    ]
    positive = [np.nan_to_num(weight) > 0 for weight in weights]
    with np.errstate(divide="ignore", invalid="ignore"):
        rates = [
            np.where(sums.denominator != 0, sums.numerator / sums.denominator, np.nan)
            for sums in (members.start, members.end)
        ]
    irregular = _irregular(members.start) | _irregular(members.end)
    effect = np.where(irregular, "no denominator", _presence(ends, members, *positive))
    effect = np.where(members.is_child, effect, "own")
    both = effect == "both"
    said: dict[str, Any] = {
        "start": rates[0], "end": rates[1], "weight_start": weights[0], "weight_end": weights[1]
    }  # fmt: skip
    by_rate = _frame(members, effect=np.where(both, "rate", ""), contribution=split.rate, **said)[both]
    rest = np.where(both, "mix", effect)
    kept = np.where(
        members.is_child, rest != "", np.any([np.nan_to_num(s) != 0 for s in _all_sums(members)], axis=0)
    )
    by_mix = _frame(members, effect=rest, contribution=split.mix, **said)[kept]
    return pd.concat([by_rate, by_mix]).sort_index(kind="stable").reset_index(drop=True)


def _by_extreme(ends: Ends, kpi: Kpi, members: Members) -> pd.DataFrame:
    """Divide the change of a minimum or maximum between the units that bind, and the handover."""
    before, after = (
        np.where(members.is_child, sums.numerator, np.nan) for sums in (members.start, members.end)
    )
    if np.isnan(before).all() or np.isnan(after).all():
        return _by_itself(ends, kpi)
    moved = extreme_contributions(before, after, largest=kpi.kind == "max")
    rows = [(moved.first, "binding", moved.by_first)]
    if moved.last != moved.first:
        rows += [(moved.last, "binding", moved.by_last), (moved.last, "handover", moved.by_handover)]
    at = np.array([row[0] for row in rows])
    found = _frame(members, effect=np.full(len(before), "", dtype=object), start=before, end=after).iloc[at]
    found = found.assign(effect=[row[1] for row in rows], contribution=[row[2] for row in rows])
    own = [
        ends.value(kpi, end) - values[i]
        for end, values, i in zip(ends.both, (before, after), (moved.first, moved.last), strict=True)
    ]
    if any(own):
        unit = ends.end.label
        found = pd.concat(
            [found, _single(child=unit, effect="own", start=own[0], end=own[1], contribution=own[1] - own[0])]
        )
    return found.reset_index(drop=True)


def _by_itself(ends: Ends, kpi: Kpi) -> pd.DataFrame:
    """Divide the change of a unit without units below it between numerator and denominator."""
    unit = ends.end.label
    start, end = (ends.whole(kpi, each) for each in ends.both)
    late = [int(ends.missing(kpi, each, each.units).sum()) for each in ends.both]
    missing = {"missing_start": late[0], "missing_end": late[1]}
    if not kpi.ratio:
        values = [ends.value(kpi, each) for each in ends.both]
        return _single(
            child=unit,
            effect="level",
            start=values[0],
            end=values[1],
            contribution=values[1] - values[0],
            **missing,
        )
    by_numerator, by_denominator = quotient_contributions(start, end)
    of, per = part_names(kpi)
    rows = [
        _single(
            part=of,
            child=unit,
            effect="numerator",
            start=start.numerator,
            end=end.numerator,
            contribution=by_numerator,
            **missing,
        ),
        _single(
            part=per,
            child=unit,
            effect="denominator",
            start=start.denominator,
            end=end.denominator,
            contribution=by_denominator,
            **missing,
        ),
    ]
    return pd.concat(rows, ignore_index=True)


def _by_part(ends: Ends, kpi: Kpi, level: str | None) -> pd.DataFrame:
    """Divide the change of a formula among its parts, and each part among the units of a level."""
    parts = ends.parts(kpi)
    before, after = ({name: ends.value(part, end) for name, part in parts.items()} for end in ends.both)
    try:
        shares = formula_shares(kpi.formula or "", before, after)
    except ValueError as error:
        raise one_problem(ends.cascade.where("kpis", kpi.id, "formula"), str(error)) from error
    rows = []
    for position, (name, part) in enumerate(parts.items()):
        if level is None:
            rows.append(_part_row(ends, name, part, before[name], after[name], shares.contribution[position]))
            continue
        inner = divide(ends, part, level)
        inner["contribution"] *= shares.slope[position]
        inner["part"] = [f"{name}: {deeper}" if deeper else name for deeper in inner["part"]]
        rows.append(inner)
    return pd.concat(rows, ignore_index=True)


def _part_row(
    ends: Ends, name: str, part: Kpi, start: float, end: float, contribution: float
) -> pd.DataFrame:
    late = [int(ends.missing(part, each, each.units).sum()) for each in ends.both]
    unit = ends.end.label
    return _single(
        part=name, child=unit, effect="part", start=start, end=end, contribution=contribution,
        missing_start=late[0], missing_end=late[1],
    )  # fmt: skip


def _presence(ends: Ends, members: Members, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Say of each child whether it is there at both ends, came, went, or should have been there."""
    if ends.start.units != ends.end.units:
        return np.select([before & after, after, before], ["both", "here", "there"], "")
    late_before, late_after = members.missing_start > 0, members.missing_end > 0
    return np.select(
        [before & after, after & late_before, after, before & late_after, before, late_before | late_after],
        ["both", "missing", "entered", "missing", "left", "missing"],
        "",
    )


def _irregular(sums: Sums) -> np.ndarray:
    """Tell which children have a numerator without a positive denominator."""
    numerator, denominator = np.nan_to_num(sums.numerator), np.nan_to_num(sums.denominator)
    return (denominator < 0) | ((denominator == 0) & (numerator != 0))


def _all_sums(members: Members) -> tuple[np.ndarray, ...]:
    return (
        members.start.numerator, members.start.denominator, members.end.numerator, members.end.denominator
    )  # fmt: skip


def _frame(members: Members, **columns: Any) -> pd.DataFrame:
    known = {
        "part": "",
        "child": members.names,
        "weight_start": np.nan,
        "weight_end": np.nan,
        "missing_start": members.missing_start,
        "missing_end": members.missing_end,
    }
    return pd.DataFrame(known | columns).reindex(columns=ROW_COLUMNS)


def _single(**cells: Any) -> pd.DataFrame:
    blank = {"part": "", "weight_start": np.nan, "weight_end": np.nan, "missing_start": 0, "missing_end": 0}
    return pd.DataFrame([blank | cells], columns=ROW_COLUMNS)
