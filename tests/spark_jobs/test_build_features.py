"""The Spark job's transforms: against DuckDB, against hand-worked rows, and on files as the lake has them."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import DataFrame, SparkSession

from include.contracts import TABLES
from include.features.confidence import Confidence, user_items_sql
from include.features.manifest import EventFile, Manifest
from spark_jobs import build_features as job

pytestmark = pytest.mark.spark
CUTOFF = datetime(2026, 1, 21, 12, 30, 15, 123456)
CONFIDENCE = Confidence(
    {"rating": None, 'it\'s \\ "bought" {x} 購入': 1.5, "return": -1.0}, half_life_days=7.3
)
EVENTS = pa.schema(
    [
        ("user_id", pa.string()),
        ("item_id", pa.string()),
        ("event_type", pa.string()),
        ("event_at", pa.timestamp("us")),
        ("value", pa.float64()),
    ]
)


def write(path: Path, rows: list[tuple], **more: list) -> str:
    columns = list(zip(*rows, strict=True)) if rows else [[]] * len(EVENTS)
    table = pa.table([pa.array(c, f.type) for c, f in zip(columns, EVENTS, strict=True)], schema=EVENTS)
    for name, values in more.items():
        table = table.append_column(name, pa.array(values, pa.int64()))
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)
    return str(path)


def random_events(n: int, seed: int) -> list[tuple]:
    """A few users and items, so that most pairs have several events; some odd values and late events."""
    pick = random.Random(seed)
    types = [*CONFIDENCE.weights, "unknown"]
    values = [None, float("nan"), 1e308, -2.5, 0.0, 4.0]
    return [
        (
            f"ü{pick.randrange(12)}",
            f"i{pick.randrange(15)}",
            pick.choice(types),
            CUTOFF - timedelta(days=pick.uniform(-2, 900), microseconds=pick.randrange(1000)),
            pick.choice(values),
        )
        for _ in range(n)
    ]


def read(spark: SparkSession, *paths: str) -> DataFrame:
    return job.read_events(spark, [EventFile(path, None) for path in paths], snapshot=1)


def pairs_of(events: DataFrame, cutoff: datetime = CUTOFF, confidence: Confidence = CONFIDENCE) -> DataFrame:
    return job.build_pairs(job.sort_events(events, partitions=3), confidence, cutoff, recent_days=30)


def rows_of(frame: DataFrame) -> list[tuple]:
    return [tuple(row) for row in frame.collect()]


def test_spark_and_duckdb_compute_the_same_confidence(spark: SparkSession, tmp_path: Path):
    file = write(tmp_path / "events.parquet", random_events(3000, seed=1))
    columns = TABLES["features.user_items"].column_names
    from_spark = rows_of(pairs_of(read(spark, file)).select(*columns).orderBy("user_id", "item_id"))
    sql = user_items_sql(f"'{file}'", CONFIDENCE, CUTOFF)
    from_duckdb = duckdb.sql(f"select * from ({sql}) order by user_id, item_id").fetchall()
    assert len(from_spark) > 100
    for ours, theirs in zip(from_spark, from_duckdb, strict=True):
        assert ours[2] == pytest.approx(theirs[2], rel=1e-9, abs=1e-12)
        assert ours[:2] + ours[3:] == theirs[:2] + theirs[3:]


def test_the_order_of_the_input_does_not_change_a_bit(spark: SparkSession, tmp_path: Path):
    events = random_events(2000, seed=2)
    one = write(tmp_path / "one.parquet", events)
    parts = [write(tmp_path / f"part{k}.parquet", events[::-1][k::5]) for k in range(5)]
    tables = []
    for files in ([one], parts):
        pairs = pairs_of(read(spark, *files))
        stats = job.build_item_stats(pairs, partitions=2).orderBy("item_id")
        tables.append((rows_of(pairs.orderBy("user_id", "item_id")), rows_of(stats)))
    assert tables[0] == tables[1]


def test_deleted_rows_and_rows_of_later_snapshots_are_not_read(spark: SparkSession, tmp_path: Path):
    def events(user: str, n: int) -> list[tuple]:
        return [(user, f"i{k}", "rating", CUTOFF, 1.0) for k in range(n)]

    whole = write(tmp_path / "year=2026" / "month=1" / "whole.parquet", events("whole", 2))
    touched = write(tmp_path / "year=2025" / "touched.parquet", events("touched", 4))
    merged = write(tmp_path / "merged.parquet", events("merged", 3), _ducklake_internal_snapshot_id=[6, 7, 8])
    deletes = str(tmp_path / "touched-delete.parquet")
    pq.write_table(pa.table({"file_path": [touched, touched], "pos": pa.array([0, 2], pa.int64())}), deletes)
    files = [EventFile(whole, None), EventFile(touched, deletes), EventFile(merged, None)]
    found = rows_of(job.read_events(spark, files, snapshot=7).select("user_id", "item_id"))
    assert sorted(found) == [
        *[("merged", "i0"), ("merged", "i1")],
        *[("touched", "i1"), ("touched", "i3")],
        *[("whole", "i0"), ("whole", "i1")],
    ]


def test_statistics_by_hand(spark: SparkSession, tmp_path: Path):
    old, new = CUTOFF - timedelta(days=60), CUTOFF - timedelta(days=1)
    confidence = Confidence({"view": 1.0}, half_life_days=60.0)
    events = [
        ("a", "x", "view", old, None),
        ("a", "x", "view", CUTOFF, None),
        ("a", "y", "view", CUTOFF, None),
        ("b", "x", "view", new, None),
    ]
    pairs = pairs_of(read(spark, write(tmp_path / "events.parquet", events)), confidence=confidence).persist()
    day = 2 ** (-1 / 60)
    users = job.build_user_stats(pairs).select(*TABLES["features.user_stats"].column_names).orderBy("user_id")
    assert rows_of(users) == [
        ("a", 3, 2, pytest.approx(2.5), old, CUTOFF),
        ("b", 1, 1, pytest.approx(day), new, new),
    ]
    items = job.build_item_stats(pairs, partitions=2)
    items = items.select(*TABLES["features.item_stats"].column_names).orderBy("item_id")
    assert rows_of(items) == [
        ("x", 3, 2, pytest.approx(1.5 + day), 2, old, CUTOFF),
        ("y", 1, 1, pytest.approx(1.0), 1, CUTOFF, CUTOFF),
    ]


def test_files_hold_the_contract_sorted_and_at_the_cutoff_asked_for(spark: SparkSession, tmp_path: Path):
    file = write(tmp_path / "events.parquet", random_events(500, seed=4))
    earlier = CUTOFF - timedelta(days=100)
    tables = ("user_items", "user_stats", "item_stats")
    manifest = Manifest(
        files=[EventFile(file, None)],
        snapshot=1,
        rows=500,
        confidence=CONFIDENCE,
        cutoffs={"as_of": CUTOFF, "holdout": earlier},
        tables={"as_of": tables, "holdout": ("user_items",)},
        recent_days=30,
        output=str(tmp_path / "out"),
    )
    job.build(spark, manifest)
    for table in tables:
        (written,) = (tmp_path / "out" / "as_of" / table).glob("*.parquet")
        described = duckdb.sql(f"describe select * from '{written}'").fetchall()
        contract = TABLES[f"features.{table}"].columns
        assert [(name, kind) for name, kind, *_ in described] == [(c.name, c.type) for c in contract]
        keys = duckdb.sql(f"select #1, #2 from '{written}'").fetchall()
        assert keys and keys == sorted(keys)
        assert {path.suffix for path in written.parent.iterdir()} <= {".parquet", ".crc"}
    assert [path.name for path in (tmp_path / "out" / "holdout").iterdir()] == ["user_items"]
    (written,) = (tmp_path / "out" / "holdout" / "user_items").glob("*.parquet")
    newest, as_of = duckdb.sql(f"select max(last_event_at), max(as_of) from '{written}'").fetchone()
    assert newest <= earlier == as_of
