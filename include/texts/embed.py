"""Embeddings of item texts: made once for a text, kept in features.item_embeddings."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import duckdb
import numpy as np
import pyarrow as pa

from include.config.domain import Domain
from include.errors import ModelError
from include.lake.lake import Lake
from include.texts.template import item_texts, text_hash
from include.texts.text_model import TextModel, encode_texts, find_text_model, load_text_model

log = logging.getLogger(__name__)
# Items whose texts are held at a time while looking for what is new.
READ_ROWS = 20_000
# Texts a commit: 5 s of work on two cores is what a killed run loses.
CHUNK_TEXTS = 2048
# Hash -> text in; (hashes, vectors float32 (n, d)) out, a chunk at a time.
EncodeElsewhere = Callable[[Mapping[str, str]], Iterable[tuple[list[str], np.ndarray]]]


@dataclass(frozen=True)
class EmbedReport:
    """texts: distinct texts of the items, of which embedded now and cached from before."""

    items: int
    texts: int
    embedded: int
    cached: int
    seconds: float


def embed_items(
    lake: Lake,
    domain: Domain,
    *,
    run_id: str,
    embedded_at: datetime,
    progress: Callable[[int, int], None] | None = None,
    items: str = "raw.items",
    elsewhere: EncodeElsewhere | None = None,
) -> EmbedReport:
    """Embed the texts of ``items`` that have no embedding by the domain's text model yet.

    items: relation with the columns of raw.items; the refresh passes the ones it has just taken in.
    progress: called with (texts embedded, texts to embed) after each commit.
    elsewhere: what embeds `embed.spark_from` new texts and more, in the place of this process.
    The model is loaded only when a text is new. What is committed stays when the run is killed.
    """
    started = time.monotonic()
    model = find_text_model(domain.text_model)
    new: dict[str, str] = {}
    seen: set[str] = set()
    n_items = 0
    for texts in _read_texts(lake.con, domain, items):
        n_items += len(texts)
        named = {text_hash(text): text for text in texts if text}
        unseen = [key for key in named if key not in seen]
        seen.update(unseen)
        new |= {key: named[key] for key in _missing(lake.con, model, unseen)}
    is_here = elsewhere is None or len(new) < domain.embed.spark_from
    chunks = _encoded_here(domain, model, new) if elsewhere is None or is_here else elsewhere(new)
    embedded = done = 0
    for keys, vectors in chunks if new else ():
        embedded += _append(lake, model, keys, vectors, run_id, embedded_at)
        done += len(keys)
        if progress:
            progress(done, len(new))
    seconds = time.monotonic() - started
    log.info("embeddings: %d texts in, %d embedded, %.1f s", len(seen), embedded, seconds)
    return EmbedReport(n_items, len(seen), embedded, len(seen) - embedded, seconds)


def load_embeddings(
    con: duckdb.DuckDBPyConnection, domain: Domain, item_ids: Sequence[str] | np.ndarray
) -> np.ndarray | None:
    """The embeddings of the items' current texts, in the order of ``item_ids``.

    float32 (n_items, d), unit length, a row of zeros for an item without one; None when no item has one.
    """
    model = find_text_model(domain.text_model)
    ids = np.asarray(item_ids, dtype=str)
    texts = texts_of(con, domain, ids)
    hashes = [text_hash(text) if text else None for text in texts]
    wanted = _numbered("text_hash", pa.array(hashes, pa.string()))
    with _registered(con, "wanted_texts", wanted):
        found = con.execute(
            "select wanted.position, stored.embedding from wanted_texts as wanted"
            " inner join features.item_embeddings as stored"
            " on stored.text_hash = wanted.text_hash and stored.model = ?",
            [model.key],
        ).to_arrow_table()
    if not found.num_rows:
        return None
    flat = found.column("embedding").combine_chunks()
    values = flat.flatten().to_numpy(zero_copy_only=False).astype(np.float32, copy=False)
    size = len(values) // found.num_rows
    if not size or (np.diff(flat.offsets.to_numpy()) != size).any() or not np.isfinite(values).all():
        raise ModelError(
            f"features.item_embeddings: embeddings of {model.key} differ in length or are not finite;"
            " expected vectors of one length: delete that model's rows and run again, they are made anew"
        )
    vectors = np.zeros((len(ids), size), np.float32)
    vectors[found.column("position").to_numpy()] = values.reshape(-1, size)
    return vectors


def _read_texts(con: duckdb.DuckDBPyConnection, domain: Domain, items: str) -> Iterator[list[str]]:
    """Texts of all items of the relation, READ_ROWS at a time."""
    fields = domain.text_fields
    reader = con.execute(f"select {', '.join(fields)} from {items}").to_arrow_reader(READ_ROWS)
    for batch in reader.read_all().to_batches(READ_ROWS):
        yield item_texts(domain.text, dict(zip(fields, (c.to_pylist() for c in batch.columns), strict=True)))


def texts_of(con: duckdb.DuckDBPyConnection, domain: Domain, ids: np.ndarray) -> list[str]:
    """Texts of the given items, in their order; "" for one that has no row."""
    wanted = _numbered("item_id", pa.array(ids, pa.string()))
    fields = ", ".join(f"item.{field}" for field in domain.text_fields)
    with _registered(con, "wanted_items", wanted):
        rows = con.execute(
            f"select {fields} from wanted_items as wanted"
            " left join raw.items as item on item.item_id = wanted.item_id order by wanted.position"
        ).to_arrow_table()
    columns = (column.to_pylist() for column in rows.columns)
    return item_texts(domain.text, dict(zip(domain.text_fields, columns, strict=True)))


def _missing(con: duckdb.DuckDBPyConnection, model: TextModel, hashes: Sequence[str]) -> list[str]:
    with _registered(con, "asked_texts", pa.table({"text_hash": pa.array(hashes, pa.string())})):
        rows = con.execute(
            "select asked.text_hash from asked_texts as asked anti join features.item_embeddings as stored"
            " on stored.text_hash = asked.text_hash and stored.model = ?",
            [model.key],
        ).fetchall()
    return [row[0] for row in rows]


def _encoded_here(
    domain: Domain, model: TextModel, new: Mapping[str, str]
) -> Iterator[tuple[list[str], np.ndarray]]:
    """(hashes, vectors) of CHUNK_TEXTS texts at a time."""
    if not new:
        return
    encoder = load_text_model(domain.text_model)
    keys = longest_first(new)
    for start in range(0, len(keys), CHUNK_TEXTS):
        chunk = keys[start : start + CHUNK_TEXTS]
        yield chunk, encode_texts(encoder, model.key, [new[key] for key in chunk])


def longest_first(texts: Mapping[str, str]) -> list[str]:
    """Hashes of texts of a length together: a batch is padded to its longest.

    The hash breaks ties, so that the same texts fall into the same batches whatever order the lake returns
    them in.
    """
    return sorted(texts, key=lambda key: (-len(texts[key]), key))


def _append(
    lake: Lake, model: TextModel, keys: list[str], vectors: np.ndarray, run_id: str, embedded_at: datetime
) -> int:
    """Commit the rows that another run has not committed meanwhile; returns how many those are."""
    rows = pa.table(
        {
            "text_hash": pa.array(keys, pa.string()),
            "embedding": pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), vectors.shape[1]),
        }
    )

    def append(con: duckdb.DuckDBPyConnection) -> int:
        # The check is inside the transaction, alone under the writer's lock: no key is stored twice.
        return int(
            con.execute(
                "insert into features.item_embeddings (model, text_hash, embedding, embedded_at)"
                " select ?, fresh.text_hash, fresh.embedding::float[], ? from fresh_embeddings as fresh"
                " anti join features.item_embeddings as stored"
                " on stored.text_hash = fresh.text_hash and stored.model = ?",
                [model.key, embedded_at, model.key],
            ).fetchall()[0][0]
        )

    with _registered(lake.con, "fresh_embeddings", rows):
        return lake.write(append, run_id=run_id, message=f"embed {len(keys)} item texts")


def _numbered(name: str, values: pa.Array) -> pa.Table:
    return pa.table({"position": pa.array(np.arange(len(values))), name: values})


@contextmanager
def _registered(con: duckdb.DuckDBPyConnection, name: str, table: pa.Table) -> Iterator[None]:
    con.register(name, table)
    try:
        yield
    finally:
        con.unregister(name)
