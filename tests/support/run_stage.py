"""Run one stage of a small nightly in this process, so that a test can kill it: HOME CONFIG RUN_ID STAGE."""

from __future__ import annotations

import sys
from pathlib import Path

from include.config.domain import load_domain
from include.lake.lake import open_lake
from include.nightly import publishing, stages
from include.run import Run
from include.settings import load_settings
from tests.support.nightly import build_features, embed_without_model

STAGES = (
    "ingest",
    "gate_input",
    "build_features",
    "embed_texts",
    "evaluate",
    "train",
    "rank_candidates",
    "audit",
    "publish",
    "report",
)


def run_stage(run: Run, stage: str) -> None:
    if stage == "ingest":
        stages.ingest(run, None, None)
    elif stage == "build_features":
        with open_lake(run.settings) as lake:
            build_features(lake, run)
    elif stage == "embed_texts":
        with open_lake(run.settings) as lake:
            titles = [row[0] for row in lake.rows("select title from raw.items order by item_id")]
            embed_without_model(lake, run.domain, titles)
    elif stage in ("publish", "report"):
        getattr(publishing, stage)(run)
    else:
        getattr(stages, stage)(run)


def main() -> None:
    home, config, run_id, stage = sys.argv[1:]
    settings = load_settings({"NIGHTJAR_HOME": home, "NIGHTJAR_CONFIG": config})
    run = Run(run_id, settings, load_domain(Path(config)))
    print("go", flush=True)
    run_stage(run, stage)


if __name__ == "__main__":
    main()
