"""What one types says the same as the file, and back."""

import pytest

import kpilab as kl
from kpilab.model.editing import change
from kpilab.model.files import LISTS
from kpilab.model.start import start_cascade
from kpilab.model.typed import texts_of, typed
from tests.small import shops


@pytest.mark.parametrize("noun", list(LISTS))
def test_typing_what_is_shown_changes_nothing(noun, tmp_path, example_cascade):
    start_cascade(tmp_path / "firm")
    for cascade in (kl.read_cascade(tmp_path / "firm"), shops(tmp_path / "shops")[0], example_cascade):
        for entry in getattr(cascade, noun)[:20]:
            after = change(cascade, noun, entry.id, typed(noun, texts_of(noun, entry)))
            assert getattr(after, noun) == getattr(cascade, noun)


LAGS = [("1", [1, 1]), ("0-2", [0, 2]), ("0 – 2", [0, 2]), ("[1, 3]", [1, 3]), ("-1", "-1"), ("soon", "soon")]


@pytest.mark.parametrize(("text", "lag"), LAGS)
def test_lags(text, lag):
    assert typed("links", {"lag": text}) == {"lag": lag}


def test_half_a_ratio_is_told_as_such(tmp_path):
    cascade, _ = shops(tmp_path)
    with pytest.raises(kl.InputError, match=r"'ratio.per' is missing"):
        change(cascade, "kpis", "conversion", typed("kpis", {"kind": "ratio", "computed": "orders"}))
