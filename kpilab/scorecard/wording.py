"""An explanation in sentences."""

from typing import Any

import numpy as np
import pandas as pd

from kpilab.model.cascade import Cascade
from kpilab.model.nouns import Kpi
from kpilab.scorecard.ends import End
from kpilab.show import count_of, listed, quantity, signed
from kpilab.words import ContributionEffect

BIG_SHARE = 0.1
MOST_SENTENCES = 6
MOST_TIMES = 10
OF_PARTS: tuple[ContributionEffect, ...] = ("part", "numerator", "denominator")


def unit_name(cascade: Cascade, end: End) -> str:
    """Return the name of the unit of an end, or of its units together."""
    if len(end.units) == 1:
        return cascade.unit(end.units[0]).name
    return f"All units of level '{cascade.unit(end.units[0]).level}'"


def headline(cascade: Cascade, kpi: Kpi, start: End, end: End, values: tuple[float, float]) -> str:
    """Say what changed by how much."""
    before, after = (quantity(value, kpi.unit_of_measure) for value in values)
    change = signed(values[1] - values[0], kpi.unit_of_measure)
    if start.units != end.units:
        here, there = unit_name(cascade, end), unit_name(cascade, start)
        return f"{kpi.name}, {end.span}: {here} {after}, {there} {before}; difference {change}."
    return (
        f"{unit_name(cascade, end)}: {kpi.name} {_moved(*values)} from {before} ({start.span}) to {after} "
        f"({end.span}): {change}."
    )


def big_rows(table: pd.DataFrame, change: float) -> pd.DataFrame:
    """Return the rows worth a sentence, largest first: a tenth of the change or more, or the three largest."""
    ranked = table.assign(size=table["contribution"].abs()).sort_values(
        "size", ascending=False, kind="stable"
    )
    big = ranked[ranked["size"] >= BIG_SHARE * abs(change)] if change else ranked[:0]
    return (big if len(big) else ranked[ranked["size"] > 0].head(3)).head(MOST_SENTENCES).drop(columns="size")


def row_sentences(
    cascade: Cascade, kpi: Kpi, table: pd.DataFrame, change: float, compared: tuple[str, str]
) -> list[str]:
    """Say each big contribution in a sentence, and what the others add up to.

    Parameters
    ----------
    compared : tuple of str
        Names of the unit at the end and at the start.
    """
    big = big_rows(table, change)
    whole = "change" if compared[0] == compared[1] else "difference"
    said = [
        f"{_row_said(cascade, kpi, row, compared)}: {_amount(kpi, float(row.contribution), change, whole)}."  # type: ignore[arg-type]
        for row in big.itertuples(index=False)
    ]
    n_others = len(table) - len(big)
    if n_others:
        rest = change - float(big["contribution"].sum())
        said.append(
            f"{count_of(n_others, 'smaller contribution')}: together {_amount(kpi, rest, change, whole)}."
        )
    return said


def causes_said(cascade: Cascade, kpi: Kpi, table: pd.DataFrame, change: float) -> str:
    """Say what the supported links account for, and what they leave unexplained.

    Parameters
    ----------
    table : DataFrame
        Of `causal_rows`; its last row is what is unexplained.
    """
    counted = table[(table["verdict"] == "supported") & (table["n_units"] > 0)]
    if len(table) == 1:
        return "No link of the map leads into it: no cause is modelled."
    if counted.empty:
        return f"No supported link accounts for any of it: of {count_of(len(table) - 1, 'link')} into it, none counts."
    names = listed([cascade.kpi(cause).name for cause in counted["cause"]])
    low, high = (signed(float(counted[end].sum()), kpi.unit_of_measure) for end in ("conf_low", "conf_high"))
    said = (
        f"Supported links ({names}) account for {_amount(kpi, float(counted['contribution'].sum()), change)}, "
        f"95 % interval {low} to {high}; the rest is unexplained."
    )
    moving = table[table["unstable"]]["cause"]
    return f"{said} The largest of them changes with the reference: unstable." if len(moving) else said


def _amount(kpi: Kpi, contribution: float, change: float, whole: str = "change") -> str:
    said = signed(contribution, kpi.unit_of_measure)
    if abs(contribution) > MOST_TIMES * abs(change):
        return said
    return f"{said} ({100 * contribution / change:.0f} % of the {whole})" if change else said


def _row_said(cascade: Cascade, kpi: Kpi, row: Any, compared: tuple[str, str]) -> str:
    part = part_kpi(cascade, row.part)
    unit = part.unit_of_measure if part else ("" if row.part else kpi.unit_of_measure)
    before, after = quantity(row.start, unit), quantity(row.end, unit)
    moved = f"{_moved(row.start, row.end)} from {before} to {after}"
    what = contributor(cascade, row.part, row.name, row.effect)
    weights = f"{_share(row.weight_start)} to {_share(row.weight_end)}"
    below = _weighted_by(part or kpi)
    end = "start" if np.isnan(row.start) else "end"
    return {
        "level": f"{what} {moved}",
        "rate": f"{what} {moved}, at {_share((row.weight_start + row.weight_end) / 2)} of {below}",
        "mix": f"{what} went from {weights} of {below}",
        "entered": f"{what} came in, with {after}",
        "left": f"{what} is no longer there; it had {before}",
        "missing": f"{what} did not report at the {end}",
        "own": f"{what}, reported by the unit itself and not by its children",
        "no denominator": f"{what} has a numerator without a denominator",
        "here": f"{compared[0]} has {what}, with {after}",
        "there": f"{compared[1]} has {what}, with {before}",
        "binding": f"{what}, which is the {_extreme(kpi)}, {moved}",
        "handover": f"{what} took over as the {_extreme(kpi)}",
        "part": f"{what} {moved}",
        "numerator": f"{row.part}, above the line, {moved}",
        "denominator": f"{row.part}, below the line, {moved}",
    }[row.effect]


def contributor(cascade: Cascade, part: str, name: str, effect: str) -> str:
    """Return who contributed: a unit, a part of a formula, or a part at a unit."""
    if not part:
        return name
    return part_name(cascade, part) if effect in OF_PARTS else f"{part_name(cascade, part)} at {name}"


def part_kpi(cascade: Cascade, part: str) -> Kpi | None:
    """Return the KPI that a part of a formula means, None for a measure or no part."""
    found: Kpi | None = cascade.named("kpis", part.split(": ")[-1])
    return found


def part_name(cascade: Cascade, part: str) -> str:
    """Return the name of a part of a formula; a measure is its own name."""
    found = part_kpi(cascade, part)
    return found.name if found else part


def _moved(before: float, after: float) -> str:
    if before == after:
        return "stayed"
    return "rose" if after > before else "fell"


def _share(weight: float) -> str:
    return "nothing" if np.isnan(weight) else f"{100 * weight:.1f} %"


def _weighted_by(kpi: Kpi) -> str:
    weight = kpi.ratio.per if kpi.ratio else kpi.mean.weight if kpi.mean else None
    return weight or "the weight"


def _extreme(kpi: Kpi) -> str:
    return "largest" if kpi.kind == "max" else "smallest"
