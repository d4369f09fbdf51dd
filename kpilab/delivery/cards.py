"""One page that a person understands: what I own, what it moves, why that matters: `kl.line_of_sight`."""

import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

import pandas as pd

from kpilab.decisions.footing import Basis, Footing, arrows, bases
from kpilab.decisions.worth import Worth, worth_of_step
from kpilab.delivery import card_words
from kpilab.delivery.card_words import OwnKpi
from kpilab.delivery.pages import Page
from kpilab.delivery.sight_map import Node, sight_map
from kpilab.model.cascade import Cascade
from kpilab.model.history import History
from kpilab.model.nouns import Action, Kpi
from kpilab.model.periods import Span
from kpilab.model.saving import replace_file
from kpilab.model.understanding import Question, own_kpis, questions_for
from kpilab.problems import InputError, Problem, stop_on
from kpilab.progress import with_bar
from kpilab.scorecard.panels import KpiPanel, kpi_at
from kpilab.scorecard.rollup import Scorecard, roll_up, scorecard_span
from kpilab.show import Result, heading_html

MOST_KPIS = 5
MOST_ACTIONS = 3
COLUMNS = [
    "owner", "kpi", "unit", "actual", "target", "status", "footing", "path", "objective",
    "step", "worth", "worth_low", "worth_high", "worth_unit",
]  # fmt: skip
_STYLE = (
    "body{font:14px/1.45 system-ui,sans-serif;max-width:780px;margin:1em auto;padding:0 1em;color:#222}"
    "h1{font-size:1.5em;margin:0}h2{font-size:1.05em;margin:.9em 0 .15em;color:#1f3a5f}p{margin:.15em 0}"
    "@page{size:A4;margin:12mm}"
    "@media print{body{font-size:11px;line-height:1.35;margin:0;padding:0;max-width:none;columns:2;column-gap:8mm}"
    "h1,h1+p{column-span:all}h2{break-after:avoid}p{break-inside:avoid}svg{max-width:100%;height:auto}}"
)


@dataclass(frozen=True)
class Section:
    """A heading of a card and the sentences under it."""

    title: str
    sentences: tuple[str, ...]
    picture: str = ""


@dataclass(frozen=True, eq=False)
class Card(Result):
    """One owner's page; `save` writes it as one HTML file that prints on a sheet of A4."""

    cascade: Cascade
    owner: str
    span: Span
    kpis: tuple[OwnKpi, ...]
    sections: tuple[Section, ...]
    questions: tuple[Question, ...]

    @property
    def name(self) -> str:
        """Return the owner's name."""
        return self.cascade.person(self.owner).name

    @property
    def title(self) -> str:  # type: ignore[override]
        """Return whose page it is."""
        return f"{self.name}: my line of sight"

    def tidy(self) -> pd.DataFrame:
        """Return one row per KPI: where it stands, what it rests on, what a step is worth at the top."""
        rows = [self._row(own) for own in self.kpis]
        return pd.DataFrame(rows, columns=COLUMNS)

    def glance(self) -> pd.DataFrame:
        """Return one row: owner, unit, period, how many KPIs, and the objectives reached."""
        reached = sorted({own.basis.objective for own in self.kpis if own.basis.objective})
        return pd.DataFrame(
            {
                "owner": [self.owner],
                "unit": [self.cascade.home_of(self.owner)],
                "period": [str(self.span)],
                "n_kpis": [len(self.kpis)],
                "objectives": [", ".join(reached)],
            }
        )

    @property
    def text(self) -> str:
        """Return all sentences of the card."""
        return "\n".join(sentence for section in self.sections for sentence in section.sentences)

    def page(self) -> str:
        """Return the page as one HTML file without script and without network."""
        place = self.cascade.named("units", self.cascade.home_of(self.owner))
        below = f"{place.name}, {self.span}" if place is not None else str(self.span)
        body = "".join(_section_html(section, "h2") for section in self.sections)
        return (
            f"<!doctype html><html lang='en'><meta charset='utf-8'><title>{html.escape(self.title)}</title>"
            f"<style>{_STYLE}</style><h1>{html.escape(self.name)}</h1>"
            f"<p>{html.escape(below)}. {html.escape(self.cascade.name)}.</p>{body}</html>"
        )

    def parts(self) -> Page:
        """Return the sections of the card without its title, for a report's page."""
        return Page("".join(_section_html(section, "h2") for section in self.sections))

    def save(self, path: str | Path) -> Path:
        """Write the page and return its path."""
        replace_file(Path(path), self.page())
        return Path(path)

    def _repr_html_(self) -> str:
        return heading_html(self.title) + "".join(_section_html(section, "h4") for section in self.sections)

    def _row(self, own: OwnKpi) -> list[object]:
        worth = own.worth or Worth(float("nan"), "", "", float("nan"), float("nan"), float("nan"))
        return [
            self.owner, own.kpi.id, own.unit, own.actual, own.target, own.status, own.basis.footing,
            " → ".join(own.basis.path), own.basis.objective, worth.step, worth.change, worth.conf_low,
            worth.conf_high, worth.unit,
        ]  # fmt: skip


def line_of_sight(
    cascade: Cascade,
    history: History,
    links: Iterable[Any] | None = None,
    *,
    owner: str,
    period: object = None,
) -> Card:
    """Make one owner's page.

    Parameters
    ----------
    cascade : Cascade
    history : History
    links : LinkResults, optional
        Tested links; without them every arrow is untested and nothing is said of worth.
    owner : str
        Id of one of the cascade's owners, or of a person who is a unit of the lowest level.
    period : str or Period, optional
        Default: the last complete period.

    Returns
    -------
    Card

    Raises
    ------
    InputError
        When the owner is unknown or the period cannot be read.
    """
    known = cascade.person(owner).id
    return CardMaker(cascade, history, links, scorecard_span(cascade, history, period)).card(known)


def write_cards(
    cascade: Cascade,
    history: History,
    links: Iterable[Any] | None = None,
    *,
    owners: Sequence[str] | Literal["all"] = "all",
    period: object = None,
    folder: str | Path | None = None,
) -> list[Path]:
    """Write one page per owner, and an index page.

    Parameters
    ----------
    owners : list of ids, or "all"
        Owners, or persons who are units of the lowest level; "all" is all owners.
    folder : path, optional
        Default: ``reports/<cascade>/<period>/cards``.

    Returns
    -------
    list of Path
        The index page last.

    Raises
    ------
    InputError
        When an owner is unknown or the period cannot be read.
    """
    chosen = [each.id for each in cascade.owners] if owners == "all" else list(owners)
    problems: list[Problem] = []
    for person in chosen:
        try:
            cascade.person(person)
        except InputError as error:
            problems += error.problems
    stop_on(problems)
    span = scorecard_span(cascade, history, period)
    maker = CardMaker(cascade, history, links, span)
    place = (
        Path(folder)
        if folder is not None
        else Path("reports") / cascade.folder.resolve().name / str(span) / "cards"
    )
    cards = [maker.card(owner) for owner in with_bar(chosen, "cards")]
    paths = [card.save(place / f"{card.owner.replace(':', '_')}.html") for card in cards]
    rows = "".join(
        f"<p><a href='{quote(path.name)}'>{html.escape(card.name)}</a></p>"
        for card, path in zip(cards, paths, strict=True)
    )
    index = place / "index.html"
    body = f"<h1>{html.escape(cascade.name)}: everybody's line of sight</h1>{rows}"
    replace_file(
        index, f"<!doctype html><meta charset='utf-8'><title>Cards</title><style>{_STYLE}</style>{body}"
    )
    return [*paths, index]


class CardMaker:
    """Makes many cards from one look at history."""

    def __init__(self, cascade: Cascade, history: History, links: Iterable[Any] | None, span: Span):
        self.cascade, self.span = cascade, span
        self.links = [] if links is None else list(links)
        self.scorecard: Scorecard = roll_up(cascade, history, period=span)
        self.basis: dict[str, Basis] = bases(cascade, self.links)
        self.arrows = arrows(cascade, self.links)
        self.panels: dict[str, KpiPanel] = {
            kpi.id: kpi_at(cascade, history, kpi, span) for kpi in cascade.kpis
        }
        columns = ["kpi", "unit", "actual", "target", "status", "trend"]
        rows = self.scorecard.table[columns].itertuples(index=False, name=None)
        self._standing = {row[:2]: row[2:] for row in rows}

    def card(self, owner: str) -> Card:
        """Make one owner's card."""
        kpis = tuple(
            own for kpi in own_kpis(self.cascade, owner)[:MOST_KPIS] if (own := self._own(kpi, owner))
        )
        asked = questions_for(self.cascade, owner)
        sections = [section for section in self._sections(owner, kpis, asked) if section.sentences]
        return Card(self.cascade, owner, self.span, kpis, tuple(sections), asked)

    def _own(self, kpi: Kpi, owner: str) -> OwnKpi | None:
        """Return a KPI at the owner's unit, or at the nearest above that has it, or at the top."""
        unit: str | None = self.cascade.home_of(owner) or self.cascade.roots()[0].id
        levels = self.cascade.levels_of(kpi)
        while unit and self.cascade.unit(unit).level not in levels:
            unit = self.cascade.unit(unit).parent
        if not unit:
            return None
        nan = float("nan")
        actual, target, status, trend = self._standing.get((kpi.id, unit), (nan, nan, "no data", ""))
        basis = self.basis[kpi.id]
        worth = None
        if len(basis.path) > 1 and basis.footing != "contradicted":
            worth = worth_of_step(self.cascade, self.panels, self.links, basis.path, unit)
        return OwnKpi(kpi, unit, float(actual), float(target), str(status), str(trend), basis, worth)

    def _sections(self, owner: str, kpis: tuple[OwnKpi, ...], asked: tuple[Question, ...]) -> list[Section]:
        moves = dict.fromkeys(s for own in kpis for s in card_words.leads_to(self.cascade, own))
        sure = dict.fromkeys(card_words.sureness(self.cascade, own) for own in kpis)
        worth = dict.fromkeys(s for own in kpis for s in card_words.worth(self.cascade, own))
        stand = dict.fromkeys(s for own in kpis for s in card_words.standing(self.cascade, own))
        actions = self._actions(owner)
        under_way = dict.fromkeys(
            [s for one in actions[:MOST_ACTIONS] for s in card_words.under_way(self.cascade, one)]
            + list(card_words.earlier(actions[MOST_ACTIONS:]))
        )
        return [
            Section("What I look after", tuple(card_words.owned(self.cascade, owner, kpis))),
            Section("What it moves, and why that matters", tuple(moves), self._map(kpis)),
            Section("How sure we are", tuple(sure)),
            Section("What one step better is worth", tuple(worth)),
            Section("My targets and where I stand", tuple(stand)),
            Section("What is being done", tuple(under_way)),
            Section("Words", tuple(card_words.explained(self.cascade, kpis))),
            Section(
                "Three questions to see if this page did its work", tuple(question.text for question in asked)
            ),
        ]

    def _actions(self, owner: str) -> list[Action]:
        """Return what an owner leads, and the initiatives at their unit, under way in the period, the newest first."""
        home = self.cascade.home_of(owner)
        found = [
            action
            for action in self.cascade.actions
            if (action.owner == owner or (action.kind == "initiative" and home in action.units))
            and self.cascade.period(action.start) <= self.span.end
            and (action.end is None or self.cascade.period(action.end) >= self.span.start)
        ]
        return sorted(found, key=lambda action: self.cascade.period(action.start), reverse=True)

    def _map(self, kpis: tuple[OwnKpi, ...]) -> str:
        paths: list[list[Node]] = []
        footing: dict[tuple[Node, Node], Footing] = {}
        names: dict[Node, str] = {}
        for own in kpis:
            if not own.basis.objective:
                continue
            path: list[Node] = [("kpi", each) for each in own.basis.path]
            for a, b in zip(path, path[1:], strict=False):
                footing[(a, b)] = self.arrows[(a[1], b[1])]
            path.append(("objective", own.basis.objective))
            paths.append(path)
            names |= {node: self._name(node) for node in path}
        return sight_map(paths, names, footing) if paths else ""

    def _name(self, node: Node) -> str:
        noun = "objectives" if node[0] == "objective" else "kpis"
        return str(self.cascade.named(noun, node[1]).name)


def _section_html(section: Section, tag: str) -> str:
    said = "".join(f"<p>{html.escape(sentence)}</p>" for sentence in section.sentences)
    return f"<{tag}>{html.escape(section.title)}</{tag}>{section.picture}{said}"
