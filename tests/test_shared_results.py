"""Results handed from a run to its reports."""

import pandas as pd

import kpilab as kl
from kpilab.delivery import shared_results


def test_reports_of_a_run_find_its_results_and_no_others(example_folder, monkeypatch):
    cascade = kl.read_cascade(example_folder)
    history = kl.read_history(cascade)
    links, actions = kl.fit_links(cascade, history), kl.evaluate_actions(cascade, history)
    found_anew = []
    monkeypatch.setattr(shared_results, "fit_links", lambda *given: found_anew.append(given))
    again = kl.read_cascade(example_folder)
    redrawn = again.replace(links=again.links[1:])
    with shared_results.shared_results(history, links, actions):
        found = shared_results.links_of_run(again, kl.read_history(again))
        pd.testing.assert_frame_equal(found.tidy(), links.tidy())
        assert found.cascade is again
        same = shared_results.actions_of_run(again, history)
        pd.testing.assert_frame_equal(same.tidy(), actions.tidy())
        assert not found_anew
        shared_results.links_of_run(redrawn, history)
    shared_results.links_of_run(again, history)
    assert [given[0] for given in found_anew] == [redrawn, again]
