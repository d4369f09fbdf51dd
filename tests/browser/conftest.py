"""JupyterLab for the browser tests: one server for the session, one watched page for each test."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.lab import SECONDS, Lab, Server, serve


@pytest.fixture(scope="session")
def screens(project_root: Path) -> Path:
    """Give the folder of screenshots, which git ignores."""
    folder = project_root / "reports" / "screens"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def lab_server(
    chromium: Any, project_root: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """Give a running JupyterLab, started when a test of this process first asks for it."""
    with serve(project_root, tmp_path_factory.mktemp("lab")) as server:
        yield server


@pytest.fixture
def lab(lab_server: Server, chromium_page: Any, screens: Path) -> Iterator[Lab]:
    """Give a page of JupyterLab; whatever the test forgets to ask, errors and requests elsewhere fail it."""
    chromium_page.page.set_default_timeout(SECONDS * 1000)
    lab = Lab(lab_server, chromium_page, screens)
    yield lab
    lab.assert_quiet()
    lab_server.stop_kernels()
