"""Why an item is in a list, in words, from what really carried its score."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from include.config.segment_words import segment_words
from include.interactions.catalogue import NO_ITEM
from include.interactions.histories import NO_SEGMENT, Histories
from include.recommender.model import Recommender
from include.retrieval.registry import FALLBACK
from include.retrieval.related import Related

# 20 bytes each: what explains a block of long histories stays below 100 MB.
CONTRIBUTIONS_AT_ONCE = 2_000_000


def explain(
    recommender: Recommender, histories: Histories, scaled: np.ndarray, items: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(source int8, evidence int32, share float32, reasons object), all (n_users, n) as `items`.

    scaled: (n_sources, n_users, n_items) normalised scores.  The loudest source is the one with the
    largest weight x score; its share is of the positive parts' sum.
    """
    names = recommender.source_names
    weights = np.array([recommender.weights[name] for name in names], dtype=np.float32)
    safe = np.where(items == NO_ITEM, 0, items)
    rows = np.arange(len(items))[:, None]
    parts = np.maximum(weights[:, None, None] * scaled[:, rows, safe], 0)
    total = parts.sum(axis=0)
    source = np.where(total > 0, parts.argmax(axis=0), names.index(FALLBACK)).astype(np.int8)
    share = np.where(total > 0, parts.max(axis=0) / np.where(total > 0, total, 1), 0).astype(np.float32)
    evidence = _evidence(recommender, histories, safe, source)
    # Where people take things again, an item may carry itself: "similar to" its own title says nothing.
    evidence[(items == NO_ITEM) | (evidence == items)] = NO_ITEM
    reasons = _words(recommender, histories, items, source, evidence)
    return source, evidence, share, reasons


def _evidence(
    recommender: Recommender, histories: Histories, items: np.ndarray, source: np.ndarray
) -> np.ndarray:
    """The history item that contributed most to each item's score in the item's own source."""
    fitted = histories.with_items(recommender.n_fitted)
    evidence = np.full(items.shape, NO_ITEM, dtype=np.int32)
    for position, name in enumerate(recommender.source_names):
        known = histories if recommender.sources[name].knows_new_items else fitted
        lengths = known.lengths()
        rows, places = np.nonzero((source == position) & (items < known.n_items) & (lengths > 0)[:, None])
        for part in _parts(lengths[rows]):
            asked = items[rows[part], places[part]]
            contributions = recommender.sources[name].contributions(known, rows[part], asked)
            if contributions is None:
                break
            evidence[rows[part], places[part]] = contributions.strongest(len(asked))
    return evidence


def _parts(lengths: np.ndarray) -> Iterator[slice]:
    """Slices of pairs whose histories together hold about CONTRIBUTIONS_AT_ONCE items."""
    if len(lengths):
        bounds = np.flatnonzero(np.diff(np.cumsum(lengths) // CONTRIBUTIONS_AT_ONCE, prepend=-1))
        yield from (slice(*pair) for pair in pairwise([*bounds.tolist(), len(lengths)]))


def _words(
    recommender: Recommender,
    histories: Histories,
    items: np.ndarray,
    source: np.ndarray,
    evidence: np.ndarray,
) -> np.ndarray:
    titles, names, verb = (
        recommender.catalogue.titles,
        recommender.source_names,
        recommender.config.reason_verb,
    )
    sources = [recommender.sources[name] for name in names]
    plain = [source.reason_without.format(verb=verb) for source in sources]
    # The words before and after the title: joining them costs a third of filling in a form.
    around = [
        (source.reason_with_evidence or "").format(verb=verb, title="\0").partition("\0")
        for source in sources
    ]
    # At NO_SEGMENT + 1, the first place, the words for a user without a segment.
    words = recommender.config.segment_words
    known = [f"popular with {segment_words(words, name)}" for name in recommender.segment_names]
    popular = [plain[names.index(FALLBACK)], *known]
    rows, places = np.nonzero(items != NO_ITEM)
    told = evidence[rows, places]
    reasons = []
    for position, item, title, segment in zip(
        source[rows, places].tolist(),
        told.tolist(),
        titles[told].tolist(),
        histories.segments[rows].tolist(),
        strict=True,
    ):
        if item != NO_ITEM:
            before, _, after = around[position]
            reasons.append(before + title + after)
        elif names[position] == FALLBACK and recommender.segment_names:
            reasons.append(popular[segment - NO_SEGMENT])
        else:
            reasons.append(plain[position])
    told_words = np.full(items.shape, "", dtype=object)
    told_words[rows, places] = reasons
    related = recommender.sources.get(Related.name)
    if isinstance(related, Related):
        is_related = (source == names.index(Related.name)) & (evidence != NO_ITEM) & (items != NO_ITEM)
        for row, place in np.argwhere(is_related):
            taken = evidence[row, place]
            if name := related.name_of(items[row, place], taken):
                words = recommender.config.relation_words.get(name, f"same {name} as {{title}}")
                told_words[row, place] = words.replace("{title}", titles[taken])
    return told_words
