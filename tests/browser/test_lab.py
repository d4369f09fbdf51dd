"""The harness itself: cells run in JupyterLab, the kernel can be asked, and what goes wrong is seen."""

import pytest


def test_cells_run_in_the_folder_and_the_kernel_can_be_asked(lab):
    page = lab.run(
        "import kpilab as kl", "cascade = kl.read_cascade('data/nhs-scotland')\nprint(cascade.name)"
    )
    page.locator(".jp-OutputArea-output", has_text="NHS Scotland emergency").wait_for()
    assert lab.kernel("cascade.frequency") == "month"


def test_a_cell_that_raises_is_seen(lab):
    page = lab.run("1 / 0", "import this_is_never_run")
    page.locator(".jp-OutputArea-output", has_text="ZeroDivisionError").wait_for()
    assert lab.errors() == ["ZeroDivisionError: division by zero"]
    with pytest.raises(AssertionError):
        lab.assert_quiet()
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs')")


def test_a_restarted_kernel_has_forgotten(lab):
    lab.run("kept = 1")
    assert lab.kernel("'kept' in globals()") == "True"
    lab.restart_kernel()
    assert lab.kernel("'kept' in globals()") == "False"
