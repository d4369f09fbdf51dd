"""What the map denies, tested: every arrow that is not drawn is a claim too.

A map without an arrow from A to D says that, given the declared causes of D, A's past tells nothing about D.
If history disagrees, an arrow is missing, or a common cause is.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import pandas as pd

from kpilab.evidence.equations import LinkDataBuilder
from kpilab.evidence.fitting import DRAWS, SEED, LinkFit, equation_of, estimate, one_thread
from kpilab.evidence.map_checks import shared_measures
from kpilab.evidence.regress.inference import FishersC, benjamini_hochberg, fishers_c
from kpilab.evidence.regress.linear import NotEstimable
from kpilab.evidence.unroll import denied_arrows
from kpilab.evidence.verdicts import q_text
from kpilab.model.cascade import Cascade
from kpilab.model.history import History
from kpilab.model.nouns import Link
from kpilab.problems import one_problem
from kpilab.progress import with_bar
from kpilab.show import Result, count_of, number
from kpilab.words import MAP_VERDICTS, MapVerdict

ALPHA = 0.05
COLUMNS = [
    "cause", "effect", "level", "lag_from", "lag_to", "controls", "estimate", "std_error", "statistic", "p_value",
    "q_value", "conf_low", "conf_high", "n_obs", "n_units", "verdict", "reason",
]  # fmt: skip


@dataclass(frozen=True, eq=False)
class Denial:
    """One arrow that the map denies, against history."""

    link: Link
    level: str
    fit: LinkFit | None
    controls: tuple[str, ...]
    verdict: MapVerdict
    reason: str
    q_value: float = float("nan")

    def row(self) -> list[object]:
        """Return the row of `MissingLinks.tidy()`."""
        nan, fit = float("nan"), self.fit
        numbers = [fit.estimate, fit.std_error, fit.statistic, fit.p_value] if fit else [nan] * 4
        interval = [fit.conf_low, fit.conf_high] if fit else [nan] * 2
        counts = [fit.n_obs, fit.n_units] if fit else [0, 0]
        return [
            self.link.cause, self.link.effect, self.level, *self.link.lag, ", ".join(self.controls), *numbers,
            self.q_value, *interval, *counts, self.verdict, self.reason,
        ]  # fmt: skip


@dataclass(frozen=True, eq=False)
class MissingLinks(Result):
    """What the map denies: one row per denied arrow, and Fisher's C for the map as a whole."""

    cascade: Cascade
    denials: tuple[Denial, ...]
    whole: FishersC | None

    @property
    def title(self) -> str:  # type: ignore[override]
        """Return the name of the cascade."""
        return f"{self.cascade.name}: what the map denies, against history"

    def tidy(self) -> pd.DataFrame:
        """Return one row per denied arrow, those with the smallest q-values first."""
        rows = pd.DataFrame([denial.row() for denial in self.denials], columns=COLUMNS)
        return rows.sort_values("q_value", kind="stable", ignore_index=True)

    def glance(self) -> pd.DataFrame:
        """Return one row: claims by verdict, Fisher's C with its p, and how the claims were tested."""
        counts = {f"n_{v}": [sum(d.verdict == v for d in self.denials)] for v in MAP_VERDICTS}
        nan = float("nan")
        fisher = {
            "fisher_c": [self.whole.statistic if self.whole else nan],
            "fisher_df": [self.whole.df if self.whole else 0],
            "fisher_p": [self.whole.p_value if self.whole else nan],
        }
        how = {"correction": ["Benjamini-Hochberg"], "draws": [DRAWS], "seed": [SEED]}
        return pd.DataFrame({"n_claims": [len(self.denials)], **counts, **fisher, **how})

    @property
    def text(self) -> str:
        """Return how the map as a whole fares, then one sentence for each claim that history disputes."""
        disputed = [denial for denial in self.denials if denial.verdict == "disagrees"]
        untestable = sum(denial.verdict == "untestable" for denial in self.denials)
        said = (
            f"The map denies {count_of(len(self.denials), 'arrow')}; history disagrees with {len(disputed)}, "
            f"{untestable} could not be tested."
        )
        if self.whole is not None:
            fits = (
                "is hard to square with history"
                if self.whole.p_value < ALPHA
                else "can be squared with history"
            )
            said += f" As a whole the map {fits} (Fisher's C, p = {number(float(self.whole.p_value))})."
        ordered = sorted(disputed, key=lambda denial: denial.q_value)
        return "\n".join([said, *(denial.reason for denial in ordered)])


def find_missing_links(
    cascade: Cascade,
    history: History,
    *,
    all_kpis: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> MissingLinks:
    """Test every arrow that the map does not draw.

    The claims are Shipley's basis set on the map unrolled in time: two KPIs so many periods apart without an
    arrow are unrelated given the causes of both. Lags reach from the same period to the longest on the map, at
    least 1. Each claim is one coefficient of the link equation, with the declared causes of the effect held
    constant; neighbouring lags of a pair that are all denied are pooled into one window, because one claim has
    more power than one for each lag. Pairs computed from a common measure are related by construction: they are
    listed as untestable.

    Parameters
    ----------
    cascade : Cascade
    history : History
    all_kpis : bool
        Include KPIs that no arrow touches. KPIs computed by a formula are identities and left out as effects.
    progress : callable, optional
        Called with how many claims are done, and of how many, in place of a bar; what it raises ends the work.

    Returns
    -------
    MissingLinks
        Benjamini–Hochberg over all testable claims; Fisher's C = −2 Σ log p over the same claims.

    Raises
    ------
    InputError
        When the map has a loop without a lag, so that it can't be unrolled.

    References
    ----------
    Shipley (2000), Structural Equation Modeling 7, 206–218. Benjamini & Hochberg (1995).
    """
    builder = LinkDataBuilder(cascade, history)
    claims = list(_claims(cascade, all_kpis))
    tried = []
    with one_thread():
        for position, link in enumerate(with_bar(claims, "arrows not drawn", hidden=progress is not None)):
            if progress:
                progress(position, len(claims))
            tried.append(_tried(cascade, builder, link))
    p_values = np.array([denial.fit.p_value for denial in tried if denial.fit])
    q_values: Iterator[float] = iter(benjamini_hochberg(p_values) if len(p_values) else ())
    judged = tuple(
        _judged(cascade, denial, float(next(q_values))) if denial.fit else denial for denial in tried
    )
    return MissingLinks(cascade, judged, fishers_c(p_values) if len(p_values) else None)


def _claims(cascade: Cascade, all_kpis: bool) -> Iterator[Link]:
    """Yield the arrows that the map denies as links that could be tested."""
    arrows = [(link.cause, link.effect, *link.lag) for link in cascade.links]
    ends = {end for cause, effect, *_ in arrows for end in (cause, effect)}
    kpis = [kpi.id for kpi in cascade.kpis if all_kpis or kpi.id in ends]
    try:
        denied = denied_arrows(arrows, max([1, *(last for *_, last in arrows)]), names=kpis)
    except ValueError as error:
        raise one_problem("links", str(error)) from error
    drawn = {(cause, effect) for cause, effect, *_ in arrows}
    for (cause, effect), group in groupby(denied, key=lambda one: (one.cause, one.effect)):
        seldom = any(cascade.kpi(kpi).every not in (None, cascade.frequency) for kpi in (cause, effect))
        if cascade.kpi(effect).formula or (seldom and (cause, effect) in drawn):
            continue  # at a coarser frequency the lags beside an arrow fall into its own
        for lag in _windows([one.lag for one in group]):
            said = {
                "cause": cause,
                "effect": effect,
                "lag": lag,
                "sign": "?",
                "except": _excluded_by_all(cascade),
            }
            yield Link.model_validate(said)


def _windows(lags: list[int]) -> list[tuple[int, int]]:
    """Pool neighbouring lags, in ascending order, into windows; the same period stands by itself.

    Examples
    --------
    >>> _windows([0, 1, 2, 4])
    [(0, 0), (1, 2), (4, 4)]
    """
    windows: list[tuple[int, int]] = []
    for lag in lags:
        if windows and 0 < windows[-1][1] == lag - 1:
            windows[-1] = (windows[-1][0], lag)
        else:
            windows.append((lag, lag))
    return windows


def _excluded_by_all(cascade: Cascade) -> tuple[str, ...]:
    """Return the units that every link leaves out."""
    excluded = [set(link.excluded) for link in cascade.links]
    return tuple(sorted(set.intersection(*excluded))) if excluded else ()


def _tried(cascade: Cascade, builder: LinkDataBuilder, link: Link) -> Denial:
    level = ""
    try:
        level = builder.level_of(link)
        common = shared_measures(cascade, link)
        if common:
            raise NotEstimable(f"both are computed from {', '.join(common)}", reason="identity")
        data = builder.build(link)
        fit = estimate(equation_of(cascade, data))
    except NotEstimable as error:
        return Denial(link, level, None, (), "untestable", f"Cannot be tested: {str(error).rstrip('.')}.")
    controls = data.names[2 : len(data.names) - len(data.breaks)]
    return Denial(link, level, fit, controls, "agrees", "")


def _judged(cascade: Cascade, denial: Denial, q_value: float) -> Denial:
    cause, effect = cascade.kpi(denial.link.cause).name, cascade.kpi(denial.link.effect).name
    fit = denial.fit
    first, last = denial.link.lag
    when = _when(first, last, cascade.frequency)
    interval = f"{number(fit.conf_low)} to {number(fit.conf_high)}" if fit else ""
    numbers = f"estimate {number(fit.estimate) if fit else ''}, 95 % interval {interval}, {q_text(q_value)}"
    if q_value < ALPHA:
        said = f"Your map says that '{cause}' does not move '{effect}' {when}; history disagrees ({numbers})."
        return Denial(denial.link, denial.level, fit, denial.controls, "disagrees", said, q_value)
    said = f"Your map says that '{cause}' does not move '{effect}' {when}; history does not disagree ({numbers})."
    return Denial(denial.link, denial.level, fit, denial.controls, "agrees", said, q_value)


def _when(first: int, last: int, frequency: str) -> str:
    """Say over which lags an arrow is denied."""
    if last == 0:
        return f"in the same {frequency}"
    if first <= 1:
        return f"within {count_of(last, frequency)}"
    if first == last:
        return f"after {count_of(last, frequency)}"
    return f"after {first} to {count_of(last, frequency)}"
