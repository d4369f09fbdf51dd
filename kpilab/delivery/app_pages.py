"""The pages of the web app: what each asks, what it needs of a cascade, and the start page that lists them."""

import html
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kpilab.model.cascade import Cascade
from kpilab.model.pay_files import has_pay
from kpilab.problems import InputError

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:820px;margin:2em auto;padding:0 1em;color:#222}"
    "h1{font-size:1.6em;margin-bottom:0;overflow-wrap:anywhere}ul{list-style:none;padding:0}"
    "li{border-top:1px solid #e3e3e3;padding:.7em 0}a{color:#2166ac;font-weight:600}"
    ".closed{color:#666}.why{color:#8c6d1f}.foot{color:#555;border-top:1px solid #e3e3e3;padding-top:.7em}"
)


def _anything(cascade: Cascade) -> str:
    return ""


def _no_links(cascade: Cascade) -> str:
    return "" if cascade.links else "This cascade assumes no link yet; draw one, or write it under links:."


def _no_actions(cascade: Cascade) -> str:
    return "" if cascade.actions else "This cascade has no action yet; write one under actions:."


def _no_pay(cascade: Cascade) -> str:
    return "" if has_pay(cascade) else "No pay.yaml stands beside this cascade: nobody is paid by it."


@dataclass(frozen=True)
class AppPage:
    """One page of the app.

    Attributes
    ----------
    name : str
        Its notebook is called so.
    title, question : str
        What the start page lists.
    closed : callable
        Says why a cascade cannot open it; ``""`` when it can.
    saves : bool
        Whether it is there to save into the folder: listed only when editing is asked for.
    """

    name: str
    title: str
    question: str
    closed: Callable[[Cascade], str] = _anything
    saves: bool = False


PAGES = (
    AppPage("scorecard", "Scorecard", "How does every level stand against its targets?"),
    AppPage("targets", "Targets", "What is asked of each unit, so that the whole reaches its target?"),
    AppPage("links", "Links", "Which of the assumed arrows does history support?", _no_links),
    AppPage("what_if", "What if", "What follows, and when, if a lever moves?", _no_links),
    AppPage("actions", "Actions", "Did each action move the KPI that it promised to move?", _no_actions),
    AppPage("pay", "Pay", "What does pay rest on?", _no_pay),
    AppPage("reports", "Reports", "What does everybody read about a period?"),
    AppPage("build", "Build", "Which goals, KPIs and links make the cascade?", saves=True),
    AppPage("map", "Map", "Which arrows do we draw, and what does history say of them?", saves=True),
)


def listed_pages(*, edit: bool) -> tuple[AppPage, ...]:
    """Return the pages that an app serves."""
    return tuple(page for page in PAGES if edit or not page.saves)


def start_page(read: Callable[[], Cascade], *, edit: bool) -> str:
    """Return the page that lists the others, with the reason where one cannot be opened.

    Parameters
    ----------
    read : callable
        Reads the cascade, which may have been changed since the app was started.
    edit : bool
    """
    try:
        cascade = read()
    except InputError as error:
        return _document("Cannot be read", _lines([f"{p.where}: {p.message}" for p in error.problems]))
    rows = "".join(_row(page, page.closed(cascade)) for page in listed_pages(edit=edit))
    foot = (
        "Build and Map save into the cascade's folder, after showing what changes."
        if edit
        else "Nothing here writes into the cascade's folder: move whatever you like. "
        "To save, the app has to be served with --edit."
    )
    return _document(cascade.name, f"<ul>{rows}</ul><p class='foot'>{html.escape(foot)}</p>")


def login_page(hidden: str, *, refused: bool) -> str:
    """Return the page that asks for the token.

    Parameters
    ----------
    hidden : str
        HTML of the form's hidden field, which proves that it was this page that asked.
    refused : bool
        Whether another token was given just now.
    """
    why = "<p class='why' role='alert'>This is not the token.</p>" if refused else ""
    form = (
        f"<form method='post'>{hidden}<label>Token <input type='password' name='password' autofocus></label> "
        "<button type='submit'>Enter</button></form>"
    )
    said = "<p>Whoever served this app has it: it stands in the address that was printed when the app started.</p>"
    return _document("This app asks for a token", f"{said}{form}{why}")


def _row(page: AppPage, closed: str) -> str:
    title, question = html.escape(page.title), html.escape(page.question)
    if closed:
        said = html.escape(closed)
        return f"<li class='closed'><b>{title}</b><br>{question}<br><span class='why'>{said}</span></li>"
    return f"<li><a href='voila/render/{page.name}.ipynb'>{title}</a><br>{question}</li>"


def _lines(problems: Sequence[str]) -> str:
    return "".join(f"<p class='why'>{html.escape(problem)}</p>" for problem in problems)


def _document(title: str, body: str) -> str:
    said = html.escape(title)
    return (
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'><title>{said}</title>"
        f"<link rel='icon' href='data:,'><style>{_STYLE}</style></head><body><h1>{said}</h1>{body}</body></html>"
    )
