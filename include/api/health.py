"""Whether the lists are there and fresh, and what to run where they are not."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from include.api.refusals import Refused
from include.api.service import NO_LAKE, Service, instant


def health_of(service: Service, now: datetime) -> tuple[dict[str, Any], bool]:
    """What `/v1/health` answers, and whether all is well.  now: naive UTC."""
    try:
        fresh = service.freshness()
    except Refused as refused:
        return {"status": "no lake", "mend": refused.message}, False
    if fresh.publication_id is None or fresh.nightly_at is None:
        return {"status": "nothing published", "mend": NO_LAKE}, False
    age = (now - fresh.nightly_at).total_seconds()
    limit = service.domain.stale_after_hours
    lag = None
    if fresh.newest_event_at and fresh.as_of:
        lag = max(0.0, (fresh.newest_event_at - fresh.as_of).total_seconds())
    is_stale = limit is not None and age > limit * 3600
    body = {
        "status": "stale" if is_stale else "ok",
        "publication_id": fresh.publication_id,
        "model_version": fresh.model_version,
        "as_of": instant(fresh.as_of),
        "published_at": instant(fresh.published_at),
        "newest_event_at": instant(fresh.newest_event_at),
        "nightly_age_seconds": round(age, 1),
        "lag_seconds": lag,
        "stale_after_hours": limit,
        "lists_in_memory": service.lists.is_held,
    }
    if is_stale:
        body["mend"] = "the newest nightly is too old: see reports/latest.html, and run `make nightly`"
    return body, not is_stale
