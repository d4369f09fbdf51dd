"""A thread in which what is asked last counts: what went on before ends at its next step."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import RLock

Report = Callable[[int, int], None]
"""Says how many of how many steps are done; raises `Cancelled` when nobody waits for the work any more."""


class Cancelled(Exception):
    """Work that nobody waits for any more."""


class Latest:
    """One piece of work at a time, and the newest in place of the others.

    Attributes
    ----------
    lock : RLock
        Held while a turn changes hands.
    """

    def __init__(self, name: str):
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        self._job: Future[None] | None = None
        self._turn = 0
        self._wanted = False
        self.lock = RLock()

    @property
    def going_on(self) -> bool:
        """Tell whether anything is being worked out."""
        return self._job is not None and not self._job.done()

    def start(
        self, work: Callable[[Report], None], told: Callable[[int, int], None], ended: Callable[[], None]
    ) -> "Future[None]":
        """Begin, in place of whatever went on.

        Parameters
        ----------
        work : callable
            Is given a function to report its steps to.
        told : callable
            Hears of the steps, as long as nothing else was asked.
        ended : callable
            Called at the end, unless something else was asked meanwhile.
        """
        with self.lock:
            self._turn += 1
            turn, self._wanted = self._turn, True
            self._job = self._pool.submit(self._run, turn, work, told, ended)
            return self._job

    def cancel(self) -> None:
        """End what goes on at its next step; nothing is heard of it any more."""
        with self.lock:
            self._turn += 1
            self._wanted = False

    def lasts(self, job: "Future[None]") -> bool:
        """Tell whether a piece of work goes on, and its end is waited for."""
        return job is self._job and self._wanted and not job.done()

    def wait(self, seconds: float | None = None) -> None:
        """Wait until nothing goes on; an error of the work is raised here.

        Raises
        ------
        TimeoutError
            When it takes longer than `seconds`.
        """
        while (job := self._job) is not None:
            job.result(seconds)
            if job is self._job:
                return

    def _run(
        self,
        turn: int,
        work: Callable[[Report], None],
        told: Callable[[int, int], None],
        ended: Callable[[], None],
    ) -> None:
        def report(done: int, total: int) -> None:
            if turn != self._turn:
                raise Cancelled
            told(done, total)

        try:
            if turn == self._turn:
                work(report)
        except Cancelled:
            return
        finally:
            with self.lock:
                if turn == self._turn:
                    ended()
