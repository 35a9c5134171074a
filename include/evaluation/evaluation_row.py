"""One figure as ops.evaluations holds it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class EvaluationRow:
    """A row of ops.evaluations without its run.

    subject: whose figure (pipeline, a source, champion …).  metric and k: as ndcg and 10.
    low, high: 95 % interval over users, None where it has none.  users: how many judged.
    """

    subject: str
    metric: str
    k: int
    value: float
    low: float | None
    high: float | None
    users: int

    @property
    def figure(self) -> str:
        """As a domain file's limits name it: published_coverage@10."""
        return f"{self.subject}_{self.metric}@{self.k}"
