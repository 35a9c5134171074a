"""What every Spark job here shares: its session, how that ends, its options on the command line."""

from __future__ import annotations

import argparse
import os
import threading

from pyspark.sql import SparkSession


def add_session_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--master", default="local[*]")
    parser.add_argument("--driver-memory", default="1g")
    parser.add_argument("--java-options", default="", help="of the driver's JVM: --java-options=-Xss4m")
    parser.add_argument("--end-with-parent", action="store_true", help="end when standard input closes")


def start_session(job: str, master: str, driver_memory: str, java_options: str = "") -> SparkSession:
    """A session set for what these jobs do.  job: its name, as Spark shows it."""
    options = {
        "spark.driver.extraJavaOptions": java_options,
        "spark.driver.memory": driver_memory,
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        # Every shuffle names its keys and its number of partitions; replanning between stages costs a
        # small job as much as its work.
        "spark.sql.adaptive.enabled": "false",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.timestampType": "TIMESTAMP_NTZ",
        # Hundreds of files are listed faster by the driver than by a job.
        "spark.sql.sources.parallelPartitionDiscovery.threshold": "10000",
        "spark.hadoop.mapreduce.fileoutputcommitter.marksuccessfuljobs": "false",
        "spark.hadoop.mapreduce.fileoutputcommitter.algorithm.version": "2",
        "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    }
    builder = SparkSession.builder.master(master).appName(f"nightjar {job}")
    for key, value in options.items():
        builder = builder.config(key, value)
    return builder.getOrCreate()


def stop_session(spark: SparkSession) -> None:
    """Stop Spark and wait for the end of its JVM, so that a job that has ended has left no process behind."""
    gateway = spark.sparkContext._gateway
    spark.stop()
    jvm = getattr(gateway, "proc", None)  # None under spark-submit, which is the JVM's parent then
    if gateway is not None and jvm is not None:
        gateway.shutdown()  # closes the connections; the JVM ends when its standard input does
        jvm.stdin.close()
        jvm.wait()


def end_with_parent() -> None:
    """End this process, and its JVM with it, once standard input closes: its parent was killed."""

    def wait_for_the_end() -> None:
        os.read(0, 1)
        os._exit(1)

    threading.Thread(target=wait_for_the_end, daemon=True).start()
