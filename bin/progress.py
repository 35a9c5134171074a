"""What a foreground run shows: one line when a task starts, one when it ends, with its seconds."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any, TextIO

from pluggy import HookimplMarker

from include.errors import REFUSALS

hookimpl = HookimplMarker("airflow")
# A gate names each check that failed; a stack of Java errors is cut in its middle.
ERROR_LENGTH = 2000


class Progress:
    """Prints to `terminal`; as an Airflow listener it is told by the task runner, in this process.

    errors: the last error of each task that ended failed; task_seconds: sum over the tasks' own time.
    """

    def __init__(self, terminal: TextIO) -> None:
        self._terminal = terminal
        self._begun_at = time.monotonic()
        self._started_at: dict[str, float] = {}
        self.task_seconds = 0.0
        self.errors: dict[str, str] = {}

    def say(self, line: str) -> None:
        elapsed = time.monotonic() - self._begun_at
        try:
            print(f"{elapsed:7.1f}s  {line}", file=self._terminal, flush=True)
        except OSError:
            pass  # the terminal is gone (`make nightly | head`): the run goes on

    @hookimpl
    def on_task_instance_running(self, previous_state: Any, task_instance: Any) -> None:
        task = _label(task_instance)
        self._started_at[task] = time.monotonic()
        self.say(f"{task} started")

    @hookimpl
    def on_task_instance_success(self, previous_state: Any, task_instance: Any) -> None:
        self.errors.pop(_label(task_instance), None)
        self._ended(task_instance, "finished")

    @hookimpl
    def on_task_instance_skipped(self, previous_state: Any, task_instance: Any) -> None:
        self._ended(task_instance, "skipped")

    @hookimpl
    def on_task_instance_failed(self, previous_state: Any, task_instance: Any, error: Any) -> None:
        self.errors[_label(task_instance)] = describe_error(error)
        tries = f"attempt {task_instance.try_number} of {(task_instance.max_tries or 0) + 1}"
        self._ended(
            task_instance, f"FAILED ({'refused: not tried again' if isinstance(error, REFUSALS) else tries})"
        )

    def _ended(self, task_instance: Any, outcome: str) -> None:
        task = _label(task_instance)
        seconds = time.monotonic() - self._started_at.pop(task, time.monotonic())
        self.task_seconds += seconds
        self.say(f"{task} {outcome} in {seconds:.1f} s")

    def returned(self, task: str, value: object) -> None:
        """What a task gave back: how many rows, files, lists it was about."""
        if value is not None:
            self.say(f"{task}: {json.dumps(value) if isinstance(value, dict | list) else value}")

    def finish(self, states: Mapping[str, str]) -> None:
        """states: task label -> final state; speaks of those the listener was not told about."""
        for task, state in states.items():
            if state == "failed":
                self.errors.setdefault(task, "failed outside its own code: see the log")
        blocked = [task for task, state in states.items() if state == "upstream_failed"]
        if blocked:
            self.say(f"not run, since what they need failed: {', '.join(sorted(blocked))}")


def describe_error(error: object) -> str:
    """The error's type and its words, without the picture of the statement that DuckDB adds."""
    words = str(error).split("\nLINE ")[0]
    text = "\n".join(line.rstrip() for line in words.splitlines() if line.strip())
    text = (
        text if len(text) <= ERROR_LENGTH else text[: ERROR_LENGTH // 2] + " … " + text[-ERROR_LENGTH // 2 :]
    )
    return f"{type(error).__name__}: {text}" if isinstance(error, BaseException) else text


def task_label(task_id: str, map_index: int | None) -> str:
    """A mapped task's instances are told apart by their index: `train[2]`."""
    return task_id if map_index is None or map_index < 0 else f"{task_id}[{map_index}]"


def _label(task_instance: Any) -> str:
    return task_label(task_instance.task_id, task_instance.map_index)
