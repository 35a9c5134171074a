"""A refresh in a process of its own, to be killed: forked from a server that has the imports done."""

from __future__ import annotations

import multiprocessing
from dataclasses import replace
from datetime import datetime
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from include.config.domain import load_domain
from include.refresh import compact
from include.refresh.refresh import refresh
from include.settings import load_settings

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.support.refresh_child"])


def start_refresh(home: Path, config: Path, now: datetime, batch_rows: int = 1) -> ForkServerProcess:
    """Start draining the landing folders.  batch_rows 1: a tick takes one file, so kills move no boundary."""
    child = _FORKS.Process(target=_refresh, args=(home, config, now, batch_rows), daemon=True)
    child.start()
    return child


def _refresh(home: Path, config: Path, now: datetime, batch_rows: int) -> None:
    compact.EVERY_PUBLICATIONS = 5  # often, so that kills meet it
    settings = load_settings({"NIGHTJAR_HOME": str(home), "NIGHTJAR_CONFIG": str(config)})
    domain = load_domain(config)
    domain = replace(domain, refresh=replace(domain.refresh, batch_rows=batch_rows))
    refresh(settings, domain, run_id="child", clock=lambda: now)
