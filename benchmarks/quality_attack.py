"""What 1 % fake users, or one loud one, who push one item do to its exposure (docs/quality.md).

Run: python benchmarks/quality_attack.py --events EVENTS.parquet --items ITEMS.npz
Each fake user takes the target and 20 items drawn by popularity, in the newest day.  Exposure is the number
of real users whose top 10 shows the target, before and after, for targets at several popularity ranks.
"""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from quality_domains import read_training  # noqa: E402

from include.interactions.interactions import SECONDS_PER_DAY, make_interactions  # noqa: E402
from include.interactions.training_data import TrainingData, make_training_data  # noqa: E402
from include.ranking.diversity import Diversity  # noqa: E402
from include.recommender.build_lists import recommend  # noqa: E402
from include.recommender.model_config import ModelConfig, Tuning  # noqa: E402
from include.tuning.fit import fit_recommender  # noqa: E402

FAKE_SHARE, FILLERS, SEED = 0.01, 20, 1
TARGET_RANKS = (20, 50, 100, 200, 300)


def attacked(
    training: TrainingData, target: int, value: float | None, backdated_days: float = 0.0
) -> TrainingData:
    """The same data with ceil(1 %) more users who all push the target, or with one of that value.

    backdated_days: how much older the events claim to be; we saw the accounts today all the same.
    """
    rng = np.random.default_rng(SEED)
    n_fakes = 1 if value else int(np.ceil(FAKE_SHARE * training.n_users))
    events = training.events
    popularity = np.bincount(events.item_idx, minlength=training.n_items).astype(float)
    popularity[target] = 0
    items = [
        np.append(
            rng.choice(training.n_items, FILLERS, replace=False, p=popularity / popularity.sum()), target
        )
        for _ in range(n_fakes)
    ]
    users = np.repeat(training.n_users + np.arange(n_fakes), FILLERS + 1)
    times = training.as_of - SECONDS_PER_DAY * (backdated_days + rng.uniform(0, 1, len(users)))
    joined = make_interactions(
        np.append(events.user_idx, users),
        np.append(events.item_idx, np.concatenate(items)),
        np.append(events.event_at, times),
        np.append(events.weight, np.full(len(users), value or events.weight.max())),
    )
    ids = np.append(training.user_ids, [f"fake-{number}" for number in range(n_fakes)])
    half_life = training.half_life_days
    seen_days = np.append(np.full(training.n_users, np.inf), np.zeros(n_fakes)).astype(np.float32)
    return make_training_data(
        ids,
        training.catalogue,
        joined,
        as_of=training.as_of,
        half_life_days=half_life,
        seen_days=seen_days,
    )


def exposure(training: TrainingData, n_real: int, reach: float, newcomers: str) -> np.ndarray:
    """int (n_items,): real users whose top 10 shows the item, with the untuned blend."""
    config = ModelConfig(newcomers=newcomers, tuning=Tuning(enabled=False), diversity=Diversity(reach=reach))
    model = fit_recommender(training, config, SEED)
    items = recommend(model, training.histories.block(0, n_real), 10).item_idx
    return np.bincount(items[items >= 0], minlength=training.n_items)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=Path, required=True)
    parser.add_argument("--items", type=Path, required=True)
    parser.add_argument("--reach", type=float, default=0.0, help="diversity.reach of the attacked model")
    parser.add_argument("--newcomers", choices=("thin", "all"), default="thin", help="retrieval.newcomers")
    parser.add_argument("--value", type=float, help="one fake account with events of this value instead")
    parser.add_argument("--backdated", type=float, default=0.0, help="days that fake events claim to be old")
    arguments = parser.parse_args()
    how = (arguments.reach, arguments.newcomers)
    logging.basicConfig(level=logging.WARNING)
    training = read_training(arguments.events, arguments.items, 180.0)
    before = exposure(training, training.n_users, *how)
    shown = np.argsort(-before, kind="stable")
    print("| target's rank by exposure | shown before | shown after | times |\n|---|---|---|---|")
    for rank in TARGET_RANKS:
        target = int(shown[rank])
        fakes = attacked(training, target, arguments.value, arguments.backdated)
        after = exposure(fakes, training.n_users, *how)[target]
        print(f"| {rank} | {before[target]} | {after} | {after / max(before[target], 1):.2f} |", flush=True)


if __name__ == "__main__":
    main()
