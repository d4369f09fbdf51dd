"""How scenarios are made: options, and what is wrong with those that were given."""

from collections.abc import Iterator
from dataclasses import dataclass
from numbers import Integral, Real

from kpilab.decisions.dynamics import Doubtful
from kpilab.evidence.joint import Inference
from kpilab.evidence.links import LinkResults
from kpilab.model.cascade import Cascade
from kpilab.problems import Problem, did_you_mean, stop_on

DRAWS = 2000
SEED = 0
CONFIDENCE = 0.95
MOST_NUMBERS = 2**28  # of one KPI: 2 GiB


@dataclass(frozen=True)
class Options:
    """How scenarios are made; all of it stands in `Scenario.glance()`."""

    horizon: int = 12
    units: tuple[str, ...] | None = None
    draws: int = DRAWS
    seed: int = SEED
    confidence: float = CONFIDENCE
    inference: Inference = "cluster"
    inconclusive: Doubtful = "in"
    correct_bias: bool = True


def check_options(cascade: Cascade, links: LinkResults, options: Options) -> None:
    """Refuse options that cannot be meant.

    Raises
    ------
    InputError
        With every problem at once.
    """
    stop_on([*_of_numbers(cascade, options), *_of_names(cascade, options), *_of_links(cascade, links)])


def _of_numbers(cascade: Cascade, options: Options) -> Iterator[Problem]:
    numbers_fit = True
    for name, value, least, remedy in (
        ("horizon", options.horizon, 1, f"look at least one {cascade.frequency} ahead"),
        ("draws", options.draws, 1, f"{DRAWS} is usual"),
        ("seed", options.seed, 0, "write a whole number of 0 or more"),
    ):
        if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
            numbers_fit = False
            yield Problem(name, f"is {value!r}; {remedy}")
    if numbers_fit and options.horizon * len(cascade.units) * options.draws > MOST_NUMBERS:
        said = f"{options.horizon} periods of {len(cascade.units)} units in {options.draws} draws"
        yield Problem("horizon", f"{said} are more than fit into memory; look less far ahead, or draw less")
    share = options.confidence
    if not isinstance(share, Real) or not 0 < share < 1:
        yield Problem("confidence", f"is {share!r}; write a share between 0 and 1, like {CONFIDENCE}")


def _of_names(cascade: Cascade, options: Options) -> Iterator[Problem]:
    for name, given, known in (
        ("inconclusive", options.inconclusive, ("in", "out")),
        ("inference", options.inference, ("cluster", "wild")),
    ):
        if given not in known:
            yield Problem(name, f"'{given}' is not known; {did_you_mean(given, known)}")
    places = [*cascade.levels, *(unit.id for unit in cascade.units)]
    for place in options.units or ():
        if place not in places:
            yield Problem("units", f"unknown unit or level '{place}'; {did_you_mean(place, places)}")


def _of_links(cascade: Cascade, links: object) -> Iterator[Problem]:
    if not isinstance(links, LinkResults):
        yield Problem("links", f"is a {type(links).__name__}; give what fit_links returns")
    elif cascade.links != links.cascade.links:
        yield Problem("links", "are those of another map; test this one with fit_links first")
