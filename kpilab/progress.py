"""A bar on whatever takes its time: on a terminal only, on its error stream, gone when the work is done.

In a notebook, a pipe or a scheduled run nothing is printed, so that results stay the same bytes.
"""

from collections.abc import Iterable, Sized
from typing import TypeVar

from tqdm import tqdm

DELAY = 0.5  # seconds before a bar appears; a command of two seconds may be made of several loops

Item = TypeVar("Item")


def with_bar(items: Iterable[Item], doing: str, *, hidden: bool = False) -> Iterable[Item]:
    """Go through items; when that takes over half a second, a bar says how far it has come.

    Parameters
    ----------
    items : iterable
    doing : str
        What is done, in a word or two.
    hidden : bool
        Draw no bar: somebody else is told how far the work has come.

    Examples
    --------
    >>> [item + 1 for item in with_bar([1, 2], "counting")]
    [2, 3]
    """
    known = items if isinstance(items, Sized) else list(items)
    return tqdm(known, doing, disable=True if hidden else None, leave=False, delay=DELAY)
