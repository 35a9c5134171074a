"""The one-writer lock: writers of the lake take turns.

Two DuckLake writers on a SQLite catalog collide at once whatever the retry settings, so every write holds
this lock from BEGIN to COMMIT. A holder proves that it lives by touching the file; one that stopped doing so
(SIGSTOP, a frozen machine) is replaced, and the fence row in the lake then refuses its commit. One that was
stopped in the middle of a commit keeps SQLite's own lock as well, which nobody else can have: it is ended,
and its transaction with it.
"""

from __future__ import annotations

import fcntl
import logging
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from include.errors import LakeError

log = logging.getLogger(__name__)
HEARTBEAT_SECONDS = 1.0
# Ten heartbeats missed plus room for a machine under load.
STALE_SECONDS = 20.0


@contextmanager
def writer_lock(path: Path, holder: str, timeout_seconds: float = 600.0) -> Iterator[None]:
    """Hold the lock at ``path``.  Raises LakeError, naming the holder, when it is not free in time."""
    file = _acquire(path, holder, timeout_seconds)
    stop = threading.Event()
    beat = threading.Thread(target=_beat, args=(file, stop), daemon=True)
    beat.start()
    try:
        yield
    finally:
        stop.set()
        beat.join()
        os.close(file)


def _acquire(path: Path, holder: str, timeout_seconds: float) -> int:
    deadline = time.monotonic() + timeout_seconds
    pause = 0.002
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            held_by = os.pread(file, 200, 0).decode("utf-8", "replace")
            idle_seconds = time.time() - os.fstat(file).st_mtime
            os.close(file)
            if idle_seconds > STALE_SECONDS:
                _end_if_it_blocks(held_by, path.parent)
                # A new file is a new lock; whoever still holds the old one meets the fence.
                path.unlink(missing_ok=True)
                continue
            if time.monotonic() > deadline:
                raise LakeError(
                    f"the lake's writer lock {path.name} is held by {held_by!r}:"
                    f" waited {timeout_seconds:g} s; let that writer finish, or end it, and run again"
                ) from None
            time.sleep(pause)
            pause = min(pause * 1.5, 0.05)
            continue
        if _is_current(file, path):
            os.utime(file)
            os.ftruncate(file, 0)
            os.pwrite(file, f"{holder} (process {os.getpid()})".encode(), 0)
            return file
        os.close(file)


def _end_if_it_blocks(held_by: str, folder: Path) -> None:
    """End the holder where it is stopped with a write lock on a file of the folder, as the kernel tells.

    One that is stopped elsewhere in its work may go on later, and starts over.
    """
    found = re.search(r"\(process (\d+)\)$", held_by)
    if found is None or sys.platform != "linux":
        return
    process = int(found[1])
    if not (
        _is_stopped(process) and _write_locks(process) & {file.stat().st_ino for file in folder.iterdir()}
    ):
        return
    log.warning("%s was stopped in the middle of a commit and is ended: nobody else could write", held_by)
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)
    while _write_locks(process):
        time.sleep(0.01)


def _is_stopped(process: int) -> bool:
    with suppress(OSError):
        # The name in brackets may hold anything; the state follows it.
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] in ("T", "t")
    return False


def _write_locks(process: int) -> set[int]:
    """Inodes on which the process holds POSIX write locks, as SQLite's are: "1: POSIX ADVISORY WRITE PID
    MAJOR:MINOR:INODE START END" a line."""
    lines = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
    return {
        int(words[5].rpartition(":")[2])
        for words in lines
        if len(words) >= 6 and words[1] == "POSIX" and words[3] == "WRITE" and words[4] == str(process)
    }


def _is_current(file: int, path: Path) -> bool:
    """Whether the lock file was not replaced between open and flock."""
    try:
        return os.fstat(file).st_ino == path.stat().st_ino
    except FileNotFoundError:
        return False


def _beat(file: int, stop: threading.Event) -> None:
    while not stop.wait(HEARTBEAT_SECONDS):
        os.utime(file)
