"""What the DAGs have in common: the run at hand, what is not retried, and the form of their params."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pendulum
from airflow.sdk import ExceptionRetryPolicy, Param, RetryAction, RetryRule, get_current_context

from include.errors import REFUSALS

if TYPE_CHECKING:
    from include.run import Run

log = logging.getLogger(__name__)
_REFUSED = [f"{error.__module__}.{error.__name__}" for error in REFUSALS]


def dag_defaults(
    doc: str | None,
    *,
    run_hours: float,
    task_hours: float,
    on_failure: Callable[[Any], None] | None = None,
) -> dict[str, Any]:
    """What every DAG has: one run at a time, none for the past by itself, each task with an end.

    A task gets two more tries of what may pass, none of a refusal; then on_failure is called.
    """
    return {
        "start_date": pendulum.datetime(2026, 1, 1, tz="UTC"),
        "catchup": False,
        "max_active_runs": 1,
        "dagrun_timeout": timedelta(hours=run_hours),
        "tags": ["nightjar"],
        "doc_md": doc,
        "default_args": {
            "on_failure_callback": on_failure,
            "retries": 2,
            "retry_delay": timedelta(seconds=10),
            "execution_timeout": timedelta(hours=task_hours),
            "retry_policy": ExceptionRetryPolicy([RetryRule(_REFUSED, RetryAction.FAIL, reason="refused")]),
        },
    }


def domain_param() -> Param:
    return Param(
        None,
        type=["null", "string"],
        pattern="^[A-Za-z0-9_-]{1,40}$",
        title="Domain file",
        description="Name of a file in include/domains, as movies. Empty: NIGHTJAR_CONFIG.",
    )


def person_params() -> dict[str, Param]:
    """Whom a run is about: the id itself, or a request that names a file with it (bin/person.py)."""
    return {
        "user_id": Param(
            None,
            type=["null", "string"],
            minLength=1,
            maxLength=512,
            title="Person",
            description="Their user_id. Airflow keeps it in the record of this run.",
        ),
        "request": Param(
            None,
            type=["null", "string"],
            pattern="^[0-9a-f]{32}$",
            title="Request",
            description="Made by `make erase` and `make export`. Leave it empty.",
        ),
    }


def dry_run_param() -> Param:
    return Param(False, type="boolean", title="Dry run", description="Count, change nothing.")


# Airflow checks no format, so a pattern does: yesterday and 2026-13-45 are refused at the door.
INSTANT = (
    r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"
    r"([T ]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,6})?)?(Z|[+-]([01]\d|2[0-3]):?[0-5]\d)?)?$"
)


def cutoff_param() -> Param:
    return Param(
        None,
        type=["null", "string"],
        format="date-time",
        pattern=INSTANT,
        title="Cutoff (UTC)",
        description="Only events until then count, as 2026-01-31T00:00:00Z. Empty: the domain's clock.",
    )


def report_failure(context: Any) -> None:
    """on_failure_callback of the nightly: its page says what stopped it, once no try is left."""
    from include.nightly.publishing import report_failure as write_report
    from include.nightly.stages import open_run

    task = context["task_instance"].task_id
    try:
        run = open_run(context["run_id"], context["params"]["domain"])
        write_report(run, task, str(context.get("exception") or "no reason is known: see the task's log"))
    except Exception:  # the task has failed for a reason of its own, which must stay the one that is told
        log.exception("the page of the failed run could not be written")


def this_run() -> Run:
    """The run of the task that calls, its domain file checked whole.

    Raises ConfigError on a param that the DAG does not have, which Airflow's REST API takes without a word.
    """
    from include.errors import ConfigError
    from include.nightly.stages import open_run

    context = get_current_context()
    params = list(context["dag"].params)
    for name, value in (context["dag_run"].conf or {}).items():
        if name not in params:
            raise ConfigError(name, value, f"a param of {context['dag'].dag_id}: {', '.join(params)}")
    return open_run(context["run_id"], context["params"]["domain"])
