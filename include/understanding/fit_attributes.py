"""Learn which labels there are and how a text tells them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import scipy.sparse as sp

from include.config.understanding import Understanding, label_key
from include.interactions.catalogue import Catalogue
from include.interactions.histories import Histories
from include.understanding.attribute_model import (
    LANDED,
    LEARNED,
    PROMPT,
    TOPIC,
    AttributeModel,
)
from include.understanding.interests import everyones_interest
from include.understanding.topics import find_topics

log = logging.getLogger(__name__)
Encode = Callable[[Sequence[str]], np.ndarray]
# Examples from which a label is learned; its own words tell it where there are fewer.
MIN_EXAMPLES = 20
MAX_LEARNED = 64
# Standard deviations above the mean cosine at which a prompt is as likely right as wrong, and how steep.
PROMPT_AT, PROMPT_STEEPNESS = 2.5, 2.0
# Cosine with a topic's centre from which an item belongs to it, and how steep.
TOPIC_AT, TOPIC_STEEPNESS = 0.35, 12.0
ENOUGH_LABELLED = 0.5  # share of items with a label from which topics are not looked for


def fit_attributes(
    config: Understanding,
    catalogue: Catalogue,
    texts: np.ndarray | None,
    mean: np.ndarray | None,
    histories: Histories,
    encode: Encode,
    seed: int,
) -> AttributeModel:
    """texts: float32 (n_items, d), centred by ``mean``, of unit length or zero; None: no texts.

    encode: texts -> vectors of unit length, as those of the items before centring; called for the taxonomy's
    prompts alone.  Deterministic for a seed.
    """
    labels, matrix = _known_labels(config, catalogue)
    size = 0 if texts is None else texts.shape[1]
    direction, bias = np.zeros((len(labels), size)), np.zeros(len(labels))
    if texts is not None and mean is not None:
        has_text = np.abs(texts).sum(axis=1) > 0
        _learn(config, labels, matrix, texts, has_text, direction, bias, seed)
        _read_prompts(config, labels, texts[has_text], mean, encode, direction, bias)
        topics, centres = _topics(config, catalogue, matrix, texts, has_text, seed)
        labels += [("topic", name, TOPIC) for name in topics]
        direction = np.concatenate((direction, TOPIC_STEEPNESS * centres))
        bias = np.concatenate((bias, np.full(len(topics), -TOPIC_STEEPNESS * TOPIC_AT)))
    attribute, name, origin = (np.array([label[at] for label in labels], dtype=str) for at in range(3))
    is_grouped = np.isin(attribute, list(config.taxonomy)) | (origin == TOPIC)
    unweighed = AttributeModel(
        attribute,
        name,
        origin,
        direction.astype(np.float32),
        bias.astype(np.float32),
        is_grouped,
        np.zeros(len(labels), np.float32),
    )
    base = everyones_interest(histories, unweighed.label_items(catalogue, texts))
    log.info("attributes: %d labels, %d of them told by texts", len(labels), int((bias != 0).sum()))
    return replace(unweighed, base=base)


def _known_labels(
    config: Understanding, catalogue: Catalogue
) -> tuple[list[tuple[str, str, str]], sp.csr_matrix]:
    """Labels of the taxonomy and of the catalogue, and which items landed with them."""
    grouped = {
        label_key(label): (attribute, label)
        for attribute, group in config.taxonomy.items()
        for label in group.labels
    }
    landed = catalogue.labels
    names = [] if landed is None else list(zip(landed.attribute.tolist(), landed.name.tolist(), strict=True))
    labels = [(*grouped.pop(label_key(name), (attribute, name)), LANDED) for attribute, name in names]
    n_landed = len(labels)
    labels += [(attribute, label, PROMPT) for attribute, label in grouped.values()]
    matrix = sp.csr_matrix((len(catalogue), len(labels)), dtype=np.float32)
    if landed is not None:
        more = sp.csr_matrix((len(catalogue), len(labels) - n_landed), dtype=np.float32)
        matrix = sp.csr_matrix(sp.hstack((landed.of, more)))
    return labels, matrix


def _learn(
    config: Understanding,
    labels: list[tuple[str, str, str]],
    matrix: sp.csr_matrix,
    texts: np.ndarray,
    has_text: np.ndarray,
    direction: np.ndarray,
    bias: np.ndarray,
    seed: int,
) -> None:
    """Labels that many items landed with, for those that landed with none: of the group, or of any."""
    from sklearn.linear_model import LogisticRegression

    examples = np.asarray((matrix > 0).sum(axis=0)).ravel()
    attributes = np.array([attribute for attribute, _, _ in labels], dtype=str)
    n_learned = 0
    for place in np.argsort(-examples, kind="stable"):
        if examples[place] < MIN_EXAMPLES or n_learned == MAX_LEARNED:
            break
        is_grouped = attributes[place] in config.taxonomy
        of_attribute = attributes == attributes[place] if is_grouped else np.ones(len(labels), bool)
        is_said = np.diff(matrix[:, np.flatnonzero(of_attribute)].indptr) > 0
        known = np.flatnonzero(is_said & has_text)
        answers = matrix[known, place].toarray().ravel() > 0
        # Nobody is left to be told, or nothing to be told apart.
        if is_said[has_text].all() or answers.all() or answers.sum() < MIN_EXAMPLES:
            continue
        fitted = LogisticRegression(C=10.0, max_iter=200, random_state=seed).fit(texts[known], answers)
        direction[place], bias[place] = fitted.coef_[0], fitted.intercept_[0]
        labels[place] = (*labels[place][:2], LEARNED)
        n_learned += 1


def _read_prompts(
    config: Understanding,
    labels: list[tuple[str, str, str]],
    texts: np.ndarray,
    mean: np.ndarray,
    encode: Encode,
    direction: np.ndarray,
    bias: np.ndarray,
) -> None:
    """Labels of the taxonomy that had no examples: how far an item's cosine stands out of the catalogue's."""
    asked = [
        place
        for place, (attribute, _, origin) in enumerate(labels)
        if attribute in config.taxonomy and origin != LEARNED
    ]
    if not asked or not len(texts):
        return
    words = [
        config.taxonomy[attribute].prompt.format(label=label)
        for attribute, label, _ in (labels[place] for place in asked)
    ]
    prompts = encode(words)
    centred = np.asarray(prompts, np.float64) - mean
    # What all labels of a list share (that they are films) tells none apart.
    centred -= centred.mean(axis=0)
    centred /= np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-6)
    cosines = texts @ centred.T
    spread = np.maximum(cosines.std(axis=0), 1e-6)
    direction[asked] = PROMPT_STEEPNESS * centred / spread[:, None]
    bias[asked] = -PROMPT_STEEPNESS * (cosines.mean(axis=0) / spread + PROMPT_AT)
    for place in asked:
        labels[place] = (*labels[place][:2], PROMPT)


def _topics(
    config: Understanding,
    catalogue: Catalogue,
    matrix: sp.csr_matrix,
    texts: np.ndarray,
    has_text: np.ndarray,
    seed: int,
) -> tuple[list[str], np.ndarray]:
    is_labelled = np.diff(matrix.indptr) > 0
    is_told = config.topics == "auto" and (config.taxonomy or is_labelled.mean() > ENOUGH_LABELLED)
    if config.topics == "off" or is_told:
        return [], np.zeros((0, texts.shape[1]))
    wanted = None if config.topics == "auto" else int(config.topics)
    rows = np.flatnonzero(has_text)
    return find_topics(texts[rows], catalogue.titles[rows].tolist(), wanted, seed)
