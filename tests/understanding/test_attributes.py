"""Which labels an item has: landed ones first, then what its text is sure of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import scipy.sparse as sp

from include.config.understanding import LabelGroup, Understanding
from include.interactions.catalogue import Catalogue, make_catalogue
from include.interactions.histories import Histories, histories_from_pairs
from include.interactions.labels import Labels
from include.understanding.attribute_model import LANDED, LEARNED, PROMPT, TOPIC, AttributeModel
from include.understanding.fit_attributes import fit_attributes
from include.understanding.topics import find_topics

SIZE = 8
AXES = {"scary": 0, "funny": 1}


def words_as_axes(texts: Sequence[str]) -> np.ndarray:
    """A text model that knows two words."""
    vectors = np.zeros((len(texts), SIZE), np.float32)
    for row, text in enumerate(texts):
        for word, axis in AXES.items():
            vectors[row, axis] = word in text
    return vectors


def labelled(rows: Sequence[Sequence[str]], attribute: str = "tag") -> Labels:
    names = sorted({name for row in rows for name in row})
    matrix = sp.csr_matrix(
        np.array([[float(name in row) for name in names] for row in rows], np.float32).reshape(
            len(rows), len(names)
        )
    )
    return Labels(np.array([attribute] * len(names)), np.array(names), matrix)


def catalogue_of(labels: Labels | None, n: int) -> Catalogue:
    return make_catalogue(np.array([f"i{at:03}" for at in range(n)]), labels=labels)


def nobody(n_items: int) -> Histories:
    none = np.zeros(0)
    return histories_from_pairs(none, none, none, none, n_users=0, n_items=n_items)


def fit(
    catalogue: Catalogue,
    texts: np.ndarray | None,
    config: Understanding,
    histories: Histories | None = None,
) -> AttributeModel:
    mean = None if texts is None else np.zeros(texts.shape[1])
    histories = histories or nobody(len(catalogue))
    return fit_attributes(config, catalogue, texts, mean, histories, words_as_axes, 7)


def texts_along(axes: Sequence[int]) -> np.ndarray:
    """Unit vectors, mostly along the given axes."""
    noise = np.random.default_rng(3).normal(0, 0.05, (len(axes), SIZE))
    vectors = np.eye(SIZE)[list(axes)] + noise
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def said(model: AttributeModel, labels: Labels, item: int) -> dict[str, float]:
    row = labels.of[item]
    return {str(model.name[at]): float(value) for at, value in zip(row.indices, row.data, strict=True)}


def test_landed_labels_are_taken_as_they_are() -> None:
    catalogue = catalogue_of(labelled([["Horror"], ["Horror", "Comedy"], []]), 3)
    model = fit(catalogue, None, Understanding())
    labels = model.label_items(catalogue, None)
    assert said(model, labels, 1) == {"Comedy": 1.0, "Horror": 1.0}
    assert said(model, labels, 2) == {}
    assert model.origin_of(catalogue, labels).tolist() == [LANDED] * 3


def test_a_label_in_another_case_is_the_same() -> None:
    model = fit(catalogue_of(labelled([["Horror"]]), 1), None, Understanding())
    later = catalogue_of(labelled([["horror"], ["unheard of"]]), 2)
    labels = model.label_items(later, None)
    assert said(model, labels, 0) == {"Horror": 1.0}
    assert said(model, labels, 1) == {}


def test_labels_are_learned_for_items_that_landed_with_none() -> None:
    """Thirty of each kind landed with their label; the last two have a text alone, one of neither kind."""
    axes = [0] * 30 + [1] * 30 + [0, 5]
    rows = [["Horror"]] * 30 + [["Comedy"]] * 30 + [[], []]
    catalogue, texts = catalogue_of(labelled(rows), 62), texts_along(axes)
    texts[61] = np.eye(SIZE)[5]
    model = fit(catalogue, texts, Understanding())
    labels = model.label_items(catalogue, texts)
    found = said(model, labels, 60)
    assert set(found) == {"Horror"} and 0.5 <= found["Horror"] < 1
    assert set(model.origin.tolist()) == {LEARNED}
    # What landed with a label is not asked again.
    assert said(model, labels, 0) == {"Horror": 1.0}
    entry = np.repeat(np.arange(62), np.diff(labels.of.indptr)) == 60
    assert model.origin_of(catalogue, labels)[entry].tolist() == [LEARNED]


def test_a_taxonomy_without_examples_is_read_from_its_words_and_abstains() -> None:
    axes = [0] * 4 + [1] * 4 + [3] * 90
    catalogue, texts = catalogue_of(None, 98), texts_along(axes)
    config = Understanding(taxonomy={"mood": LabelGroup(labels=("scary", "funny"), prompt="a {label} film")})
    model = fit(catalogue, texts, config)
    labels = model.label_items(catalogue, texts)
    assert model.origin.tolist() == [PROMPT, PROMPT]
    assert all(set(said(model, labels, item)) == {"scary"} for item in range(4))
    assert all(set(said(model, labels, item)) == {"funny"} for item in range(4, 8))
    assert all(not said(model, labels, item) for item in range(8, 98))


def test_a_taxonomy_takes_the_landed_labels_of_its_names() -> None:
    catalogue = catalogue_of(labelled([["Scary"], ["long"], ["scary"]]), 3)
    config = Understanding(taxonomy={"mood": LabelGroup(labels=("scary", "funny"))})
    model = fit(catalogue_of(labelled([["Scary"], ["long"], ["Scary"]]), 3), None, config)
    assert dict(zip(model.name.tolist(), model.attribute.tolist(), strict=True)) == {
        "scary": "mood",
        "long": "tag",
        "funny": "mood",
    }
    assert said(model, model.label_items(catalogue, None), 2) == {"scary": 1.0}


def test_topics_are_found_where_nothing_else_is_known_and_named_by_their_words() -> None:
    texts = texts_along([0] * 30 + [1] * 30)
    titles = np.array(
        [f"The wooden heart {n}" for n in range(30)] + [f"Paper lantern {n}" for n in range(30)]
    )
    catalogue = make_catalogue(np.array([f"i{at:03}" for at in range(60)]), titles=titles)
    model = fit(catalogue, texts, Understanding(topics=2))
    assert set(model.origin.tolist()) == {TOPIC}
    assert sorted(model.name.tolist()) == ["heart & wooden", "lantern & paper"]
    assert set(said(model, model.label_items(catalogue, texts), 0)) == {"heart & wooden"}
    assert len(fit(catalogue, texts, Understanding(topics="off"))) == 0


def test_too_few_texts_have_no_topics() -> None:
    names, centres = find_topics(texts_along([0] * 6), ["a word"] * 6, None, 7)
    assert names == [] and centres.shape == (0, SIZE)


def test_base_is_everyones_share_each_person_counting_alike() -> None:
    """Ann has one horror film of two, Bob nothing but comedies: horror 1/4, comedy 3/4."""
    catalogue = catalogue_of(labelled([["Horror"], ["Comedy"]]), 2)
    histories = histories_from_pairs(
        np.array([0, 0, 1]), np.array([0, 1, 1]), np.array([1.0, 1, 9]), np.zeros(3), n_users=2, n_items=2
    )
    model = fit(catalogue, None, Understanding(), histories)
    assert dict(zip(model.name.tolist(), model.base.tolist(), strict=True)) == pytest.approx(
        {"Comedy": 0.75, "Horror": 0.25}
    )


def test_a_model_is_the_same_after_a_trip_through_arrays() -> None:
    model = fit(catalogue_of(labelled([["Horror"], ["Comedy"]]), 2), None, Understanding())
    back = AttributeModel.from_arrays(model.arrays())
    for name, array in model.arrays().items():
        np.testing.assert_array_equal(array, back.arrays()[name])
