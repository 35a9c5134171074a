"""The published model: which one it is, and its file, checked against the checksum in the lake."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from include.lake.lake import Lake
from include.recommender.model import Recommender
from include.recommender.storage import load_recommender


@dataclass(frozen=True)
class Champion:
    """published_as_of: cut-off of the newest publication."""

    model_version: str
    artifact: Path
    checksum: str
    published_as_of: datetime

    def load(self) -> Recommender:
        """The model; read once a process.  Raises ModelError on a missing or altered file."""
        return _load(self.artifact, self.checksum)


@lru_cache(maxsize=2)
def _load(artifact: Path, checksum: str) -> Recommender:
    return load_recommender(artifact, checksum)


def find_champion(lake: Lake) -> Champion | None:
    """The model of the newest publication; None before the first one."""
    rows = lake.rows(
        """
        with newest as (
            select model_version, as_of
            from serving.publications
            order by publication_id desc
            limit 1
        )
        select models.model_version, models.artifact, models.checksum, newest.as_of
        from newest
        inner join ops.model_versions as models using (model_version)
        """
    )
    if not rows:
        return None
    version, artifact, checksum, as_of = rows[0]
    return Champion(version, lake.settings.models / artifact, checksum, as_of)
