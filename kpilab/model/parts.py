"""The small parts that nouns are made of: ids, changes, effect sizes, weights, how a measure adds up."""

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag

from kpilab.words import AcrossUnits, OverTime

_ID = re.compile(r"\w[\w.:-]*")


def _checked_id(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not text; write it in quotes")
    if not _ID.fullmatch(value):
        raise ValueError(f"{value!r} is no id; use letters, digits, '_', '-', '.' and ':' only")
    return value


def as_tuple(value: object) -> object:
    """Let a single entry stand where a list of entries may."""
    return tuple(value) if isinstance(value, list | tuple) else (value,)


def _period_as_text(value: object) -> object:
    return None if value is None else str(value)


Id = Annotated[str, BeforeValidator(_checked_id)]
PeriodText = Annotated[str, BeforeValidator(_period_as_text)]
Share = Annotated[float, Field(ge=0, le=1)]


class Noun(BaseModel):
    """A frozen entry of the cascade; unknown keys and infinite numbers are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, allow_inf_nan=False)


class Change(Noun):
    """A change as people write it: an absolute number, or a relative one with ``%``.

    Parameters
    ----------
    amount : float
        In units of the KPI, or a share of its value when `relative`.
    relative : bool
    """

    amount: float
    relative: bool = False

    @classmethod
    def parse(cls, value: object) -> "Change":
        """Read ``-0.03`` or ``"-10%"``.

        Examples
        --------
        >>> Change.parse("-10%")
        Change(amount=-0.1, relative=True)
        """
        text = str(value).strip()
        relative = text.endswith("%")
        try:
            amount = float(text.removesuffix("%"))
            return cls(amount=amount / 100 if relative else amount, relative=relative)
        except ValueError as error:
            raise ValueError(
                f"{value!r} is no change; write a number, or a percentage like '-10%'"
            ) from error

    def __str__(self) -> str:
        return f"{100 * self.amount:+g}%" if self.relative else f"{self.amount:+g}"


class MinEffect(Noun):
    """The smallest effect of a link that would matter.

    Parameters
    ----------
    size : float
        Greater than 0; in units of the effect per unit of the cause, or per standard deviation of the
        cause within units (in standard deviations of the effect) when `in_sd`.
    in_sd : bool
    """

    size: Annotated[float, Field(gt=0)]
    in_sd: bool = False

    @classmethod
    def parse(cls, value: object) -> "MinEffect":
        """Read ``0.1`` or ``"0.2 sd"``."""
        text = str(value).strip()
        in_sd = text.endswith("sd")
        try:
            return cls(size=float(text.removesuffix("sd")), in_sd=in_sd)
        except ValueError as error:
            raise ValueError(
                f"{value!r} is no effect size; write a number above 0, or one like '0.2 sd'"
            ) from error

    def __str__(self) -> str:
        return f"{self.size:g} sd" if self.in_sd else f"{self.size:g}"


class Ratio(Noun):
    """A quotient of two measures: the ratio of sums, over units and over time."""

    of: str
    per: str


class Mean(Noun):
    """A mean of a measure, weighted by another measure."""

    of: str
    weight: str | None = None


class Measure(Noun):
    """How a measure adds up over units and over time."""

    across: AcrossUnits = "sum"
    over_time: OverTime = "sum"


class DatedWeight(Noun):
    """A weight and the period from which it counts."""

    start: PeriodText = Field(alias="from")
    weight: Share


def _form_of_weight(value: object) -> str:
    return "dated" if isinstance(value, list | tuple) else "plain"


def _some(weights: tuple[DatedWeight, ...]) -> tuple[DatedWeight, ...]:
    if not weights:
        raise ValueError("an empty list; write a weight, or a list of {from: …, weight: …}")
    return weights


FORMS = ("plain", "dated")
Weight = Annotated[
    Annotated[Share, Tag("plain")] | Annotated[tuple[DatedWeight, ...], AfterValidator(_some), Tag("dated")],
    Discriminator(_form_of_weight),
]
"""One weight for all time, or dated ones: ``[{from: 2022-01, weight: 0.4}, {from: 2023-01, weight: 0.6}]``."""
