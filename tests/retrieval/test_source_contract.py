"""What every retrieval source must do, run against each of them on one small world."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from include.interactions.catalogue import NO_ITEM, Catalogue, make_catalogue
from include.interactions.interactions import SECONDS_PER_DAY, make_interactions
from include.interactions.item_relations import ItemRelations
from include.interactions.training_data import TrainingData, make_training_data
from include.retrieval.registry import SOURCES
from include.retrieval.source import Relation, SourceUnavailable
from tests.support.contributions import totals

N_USERS, N_ITEMS = 30, 12


def small_world() -> TrainingData:
    """Even users take even items, odd users odd ones, over 40 days, some twice; item 11 has no event."""
    rng = np.random.default_rng(5)
    users = np.repeat(np.arange(N_USERS), 6)
    items = (rng.integers(0, 6, len(users)) * 2 + users % 2) % 11
    times = 1_000_000_000 + rng.uniform(0, 40 * SECONDS_PER_DAY, len(users))
    users, items = np.append(users, users), np.append(items, (items + 2) % 11)
    times = np.append(times, times + 60)
    angles = np.arange(N_ITEMS) % 2 * 2.0 + np.arange(N_ITEMS) * 0.05
    embeddings = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    catalogue = make_catalogue(
        np.array([f"i{n}" for n in range(N_ITEMS)]),
        embeddings=embeddings,
        vectors={"image": embeddings[:, ::-1] + 0.1, "sound": embeddings * [[1, 2]]},
        relations=ItemRelations(
            np.array(["series"]),
            *(np.array(column, np.int32) for column in ([0, 2, 1, 3], [4, 8, 5, 9], [0, 0, 0, 0])),
            np.ones(4, np.float32),
        ),
    )
    events = make_interactions(users, items, times, 1 + items % 3)
    user_ids = np.array([f"u{n}" for n in range(N_USERS)])
    segments = (np.arange(N_USERS) % 2).astype(np.int32)
    return make_training_data(
        user_ids, catalogue, events, as_of=times.max(), segments=segments, segment_names=("even", "odd")
    )


def grown(catalogue: Catalogue) -> Catalogue:
    """One item more, which reads, looks and belongs to item 4 as the first one does."""
    relations = catalogue.relations
    return make_catalogue(
        np.append(catalogue.item_ids, "new"),
        embeddings=np.concatenate([catalogue.embeddings, catalogue.embeddings[:1]]),
        vectors={name: np.concatenate([rows, rows[:1]]) for name, rows in catalogue.vectors.items()},
        relations=replace(
            relations,
            item=np.append(relations.item, np.int32(N_ITEMS)),
            other=np.append(relations.other, np.int32(4)),
            name=np.append(relations.name, np.int32(0)),
            weight=np.append(relations.weight, np.float32(1)),
        ),
    )


@pytest.fixture(scope="module")
def world() -> TrainingData:
    return small_world()


@pytest.fixture(params=list(SOURCES))
def fitted(request, world):
    source_type = SOURCES[request.param]
    return source_type.fit(world, source_type.params_type(), 7)


def test_score_is_dense_finite_float32(fitted, world):
    scores = fitted.score(world.histories)
    assert scores.shape == (N_USERS, N_ITEMS)
    assert scores.dtype == np.float32
    assert np.isfinite(scores).all()
    assert scores.std() > 0


def test_a_row_scores_the_same_in_any_block(fitted, world):
    whole = fitted.score(world.histories)
    np.testing.assert_allclose(fitted.score(world.histories.block(4, 9)), whole[4:9], atol=1e-4)
    rows = np.array([17, 3])
    np.testing.assert_allclose(fitted.score(world.histories.rows(rows)), whole[rows], atol=1e-4)


def test_same_seed_gives_same_scores(fitted, world):
    again = type(fitted).fit(world, fitted.params, 7)
    np.testing.assert_array_equal(again.score(world.histories), fitted.score(world.histories))


def test_survives_arrays_and_back(fitted, world):
    arrays = fitted.arrays()
    assert all(array.dtype != object for array in arrays.values())
    restored = type(fitted).from_arrays(arrays, fitted.params)
    np.testing.assert_array_equal(restored.score(world.histories), fitted.score(world.histories))


def test_a_user_without_history_gets_finite_scores(fitted, world):
    strangers = world.with_events(
        world.events.where(np.zeros(len(world.events), bool)), world.as_of
    ).histories
    assert np.isfinite(fitted.score(strangers)).all()


def test_contributions_add_up_to_the_score(fitted, world):
    rows, items = np.array([2, 2, 2, 5, 9, 9]), np.array([0, 3, 10, 1, 1, 4])
    parts = fitted.contributions(world.histories, rows, items)
    if parts is None:
        return
    strongest = parts.strongest(len(rows))
    assert fitted.name == "repeat" or (strongest != NO_ITEM).any()
    for row, item in zip(rows, strongest, strict=True):
        assert item == NO_ITEM or item in world.histories.weights[row].indices
    scores = fitted.score(world.histories)[rows, items]
    np.testing.assert_allclose(totals(parts, len(rows)), scores, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", list(SOURCES))
def test_no_interactions_is_said_not_crashed(name, world):
    source_type = SOURCES[name]
    nothing = world.with_events(world.events.where(np.zeros(len(world.events), bool)), world.as_of)
    bare = replace(nothing.catalogue, embeddings=None, vectors={})
    nothing = replace(nothing, catalogue=bare)
    with pytest.raises(SourceUnavailable, match=name):
        source_type.fit(nothing, source_type.params_type(), 7)


@pytest.mark.parametrize("name", ["als", "ease", "item_to_item", "user_to_user", "covisitation", "text"])
def test_taste_is_learned(name, world):
    """An even user's open even items score above the odd ones on average."""
    source_type = SOURCES[name]
    scores = source_type.fit(world, source_type.params_type(), 7).score(world.histories)
    even = scores[::2]
    assert even[:, 0:11:2].mean() > even[:, 1:11:2].mean()


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_every_source_describes_itself(source):
    """What reports, blend, searches and reasons take from a source, none of them knowing it by name."""
    assert all(isinstance(params, source.params_type) for params in (*source.grid, *source.wide_grid))
    assert source.grid and len(set(source.grid)) == len(source.grid)
    assert not set(source.grid) & set(source.wide_grid)
    assert source.untuned_weight > 0
    for words in (source.reason_without, source.reason_with_evidence or "x"):
        assert words.strip() and not words.endswith(".")
        assert set(re.findall(r"{(\w+)}", words)) <= {"verb", "title"}
    assert "{title}" not in source.reason_without
    assert source.relation is None or isinstance(source.relation, Relation)
    flags = source.speaks_of_sessions, source.knows_new_items, source.is_cubic, source.is_personal
    assert {type(flag) for flag in flags} == {bool}


def test_evidence_has_words_where_scores_have_parts(fitted, world):
    parts = fitted.contributions(world.histories, np.array([2]), np.array([0]))
    assert (parts is None) == (fitted.reason_with_evidence is None)


def test_only_who_says_so_scores_items_that_were_not_there(fitted, world):
    assert fitted.score(world.histories).shape[1] == N_ITEMS
    assert hasattr(fitted, "over") == fitted.knows_new_items
    if fitted.knows_new_items:
        scores = fitted.over(grown(world.catalogue)).score(world.histories.with_items(N_ITEMS + 1))
        # The new item is what the first one is.
        np.testing.assert_allclose(scores[:, N_ITEMS], scores[:, 0], atol=1e-6)


def test_only_who_says_so_tells_people_apart(fitted, world):
    """Apart from segments, which popularity knows."""
    without_segments = replace(world.histories, segments=np.full(N_USERS, -1, np.int32))
    scores = fitted.score(without_segments)
    assert bool((scores != scores[0]).any()) == fitted.is_personal
