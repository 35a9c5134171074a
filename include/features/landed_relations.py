"""Relations between items, as they landed."""

from __future__ import annotations

import duckdb
import numpy as np
import pyarrow as pa

from include.interactions.item_relations import ItemRelations


def load_relations(con: duckdb.DuckDBPyConnection, item_ids: np.ndarray) -> ItemRelations | None:
    """Those whose two items are among ``item_ids``, in their order; None where there is none.

    The others wait in raw.relations until their items land; the input gate counts them.
    """
    wanted = pa.table({"id": pa.array(item_ids, pa.string()), "position": np.arange(len(item_ids))})
    con.register("_related", wanted)
    try:
        rows = con.execute(
            """
            select
                ones.position as item,
                others.position as other,
                relations.relation as name,
                coalesce(relations.weight, 1)::float as weight
            from raw.relations as relations
            inner join _related as ones on relations.item_id = ones.id
            inner join _related as others on relations.other_item_id = others.id
            where coalesce(relations.weight, 1) > 0
            order by all
            """
        ).fetchnumpy()
    finally:
        con.unregister("_related")
    if not len(rows["item"]):
        return None
    names, name = np.unique(np.asarray(rows["name"], dtype=str), return_inverse=True)
    item, other = (np.asarray(rows[end]).astype(np.int32) for end in ("item", "other"))
    return ItemRelations(
        names, item, other, name.astype(np.int32), np.asarray(rows["weight"]).astype(np.float32)
    )
