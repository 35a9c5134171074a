"""Embed texts on Spark's executors, by the function that embeds them in one process.

    python spark_jobs/embed_texts.py --texts texts.parquet --model MODEL --output vectors [--master local[*]]

texts: Parquet of text_hash, text.  output: a folder of Parquet files of text_hash, embedding (array<float> of
length 1).  The repository must be on PYTHONPATH, and the model's package or folder on every executor.
"""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence

import pyarrow as pa
from pyspark.sql import DataFrame

from include.texts.text_model import encode_texts, load_text_model
from spark_jobs.session import add_session_options, end_with_parent, start_session, stop_session

SCHEMA = "text_hash string, embedding array<float>"


def embed(texts: DataFrame, model: str, partitions: int) -> DataFrame:
    """text_hash, text -> text_hash, embedding.  partitions: tasks; each loads the model once."""
    return texts.repartition(partitions).mapInArrow(batch_encoder(model), SCHEMA)


def batch_encoder(
    model: str,
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """What `mapInArrow` calls with the batches of a task."""

    def encode(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        # A core a task: Spark hands out the cores.
        encoder = load_text_model(model, threads=1)
        for batch in batches:
            vectors = encode_texts(encoder, model, batch.column("text").to_pylist())
            rows = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), vectors.shape[1])
            columns = [batch.column("text_hash"), rows.cast(pa.list_(pa.float32()))]
            yield pa.RecordBatch.from_arrays(columns, ["text_hash", "embedding"])

    return encode


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--texts", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--output", required=True)
    parser.add_argument("--partitions", type=int, default=2)
    add_session_options(parser)
    options = parser.parse_args(arguments)
    if options.end_with_parent:
        end_with_parent()
    spark = start_session("embed_texts", options.master, options.driver_memory, options.java_options)
    try:
        spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", 2048)
        texts = spark.read.parquet(options.texts)
        embed(texts, options.model, options.partitions).write.mode("overwrite").parquet(options.output)
    except Exception:
        traceback.print_exc()  # while the JVM still lives: it is what knows the reason
        return 1
    finally:
        stop_session(spark)
    return 0


if __name__ == "__main__":
    sys.exit(main())
