"""Have Spark's executors embed item texts, each with the text model loaded."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from include.config.domain import Domain
from include.features.java import java_options
from include.features.job import run_job
from include.settings import Settings
from include.texts.embed import CHUNK_TEXTS, EncodeElsewhere, longest_first
from include.texts.text_model import find_text_model

log = logging.getLogger(__name__)


def spark_encoder(settings: Settings, domain: Domain, run_id: str) -> EncodeElsewhere:
    """What `embed_items` takes as `elsewhere`; a killed run embeds its texts anew.

    The executors must see NIGHTJAR_HOME, as they must for the features, and have the model's package or
    folder. Raises NightjarError with the log's last lines when the job fails.
    """

    def encode(texts: Mapping[str, str]) -> Iterator[tuple[list[str], np.ndarray]]:
        work = settings.runs / "spark" / f"texts-{run_id.replace('/', '_')}"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        keys = longest_first(texts)
        rows = pa.table({"text_hash": keys, "text": [texts[key] for key in keys]})
        pq.write_table(rows, work / "texts.parquet", row_group_size=CHUNK_TEXTS)
        log.info("%d texts go to Spark on %s", len(keys), settings.spark_master)
        run_job(
            "embed_texts",
            [
                *("--texts", str(work / "texts.parquet")),
                *("--model", find_text_model(domain.text_model).location),
                *("--output", str(work / "vectors")),
                *("--partitions", str(-(-len(keys) // CHUNK_TEXTS))),
            ],
            work,
            master=settings.spark_master,
            environ=os.environ,
            java_options=java_options(os.environ),
        )
        for file in sorted((work / "vectors").glob("*.parquet")):
            for part in pq.ParquetFile(file).iter_batches(CHUNK_TEXTS):
                flat = part.column("embedding").flatten().to_numpy(zero_copy_only=False)
                yield part.column("text_hash").to_pylist(), flat.reshape(part.num_rows, -1)
        shutil.rmtree(work)

    return encode
