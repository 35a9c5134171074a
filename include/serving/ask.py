"""A request in words: what it wants and does not want, and which items fit it and the person.

The rule, in order (docs/asking.md):
1. A request is cut into clauses at commas, semicolons, full stops and "but".
2. What follows "not", "no", "without", "nothing", "never", "except" or "less" in a clause is unwanted.
3. "like X" stands for the item of that title, where there is one, and leaves X itself out of the answer.
4. An item fits by the cosines of its text with the clauses, each brought to one scale over the catalogue;
   what is unwanted takes its cosine off, never gives.
5. A further request refines: clauses of earlier ones count half, a quarter …
6. The order is ASK_STRENGTH of the fit and the rest of the person's taste, both on one scale.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from include.errors import DataError, ModelError
from include.interactions.histories import Histories
from include.ranking.blend import top_k
from include.ranking.standardise import standardised
from include.recommender.build_lists import blend, score_block
from include.recommender.model import Recommender
from include.retrieval.text import Text, centred_unit_rows

Encode = Callable[[Sequence[str]], np.ndarray]
# Of the final order; the person's taste has the rest.
ASK_STRENGTH = 0.7
# Language models of this size read a few hundred words; a request says what it wants in fewer.
MAX_ASK_CHARACTERS = 1000
MAX_CLAUSES = 16  # each of new words costs the encoder some 12 ms
MAX_TURNS = 8
SOURCE = "ask"
_CUT = re.compile(r"[,;.!?\n]+|\bbut\b", re.IGNORECASE)
_NEGATION = re.compile(r"\b(?:not|no|without|nothing|never|except|less)\b", re.IGNORECASE)
_LIKE = re.compile(r"\blike\s+(.+)$", re.IGNORECASE)
_FILLER = re.compile(
    r"^(?:and|or|with|too|please|also|something|anything|i want|i'd like|give me|show me)\b\s*", re.I
)
_ARTICLE = re.compile(r"^(?:the|an?)\s+|,\s*(?:the|an?)$")
_YEAR = re.compile(r"\s*\(\d{4}\)$")


@dataclass(frozen=True)
class Asked:
    """What was asked so far, oldest first: hand it back as `previous` to refine.  Nothing is written."""

    turns: tuple[str, ...]


@dataclass(frozen=True)
class Clause:
    """words: what the text model reads.  weight: > 0 wanted, < 0 unwanted.  item_idx: the item that "like X"
    names, else None."""

    words: str
    weight: float
    item_idx: int | None = None


def next_turn(ask: str, previous: Asked | None) -> Asked:
    """Raises DataError on a request without a word, or one that is too long to be one."""
    words = ask.encode("utf-8", "replace").decode("utf-8").strip()
    if not re.search(r"\w", words):
        raise DataError(
            f"ask is {ask[:40]!r}; expected what is wanted, in words; leave it out for the plain list"
        )
    if len(words) > MAX_ASK_CHARACTERS:
        raise DataError(f"ask has {len(words):,} characters; expected at most {MAX_ASK_CHARACTERS:,}")
    return Asked(((previous.turns if previous else ()) + (words,))[-MAX_TURNS:])


def read_clauses(asked: Asked, titles: Mapping[str, int]) -> list[Clause]:
    """titles: `title_key` of each item -> its position.  Raises DataError where nothing is left of it."""
    clauses = []
    for turns_back, turn in enumerate(reversed(asked.turns)):
        found = [
            clause for piece in _CUT.split(turn) for clause in _read_piece(piece, 0.5**turns_back, titles)
        ]
        if len(found) > MAX_CLAUSES:
            raise DataError(f"ask has {len(found)} clauses; expected at most {MAX_CLAUSES}")
        clauses += found
    if not clauses:
        raise DataError(f"ask is {asked.turns[-1][:40]!r}; expected what is wanted, in words")
    return clauses


def _read_piece(piece: str, weight: float, titles: Mapping[str, int]) -> list[Clause]:
    """A named title first: it may hold a "no" itself, and what stands before it says whether it is wanted."""
    named = _LIKE.search(piece)
    item = titles.get(title_key(named[1])) if named else None
    if named and item is not None:
        before = piece[: named.start()]
        return [Clause(named[1].strip(), -weight if _NEGATION.search(before) else weight, item)]
    wanted, *unwanted = _NEGATION.split(piece)
    found = [_clause(wanted, weight), *(_clause(part, -weight) for part in unwanted)]
    return [clause for clause in found if clause]


def _clause(words: str, weight: float) -> Clause | None:
    words = words.strip(" \t'\"-:()")
    shorter = _FILLER.sub("", words)
    while shorter != words:
        words, shorter = shorter, _FILLER.sub("", shorter)
    return Clause(words, weight) if re.search(r"\w", words) else None


def title_key(title: str) -> str:
    """A title as people say it: without its year and article, and whatever its case."""
    return _ARTICLE.sub("", _YEAR.sub("", title.strip(" \t'\"")).casefold())


def titles_of(recommender: Recommender) -> dict[str, int]:
    """`title_key` -> item; of items with one title, the one that most people took."""
    users = np.zeros(len(recommender.catalogue))
    users[: recommender.n_fitted] = recommender.statistics.n_users
    by_rarity = np.argsort(users, kind="stable").tolist()
    return {title_key(str(recommender.catalogue.titles[item])): item for item in by_rarity}


@dataclass(frozen=True)
class Fitting:
    """items: int (k,), best first.  score: float (k,), falling.  reasons: why, in words."""

    items: np.ndarray
    score: np.ndarray
    reasons: tuple[str, ...]


def find_fitting(
    recommender: Recommender,
    history: Histories,
    clauses: Sequence[Clause],
    encode: Encode,
    n: int,
    nearness: np.ndarray | None = None,
    nearness_strength: float = 0.0,
) -> Fitting:
    """The n items that fit both the request and the person best, out of all that the person may be listed.

    history: one row.  nearness: float (n_items,), of the session, and how much it counts of the taste.
    Raises ModelError where items have no texts, or vectors of another length than the request's.
    """
    taste = blend(recommender, score_block(recommender, history))[0]
    is_open = np.isfinite(taste)
    is_open[[clause.item_idx for clause in clauses if clause.item_idx is not None]] = False
    parts = clause_fit(recommender, clauses, encode)
    weights = np.array([clause.weight for clause in clauses])
    shares = (weights / np.abs(weights).sum())[:, None]
    on_scale = standardised(parts, np.broadcast_to(is_open, parts.shape))
    fit = np.where(shares < 0, shares * np.maximum(on_scale, 0), shares * on_scale)
    near, strength = (np.zeros(len(taste)), 0.0) if nearness is None else (nearness, nearness_strength)
    rows = np.stack([np.where(is_open, taste, 0), near, fit.sum(axis=0)])
    liked, in_session, asked_for = standardised(rows, np.broadcast_to(is_open, rows.shape))
    liked = (1 - strength) * liked + strength * in_session
    score = np.where(is_open, (1 - ASK_STRENGTH) * liked + ASK_STRENGTH * asked_for, -np.inf)
    items = top_k(score[None, :].astype(np.float32), n)[0]
    items = items[is_open[items]]
    reasons = tuple(_reason(recommender, clauses, fit[:, item]) for item in items)
    return Fitting(items, score[items], reasons)


def clause_fit(recommender: Recommender, clauses: Sequence[Clause], encode: Encode) -> np.ndarray:
    """float (n_clauses, n_items): cosine of each item's text with each clause, 0 for items without a text."""
    text = recommender.texts
    if text is None:
        why = recommender.report.left_out.get(Text.name, "the domain file's retrieval.sources leave it out")
        raise ModelError(f"ask: the published model knows no item texts ({why})")
    vectors = np.zeros((len(clauses), text.embeddings.shape[1]), np.float32)
    in_words = [at for at, clause in enumerate(clauses) if clause.item_idx is None]
    if in_words:
        encoded = np.asarray(encode([clauses[at].words for at in in_words]), np.float32)
        if encoded.shape[1] != vectors.shape[1]:
            raise ModelError(
                f"ask: text_model gives {encoded.shape[1]} numbers a text, the published model has"
                f" {vectors.shape[1]}; run a nightly after changing text_model"
            )
        vectors[in_words] = centred_unit_rows(encoded, text.mean)
    for at, clause in enumerate(clauses):
        if clause.item_idx is not None:
            vectors[at] = text.embeddings[clause.item_idx]
    return vectors @ text.embeddings.T


def _reason(recommender: Recommender, clauses: Sequence[Clause], fit: np.ndarray) -> str:
    """The wanted clause that speaks loudest for the item; without one, the taste alone does."""
    best = int(np.argmax(fit))
    if fit[best] <= 0:  # as of all that is unwanted
        return "fits your taste"
    item = clauses[best].item_idx
    return (
        f"like {recommender.catalogue.titles[item]}" if item is not None else f"fits “{clauses[best].words}”"
    )
