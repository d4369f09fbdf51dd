"""What changed between two versions of a cascade, and what each change does to the score: `kl.diff`."""

import itertools
import math
import os
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import pandas as pd

from kpilab.model.cascade import Cascade
from kpilab.model.changes import Difference, find_changes, with_changes
from kpilab.model.files import read_cascade
from kpilab.model.history import History
from kpilab.model.nouns import Target
from kpilab.model.periods import Span
from kpilab.model.renames import find_renames, renamed
from kpilab.problems import did_you_mean, one_problem
from kpilab.scorecard.goals import score_goals
from kpilab.scorecard.rollup import Scorecard, roll_up, scorecard_span
from kpilab.show import Result, count_of, listed

COLUMNS = ["kind", "noun", "id", "field", "old", "new", "sentence", "contribution", "attainment_contribution"]
ROW_COLUMNS = ["kpi", "unit", "actual", "target", "attainment", "score", "status"]
MOST_FOR_SHAPLEY = 5
MOST_FOR_BOTH_ORDERS = 24
MOST_SAID = 60
WITHOUT_SCORE = {"owners", "processes", "links", "actions"}
FIELDS_WITHOUT_SCORE = {
    "name", "why", "owner", "process", "source", "timing", "transform", "perspective", "perspectives", "priority",
    "supports", "history", "breaks", "attribution", "unit_of_measure", "cascade",
}  # fmt: skip

Method = Literal["Shapley", "mean of both orders", "in the order listed", ""]
Values = Callable[[frozenset[int]], np.ndarray]


@dataclass(frozen=True, eq=False)
class CascadeDiff(Result):
    """What changed, one row per change, and what each change does to the score of a unit.

    `tidy()` has ``kind`` (added, removed, changed, renamed), ``noun, id, field, old, new, sentence`` and
    ``contribution``: what the change adds to the unit's score (0–10), and ``attainment_contribution``: to the mean
    attainment of its KPIs. Either column sums to the whole difference; they are missing when no history was given
    or the unit has no score in one of the versions. `rows` are the rows of the scorecard that differ, `scores` the
    scores of all units.
    """

    old: Cascade
    new: Cascade
    changes: tuple[Difference, ...]
    method: Method = ""
    unit: str = ""
    period: str = ""
    scores: pd.DataFrame = field(
        default_factory=lambda: pd.DataFrame(columns=["unit", "score_old", "score_new"])
    )
    effects: np.ndarray | None = None
    rows: pd.DataFrame = field(default_factory=pd.DataFrame)

    @property
    def title(self) -> str:  # type: ignore[override]
        """Return the names of the two versions."""
        if self.old.name == self.new.name:
            return f"{self.new.name}: what changed"
        return f"{self.old.name} → {self.new.name}: what changed"

    def tidy(self) -> pd.DataFrame:
        """Return one row per change."""
        rows = [[getattr(change, name) for name in COLUMNS[:-2]] for change in self.changes]
        shares = np.full((len(rows), 2), np.nan)
        if self.effects is not None:
            shares = self.effects[:, :, self.scores["unit"].tolist().index(self.unit)]
        return pd.DataFrame(rows, columns=COLUMNS[:-2]).assign(
            contribution=shares[:, 0], attainment_contribution=shares[:, 1]
        )

    def glance(self) -> pd.DataFrame:
        """Return one row: how many changes of each kind; the unit's score before and after."""
        kinds = {
            f"n_{kind}": [sum(change.kind == kind for change in self.changes)]
            for kind in ("added", "removed", "changed", "renamed")
        }
        (before, after), (earlier, later) = self._ends("score"), self._ends("attainment")
        scores = {"score_old": [before], "score_new": [after], "score_change": [after - before]}
        scores |= {
            "attainment_old": [earlier],
            "attainment_new": [later],
            "attainment_change": [later - earlier],
        }
        about = {"unit": [self.unit], "period": [self.period], "method": [self.method]}
        return pd.DataFrame({"n_changes": [len(self.changes)], **kinds, **about, **scores})

    @property
    def text(self) -> str:
        """Return a sentence per change, then what they do to the score."""
        if not self.changes:
            return "Nothing changed."
        lines = [f"{count_of(len(self.changes), 'change')}."]
        said = [c.sentence + _effect(*share) for c, share in zip(self.changes, self._shares(), strict=True)]
        lines += said[:MOST_SAID]
        if len(said) > MOST_SAID:
            lines.append(f"… and {count_of(len(said) - MOST_SAID, 'more change')}: see .tidy()")
        return "\n".join([*lines, self._score_sentence()])

    def shown(self) -> pd.DataFrame:
        """Return the unit's rows of the scorecard that differ: the changes themselves are in the text."""
        return self.rows[self.rows["unit"] == self.unit].drop(columns="unit") if len(self.rows) else self.rows

    def at(self, unit: str) -> "CascadeDiff":
        """Return the same changes with what they do to another unit's score.

        Raises
        ------
        InputError
            When neither version scores that unit.
        """
        known = self.scores["unit"].tolist()
        if unit not in known:
            raise one_problem("unit", f"no score for unit '{unit}'; {did_you_mean(unit, known)}")
        return replace(self, unit=unit)

    def _shares(self) -> np.ndarray:
        return self.tidy()[["contribution", "attainment_contribution"]].to_numpy()

    def _ends(self, what: str) -> tuple[float, float]:
        row = self.scores[self.scores["unit"] == self.unit]
        return (math.nan, math.nan) if row.empty else (row[f"{what}_old"].item(), row[f"{what}_new"].item())

    def _score_sentence(self) -> str:
        if not self.method:
            return "What this does to the score was not computed: it takes a history."
        before, after = self._ends("score")
        if math.isnan(before) or math.isnan(after):
            which = listed([name for name, v in (("old", before), ("new", after)) if math.isnan(v)])
            return f"{self._place()} has no score in the {which} version, so the changes have no effect to share out."
        moved = int((~np.isclose(self.scores["score_old"], self.scores["score_new"], equal_nan=True)).sum())
        said = f"{self._place()}: score {before:.2f} of 10 before, {after:.2f} after, in {self.period}"
        earlier, later = self._ends("attainment")
        if not math.isnan(later - earlier):
            said += f"; mean attainment {100 * earlier:.1f} % before, {100 * later:.1f} % after"
        said = f"{said}; the scores of {count_of(moved, 'unit')} differ."
        alone = not all(_effect(*share) for share in self._shares())
        return f"{said} Changes without brackets leave it as it is." if alone else said

    def _place(self) -> str:
        unit = self.new.named("units", self.unit)
        return unit.name if unit else self.unit


def diff(
    old: Cascade | str | os.PathLike[str],
    new: Cascade | str | os.PathLike[str],
    *,
    history: History | None = None,
    period: object = None,
) -> CascadeDiff:
    """Say what changed between two versions of a cascade, and what each change does to the score.

    Parameters
    ----------
    old, new : Cascade or path
        A path is a cascade folder.
    history : History, optional
        The one history under which both versions are scored; without it only the changes are told.
    period : str or Period, optional
        The period scored; default: the last complete one under the new version.

    Returns
    -------
    CascadeDiff

    Raises
    ------
    InputError
        When the period cannot be read, or the two versions count by different frequencies and a history is given.

    Notes
    -----
    The score is that of `score_goals(…, by="unit")`, 0–10. Up to five changes that can touch it share the
    difference by Shapley values (Shapley 1953): the mean over all orders in which they can be made. With more,
    the mean of the order listed and its reverse; with very many, the order listed. Contributions sum to the
    difference. Changes of levels and all that goes with them are one change, and when there are very many so are
    all units that come or go: its contribution stands at the first of them.

    Examples
    --------
    >>> import tempfile
    >>> from kpilab.model.files import read_cascade
    >>> from kpilab.model.start import start_cascade
    >>> folder = start_cascade(tempfile.mkdtemp())[0].parent
    >>> cascade = read_cascade(folder)
    >>> print(diff(cascade, cascade.replace(breaks=("2023-01",))).changes[0].sentence)
    The cascade: its breaks is now [2023-01]; there was none.
    """
    old, new = (each if isinstance(each, Cascade) else read_cascade(each) for each in (old, new))
    changes = find_changes(old, new)
    result = CascadeDiff(old, new, changes, unit=new.roots()[0].id)
    if history is None:
        return result
    if old.frequency != new.frequency:
        said = f"the old version counts by {old.frequency}, the new one by {new.frequency}"
        raise one_problem("frequency", f"{said}; compare them without a history")
    return _with_scores(result, history, period)


def _with_scores(result: CascadeDiff, history: History, period: object) -> CascadeDiff:
    base, new, changes = renamed(result.old, find_renames(result.old, result.new)), result.new, result.changes
    span = scorecard_span(new, on_units(history, new), period)
    units = list(dict.fromkeys(unit.id for each in (new, base) for unit in each.units))
    players = _players(changes)

    silent = [change for change in changes if change.kind != "renamed" and not _can_touch(change)]

    def version(coalition: frozenset[int]) -> Cascade:
        chosen = [changes[position] for player in coalition for position in players[player]]
        return with_changes(base, new, [*silent, *chosen])

    def values(coalition: frozenset[int]) -> np.ndarray:
        return _levels(_card(version(coalition), history, span), units)

    shares, method = _shared_out(values, len(players))
    effects = _to_changes(changes, players, shares, units)
    everyone = frozenset(range(len(players)))
    before, after = values(frozenset()), values(everyone)
    effects[:, np.isnan(before) | np.isnan(after)] = np.nan
    scores = {"unit": units, "score_old": before[0], "score_new": after[0]}
    scores |= {"attainment_old": before[1], "attainment_new": after[1]}
    cards = (_card(version(coalition), history, span) for coalition in (frozenset[int](), everyone))
    return replace(
        result, method=method, period=str(span), scores=pd.DataFrame(scores), effects=effects,
        rows=_differing_rows(*cards),
    )  # fmt: skip


def _effect(score: float, attainment: float) -> str:
    """Say what a change does, unless it is too small to be written."""
    said = [f"score {score:+.2f}"] if abs(score) >= 0.005 else []
    if abs(attainment) >= 0.0005:
        said.append(f"mean attainment {100 * attainment:+.1f} points")
    return f" [{', '.join(said)}]" if said else ""


def _can_touch(change: Difference) -> bool:
    """Tell whether a change can move a score; names, owners, reasons, links and actions cannot."""
    return (
        change.kind != "renamed"
        and change.noun not in WITHOUT_SCORE
        and change.field not in FIELDS_WITHOUT_SCORE
        and not (change.noun == "objectives" and change.field == "level")
    )


def _players(changes: Sequence[Difference]) -> list[list[int]]:
    """Return positions of the changes that can touch a score, in groups that are made together.

    What belongs to a change of levels is one group. Targets of one KPI for different units are one group too:
    each moves its own unit only, so they do not get in each other's way. When very many remain, all units that
    come or go are one group.
    """
    groups: dict[object, list[int]] = defaultdict(list)
    seen: dict[object, int] = defaultdict(int)
    relevelled = any(change.noun == "cascade" and change.field == "levels" for change in changes)
    for position, change in enumerate(changes):
        if not _can_touch(change):
            continue
        target = change.after or change.before
        if relevelled and (change.noun in ("cascade", "units") or change.field == "levels"):
            groups["levels"].append(position)
        elif isinstance(target, Target) and target.unit is not None:
            seen[target.kpi, target.unit] += 1
            groups[target.kpi, seen[target.kpi, target.unit]].append(position)
        else:
            groups[position].append(position)
    players = list(groups.values())
    if len(players) <= MOST_FOR_BOTH_ORDERS:
        return players
    moving = [p for group in players if len(group) == 1 for p in group if changes[p].noun == "units"]
    rest = [group for group in players if group[0] not in moving]
    return [moving, *rest] if moving else rest


def _to_changes(
    changes: Sequence[Difference], players: list[list[int]], shares: np.ndarray, units: list[str]
) -> np.ndarray:
    """Give each change its part of its group's share, shape (changes, 2, units).

    A target's is what happened at its unit; what cannot be told apart stands at the first of the group.
    """
    effects = np.zeros((len(changes), 2, len(units)))
    column = {unit: position for position, unit in enumerate(units)}
    for positions, share in zip(players, shares, strict=True):
        rest = share.copy()
        for position in positions[1:]:
            target = changes[position].after or changes[position].before
            if isinstance(target, Target) and target.unit is not None:
                effects[position, :, column[target.unit]] = share[:, column[target.unit]]
                rest[:, column[target.unit]] = 0.0
        effects[positions[0]] += rest
    return effects


def _shared_out(values: Values, n_players: int) -> tuple[np.ndarray, Method]:
    """Share the difference between all changes and none out among them, shape (players, 2, units)."""
    known: dict[frozenset[int], np.ndarray] = {}

    def value(coalition: frozenset[int]) -> np.ndarray:
        if coalition not in known:
            known[coalition] = values(coalition)
        return known[coalition]

    orders, method = _orders(n_players)
    each = [_along(order, value) for order in orders]
    return np.mean(each, axis=0), method


def _orders(n_players: int) -> tuple[list[tuple[int, ...]], Method]:
    listed_order = tuple(range(n_players))
    if n_players <= MOST_FOR_SHAPLEY:
        return [*itertools.permutations(listed_order)], "Shapley"
    if n_players <= MOST_FOR_BOTH_ORDERS:
        return [listed_order, listed_order[::-1]], "mean of both orders"
    return [listed_order], "in the order listed"


def _along(order: tuple[int, ...], value: Values) -> np.ndarray:
    """Return what each change adds when they are made in this order.

    A unit that has no score on the way keeps its last one, so that the sum stays the difference of the ends.
    """
    last = value(frozenset())
    gains = np.zeros((len(order), *last.shape))
    for step, player in enumerate(order, start=1):
        now = value(frozenset(order[:step]))
        now = np.where(np.isnan(now), last, now)
        gains[player] = np.nan_to_num(now - last)
        last = now
    return gains


def _card(cascade: Cascade, history: History, span: Span) -> Scorecard:
    return roll_up(cascade, on_units(history, cascade), period=span)


def _levels(card: Scorecard, units: list[str]) -> np.ndarray:
    """Return the score and the mean attainment of each unit, shape (2, units); NaN where it has none."""
    score = score_goals(card, by="unit").tidy().set_index("unit")["score"]
    attainment = card.table.groupby("unit")["attainment"].mean()
    return np.stack([each.reindex(units).to_numpy(dtype=float) for each in (score, attainment)])


def on_units(history: History, cascade: Cascade) -> History:
    """Return a history on the units of another version of its cascade; units it does not know have no values."""
    place = {unit: position for position, unit in enumerate(history.units)}
    units = tuple(unit.id for unit in cascade.units)
    if units == history.units:
        return history
    values = np.full((len(history.periods), len(units), len(history.measures)), np.nan)
    for position, unit in enumerate(units):
        if unit in place:
            values[:, position] = history.values[:, place[unit]]
    return replace(history, values=values, units=units)


def _differing_rows(old: Scorecard, new: Scorecard) -> pd.DataFrame:
    """Return the rows of the scorecard in which anything differs, both versions side by side."""
    left, right = (card.table[ROW_COLUMNS] for card in (old, new))
    both = left.merge(right, on=["kpi", "unit"], how="outer", suffixes=("_old", "_new"), sort=False)
    differs = np.zeros(len(both), dtype=bool)
    for name in ROW_COLUMNS[2:]:
        before, after = both[f"{name}_old"], both[f"{name}_new"]
        differs |= ~((before == after) | (before.isna() & after.isna())).to_numpy()
    order = [f"{name}_{version}" for name in ROW_COLUMNS[2:] for version in ("old", "new")]
    return both.loc[differs, ["kpi", "unit", *order]].reset_index(drop=True)
