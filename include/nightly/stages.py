"""The stages of a nightly, in the order of the data; dags/nightly_recommendations.py calls them.

Each takes the run, reads what earlier stages recorded, and records what it did and cost. Between `ingest` and
`publish` the lake is only read, as of the one snapshot that `ingest` found.
"""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from datetime import UTC, datetime

from include.config.domain import Domain, load_domain
from include.errors import DataError, GateError
from include.features.spark import build_features as run_spark
from include.features.spark_texts import spark_encoder
from include.features.training_matrices import load_training
from include.ingest.erased_people import count_erasures
from include.ingest.ingest import ingest_pending
from include.interactions.training_data import TrainingData
from include.lake.catalog import NO_PATH_COLUMNS, quote
from include.lake.checksums import check_files
from include.lake.lake import Lake, open_lake
from include.landing.bad_rows import tell_reasons
from include.nightly import publishing
from include.nightly.backfill import is_backfill, stale_reasons
from include.nightly.chat_stage import ask_labels, ask_profiles
from include.nightly.judge import evaluate_model
from include.nightly.stage_records import (
    AUDIT,
    BUILD_FEATURES,
    EMBED_TEXTS,
    EVALUATE,
    GATE_INPUT,
    INGEST,
    RANK_CANDIDATES,
    TRAIN,
    Built,
    Embedded,
    Ingested,
    Judged,
    Ranked,
)
from include.nightly.train_model import fit_model
from include.publish.champion import find_champion, usable_model
from include.publish.consumed_pairs import consumed_relation
from include.publish.staged_set import staged_relations, write_staged_set
from include.quality.exposure import PushedItem, find_pushed_items, last_nightly
from include.quality.gate_report import GateContext, save_results
from include.quality.gates import run_feature_gate, run_input_gate, run_output_gate
from include.quality.list_checks import judge_lists
from include.recommender.model_config import model_config
from include.recommender.storage import load_recommender
from include.reporting.list_health import published_rows
from include.reporting.parity import measure_parity
from include.run import Run, metered
from include.settings import load_settings, utc_now
from include.texts.embed import embed_items
from include.tuning.proposals import open_proposals

log = logging.getLogger(__name__)
AS_OF = "as_of"  # name of the cutoff that the features are built for


def open_run(run_id: str, domain: str | None = None) -> Run:
    """The run of that id, its domain file checked whole.

    domain: a domain file's name in place of NIGHTJAR_CONFIG's.  Raises ConfigError.
    """

    settings = load_settings({**os.environ, "NIGHTJAR_CONFIG": domain} if domain else None)
    run = Run(run_id, settings, load_domain(settings.config))
    model_config(run.domain)
    return run


def ingest(run: Run, as_of: str | None, interval_end: datetime | None) -> None:
    """Take in what has landed, then fix the run's cutoff and snapshot.

    as_of: given cutoff, ISO-8601; None: the newest event (clock: data), interval_end or now (clock: wall).
    Raises DataError when no event lies before the cutoff: there is nothing to publish.
    """
    with metered(run, INGEST) as meter, open_lake(run.settings) as lake:
        claim_domain(lake, run)
        lake.drop_partitions("raw.events", run_id=run.run_id)
        report = ingest_pending(
            lake,
            run.domain,
            run.settings,
            run_id=run.run_id,
            ingested_at=utc_now(),
            progress=lambda kind: log.info("%s", kind),
        )
        cutoff = find_cutoff(lake, run.domain, as_of, interval_end)
        events = lake.value("select count(*) from raw.events where event_at <= ?::timestamp", [cutoff])
        if not events:
            raise DataError(
                f"no event up to {cutoff}: nothing landed in {run.settings.landing / 'events'} was accepted"
                " (see raw.quarantine); the run stops here and the live set stays as it is"
            )
        meter.rows_in, meter.rows_out = report.rows_in, report.accepted
        is_asked_for = as_of is not None or run.domain.clock == "wall"
        erasures = count_erasures(lake.con)
        meter.record = Ingested(cutoff, lake.snapshot(), events, is_asked_for, erasures)


def claim_domain(lake: Lake, run: Run) -> None:
    """Refuse to mix two domains in one lake.  Raises DataError naming both."""
    name = run.domain.name
    held = lake.value("select value from ops.properties where name = 'domain'")
    if held is None:
        lake.write(
            lambda con: con.execute("insert into ops.properties values ('domain', ?)", [name]),
            run_id=run.run_id,
            message=f"lake of domain {name}",
        )
    elif held != name:
        raise DataError(
            f"the lake below {run.settings.home} holds domain '{held}', this run is for '{name}'"
            f" ({run.domain.file.name}); give each domain a NIGHTJAR_HOME of its own"
        )


def find_cutoff(lake: Lake, domain: Domain, as_of: str | None, interval_end: datetime | None) -> datetime:
    """Naive UTC: as_of where given, ISO-8601; else what the domain's clock says.

    Raises DataError where the clock is the data's and there is none.
    """
    return _naive_utc(datetime.fromisoformat(as_of)) if as_of else _clock(lake, domain, interval_end)


def _clock(lake: Lake, domain: Domain, interval_end: datetime | None) -> datetime:
    if domain.clock == "wall":
        return _naive_utc(interval_end) if interval_end else utc_now()
    newest = lake.value("select max(event_at) from raw.events")
    if newest is None:
        raise DataError("raw.events is empty: no event was accepted yet (see ops.ingests and raw.quarantine)")
    return newest


def _naive_utc(instant: datetime) -> datetime:
    return instant.astimezone(UTC).replace(tzinfo=None) if instant.tzinfo else instant


def gate_input(run: Run) -> None:
    """Check raw.* before anything is learned from it.  Raises GateError; the results are kept either way."""
    began = run.recorded(INGEST)
    with metered(run, GATE_INPUT) as meter, open_lake(run.settings) as lake:
        report = run_input_gate(lake, gate_context(run), docs=run.settings.reports / "data_docs" / "input")
        lake.write(lambda con: save_results(con, [report]), run_id=run.run_id, message="input gate")
        meter.rows_in, meter.rows_out = began.events, len(report.findings)
        report.raise_for_failures(_quarantined(lake, run.run_id) if report.failures else ())


def _quarantined(lake: Lake, run_id: str) -> list[str]:
    """What the run's own rows were quarantined for."""
    batches = f"(select batch_id from ops.ingests where run_id = {quote(run_id)})"
    reasons = tell_reasons(lake.con, f"(from raw.quarantine where batch_id in {batches})")
    return ["Quarantined by this run:", *(f"  {line}" for line in reasons)] if reasons else []


def build_features(run: Run) -> None:
    """Spark: user × item confidence and statistics as of the cutoff, as Parquet."""
    began = run.recorded(INGEST)
    with metered(run, BUILD_FEATURES) as meter, open_lake(run.settings, read_only=True) as lake:
        built = run_spark(
            lake,
            run.domain,
            run.settings,
            run_id=run.run_id,
            snapshot=began.snapshot,
            cutoffs={AS_OF: began.as_of},
        )
        tables = built.tables[AS_OF]
        meter.rows_in, meter.rows_out = built.events, sum(table.rows for table in tables.values())
        built_files = Built({name: list(table.files) for name, table in tables.items()})
        meter.record = built_files
    gate_features(run, built_files)


def gate_context(run: Run) -> GateContext:
    return GateContext(run.domain, run.run_id, as_of=run.recorded(INGEST).as_of, checked_at=utc_now())


def gate_features(run: Run, built: Built) -> None:
    """Check what is about to be learned from.  Raises GateError; the results are kept either way."""
    with open_lake(run.settings) as lake:
        views = {"user_items": parquet_relation(built.files["user_items"])}
        report = run_feature_gate(lake, gate_context(run), views)
        lake.write(lambda con: save_results(con, [report]), run_id=run.run_id, message="feature gate")
    report.raise_for_failures()


def embed_texts(run: Run) -> None:
    """Embed the item texts that were never embedded before."""

    def told(done: int, total: int) -> None:
        log.info("%d of %d new texts embedded", done, total)

    with metered(run, EMBED_TEXTS) as meter, open_lake(run.settings) as lake:
        report = embed_items(
            lake,
            run.domain,
            run_id=run.run_id,
            embedded_at=utc_now(),
            progress=told,
            elsewhere=spark_encoder(run.settings, run.domain, run.folder.name),
        )
        ask_labels(run, lake)
        meter.rows_in, meter.rows_out = report.texts, report.embedded
        meter.record = Embedded(report.embedded, report.cached)


def evaluate(run: Run) -> None:
    """Judge the challenger on a global time split before it is trained on everything.

    The newest open proposal of tune_models is judged too; one that is not better is left aside.
    A run whose data end before the champion's is stale: refused before anything is read, unless it was asked
    for that day. Raises GateError with every figure when it is refused; the figures are kept in the lake
    either way.
    """
    began = run.recorded(INGEST)
    with metered(run, EVALUATE) as meter:
        with open_lake(run.settings, read_only=True) as lake:
            champion = find_champion(lake)
            stale, is_of_the_past = stale_reasons(lake, began), is_backfill(lake, began)
            proposals = [] if is_of_the_past else open_proposals(lake, began.as_of)
        if stale and not is_of_the_past:
            judged = Judged(refusals=stale)
        else:
            training = read_training(run)
            meter.rows_in = len(training.events)
            model, problem = usable_model(champion)
            judged = evaluate_model(run, training, model, proposals)
            if problem is not None:
                judged = replace(judged, notes=(*judged.notes, problem))
        meter.record = judged
        meter.rows_out = len(judged.evaluations)
    for note in judged.notes:
        log.info("evaluation: %s", note)
    if judged.refusals:
        publishing.keep_refused(run)
        raise GateError("challenger refused, the champion stays: " + "; ".join(judged.refusals))


def train(run: Run) -> None:
    """Fit the judged model on everything up to the cutoff and keep it with its checksum."""
    with metered(run, TRAIN) as meter:
        training = read_training(run)
        meter.rows_in = len(training.events)
        meter.record = fit_model(run, training)
        meter.rows_out = training.n_items


def rank_candidates(run: Run) -> None:
    """Retrieve, blend, rank and explain for every user: the staged set."""
    trained = run.recorded(TRAIN)
    with metered(run, RANK_CANDIDATES) as meter:
        training = read_training(run)
        model = load_recommender(run.settings.models / trained.artifact, trained.checksum)
        current = model.with_catalogue(training.catalogue)
        rows = write_staged_set(
            run.parquet, current, run.domain, training.user_ids, training.histories, log.info
        )
        with open_lake(run.settings) as lake:
            ask_profiles(run, lake)
        staged = staged_relations(run.parquet)["recommendations"]
        with open_lake(run.settings, read_only=True) as lake:
            parity = measure_parity(lake.con, run.domain, staged)
            health = published_rows(lake.con, staged, current, training.user_ids, training.histories)
        meter.rows_in, meter.rows_out = training.n_users, sum(rows.values())
        meter.record = Ranked(rows, training.n_users, (*parity, *health))


def audit(run: Run) -> None:
    """Check the staged set, and the bytes of the lake it came from, before readers can see it.

    Raises GateError, LakeError; the set is kept for inspection.
    """
    context, ranked = gate_context(run), run.recorded(RANK_CANDIDATES)
    with metered(run, AUDIT) as meter, open_lake(run.settings) as lake:
        checked = check_files(lake)
        log.info("%d files are what was written, %d were seen for the first time", checked.known, checked.new)
        checked.raise_if_altered()
        user_items = _features(run, "user_items")
        views = {**staged_views(run), "consumed": consumed_relation(run.domain, user_items, context.as_of)}
        is_of_the_past = is_backfill(lake, run.recorded(INGEST))
        if is_of_the_past:  # whoever came later has no list then
            views["live_users"] = "(select user_id from serving.recommendations where false)"
        report = run_output_gate(
            lake,
            context,
            views,
            docs=run.settings.reports / "data_docs" / "output",
        )
        health = {row.figure: row.value for row in ranked.measured}
        lists = judge_lists(context, health, None if is_of_the_past else _pushed_items(run, lake))
        lake.write(lambda con: save_results(con, [report, lists]), run_id=run.run_id, message="output gate")
        meter.rows_in = sum(ranked.rows.values())
        meter.rows_out = len(report.findings) + len(lists.findings)
        for gate in (report, lists):
            gate.raise_for_failures()


def _pushed_items(run: Run, lake: Lake) -> list[PushedItem] | None:
    """None before the first nightly; named items are in the log, since by default they stop nothing."""
    since = last_nightly(lake.con)
    if since is None:
        return None
    pushed = find_pushed_items(
        lake.con,
        staged_relations(run.parquet)["recommendations"],
        _features(run, "user_items"),
        _features(run, "user_stats"),
        since,
        run.domain.quality.max_exposure_growth,
    )
    for item in pushed:
        log.warning("exposure: %s", item.describe())
    return pushed


def staged_views(run: Run) -> dict[str, str]:
    """The staged tables with the columns that the publish adds, as the gate wants them."""
    added = {"recommendations": "'' as model_version, timestamp '1970-01-01' as generated_at, "}
    return {
        name: f"(select *, {added.get(name, '')}'' as publication_id from {relation})"
        for name, relation in staged_relations(run.parquet).items()
    }


def read_training(run: Run) -> TrainingData:
    """What the run may learn from: the lake at its snapshot, and the features built from it."""
    began = run.recorded(INGEST)
    # Embeddings were added after the snapshot; everything else is read as of it.
    with open_lake(run.settings, read_only=True) as lake:
        return load_training(
            lake.con,
            run.domain,
            began.as_of,
            user_items=_features(run, "user_items"),
            item_stats=_features(run, "item_stats"),
            snapshot=began.snapshot,
        )


def _features(run: Run, table: str) -> str:
    return parquet_relation(run.recorded(BUILD_FEATURES).files[table])


def parquet_relation(files: list[str]) -> str:
    return f"read_parquet([{', '.join(quote(file) for file in files)}], {NO_PATH_COLUMNS})"
