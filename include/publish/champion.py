"""The published model: which one it is, and its file, checked against the checksum in the lake."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from include.errors import ModelError
from include.lake.lake import Lake
from include.lake.user_search import row_by_row
from include.recommender.model import Recommender
from include.recommender.storage import load_recommender

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Champion:
    """trained_as_of: cutoff of the data it learned from.  published_as_of: of the newest publication."""

    model_version: str
    artifact: Path
    checksum: str
    trained_as_of: datetime
    published_as_of: datetime

    def load(self) -> Recommender:
        """The model; read once a process.  Raises ModelError on a missing or altered file."""
        return _load(self.artifact, self.checksum)


def usable_model(champion: Champion | None) -> tuple[Recommender | None, str | None]:
    """(model, None), or (None, why it cannot be used): a nightly goes on without, and trains another."""
    try:
        return (champion.load() if champion else None), None
    except ModelError as error:
        log.warning("the champion is left out: %s", error)
        return None, f"judged without the champion, whose model cannot be used: {error}"


@lru_cache(maxsize=2)
def _load(artifact: Path, checksum: str) -> Recommender:
    return load_recommender(artifact, checksum)


def find_champion(lake: Lake) -> Champion | None:
    """The model of the newest publication; None before the first one."""
    version, as_of = lake.rows(
        "select max_by(model_version, publication_id), max_by(as_of, publication_id)"
        " from serving.publications"
    )[0]
    rows = lake.rows(
        f"select artifact, checksum, as_of from ops.model_versions where {row_by_row('model_version')} = ?",
        [version],
    )
    if not rows:
        return None
    artifact, checksum, trained_as_of = rows[0]
    return Champion(version, lake.settings.models / artifact, checksum, trained_as_of, as_of)
