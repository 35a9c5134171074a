"""# Refresh of the recommendations

Takes in what has landed, files and messages, and lists again whom it touches: rows, positions, histories,
lists and the publication in **one commit a batch**. Triggered by new files, Kafka messages and every minute;
each run drains everything pending. One run at a time.

* With nothing pending, the run is skipped.
* A refused batch (gate, model, domain file) is not retried by the run; the next run meets the same batch
  again, and the last lists stay. Look at `raw.quarantine` and the task's log, mend the cause.
* Params: `domain` is a domain file's name (default: `NIGHTJAR_CONFIG`); `linger_seconds` keeps a run that a
  doorbell or the clock started waiting for more, so that a stream does not pay for a process each time.

How it works, and what happens in each failure: docs/refresh.md.
"""

from __future__ import annotations

from airflow.sdk import (
    Asset,
    AssetOrTimeSchedule,
    AssetWatcher,
    CronTriggerTimetable,
    Param,
    dag,
    get_current_context,
    task,
)
from airflow.sdk.exceptions import AirflowSkipException

from include.assets import EVENTS, RECOMMENDATIONS
from plugins.dag_defaults import dag_defaults, domain_param, this_run
from plugins.landing_watch import LandingTrigger, TopicTrigger

LANDING = Asset(
    name="landing",
    uri="nightjar://landing",
    group="nightjar",
    watchers=[
        AssetWatcher(name="landing_files", trigger=LandingTrigger()),
        AssetWatcher(name="topic_messages", trigger=TopicTrigger()),
    ],
)


@task(outlets=[EVENTS, RECOMMENDATIONS])
def tick() -> dict[str, int]:
    """Drain all that waits; returns rows taken in and lists written."""
    from include.refresh.refresh_run import refresh, yield_to_readers
    from include.settings import utc_now

    yield_to_readers()
    context = get_current_context()
    params = context["params"]
    run = this_run()
    is_manual = context["dag_run"].run_type == "manual"
    ticks = refresh(
        run.settings,
        run.domain,
        run_id=run.run_id,
        clock=utc_now,
        linger_seconds=0 if is_manual else params["linger_seconds"],
    )
    if not ticks:
        raise AirflowSkipException("nothing pending")
    return {"rows_in": sum(done.rows_in for done in ticks), "lists": sum(done.users for done in ticks)}


@dag(
    schedule=AssetOrTimeSchedule(
        timetable=CronTriggerTimetable("* * * * *", timezone="UTC"), assets=[LANDING]
    ),
    params={
        "domain": domain_param(),
        "linger_seconds": Param(20, type="number", minimum=0, maximum=600, title="Wait for more (s)"),
    },
    **dag_defaults(__doc__, run_hours=1, task_hours=0.5),
)
def refresh_recommendations() -> None:
    tick()


refresh_recommendations()
