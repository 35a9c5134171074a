"""Interests, intent and sentences, on figures worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp

from include.config.understanding import Understanding
from include.interactions.histories import Histories, histories_from_pairs
from include.interactions.labels import Labels
from include.understanding.attribute_model import AttributeModel
from include.understanding.interests import find_interests
from include.understanding.portraits import Portrait, draw_portraits
from include.understanding.words import intent_sentence, join, label_word, profile_sentence

HORROR, COMEDY = 0, 1
TITLES = np.array(["Scream", "Alien", "Clueless", "Airplane!"])
# Two horror films and two comedies.
OF = sp.csr_matrix(np.array([[1, 0], [1, 0], [0, 1], [0, 1]], np.float32))
LABELS = Labels(np.array(["tag", "tag"]), np.array(["Horror", "Comedy"]), OF)
MODEL = AttributeModel(
    LABELS.attribute,
    LABELS.name,
    np.array(["landed", "landed"]),
    np.zeros((2, 0), np.float32),
    np.zeros(2, np.float32),
    np.zeros(2, bool),
    np.array([0.25, 0.75], np.float32),
)
PLAIN = Understanding()
MINUTE = 1 / (24 * 60)


def one_person(items: list[int], ages: list[float], weights: list[float] | None = None) -> Histories:
    n = len(items)
    return histories_from_pairs(
        np.zeros(n), np.array(items), np.array(weights or [1.0] * n), np.array(ages), n_users=1, n_items=4
    )


def portrait(histories: Histories, config: Understanding = PLAIN) -> Portrait:
    (drawn,) = draw_portraits(histories, LABELS, MODEL, TITLES, None, config)
    return drawn


def test_shares_by_weight() -> None:
    """Three quarters of the weight is horror; with three items of everyone's taste added to the two:
    (2 x 0.75 + 3 x 0.25) / 5 = 0.45, 1.8 times everyone's."""
    found = find_interests(one_person([0, 2], [5, 5], [3.0, 1.0]), LABELS, MODEL, Understanding())
    assert found.long[0].tolist() == pytest.approx([0.75, 0.25])
    assert found.lift[0, HORROR] == pytest.approx(1.8)


def test_recent_counts_from_the_persons_last_event() -> None:
    """The comedy is 14 days older than the horror film, a half-life: 2/3 against 1/3, however long ago."""
    for ago in (0.0, 900.0):
        found = find_interests(
            one_person([0, 2], [ago, ago + 14], [1.0, 1.0]), LABELS, MODEL, Understanding()
        )
        assert found.recent[0].tolist() == pytest.approx([2 / 3, 1 / 3], rel=1e-4)


def test_a_session_ends_at_a_pause() -> None:
    """Gaps of 50 minutes belong together, one of 61 does not, whatever the span in all."""
    ages = [0, 50 * MINUTE, 100 * MINUTE, 161.5 * MINUTE]
    found = find_interests(one_person([0, 1, 2, 3], ages), LABELS, MODEL, Understanding())
    assert found.session_pairs.tolist() == [True, True, True, False]
    assert found.session[0].tolist() == pytest.approx([2 / 3, 1 / 3])
    assert found.n_session.tolist() == [3]


def test_sessions_of_several_people_are_their_own() -> None:
    histories = histories_from_pairs(
        np.array([0, 0, 1, 1]),
        np.array([0, 2, 1, 3]),
        np.ones(4),
        np.array([0, 9, 7, 7]),
        n_users=3,
        n_items=4,
    )
    found = find_interests(histories, LABELS, MODEL, Understanding())
    assert found.session_pairs.tolist() == [True, False, True, True]
    assert found.n_session.tolist() == [1, 2, 0]
    drawn = draw_portraits(histories, LABELS, MODEL, TITLES, None, Understanding())
    assert [one.user for one in drawn] == [0, 1]


def test_a_horror_fan() -> None:
    drawn = portrait(one_person([0, 1, 2], [1, 2, 400], [5, 4, 1]))
    assert drawn.profile == "Mostly horror, like Scream and Alien."
    (interest,) = drawn.interests
    assert (interest.attribute, interest.label) == ("tag", "Horror")
    assert interest.weight == pytest.approx(0.9)
    assert interest.recent_weight > interest.weight


def test_taste_that_changed() -> None:
    """Comedies for long, horror since yesterday."""
    drawn = portrait(one_person([2, 3, 0], [300, 301, 1], [4, 4, 2]))
    assert "lately horror" in drawn.profile.casefold()


def test_intent_tells_the_session_and_how_far_it_is_from_taste() -> None:
    drawn = portrait(one_person([2, 3, 0], [300, 301, 1], [4, 4, 2]))
    assert drawn.intent.about == "Horror: Scream"
    assert drawn.intent.items == 1
    # All of the session, but of one item: 1 / (1 + 2).
    assert drawn.intent.confidence == pytest.approx(1 / 3)
    # Taste is (0.2, 0.8), the session (1, 0): 1 - 0.2 / sqrt(0.68).
    assert drawn.intent.drift == pytest.approx(1 - 0.2 / 0.68**0.5, abs=1e-4)


def test_one_of_whom_little_is_known() -> None:
    assert portrait(one_person([2], [1])).profile == "So far 1 item: Clueless."


def test_the_domains_own_words() -> None:
    drawn = portrait(one_person([0, 1], [1, 2]), Understanding(label_words={"Horror": "horror films"}))
    assert drawn.profile.startswith("Mostly horror films, like ")


def test_a_mean_of_texts_goes_with_the_portrait() -> None:
    texts = np.eye(4, dtype=np.float32)
    (drawn,) = draw_portraits(
        one_person([0, 1], [1, 2], [3, 4]), LABELS, MODEL, TITLES, texts, Understanding()
    )
    assert drawn.vector is not None
    assert drawn.vector.tolist() == pytest.approx([0.6, 0.8, 0, 0])


def test_no_labels_at_all() -> None:
    none = Labels(np.array([], str), np.array([], str), sp.csr_matrix((4, 0), dtype=np.float32))
    empty = np.zeros(0, np.float32)
    model = replace(
        MODEL,
        attribute=none.attribute,
        name=none.name,
        origin=none.name,
        direction=np.zeros((0, 0), np.float32),
        bias=empty,
        is_grouped=np.zeros(0, bool),
        base=empty,
    )
    (drawn,) = draw_portraits(one_person([0, 1, 2], [1, 2, 3]), none, model, TITLES, None, Understanding())
    assert drawn.profile == "A bit of everything in 3 items, like Scream and Alien."
    assert drawn.interests == ()
    assert drawn.intent.about == "Scream"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((["thrillers"], [], [], ["Scream"], 9), "Mostly thrillers, like Scream."),
        (
            (["thrillers", "crime films"], ["comedies"], ["musicals"], ["Scream", "Alien", "Heat"], 9),
            "Mostly thrillers and crime films, like Scream and Alien; lately comedies; rarely musicals.",
        ),
        (([], ["comedies"], [], ["Scream"], 9), "Lately comedies."),
        (
            ([], [], ["musicals"], ["Scream"], 12),
            "A bit of everything in 12 items, like Scream; rarely musicals.",
        ),
        (([], [], [], ["Scream", "Alien"], 2), "So far 2 items: Scream and Alien."),
    ],
)
def test_sentences(given: tuple[list[str], list[str], list[str], list[str], int], expected: str) -> None:
    assert profile_sentence(*given) == expected


def test_words() -> None:
    assert join(["a", "b", "c"]) == "a, b and c"
    assert label_word("Comedy", {}) == "comedy"
    assert label_word("Sci-Fi", {}) == "Sci-Fi"
    assert label_word("LEGO", {}) == "LEGO"
    assert intent_sentence([], ["x" * 80]) == "x" * 59 + "…"
