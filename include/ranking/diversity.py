"""Maximal marginal relevance and caps: a list that is not ten times the same thing."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import BeforeValidator, Field

from include.config.section import Share, Whole, expects, section
from include.interactions.catalogue import Catalogue

USERS_AT_ONCE = 128  # n_candidates² similarities a user: 8 MB at 128 users and 120 candidates


def _capped(value: object) -> object:
    return None if value == 0 else value


def _chosen(value: object) -> object:
    return None if value == "auto" else value


_REACH = {"anyOf": [{"const": "auto"}, {"type": "number", "minimum": 0, "maximum": 1}]}
Cap = Annotated[Annotated[Whole, Field(ge=0)] | None, BeforeValidator(_capped)]
Reach = Annotated[Share | None, BeforeValidator(_chosen), expects("auto, or a number from 0 to 1", **_REACH)]


@section
class Diversity:
    """How a list is spread."""

    strength: Share = 0.0
    """0 keeps the order of scores, 1 looks at novelty to the list alone (MMR, Carbonell 1998). Each step
    costs nDCG (quality.md), so that a domain must ask for it."""

    by: Literal["auto", "text", "category"] = "auto"
    """What makes two items alike; auto: their texts where there are embeddings, else their category."""

    max_per_category: Cap = None
    """Items of one category in a list; 0: no limit."""

    reach: Reach = None
    """How far items that no list shows are lifted, 0 to 1; auto: as far as the inner splits say costs next to
    nothing (models.md)."""

    max_first_share: Share = 0.1
    """Share of the lists of people with a history that one item may lead; 1: no limit. What it costs is
    measured each night (quality.md)."""


def item_vectors(catalogue: Catalogue, by: str) -> np.ndarray | None:
    """float32 (n_items, d), unit rows: text embeddings, else one-hot categories; None without either."""
    if by in ("auto", "text") and catalogue.embeddings is not None:
        norms = np.linalg.norm(catalogue.embeddings, axis=1, keepdims=True)
        return catalogue.embeddings / np.where(norms > 0, norms, 1)
    names, codes = catalogue.categories()
    if by == "text" or not len(names):
        return None
    vectors = np.zeros((len(codes), len(names)), dtype=np.float32)
    known = np.flatnonzero(codes >= 0)
    vectors[known, codes[known]] = 1
    return vectors


def diversify(
    items: np.ndarray, score: np.ndarray, n: int, catalogue: Catalogue, diversity: Diversity
) -> np.ndarray:
    """int64 (n_users, n) positions into the candidates, in list order.

    items, score: (n_users, n_candidates), best first, score -inf where there is no candidate.
    Source: Carbonell & Goldstein 1998: argmax (1 - s) relevance - s max similarity to the list so far, with
    relevance brought to 0..1 a user.  Items beyond a category's cap come after all others.
    """
    n = min(n, items.shape[1])
    vectors = item_vectors(catalogue, diversity.by) if diversity.strength > 0 else None
    _, codes = catalogue.categories()
    if vectors is None and diversity.max_per_category is None:
        return np.broadcast_to(np.arange(n), (len(items), n))
    parts = [
        _diversify_block(
            items[at : at + USERS_AT_ONCE], score[at : at + USERS_AT_ONCE], n, vectors, codes, diversity
        )
        for at in range(0, len(items), USERS_AT_ONCE)
    ]
    return np.concatenate(parts) if parts else np.zeros((0, n), dtype=np.int64)


def _diversify_block(
    items: np.ndarray,
    score: np.ndarray,
    n: int,
    vectors: np.ndarray | None,
    codes: np.ndarray,
    diversity: Diversity,
) -> np.ndarray:
    rows = np.arange(len(items))
    relevance = _unit_range(score)
    similarity = None
    if vectors is not None:
        candidates = vectors[items]
        similarity = candidates @ candidates.transpose(0, 2, 1)
    nearest = np.zeros(items.shape, dtype=np.float32)
    is_left = np.isfinite(score)
    category = codes[items]
    taken = np.zeros((len(items), int(codes.max(initial=-1)) + 2), dtype=np.int64)
    cap = diversity.max_per_category
    chosen = np.zeros((len(items), n), dtype=np.int64)
    for place in range(n):
        value = (1 - diversity.strength) * relevance - diversity.strength * nearest
        if cap is not None:
            is_over = (category >= 0) & (np.take_along_axis(taken, category + 1, axis=1) >= cap)
            value = value - 10.0 * is_over
        # Without candidates left, -inf everywhere: take the hidden ones in order, the caller shows none.
        value = np.where(is_left, value, -1e6 - np.arange(items.shape[1]))
        value[rows[:, None], chosen[:, :place]] = -np.inf
        best = value.argmax(axis=1)
        chosen[:, place] = best
        taken[rows, category[rows, best] + 1] += 1
        if similarity is not None:
            nearest = np.maximum(nearest, similarity[rows, best])
    return chosen


def _unit_range(score: np.ndarray) -> np.ndarray:
    """Each row's finite scores brought to 0..1; 0 where there is no candidate."""
    is_real = np.isfinite(score)
    any_real = is_real.any(axis=1, keepdims=True)
    high = np.where(any_real, np.where(is_real, score, -np.inf).max(axis=1, keepdims=True), 0)
    low = np.where(any_real, np.where(is_real, score, np.inf).min(axis=1, keepdims=True), 0)
    return np.where(is_real, (np.where(is_real, score, 0) - low) / np.maximum(high - low, 1e-9), 0).astype(
        np.float32
    )
