"""What the stages of tune_models have later ones know."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from include.run import Stage
from include.tuning.proposals import Settings
from include.tuning.source_search import TrialRow


@dataclass(frozen=True)
class Prepared:
    """as_of: the run's cutoff, naive UTC.  snapshot: of the lake, as which the run reads it.
    champion: its settings, None where it was made for another domain file."""

    as_of: datetime
    snapshot: int
    champion: Settings | None


@dataclass(frozen=True)
class Searched:
    """trials: in the order tried, none where the source could not run: ``left_out`` says why.
    chosen: the best trial's place."""

    trials: tuple[TrialRow, ...]
    chosen: int | None
    left_out: str | None = None

    @property
    def best(self) -> dict[str, Any] | None:
        """Params of the chosen trial as JSON; None without trials."""
        return None if self.chosen is None else self.trials[self.chosen].params

    @property
    def gain(self) -> float:
        """nDCG@10 of the chosen trial over what was tried first."""
        return 0.0 if self.chosen is None else self.trials[self.chosen].ndcg - self.trials[0].ndcg


@dataclass(frozen=True)
class Proposed:
    """What ops.proposals got."""

    proposal_id: str
    ndcg: float
    ndcg_champion: float | None
    status: str


PREPARE = Stage("prepare", Prepared)
PROPOSE = Stage("propose", Proposed)


def search_stage(source: str) -> Stage[Searched]:
    return Stage(f"search_{source}", Searched)
