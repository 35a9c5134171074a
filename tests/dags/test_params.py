"""Params of the DAGs refuse at the door what no run could use."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize(
    "value", ["yesterday", "2026-13-45", "2026-01-32", "2026-01-31T25:00", "x2026-01-31", ""]
)
def test_a_cutoff_that_is_no_instant_is_refused(value: str) -> None:
    from airflow.sdk.exceptions import ParamValidationError

    from plugins.dag_defaults import cutoff_param

    with pytest.raises(ParamValidationError):
        cutoff_param().resolve(value)


@pytest.mark.parametrize(
    "value", [None, "2026-01-31", "2026-01-31T00:00:00Z", "2024-02-29 23:59:59.5+01:00", "2026-01-31T10:00"]
)
def test_an_instant_or_nothing_passes(value: str | None) -> None:
    from plugins.dag_defaults import cutoff_param

    assert cutoff_param().resolve(value) == value
