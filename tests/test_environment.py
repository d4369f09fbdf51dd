"""The set-up files agree with pyproject.toml and name no machine."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from rattler import MatchSpec
from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parent.parent
TOP_LEVEL = {
    # what DESIGN lists
    *("kpilab", "notebooks", "data", "reports", "tests", "docs"),
    # the source of the map editor's page
    "javascript",
    # the usual project files
    *("README.md", "ARCHITECTURE.md", "CHANGELOG.md", "LICENSE", "Makefile", ".ci"),
    *("pyproject.toml", "requirements.lock", "environment.yml", ".gitignore", ".gitattributes"),
}
TARGETS = {"report", "test", "test-browser", "lint", "bench", "calibrate", "lock", "clean"}
# Written in pieces, or this file would find itself.
REGISTRY_HOSTS = re.compile(
    r"\b(?:" + "|".join((r"pypi" r"\.org", r"python" r"hosted\.org", r"npm" r"js\.(?:org|com)")) + r")\b"
    r"|\b(?:" + "|".join((r"anaconda" r"\.org", r"deb\.debian" r"\.org")) + r")\b"
)
MACHINE_PATHS = re.compile(r"(?<![\w.~-])/(?:work|root|home|Users)/\w|[A-Z]:\\Users\\")


def tracked_files():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True)
    return [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


@pytest.fixture(scope="module")
def pyproject():
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def conda():
    return YAML(typ="safe").load(ROOT / "environment.yml")


@pytest.fixture(scope="module")
def locked():
    """Name → the versions the lock pins for it, which may differ between Python versions."""
    pins: dict[str, list[Version]] = {}
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    for name, version in re.findall(r"^([\w.-]+)==([^\s;\\]+)", text, flags=re.MULTILINE):
        pins.setdefault(canonicalize_name(name), []).append(Version(version))
    return pins


def test_conda_brings_python_and_pip_only(conda, pyproject):
    specs = [MatchSpec(line, strict=True) for line in conda["dependencies"] if isinstance(line, str)]
    python, pip = sorted(specs, key=lambda spec: spec.name.normalized, reverse=True)
    assert conda["channels"] == ["conda-forge"]
    assert (python.name.normalized, pip.name.normalized) == ("python", "pip")
    assert str(python.version) == pyproject["project"]["requires-python"]
    assert pip.version is None


def test_conda_leaves_the_rest_to_pyproject(conda, pyproject):
    (pip_part,) = [line["pip"] for line in conda["dependencies"] if isinstance(line, dict)]
    (install,) = pip_part
    extras = re.fullmatch(r"-e \.\[([a-z,]+)\]", install)
    assert extras, install
    assert set(extras.group(1).split(",")) == set(pyproject["project"]["optional-dependencies"])
    assert set(conda) == {"name", "channels", "dependencies"}


def test_lock_holds_every_declared_dependency_at_an_allowed_version(locked, pyproject):
    project = pyproject["project"]
    declared = [*project["dependencies"], *sum(project["optional-dependencies"].values(), [])]
    for line in declared:
        wanted = Requirement(line)
        pinned = locked.get(canonicalize_name(wanted.name), [])
        assert pinned, f"{line} is not in requirements.lock: make lock"
        assert all(wanted.specifier.contains(version) for version in pinned), (line, pinned)


def test_lock_holds_names_versions_and_hashes_only():
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    entry = r"[\w.-]+==[^\s;\\]+(?: ; [^\\\n]+)? \\\n(?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+"
    comment = r"    # [\w .\[\],()<>=!;'-]+\n|    #\s*\n"
    rest = re.sub(f"(?m)^(?:{entry}|{comment})", "", text)
    assert rest == ""
    assert "://" not in text


def test_lock_leaves_out_what_slows_every_import():
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert re.findall(r"^rfc3987-syntax==\S+ ; (.*) \\$", text, flags=re.MULTILINE) in (
        [],
        ["sys_platform == 'never'"],
    )


@pytest.mark.parametrize(
    ("forbidden", "kind"), [(REGISTRY_HOSTS, "registry host"), (MACHINE_PATHS, "path of one machine")]
)
def test_no_tracked_file_names_a(forbidden, kind):
    found = [
        f"{name}: {kind} {match.group()!r}"
        for name in tracked_files()
        if (match := forbidden.search((ROOT / name).read_text(encoding="utf-8", errors="replace")))
    ]
    assert found == []


def test_scan_recognises_what_it_looks_for():
    assert REGISTRY_HOSTS.search("https://files.python" + "hosted.org/packages")
    assert MACHINE_PATHS.search("open('/" + "home/ann/history.csv')")
    assert not MACHINE_PATHS.search("https://example.org/home/page and #!/usr/bin/env bash and ../work/x")


def test_top_level_holds_only_what_belongs_there():
    assert {name.split("/")[0] for name in tracked_files()} <= TOP_LEVEL


def test_makefile_has_the_targets():
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert set(re.findall(r"^([a-z-]+):(?!=)", text, flags=re.MULTILINE)) >= TARGETS


def test_every_data_file_of_the_package_ships(pyproject):
    patterns = pyproject["tool"]["setuptools"]["package-data"]["kpilab"]
    shipped = {path for pattern in patterns for path in (ROOT / "kpilab").glob(pattern)}
    data = {
        ROOT / name for name in tracked_files() if name.startswith("kpilab/") and not name.endswith(".py")
    }
    assert data <= shipped


def test_ci_runs_the_same_tests():
    assert (ROOT / ".ci" / "run").read_text(encoding="utf-8").rstrip().endswith("\nmake test")
