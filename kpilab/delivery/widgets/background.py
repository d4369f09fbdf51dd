"""Work that takes longer than a page may stand still: it runs beside, and only the newest counts."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Generic, TypeVar

Found = TypeVar("Found")
PAUSE_SECONDS = 0.2
"""How long nothing new must be asked before work begins: nobody needs an answer to half a word."""


class Background(Generic[Found]):
    """One thread; what is asked later takes the place of what was asked before."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="builder")
        self._turn = 0
        self._job: Future[None] | None = None
        self._end: Future[None] | None = None

    def ask(
        self, work: Callable[[], Found], heard: Callable[[Found], None], failed: Callable[[str], None]
    ) -> None:
        """Run work, and hear what it found unless something else was asked meanwhile; or why it failed."""
        self._turn += 1
        turn = self._turn

        def run() -> None:
            if turn == self._turn:
                time.sleep(PAUSE_SECONDS)
            if turn == self._turn:
                found = work()
                if turn == self._turn:
                    heard(found)

        job = self._pool.submit(run)

        def ended() -> None:
            error = job.exception()
            if error is not None and turn == self._turn:
                failed(f"{type(error).__name__}: {error}")

        self._job, self._end = job, self._pool.submit(ended)

    def drop(self) -> None:
        """Forget what was asked."""
        self._turn += 1

    def wait(self, seconds: float = 60) -> Any:
        """Wait until everything asked is answered; an error of the work is raised."""
        if self._job is not None and self._end is not None:
            self._end.result(seconds)
            self._job.result(seconds)
