"""The assets that DAGs read and write: the only module here that imports Airflow."""

from __future__ import annotations

from airflow.sdk import Asset

EVENTS = Asset(name="raw.events", uri="nightjar://raw/events", group="nightjar")
FEATURES = Asset(name="features", uri="nightjar://features", group="nightjar")
RECOMMENDATIONS = Asset(
    name="serving.recommendations", uri="nightjar://serving/recommendations", group="nightjar"
)
MARTS = Asset(name="marts", uri="nightjar://marts", group="nightjar")
