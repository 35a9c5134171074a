"""Where a nightly asks the chat model: for labels beside the embeddings, for profiles once they are drawn."""

from __future__ import annotations

import logging

import numpy as np
import pyarrow.parquet as pq

from include.chat import item_labels, profiles
from include.chat.answers import ask_all
from include.features.landed_labels import load_labels
from include.interactions.labels import Labels
from include.lake.lake import Lake
from include.run import Run
from include.settings import utc_now
from include.texts.embed import texts_of
from include.whole_files import whole_file

log = logging.getLogger(__name__)


def ask_labels(run: Run, lake: Lake) -> None:
    """Ask for the labels of items that landed with none of a group of the taxonomy."""
    config, taxonomy = run.domain.chat, run.domain.understanding.taxonomy
    if config.url is None or item_labels.USE not in config.uses:
        return
    if not taxonomy:
        log.warning("chat.uses has attributes, but understanding.taxonomy has no labels: none are asked for")
        return
    item_ids = np.array(
        [item for (item,) in lake.rows("select item_id from raw.items order by item_id")], str
    )
    has_all = _landed_with_all(load_labels(lake.con, item_ids), tuple(taxonomy), len(item_ids))
    texts = texts_of(lake.con, run.domain, item_ids)
    questions = [
        item_labels.label_question(text, taxonomy)
        for text, is_known in zip(texts, has_all.tolist(), strict=True)
        if text and not is_known
    ]
    ask_all(
        lake,
        config,
        run.settings.chat_key,
        item_labels.USE,
        questions,
        item_labels.label_reader(taxonomy),
        run_id=run.run_id,
        now=utc_now(),
    )


def _landed_with_all(landed: Labels | None, attributes: tuple[str, ...], n_items: int) -> np.ndarray:
    """bool (n_items,): has a label of each attribute by itself."""
    if landed is None:
        return np.zeros(n_items, bool)
    of = [np.flatnonzero(landed.attribute == attribute) for attribute in attributes]
    return np.all([np.diff(landed.of[:, columns].indptr) > 0 for columns in of], axis=0)


def ask_profiles(run: Run, lake: Lake) -> None:
    """Put the model's words into the staged portraits, the same that a refresh would."""
    config = run.domain.chat
    path = run.parquet / "user_portraits.parquet"
    if config.url is None or profiles.USE not in config.uses or not path.is_file():
        return
    portraits = pq.read_table(path)
    sentences = dict.fromkeys(portraits.column("profile").to_pylist())
    ask_all(
        lake,
        config,
        run.settings.chat_key,
        profiles.USE,
        [profiles.profile_question(sentence) for sentence in sentences],
        profiles.read_profile,
        run_id=run.run_id,
        now=utc_now(),
    )
    with whole_file(path) as partial:
        pq.write_table(profiles.told_profiles(lake.con, run.domain, portraits), partial)
