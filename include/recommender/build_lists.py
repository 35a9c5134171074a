"""From histories to lists: retrieve, blend, rank, apply rules, explain; a block of users at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from include.errors import DataError
from include.interactions.catalogue import NO_ITEM
from include.interactions.histories import Histories
from include.ranking.blend import normalise, top_k
from include.ranking.diversity import diversify
from include.ranking.rules import allowed_items, boosts, open_items
from include.recommender.lists import Candidates, Lists, concatenate_lists
from include.recommender.model import Recommender
from include.recommender.rank import rank
from include.recommender.reasons import explain
from include.retrieval.registry import FALLBACK
from include.retrieval.text import Text
from include.threads import cores, in_threads

# All sources' dense scores of one block together; bounds the peak whatever the catalogue's size.
BLOCK_BYTES = 64 * 1024**2
# Few rows stay in the processor's caches from one step to the next.
BLOCK_ROWS = 128
# Normalised scores that differ by less are alike but for rounding.
FLAT = 1e-6
# Smallest block given to a thread: fewer rows are done before a thread has started.
MIN_ROWS = 32
HIDDEN = np.float32(-np.inf)
# Beyond any normalised score.
AHEAD = np.float32(1e4)


@dataclass(frozen=True)
class BlockScores:
    """Dense scores of one block.

    raw: of each source float32 (n_users, n_items).  scaled: float32 (n_sources, n_users, n_items).
    allowed: bool (n_users, n_items).
    """

    raw: tuple[np.ndarray, ...]
    scaled: np.ndarray
    allowed: np.ndarray


def recommend(
    recommender: Recommender, histories: Histories, n: int | None = None, *, with_candidates: bool = False
) -> Lists:
    """Lists of n items (default: the config's list_size) for every row of `histories`."""
    parts = list(recommend_blocks(recommender, histories, n, with_candidates=with_candidates))
    return concatenate_lists(parts)


def recommend_blocks(
    recommender: Recommender,
    histories: Histories,
    n: int | None = None,
    *,
    with_candidates: bool = False,
    finish: Callable[[Histories, Lists], Lists] | None = None,
) -> Iterator[Lists]:
    """`recommend` in blocks of rows, in order, so that a caller can write while the next are scored.

    finish: what is to be done with a block's histories and lists, on the core that made them.
    """
    if histories.n_items != len(recommender.catalogue):
        raise DataError(
            f"recommend: histories have {histories.n_items} items; the recommender's catalogue has "
            f"{len(recommender.catalogue)}; build histories against recommender.catalogue"
        )
    n = recommender.config.list_size if n is None else n
    rows = min(block_rows(recommender), max(MIN_ROWS, math.ceil(histories.n_users / cores())))
    starts = range(0, max(histories.n_users, 1), rows)

    def work(start: int) -> Lists:
        block = histories.block(start, min(start + rows, histories.n_users))
        lists = recommend_block(recommender, block, n, with_candidates)
        return finish(block, lists) if finish else lists

    return in_threads(work, starts)


def block_rows(recommender: Recommender) -> int:
    """Rows whose scores fit BLOCK_BYTES: two float32 a source and item, and three for the blend."""
    per_row = 4 * (2 * len(recommender.sources) + 3) * max(1, len(recommender.catalogue))
    return max(1, min(BLOCK_ROWS, BLOCK_BYTES // per_row))


def recommend_block(recommender: Recommender, histories: Histories, n: int, with_candidates: bool) -> Lists:
    """One block; see `recommend`."""
    scores = score_block(recommender, histories)
    blended, retrieved = retrieve_and_blend(recommender, scores, n)
    ranked = rank(recommender, histories, scores.scaled, blended, n)
    places = diversify(ranked.items, ranked.score, n, recommender.catalogue, recommender.config.diversity)
    items = np.take_along_axis(ranked.items, places, axis=1)
    # Diversity lifts an item above better scored ones: its rank then caps what the ones below may claim.
    score = np.minimum.accumulate(np.take_along_axis(ranked.score, places, axis=1), axis=1)
    is_item = np.isfinite(score)
    items = np.where(is_item, items, NO_ITEM).astype(np.int32)
    source, evidence, share, reasons = explain(recommender, histories, scores.scaled, items)
    return Lists(
        _filled(items, n, NO_ITEM),
        _filled(np.where(is_item, score, 0).astype(np.float32), n, 0),
        _filled(source, n, 0),
        _filled(evidence, n, NO_ITEM),
        _filled(share, n, 0),
        _filled(reasons, n, ""),
        recommender.source_names,
        _candidates(recommender, scores, retrieved) if with_candidates else None,
    )


def score_block(recommender: Recommender, histories: Histories) -> BlockScores:
    """Every source's scores of one block, raw and normalised over the open items."""
    n_items = len(recommender.catalogue)
    fitted = histories.with_items(recommender.n_fitted)
    is_open = open_items(recommender.catalogue, recommender.config.rules)
    raw = []
    scaled = np.empty((len(recommender.sources), histories.n_users, n_items), dtype=np.float32)
    for position, source in enumerate(recommender.sources.values()):
        part = source.score(histories if source.knows_new_items else fitted).astype(np.float32, copy=False)
        raw.append(_filled(part, n_items, 0))
        known = part.shape[1]
        normalise(part, out=scaled[position, :, :known])
        scaled[position, :, known:] = 0
    return BlockScores(tuple(raw), scaled, allowed_items(histories, is_open, recommender.config.consumed))


def retrieve_and_blend(
    recommender: Recommender, scores: BlockScores, n: int
) -> tuple[np.ndarray, list[tuple[np.ndarray, np.ndarray]]]:
    """(blended as `blend` has it, HIDDEN too where no source brought the item; what `retrieve` found)."""
    blended = blend(recommender, scores)
    retrieved = retrieve(recommender, scores, n, blended)
    in_union = np.zeros(blended.shape, dtype=bool)
    for columns, is_real in retrieved:
        rows = np.broadcast_to(np.arange(len(columns))[:, None], columns.shape)
        in_union[rows[is_real], columns[is_real]] = True
    blended[~in_union] = HIDDEN
    return blended, retrieved


def blend(recommender: Recommender, scores: BlockScores) -> np.ndarray:
    """float32 (n_users, n_items): Σ weight x normalised score, HIDDEN where not allowed.

    Where no weighted source says anything of a person (new, or nothing liked), the fallback's scores rank: a
    flat row would be ranked by item id.
    """
    weights = np.array([recommender.weights[name] for name in recommender.sources], dtype=np.float32)
    blended = np.tensordot(weights, scores.scaled, axes=1)
    is_silent = np.ptp(blended, axis=1) <= FLAT
    if is_silent.any():
        blended[is_silent] = scores.scaled[recommender.source_names.index(FALLBACK)][is_silent]
    if recommender.cold is not None:
        guessed = np.float32(recommender.config.cold_discount) * (blended @ recommender.cold.guess)
        blended[:, recommender.cold.items] += guessed
    boost = boosts(recommender.catalogue, recommender.config.rules)
    if boost is not None:
        blended += boost
    blended[~scores.allowed] = HIDDEN
    return blended


def retrieve(
    recommender: Recommender, scores: BlockScores, n: int, blended: np.ndarray | None = None
) -> list[tuple[np.ndarray, np.ndarray]]:
    """For each source: (columns (n_users, k) best first, is_real bool of that shape).

    blended: as `blend` has it; the items without events that are among its n best then come in by the text
    source, before what it brings by itself: what they borrow is more than its own score tells.

    A source that says nothing about a user or an item (score 0, flat row) brings nothing; the fallback
    always brings at least n, so that a list is full whenever n items are allowed.
    """
    result = []
    hidden = np.where(scores.allowed, np.float32(0), HIDDEN)
    visible = np.empty_like(hidden)
    for position, name in enumerate(recommender.sources):
        is_fallback = name == FALLBACK
        size = max(recommender.config.source_size, n) if is_fallback else recommender.config.source_size
        np.add(scores.scaled[position], hidden, out=visible)
        if name == Text.name and blended is not None and recommender.cold is not None:
            cold = recommender.cold.items
            nth_best = np.take_along_axis(blended, top_k(blended, n)[:, -1:], axis=1)
            visible[:, cold] += np.where(blended[:, cold] >= nth_best, AHEAD, np.float32(0))
        columns = top_k(visible, size)
        is_real = np.isfinite(np.take_along_axis(visible, columns, axis=1))
        if not is_fallback:
            # Rounding leaves 1e-9 where a sum is nothing; that is no opinion either.
            said = np.abs(np.take_along_axis(scores.raw[position], columns, axis=1))
            is_real &= said > 1e-5 * said.max(axis=1, keepdims=True, initial=0)
            is_real &= (np.vecdot(scores.scaled[position], scores.scaled[position]) > 0)[:, None]
        result.append((columns, is_real))
    return result


def _candidates(
    recommender: Recommender, scores: BlockScores, retrieved: list[tuple[np.ndarray, np.ndarray]]
) -> Candidates:
    user_row, source, rank, item, score = [], [], [], [], []
    for position, (columns, is_real) in enumerate(retrieved):
        rows, places = np.nonzero(is_real)
        user_row.append(rows.astype(np.int32))
        source.append(np.full(len(rows), position, np.int8))
        rank.append((np.cumsum(is_real, axis=1)[rows, places]).astype(np.int32))
        item.append(columns[rows, places].astype(np.int32))
        score.append(scores.raw[position][rows, columns[rows, places]])
    by_user = np.argsort(np.concatenate(user_row), kind="stable")
    return Candidates(*(np.concatenate(part)[by_user] for part in (user_row, source, rank, item, score)))


def _filled(values: np.ndarray, n: int, missing: object) -> np.ndarray:
    """Pad columns up to n: a catalogue smaller than the list."""
    if values.shape[1] == n:
        return values
    padded = np.full((len(values), n), missing, dtype=values.dtype)
    padded[:, : values.shape[1]] = values
    return padded
