"""What the stages of a nightly have later ones know."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from types import NoneType
from typing import Any

from include.evaluation.evaluation_row import EvaluationRow
from include.run import Stage
from include.tuning.proposals import Decision


@dataclass(frozen=True)
class Ingested:
    """as_of: the run's cutoff, naive UTC.  snapshot: of the lake, as which the run reads it.
    events: how many lie before the cutoff.  is_asked_for: the cutoff is not the data's own end.
    erasures: how many people had been erased by then."""

    as_of: datetime
    snapshot: int
    events: int
    is_asked_for: bool
    erasures: int = 0


@dataclass(frozen=True)
class Built:
    """files: table of schema features -> its Parquet files, as the publish adopts them."""

    files: dict[str, list[str]]

    @property
    def set_name(self) -> str:
        """Names the set that is made of these features: every build gives its files a folder of its own."""
        file = PurePosixPath(self.files["user_items"][0])
        return "/".join(file.parts[-3:])


@dataclass(frozen=True)
class Embedded:
    """Item texts that were embedded now, and those that were known."""

    embedded: int
    cached: int


@dataclass(frozen=True)
class Judged:
    """split_at: instant of the split, naive UTC; None where nobody could judge.  refusals: a line each, none
    where the challenger may be published.  proposals: what became of those of tune_models."""

    evaluations: tuple[EvaluationRow, ...] = ()
    split_at: datetime | None = None
    refusals: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    proposals: tuple[Decision, ...] = ()


@dataclass(frozen=True)
class Trained:
    """artifact: the model's file below models/, whose sha256 is ``checksum``.

    parameters, metrics: what ops.model_versions tells of it.  left_out: source -> why it could not run.
    """

    model_version: str
    artifact: str
    checksum: str
    parameters: dict[str, Any]
    metrics: dict[str, float]
    left_out: dict[str, str]
    git_revision: str


@dataclass(frozen=True)
class Ranked:
    """rows: staged table -> rows.  measured: parity of refresh and retrain, health of the staged lists."""

    rows: dict[str, int]
    users: int
    measured: tuple[EvaluationRow, ...]


INGEST = Stage("ingest", Ingested)
GATE_INPUT = Stage("gate_input", NoneType)
BUILD_FEATURES = Stage("build_features", Built)
EMBED_TEXTS = Stage("embed_texts", Embedded)
EVALUATE = Stage("evaluate", Judged)
TRAIN = Stage("train", Trained)
RANK_CANDIDATES = Stage("rank_candidates", Ranked)
AUDIT = Stage("audit", NoneType)
PUBLISH = Stage("publish", NoneType)
