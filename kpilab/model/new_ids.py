"""Ids made of names, for entries that somebody adds."""

import re
from collections.abc import Collection
from itertools import count


def id_from(name: str, taken: Collection[str] = ()) -> str:
    """Return an id made of a name; a number is put behind it where it is taken.

    Examples
    --------
    >>> id_from("Orders won (net)"), id_from("Orders", ["orders"]), id_from("…")
    ('orders_won_net', 'orders_2', 'entry')
    """
    stem = "_".join(re.findall(r"\w+", name.casefold()))[:60].strip("_") or "entry"
    tries = (stem if number == 1 else f"{stem}_{number}" for number in count(1))
    return next(each for each in tries if each not in taken)
