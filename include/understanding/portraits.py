"""A portrait of each person: interests, what they are about now, and both in words.

The nightly and the refresh call the same function on the same histories, so that a portrait does not depend
on which of them made it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from include.config.understanding import Understanding
from include.interactions.histories import Histories
from include.interactions.labels import Labels
from include.understanding.attribute_model import AttributeModel
from include.understanding.interests import Interests, find_interests
from include.understanding.words import intent_sentence, label_word, profile_sentence

MAX_INTERESTS = 10
# Said of a person: labels with so much of their weight, so many times everyone's.
MOSTLY_SHARE, MOSTLY_LIFT, MAX_MOSTLY = 0.1, 1.25, 3
# Lately: so many times the person's own share over all their history.
LATELY_GROWTH, MAX_LATELY = 1.5, 2
# Rarely: below this share of what everyone gives to a label that everyone likes.
RARELY_LIFT, RARELY_BASE, MAX_RARELY = 0.4, 0.1, 2
MIN_ITEMS_FOR_RARELY = 10
MAX_ABOUT = 2
# Items of a session after which what it is about is half sure.
SURE_ITEMS = 2.0


@dataclass(frozen=True)
class Interest:
    """One of a person's labels; see `Interests` for the figures."""

    attribute: str
    label: str
    weight: float
    recent_weight: float
    lift: float


@dataclass(frozen=True)
class Intent:
    """What the latest session is about.

    confidence: 0..1, share of the session's items that are about it, less where there are few items.
    drift: 0..1, how far the session's labels are from the person's taste: 1 - cosine.
    """

    about: str
    items: int
    confidence: float
    drift: float


@dataclass(frozen=True)
class Portrait:
    """user: row of the histories.  vector: float32 (d,), mean of the texts, unit length; None: no texts.
    interests: the strongest first."""

    user: int
    profile: str
    vector: np.ndarray | None
    interests: tuple[Interest, ...]
    intent: Intent


def draw_portraits(
    histories: Histories,
    labels: Labels,
    model: AttributeModel,
    titles: np.ndarray,
    texts: np.ndarray | None,
    config: Understanding,
) -> list[Portrait]:
    """One of everybody with an item, in the histories' order.

    labels, titles, texts: of the items that are the histories' columns; texts: float32 (n_items, d) or None.
    """
    interests = find_interests(histories, labels, model, config)
    vectors = None if texts is None else _mean_texts(histories, texts)
    return [
        _draw(user, histories, interests, labels, model, titles, vectors, config)
        for user in np.flatnonzero(histories.lengths() > 0).tolist()
    ]


def _draw(
    user: int,
    histories: Histories,
    interests: Interests,
    labels: Labels,
    model: AttributeModel,
    titles: np.ndarray,
    vectors: np.ndarray | None,
    config: Understanding,
) -> Portrait:
    pairs = histories.row(user)
    items, weights, ages = (
        histories.weights.indices[pairs],
        histories.weights.data[pairs],
        histories.age_days[pairs],
    )
    long, recent, lift = interests.long[user], interests.recent[user], interests.lift[user]
    # How much a label says of a person: its share, times how far it stands out (an entry of KL divergence).
    telling = np.where(long > 0, long * np.log(np.maximum(lift, 1e-6)), 0)
    n_items = int(interests.n_items[user])
    strongest = np.argsort(-telling, kind="stable")[:MAX_INTERESTS]
    kept = [label for label in strongest.tolist() if telling[label] > 0]

    def said(order: np.ndarray, is_said: np.ndarray, most: int) -> list[str]:
        words = [label_word(str(model.name[at]), config.label_words) for at in order.tolist() if is_said[at]]
        return list(dict.fromkeys(words))[:most]

    is_mostly = (long >= MOSTLY_SHARE) & (lift >= MOSTLY_LIFT)
    mostly = said(np.argsort(-telling, kind="stable"), is_mostly, MAX_MOSTLY)
    growth = (recent + 0.02) / (long + 0.02)
    is_lately = (recent >= 2 * MOSTLY_SHARE) & (growth >= LATELY_GROWTH)
    lately = [
        word
        for word in said(np.argsort(-growth * recent, kind="stable"), is_lately, MAX_LATELY)
        if word not in mostly
    ]
    is_rarely = (lift <= RARELY_LIFT) & (model.base >= RARELY_BASE) & (recent < MOSTLY_SHARE)
    is_rarely &= n_items >= MIN_ITEMS_FOR_RARELY
    rarely = said(np.argsort(lift - model.base, kind="stable"), is_rarely, MAX_RARELY)
    typical = weights * (0.1 + labels.of[items] @ np.maximum(telling, 0))
    best = items[np.lexsort((ages, -typical))]
    return Portrait(
        user,
        profile_sentence(mostly, lately, rarely, titles[best].tolist(), n_items),
        None if vectors is None else vectors[user],
        tuple(
            Interest(
                str(model.attribute[at]),
                str(model.name[at]),
                float(long[at]),
                float(recent[at]),
                float(lift[at]),
            )
            for at in kept
        ),
        _intent(user, histories, interests, model, titles, config),
    )


def _intent(
    user: int,
    histories: Histories,
    interests: Interests,
    model: AttributeModel,
    titles: np.ndarray,
    config: Understanding,
) -> Intent:
    pairs = histories.row(user)
    in_session = interests.session_pairs[pairs]
    items, ages = histories.weights.indices[pairs][in_session], histories.age_days[pairs][in_session]
    session, long = interests.session[user], interests.long[user]
    n = int(interests.n_session[user])
    smoothed = (n * session + model.base) / (n + 1)
    telling = np.where(
        session > 0, session * np.log(np.maximum(smoothed / np.maximum(model.base, 1e-6), 1e-6)), 0
    )
    about = [at for at in np.argsort(-telling, kind="stable")[:MAX_ABOUT].tolist() if telling[at] > 0]
    sure = float(session[about[0]]) * n / (n + SURE_ITEMS) if about else 0.0
    norm = float(np.linalg.norm(session) * np.linalg.norm(long))
    drift = 1 - float(session @ long) / norm if norm > 0 else 0.0
    newest = items[np.argsort(ages, kind="stable")]
    words = [label_word(str(model.name[at]), config.label_words) for at in about]
    return Intent(
        intent_sentence(list(dict.fromkeys(words)), titles[newest].tolist()),
        n,
        min(max(sure, 0.0), 1.0),
        min(max(drift, 0.0), 1.0),
    )


def _mean_texts(histories: Histories, texts: np.ndarray) -> np.ndarray:
    """float32 (n_users, d): weighted mean of the texts of a person's items, unit length or zero."""
    mean = np.asarray(histories.weights @ texts, dtype=np.float32)
    norms = np.linalg.norm(mean, axis=1, keepdims=True)
    return mean / np.where(norms > 1e-6, norms, 1)
