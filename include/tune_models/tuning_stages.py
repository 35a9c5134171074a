"""The stages of tune_models: search settings on what a nightly will never judge by, and propose the best.

The newest events, by which a nightly judges, are cut off first; the search then splits what is left by time.
Nothing is built for it: the splits make their histories from raw.events. The lake is read as of one snapshot
and written once, by `propose`.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

import duckdb

from include.errors import DataError
from include.evaluation.split import Split, time_split
from include.features.confidence import confidence_of, user_items_sql
from include.features.training_matrices import load_training
from include.lake.insert_rows import as_json, insert_rows
from include.lake.lake import Lake, open_lake
from include.nightly.contest import instant_of, settings_objects
from include.nightly.judge import champion_settings
from include.nightly.publishing import write_stages
from include.nightly.stages import claim_domain, find_cutoff
from include.publish.champion import find_champion, usable_model
from include.recommender.model_config import model_config
from include.retrieval.registry import SOURCES
from include.retrieval.source import SourceUnavailable
from include.run import Run, metered
from include.settings import SEED, utc_now
from include.tune_models.tuning_records import (
    PREPARE,
    PROPOSE,
    Prepared,
    Proposed,
    Searched,
    search_stage,
)
from include.tuning.compare import Combined, blended_ndcg, combine_settings
from include.tuning.fit import inner_splits, wanted_sources
from include.tuning.proposals import OPEN, REFUSED, Settings, config_hash
from include.tuning.source_search import choose_trial, search_wide

log = logging.getLogger(__name__)


def prepare(run: Run, as_of: str | None, interval_end: datetime | None) -> list[str]:
    """Fix cutoff, snapshot and champion; the sources to search for, none where there is nothing to do.

    Raises DataError when the lake holds no event up to the cutoff, or another domain.
    """
    config = model_config(run.domain)
    with metered(run, PREPARE) as meter, open_lake(run.settings) as lake:
        cutoff = find_cutoff(lake, run.domain, as_of, interval_end)
        events = lake.value("select count(*) from raw.events where event_at <= ?::timestamp", [cutoff])
        if not events:
            raise DataError(f"no event up to {cutoff} in raw.events: run `make nightly` first")
        claim_domain(lake, run)
        meter.rows_in = events
        meter.record = Prepared(cutoff, lake.snapshot(), _champion_settings(lake, run))
    if not config.tuning.enabled:
        log.info("the domain file has `tuning: {search: off}`: nothing to do")
        return []
    splits, _ = read_splits(run)
    if not splits:
        log.info("too few users came back to judge by: nothing to do")
        return []
    return list(wanted_sources(config))


def search(run: Run, source: str) -> None:
    """Try the wide grid of one source, and steps from the best of it; every trial is recorded."""
    champion = run.recorded(PREPARE).champion or {}
    with metered(run, search_stage(source)) as meter:
        splits, _ = read_splits(run)
        start = (settings_objects({source: champion[source]}) or {}) if source in champion else {}
        try:
            trials = search_wide(
                source, splits, model_config(run.domain), SEED, log.info, start=start.get(source)
            )
        except SourceUnavailable as reason:
            log.info("%s", reason)
            meter.record = Searched((), None, str(reason))
            return
        chosen = choose_trial(trials)
        log.info("%s: chosen is nDCG@10 %.4f with %s", source, chosen.ndcg, chosen.params)
        meter.rows_in, meter.rows_out = sum(len(split.train.events) for split in splits), len(trials)
        meter.record = Searched(tuple(trial.row() for trial in trials), trials.index(chosen))


def propose(run: Run) -> None:
    """Combine the champion's settings with what was found, and enter proposal and trials in the lake.

    Where the champion's settings come out again, the proposal is entered as refused at once. Doing it again
    changes nothing that a nightly has decided since.
    """
    config = model_config(run.domain)
    began = run.recorded(PREPARE)
    with metered(run, PROPOSE) as meter:
        splits, searched_until = read_splits(run)
        searched = {name: run.recorded(search_stage(name)) for name in wanted_sources(config)}
        found = settings_objects(best_settings(searched)) or {}
        champion = settings_objects(began.champion)
        if champion is not None:  # what it went without is fitted with its defaults
            champion = {name: SOURCES[name].params_type() for name in found} | champion
        combined = combine_settings(
            found, champion, lambda params: blended_ndcg(splits, config, params, SEED, log.debug), log.info
        )
        note = why_refused(combined, found, champion)
        proposal_id, status = _name(run, began.as_of), REFUSED if note else OPEN
        proposal = {
            "proposal_id": proposal_id,
            "made_at": utc_now(),
            "as_of": began.as_of,
            "searched_until": searched_until,
            "run_id": run.run_id,
            "model_config": config_hash(config),
            "settings": as_json({name: asdict(params) for name, params in combined.settings.items()}),
            "ndcg": combined.ndcg,
            "ndcg_champion": combined.champion,
            "users": sum(len(split.users) for split in splits),
            "status": status,
            "decided_at": utc_now() if note else None,
            "decided_by": run.run_id if note else None,
            "note": note,
        }
        log.info("proposal %s", as_json(proposal))
        meter.rows_in, meter.rows_out = sum(len(found.trials) for found in searched.values()), 1
        meter.record = Proposed(proposal_id, combined.ndcg, combined.champion, status)

    def work(con: duckdb.DuckDBPyConnection) -> None:
        _enter_proposal(con, proposal)
        _enter_trials(con, run, began.as_of, searched)
        write_stages(con, run)

    with open_lake(run.settings) as lake:
        lake.write(work, run_id=run.run_id, message="proposal of tune_models")


def best_settings(searched: Mapping[str, Searched]) -> Settings:
    """The chosen settings of each source that could run, those first that gain most by the search."""
    ordered = sorted(searched, key=lambda name: searched[name].gain, reverse=True)
    return {name: best for name in ordered if (best := searched[name].best) is not None}


def read_splits(run: Run) -> tuple[list[Split], datetime]:
    """The inner splits of what a nightly with the same cutoff would train on, and where that ends."""
    config = model_config(run.domain)
    began = run.recorded(PREPARE)
    as_of = began.as_of
    events = f"(select * from raw.events at (version => {began.snapshot}))"
    with open_lake(run.settings, read_only=True) as lake:
        training = load_training(
            lake.con,
            run.domain,
            as_of,
            user_items=f"({user_items_sql(events, confidence_of(run.domain.events), as_of)})",
            item_stats=f"(select distinct item_id from {events} where event_at <= timestamp '{as_of}')",
            snapshot=began.snapshot,
        )
    limits = run.domain.evaluation
    outer = time_split(training, limits.holdout_share, config.consumed, max_users=1, seed=SEED)
    if outer.train.histories.weights.nnz == 0:
        return [], as_of
    return inner_splits(outer.train, config, SEED), instant_of(outer.cutoff)


def _champion_settings(lake: Lake, run: Run) -> Settings | None:
    """The champion's, where it was made for the domain file as it is; a changed file starts afresh."""
    champion, _ = usable_model(find_champion(lake))
    if champion is None or champion.config != model_config(run.domain):
        return None
    return champion_settings(champion)


def why_refused(
    combined: Combined, found: Mapping[str, Any], champion: Mapping[str, Any] | None
) -> str | None:
    """Why settings are not worth a nightly's judgement; None where they are.  Settings: source -> params."""
    if champion is None or combined.settings != champion:
        return None
    better = [name for name, params in found.items() if params != champion[name]]
    if not better:
        return "the champion's settings again: nothing tried is better by more than luck"
    return (
        f"the champion's settings again: what does better alone ({', '.join(better)}) makes no better blend"
    )


def _name(run: Run, as_of: datetime) -> str:
    return f"{as_of:%Y%m%dT%H%M%S}-{hashlib.sha256(run.run_id.encode()).hexdigest()[:8]}"


def _enter_proposal(con: duckdb.DuckDBPyConnection, proposal: Mapping[str, Any]) -> None:
    """In the place of an earlier one of the same run, unless a nightly has decided that one."""
    con.execute(
        "delete from ops.proposals where proposal_id = ? and coalesce(decided_by, run_id) = run_id",
        [proposal["proposal_id"]],
    )
    if not con.execute(
        "select 1 from ops.proposals where proposal_id = ?", [proposal["proposal_id"]]
    ).fetchall():
        insert_rows(con, "ops.proposals", [proposal])


def _enter_trials(
    con: duckdb.DuckDBPyConnection, run: Run, as_of: datetime, found: Mapping[str, Searched]
) -> None:
    con.execute("delete from ops.tuning_trials where run_id = ?", [run.run_id])
    rows = [
        {
            "run_id": run.run_id,
            "as_of": as_of,
            "source": source,
            "trial": number + 1,
            **asdict(trial),
            "params": as_json(trial.params),
            "is_chosen": number == record.chosen,
        }
        for source, record in found.items()
        for number, trial in enumerate(record.trials)
    ]
    insert_rows(con, "ops.tuning_trials", rows)
