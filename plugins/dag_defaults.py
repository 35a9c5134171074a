"""What the DAGs have in common: the run at hand, what is not retried, and the form of their params."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from airflow.sdk import ExceptionRetryPolicy, Param, RetryAction, RetryRule, get_current_context

if TYPE_CHECKING:
    from include.run import Run

# What is wrong with data, settings or models is as wrong a minute later; the rest may be a passing fault.
REFUSALS = tuple(f"include.errors.{name}" for name in ("ConfigError", "DataError", "GateError", "ModelError"))


def task_defaults(execution_timeout: timedelta) -> dict[str, object]:
    """default_args: two more tries of what may pass, none of a refusal."""
    return {
        "retries": 2,
        "retry_delay": timedelta(seconds=10),
        "execution_timeout": execution_timeout,
        "retry_policy": ExceptionRetryPolicy([RetryRule(list(REFUSALS), RetryAction.FAIL, reason="refused")]),
    }


def domain_param() -> Param:
    return Param(
        None,
        type=["null", "string"],
        pattern="^[A-Za-z0-9_-]{1,40}$",
        title="Domain file",
        description="Name of a file in include/domains, as movies. Empty: NIGHTJAR_CONFIG.",
    )


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


def this_run() -> Run:
    """The run of the task that calls, its domain file checked whole."""
    from include.nightly.stages import open_run

    context = get_current_context()
    return open_run(context["run_id"], context["params"]["domain"])
