"""Properties that every published list must have, and the file it is made from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest

from include.config.consumed import Consumed
from include.config.segment_words import DEFAULT_WORDS, segment_name, segment_words
from include.errors import DataError, ModelError
from include.interactions.catalogue import make_catalogue
from include.interactions.interactions import SECONDS_PER_DAY, make_interactions
from include.interactions.training_data import make_training_data
from include.ranking.diversity import Diversity
from include.ranking.rules import Rules
from include.recommender.build_lists import recommend
from include.recommender.model_config import ModelConfig, model_config_from_mapping
from include.recommender.shared_lists import popular_items, similar_items
from include.recommender.storage import checksum_path, load_recommender, save_recommender
from include.retrieval.registry import SOURCES
from include.retrieval.source import Relation
from include.tuning.fit import fit_recommender

N_USERS, N_ITEMS = 60, 40


def world(seed=3):
    rng = np.random.default_rng(seed)
    users = np.repeat(np.arange(N_USERS), 8)
    items = (rng.zipf(1.4, len(users)) * 2 + users % 2) % (N_ITEMS - 2)
    times = 1_000_000_000 + rng.uniform(0, 60 * SECONDS_PER_DAY, len(users))
    catalogue = make_catalogue(
        np.array([f"i{n}" for n in range(N_ITEMS)]),
        titles=np.array([f"Title {n}" for n in range(N_ITEMS)]),
        category=np.array(["even", "odd"] * (N_ITEMS // 2)),
        embeddings=rng.normal(size=(N_ITEMS, 8)),
        is_available=np.arange(N_ITEMS) != 4,
    )
    users_ids = np.array([f"u{n}" for n in range(N_USERS)])
    return make_training_data(users_ids, catalogue, make_interactions(users, items, times), as_of=times.max())


@pytest.fixture(scope="module")
def data():
    return world()


@pytest.fixture(scope="module")
def fitted(data):
    # With reach, so that every property below holds of lifted lists too.
    config = ModelConfig(list_size=10, diversity=Diversity(reach=0.5))
    return fit_recommender(data, config, seed=1)


def consumed_pairs(data):
    rows = np.repeat(np.arange(N_USERS), np.diff(data.histories.consumed.indptr))
    return set(zip(rows.tolist(), data.histories.consumed.indices.tolist(), strict=True))


def test_lists_are_full_unique_open_and_unconsumed(fitted, data):
    lists = recommend(fitted, data.histories, with_candidates=True)
    assert lists.item_idx.shape == (N_USERS, 10)
    assert (lists.item_idx >= 0).all()
    assert all(len(set(row)) == 10 for row in lists.item_idx.tolist())
    assert not (lists.item_idx == 4).any()
    shown = {(row, item) for row, items in enumerate(lists.item_idx.tolist()) for item in items}
    assert not shown & consumed_pairs(data)
    assert np.isfinite(lists.score).all()
    assert (np.diff(lists.score, axis=1) <= 0).all()
    assert (lists.reasons != "").all()


def test_every_listed_item_is_among_the_candidates(fitted, data):
    lists = recommend(fitted, data.histories, with_candidates=True)
    candidates = lists.candidates
    brought = set(zip(candidates.user_row.tolist(), candidates.item_idx.tolist(), strict=True))
    assert {(row, item) for row, items in enumerate(lists.item_idx.tolist()) for item in items} <= brought
    first = candidates.source_rank == 1
    assert (candidates.user_row[first & (candidates.source == 0)] == np.arange(N_USERS)).all()


def test_blocks_do_not_change_lists(fitted, data, monkeypatch):
    whole = recommend(fitted, data.histories, with_candidates=True)
    monkeypatch.setattr("include.recommender.build_lists.BLOCK_BYTES", 40_000)
    blocks = recommend(fitted, data.histories, with_candidates=True)
    np.testing.assert_allclose(blocks.score, whole.score, atol=1e-5)
    # The sums of another block size are rounded otherwise: what is equal but for that may change places.
    gaps = -np.diff(recommend(fitted, data.histories, 11).score, axis=1)
    is_tied = (gaps < 1e-5) | np.pad(gaps[:, :-1] < 1e-5, ((0, 0), (1, 0)))
    assert is_tied.mean() < 0.1
    np.testing.assert_array_equal(blocks.item_idx[~is_tied], whole.item_idx[~is_tied])
    np.testing.assert_array_equal(blocks.candidates.user_row, whole.candidates.user_row)


def test_consumed_comes_back_when_allowed(fitted, data):
    allowing = fitted.with_config(replace(fitted.config, consumed=Consumed("allow")))
    shown = recommend(allowing, data.histories).item_idx
    pairs = {(row, item) for row, items in enumerate(shown.tolist()) for item in items}
    assert pairs & consumed_pairs(data)


def test_a_list_longer_than_what_is_allowed_ends_in_no_item(fitted, data):
    lists = recommend(fitted, data.histories, 60)
    n_allowed = (
        N_ITEMS
        - 1
        - np.array(
            [
                len(set(row) - {4})
                for row in np.split(data.histories.consumed.indices, data.histories.consumed.indptr[1:-1])
            ]
        )
    )
    np.testing.assert_array_equal((lists.item_idx >= 0).sum(axis=1), n_allowed)
    assert (lists.reasons[lists.item_idx < 0] == "").all()


def test_a_stranger_gets_the_popular_list(fitted, data):
    nothing = data.with_events(data.events.where(np.zeros(len(data.events), bool)), data.as_of).histories
    lists = recommend(fitted, nothing.block(0, 1), 5)
    assert set(lists.reasons[0]) == {"popular right now"} or "trending right now" in lists.reasons[0]
    assert (lists.item_idx >= 0).all()


def test_who_likes_nothing_gets_what_is_popular_where_popularity_has_no_weight(fitted, data):
    """New, only a return, one rating of value 0: no weighted source speaks, and ids are no order."""
    silent = {name: 0.0 if name in ("popular", "trending", "repeat") else 1.0 for name in fitted.weights}
    model = replace(fitted, weights=silent, ranker=None, lifts=None)
    nobody = data.with_events(data.events.where(np.zeros(len(data.events), bool)), data.as_of).histories
    lists = recommend(model, nobody.block(0, 3), 10)
    expected = popular_items(model)["all"][0].tolist()[:10]
    assert lists.item_idx.tolist() == [expected] * 3
    assert lists.item_idx[0].tolist() != sorted(lists.item_idx[0].tolist())
    assert (np.diff(lists.score, axis=1) <= 0).all() and lists.score[0, 0] > lists.score[0, -1]


def test_blocked_items_never_appear_and_boosted_ones_rise(fitted, data):
    rules = Rules(block_items=("i3",), block_categories=("even",), boost_items={"i39": 100})
    lists = recommend(fitted.with_config(replace(fitted.config, rules=rules)), data.histories)
    assert not (lists.item_idx == 3).any()
    assert (lists.item_idx[lists.item_idx >= 0] % 2 == 1).all()


def test_same_seed_same_lists(fitted, data):
    again = fit_recommender(data, fitted.config, seed=1)
    assert again.weights == fitted.weights
    np.testing.assert_array_equal(again.lifts, fitted.lifts)
    np.testing.assert_array_equal(
        recommend(again, data.histories).item_idx, recommend(fitted, data.histories).item_idx
    )


def test_saved_and_loaded_gives_the_same_lists(fitted, data, tmp_path):
    path = tmp_path / "m.npz"
    checksum = save_recommender(fitted, path)
    restored = load_recommender(path, checksum).with_catalogue(data.catalogue)
    ours, theirs = recommend(fitted, data.histories), recommend(restored, data.histories)
    np.testing.assert_array_equal(theirs.item_idx, ours.item_idx)
    np.testing.assert_array_equal(theirs.reasons, ours.reasons)
    assert restored.config == fitted.config
    assert restored.reach == 0.5
    np.testing.assert_array_equal(restored.lifts, fitted.lifts)


def test_an_altered_model_is_refused(fitted, tmp_path):
    path = tmp_path / "m.npz"
    save_recommender(fitted, path)
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)
    with pytest.raises(ModelError, match="altered or torn"):
        load_recommender(path)
    checksum_path(path).unlink()
    with pytest.raises(ModelError, match="checksum file"):
        load_recommender(path)


def test_a_new_item_can_be_recommended_by_its_text(fitted, data):
    twin = data.catalogue.embeddings[1]
    grown = make_catalogue(
        np.append(data.catalogue.item_ids, "new"),
        embeddings=np.vstack([data.catalogue.embeddings, twin]),
        is_available=np.append(np.zeros(N_ITEMS, bool), True),
    )
    extended = fitted.with_catalogue(grown)
    lists = recommend(extended, data.histories.with_items(N_ITEMS + 1), 1)
    reached = lists.item_idx[:, 0] == N_ITEMS
    assert reached.mean() > 0.3
    similar = similar_items(
        fitted.with_catalogue(replace(grown, is_available=np.ones(N_ITEMS + 1, bool))), 3, np.array([N_ITEMS])
    )
    assert similar.similar_idx[0] == 1


def test_a_catalogue_of_other_ids_is_refused(fitted):
    with pytest.raises(ModelError, match="none of its 40 item ids"):
        fitted.with_catalogue(make_catalogue(np.array(["x", "y"])))


def test_histories_of_another_size_are_refused(fitted, data):
    with pytest.raises(DataError, match="recommender's catalogue has 40"):
        recommend(fitted, data.histories.with_items(50))


def test_similar_and_popular_items_are_open_and_ranked(fitted, data):
    similar = similar_items(fitted, 5)
    assert not (similar.similar_idx == 4).any()
    assert (similar.item_idx != similar.similar_idx).all()
    starts = np.flatnonzero(np.diff(similar.item_idx, prepend=-1))
    assert (similar.rank[starts] == 1).all()
    items, scores = popular_items(fitted)["all"]
    assert 4 not in items
    assert (np.diff(scores) <= 0).all()


def test_nothing_positive_cannot_be_fitted(data):
    nothing = data.with_events(data.events.where(np.zeros(len(data.events), bool)), data.as_of)
    with pytest.raises(DataError, match="no positive interaction"):
        fit_recommender(nothing, ModelConfig(), seed=1)


def test_no_reason_points_at_the_item_itself(fitted, data):
    """Where people take things again, lists hold what the history holds."""
    allowing = fitted.with_config(replace(fitted.config, consumed=Consumed("allow")))
    lists = recommend(allowing, data.histories)
    again = np.array(
        [np.isin(row, data.histories.weights[user].indices) for user, row in enumerate(lists.item_idx)]
    )
    assert again.any()
    assert not (lists.evidence == lists.item_idx).any()
    own = [
        (reason, item)
        for reason, item in zip(lists.reasons.ravel(), lists.item_idx.ravel(), strict=True)
        if reason.endswith(f" Title {item}")
    ]
    assert own == []


@dataclass(frozen=True)
class LastIdParams:
    step: float = 1.0


@dataclass(frozen=True)
class LastId:
    """The later an item stands in the catalogue, the better."""

    name: ClassVar[str] = "last_id"
    params_type: ClassVar[type] = LastIdParams
    reason_with_evidence: ClassVar[str | None] = None
    reason_without: ClassVar[str] = "nobody {verb} it yet"
    untuned_weight: ClassVar[float] = 100.0
    relation: ClassVar[Relation | None] = None
    speaks_of_sessions: ClassVar[bool] = False
    knows_new_items: ClassVar[bool] = False
    is_cubic: ClassVar[bool] = False
    grid: ClassVar[tuple[LastIdParams, ...]] = (LastIdParams(),)
    wide_grid: ClassVar[tuple[LastIdParams, ...]] = ()

    n_items: int
    params: LastIdParams

    @classmethod
    def fit(cls, training, params, seed):
        return cls(training.n_items, params)

    def score(self, histories):
        scores = np.arange(self.n_items, dtype=np.float32) * self.params.step
        return np.tile(scores, (histories.n_users, 1))

    def contributions(self, histories, rows, items):
        return None

    def arrays(self):
        return {"n_items": np.array(self.n_items)}

    @classmethod
    def from_arrays(cls, arrays, params):
        return cls(int(arrays["n_items"]), params)


def test_a_source_is_added_by_one_line_in_the_registry(data, monkeypatch, tmp_path):
    """From the domain file to lists, reasons and the model's file, nothing else knows its name."""
    monkeypatch.setitem(SOURCES, LastId.name, LastId)
    asked = {
        "retrieval": {"sources": ["als", "last_id"], "last_id": {"step": 2}},
        "diversity": {"max_first_share": 1},
        "tuning": {"search": "off"},
    }
    config = replace(model_config_from_mapping(asked), list_size=5, ranking="blend")
    model = fit_recommender(data, config, seed=1)
    assert model.sources["last_id"].params == LastIdParams(2.0)
    lists = recommend(model, data.histories)
    assert (lists.item_idx[:, 0] == N_ITEMS - 1).all()
    assert set(lists.reasons[:, 0]) == {"nobody liked it yet"}
    save_recommender(model, tmp_path / "model.npz")
    again = recommend(load_recommender(tmp_path / "model.npz"), data.histories)
    np.testing.assert_array_equal(again.item_idx, lists.item_idx)


def test_a_segment_is_called_by_the_domains_words():
    assert segment_words("people aged {value}", segment_name("age_band", "18-24")) == "people aged 18-24"
    assert segment_words(DEFAULT_WORDS, segment_name("plan", "a=b {value}")) == (
        "people whose plan is a=b {value}"
    )
