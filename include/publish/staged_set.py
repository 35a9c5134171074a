"""The staged set: the serving tables of a run as Parquet, written beside the live ones."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from include.config.domain import Domain
from include.contracts import SERVING_SET, UNDERSTOOD
from include.interactions.histories import Histories
from include.lake.catalog import NO_PATH_COLUMNS, quote
from include.publish.listing import list_users
from include.publish.portrait_tables import PORTRAITS, attribute_rows, portrait_rows
from include.publish.tables import (
    CANDIDATE_LISTS,
    RECOMMENDATIONS,
    candidate_rows,
    popular_rows,
    recommendation_rows,
    similar_rows,
)
from include.recommender.model import Recommender
from include.recommender.shared_lists import popular_items, similar_items

Progress = Callable[[str], None]


def write_staged_set(
    folder: Path,
    recommender: Recommender,
    domain: Domain,
    user_ids: np.ndarray,
    histories: Histories,
    progress: Progress,
) -> dict[str, int]:
    """Score every user in blocks and write the tables of the set; returns rows a table.

    user_ids: str (n_users,), the rows of histories. Memory stays that of one block. The set appears whole:
    it is written to a folder beside ``folder`` that then takes its place.
    """
    partial = folder.with_name(folder.name + ".tmp")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    rows = _write_lists(partial, recommender, domain, user_ids, histories, progress)
    for name, table in (
        ("similar_items", similar_rows(recommender, similar_items(recommender))),
        ("popular_items", popular_rows(recommender, popular_items(recommender))),
        ("item_attributes", attribute_rows(recommender)),
    ):
        pq.write_table(table, partial / f"{name}.parquet")
        rows[name] = table.num_rows
    shutil.rmtree(folder, ignore_errors=True)
    partial.replace(folder)
    return rows


def _write_lists(
    folder: Path,
    recommender: Recommender,
    domain: Domain,
    user_ids: np.ndarray,
    histories: Histories,
    progress: Progress,
) -> dict[str, int]:
    rows = {"recommendations": 0, "candidate_lists": 0, "user_portraits": 0}
    done = 0
    with (
        pq.ParquetWriter(folder / "recommendations.parquet", RECOMMENDATIONS) as lists_file,
        pq.ParquetWriter(folder / "candidate_lists.parquet", CANDIDATE_LISTS) as candidates_file,
        pq.ParquetWriter(folder / "user_portraits.parquet", PORTRAITS) as portraits_file,
    ):
        for lists in list_users(recommender, domain, histories):
            block_ids = user_ids[done : done + len(lists.item_idx)]
            block = histories.block(done, done + len(block_ids))
            portraits = portrait_rows(recommender, domain.understanding, block_ids, block)
            for name, file, table in (
                ("recommendations", lists_file, recommendation_rows(recommender, block_ids, lists)),
                ("candidate_lists", candidates_file, candidate_rows(recommender, block_ids, lists)),
                ("user_portraits", portraits_file, portraits),
            ):
                rows[name] += _append(file, table)
            done += len(block_ids)
            progress(f"{done:,} of {len(user_ids):,} users listed")
    return rows


def _append(file: pq.ParquetWriter, table: pa.Table) -> int:
    if table.num_rows:
        file.write_table(table)
    return int(table.num_rows)


def staged_relations(folder: Path) -> dict[str, str]:
    """Table name -> the SQL relation that reads it."""
    return {
        name: f"read_parquet({quote(str(folder / f'{name}.parquet'))}, {NO_PATH_COLUMNS})"
        for name in (*SERVING_SET, *UNDERSTOOD)
    }
