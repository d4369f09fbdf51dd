"""What is weak in the cascade itself: things without owner, factor, target; weights, levels, overlaps."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from kpilab.model.cascade import Cascade
from kpilab.model.nouns import Factor, Kpi, Owner, Target
from kpilab.problems import Finding, one_problem
from kpilab.show import Result, count_of, listed
from kpilab.words import SEVERITIES

WEIGHT_SLACK = 1e-6
COLUMNS = ["severity", "rule", "where", "what", "remedy"]

QUALITY_SHOWN = [
    "kpi", "completeness", "periods_late", "signal_to_noise", "seasonality", "nearest", "nearest_correlation",
    "break_shift", "break_at", "bunching_p", "n_never_missed", "year_end_p", "owner", "process", "leads_to",
]  # fmt: skip


@dataclass(frozen=True, eq=False)
class CheckReport(Result):
    """Everything wrong or weak, errors first; `tidy()` has ``severity, rule, where, what, remedy``.

    `quality()` has one row per KPI, `coverage()` one per objective and success factor.
    """

    name: str
    findings: tuple[Finding, ...]
    quality_table: pd.DataFrame | None = None
    coverage_table: pd.DataFrame | None = None
    quality_text: str = ""

    @property
    def title(self) -> str:  # type: ignore[override]
        """Return the name of the cascade."""
        return f"{self.name}: check"

    @property
    def has_errors(self) -> bool:
        """Tell whether any finding is an error."""
        return any(finding.severity == "error" for finding in self.findings)

    def tidy(self) -> pd.DataFrame:
        """Return one row per finding."""
        return pd.DataFrame([[getattr(f, c) for c in COLUMNS] for f in self.findings], columns=COLUMNS)

    def glance(self) -> pd.DataFrame:
        """Return one row: how many findings of each severity."""
        return pd.DataFrame({f"n_{s}s": [sum(f.severity == s for f in self.findings)] for s in SEVERITIES})

    @property
    def text(self) -> str:
        """Return how much was found, and the rules that were broken."""
        counted = [f"{count_of(int(self.glance()[f'n_{s}s'].iloc[0]), s)}" for s in SEVERITIES]
        rules = list(dict.fromkeys(f.rule for f in self.findings if f.severity != "note"))
        first = listed(counted) + "."
        look = f"Look first at: {listed(rules, most=8)}." if rules else ""
        return "\n".join(line for line in (first, look, self.quality_text) if line)

    def listing(self) -> str:
        """Return the findings as lines to read: by severity and rule, each remedy once for all that share it."""
        groups: dict[tuple[str, str], dict[str, list[Finding]]] = {}
        for finding in self.findings:
            same_rule = groups.setdefault((finding.severity, finding.rule), {})
            same_rule.setdefault(finding.remedy, []).append(finding)
        lines = []
        for (severity, rule), by_remedy in groups.items():
            lines.append(f"{severity}: {rule} ({sum(map(len, by_remedy.values()))})")
            for remedy, found in by_remedy.items():
                lines += [f"  {finding.where}: {finding.what}" for finding in found]
                lines.append(f"  → {remedy}")
        return "\n".join(lines)

    def quality(self) -> pd.DataFrame:
        """Return how good each KPI is as an indicator, one row per KPI; see `kpi_quality` for the columns.

        Raises
        ------
        InputError
            When the cascade was checked without a history.
        """
        return _present(self.quality_table, "quality")

    def quality_shown(self) -> pd.DataFrame:
        """Return the columns of `quality` that people read first."""
        return self.quality()[QUALITY_SHOWN]

    def coverage(self) -> pd.DataFrame:
        """Return what measures each objective and success factor; see `goal_coverage` for the columns.

        Raises
        ------
        InputError
            When only the findings of a part are at hand, which no one checked as a whole.
        """
        return _present(self.coverage_table, "coverage")

    def about(self, *words: str) -> "CheckReport":
        """Return the findings that name any of these words (a unit, a KPI)."""
        kept = tuple(f for f in self.findings if any(w in f.where or w in f.what for w in words))
        return replace(self, findings=kept)


def _present(table: pd.DataFrame | None, name: str) -> pd.DataFrame:
    if table is None:
        raise one_problem(name, "was not computed; give kl.check the cascade and its history")
    return table.copy()


def in_order(findings: Iterator[Finding] | list[Finding]) -> tuple[Finding, ...]:
    """Sort findings by severity; within it they stay in the order in which they were found."""
    return tuple(sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity)))


def findings(cascade: Cascade) -> list[Finding]:
    """List what is weak in a cascade, whatever happened."""
    steps = (
        _kpi_gaps,
        _empty_goals,
        _only_lagging,
        _weights,
        _empty_levels,
        _targets,
        _link_gaps,
        _idle_owners,
        _processes,
    )
    return [finding for step in steps for finding in step(cascade)]


def _kpi_gaps(cascade: Cascade) -> Iterator[Finding]:
    with_target = {target.kpi for target in cascade.targets}
    for kpi in cascade.kpis:
        where = cascade.where("kpis", kpi.id)
        if kpi.owner is None:
            what = f"kpi '{kpi.id}' has no owner"
            yield Finding("warning", "kpi_without_owner", where, what, _one_of("owner", cascade.owners))
        if kpi.factor is None:
            what = f"kpi '{kpi.id}' serves no success factor"
            yield Finding("warning", "kpi_without_factor", where, what, _one_of("factor", cascade.factors))
        if kpi.better is not None and kpi.id not in with_target and kpi.near is None:
            remedy = "set a target, or leave out 'better' if it is only watched"
            yield Finding("note", "kpi_without_target", where, f"kpi '{kpi.id}' has no target", remedy)


def _one_of(key: str, entries: Sequence[Owner] | Sequence[Factor]) -> str:
    if not entries:
        return f"list {key}s, and name one under {key}:"
    return f"name one under {key}: ({listed([entry.id for entry in entries], most=4)})"


def _empty_goals(cascade: Cascade) -> Iterator[Finding]:
    used = {kpi.factor for kpi in cascade.kpis}
    for factor in cascade.factors:
        if factor.id not in used:
            what = f"success factor '{factor.id}' has no KPI"
            yield Finding(
                "warning",
                "factor_without_kpi",
                cascade.where("factors", factor.id),
                what,
                "add a KPI that measures it",
            )
    served = {objective.id for kpi in cascade.kpis if (objective := cascade.objective_of(kpi))}
    for objective in cascade.objectives:
        if objective.id not in served:
            what = f"objective '{objective.id}' has no KPI"
            where = cascade.where("objectives", objective.id)
            yield Finding(
                "warning", "objective_without_kpi", where, what, "add a success factor and a KPI for it"
            )


def _only_lagging(cascade: Cascade) -> Iterator[Finding]:
    timings = defaultdict(list)
    for kpi in cascade.kpis:
        if objective := cascade.objective_of(kpi):
            timings[objective.id].append(kpi.timing)
    for objective_id, found in timings.items():
        if all(timing == "lagging" for timing in found):
            what = f"objective '{objective_id}' has only lagging KPIs ({len(found)})"
            where = cascade.where("objectives", objective_id)
            yield Finding(
                "warning", "only_lagging_kpis", where, what, "add a KPI that moves before the outcome does"
            )


def _weights(cascade: Cascade) -> Iterator[Finding]:
    groups: dict[tuple[str, str], list[Any]] = defaultdict(list)
    for objective in cascade.objectives:
        groups[("objectives", f"the objectives of level '{objective.level or cascade.levels[0]}'")].append(
            objective
        )
    for factor in cascade.factors:
        groups[("factors", f"the factors of objective '{factor.objective}'")].append(factor)
    for kpi in cascade.kpis:
        groups[
            ("kpis", f"the KPIs of factor '{kpi.factor}' from level '{cascade.levels_of(kpi)[0]}' down")
        ].append(kpi)
    for (noun, label), entries in groups.items():
        where = cascade.where(noun, entries[0].id, "weight")
        for start in _weight_dates(entries):
            since = f" from {start} on" if start else ""
            yield from _weights_of(cascade, entries, f"{label}{since}", start, where)


def _weight_dates(entries: list[Any]) -> list[str | None]:
    """Return the periods from which some weight counts; None when none is dated."""
    dated = [entry.weight for entry in entries if isinstance(entry.weight, tuple)]
    return sorted({weight.start for weights in dated for weight in weights}) or [None]


def _weights_of(
    cascade: Cascade, entries: list[Any], label: str, start: str | None, where: str
) -> Iterator[Finding]:
    period = cascade.period(start) if start else None
    found = {entry.id: cascade.weight_of(entry, period) for entry in entries}
    weights = [weight for weight in found.values() if weight is not None]
    if weights and len(weights) < len(entries):
        missing = listed([name for name, weight in found.items() if weight is None])
        remedy = "give each a weight, or none"
        yield Finding("error", "weights_incomplete", where, f"{label}: no weight for {missing}", remedy)
    elif weights and abs(sum(weights) - 1) > WEIGHT_SLACK:
        what = f"{label}: weights sum to {sum(weights):g}"
        yield Finding("error", "weights_do_not_sum", where, what, "make them sum to 1; 0 takes one out")


def _empty_levels(cascade: Cascade) -> Iterator[Finding]:
    for level in cascade.levels:
        if not any(level in cascade.levels_of(kpi) for kpi in cascade.kpis):
            what = f"level '{level}' has no KPIs"
            yield Finding(
                "warning",
                "level_without_kpis",
                cascade.where("levels"),
                what,
                "cascade a KPI down to it, or drop the level",
            )
        if not cascade.units_at(level):
            what = f"level '{level}' has no units"
            yield Finding(
                "warning",
                "level_without_units",
                cascade.where("levels"),
                what,
                "add its units to the unit table",
            )


def _targets(cascade: Cascade) -> Iterator[Finding]:
    groups: dict[tuple[str, str | None], list[Target]] = defaultdict(list)
    place = {id(target): f"#{position}" for position, target in enumerate(cascade.targets)}
    for target in cascade.targets:
        groups[(target.kpi, target.unit)].append(target)
        kpi = cascade.kpi(target.kpi)
        where = cascade.where("targets", place[id(target)])
        if target.unit is not None and cascade.unit(target.unit).level not in cascade.levels_of(kpi):
            place_of = f"'{target.unit}', a {cascade.unit(target.unit).level}"
            what = f"target at {place_of}, where kpi '{kpi.id}' does not exist"
            yield Finding("error", "target_without_kpi", where, what, "name a unit of the KPI's levels")
        if target.unit is None and kpi.kind in ("sum", "last") and len(cascade.units_of(kpi)) > 1:
            what = f"one target of {target.target:g} for every unit, but '{kpi.id}' adds up over units"
            yield Finding("warning", "target_for_all_of_a_sum", where, what, "give each unit its own target")
        yield from _marks(kpi, target, where)
    for (kpi_id, unit), targets in groups.items():
        targets = sorted(targets, key=lambda target: target.start or "")
        for earlier, later in zip(targets, targets[1:], strict=False):
            if (
                earlier.end is None
                or later.start is None
                or cascade.period(earlier.end) >= cascade.period(later.start)
            ):
                where = cascade.where("targets", place[id(later)])
                both = f"two targets for '{kpi_id}' at {unit or 'every unit'}"
                what = f"{both} are in force from {later.start or 'the beginning'}"
                yield Finding(
                    "error", "targets_overlap", where, what, "end the earlier one before the later one begins"
                )


def _marks(kpi: Kpi, target: Target, where: str) -> Iterator[Finding]:
    """Find a red flag or a baseline from which no way leads to the target, and a target that no share can reach."""
    wrong_side = {
        "lower": target.red_flag is not None and target.red_flag <= target.target,
        "higher": target.red_flag is not None and target.red_flag >= target.target,
    }
    if wrong_side.get(kpi.better or "higher", target.red_flag == target.target):
        side = "above" if kpi.better == "lower" else "below"
        what = f"red flag {target.red_flag:g} of '{kpi.id}' is not {side} its target {target.target:g}"
        yield Finding("error", "red_flag_beyond_target", where, what, f"set it {side} the target")
    if target.baseline is not None and target.baseline == target.target:
        what = f"baseline and target of '{kpi.id}' are both {target.target:g}: progress has no meaning"
        yield Finding("warning", "baseline_is_target", where, what, "set the baseline to where the way began")
    if kpi.unit_of_measure == "share" and not 0 <= target.target <= 1:
        what = f"target {target.target:g} of '{kpi.id}', which is a share, lies outside 0 to 1"
        remedy = "write 95 % as 0.95, or give the KPI another unit_of_measure if this can be"
        yield Finding("warning", "target_out_of_range", where, what, remedy)


def _link_gaps(cascade: Cascade) -> Iterator[Finding]:
    for position, link in enumerate(cascade.links):
        where = cascade.where("links", f"#{position}")
        for end in (link.cause, link.effect):
            yield from _absent_at(cascade, cascade.kpi(end), link.at, where, link.id)
        if link.min_effect is None:
            remedy = "add min_effect: the smallest effect that would matter"
            yield Finding(
                "note",
                "link_without_min_effect",
                where,
                f"link {link.id} cannot be found too small to matter",
                remedy,
            )
        if not link.because:
            yield Finding(
                "note",
                "link_without_reason",
                where,
                f"link {link.id} says no reason",
                "add because: one sentence",
            )


def _absent_at(cascade: Cascade, kpi: Kpi, level: str | None, where: str, link: str) -> Iterator[Finding]:
    if level is not None and level not in cascade.levels_of(kpi):
        what = f"link {link} is assumed at level '{level}', where kpi '{kpi.id}' does not exist"
        yield Finding("error", "link_level", where, what, f"use one of: {', '.join(cascade.levels_of(kpi))}")


def _idle_owners(cascade: Cascade) -> Iterator[Finding]:
    owning = {
        getattr(entry, "owner", None)
        for noun in ("objectives", "processes", "units", "kpis", "actions")
        for entry in getattr(cascade, noun)
    }
    for owner in cascade.owners:
        if owner.id not in owning:
            what = f"owner '{owner.id}' owns nothing"
            yield Finding(
                "note",
                "owner_of_nothing",
                cascade.where("owners", owner.id),
                what,
                "give them a KPI, process or action",
            )


def _processes(cascade: Cascade) -> Iterator[Finding]:
    serving = {kpi.process for kpi in cascade.kpis} | {target.process for target in cascade.targets}
    for process in cascade.processes:
        where = cascade.where("processes", process.id)
        if process.owner is None:
            what = f"process '{process.id}' has no owner"
            yield Finding("warning", "process_without_owner", where, what, "name one of owners")
        if process.id not in serving:
            what = f"process '{process.id}' has no KPI: nobody sees whether it works"
            yield Finding("note", "process_without_kpi", where, what, "name it in a KPI or a target")
