"""The line from an action to the top: products, delays and weakest evidence by hand."""

import pytest

import kpilab as kl


@pytest.fixture(scope="module")
def links(example_cascade, example_history):
    return kl.fit_links(example_cascade, example_history)


def test_strength_is_the_product_of_the_arrows(example_cascade, links):
    table = kl.action_paths(example_cascade, links, action="urgent_care")
    row = table.set_index("path").loc["attendances → seen_within_4h → over_12h"]
    parts = links[("attendances", "seen_within_4h")].estimate, links[("seen_within_4h", "over_12h")].estimate
    assert row["strength"] == pytest.approx(parts[0] * parts[1])
    assert row["evidence"] == "inconclusive"  # the weakest of inconclusive and supported
    assert (row["n_arrows"], row["objective"]) == (2, "timely")


def test_delays_add_up_along_the_path(example_cascade, links):
    table = kl.action_paths(example_cascade, links).query(
        "path == 'delayed_share → seen_within_4h → over_12h'"
    )
    assert (table["lag_from"].iloc[0], table["lag_to"].iloc[0]) == (0, 1)


def test_an_action_that_reaches_no_objective_has_a_row_that_says_so(example_cascade, links):
    kpis = tuple(k.model_copy(update={"factor": None}) for k in example_cascade.kpis)
    table = kl.action_paths(example_cascade.replace(kpis=kpis), links, action="urgent_care")
    assert table["objective"].to_list() == [""]


def test_unknown_action_suggests_the_nearest(example_cascade, links):
    with pytest.raises(kl.InputError, match="did you mean 'urgent_care'"):
        kl.action_paths(example_cascade, links, action="urgent_car")
