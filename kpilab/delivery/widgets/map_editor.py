"""Draw the map with mouse or keyboard, and see at once what history says of every arrow.

The page holds no rule: it asks, and this side answers with what the draft and `fit_links` say. Work that takes
longer runs in a thread, so that the page goes on answering; a newer edit ends it.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from kpilab.delivery.layout import Layout
from kpilab.delivery.widgets.drafted import OnDraft
from kpilab.delivery.widgets.latest import Latest, Report
from kpilab.delivery.widgets.map_scene import (
    DENIED,
    detail_of,
    edge_id,
    key_of,
    legend,
    link_by_edge,
    profile_svg,
    put_by_hand,
    scene_of,
    settled,
    shared_levels,
    worst_first,
)
from kpilab.evidence.links import LinkResult, LinkResults, fit_links
from kpilab.evidence.map_checks import loops_without_lag
from kpilab.evidence.missing import MissingLinks, find_missing_links
from kpilab.model import editing
from kpilab.model.cascade import Cascade
from kpilab.model.draft import Draft
from kpilab.model.history import History
from kpilab.model.nouns import Link
from kpilab.problems import InputError, one_problem
from kpilab.scorecard.rollup import roll_up
from kpilab.show import listed

_STATIC = Path(__file__).parent.parent / "static"


class MapEditor(OnDraft, anywidget.AnyWidget):
    """A strategy map to draw on: click-drag from KPI to KPI, and the arrow's verdict appears.

    Parameters
    ----------
    cascade : Cascade
    history : History
    links : LinkResults, optional
        Of `fit_links`; without it the arrows are tested when the map opens.
    draft : Draft, optional
        To share with other editors, such as `CascadeBuilder`; its cascade counts.

    Attributes
    ----------
    draft : Draft
        What is edited, and what a cell can edit too: the map follows.
    links : LinkResults or None
        The arrows as they are tested so far.
    denied : MissingLinks or None
        What "What does the map deny?" found last.
    """

    _esm = _STATIC / "map_editor.js"
    _css = _STATIC / "map_editor.css"

    scene = traitlets.Dict().tag(sync=True)
    state = traitlets.Dict().tag(sync=True)
    detail = traitlets.Dict().tag(sync=True)
    form = traitlets.Dict().tag(sync=True)
    notice = traitlets.Dict().tag(sync=True)
    question = traitlets.Dict().tag(sync=True)
    progress = traitlets.Dict().tag(sync=True)
    answered = traitlets.Int(0).tag(sync=True)

    def __init__(
        self,
        cascade: Cascade,
        history: History,
        *,
        links: LinkResults | None = None,
        draft: Draft | None = None,
    ):
        super().__init__()
        self.draft = Draft(cascade) if draft is None else draft
        self.links = links
        self.denied: MissingLinks | None = None
        self._history = history
        self._statuses: Mapping[str, str] | None = None
        self._layout: Layout | None = None
        self._selected = ""
        self._said = 0
        self._work = Latest("map")
        self._answers: dict[str, Callable[[Mapping[str, Any]], None]] = {
            "ask": self._ask, "draw": self._draw, "change": self._change, "remove": self._remove,
            "select": self._select, "place": self._place, "colour": self._colour, "deny": self._deny,
            "undo": lambda _: self.undo(), "redo": lambda _: self.redo(), "save": self._save,
            "cancel": lambda _: self.cancel(), "test": lambda _: self.test(), "ping": lambda _: None,
        }  # fmt: skip
        self.on_msg(self._heard)
        self.draft.watch(self._follow)
        self._follow()

    def cancel(self) -> None:
        """End the work that is going on; arrows that it left untested are offered to be tested again."""
        self._work.cancel()
        self.progress = {} if self._is_tested else {"stopped": "Some arrows are not tested."}

    def test(self) -> None:
        """Test the arrows whose question changed since they were tested last."""
        cascade, earlier = self.cascade, self.links
        self._start("Testing arrows", lambda report: self._retested(cascade, earlier, report))

    @property
    def _is_tested(self) -> bool:
        return self.links is not None and self.links.cascade == self.cascade

    def wait(self, seconds: float = 60) -> None:
        """Wait until every arrow is tested: for cells that read `links` after an edit."""
        self._work.wait(seconds)

    def _heard(self, widget: object, message: Mapping[str, Any], buffers: object) -> None:
        """Answer one message of the page; a refusal is said where the page asked."""
        answer = self._answers.get(str(message.get("do")))
        if answer is not None:
            try:
                answer(message)
            except InputError as error:
                self._say("\n".join(problem.message for problem in error.problems), "refused")
        self.answered = int(message.get("number", 0))

    def _say(self, text: str, kind: str = "said") -> None:
        self._said += 1
        self.notice = {"text": text, "kind": kind, "number": self._said}

    def _follow(self) -> None:
        """Show the draft as it is, and test the arrows whose question changed."""
        if self._is_tested:
            self._show()
            return
        self.denied = None
        self._show()
        self.test()

    def _retested(
        self, cascade: Cascade, earlier: LinkResults | None, report: Callable[[int, int], None]
    ) -> None:
        found = fit_links(cascade, self._history, earlier=earlier, progress=report)
        report(len(cascade.links), len(cascade.links))
        self.links = found
        self._show()

    def _start(self, what: str, work: Callable[[Report], None]) -> None:
        """Run work in the thread; what ran before it ends at its next step."""

        def told(done: int, total: int) -> None:
            share = {"text": what, "done": done, "total": total}
            if self.progress.get("text") != what or total <= 20 or done % (total // 20) == 0:
                self.progress = share

        def run(report: Report) -> None:
            try:
                work(report)
            except InputError as error:
                self._say("\n".join(problem.message for problem in error.problems), "refused")

        def ended() -> None:
            self.progress = {}

        self._work.start(run, told, ended)

    def _show(self) -> None:
        """Send what the page shows."""
        draft = self.draft
        self._layout = settled(draft.cascade, self._layout)
        layout = put_by_hand(self._layout, draft.positions)
        self.scene = scene_of(draft.cascade, self.links, layout, statuses=self._statuses, denied=self.denied)
        self.state = {
            "title": draft.cascade.name,
            "frequency": draft.cascade.frequency,
            "can_undo": draft.can_undo,
            "can_redo": draft.can_redo,
            "unsaved": len(draft.changes()),
            "moved": not draft.is_saved,
            "code": draft.code,
            "recover": f"kl.Draft.recover({str(draft.cascade.folder)!r})",
            "trouble": draft.trouble,
            "legend": legend(),
        }
        self._describe()

    def _describe(self) -> None:
        """Send what history says of the chosen arrow; its lag profile follows from the thread."""
        link = link_by_edge(self.cascade, self._selected)
        if link is None:
            self.detail = self._denial(self._selected)
            return
        result = self._result(link)
        detail = detail_of(self.cascade, link, result)
        if result is not None and result.fit is not None:
            detail["profile"] = profile_svg(result)
        if self.detail != detail:
            self.detail = detail

    def _denial(self, edge: str) -> dict[str, Any]:
        edges = [one for one in self.scene["edges"] if one["id"] == edge and one.get("verdict") == DENIED]
        if not edges:
            return {}
        one = edges[0]
        ends = [self.cascade.kpi(one[end]).name for end in ("cause", "effect")]
        return {
            "edge": edge, "ends": ends, "cause": one["cause"], "effect": one["effect"],
            "verdict": DENIED, "reason": one["title"],
        }  # fmt: skip

    def _result(self, link: Link) -> LinkResult | None:
        return next((one for one in self.links or () if one.link == link), None)

    def _ask(self, message: Mapping[str, Any]) -> None:
        """Offer the form for a new arrow, or refuse it."""
        cause, effect = str(message["cause"]), str(message["effect"])
        cascade = self.cascade
        if cause == effect:
            raise one_problem("effect", "a KPI cannot be its own cause; end the arrow at another KPI")
        shared = shared_levels(cascade, cause, effect)
        names = f"'{cascade.kpi(cause).name}' and '{cascade.kpi(effect).name}'"
        if not shared:
            raise one_problem("at", f"{names} do not both exist at any level; nothing could test this arrow")
        taken = {
            link.at or shared[-1] for link in cascade.links if (link.cause, link.effect) == (cause, effect)
        }
        free = [level for level in shared if level not in taken]
        if not free:
            raise one_problem("effect", f"the arrow between {names} is drawn already; select it to change it")
        self._said += 1
        self.form = {
            "cause": cause, "effect": effect, "levels": free, "level": free[-1], "number": self._said,
            "lowest": shared[-1], "ends": [cascade.kpi(cause).name, cascade.kpi(effect).name],
            "note": f"Drawn already at {listed(sorted(taken))}." if taken else "",
        }  # fmt: skip

    def _draw(self, message: Mapping[str, Any]) -> None:
        entry = _entry(message["entry"])
        after = editing.add(self.cascade, "links", entry)
        self._refuse_loops(after)
        self._selected = edge_id(key_of(after.links[-1]))
        self.form = {}
        self.draft.add("links", entry)

    def _change(self, message: Mapping[str, Any]) -> None:
        """Change an arrow's fields, or lead one of its ends to another KPI."""
        link = self._known(message)
        key, fields = self._key(link), _entry(message["fields"])
        ends = [str(fields.get(end, getattr(link, end))) for end in ("cause", "effect")]
        if ends[0] == ends[1]:
            raise one_problem("effect", "a KPI cannot be its own cause; end the arrow at another KPI")
        after = editing.change(self.cascade, "links", key, fields)
        self._refuse_loops(after)
        self._selected = edge_id(key_of(after.links[editing.place_of(self.cascade, "links", key)]))
        self.form = {}
        self.draft.change("links", key, fields)

    def _remove(self, message: Mapping[str, Any]) -> None:
        self.draft.remove("links", self._key(self._known(message)))

    def _known(self, message: Mapping[str, Any]) -> Link:
        link = link_by_edge(self.cascade, str(message.get("edge")))
        if link is None:
            raise one_problem("link", "this arrow is not drawn any more")
        return link

    def _key(self, link: Link) -> editing.Key:
        """Return the pair, with the level only where the pair is drawn at several: as one would write it."""
        beside = [one for one in self.cascade.links if (one.cause, one.effect) == (link.cause, link.effect)]
        return key_of(link) if len(beside) > 1 else (link.cause, link.effect)

    def _refuse_loops(self, after: Cascade) -> None:
        before = {finding.what for finding in loops_without_lag(self.cascade)}
        for finding in loops_without_lag(after):
            if finding.what not in before:
                raise one_problem("lag", f"{finding.what}; {finding.remedy}")

    def _select(self, message: Mapping[str, Any]) -> None:
        self._selected = str(message.get("edge") or "")
        self._describe()

    def _place(self, message: Mapping[str, Any]) -> None:
        self.draft.place({kpi: (at[0], at[1]) for kpi, at in message["positions"].items()})
        self.state = {**self.state, "moved": not self.draft.is_saved}

    def _colour(self, message: Mapping[str, Any]) -> None:
        """Colour KPIs by their status at the highest unit that has them, or not at all."""
        self._statuses = None
        if message.get("by") == "status":
            table = roll_up(self.cascade, self._history).table
            rank = table["level"].map({level: rank for rank, level in enumerate(self.cascade.levels)})
            rows = table.assign(rank=rank).sort_values("rank", kind="stable")
            self._statuses = worst_first(zip(rows["kpi"], rows["status"].astype(str), strict=True))
        self._show()

    def _deny(self, message: Mapping[str, Any]) -> None:
        cascade = self.cascade

        def work(report: Callable[[int, int], None]) -> None:
            found: MissingLinks = find_missing_links(cascade, self._history, progress=report)
            self.denied = found
            self._show()
            self._say(found.text.split("\n")[0])

        self._start("Testing what the map denies", work)

    def _save(self, message: Mapping[str, Any]) -> None:
        """Ask with the difference; when that was confirmed, write."""
        if not message.get("confirmed"):
            self._said += 1
            self.question = {
                "changes": list(self.draft.changes()),
                "difference": self.draft.difference(),
                "overwrite": False,
                "number": self._said,
            }
            return
        try:
            written = self.save(overwrite=bool(message.get("overwrite")))
        except InputError as error:
            self._said += 1
            self.question = {
                "changes": [f"{problem.where}: {problem.message}" for problem in error.problems],
                "difference": "",
                "overwrite": True,
                "number": self._said,
            }
            return
        self.question = {}
        self._say("Saved: " + ", ".join(path.name for path in written) if written else "Nothing to save.")


def _entry(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a link as they are written in the file."""
    entry = {name: value for name, value in fields.items() if value is not None and value != ""}
    if isinstance(entry.get("lag"), list) and entry["lag"][:1] * 2 == entry["lag"]:
        entry["lag"] = entry["lag"][0]
    return entry
