"""Voilà, with everything closed that is not on a list: the only module that imports it.

Voilà serves every notebook below a folder, lists the folder and reads files from it. Here only listed notebooks
are rendered; whatever else is asked for is not found, and no kernel starts for it.
"""

import re
from collections.abc import Callable, Collection
from pathlib import Path, PurePosixPath
from typing import Any

from tornado.web import HTTPError, authenticated
from voila.app import Voila
from voila.handler import BaseVoilaHandler
from voila.shutdown_kernel_handler import VoilaShutdownKernelHandler
from voila.static_file_handler import TemplateStaticFileHandler
from voila.tornado.contentshandler import VoilaContentsHandler
from voila.tornado.handler import TornadoVoilaHandler
from voila.tornado.treehandler import TornadoVoilaTreeHandler
from voila.voila_identity_provider import VoilaLoginHandler

from kpilab.delivery.app_pages import login_page

_REPLACED = (
    TornadoVoilaTreeHandler,
    TornadoVoilaHandler,
    VoilaContentsHandler,
    VoilaShutdownKernelHandler,
    TemplateStaticFileHandler,
)
_ELSEWHERE = re.compile(r'<link rel="stylesheet" href="https?://[^>]*>')


class StartPage(BaseVoilaHandler):
    """The list of pages."""

    def initialize(self, **settings: Any) -> None:
        """Take the function that writes the page."""
        self._written: Callable[[], str] = settings.pop("written")
        super().initialize(**settings)

    @authenticated
    def get(self) -> None:
        """Write the page as the cascade is now."""
        self.finish(self._written())


class AskForToken(VoilaLoginHandler):
    """The page that asks for the token, and for nothing else."""

    def _render(self, message: dict[str, str] | None = None) -> None:
        self.finish(login_page(self.xsrf_form_html(), refused=bool(message)))


class ListedNotebook(TornadoVoilaHandler):
    """A notebook on the list; any other is not found."""

    def initialize(self, **settings: Any) -> None:
        """Take the list."""
        self._listed: Collection[str] = settings.pop("listed")
        super().initialize(**settings)

    @authenticated
    async def get(self, path: str | None = None) -> None:
        """Refuse what is not listed before a kernel starts for it."""
        if path not in self._listed:
            raise HTTPError(404)
        await super().get(path)


class TemplateFile(TemplateStaticFileHandler):
    """A file that belongs to a template; any other path is not found."""

    def parse_url_path(self, url_path: str) -> str:
        """Refuse what leads elsewhere; Voilà fails on it."""
        parts = PurePosixPath(url_path).parts
        if len(parts) < 3 or parts[1] != "static" or ".." in parts:
            raise HTTPError(404)
        return str(super().parse_url_path(url_path))


class LeftPage(VoilaShutdownKernelHandler):
    """The message of a page that is closed, which ends its kernel."""

    def check_xsrf_cookie(self) -> None:
        """Ask for the same origin only: Voilà's page sends no other proof with this message."""
        if not self.check_origin():
            raise HTTPError(403)


class AppServer(Voila):
    """Voilà with a start page and a list of notebooks.

    Parameters
    ----------
    listed : collection of str
        The file names of the notebooks that may run.
    start : callable
        Returns the start page's HTML.
    templates : Path
        A folder for templates that ask no other machine for anything.
    """

    template_paths: Any

    def __init__(self, listed: Collection[str], start: Callable[[], str], templates: Path):
        super().__init__()
        self._listed, self._start, self._templates = listed, start, templates

    def setup_template_dirs(self) -> None:
        """Put templates that stay on this machine before those of Voilà."""
        super().setup_template_dirs()
        self.template_paths = [_without_network(self.template_paths, self._templates), *self.template_paths]

    def init_handlers(self) -> list[Any]:
        """Return Voilà's handlers without those that read or list the folder, and with ours."""
        self.identity_provider.login_handler_class = AskForToken
        kept = [each for each in super().init_handlers() if each[1] not in _REPLACED]
        kept = [each for each in kept if "/voila/files/" not in each[0]]
        shared = {"voila_configuration": self.voila_configuration}
        render = {
            **shared,
            "template_paths": self.template_paths,
            "config": self.config,
            "listed": self._listed,
        }
        below = self.server_url.rstrip("/")
        return [
            (self.server_url, StartPage, {**shared, "written": self._start}),
            (below + r"/voila/render/(.*)", ListedNotebook, render),
            (below + r"/voila/api/shutdown/(.*)", LeftPage),
            (below + r"/voila/templates/(.*)", TemplateFile),
            *kept,
        ]


def _without_network(paths: list[str], own: Path) -> str:
    """Copy the templates that name a style sheet elsewhere, without it: no page asks another machine."""
    seen: set[Path] = set()
    for folder in map(Path, paths):
        pages = {p.relative_to(folder): p for p in folder.glob("*") if p.suffix in {".html", ".j2"}}
        for name, page in pages.items():
            text = page.read_text(encoding="utf-8")
            kept = _ELSEWHERE.sub("", text)
            if name not in seen and kept != text:
                (own / name).parent.mkdir(parents=True, exist_ok=True)
                (own / name).write_text(kept, encoding="utf-8")
        seen |= pages.keys()
    return str(own)
