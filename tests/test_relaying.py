"""A saved cascade changes where it was changed: layout and comments of all else stand as they stood."""

import difflib
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kpilab as kl
from kpilab.model.relaying import laid_out_as_before
from kpilab.model.start import start_cascade


@pytest.fixture
def starter(tmp_path):
    """A cascade whose entries are broken over lines as no YAML writer breaks them."""
    start_cascade(tmp_path / "starter")
    return kl.read_cascade(tmp_path / "starter")


def text_of(cascade):
    return (cascade.folder / "cascade.yaml").read_text(encoding="utf-8")


def changes(cascade, **nouns):
    """Save a changed cascade; return the lines that went and came, and what reads back."""
    before = text_of(cascade).splitlines()
    kl.write_cascade(cascade.replace(**nouns))
    lines = difflib.unified_diff(before, text_of(cascade).splitlines(), lineterm="", n=0)
    return [line for line in lines if not line.startswith(("---", "+++", "@@"))]


def test_saving_an_unchanged_cascade_writes_nothing(starter):
    before = text_of(starter)
    assert kl.write_cascade(starter) == []
    assert text_of(starter) == before


def test_only_the_entry_that_changed_is_laid_out_anew(starter):
    kpis = tuple(k.model_copy(update={"tolerance": 0.1}) if k.id == "calls" else k for k in starter.kpis)
    changed = changes(starter, kpis=kpis)
    assert "tolerance: 0.1" in "".join(line for line in changed if line.startswith("+"))
    assert all("calls" in line or "tolerance" in line for line in changed)
    assert kl.read_cascade(starter.folder).kpis == kpis


def test_comment_before_the_next_section_outlives_the_entry_before_it(example_cascade, tmp_path):
    shutil.copytree(example_cascade.folder, tmp_path / "copy")
    cascade = kl.read_cascade(tmp_path / "copy")
    changed = changes(cascade, kpis=tuple(k for k in cascade.kpis if k.id != "delayed_for_care"))
    assert len(changed) == 11
    assert not any("# planned" in line for line in changed)


def test_moved_entries_take_no_comment_twice(example_cascade, tmp_path):
    shutil.copytree(example_cascade.folder, tmp_path / "copy")
    cascade = kl.read_cascade(tmp_path / "copy")
    comments = [line.strip() for line in text_of(cascade).splitlines() if line.lstrip().startswith("#")]
    changes(cascade, factors=cascade.factors[::-1], actions=cascade.actions[::-1])
    assert sorted(comments) == sorted(
        line.strip() for line in text_of(cascade).splitlines() if line.lstrip().startswith("#")
    )


@given(st.lists(st.sampled_from(["a: 1", "b:  2", "", "# c", "d: [1,", "  2]"]), max_size=12))
def test_text_that_is_written_anew_without_a_change_is_the_original(lines):
    original = "".join(f"{line}\n" for line in lines)
    rewritten = "".join(f"{line.replace('  ', ' ').strip()}\n" for line in lines)
    assert laid_out_as_before(original, rewritten, rewritten) == original


ENTRY = st.tuples(st.lists(st.sampled_from(["  # above", "  # of {}", ""]), max_size=2), st.booleans())


@settings(deadline=None)
@given(st.lists(ENTRY, min_size=2, max_size=5), st.data())
def test_no_comment_is_lost_wherever_an_entry_changes(entries, data):
    """Between entries of one line the YAML writer drops comments that stand above an entry with one at its end."""
    lines = ["cascade: C", "frequency: month", "levels: [a]", "history: {path: h.csv}"]
    lines += ["units: [{unit: u, name: U, level: a}]", "kpis:"]
    for number, (above, at_end) in enumerate(entries):
        lines += [line.format(number) for line in above]
        lines.append(f"  - {{id: k{number}, name: N, sum: m}}" + ("  # at its end" if at_end else ""))
    text = "\n".join([*lines, "# last", ""])
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "cascade.yaml")
        file.write_text(text, encoding="utf-8")
        cascade = kl.read_cascade(folder)
        place = data.draw(st.integers(0, len(entries) - 1))
        kpis = [k.model_copy(update={"name": "New"}) if i == place else k for i, k in enumerate(cascade.kpis)]
        kl.write_cascade(cascade.replace(kpis=kpis))
        saved = file.read_text(encoding="utf-8")
        assert [k.name for k in kl.read_cascade(folder).kpis].count("New") == 1
    changed = text.replace(f"id: k{place}, name: N", f"id: k{place}, name: New")
    assert saved.replace("  #", " #") == changed.replace("  #", " #")
