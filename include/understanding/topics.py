"""Topics of a catalogue: groups of item texts that read alike, named by the words that set them apart."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

MIN_TOPIC_ITEMS = 5
NAME_WORDS = 2
_WORD = re.compile(r"[^\W\d_]{3,}")


def find_topics(
    texts: np.ndarray, titles: Sequence[str], n_topics: int | None, seed: int
) -> tuple[list[str], np.ndarray]:
    """(names, centres float32 (n_topics, d), unit length) by k-means, the largest topic first.

    texts: float32 (n, d), centred, unit length.  n_topics: None: the root of half of the texts, 4 to 40.
    Topics of fewer than MIN_TOPIC_ITEMS items, and those without a word of their own, are left out.
    """
    if len(texts) < 2 * MIN_TOPIC_ITEMS:
        return [], np.zeros((0, texts.shape[1]), np.float32)
    from sklearn.cluster import MiniBatchKMeans
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    wanted = int(np.clip(round((len(texts) / 2) ** 0.5), 4, 40)) if n_topics is None else n_topics
    clusters = MiniBatchKMeans(
        min(wanted, len(texts) // MIN_TOPIC_ITEMS), random_state=seed, n_init=3, batch_size=4096
    )
    cluster = clusters.fit_predict(texts)
    words = [set(_WORD.findall(title.casefold())) - ENGLISH_STOP_WORDS for title in titles]
    everywhere = Counter(word for found in words for word in found)
    names: list[str] = []
    centres = []
    sizes = np.bincount(cluster)
    for topic in np.argsort(-sizes, kind="stable"):
        members = np.flatnonzero(cluster == topic)
        name = _name(
            Counter(word for at in members for word in words[at]), everywhere, len(members), len(texts)
        )
        if len(members) < MIN_TOPIC_ITEMS or not name or name in names:
            continue
        centre = texts[members].mean(axis=0)
        names.append(name)
        centres.append(centre / max(float(np.linalg.norm(centre)), 1e-6))
    return names, np.array(centres, np.float32).reshape(-1, texts.shape[1])


def _name(here: Counter[str], everywhere: Counter[str], n_here: int, n_all: int) -> str:
    """The words that stand in most of the topic's texts and in few others (share here x log of the lift)."""
    scored = {
        word: count / n_here * np.log(count / n_here * n_all / everywhere[word])
        for word, count in here.items()
        if count >= max(2, 0.1 * n_here)
    }
    name: list[str] = []
    for word in sorted(scored, key=lambda word: (-scored[word], word)):
        is_known = any(word.startswith(other) or other.startswith(word) for other in name)  # heart, hearts
        if scored[word] > 0 and not is_known and len(name) < NAME_WORDS:
            name.append(word)
    return " & ".join(name)
