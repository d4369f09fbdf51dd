"""The entries of a cascade as an indented list: objective, factor, KPI, who answers for it, and where."""

from collections import Counter
from collections.abc import Iterator

from kpilab.model import editing
from kpilab.model.cascade import Cascade
from kpilab.model.nouns import Kpi, Objective
from kpilab.show import count_of, quantity

Row = tuple[str, tuple[str, editing.Key]]
"""What is shown, and the noun and key it stands for."""

VIEWS = ("Goals and KPIs", "Units", "Owners", "Processes", "Links", "Actions", "Targets")
NOUNS: dict[str, tuple[str, ...]] = {
    "Goals and KPIs": ("objectives", "factors", "kpis"),
    "Units": ("units",),
    "Owners": ("owners",),
    "Processes": ("processes",),
    "Links": ("links",),
    "Actions": ("actions",),
    "Targets": ("targets",),
}
SINGULAR = {
    "objectives": "objective", "factors": "success factor", "kpis": "KPI", "units": "unit", "owners": "owner",
    "processes": "process", "links": "link", "actions": "action", "targets": "target", "cascade": "cascade",
}  # fmt: skip
_STEP = "\u2003\u2002"
_LONGEST = 60


def outline(cascade: Cascade, view: str) -> list[Row]:
    """Return the rows of a view, the cascade itself first."""
    whole = (_short(cascade.name), ("cascade", ""))
    steps = {"Goals and KPIs": _goals, "Units": _units, "Links": _links, "Targets": _targets}
    return [whole, *(steps[view](cascade) if view in steps else _plain(cascade, NOUNS[view][0]))]


def _goals(cascade: Cascade) -> Iterator[Row]:
    served: set[str] = set()
    for objective in cascade.objectives:
        served |= {kpi.id for kpi in cascade.kpis if cascade.objective_of(kpi) == objective}
        yield from _objective(cascade, objective)
    for kpi in cascade.kpis:
        if kpi.id not in served:
            yield from _kpi(cascade, kpi, 0)


def _objective(cascade: Cascade, objective: Objective) -> Iterator[Row]:
    yield f"◎ {_short(objective.name)}", ("objectives", objective.id)
    for factor in cascade.factors:
        if factor.objective == objective.id:
            yield f"{_STEP}◇ {_short(factor.name)}", ("factors", factor.id)
            for kpi in cascade.kpis:
                if kpi.factor == factor.id:
                    yield from _kpi(cascade, kpi, 2)


def _kpi(cascade: Cascade, kpi: Kpi, depth: int) -> Iterator[Row]:
    yield f"{_STEP * depth}▪ {_short(kpi.name)}", ("kpis", kpi.id)
    inner = _STEP * (depth + 1)
    owner = cascade.named("owners", kpi.owner)
    if owner is not None:
        yield f"{inner}☺ {_short(owner.name)}", ("owners", owner.id)
    for level in cascade.levels_of(kpi):
        units = cascade.units_at(level)
        if len(units) == 1:
            yield f"{inner}⌂ {_short(units[0].name)}", ("units", units[0].id)
        elif units:
            yield f"{inner}⌂ {level}: {count_of(len(units), 'unit')}", ("kpis", f"{kpi.id}@{level}")


def _units(cascade: Cascade) -> Iterator[Row]:
    waiting = [(unit, 0) for unit in reversed(cascade.roots())]
    while waiting:
        unit, depth = waiting.pop()
        yield f"{_STEP * depth}⌂ {_short(unit.name)}", ("units", unit.id)
        waiting += [(child, depth + 1) for child in reversed(cascade.children(unit.id))]


def _links(cascade: Cascade) -> Iterator[Row]:
    drawn = Counter(link.id for link in cascade.links)
    for link in cascade.links:
        ends = f"{_short(cascade.kpi(link.cause).name, 28)} → {_short(cascade.kpi(link.effect).name, 28)}"
        level = (link.at,) if drawn[link.id] > 1 else ()
        yield f"{ends} ({link.sign})", ("links", (link.cause, link.effect, *level))


def _targets(cascade: Cascade) -> Iterator[Row]:
    for target in cascade.targets:
        kpi = cascade.kpi(target.kpi)
        unit = cascade.unit(target.unit).name if target.unit else "every unit"
        value = quantity(target.target, kpi.unit_of_measure)
        yield f"{_short(kpi.name, 28)} · {_short(unit, 20)}: {value}", ("targets", target.id)


def _plain(cascade: Cascade, noun: str) -> Iterator[Row]:
    for entry in getattr(cascade, noun):
        yield _short(entry.name), (noun, entry.id)


def _short(text: str, most: int = _LONGEST) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1] + "…"
