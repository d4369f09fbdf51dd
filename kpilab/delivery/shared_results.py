"""What all reports of a run rest on, found once: the run leaves it where the kernels of its reports find it.

A report that runs by itself, or whose cascade or history is another by now, finds its results anew; they are the
same either way.
"""

import hashlib
import os
import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from kpilab.evidence.actions import ActionResults, evaluate_actions
from kpilab.evidence.links import LinkResults, fit_links
from kpilab.model.cascade import Cascade
from kpilab.model.history import History

RUN = "KPILAB_RUN_RESULTS"
Results = TypeVar("Results", LinkResults, ActionResults)


@contextmanager
def shared_results(history: History, *results: LinkResults | ActionResults) -> Iterator[None]:
    """Let kernels that are started meanwhile find these results of a history."""
    with TemporaryDirectory(prefix="kpilab-results-") as folder:
        for each in results:
            _path(folder, type(each)).write_bytes(pickle.dumps((_digest(each.cascade, history), each)))
        os.environ[RUN] = folder
        try:
            yield
        finally:
            del os.environ[RUN]


def links_of_run(cascade: Cascade, history: History) -> LinkResults:
    """Return the links as the run has tested them, else test them."""
    return _found(cascade, history, LinkResults, fit_links)


def actions_of_run(cascade: Cascade, history: History) -> ActionResults:
    """Return the actions as the run has evaluated them, else evaluate them."""
    return _found(cascade, history, ActionResults, evaluate_actions)


def _found(
    cascade: Cascade,
    history: History,
    kind: type[Results],
    find: Callable[[Cascade, History], Results],
) -> Results:
    path = _path(os.environ.get(RUN, ""), kind)
    if not path.is_file():
        return find(cascade, history)
    digest, results = pickle.loads(path.read_bytes())  # written by the run that started this kernel
    if digest != _digest(cascade, history):
        return find(cascade, history)
    return replace(results, cascade=cascade)


def _path(folder: str, kind: type) -> Path:
    return Path(folder) / f"{kind.__name__}.pickle"


def _digest(cascade: Cascade, history: History) -> str:
    """Return a fingerprint of everything that results can depend on."""
    names = repr((history.periods[0], history.units, history.measures, cascade.model_dump_json()))
    return hashlib.sha256(names.encode() + history.values.tobytes()).hexdigest()
