"""One Spark session for all of these tests, set as the job sets its own."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from pyspark.sql import SparkSession

from include.features.java import java_options
from spark_jobs.session import start_session


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    session = start_session("tests", "local[2]", "1g", " ".join(java_options(os.environ)))
    session.conf.set("spark.sql.shuffle.partitions", 3)
    yield session
    session.stop()
