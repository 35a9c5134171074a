"""The published list against each source alone, on a domain's own events, by a global time split.

Run: python benchmarks/quality_domains.py --events EVENTS.parquet --items ITEMS.npz --consumed allow
EVENTS: columns user_id, item_id, event_at (epoch s), weight.  ITEMS: arrays item_ids, titles, category,
embeddings (the last two optional).  Every source is tuned on inner splits of the train side, as the
pipeline does it; the newest --holdout share of events judges, once.
"""

from __future__ import annotations

import argparse
import logging
import resource
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from include.config.consumed import consumed_from_value
from include.evaluation.bootstrap import bootstrap_interval
from include.evaluation.evaluate import Evaluation, evaluate_lists
from include.evaluation.published import published_health
from include.evaluation.split import Split, time_split
from include.interactions.catalogue import make_catalogue
from include.interactions.interactions import make_interactions
from include.interactions.training_data import TrainingData, make_training_data
from include.ranking.diversity import Diversity
from include.recommender.build_lists import recommend
from include.recommender.model import Recommender
from include.recommender.model_config import ModelConfig
from include.tuning.choose_reach import with_reach
from include.tuning.fit import fit_recommender

BEST_SINGLE_OF = ("als", "ease", "item_to_item", "user_to_user", "popular")
REACHES = (0.0, 0.2, 0.4, 0.6, 1.0)
SEED = 1


def read_training(events: Path, items: Path, half_life_days: float | None) -> TrainingData:
    """All events of the domain as of its newest one."""
    table = pq.read_table(events)
    with np.load(items, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    catalogue = make_catalogue(
        arrays["item_ids"],
        titles=arrays["titles"],
        category=arrays.get("category"),
        embeddings=arrays.get("embeddings"),
    )
    users, user_idx = np.unique(table["user_id"].to_numpy().astype(str), return_inverse=True)
    item_idx = catalogue.index_of(table["item_id"].to_numpy().astype(str))
    times, weight = table["event_at"].to_numpy(), table["weight"].to_numpy()
    interactions = make_interactions(user_idx, item_idx, times, weight)
    return make_training_data(
        users, catalogue, interactions, as_of=float(times.max()), half_life_days=half_life_days
    )


def judge(model: Recommender, split: Split) -> Evaluation:
    """Figures of the lists that would have been published at the cutoff."""
    items = recommend(model, split.histories, 50).item_idx
    return evaluate_lists(
        items,
        split.relevant,
        n_users_of_item=model.statistics.n_users,
        n_users=split.train.n_users,
        vectors=model.sources["text"].embeddings if "text" in model.sources else None,  # type: ignore[attr-defined]
    )


def only(model: Recommender, name: str) -> Recommender:
    """The list of one source alone, filled up by popularity as it would be."""
    weights = {other: 1.0 if other == name else 0.0 for other in model.weights}
    if name != "popular":
        weights["popular"] = 1e-6
    return replace(model, weights=weights, ranker=None, lifts=None)


def line(name: str, evaluation: Evaluation) -> str:
    """One row of the table in docs/quality.md."""
    interval = bootstrap_interval(evaluation.by_user["ndcg@10"], SEED)
    figures = evaluation.figures
    return (
        f"| {name} | {interval.mean:.4f} [{interval.low:.4f}, {interval.high:.4f}] "
        f"| {figures['recall@10']:.4f} | {figures['hit_rate@10']:.4f} "
        f"| {figures['coverage@10']:.3f} | {figures['gini@10']:.3f} "
        f"| {figures['lists_beyond_head@10']:.3f} |"
    )


def print_reach(model: Recommender, split: Split) -> None:
    """What each reach costs, and what the lists of everyone, not only of who can judge, then cover."""
    print("| reach | nDCG@10 | change | coverage@10, everyone | of popularity's |\n|---|---|---|---|---|")
    base = judge(replace(model, lifts=None), split).figures["ndcg@10"]
    for reach in sorted({*REACHES, model.reach}):
        lifted = with_reach(model, split.train.histories, reach, SEED)
        found = judge(lifted, split).figures["ndcg@10"]
        lists = recommend(lifted, split.train.histories, 10).item_idx
        figures = published_health(lists, lifted, split.train.histories)
        print(
            f"| {reach:g}{' (chosen)' if reach == model.reach else ''} | {found:.4f} "
            f"| {found / base - 1:+.1%} | {figures['coverage@10']:.3f} "
            f"| {figures['coverage_vs_popularity@10']:.1f} times |",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=Path, required=True)
    parser.add_argument("--items", type=Path, required=True)
    parser.add_argument("--consumed", default="exclude")
    parser.add_argument("--half-life-days", type=float, default=180.0)
    parser.add_argument("--holdout", type=float, default=0.1)
    parser.add_argument("--newcomers", choices=("thin", "all"), default="thin")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    training = read_training(arguments.events, arguments.items, arguments.half_life_days)
    config = ModelConfig(consumed=consumed_from_value(arguments.consumed), newcomers=arguments.newcomers)
    split = time_split(training, arguments.holdout, config.consumed)
    started = time.perf_counter()
    model = fit_recommender(split.train, config, SEED)
    seconds = time.perf_counter() - started
    published = judge(model, split)
    print(f"{len(split.users)} judged users, {len(split.train.events)} train events, fit {seconds:.1f} s")
    print({name: round(weight, 3) for name, weight in model.weights.items() if weight}, model.report.seconds)
    print("| list | nDCG@10 | recall@10 | hit rate@10 | coverage@10 | gini@10 | beyond top 1 % |")
    print("|---|---|---|---|---|---|---|")
    singles = {name: judge(only(model, name), split) for name in model.sources}
    for name, evaluation in singles.items():
        print(line(name + " alone", evaluation))
    print(line("blend", judge(replace(model, ranker=None, lifts=None), split)))
    chosen = f"ranker share {model.ranker.share if model.ranker else 0:g}, reach {model.reach:g}"
    print(line(f"published ({chosen})", published))
    for strength in (0.1, 0.3):
        diverse = model.with_config(replace(config, diversity=Diversity(strength=strength)))
        print(line(f"published, diversity {strength:g}", judge(diverse, split)))
    print_reach(model, split)
    best = max(BEST_SINGLE_OF, key=lambda name: singles[name].figures["ndcg@10"] if name in singles else -1.0)
    lift = published.figures["ndcg@10"] / singles[best].figures["ndcg@10"] - 1
    gain = bootstrap_interval(published.by_user["ndcg@10"] - singles[best].by_user["ndcg@10"], SEED)
    print(f"best single: {best}; published {lift:+.1%}, {gain.mean:+.4f} [{gain.low:+.4f}, {gain.high:+.4f}]")
    print(f"peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2:.2f} GiB")


if __name__ == "__main__":
    main()
