"""Requests in words: what they find beside plain text search and the list nobody asked for, and how fast.

Run: python benchmarks/asking.py --users 200, on a home where `make demo`, or a nightly of its data, ran.
Each person asks for one genre, in words that are in no film's text ("cowboys" for Western). A film fits where
its genres hold that one. Search: BM25 over the same item texts; list: the published one.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter

import numpy as np
import scipy.sparse as sp

from include.config.domain import load_domain
from include.lake.lake import open_lake
from include.retrieval.item_to_item import bm25
from include.serving.recommend import Reader
from include.settings import load_settings
from include.texts.template import item_texts

# Genre -> words for it that no film's text holds.
REQUESTS = {
    "Western": "cowboys and gunfighters",
    "Horror": "something really scary",
    "Sci-Fi": "spaceships and robots",
    "Children's": "for my little kids",
    "Comedy": "make me laugh",
    "Romance": "two people falling in love",
    "War": "soldiers at the front",
    "Musical": "singing and dancing",
    "Crime": "gangsters and robbers",
    "Animation": "a cartoon",
}
K = 10


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--users", type=int, default=200)
    arguments = parser.parse_args()
    settings = load_settings()
    domain = load_domain(settings.config)
    with open_lake(settings, read_only=True) as lake:
        rows = lake.rows("select item_id, title, tags, attributes from raw.items order by item_id")
        users = [
            user
            for (user,) in lake.rows(
                "select user_id from features.user_stats order by md5(user_id) limit ?", [arguments.users]
            )
        ]
    genres = {item: set(json.loads(attributes)["genres"]) for item, _, _, attributes in rows}
    blank = [None] * len(rows)
    columns = {field: blank for field in domain.text_fields}
    columns |= {"title": [row[1] for row in rows], "tags": [row[2] for row in rows]}
    search = TextSearch([row[0] for row in rows], item_texts(domain.text, columns))
    wanted = [list(REQUESTS)[number % len(REQUESTS)] for number in range(len(users))]
    found: dict[str, list[list[str]]] = {"ask": [], "text search (BM25)": [], "list, not asked": []}
    seconds = []
    with Reader(settings, domain) as reader:
        reader.recommend(users[0], K, ask="warm up")
        for user, genre in zip(users, wanted, strict=True):
            started = time.perf_counter()
            answer = reader.recommend(user, K, ask=f"{REQUESTS[genre]}, I am {user}")
            seconds.append(time.perf_counter() - started)
            answer = reader.recommend(user, K, ask=REQUESTS[genre])
            found["ask"].append([item.item_id for item in answer.items])
            found["text search (BM25)"].append(search.best(REQUESTS[genre]))
            found["list, not asked"].append([item.item_id for item in reader.recommend(user, K).items])
    print(f"{len(users)} requests, {len(rows)} items")
    print("| answered by | one of the first 10 fits | share of the first 10 that fits |\n|---|---|---|")
    for name, lists in found.items():
        fits = [
            sum(genre in genres.get(item, ()) for item in items)
            for items, genre in zip(lists, wanted, strict=True)
        ]
        print(f"| {name} | {np.mean(np.array(fits) > 0):.3f} | {np.mean(fits) / K:.3f} |")
    p50, p95 = np.percentile(seconds, [50, 95]) * 1000
    print(f"an ask of new words, encoder loaded: p50 {p50:.0f} ms, p95 {p95:.0f} ms")


class TextSearch:
    """BM25 over the words of the items' texts."""

    def __init__(self, ids: list[str], texts: list[str]) -> None:
        self.ids = ids
        words = [_words(text) for text in texts]
        self.places = {word: at for at, word in enumerate(sorted({word for text in words for word in text}))}
        counts = [
            (row, self.places[word], n) for row, text in enumerate(words) for word, n in Counter(text).items()
        ]
        rows, columns, n = (np.array(part) for part in zip(*counts, strict=True))
        matrix = sp.csr_matrix((n.astype(float), (rows, columns)), (len(texts), len(self.places)))
        self.weights = bm25(matrix, 1.2, 0.75).tocsc()

    def best(self, request: str) -> list[str]:
        """Up to K items that hold any of the words, best first."""
        known = [self.places[word] for word in _words(request) if word in self.places]
        score = np.asarray(self.weights[:, known].sum(axis=1)).ravel()
        order = np.argsort(-score, kind="stable")[:K]
        return [self.ids[item] for item in order if score[item] > 0]


def _words(text: str) -> list[str]:
    return ["".join(filter(str.isalnum, word)) for word in text.casefold().split()]


if __name__ == "__main__":
    main()
