"""A cascade whose every text is an attack: built from the fields of the nouns, so that a new field is covered too."""

import json
import shutil
from pathlib import Path

from ruamel.yaml import YAML

import kpilab as kl
from kpilab.model.parts import Noun

MARKUP = (
    '</script><script>window.planted=1</script><img src=x onerror="window.planted=1"> <svg onload="window.planted=1">'
    " 'q' \"Q\" &amp; {{7*7}} $x^2$ `b` 🏥 مرحبا "
).ljust(200, "x")
FLAG = "() => [window.planted ?? 0, document.querySelectorAll('img[src=x], svg[onload]').length]"
CHOICES = {
    "perspective": "perspective",
    "perspectives": "perspective",
    "level": "level",
    "levels": "level",
    "at": "level",
}
"""Texts that name another: both are planted alike."""
COMPUTED = {"sum", "last", "min", "max", "formula", "of", "per", "weight", "url", "query", "currency"}
"""Names of measures, of a database, of a currency: markup there is no cascade any more."""
TEXTS = (str, str | None)


def planted_folder(example: Path, folder: Path) -> tuple[Path, set[str]]:
    """Write the example with markup in every text; return the folder, and every text that was planted."""
    shutil.copytree(example, folder)
    cascade = kl.read_cascade(example)
    texts: set[str] = set()
    kl.write_cascade(planted(cascade, texts), folder)
    pay = planted(kl.read_pay(cascade), set())
    written = json.loads(pay.model_dump_json(by_alias=True, exclude_defaults=True, exclude_none=True))
    YAML().dump(written, folder / "pay.yaml")
    return folder, texts


def planted(noun: Noun, texts: set[str]) -> Noun:
    """Return a noun with markup in each of its texts, and in those of the nouns that it holds."""
    changed = {}
    for name, field in type(noun).model_fields.items():
        value = getattr(noun, name)
        if name in CHOICES:
            changed[name] = _chosen(CHOICES[name], value)
        elif field.annotation in TEXTS and not field.metadata and name not in COMPUTED:
            changed[name] = f"{value or ''} {type(noun).__name__}.{name} {MARKUP}".strip()
            texts.add(changed[name])
        elif isinstance(value, Noun):
            changed[name] = planted(value, texts)
        elif isinstance(value, tuple) and any(isinstance(each, Noun) for each in value):
            changed[name] = tuple(planted(each, texts) for each in value)
    return noun.model_copy(update=changed)


def _chosen(what: str, value: object) -> object:
    if value is None:
        return None
    if isinstance(value, dict):
        return {_chosen(what, key): each for key, each in value.items()}
    return (
        tuple(_chosen(what, each) for each in value)
        if isinstance(value, tuple)
        else f"{value} {what} {MARKUP}"
    )
