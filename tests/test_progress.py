"""A bar on what takes long: for people at a terminal, and for nobody else."""

import io
import sys

import pytest

from kpilab import progress
from kpilab.progress import with_bar


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("stream", "delay", "hidden", "drawn"),
    [
        (Terminal, 0.0, False, True),
        (Terminal, 0.0, True, False),
        (Terminal, 3600.0, False, False),
        (io.StringIO, 0.0, False, False),
    ],
)
def test_bar_is_drawn_on_a_slow_terminal_only(stream, delay, hidden, drawn, monkeypatch):
    monkeypatch.setattr(sys, "stderr", stream())
    monkeypatch.setattr(progress, "DELAY", delay)
    assert list(with_bar([1, 2, 3], "links", hidden=hidden)) == [1, 2, 3]
    assert ("links" in sys.stderr.getvalue()) == drawn


def test_an_iterator_is_gone_through_as_it_is():
    assert list(with_bar((letter for letter in "abc"), "letters")) == ["a", "b", "c"]
