"""Run one DAG in the foreground, in Airflow itself: python -m bin.run_dag DAG_ID [--conf JSON]

The DAG's own tasks, XComs, assets and retries, recorded in Airflow's database as any run is, with this
process in place of scheduler and workers: modules are imported once a run, not once a task. One line a task
goes to the terminal, everything else to a log file. Exit status: 0 the DagRun succeeded, 1 it did not, 2 it
was not started.

"""

from __future__ import annotations

import argparse
import copy
import gc
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from bin.env import process_environment
from bin.follow_run import follow_run
from bin.foreground_runs import HomeInUseError, foreground_run
from bin.prepare_home import prepare_home
from bin.progress import Progress, task_label

if TYPE_CHECKING:
    from airflow.sdk import DAG

# Environment variables that `make` hands on -> DAG params.
PARAM_VARIABLES = {"AS_OF": "as_of", "DOMAIN": "domain", "TO": "to", "REASON": "reason"}


def read_arguments(arguments: list[str], base: Mapping[str, str]) -> argparse.Namespace:
    """Command line over environment; `conf` comes back as a dict. Exits 2 on what is no JSON object."""
    parser = argparse.ArgumentParser(prog="bin.run_dag", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("dag_id")
    parser.add_argument("--conf", default=base.get("CONF") or "{}", help="DAG params as a JSON object")
    parser.add_argument("--dags-folder", type=Path, default=None, help="default: the repository's dags/")
    options = parser.parse_args(arguments)
    try:
        conf = json.loads(options.conf)
    except ValueError as error:
        parser.error(f"--conf is no JSON ({error}): {options.conf!r}")
    if not isinstance(conf, dict):
        parser.error(f'--conf takes a JSON object such as {{"domain": "movies"}}, got {options.conf!r}')
    given = {name: base[variable] for variable, name in PARAM_VARIABLES.items() if base.get(variable)}
    options.conf = given | conf
    return options


def enter_environment(env: Mapping[str, str]) -> None:
    """Make `env` this process's own. Before any heavy import: they read it once."""
    os.environ.clear()
    os.environ.update(env)
    sys.dont_write_bytecode = False
    time.tzset()


def send_output_to(log: Path) -> int:
    """Point stdout and stderr, of child processes too, at `log`; returns a descriptor of the old stdout."""
    log.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    terminal = os.dup(1)
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.close(file)
    return terminal


def load_dag(dag_id: str, dags_folder: Path) -> DAG:
    """The DAG from its own file, or from wherever in the folder it is. Raises LookupError with the reason."""
    from airflow.dag_processing.dagbag import BundleDagBag

    own_file = dags_folder / f"{dag_id}.py"
    bag = BundleDagBag(
        dag_folder=own_file if own_file.is_file() else dags_folder,
        bundle_path=dags_folder,
        bundle_name="dags-folder",
    )
    if dag_id in bag.dags:
        return bag.dags[dag_id]
    broken = "\n".join(f"{file}:\n{error}" for file, error in bag.import_errors.items())
    raise LookupError(
        f"no DAG {dag_id!r} in {dags_folder}; there: {', '.join(sorted(bag.dags)) or 'none'}"
        + (f"\nfiles that failed to import:\n{broken}" if broken else "")
    )


def check_conf(dag: DAG, conf: Mapping[str, Any]) -> None:
    """Raise ValueError when `conf` has a key the DAG does not declare or a value its schema refuses."""
    from airflow.sdk.exceptions import ParamValidationError

    if unknown := sorted(set(conf) - set(dag.params)):
        raise ValueError(
            f"{dag.dag_id} has no param {', '.join(unknown)}; its params: {', '.join(dag.params) or 'none'}"
        )
    params = copy.deepcopy(dag.params)
    try:
        params.update(conf)
        params.validate()
    except ParamValidationError as error:
        raise ValueError(f"{dag.dag_id}: {str(error).splitlines()[0]}") from error


def run_here(dag: DAG, conf: Mapping[str, Any], progress: Progress, airflow_home: Path) -> str:
    """Run `dag` to its end in this process; returns the DagRun's state."""
    from airflow.sdk.listener import get_listener_manager

    get_listener_manager().add_listener(progress)
    # dag.test() clears and replaces whatever has this logical date: to the microsecond, nothing has.
    now = datetime.now(UTC)
    with foreground_run(airflow_home, dag.dag_id, f"manual__{now.isoformat()}"):
        run = dag.test(run_after=now, logical_date=now, run_conf=dict(conf))
        tasks = run.get_task_instances()
        for task in tasks:
            value = task.xcom_pull(task_ids=task.task_id, map_indexes=task.map_index)
            progress.returned(task_label(task.task_id, task.map_index), value)
        progress.finish({task_label(task.task_id, task.map_index): str(task.state) for task in tasks})
        return str(run.state.value)


def run_here_or_follow(dag: DAG, conf: Mapping[str, Any], progress: Progress, airflow_home: Path) -> str:
    """As run_here, or in the Airflow that serves this home: its scheduler would take the tasks too."""
    try:
        return run_here(dag, conf, progress, airflow_home)
    except HomeInUseError:
        return follow_run(airflow_home, dag.dag_id, conf, progress)


def outcome(home: Path, began: datetime) -> list[str]:
    """What was published since ``began`` (UTC), and where the page of the run lies."""
    from include.errors import NightjarError
    from include.lake.lake import open_lake
    from include.settings import load_settings

    lines = []
    try:
        with open_lake(load_settings(), read_only=True) as lake:
            for what, schema in (("published", "serving"), ("kept", "archive")):
                found = lake.rows(
                    f"select publication_id, as_of, users, rows from {schema}.publications"
                    " where published_at >= ? order by published_at",
                    [began.replace(tzinfo=None)],
                )
                lines += [
                    f"{what} {name}: {rows:,} rows for {users:,} users, data up to {as_of}"
                    for name, as_of, users, rows in found
                ]
    except NightjarError:
        pass  # no lake yet: the run failed before there was one, and has said why
    page = home / "reports" / "latest.html"
    if page.is_file() and page.stat().st_mtime >= began.timestamp():
        lines.append(f"report: {page}")
    return lines


def main(arguments: list[str]) -> int:
    options = read_arguments(arguments, os.environ)
    # Airflow's imports make objects that live for ever; looking through them over and over took 1-2 s of 8.
    gc.set_threshold(50_000, 20, 20)
    env = process_environment(os.environ, dags_folder=options.dags_folder)
    enter_environment(env)
    home = prepare_home(env)
    airflow_home = home / "airflow"
    dags_folder = Path(env["AIRFLOW__CORE__DAGS_FOLDER"])
    began = datetime.now(UTC)
    log = airflow_home / "logs" / "foreground" / options.dag_id / f"{began:%Y%m%dT%H%M%S}-{os.getpid()}.log"
    terminal = os.fdopen(send_output_to(log), "w", buffering=1)
    progress = Progress(terminal)

    def stop(signum: int, frame: object) -> NoReturn:
        progress.say(f"stopped by {signal.Signals(signum).name}; the next run marks this one failed")
        import psutil

        for child in psutil.Process().children(recursive=True):
            child.terminate()
        os._exit(128 + signum)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)

    progress.say(f"{options.dag_id} {json.dumps(options.conf) if options.conf else ''} log: {log}")
    try:
        dag = load_dag(options.dag_id, dags_folder)
        check_conf(dag, options.conf)
    except (LookupError, ValueError) as error:
        progress.say(str(error))
        return 2
    try:
        state = run_here_or_follow(dag, options.conf, progress, airflow_home)
    except Exception as error:
        traceback.print_exc()
        progress.say(f"Airflow could not run {options.dag_id}: {type(error).__name__}: {error}; log: {log}")
        return 1
    for task, reason in progress.errors.items():
        progress.say(f"FAILED {task}: {reason}")
    for line in outcome(home, began):
        progress.say(line)
    progress.say(f"{options.dag_id} {state}: tasks took {progress.task_seconds:.1f} s of it; log: {log}")
    return 0 if state == "success" else 1


if __name__ == "__main__":
    status = main(sys.argv[1:])
    sys.stdout.flush()
    # Airflow's and Spark's exit hooks have nothing left to save and take a second.
    os._exit(status)
