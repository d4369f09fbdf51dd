"""The panels as a web app for people who write no code: the only Voilà import.

Only the notebooks that are named here run. They are copied into a folder of their own, so that nothing else can be
asked for; a token is asked of everybody; browsers may move controls but send no code.
"""

import os
import re
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import nbformat

from kpilab.model.files import read_cascade
from kpilab.problems import one_problem

NOTEBOOKS = ("scorecard", "links", "what_if")
EDITORS = ("build", "map")
"""Notebooks that save into the cascade's folder: served only when editing is asked for."""
_PACKAGED = Path(__file__).with_name("static") / "app"
_ELSEWHERE = re.compile(r'<link rel="stylesheet" href="https?://[^>]*>')
SHORTEST_TOKEN = 16


def serve_app(
    folder: str | os.PathLike[str],
    *,
    edit: bool = False,
    port: int = 8866,
    ip: str = "127.0.0.1",
    token: str | None = None,
    open_browser: bool = True,
) -> None:
    """Serve a cascade's panels until the process is stopped.

    Parameters
    ----------
    folder : path
        The cascade folder; it is read once before anything is served.
    edit : bool
        Whether the editors, which save into the folder, are served too.
    port : int
        1-65535.
    ip : str
        The address to listen at; by default only this machine reaches it.
    token : str, optional
        At least 16 characters; by default a new random one, which the printed address holds.
    open_browser : bool

    Raises
    ------
    InputError
        When the cascade cannot be read, Voilà is not installed, or the token is short.
    """
    read_cascade(folder)
    if find_spec("voila") is None:
        raise one_problem("app", "Voilà is not installed; install it with: pip install 'kpilab[app]'")
    if token is not None and len(token) < SHORTEST_TOKEN:
        raise one_problem("token", f"has {len(token)} characters; take at least {SHORTEST_TOKEN}, or none")
    with tempfile.TemporaryDirectory(prefix="kpilab-app-") as root:
        served = Path(root) / "notebooks"
        served.mkdir()
        written = write_notebooks(served, Path(folder), edit=edit)
        _run(
            served,
            written,
            settings=_settings(ip, port, token, open_browser),
        )


def write_notebooks(root: Path, folder: Path, *, edit: bool = False) -> list[Path]:
    """Write the notebooks that the app serves into a folder, told which cascade to read; return their paths."""
    names = (*NOTEBOOKS, *(EDITORS if edit else ()))
    written = []
    for name in names:
        notebook = nbformat.read(_PACKAGED / f"{name}.ipynb", as_version=4)
        (parameters,) = (c for c in notebook.cells if "parameters" in c.metadata.get("tags", ()))
        parameters.source = f"folder = {str(folder.resolve())!r}"
        path = root / f"{name}.ipynb"
        nbformat.write(notebook, path)
        written.append(path)
    return written


def _settings(ip: str, port: int, token: str | None, open_browser: bool) -> list[str]:
    return [
        f"--Voila.ip={ip}", f"--port={port}", "--Voila.port_retries=0",
        f"--Voila.token={token}" if token else "--Voila.auto_token=True",
        f"--Voila.open_browser={open_browser}",
        f"--Voila.custom_display_url=http://{ip}:{port}/",
        "--VoilaConfiguration.file_allowlist=[]", "--VoilaConfiguration.show_tracebacks=False",
        "--VoilaConfiguration.strip_sources=True",
    ]  # fmt: skip


def _run(root: Path, listed: list[Path], *, settings: list[str]) -> None:
    from tornado.web import HTTPError
    from voila.app import Voila

    names = {path.name for path in listed}

    def only_listed(handler: Any, notebook: object, cwd: str) -> None:
        """Refuse whatever is not on the list before a kernel starts for it."""
        if handler.request.path.rpartition("/voila/render/")[2] not in names:
            raise HTTPError(404)

    server = Voila()
    server.initialize([str(root), *settings])
    server.voila_configuration.prelaunch_hook = only_listed
    server.template_paths = [
        _without_network(server.template_paths, root.parent / "templates"),
        *server.template_paths,
    ]
    server.start()


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
