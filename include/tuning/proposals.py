"""Proposals of tune_models in the lake: who wrote them, which wait, what became of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import duckdb

from include.evaluation.bootstrap import Interval
from include.lake.lake import Lake
from include.recommender.model_config import ModelConfig

OPEN, TAKEN, REFUSED, OUTDATED = "open", "taken", "refused", "outdated"
# Source -> the settings it is fitted with, as JSON.
Settings = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Proposal:
    """An open one.  searched_until: the search saw nothing later."""

    proposal_id: str
    model_config: str
    searched_until: datetime
    settings: Settings


@dataclass(frozen=True)
class Decision:
    """status: taken, refused or outdated.  difference, low, high: nDCG@10 against the champion's settings,
    None where the two were not compared."""

    proposal_id: str
    status: str
    note: str
    difference: float | None = None
    low: float | None = None
    high: float | None = None

    @classmethod
    def judged(cls, proposal: Proposal, status: str, note: str, by: Interval | None) -> Decision:
        """By the interval of the difference over users."""
        figures = (by.mean, by.low, by.high) if by else ()
        return cls(proposal.proposal_id, status, note, *figures)


def config_hash(config: ModelConfig) -> str:
    """Two domain files with the same hash ask for the same model."""
    text = json.dumps(asdict(config), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def open_proposals(lake: Lake, as_of: datetime) -> list[Proposal]:
    """What waits, made from data up to as_of at most: the newest first."""
    rows = lake.rows(
        "select proposal_id, model_config, searched_until, settings from ops.proposals"
        " where status = ? and as_of <= ?::timestamp order by made_at desc, proposal_id desc",
        [OPEN, as_of],
    )
    return [Proposal(name, config, until, json.loads(settings)) for name, config, until, settings in rows]


def close_proposals(
    con: duckdb.DuckDBPyConnection, decisions: Sequence[Decision], run_id: str, at: datetime
) -> None:
    """Enter what a run decided, for use in the commit that publishes it; what was decided before stays."""
    for decision in decisions:
        con.execute(
            "update ops.proposals set status = ?, decided_at = ?::timestamp, decided_by = ?, difference = ?,"
            " low = ?, high = ?, note = ? where proposal_id = ? and status = ?",
            [
                decision.status,
                at,
                run_id,
                decision.difference,
                decision.low,
                decision.high,
                decision.note,
                decision.proposal_id,
                OPEN,
            ],
        )
