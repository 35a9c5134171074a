"""The stages of tune_models on a small lake, and the nightlies before and after."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from html import unescape
from pathlib import Path

import pytest

from include.config.domain import load_domain
from include.errors import DataError
from include.evaluation.gate import check_leakage
from include.evaluation.split import time_split
from include.lake.insert_rows import as_json
from include.lake.lake import Lake, open_lake
from include.nightly import publishing, stages
from include.nightly.contest import instant_of
from include.nightly.judge import champion_settings, judged_model
from include.nightly.stage_records import EVALUATE, Judged
from include.recommender.model_config import model_config
from include.recommender.storage import load_recommender, save_recommender
from include.reporting.report_page import render_page
from include.retrieval.item_to_item import ItemToItemParams
from include.retrieval.popular import PopularParams
from include.run import Run
from include.settings import SEED, load_settings
from include.tune_models import tuning_stages as tuning
from include.tune_models.tuning_records import Searched
from include.tuning.compare import Combined
from include.tuning.fit import fit_recommender
from include.tuning.source_search import TrialRow
from tests.support.nightly import land
from tests.support.run_stage import run_stage
from tests.support.taste import tasteful_rows

DOMAIN = """\
domain: tastes
events:
  types:
    purchase: {weight: 1}
text: "{title}"
list_size: 8
retrieval: {sources: [item_to_item]}
ranking: {method: blend}
"""
# One neighbour an item is too few to fill a list with one's own taste.
BAD = {"item_to_item": ItemToItemParams(neighbours=1), "popular": PopularParams()}


@pytest.fixture
def lake_run(tmp_path: Path) -> Run:
    """A home with its events taken in and no champion."""
    config = tmp_path / "tastes.yaml"
    config.write_text(DOMAIN)
    settings = load_settings({"NIGHTJAR_HOME": str(tmp_path / "home"), "NIGHTJAR_CONFIG": str(config)})
    settings.make_folders()
    for kind, rows in tasteful_rows().items():
        land(settings, kind, f"{kind}.jsonl", rows)
    run = Run("champion", settings, load_domain(config))
    stages.ingest(run, None, None)
    return run


@pytest.fixture
def champion(lake_run: Run) -> Run:
    """A published nightly with bad settings."""
    run_stage(lake_run, "build_features")
    model = fit_recommender(stages.read_training(lake_run), model_config(lake_run.domain), SEED, params=BAD)
    save_recommender(model, judged_model(lake_run))
    lake_run.record(EVALUATE, Judged())
    publish(lake_run)
    return lake_run


def publish(run: Run) -> None:
    stages.train(run)
    stages.rank_candidates(run)
    publishing.publish(run)


def night(run: Run, run_id: str) -> Run:
    """A whole nightly; texts are not asked for."""
    made = replace(run, run_id=run_id)
    stages.ingest(made, None, None)
    from_features(made)
    return made


def from_features(run: Run) -> None:
    for stage in ("build_features", "evaluate"):
        run_stage(run, stage)
    publish(run)


def tune(run: Run, run_id: str = "tune") -> Run:
    """A whole run of tune_models."""
    made = replace(run, run_id=run_id)
    for source in tuning.prepare(made, None, None):
        tuning.search(made, source)
    tuning.propose(made)
    return made


@pytest.fixture
def lake(lake_run: Run) -> Iterator[Lake]:
    with open_lake(lake_run.settings) as opened:
        yield opened


def live(lake: Lake) -> tuple[list[tuple], dict]:
    """The live lists, and the settings of the live model."""
    lists = lake.rows(
        "select user_id, rank, item_id, score, source, model_version from serving.recommendations"
        " order by user_id, rank"
    )
    artifact = lake.value("select artifact from ops.model_versions where model_version = ?", [lists[0][5]])
    return lists, champion_settings(load_recommender(lake.settings.models / artifact))


def page(lake: Lake, run: Run) -> str:
    name = lake.value("select max(publication_id) from serving.publications where run_id = ?", [run.run_id])
    return unescape(render_page(lake, run.domain, run.run_id, name))


def proposal_id(lake: Lake, run_id: str) -> str:
    return lake.value("select proposal_id from ops.proposals where run_id = ?", [run_id])


@pytest.mark.slow
def test_proposals_go_all_the_way_and_reruns_change_nothing(champion: Run, lake: Lake) -> None:
    tune(champion)
    settings, ndcg, against, status, note = lake.rows(
        "select settings, ndcg, ndcg_champion, status, note from ops.proposals"
    )[0]
    assert (status, note) == ("open", None) and ndcg > against + 0.2
    assert live(lake)[1]["item_to_item"]["neighbours"] == 1

    taking = night(champion, "night")
    decided = "select status, decided_by, difference, low, note from ops.proposals where run_id = 'tune'"
    taken = lake.rows(decided)
    assert taken[0][:2] == ("taken", "night") and taken[0][3] > 0.2
    after = live(lake)
    assert after[1] == json.loads(settings)
    told = f'<p class="good">Proposal {proposal_id(lake, "tune")} was taken: {taken[0][4]}.</p>'
    assert told in page(lake, taking)

    from_features(taking)
    assert live(lake) == after and lake.rows(decided) == taken
    tuning.propose(replace(champion, run_id="tune"))
    assert lake.rows(decided) == taken, "what is proposed again is not open again"

    tune(champion, "later")
    later = "select status, decided_by, note from ops.proposals where run_id = 'later'"
    (refused,) = lake.rows(later)
    assert refused[:2] == ("refused", "later") and refused[2].startswith("the champion's settings again: ")
    reopen_with(lake, "later", {name: asdict(params) for name, params in BAD.items()})
    refusing = night(champion, "next")
    assert live(lake) == after
    status, note = lake.rows("select status, note from ops.proposals where run_id = 'later'")[0]
    assert status == "refused" and note.startswith("worse: ndcg@10 -0.")
    assert f"<p>Proposal {proposal_id(lake, 'later')} was refused: {note}.</p>" in page(lake, refusing)


def reopen_with(lake: Lake, run_id: str, settings: dict) -> None:
    """Sabotage a proposal."""
    lake.write(
        lambda con: con.execute(
            "update ops.proposals set status = 'open', decided_by = null, decided_at = null, settings = ?"
            " where run_id = ?",
            [as_json(settings), run_id],
        ),
        run_id="test",
        message="sabotage",
    )


def test_trials_are_kept_and_proposing_again_changes_nothing(lake_run: Run, lake: Lake) -> None:
    """Without a champion too."""
    run = tune(lake_run)
    trials = "select * from ops.tuning_trials order by source, trial"
    proposal = "select * exclude made_at from ops.proposals"
    before = (lake.rows(trials), lake.rows(proposal))
    tuning.propose(run)
    assert (lake.rows(trials), lake.rows(proposal)) == before
    found = lake.rows(
        "select source, count(*), min(trial), max(trial), count(distinct params), count(*) filter (is_chosen)"
        " from ops.tuning_trials group by source order by source"
    )
    assert [row[0] for row in found] == ["item_to_item", "popular"]
    for _, made, first, last, different, chosen in found:
        assert (first, last, different, chosen) == (1, made, made, 1) and made > 3
    settings = json.loads(lake.value("select settings from ops.proposals"))
    assert {name: as_json(params) for name, params in settings.items()} == dict(
        lake.rows("select source, params from ops.tuning_trials where is_chosen")
    )
    assert lake.rows("select status, ndcg_champion from ops.proposals") == [("open", None)]
    stages_told = lake.rows("select stage from ops.stages where run_id = 'tune' order by stage")
    assert stages_told == [("prepare",), ("propose",), ("search_item_to_item",), ("search_popular",)]


def test_the_search_never_sees_what_the_nightly_judges_by(lake_run: Run) -> None:
    run_stage(lake_run, "build_features")
    training = stages.read_training(lake_run)
    config, share = model_config(lake_run.domain), lake_run.domain.evaluation.holdout_share
    judging = time_split(training, share, config.consumed)
    run = replace(lake_run, run_id="tune")
    tuning.prepare(run, None, None)
    splits, searched_until = tuning.read_splits(run)
    assert searched_until == instant_of(judging.cutoff)
    before = judging.train.events
    for split in splits:
        assert split.cutoff < judging.cutoff
        check_leakage(split.train, training.events, split.cutoff)
        for row, user in enumerate(split.users):
            known = set(before.item_idx[before.user_idx == user].tolist())
            assert set(split.relevant[row].indices.tolist()) <= known


def test_why_a_proposal_is_no_proposal() -> None:
    champion = {"popular": PopularParams(), "item_to_item": ItemToItemParams()}
    other = champion | {"popular": PopularParams(half_life_days=7)}
    assert tuning.why_refused(Combined(other, 0.3, 0.2), other, champion) is None
    assert tuning.why_refused(Combined(other, 0.3, None), other, None) is None
    again = "the champion's settings again: "
    kept = Combined(champion, 0.2, 0.2)
    nothing = "nothing tried is better by more than luck"
    assert tuning.why_refused(kept, champion, champion) == again + nothing
    alone = "what does better alone (popular) makes no better blend"
    assert tuning.why_refused(kept, other, champion) == again + alone


def test_what_gains_most_alone_comes_first() -> None:
    """a gains 0.1 over what was tried first, b 0.2; c could not run."""
    searched = {
        "a": Searched((trial(0.3, 1), trial(0.4, 2)), 1),
        "b": Searched((trial(0.1, 3), trial(0.3, 4)), 1),
        "c": Searched((), None, "cannot run"),
    }
    assert list(tuning.best_settings(searched).items()) == [("b", {"power": 4}), ("a", {"power": 2})]


def trial(ndcg: float, power: int) -> TrialRow:
    return TrialRow({"power": power}, ndcg, standard_error=0.0, users=1)


def test_a_domain_that_wants_no_search_has_nothing_to_prepare(lake_run: Run) -> None:
    lake_run.settings.config.write_text(DOMAIN + 'tuning: {search: "off"}\n')
    run = replace(lake_run, run_id="tune", domain=load_domain(lake_run.settings.config))
    assert tuning.prepare(run, None, None) == []


def test_too_early_a_cutoff_has_nobody_to_judge_by_or_nothing_at_all(lake_run: Run) -> None:
    run = replace(lake_run, run_id="tune")
    assert tuning.prepare(run, "2025-01-01T06:00:00Z", None) == []
    with pytest.raises(DataError, match="no event up to 2024-12-31"):
        tuning.prepare(run, "2024-12-31T00:00:00Z", None)
