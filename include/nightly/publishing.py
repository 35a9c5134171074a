"""The last stages of a nightly: the one commit that readers see, and the report of the run."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import duckdb

from include.errors import ExportError, GateError, NightjarError
from include.evaluation.evaluation_row import EvaluationRow
from include.exports.export import export_lists
from include.ingest.erased_people import count_erasures
from include.ingest.unlisted import keep_unlisted_after
from include.lake.insert_rows import as_json, insert_rows
from include.lake.lake import Lake, adopt_files, open_lake
from include.nightly.backfill import keep_backfill, stale_reasons
from include.nightly.judge import judged_model
from include.nightly.stage_records import (
    BUILD_FEATURES,
    EVALUATE,
    INGEST,
    PUBLISH,
    RANK_CANDIDATES,
    TRAIN,
    Trained,
)
from include.publish.portrait_tables import replace_understood
from include.publish.publish import close_publication, open_publication, replace_set
from include.publish.staged_set import staged_relations
from include.recommender.storage import checksum_path, load_recommender
from include.refresh.catch_up import catch_up
from include.reporting.failed_page import render_failed_page
from include.reporting.report_page import render_page
from include.run import Run, metered
from include.settings import utc_now
from include.tuning.proposals import close_proposals
from include.whole_files import write_whole

log = logging.getLogger(__name__)
# Property of the lake: the set that the newest nightly published.
PUBLISHED_SET = "published_set"


def publish(run: Run) -> None:
    """Swap the staged set in: lists, features, model and figures in one commit.

    Doing it again for the same features changes nothing, so that a task killed after its commit may rerun.
    """
    with metered(run, PUBLISH) as meter, open_lake(run.settings) as lake:
        built, trained, ranked = (
            run.recorded(BUILD_FEATURES),
            run.recorded(TRAIN),
            run.recorded(RANK_CANDIDATES),
        )
        if _is_published(lake, built.set_name):
            log.info("this set is published already")
            return
        recommender = load_recommender(run.settings.models / trained.artifact, trained.checksum)
        published_at = utc_now()

        def work(con: duckdb.DuckDBPyConnection) -> int:
            began = run.recorded(INGEST)
            if count_erasures(con) != began.erasures:
                raise GateError(
                    "publish refused, the live set stays: the run began before somebody was erased;"
                    " run it again"
                )
            if stale := stale_reasons(lake, began):  # looked at again: a newer run may have published
                if not began.is_asked_for:
                    raise GateError("publish refused, the live set stays: " + "; ".join(stale))
                log.info("kept beside the live set: %s", "; ".join(stale))
                _enter_trained(con, run, trained, published_at, "archived")
                _write_evaluations(con, run, published_at, ranked.measured)
                return keep_backfill(con, run, began, trained, published_at)
            publication = open_publication(
                con,
                kind="nightly",
                as_of=began.as_of,
                published_at=published_at,
                model_version=trained.model_version,
                run_id=run.run_id,
                events_snapshot=began.snapshot,
            )
            staged = staged_relations(run.parquet)
            replace_set(con, staged, publication)
            replace_understood(con, staged, publication)
            for table, files in built.files.items():
                adopt_files(con, f"features.{table}", files)
            _remember_set(con, built.set_name)
            caught_up = catch_up(lake, run.domain, recommender, publication, began.as_of)
            if caught_up.users:
                log.info("listed %d users again for what came since the cutoff", caught_up.users)
            keep_unlisted_after(con, began.snapshot, began.as_of)
            _enter_champion(con, run, trained, published_at)
            _write_evaluations(con, run, published_at, ranked.measured)
            close_proposals(con, run.recorded(EVALUATE).proposals, run.run_id, published_at)
            users, rows = con.execute(
                "select count(distinct user_id), count(*) from serving.recommendations"
            ).fetchone()  # type: ignore[misc]
            close_publication(con, publication, users, rows)
            return int(rows)

        rows = lake.write(work, run_id=run.run_id, message="nightly publication")
        meter.rows_in, meter.rows_out = sum(ranked.rows.values()), rows


def _is_published(lake: Lake, set_name: str) -> bool:
    return bool(lake.value("select value from ops.properties where name = ?", [PUBLISHED_SET]) == set_name)


def _remember_set(con: duckdb.DuckDBPyConnection, set_name: str) -> None:
    con.execute("delete from ops.properties where name = ?", [PUBLISHED_SET])
    insert_rows(con, "ops.properties", [{"name": PUBLISHED_SET, "value": set_name}])


def _enter_champion(con: duckdb.DuckDBPyConnection, run: Run, trained: Trained, at: datetime) -> None:
    """The new champion, and what it follows retired, in the commit that publishes its lists."""
    con.execute("update ops.model_versions set status = 'retired' where status = 'champion'")
    _enter_trained(con, run, trained, at, "champion")


def _enter_trained(
    con: duckdb.DuckDBPyConnection, run: Run, trained: Trained, at: datetime, status: str
) -> None:
    _enter_model(
        con,
        run,
        at,
        status=status,
        model_version=trained.model_version,
        git_revision=trained.git_revision,
        parameters=as_json(trained.parameters),
        metrics=as_json(trained.metrics),
        artifact=trained.artifact,
        checksum=trained.checksum,
    )


def _enter_model(con: duckdb.DuckDBPyConnection, run: Run, at: datetime, **columns: Any) -> None:
    began = run.recorded(INGEST)
    con.execute("delete from ops.model_versions where model_version = ?", [columns["model_version"]])
    known = {
        "trained_at": at,
        "as_of": began.as_of,
        "data_snapshot": began.snapshot,
        "run_id": run.run_id,
    }
    insert_rows(con, "ops.model_versions", [known | columns])


def _write_evaluations(
    con: duckdb.DuckDBPyConnection, run: Run, at: datetime, measured: Sequence[EvaluationRow] = ()
) -> None:
    judged = run.recorded(EVALUATE)
    con.execute("delete from ops.evaluations where run_id = ?", [run.run_id])
    known = {"run_id": run.run_id, "evaluated_at": at, "split_at": judged.split_at}
    insert_rows(con, "ops.evaluations", [known | asdict(row) for row in (*judged.evaluations, *measured)])


def keep_refused(run: Run) -> None:
    """Keep what a refused challenger was, with its figures.

    It was never fitted on all of the data, so it has no artifact among the models: the file that was judged
    stays in the run's folder.
    """
    at = utc_now()

    def work(con: duckdb.DuckDBPyConnection) -> None:
        _write_evaluations(con, run, at)
        if not judged_model(run).is_file():  # refused before anything was fitted
            return
        checksum = checksum_path(judged_model(run)).read_text(encoding="utf-8").split()[0]
        as_of = run.recorded(INGEST).as_of
        version = f"{as_of:%Y%m%dT%H%M%S}-{checksum[:12]}"
        _enter_model(con, run, at, status="refused", model_version=version, checksum=checksum)

    with open_lake(run.settings) as lake:
        lake.write(work, run_id=run.run_id, message="refused challenger")


def export(run: Run) -> None:
    """Bring the domain's export targets to what is live.  Raises ExportError after all were tried, where some
    failed: the publish stands, and the next run, or a refresh, exports again."""
    done = export_lists(run.settings, run.domain, run_id=run.run_id, now=utc_now())
    failed = [f"{found.target}: {found.error}" for found in done if found.error]
    if failed:
        raise ExportError("the lists are published; these targets do not have them: " + "; ".join(failed))


def report(run: Run) -> None:
    """Keep what each stage cost in ops.stages, and write the run's page below reports/."""
    with open_lake(run.settings) as lake:
        lake.write(lambda con: write_stages(con, run), run_id=run.run_id, message="cost of the run")
        published = lake.value(
            "select max(publication_id) from serving.publications where run_id = ?", [run.run_id]
        )
        if published is not None:
            write_page(run, render_page(lake, run.domain, run.run_id, published), published)


def report_failure(run: Run, stage: str, error: str) -> None:
    """Say on ``reports/latest.html`` what stopped the run, and keep what its stages cost until then.

    error: as it was raised.  Nothing that readers see is touched. A lake that cannot be opened is no reason
    to say nothing: the page then tells the error alone.
    """
    at = utc_now()
    try:
        with open_lake(run.settings) as lake:
            lake.write(lambda con: write_stages(con, run), run_id=run.run_id, message="cost of the run")
            page = render_failed_page(lake, run.run_id, stage, error, at)
    except NightjarError as reason:
        log.warning("the failed run's page tells its error alone: %s", reason)
        page = render_failed_page(None, run.run_id, stage, error, at)
    write_page(run, page, f"failed-{run.folder.name}")


def write_stages(con: duckdb.DuckDBPyConnection, run: Run) -> None:
    """Enter what the run's stages cost so far in ops.stages, in the place of what was there of it."""
    con.execute("delete from ops.stages where run_id = ?", [run.run_id])
    insert_rows(con, "ops.stages", [{"run_id": run.run_id} | asdict(cost) for cost in run.costs()])


def write_page(run: Run, page: str, page_name: str) -> None:
    """Put the page under its own name and under ``latest.html``."""
    for name in (page_name, "latest"):
        write_whole(run.settings.reports / f"{name}.html", page)
