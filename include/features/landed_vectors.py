"""Vectors of pictures, sound and the like, as items landed with them."""

from __future__ import annotations

import logging

import duckdb
import numpy as np
import pyarrow as pa

log = logging.getLogger(__name__)


def load_vectors(con: duckdb.DuckDBPyConnection, item_ids: np.ndarray) -> dict[str, np.ndarray]:
    """Name -> float32 (n_items, d), in the order of ``item_ids``; a row of zeros for an item without.

    The length that most items have of a name holds; vectors of another length are left out, and an item of
    zeros has none (the input gate counts the former: quality_gates.md).
    """
    wanted = pa.table({"id": pa.array(item_ids, pa.string()), "position": np.arange(len(item_ids))})
    con.register("_with_vectors", wanted)
    try:
        found = con.execute(
            """
            with entries as (
                select
                    wanted.position,
                    unnest(map_entries(items.vectors::json::map(varchar, float[])), recursive := true)
                from raw.items as items
                inner join _with_vectors as wanted on items.item_id = wanted.id
                where items.vectors is not null
            ),
            lengths as (select key, mode(len(value) order by len(value)) as length from entries group by key)
            select entries.key, entries.position, entries.value, len(entries.value) = lengths.length as fits
            from entries inner join lengths using (key)
            order by entries.key, entries.position
            """
        ).to_arrow_table()
    finally:
        con.unregister("_with_vectors")
    if not found.num_rows:
        return {}
    fits = found.column("fits").to_numpy()
    if not fits.all():
        log.warning("item vectors: %d of another length than the most are left out", int((~fits).sum()))
        found = found.filter(found.column("fits"))
    vectors = {}
    names = found.column("key").to_numpy()
    for name in np.unique(names.astype(str)):
        rows = found.filter(pa.array(names == name))
        flat = rows.column("value").combine_chunks().flatten().to_numpy().astype(np.float32, copy=False)
        placed = np.zeros((len(item_ids), len(flat) // rows.num_rows), np.float32)
        placed[rows.column("position").to_numpy()] = flat.reshape(rows.num_rows, -1)
        if placed.any():
            vectors[str(name)] = placed
    return vectors
