"""The evaluation gate inside a nightly: a worse challenger stops the run, and the champion's lists stay."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from include.config.domain import load_domain
from include.errors import GateError, LakeError
from include.lake.checksums import check_files
from include.lake.lake import Lake, open_lake
from include.nightly import stages
from include.nightly.stage_records import EVALUATE, INGEST
from include.publish import champion as champions
from include.publish.champion import find_champion
from include.recommender.model_config import model_config
from include.run import Run
from include.settings import load_settings
from tests.support.generated import land_generated
from tests.support.run_stage import STAGES, run_stage

GOOD = """\
domain: generated
events:
  types:
    rating: {weight: value}
text: "{title}"
list_size: 8
tuning: {search: "off"}
ranking: {method: blend}
"""
# Nothing but what is popular, the same for everyone.
SABOTAGED = GOOD + "retrieval: {sources: [trending]}\n"


@pytest.fixture
def champion(tmp_path: Path) -> Run:
    """A published nightly."""
    config = tmp_path / "generated.yaml"
    config.write_text(GOOD)
    settings = load_settings({"NIGHTJAR_HOME": str(tmp_path / "home"), "NIGHTJAR_CONFIG": str(config)})
    settings.make_folders()
    land_generated(settings.landing)
    run = Run("champion", settings, load_domain(config))
    for stage in STAGES:
        if stage not in ("gate_input", "audit", "report"):
            run_stage(run, stage)
    return run


def test_an_altered_file_stops_the_publish(champion: Run) -> None:
    with open_lake(champion.settings, read_only=True) as lake:
        check_files(lake)
        path = Path(lake.files("raw.items")[0][0])
    altered = bytearray(path.read_bytes())
    altered[len(altered) // 2] ^= 1
    path.write_bytes(altered)
    with pytest.raises(LakeError, match=rf"{path.name}: not the bytes that were written"):
        stages.audit(champion)


def nightly_until_train(run: Run) -> None:
    for stage in ("ingest", "build_features", "embed_texts"):
        run_stage(run, stage)
    stages.evaluate(run)


def test_a_worse_challenger_is_refused_with_its_figures(champion: Run, tmp_path: Path) -> None:
    config = tmp_path / "sabotaged.yaml"
    config.write_text(SABOTAGED)
    challenger = Run("challenger", champion.settings, load_domain(config))
    with open_lake(champion.settings, read_only=True) as lake:
        before = lake.rows("select * from serving.recommendations order by user_id, rank")
    with pytest.raises(GateError, match=r"challenger refused, the champion stays: .*ndcg@10 -0\.\d+"):
        nightly_until_train(challenger)
    with open_lake(champion.settings, read_only=True) as lake:
        assert lake.rows("select * from serving.recommendations order by user_id, rank") == before
        assert lake.value("select count(*) from serving.publications") == 1
        subjects = {
            row[0]
            for row in lake.rows("select distinct subject from ops.evaluations where run_id = 'challenger'")
        }
        statuses = lake.rows("select status, artifact is null, run_id from ops.model_versions order by all")
    assert {"pipeline", "champion"} <= subjects
    assert statuses == [("champion", False, "champion"), ("refused", True, "challenger")]


def live(lake: Lake) -> tuple[list[tuple], ...]:
    """All that readers see."""
    tables = ("recommendations", "candidate_lists", "similar_items", "popular_items", "publications")
    return tuple(lake.rows(f"from serving.{table} order by all") for table in tables)


def run_stages(run: Run, as_of: datetime | None = None) -> None:
    stages.ingest(run, as_of.isoformat() if as_of else None, None)
    for stage in STAGES[STAGES.index("build_features") :]:
        run_stage(run, stage)


def test_five_past_days_are_kept_beside_the_live_set(champion: Run) -> None:
    """In any order, one of them twice; the live set, its features and its champion stay as they are."""
    newest = champion.recorded(INGEST).as_of
    days = [newest - timedelta(days=n) for n in (2, 1, 4, 3, 5)]
    with open_lake(champion.settings, read_only=True) as lake:
        before, pairs = live(lake), lake.rows("from features.user_items order by all")
    for number, day in enumerate([*days, days[0]]):
        run_stages(replace(champion, run_id=f"day {number % 5}"), day)
    with open_lake(champion.settings, read_only=True) as lake:
        assert live(lake) == before and lake.rows("from features.user_items order by all") == pairs
        kept = lake.rows("select as_of, run_id, kind from archive.publications order by as_of desc")
        assert kept == [(day, f"day {days.index(day)}", "backfill") for day in sorted(days, reverse=True)]
        counted = lake.rows(
            "select publication_id, count(*) from archive.recommendations group by 1"
            " except select publication_id, rows from archive.publications"
        )
        assert counted == []
        late = "select count(*) from archive.recommendations where generated_at >= ?::timestamp"
        assert lake.value(late, [newest]) == 0
        statuses = lake.rows("select status, count(*) from ops.model_versions group by 1 order by 1")
        assert statuses == [("archived", 5), ("champion", 1)]


def test_a_past_day_gives_the_same_lists_whenever_it_is_made(champion: Run) -> None:
    day = champion.recorded(INGEST).as_of - timedelta(days=3)
    lists = []
    for name in ("once", "again"):
        run_stages(replace(champion, run_id=name), day)
        with open_lake(champion.settings, read_only=True) as lake:
            lists.append(
                lake.rows(
                    "select user_id, rank, item_id, score, source, reason from archive.recommendations"
                    " semi join archive.publications as kept using (publication_id)"
                    " where publication_id = (select publication_id from archive.publications"
                    "  where run_id = ?) order by all",
                    [name],
                )
            )
    assert lists[0] == lists[1] and lists[0]


def test_data_that_end_earlier_by_themselves_are_stale(champion: Run) -> None:
    """Nobody asked for a past day: rows are gone, and that is to be seen."""
    newest = champion.recorded(INGEST).as_of
    with open_lake(champion.settings) as lake:
        lake.write(
            lambda con: con.execute("delete from raw.events where event_at = ?::timestamp", [newest]),
            run_id="r",
            message="erased",
        )
        before = live(lake)
    older = replace(champion, run_id="older")
    stages.ingest(older, None, None)
    for stage in ("build_features", "embed_texts"):
        run_stage(older, stage)
    with pytest.raises(GateError, match="champion stays: stale: its data end at"):
        stages.evaluate(older)
    with open_lake(champion.settings, read_only=True) as lake:
        assert live(lake) == before and lake.value("select count(*) from archive.publications") == 0


def test_a_run_that_a_newer_one_overtook_is_kept_beside_it(champion: Run) -> None:
    """Judged in time, it reaches the publish after a run with newer data did."""
    older = replace(champion, run_id="older")
    cutoff = champion.recorded(INGEST).as_of - timedelta(days=1)
    stages.ingest(older, cutoff.isoformat(), None)
    for stage in ("build_features", "embed_texts", "evaluate", "train", "rank_candidates", "publish"):
        run_stage(older, stage)
    with open_lake(champion.settings, read_only=True) as lake:
        assert lake.rows("select run_id from serving.publications") == [("champion",)]
        assert lake.rows("select run_id from archive.publications") == [("older",)]


def test_the_model_that_a_publish_replaces_is_retired(champion: Run) -> None:
    later = replace(champion, run_id="later")
    path = champion.settings.landing / "events" / "later.jsonl"
    newest = champion.recorded(INGEST).as_of
    rows = [
        {
            "user_id": f"u{n:03}",
            "item_id": f"i{n + 40:03}",
            "event_type": "rating",
            "value": 5,
            "event_at": f"{newest + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}",
        }
        for n in range(5)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    for stage in STAGES:
        if stage not in ("gate_input", "audit", "report"):
            run_stage(later, stage)
    with open_lake(champion.settings, read_only=True) as lake:
        statuses = lake.rows("select status, run_id from ops.model_versions order by status")
    assert statuses == [("champion", "later"), ("retired", "champion")]


def test_the_same_recipe_again_is_not_compared_and_passes(champion: Run) -> None:
    again = replace(champion, run_id="again")
    nightly_until_train(again)
    judged = again.recorded(EVALUATE)
    assert judged.refusals == ()
    assert judged.notes == ("the recipe is the champion's: nothing to compare by",)
    assert "champion" not in {row.subject for row in judged.evaluations}


@pytest.mark.parametrize("harm", ["removed", "altered"])
def test_a_lost_champion_model_is_replaced_by_the_next_nightly(champion: Run, harm: str) -> None:
    with open_lake(champion.settings, read_only=True) as lake:
        file = champion.settings.models / lake.value("select artifact from ops.model_versions")
    if harm == "removed":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:-1] + b"x")
    champions._load.cache_clear()  # another process would read the file
    later = replace(champion, run_id="later")
    for stage in STAGES:
        if stage not in ("gate_input", "audit", "report"):
            run_stage(later, stage)
    judged = later.recorded(EVALUATE)
    assert judged.refusals == () and "no champion to compare with" in judged.notes
    assert judged.notes[-1].startswith("judged without the champion, whose model cannot be used: ")
    with open_lake(champion.settings, read_only=True) as lake:
        live = find_champion(lake)
        assert live is not None and live.load().config == model_config(champion.domain)
        assert lake.rows("select run_id from serving.publications order by 1") == [("champion",), ("later",)]


def test_a_limit_of_the_domain_file_refuses(champion: Run, tmp_path: Path) -> None:
    config = tmp_path / "limited.yaml"
    config.write_text(GOOD + "limits: {coverage@10: {min: 0.999}}\n")
    with pytest.raises(GateError, match="coverage@10 is 0"):
        nightly_until_train(Run("limited", champion.settings, load_domain(config)))
