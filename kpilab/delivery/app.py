"""The panels as a web app for people who write no code.

Only the notebooks that are listed in `app_pages` run. They are written into a folder of their own, so that nothing
else can be asked for; a token is asked of everybody; browsers may move controls but send no code.
"""

import os
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import nbformat

from kpilab.delivery.app_pages import AppPage, listed_pages, start_page
from kpilab.model.files import read_cascade
from kpilab.problems import one_problem

SHORTEST_TOKEN = 16
IDLE_SECONDS = 600
"""How long a kernel outlives the page that it was started for, where the page could not say that it was closed."""
_KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}


def serve_app(
    folder: str | os.PathLike[str],
    *,
    edit: bool = False,
    pay: bool = False,
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
        Whether the editors, which save into the folder, are served too; without it nothing can be saved.
    pay : bool
        Whether everybody who has the token may see plans, and ask for names and amounts; without it the page on
        pay shows only shares.
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
    from kpilab.delivery.app_server import AppServer

    with tempfile.TemporaryDirectory(prefix="kpilab-app-") as root:
        served = Path(root) / "notebooks"
        served.mkdir()
        written = write_notebooks(served, Path(folder), edit=edit, pay=pay)
        server = AppServer(
            {path.name for path in written},
            lambda: start_page(lambda: read_cascade(folder), edit=edit),
            Path(root) / "templates",
        )
        server.initialize([str(served), *_settings(ip, port, token, open_browser)])
        server.start()


def write_notebooks(root: Path, folder: Path, *, edit: bool = False, pay: bool = False) -> list[Path]:
    """Write the notebooks that the app serves into a folder, told which cascade to read; return their paths."""
    written = []
    for page in listed_pages(edit=edit):
        path = root / f"{page.name}.ipynb"
        nbformat.write(_notebook(page, folder, edit, pay), path)
        written.append(path)
    return written


def _notebook(page: AppPage, folder: Path, edit: bool, pay: bool) -> Any:
    asked = f"{page.name!r}, {str(folder.resolve())!r}, edit={edit}, pay={pay}"
    code = f"from kpilab.delivery.widgets.app_page import app_page\n\napp_page({asked})"
    said = f"[All pages](../../)\n\n# {page.title}\n\n{page.question}"
    cells = [nbformat.v4.new_markdown_cell(said), nbformat.v4.new_code_cell(code)]
    return nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": _KERNEL})


def _settings(ip: str, port: int, token: str | None, open_browser: bool) -> list[str]:
    return [
        f"--Voila.ip={ip}", f"--port={port}", "--Voila.port_retries=0",
        f"--Voila.token={token}" if token else "--Voila.auto_token=True",
        f"--Voila.open_browser={open_browser}",
        f"--Voila.custom_display_url=http://{ip}:{port}/",
        "--VoilaConfiguration.show_tracebacks=False", "--VoilaConfiguration.strip_sources=True",
        "--VoilaConfiguration.allow_template_override=NO", "--VoilaConfiguration.allow_theme_override=NO",
        f"--AsyncMappingKernelManager.cull_idle_timeout={IDLE_SECONDS}", "--AsyncMappingKernelManager.cull_interval=60",
    ]  # fmt: skip
