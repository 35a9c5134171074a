"""The operator that builds a part of the dbt project on the lake."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from airflow.sdk import Asset
from cosmos.config import ProfileConfig
from cosmos.constants import InvocationMode
from cosmos.exceptions import CosmosDbtRunError
from cosmos.operators.local import DbtBuildLocalOperator

from include.dbt_build import PROJECT, dbt_environment, dbt_folder, dbt_writes
from include.lake.catalog import find_catalog
from include.settings import Settings, load_settings


def _profile(target: str) -> ProfileConfig:
    return ProfileConfig(
        profile_name="nightjar", target_name=target, profiles_yml_filepath=PROJECT / "profiles.yml"
    )


class LakeDbtBuildOperator(DbtBuildLocalOperator):
    """Run and test the selected models in this process, as the lake's one writer meanwhile.

    select: dbt selections, such as ``["path:models/marts"]``.
    One task for many models: each task of its own would cost seconds more than the model takes. Cosmos still
    registers an asset for each model that the build wrote. Settings are read when the task runs, not when the
    DAG is parsed.
    """

    def __init__(self, *, select: Sequence[str], **kwargs: Any) -> None:
        super().__init__(
            project_dir=str(PROJECT),
            # The catalog's kind names the target; which one is known when the task runs.
            profile_config=_profile("sqlite"),
            invocation_mode=InvocationMode.DBT_RUNNER,
            install_deps=False,
            should_store_compiled_sql=False,
            # Unit tests run with the tests of the code; a data test once all that it reads is built.
            dbt_cmd_flags=["--exclude-resource-type", "unit_test", "--indirect-selection", "buildable"],
            select=" ".join(select),
            **kwargs,
        )

    def run_command(self, *args: Any, **kwargs: Any) -> Any:
        settings = load_settings()
        self.profile_config = _profile(find_catalog(settings).kind)
        # The parse of the last run, so that this one only reads what changed.
        self.cache_dir = dbt_folder(settings) / "cosmos"
        self.cache_dir.mkdir(parents=True, exist_ok=True)
        return super().run_command(*args, **kwargs)

    def run_dbt_runner(self, command: list[str], env: dict[str, str], cwd: str, **kwargs: Any) -> Any:
        settings = load_settings()
        # Here and not in `env`, which Airflow renders and stores: the catalog's address may hold a password.
        with dbt_writes(settings, f"dbt of {self.dag_id}.{self.task_id}"):
            return super().run_dbt_runner(command, env | _variables(settings), cwd, **kwargs)

    def handle_exception_dbt_runner(self, result: Any) -> None:
        try:
            super().handle_exception_dbt_runner(result)
        except CosmosDbtRunError as error:
            raise CosmosDbtRunError(find_catalog(load_settings()).hide_password(str(error))) from None

    def get_datasets(self, source: Literal["inputs", "outputs"]) -> list[Asset]:
        """The assets by the names that the other DAGs use: schema and table in the lake, wherever it lies."""
        tables = [asset.uri.split("/")[-2:] for asset in super().get_datasets(source)]
        return [
            Asset(name=f"{schema}.{table}", uri=f"nightjar://{schema}/{table}", group="nightjar")
            for schema, table in tables
        ]


def _variables(settings: Settings) -> dict[str, str]:
    # Cosmos looks for dbt's results in its own temporary copy of the project.
    return {name: value for name, value in dbt_environment(settings).items() if name != "DBT_TARGET_PATH"}
