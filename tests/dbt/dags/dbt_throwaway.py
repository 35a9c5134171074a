"""A DAG for test_dbt_operator.py: both parts of the dbt project, as the nightly builds them."""

from __future__ import annotations

from datetime import datetime

from airflow.sdk import DAG
from lake_dbt import LakeDbtBuildOperator

with DAG("dbt_throwaway", schedule=None, start_date=datetime(2026, 1, 1)):
    staging = LakeDbtBuildOperator(
        task_id="staging", select=["path:models/staging", "path:models/intermediate"]
    )
    marts = LakeDbtBuildOperator(task_id="marts", select=["path:models/marts"])
    staging >> marts
