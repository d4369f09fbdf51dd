"""Cards: readable by the published grade formula, made from the owner's own paths, safe, and one page long."""

import itertools

import pytest

import kpilab as kl
from kpilab.delivery import card_words
from kpilab.delivery.cards import CardMaker
from kpilab.scorecard.rollup import scorecard_span


@pytest.fixture(scope="module")
def cards(example_cascade, example_history, example_links):
    span = scorecard_span(example_cascade, example_history)
    maker = CardMaker(example_cascade, example_history, example_links, span)
    return [maker.card(owner.id) for owner in example_cascade.owners]


@pytest.fixture(scope="module")
def example_links(example_cascade, example_history):
    return kl.fit_links(example_cascade, example_history)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_every_card_reads_at_grade_nine_or_below(cards):
    """Flesch–Kincaid grade (Kincaid et al. 1975) as textstat computes it; sentences of 20 words at the most."""
    import textstat

    for card in cards:
        assert textstat.flesch_kincaid_grade(card.text) <= 9, card.owner
        assert textstat.words_per_sentence(card.text) <= 20, card.owner


def test_two_owners_share_less_than_half_of_their_sentences(cards):
    for one, two in itertools.combinations(cards, 2):
        a, b = set(one.text.splitlines()), set(two.text.splitlines())
        assert len(a & b) < 0.5 * min(len(a), len(b)), (one.owner, two.owner)


def test_card_says_path_certainty_and_worth(cards):
    card = next(card for card in cards if card.owner == "flow_lead")
    row = card.tidy().set_index("kpi").loc["bed_occupancy"]
    assert row["path"] == "bed_occupancy → seen_within_4h"
    assert row["objective"] == "timely"
    assert row["worth_low"] < row["worth"] < row["worth_high"]
    assert "The past cannot tell yet if “Acute bed occupancy” moves" in card.text
    assert "Why it matters: patients who wait long" in card.text
    assert len(card.questions) == 3


def test_unknown_owner_suggests_the_nearest(example_cascade, example_history):
    with pytest.raises(kl.InputError, match="unknown owner 'flow'; did you mean 'flow_lead'"):
        kl.line_of_sight(example_cascade, example_history, owner="flow")


def test_without_links_nothing_is_claimed(example_cascade, example_history):
    card = kl.line_of_sight(example_cascade, example_history, owner="flow_lead")
    assert card.tidy()["worth"].isna().all()
    assert "Nobody has yet tested" in card.text


def test_names_are_text_never_markup(example_cascade, example_history):
    hostile = "<img src=x onerror=alert(1)></script>"
    owners = tuple(o.model_copy(update={"name": hostile}) for o in example_cascade.owners)
    kpis = tuple(k.model_copy(update={"name": hostile + k.id}) for k in example_cascade.kpis)
    cascade = example_cascade.replace(owners=owners, kpis=kpis)
    card = kl.line_of_sight(cascade, example_history, owner="flow_lead")
    assert "<img" not in card.page() + card._repr_html_()
    assert "</script>" not in card.page()


def test_pages_and_index_are_written(example_cascade, example_history, tmp_path):
    paths = kl.write_cards(
        example_cascade, example_history, folder=tmp_path, owners=["flow_lead", "theatres_lead"]
    )
    assert [path.name for path in paths] == ["flow_lead.html", "theatres_lead.html", "index.html"]
    assert all(f"href='{name}'" in paths[-1].read_text() for name in ("flow_lead.html", "theatres_lead.html"))
    assert "<script" not in paths[0].read_text()


def test_only_the_newest_actions_are_told_and_the_others_counted(example_cascade, example_history):
    action = example_cascade.actions[0].model_copy(update={"owner": "flow_lead", "expects": {}, "end": None})
    years = range(2010, 2020)
    many = tuple(
        action.model_copy(update={"id": f"a{y}", "name": f"Plan {y}", "start": f"{y}-01"}) for y in years
    )
    cascade = example_cascade.replace(actions=many)
    text = kl.line_of_sight(cascade, example_history, owner="flow_lead").text
    assert [year for year in years if f"“Plan {year}” has run since" in text] == [2017, 2018, 2019]
    assert "7 more began in 2016-01 or before." in text


@pytest.mark.parametrize(
    ("value", "said"), [(0.000712, "+0.00071 runs"), (-0.00031, "−0.00031 runs"), (2.0, "+2 runs")]
)
def test_a_tiny_number_is_written_with_its_zeros(value, said):
    assert card_words._signed(value, "runs") == said
