"""KPI templates to start from: name, how it is computed, direction, typical drivers, how it gets gamed."""

from functools import cache
from pathlib import Path
from typing import Any

from kpilab.model.entries import plain, yaml_format
from kpilab.model.parts import Id, Noun
from kpilab.model.typed import typed
from kpilab.words import Better, KpiKind

_FILE = Path(__file__).with_name("catalogue.yaml")


class Template(Noun):
    """A KPI that many organisations have; `drivers` are the ids of other templates."""

    id: Id
    name: str
    perspective: str
    success_factor: str
    kind: KpiKind
    computed: str
    better: Better
    near: float | None = None
    unit_of_measure: str = ""
    drivers: tuple[Id, ...] = ()
    gamed: str

    @property
    def fields(self) -> dict[str, str]:
        """Return what the template says of a KPI, as one would type it."""
        said = {
            "id": self.id, "name": self.name, "kind": self.kind, "computed": self.computed, "better": self.better,
            "near": "" if self.near is None else f"{self.near:g}", "unit_of_measure": self.unit_of_measure,
        }  # fmt: skip
        return {field: text for field, text in said.items() if text}

    @property
    def entry(self) -> dict[str, Any]:
        """Return the KPI as `Draft.add` takes it."""
        return typed("kpis", self.fields)


@cache
def kpi_templates() -> tuple[Template, ...]:
    """Return the templates, by perspective."""
    document = yaml_format().load(_FILE.read_text(encoding="utf-8"))
    return tuple(Template.model_validate(plain(entry)) for entry in document)
