"""A refresh in a process of its own, to be killed: forked from a server that has the imports done."""

from __future__ import annotations

import multiprocessing
import os
import signal
from dataclasses import replace
from datetime import datetime
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from duckdb import DuckDBPyConnection

from include.config.domain import load_domain
from include.lake.lake import Lake
from include.refresh import compact
from include.refresh import refresh_run as refreshing
from include.settings import Settings, load_settings

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.support.refresh_child"])


def start_refresh(
    home: Path,
    config: Path,
    now: datetime,
    batch_rows: int = 1,
    *,
    statements: Path | None = None,
    die_after: int | None = None,
) -> ForkServerProcess:
    """Start draining the landing folders.  batch_rows 1: a tick takes one file, so kills move no boundary.

    statements: file to write the statements of the run to, a line each.  die_after: how many of them are done
    when the process kills itself.
    """
    arguments = (home, config, now, batch_rows, statements, die_after)
    child = _FORKS.Process(target=_refresh, args=arguments, daemon=True)
    child.start()
    return child


def _refresh(
    home: Path,
    config: Path,
    now: datetime,
    batch_rows: int,
    statements: Path | None,
    die_after: int | None,
) -> None:
    compact.EVERY_PUBLICATIONS = 5  # often, so that kills meet it
    settings = load_settings({"NIGHTJAR_HOME": str(home), "NIGHTJAR_CONFIG": str(config)})
    domain = load_domain(config)
    domain = replace(domain, refresh=replace(domain.refresh, batch_rows=batch_rows))
    if statements or die_after is not None:
        open_for_ticks = refreshing.open_for_ticks

        def open_counted(settings: Settings) -> Lake:
            lake = open_for_ticks(settings)
            lake.con = Counted(lake.con, statements, die_after)  # type: ignore[assignment]
            return lake

        refreshing.open_for_ticks = open_counted  # type: ignore[assignment]
    refreshing.refresh(settings, domain, run_id="child", clock=lambda: now)


class Counted:
    """A connection that writes its statements down, and kills its process after so many of them."""

    def __init__(self, con: DuckDBPyConnection, statements: Path | None, die_after: int | None) -> None:
        self._con, self._statements, self._die_after, self._done = con, statements, die_after, 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._con, name)

    def execute(self, sql: str, *parameters: object) -> DuckDBPyConnection:
        result = self._con.execute(sql, *parameters)
        self._done += 1
        if self._statements:
            with self._statements.open("a", encoding="utf-8") as file:
                file.write(" ".join(sql.split()) + "\n")
        if self._done == self._die_after:
            os.kill(os.getpid(), signal.SIGKILL)
        return result
