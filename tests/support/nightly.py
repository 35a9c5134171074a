"""A small nightly in seconds: its own stages, with DuckDB in Spark's place and no language model.

land(settings, "events", "a.jsonl", rows)
publish_nightly(settings, domain)
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from uuid import uuid4

import numpy as np
import pyarrow as pa

from include.config.domain import Domain
from include.features.confidence import confidence_of, user_items_sql
from include.lake.catalog import quote
from include.lake.lake import Lake, open_lake
from include.nightly import publishing, stages
from include.nightly.chat_stage import ask_labels
from include.nightly.judge import judged_model
from include.nightly.stage_records import BUILD_FEATURES, EVALUATE, INGEST, Built, Judged
from include.recommender.model_config import model_config
from include.recommender.storage import save_recommender
from include.run import Run, metered
from include.settings import SEED, Settings
from include.texts.template import item_texts, text_hash
from include.texts.text_model import find_text_model
from include.tuning.fit import fit_recommender

EMBEDDING_SIZE = 16
_STATS = (
    "sum(events)::bigint as events, count(*) as {other}, sum(weight) as weight,"
    " {recent} min(first_event_at) as first_event_at, max(last_event_at) as last_event_at"
)
# Table of schema features -> query over user_items, in the contract's order of columns.
_TABLES = {
    "user_stats": "select user_id, " + _STATS.format(other="items", recent="") + " from {pairs} group by 1",
    "item_stats": "select item_id, "
    + _STATS.format(other="users", recent="sum(events)::bigint as recent_events,")
    + " from {pairs} group by 1",
}


def land(settings: Settings, kind: str, name: str, rows: Sequence[Mapping[str, object]]) -> Path:
    """Rows as a JSON lines file, renamed into place once whole."""
    path = settings.landing / kind / name
    partial = path.with_name(f".{name}")
    partial.write_text("".join(json.dumps(row) + "\n" for row in rows))
    partial.rename(path)
    return path


def publish_nightly(
    settings: Settings,
    domain: Domain,
    run_id: str = "nightly",
    as_of: datetime | None = None,
    *,
    with_text_model: bool = False,
) -> Run:
    """Everything from landing files to the commit."""
    run = stage_nightly(settings, domain, run_id, as_of, with_text_model=with_text_model)
    publishing.publish(run)
    return run


def stage_nightly(
    settings: Settings,
    domain: Domain,
    run_id: str = "nightly",
    as_of: datetime | None = None,
    *,
    with_text_model: bool = False,
) -> Run:
    """Everything before the publish, for tests that let a refresh come in between."""
    run = Run(run_id, settings, domain)
    stages.ingest(run, as_of.isoformat() if as_of else None, None)
    with open_lake(settings) as lake:
        build_features(lake, run)
        if not with_text_model:
            embed_without_model(lake, domain, [row[0] for row in lake.rows("select title from raw.items")])
            ask_labels(run, lake)
    if with_text_model:
        stages.embed_texts(run)
    fit_unjudged(run)
    stages.train(run)
    stages.rank_candidates(run)
    return run


def fit_unjudged(run: Run) -> None:
    """What the evaluation leaves for the training, without the judging."""
    training = stages.read_training(run)
    save_recommender(fit_recommender(training, model_config(run.domain), SEED), judged_model(run))
    run.record(EVALUATE, Judged())


def build_features(lake: Lake, run: Run) -> None:
    """What the Spark job writes, by the same formula."""
    began = run.recorded(INGEST)
    events = f"(select * from raw.events at (version => {began.snapshot}))"
    folder = Path(lake.catalog.data) / "features" / uuid4().hex
    folder.mkdir(parents=True)
    pairs = folder / "user_items.parquet"
    with metered(run, BUILD_FEATURES) as meter:
        query = user_items_sql(events, confidence_of(run.domain.events), began.as_of)
        _write(lake, f"{query} order by user_id, item_id", pairs)
        for table, sql in _TABLES.items():
            _write(
                lake,
                sql.format(pairs=f"read_parquet({quote(str(pairs))})") + " order by 1",
                folder / f"{table}.parquet",
            )
        files = {name: [str(folder / f"{name}.parquet")] for name in ("user_items", *_TABLES)}
        meter.record = Built(files)


def _write(lake: Lake, query: str, path: Path) -> None:
    # As Spark's row groups: a point read decodes one.
    lake.con.execute(f"copy ({query}) to {quote(str(path))} (format parquet, row_group_size 40960)")


def embed_without_model(lake: Lake, domain: Domain, titles: Sequence[str]) -> None:
    """Put vectors that follow from the text into the cache, so that the language model is never loaded.

    Texts that share their first word lie close to each other. titles: of items without tags.
    """
    key = find_text_model(domain.text_model).key
    texts = item_texts(domain.text, {name: list(titles) for name in ("title",)} | _blank(domain, len(titles)))
    rows = pa.table(
        {
            "text_hash": [text_hash(text) for text in texts],
            "embedding": pa.array([text_vector(text).tolist() for text in texts], pa.list_(pa.float32())),
        }
    )
    lake.con.register("made_embeddings", rows)
    lake.write(
        lambda con: con.execute(
            "insert into features.item_embeddings select distinct on (text_hash) ?, text_hash, embedding,"
            " timestamp '2024-01-01' from made_embeddings"
            " anti join features.item_embeddings using (text_hash)",
            [key],
        ),
        run_id="test",
        message="embeddings for tests",
    )
    lake.con.unregister("made_embeddings")


def _blank(domain: Domain, n: int) -> dict[str, list[None]]:
    return {name: [None] * n for name in domain.text_fields if name != "title"}


def text_vector(text: str) -> np.ndarray:
    """float32 (EMBEDDING_SIZE,), unit length: mostly of the first word, a little of the whole."""
    vector = _noise(text.split()[0]) + 0.3 * _noise(text)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def _noise(text: str) -> np.ndarray:
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
    return np.random.default_rng(seed).standard_normal(EMBEDDING_SIZE)
