"""Closed vocabularies: every word that a file or a result may use where only a few words make sense."""

from typing import Literal, get_args

Frequency = Literal["day", "week", "month", "quarter", "year"]
Better = Literal["higher", "lower", "near"]
Timing = Literal["leading", "lagging"]
Transform = Literal["log", "logit"]
Sign = Literal["+", "-", "?"]
ActionKind = Literal["initiative", "measurement", "structural", "shock"]
TargetStatus = Literal["official", "illustrative"]
AcrossUnits = Literal["sum", "same"]
OverTime = Literal["sum", "mean", "last"]
SplitMethod = Literal["proportional", "equal", "capability", "gap_to_best"]
TargetMethod = Literal["proportional", "equal", "capability", "gap_to_best", "evidence"]
KpiKind = Literal["ratio", "sum", "mean", "last", "min", "max", "formula"]

Severity = Literal["error", "warning", "note"]
Status = Literal["met", "near", "missed", "no target", "incomplete", "no data"]
Trend = Literal["better", "worse", "up", "down", "flat", ""]
ContributionEffect = Literal[
    "level", "rate", "mix", "entered", "left", "missing", "own", "no denominator", "here", "there",
    "binding", "handover", "part", "numerator", "denominator",
]  # fmt: skip
Verdict = Literal["supported", "contradicted", "inconclusive", "untestable"]
ActionVerdict = Literal[
    "worked", "did not work", "inconclusive", "cannot be separated", "ruler changed", "moved", "untestable"
]

MapVerdict = Literal["agrees", "disagrees", "untestable"]

SEVERITIES: tuple[Severity, ...] = get_args(Severity)
STATUSES: tuple[Status, ...] = get_args(Status)
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
ACTION_VERDICTS: tuple[ActionVerdict, ...] = get_args(ActionVerdict)
MAP_VERDICTS: tuple[MapVerdict, ...] = get_args(MapVerdict)
KPI_KINDS: tuple[KpiKind, ...] = get_args(KpiKind)
TARGET_METHODS: tuple[TargetMethod, ...] = get_args(TargetMethod)
BREAK_KINDS: tuple[ActionKind, ...] = ("measurement", "structural", "shock")

PERIODS_PER_YEAR: dict[Frequency, int] = {"day": 365, "week": 52, "month": 12, "quarter": 4, "year": 1}
