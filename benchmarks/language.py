"""What item texts are worth, by length of history, by age of the item, and for items that nobody knows yet.

Run: python -m benchmarks.language, on a home where a nightly of any domain ran.
One pipeline is fitted twice on what lies before a global time split, with item texts and without any (no text
source, none in EASE, none in the ranker, nothing borrowed), each tuned inside it; the newest fifth judges.
Then a fifth of the items is hidden from training, and lists are judged by what was taken of those.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import scipy.sparse as sp

from include.config.domain import Domain, load_domain
from include.evaluation.bootstrap import bootstrap_interval
from include.evaluation.evaluate import hits_of
from include.evaluation.metrics.ndcg import ndcg
from include.evaluation.split import Split, judged_split, time_split
from include.features.training_matrices import load_training
from include.interactions.histories import Histories
from include.interactions.training_data import TrainingData
from include.lake.lake import Lake, open_lake
from include.ranking.blend import top_k
from include.ranking.rules import allowed_items
from include.recommender.build_lists import recommend
from include.recommender.cold_items import ColdItems
from include.recommender.model import Recommender
from include.recommender.model_config import ModelConfig, model_config
from include.settings import SEED, load_settings
from include.texts.template import item_texts
from include.texts.text_model import encode_texts, load_text_model
from include.tuning.fit import fit_recommender

HOLDOUT = 0.2
HIDDEN_SHARE = 0.2
TIMED_TEXTS = 1000
LENGTHS = ((1, 1), (2, 5), (6, 20), (21, 10**9))
KEPT = (1, 2, 5)
AGES = (("no event before", 0, 0), ("1 to 9", 1, 9), ("10 and more", 10, 10**9))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--text-model", help="read the items' texts by this model instead of the domain's")
    text_model = parser.parse_args().text_model
    settings = load_settings()
    domain = load_domain(settings.config)
    config = model_config(domain)
    with open_lake(settings, read_only=True) as lake:
        as_of = lake.value("select as_of from serving.publications order by publication_id desc limit 1")
        training = load_training(
            lake.con,
            domain,
            as_of,
            user_items="features.user_items",
            item_stats="features.item_stats",
            snapshot=lake.snapshot(),
        )
        if text_model:
            training = read_anew(
                training, item_texts_of(lake, domain, training), text_model, domain.text_model
            )
    print(f"{domain.name}: {training.n_users:,} people, {training.n_items:,} items", flush=True)
    show_texts(training, config)
    show_cold_items(training, config)


def item_texts_of(lake: Lake, domain: Domain, training: TrainingData) -> list[str]:
    """As the domain's template has them, in the catalogue's order."""
    fields = domain.text_fields
    rows = {row[0]: row[1:] for row in lake.rows(f"select item_id, {', '.join(fields)} from raw.items")}
    found = [rows.get(item, (None,) * len(fields)) for item in training.catalogue.item_ids.tolist()]
    return item_texts(domain.text, dict(zip(fields, zip(*found, strict=True), strict=True)))


def read_anew(training: TrainingData, texts: list[str], text_model: str, own: str) -> TrainingData:
    """The same items, their texts read by another model; an item without a text keeps a row of zeros.

    own: the domain's model, timed beside it on some of the texts.
    """
    has_text = np.array([bool(text) for text in texts])
    speeds, vectors = {}, np.zeros((0, 0), np.float32)
    for name, asked in ((own, texts[:TIMED_TEXTS]), (text_model, texts)):
        model = load_text_model(name)
        encode_texts(model, name, asked[:1])
        began = time.perf_counter()
        vectors = encode_texts(model, name, asked)
        speeds[name] = len(asked) / (time.perf_counter() - began)
    told = ", ".join(f"{speed:,.0f} by {Path(name).name}" for name, speed in speeds.items())
    print(f"texts a second: {told}")
    vectors[~has_text] = 0
    return replace(training, catalogue=replace(training.catalogue, embeddings=vectors))


def show_texts(training: TrainingData, config: ModelConfig) -> None:
    """With and without item texts."""
    split = time_split(training, HOLDOUT, config.consumed)
    fitted = fit_recommender(split.train, config, SEED)
    mute = without_texts(split.train)
    models = fitted, fit_recommender(mute, config, SEED)
    print(f"weight of the text source {fitted.weights.get('text', 0):.2f}\n")
    print("| history | people | nDCG@10 without texts | with | change | 95 % interval |")
    print("|---|---|---|---|---|---|")
    print_pair("all", split.histories, split.relevant, models)
    lengths = split.histories.lengths()
    for low, high in LENGTHS:
        rows = np.flatnonzero((lengths >= low) & (lengths <= high))
        name = f"{low}" if low == high else f"{low} to {high}" if high < 10**9 else f"{low} and more"
        print_pair(f"{name} items", split.histories.rows(rows), split.relevant[rows], models)
    for kept in KEPT:
        shortened = newest_only(split.histories, kept)
        print_pair(f"all, as if only their newest {kept} were known", shortened, split.relevant, models)
    print("\n| item's events before | taken afterwards | in lists of 50 without texts | with |")
    print("|---|---|---|---|")
    found = [hits_by_item(model, split) for model in models]
    n_events = np.bincount(split.train.events.item_idx, minlength=training.n_items)
    for name, low, high in AGES:
        is_asked = (n_events >= low) & (n_events <= high)
        n_taken = split.relevant[:, np.flatnonzero(is_asked)].nnz
        with_texts, without = (hits[is_asked].sum() / max(n_taken, 1) for hits in found)
        print(f"| {name} | {n_taken:,} | {without:.4f} | {with_texts:.4f} |", flush=True)


def print_pair(
    name: str, histories: Histories, relevant: sp.csr_matrix, models: tuple[Recommender, Recommender]
) -> None:
    """One row: the same people with and without texts."""
    if not histories.n_users:
        print(f"| {name} | 0 | | | | |")
        return
    with_texts, without = (
        ndcg(hits_of(recommend(model, histories, 10).item_idx, relevant), np.diff(relevant.indptr))
        for model in models
    )
    gain = bootstrap_interval(with_texts - without, SEED)
    change = f"{with_texts.mean() / without.mean() - 1:+.1%}" if without.any() else ""
    print(
        f"| {name} | {histories.n_users:,} | {without.mean():.4f} | {with_texts.mean():.4f} | {change} "
        f"| {gain.mean:+.4f} ({gain.low:+.4f} to {gain.high:+.4f}) |",
        flush=True,
    )


def without_texts(training: TrainingData) -> TrainingData:
    return replace(training, catalogue=replace(training.catalogue, embeddings=None))


def newest_only(histories: Histories, n: int) -> Histories:
    """The same people with no more than their n newest items; what they have had stays known to the rules."""
    is_kept = histories.newness < n
    starts = np.concatenate(([0], np.cumsum(is_kept)))[histories.weights.indptr]
    weights = sp.csr_matrix(
        (histories.weights.data[is_kept], histories.weights.indices[is_kept], starts), histories.weights.shape
    )
    return replace(
        histories, weights=weights, age_days=histories.age_days[is_kept], counts=histories.counts[is_kept]
    )


def hits_by_item(model: Recommender, split: Split) -> np.ndarray:
    """int (n_items,): how often an item that a judged person took stood in their list of 50."""
    lists = recommend(model, split.histories, 50).item_idx
    return np.bincount(lists[hits_of(lists, split.relevant)], minlength=split.relevant.shape[1])


def show_cold_items(training: TrainingData, config: ModelConfig) -> None:
    """Items hidden from training, in lists of 50 over the whole catalogue."""
    split, hidden = hidden_split(training, config)
    if not len(split.users):
        print("\nnobody took a hidden item afterwards")
        return
    model = fit_recommender(split.train, config, SEED)
    if model.cold is None:
        print("\nno text: nothing is borrowed")
        return
    everything = time_split(training, HOLDOUT, config.consumed)
    print(
        f"\n{hidden.sum():,} hidden items; {split.relevant.nnz:,} times taken by {len(split.users):,} people"
    )
    print("| items without events get | in lists of 50 | nDCG@10 of all that was taken |\n|---|---|---|")
    ways = {
        "nothing": replace(model, cold=None),
        "half the mean of their ten nearest texts": replace(model, cold=mean_of_nearest(model)),
        "kriging over their 50 nearest texts": model,
    }
    for name, way in ways.items():
        lists = recommend(way, split.histories, 50).item_idx
        share = hits_of(lists, split.relevant).sum() / split.relevant.nnz
        figure = ndcg(
            hits_of(recommend(way, everything.histories, 10).item_idx, everything.relevant),
            everything.n_relevant,
        ).mean()
        print(f"| {name} | {share:.4f} | {figure:.4f} |", flush=True)
    print("\n| hidden items alone, the best 10 of them by | hit rate@10 | nDCG@10 |\n|---|---|---|")
    for name, scores in orders_of_hidden(model, split, hidden):
        scores[:, ~hidden] = -np.inf
        hits = hits_of(top_k(scores, 10), split.relevant)
        figure = ndcg(hits, split.n_relevant).mean()
        print(f"| {name} | {hits.any(axis=1).mean():.4f} | {figure:.4f} |", flush=True)


def hidden_split(training: TrainingData, config: ModelConfig) -> tuple[Split, np.ndarray]:
    """(split whose train side knows no event of a fifth of the items; bool (n_items,), which)."""
    events = training.events
    touched = np.unique(events.item_idx)
    rng = np.random.default_rng(SEED)
    hidden = np.zeros(training.n_items, bool)
    hidden[rng.choice(touched, int(HIDDEN_SHARE * len(touched)), replace=False)] = True
    cutoff = float(np.quantile(events.event_at, 1 - HOLDOUT))
    is_before = events.event_at < cutoff
    train = training.with_events(events.where(is_before & ~hidden[events.item_idx]), cutoff)
    after = events.where(~is_before & hidden[events.item_idx])
    return judged_split(train, after, config.consumed, cutoff), hidden


def mean_of_nearest(model: Recommender) -> ColdItems:
    """The plain rule: half the mean of the ten nearest known texts, weighted by their cosine."""
    assert model.cold is not None and model.texts is not None
    vectors, cold = model.texts.embeddings, model.cold.items
    known = np.flatnonzero((model.statistics.n_users > 0) & (np.abs(vectors).sum(axis=1) > 0))
    similarity = vectors[cold] @ vectors[known].T
    nearest = top_k(similarity, 10)
    weights = np.maximum(np.take_along_axis(similarity, nearest, axis=1), 0)
    weights *= 0.5 / np.maximum(weights.sum(axis=1, keepdims=True), 1e-6)
    columns = np.repeat(np.arange(len(cold)), nearest.shape[1])
    shape = model.cold.guess.shape
    return ColdItems(cold, sp.csr_matrix((weights.ravel(), (known[nearest].ravel(), columns)), shape))


def orders_of_hidden(
    model: Recommender, split: Split, hidden: np.ndarray
) -> Iterator[tuple[str, np.ndarray]]:
    """Name, and scores (n_judged, n_items), by which hidden items alone may be put in order."""
    assert model.texts is not None and model.cold is not None
    histories, n_users = split.histories, model.statistics.n_users
    chance = np.random.default_rng(SEED).random((histories.n_users, len(hidden))).astype(np.float32)
    yield "chance", chance.copy()
    names, codes = split.train.catalogue.categories()
    if len(names):
        of_category = np.bincount(codes[codes >= 0], n_users[codes >= 0], len(names))
        yield (
            "popularity of their category",
            np.where(codes >= 0, of_category[codes], 0).astype(np.float32) + 1e-3 * chance,
        )
    yield "text: cosine to the person's items", model.texts.score(histories)
    ease = model.sources["ease"].score(histories) if "ease" in model.sources else model.texts.score(histories)
    is_open = allowed_items(histories, split.train.catalogue.is_available, model.config.consumed)
    guessed = np.zeros_like(ease)
    guessed[:, model.cold.items] = ease @ model.cold.guess
    yield "kriging of EASE's scores", np.where(is_open, guessed, -np.inf)


if __name__ == "__main__":
    main()
