"""The labels that items landed with: category, tags, and the texts among their attributes."""

from __future__ import annotations

import duckdb
import numpy as np
import pyarrow as pa
import scipy.sparse as sp

from include.interactions.labels import Labels

# A label of one item tells nobody apart; beyond the most frequent thousand they hardly come up.
MIN_ITEMS = 2
MAX_LABELS = 1000
# A longer text is a sentence, not a label.
LABEL_CHARACTERS = 60


def load_labels(con: duckdb.DuckDBPyConnection, item_ids: np.ndarray) -> Labels | None:
    """Labels of the items, in the order of ``item_ids``; None where none has any.

    A name that stands in several columns is one label: a tag, if it is one anywhere.
    """
    wanted = pa.table({"id": pa.array(item_ids, pa.string()), "position": np.arange(len(item_ids))})
    con.register("_labelled", wanted)
    try:
        rows = con.execute(
            f"""
            with items as (
                select wanted.position, items.category, items.tags, items.attributes
                from raw.items as items
                inner join _labelled as wanted on items.item_id = wanted.id
            ),
            landed as (
                select position, 'category' as attribute, category as name from items
                union all
                select
                    position,
                    'tag' as attribute,
                    unnest(
                        case
                            when ltrim(tags) like '[%' and json_valid(tags) then tags::json ->> '$[*]'
                            when tags like '%|%' then string_split(tags, '|')
                            else string_split(tags, ',')
                        end
                    ) as name
                from items
                union all
                select items.position, entries.key as attribute, entries.value ->> '$' as name
                from
                    items,
                    json_each(case when json_valid(items.attributes) then items.attributes end) as entries
                where entries.type = 'VARCHAR'
            ),
            cleaned as (
                select position, attribute, regexp_replace(trim(name), '\\s+', ' ', 'g') as name from landed
                where length(trim(name)) between 1 and {LABEL_CHARACTERS}
            ),
            named as (
                select
                    lower(name) as key,
                    count(distinct position) as items,
                    coalesce(
                        max(attribute) filter (attribute = 'tag'), mode(attribute order by attribute)
                    ) as attribute,
                    mode(name order by name) as name
                from cleaned group by all having items >= {MIN_ITEMS}
                order by items desc, key limit {MAX_LABELS}
            )
            select distinct cleaned.position, named.attribute, named.name
            from cleaned inner join named on lower(cleaned.name) = named.key
            """
        ).fetchnumpy()
    finally:
        con.unregister("_labelled")
    if not len(rows["name"]):
        return None
    names, column = np.unique(np.asarray(rows["name"], dtype=str), return_inverse=True)
    attribute = np.empty(len(names), dtype=object)
    attribute[column] = rows["attribute"]
    matrix = sp.csr_matrix(
        (np.ones(len(column), np.float32), (rows["position"], column)), (len(item_ids), len(names))
    )
    return Labels(attribute.astype(str), names, matrix)
