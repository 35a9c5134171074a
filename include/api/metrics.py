"""What the API counts, in Prometheus' form."""

from __future__ import annotations

from datetime import datetime

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)

from include.api.refusals import Refused
from include.api.service import Service

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class Metrics:
    """One a server."""

    media_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "nightjar_requests", "Requests answered.", ("route", "status"), registry=self._registry
        )
        self.seconds = Histogram(
            "nightjar_request_seconds",
            "Seconds to answer.",
            ("route",),
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._age = Gauge(
            "nightjar_nightly_age_seconds", "Since the newest nightly was published.", registry=self._registry
        )
        self._held = Gauge("nightjar_lists_in_memory", "1 where lists are held.", registry=self._registry)
        self._lost = Gauge(
            "nightjar_served_lines_lost", "Served answers that could not be logged.", registry=self._registry
        )

    def render(self, service: Service, now: datetime) -> bytes:
        """now: naive UTC."""
        try:
            at = service.freshness().nightly_at
        except Refused:
            at = None
        self._age.set(float("nan") if at is None else (now - at).total_seconds())
        self._held.set(service.lists.is_held)
        self._lost.set(service.served.lost)
        return generate_latest(self._registry)
