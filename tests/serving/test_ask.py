"""Requests in words: how they are read by hand, and what the real text model finds for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from include.config.consumed import consumed_from_value
from include.config.domain import Domain, load_domain
from include.errors import DataError, ModelError
from include.interactions.catalogue import make_catalogue
from include.interactions.histories import Histories, histories_from_pairs
from include.interactions.interactions import make_interactions
from include.interactions.training_data import make_training_data
from include.lake.lake import Lake
from include.ranking.diversity import Diversity
from include.recommender.model import Recommender
from include.recommender.model_config import ModelConfig, Tuning
from include.serving.ask import Asked, Clause, find_fitting, next_turn, read_clauses, titles_of
from include.serving.recommend import Reader
from include.settings import Settings
from include.texts.text_model import phrase_encoder
from include.tuning.fit import fit_recommender
from tests.support.nightly import text_vector

# A model of real texts is fitted for them.
pytestmark = pytest.mark.nightly

TITLES = {"fargo": 3, "no country for old men": 5, "full monty": 7}

READ = {
    "something slow and Nordic, not violent": [("slow and Nordic", 1, None), ("violent", -1, None)],
    "like Fargo but funnier": [("Fargo", 1, 3), ("funnier", 1, None)],
    "films like The Full Monty": [("The Full Monty", 1, 7)],
    "like No Country for Old Men": [("No Country for Old Men", 1, 5)],
    "not like Fargo": [("Fargo", -1, 3)],
    "I want dogs. No horror, nothing sad": [("dogs", 1, None), ("horror", -1, None), ("sad", -1, None)],
    "like nothing before": [("like", 1, None), ("before", -1, None)],
    "Ähnliches wie 東京物語 🙂": [("Ähnliches wie 東京物語 🙂", 1, None)],
}


@pytest.mark.parametrize("ask", READ)
def test_a_request_is_read_by_the_rule(ask: str) -> None:
    expected = [Clause(words, weight, item) for words, weight, item in READ[ask]]
    assert read_clauses(next_turn(ask, None), TITLES) == expected


def test_a_further_request_counts_twice_the_one_before() -> None:
    asked = next_turn("less violent", next_turn("Nordic", None))
    assert asked == Asked(("Nordic", "less violent"))
    assert read_clauses(asked, {}) == [Clause("violent", -1.0), Clause("Nordic", 0.5)]


@pytest.mark.parametrize("ask", ["", "   ", "?!", "\x00", "not", "x" * 1001, "a," * 17])
def test_a_request_without_words_or_with_too_many_is_refused(ask: str) -> None:
    with pytest.raises(DataError, match="ask"):
        read_clauses(next_turn(ask, None), {})


FILMS = (
    ("The Haunting. Horror, ghosts in an old house", "Ghost Ship. Horror at sea"),
    ("Wedding Bells. Romance, comedy", "Two Hearts. Romance in Paris"),
    ("Star Fleet. Science fiction, spaceships", "Mars Colony. Science fiction"),
)


@pytest.fixture(scope="module")
def films() -> Recommender:
    """Six films of three kinds, read by the real text model; forty people take two of one kind."""
    texts = [text for kind in FILMS for text in kind]
    vectors = phrase_encoder("sentence-transformers/all-MiniLM-L6-v2")(texts)
    titles = np.array([text.partition(".")[0] for text in texts])
    catalogue = make_catalogue(np.array([f"f{n}" for n in range(6)]), titles=titles, embeddings=vectors)
    users, kinds = np.repeat(np.arange(40), 2), np.repeat(np.arange(40) % 3, 2)
    events = make_interactions(users, kinds * 2 + np.tile([0, 1], 40), 1e9 + np.arange(80.0))
    training = make_training_data(np.array([f"u{n}" for n in range(40)]), catalogue, events, as_of=1e9 + 100)
    config = ModelConfig(
        tuning=Tuning(enabled=False),
        diversity=Diversity(reach=0.0),
        consumed=consumed_from_value("exclude"),
    )
    return fit_recommender(training, config, 1)


def person(*items: int) -> Histories:
    n = len(items)
    return histories_from_pairs(
        np.zeros(n, int), np.array(items, int), np.ones(n), np.zeros(n), n_users=1, n_items=6
    )


ENCODE = phrase_encoder("sentence-transformers/all-MiniLM-L6-v2")


def asked(films: Recommender, ask: str, history: Histories, n: int = 6):
    return find_fitting(films, history, read_clauses(next_turn(ask, None), titles_of(films)), ENCODE, n)


def test_words_find_what_the_texts_do_not_say_in_these_words(films: Recommender) -> None:
    found = asked(films, "something scary with spirits", person())
    assert set(found.items[:2].tolist()) == {0, 1}
    assert found.reasons[0] == "fits “scary with spirits”"
    assert (np.diff(found.score) <= 0).all()
    assert set(asked(films, "rockets and aliens", person()).items[:2].tolist()) == {4, 5}


def test_what_is_unwanted_goes_down(films: Recommender) -> None:
    found = asked(films, "no romance", person())
    assert set(found.items[-2:].tolist()) == {2, 3}
    assert set(found.reasons) == {"fits your taste"}


def test_like_a_title_leaves_that_title_out(films: Recommender) -> None:
    found = asked(films, "like The Haunting", person())
    assert found.items[0] == 1 and 0 not in found.items
    assert found.reasons[0] == "like The Haunting"


def test_taste_decides_where_words_do_not(films: Recommender) -> None:
    """Who took one of a kind gets the other one first of what is not unwanted, and not what they had."""
    for had, other in ((0, 1), (4, 5)):
        found = asked(films, "no romance", person(had))
        assert had not in found.items
        assert found.items[0] == other


def test_a_model_without_texts_says_so(films: Recommender) -> None:
    without = replace(films, sources={k: v for k, v in films.sources.items() if k != "text"})
    without = replace(without, weights={k: v for k, v in films.weights.items() if k != "text"})
    with pytest.raises(ModelError, match="knows no item texts"):
        asked(without, "scary", person())


def by_first_word(texts: Sequence[str]) -> np.ndarray:
    """The vectors that the lake of books was embedded with."""
    return np.stack([text_vector(text) for text in texts])


def test_a_reader_answers_and_refines(settings: Settings, domain: Domain, lake: Lake) -> None:
    with Reader(settings, domain, by_first_word) as reader:
        plain = reader.recommend("u00", 5)
        answer = reader.recommend("u00", 5, ask="Blue")
        titles = dict(lake.rows("select item_id, title from raw.items"))
        had = {item for (item,) in lake.rows("select item_id from raw.events where user_id = 'u00'")}
        ids = [item.item_id for item in answer.items]
        assert all(titles[item].startswith("Blue") for item in ids) and not had & set(ids)
        assert [item.rank for item in answer.items] == [1, 2, 3, 4, 5]
        assert {item.source for item in answer.items} == {"ask"}
        assert answer.items[0].reason == "fits “Blue”"
        assert answer.publication_id == plain.publication_id and plain.asked is None
        refined = reader.recommend("u00", 5, ask="Green", previous=answer.asked)
        assert refined.asked == Asked(("Blue", "Green"))
        assert titles[refined.items[0].item_id].startswith("Green")
        seen = ids[0]
        later = reader.recommend("u00", 5, session_items=[seen], ask="Blue")
        assert seen not in [item.item_id for item in later.items] and len(later.items) == 5
        stranger = reader.recommend("nobody", 3, ask="Red")
        assert stranger.fallback == "all"
        assert all(titles[item.item_id].startswith("Red") for item in stranger.items)
        with pytest.raises(DataError, match="previous is given without ask"):
            reader.recommend("u00", 5, previous=answer.asked)
        with pytest.raises(ModelError, match="run a nightly after changing text_model"):
            Reader(settings, domain, lambda texts: np.ones((len(texts), 3))).recommend("u00", ask="Blue")


def test_a_text_model_that_is_not_there_names_itself(settings: Settings, tmp_path) -> None:
    path = tmp_path / "missing.yaml"
    path.write_text(settings.config.read_text() + "text_model: ./nowhere\n")
    with Reader(settings, load_domain(path)) as reader:
        with pytest.raises(ModelError, match="cannot be used: .*no folder ./nowhere"):
            reader.recommend("u00", 5, ask="Blue")
