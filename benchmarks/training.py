"""What it costs to train and list everyone: python -m benchmarks.training [--events 1000000]

The search of settings, blend and ranker as on a first nightly, the final fit, then lists of 50 with
candidates and reasons for all users. Beside them, in the same run: one ALS of `implicit` at fixed settings
with its `recommend`, which is what a user would write instead.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from threadpoolctl import threadpool_limits

from benchmarks.synthetic import BASE_EVENTS, DAYS, ITEMS, USERS
from include.demo.made_up import TOPICS, Size, item_id, make_events, user_id
from include.interactions.catalogue import make_catalogue
from include.interactions.interactions import SECONDS_PER_DAY, make_interactions
from include.interactions.training_data import TrainingData, make_training_data
from include.recommender.build_lists import recommend_blocks
from include.recommender.model_config import ModelConfig
from include.tuning.fit import fit_recommender

DIMENSIONS = 384
SEED = 42
PURCHASE_WEIGHT = 5.0
HALF_LIFE_DAYS = 180.0
LIST_SIZE = 50


def made_training(events: int) -> TrainingData:
    """The events of benchmarks/synthetic.py, and text vectors that say an item's topic and some noise."""
    made = make_events(Size(events, USERS, ITEMS, DAYS), SEED)
    rng = np.random.default_rng(SEED)
    topics = rng.normal(size=(TOPICS, DIMENSIONS))
    vectors = topics[np.arange(ITEMS) % TOPICS] + rng.normal(size=(ITEMS, DIMENSIONS))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    catalogue = make_catalogue(
        np.array([item_id(index) for index in range(ITEMS)]), embeddings=vectors.astype(np.float32)
    )
    weight = np.where(made.is_purchase, PURCHASE_WEIGHT, 1.0)
    interactions = make_interactions(made.user, made.item, made.second.astype(float), weight)
    users = np.array([user_id(index) for index in range(USERS)])
    as_of = float(made.second[-1])
    assert as_of > SECONDS_PER_DAY
    return make_training_data(users, catalogue, interactions, as_of=as_of, half_life_days=HALF_LIFE_DAYS)


class Clock:
    """Wall and processor seconds since it was made."""

    def __init__(self) -> None:
        self._wall, self._processor = time.perf_counter(), time.process_time()

    def __str__(self) -> str:
        wall, processor = time.perf_counter() - self._wall, time.process_time() - self._processor
        return f"{wall:.1f} s wall, {processor:.1f} s of processor"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--events", type=int, default=BASE_EVENTS)
    events = parser.parse_args().events
    training = made_training(events)
    print(f"{events:,} events, {training.n_users:,} users, {training.n_items:,} items", flush=True)
    clock = Clock()
    model = fit_recommender(training, ModelConfig(list_size=LIST_SIZE), SEED)
    print(f"fit with search: {clock}", flush=True)
    for step, seconds in sorted(model.report.seconds.items(), key=lambda entry: -entry[1]):
        print(f"  {step}: {seconds:.1f} s", flush=True)
    clock = Clock()
    listed = sum(
        len(lists.item_idx) for lists in recommend_blocks(model, training.histories, with_candidates=True)
    )
    print(f"lists of {LIST_SIZE} with candidates and reasons, {listed:,} users: {clock}", flush=True)
    clock = Clock()
    alone = AlternatingLeastSquares(factors=64, regularization=20.0, iterations=15, random_state=SEED)
    with threadpool_limits(limits=1, user_api="blas"):
        alone.fit(training.histories.weights, show_progress=False)
        alone.recommend(np.arange(training.n_users), training.histories.weights, N=LIST_SIZE)
    print(f"implicit ALS alone, fit and recommend: {clock}", flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (
        1024**3 if sys.platform == "darwin" else 1024**2
    )
    print(f"peak {peak:.2f} GiB")


if __name__ == "__main__":
    main()
