"""Build features.user_items, user_stats and item_stats from the Parquet files of raw.events.

    python spark_jobs/build_features.py --manifest manifest.json [--master local[*]]

Runs without Airflow and without the lake: the manifest (include/features/manifest.py) names the files to
read, the formula's figures and the folder to write. The repository must be on PYTHONPATH.
"""

from __future__ import annotations

import argparse
import math
import sys
import traceback
from collections.abc import Sequence
from datetime import datetime
from functools import reduce
from pathlib import Path

from pyspark import StorageLevel
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from include.contracts import TABLES
from include.features.confidence import Confidence, decayed_events_sql, pairs_sql, recent_events_sql
from include.features.manifest import EventFile, Manifest, read_manifest
from spark_jobs.session import add_session_options, end_with_parent, start_session, stop_session

# TIMESTAMP_NTZ is the lake's TIMESTAMP: UTC without a zone, no conversion on the way in or out.
EVENT_SCHEMA = (
    "user_id string, item_id string, event_type string, event_at timestamp_ntz, value double,"
    " _ducklake_internal_snapshot_id bigint"
)
# Rows in a task of a shuffle: some 50 MB of events, well within one core's share of a 1 GB driver.
ROWS_PER_PARTITION = 250_000
# Rows in a file that the lake adopts: some 50 MB, so that a lake of 100 M pairs has 50 files.
ROWS_PER_FILE = 2_000_000
# Point reads of one user's rows decode whole row groups: 1 MB is some 40,000 rows, 2 ms.
ROW_GROUP_BYTES = 1 << 20


def read_events(spark: SparkSession, files: Sequence[EventFile], snapshot: int) -> DataFrame:
    """The live rows of raw.events: user_id, item_id, event_type, event_at, value."""
    whole = [file.data for file in files if file.deletes is None]
    parts = [_read_parquet(spark, whole)] if whole else []
    touched = [file for file in files if file.deletes is not None]
    if touched:
        parts.append(_without_deleted(spark, touched))
    if not parts:
        return spark.createDataFrame([], EVENT_SCHEMA).drop("_ducklake_internal_snapshot_id")
    events = reduce(DataFrame.unionByName, parts)
    # A file that compaction merged holds rows of later snapshots too, and says of each which one brought it.
    brought_by = F.col("_ducklake_internal_snapshot_id")
    return events.where(brought_by.isNull() | (brought_by <= snapshot)).drop("_ducklake_internal_snapshot_id")


def _read_parquet(spark: SparkSession, paths: Sequence[str]) -> DataFrame:
    # recursiveFileLookup: takes folders named column=value for what they are, not for columns.
    return spark.read.option("recursiveFileLookup", "true").schema(EVENT_SCHEMA).parquet(*paths)


def _without_deleted(spark: SparkSession, files: Sequence[EventFile]) -> DataFrame:
    """Rows whose file and position are in no delete file (DuckLake writes Iceberg's position deletes)."""
    events = _read_parquet(spark, [file.data for file in files])
    deleted = (
        spark.read.option("recursiveFileLookup", "true")
        .schema("file_path string, pos bigint")
        .parquet(*(str(file.deletes) for file in files))
        # File names are unique in a lake (they carry a UUID); paths come as URLs here and as paths there.
        .select(
            F.element_at(F.split("file_path", "/"), -1).alias("file_name"), F.col("pos").alias("row_index")
        )
    )
    columns = events.columns
    marked = events.select("*", "_metadata.file_name", F.col("_metadata.row_index").alias("row_index"))
    return marked.join(deleted, on=["file_name", "row_index"], how="left_anti").select(*columns)


def sort_events(events: DataFrame, *, partitions: int) -> DataFrame:
    """The events of a user in one partition, in the order in which they are added up.

    With that order the same input gives the same sums to the last bit, whatever order a shuffle delivers.
    """
    return events.repartition(partitions, "user_id").sortWithinPartitions(
        "user_id", "item_id", "event_at", "event_type", "value"
    )


def build_pairs(
    sorted_events: DataFrame, confidence: Confidence, cutoff: datetime, *, recent_days: float
) -> DataFrame:
    """features.user_items and recent_events: one row a user and item, partitioned by user."""
    spark = sorted_events.sparkSession
    sorted_events.createOrReplaceTempView("events_sorted")
    decayed = decayed_events_sql("events_sorted", confidence, cutoff, "spark")
    return spark.sql(pairs_sql(f"({decayed})", cutoff, recent_events_sql(cutoff, recent_days)))


def build_user_stats(pairs: DataFrame) -> DataFrame:
    """features.user_stats: one row a user."""
    return pairs.groupBy("user_id").agg(
        F.sum("events").alias("events"),
        F.count(F.lit(1)).alias("items"),
        F.sum("weight").alias("weight"),
        F.min("first_event_at").alias("first_event_at"),
        F.max("last_event_at").alias("last_event_at"),
    )


def build_item_stats(pairs: DataFrame, *, partitions: int) -> DataFrame:
    """features.item_stats: one row an item; added up in the order of users, see sort_events."""
    ordered = pairs.repartition(partitions, "item_id").sortWithinPartitions("item_id", "user_id")
    return ordered.groupBy("item_id").agg(
        F.sum("events").alias("events"),
        F.count(F.lit(1)).alias("users"),
        F.sum("weight").alias("weight"),
        F.sum("recent_events").alias("recent_events"),
        F.min("first_event_at").alias("first_event_at"),
        F.max("last_event_at").alias("last_event_at"),
    )


def write_table(table: DataFrame, name: str, folder: str, *, rows: int) -> None:
    """Write as the contract has it: columns in order, sorted, a file for each ROWS_PER_FILE of ``rows``."""
    files = max(1, math.ceil(rows / ROWS_PER_FILE))
    contract = TABLES[f"features.{name}"]
    # A user's or an item's rows lie together, so that a point read takes one row group.
    sort = contract.sort
    spread = table.repartition(1) if files == 1 else table.repartitionByRange(files, sort[0])
    (
        spread.sortWithinPartitions(*sort)
        .select(*contract.column_names)
        .write.option("parquet.block.size", ROW_GROUP_BYTES)
        .parquet(f"{folder}/{name}", compression="zstd")
    )


def build(spark: SparkSession, manifest: Manifest) -> None:
    """Write the tables that the manifest asks for."""
    partitions = max(spark.sparkContext.defaultParallelism, math.ceil(manifest.rows / ROWS_PER_PARTITION))
    spark.conf.set("spark.sql.shuffle.partitions", partitions)
    events = read_events(spark, manifest.files, manifest.snapshot)
    # Read, dealt out and sorted once for all cutoffs; what the memory does not hold lies on local disk.
    kept = sort_events(events, partitions=partitions).persist(StorageLevel.MEMORY_AND_DISK)
    for name, cutoff in manifest.cutoffs.items():
        pairs = build_pairs(kept, manifest.confidence, cutoff, recent_days=manifest.recent_days)
        pairs.persist(StorageLevel.MEMORY_AND_DISK)
        for table in manifest.tables[name]:
            write_table(
                build_table(table, pairs, partitions),
                table,
                f"{manifest.output}/{name}",
                rows=manifest.rows,
            )
        pairs.unpersist()


def build_table(name: str, pairs: DataFrame, partitions: int) -> DataFrame:
    """A table of schema features from `build_pairs`."""
    if name == "user_items":
        return pairs
    if name == "user_stats":
        return build_user_stats(pairs)
    if name == "item_stats":
        return build_item_stats(pairs, partitions=partitions)
    raise ValueError(f"table {name!r}; expected user_items, user_stats or item_stats")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--manifest", type=Path, required=True)
    add_session_options(parser)
    options = parser.parse_args(arguments)
    if options.end_with_parent:
        end_with_parent()
    spark = start_session("build_features", options.master, options.driver_memory, options.java_options)
    try:
        build(spark, read_manifest(options.manifest))
    except Exception:
        traceback.print_exc()  # while the JVM still lives: it is what knows the reason
        return 1
    finally:
        stop_session(spark)
    return 0


if __name__ == "__main__":
    sys.exit(main())
