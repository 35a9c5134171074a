"""Which answers were given: a line each below NIGHTJAR_HOME/served/, so that what followed can be attributed.

select user_id, item_ids from read_json('.nightjar/served/*.jsonl') where recommendation_id = '…'
"""

from __future__ import annotations

import json
import logging
import queue
import threading
from datetime import datetime
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)
FLUSH_SECONDS = 0.5
# Waiting lines: beyond it answers go on and lines are lost, which `lost` counts.
MAX_WAITING = 100_000


class ServedLog:
    """Written by a thread of its own, in the order they came; a day a file, readable by its owner."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._waiting: queue.Queue[tuple[datetime, dict[str, Any]] | None] = queue.Queue(MAX_WAITING)
        self._thread = threading.Thread(target=self._write, name="served log", daemon=True)
        self._thread.start()
        self.lost = 0

    def add(self, at: datetime, line: dict[str, Any]) -> None:
        """at: naive UTC."""
        try:
            self._waiting.put_nowait((at, line))
        except queue.Full:
            self.lost += 1

    def close(self) -> None:
        """Write what waits."""
        self._waiting.put(None)
        self._thread.join(timeout=10)

    def _write(self) -> None:
        while True:
            batch = [self._waiting.get()]
            while batch[-1] is not None and not self._waiting.empty():
                batch.append(self._waiting.get_nowait())
            lines: dict[str, list[str]] = {}
            for entry in batch:
                if entry is not None:
                    at, line = entry
                    text = json.dumps({"at": f"{at.isoformat()}Z"} | line)
                    lines.setdefault(f"{at:%Y-%m-%d}.jsonl", []).append(text)
            try:
                for name, texts in lines.items():
                    self._append(name, texts)
            except OSError as error:
                self.lost += sum(map(len, lines.values()))
                log.warning("served answers could not be written: %s", error)
            if batch[-1] is None:
                return

    def _append(self, name: str, texts: list[str]) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._folder / name
        if not path.exists():
            path.touch(mode=0o600)
        with path.open("a", encoding="utf-8") as file:
            file.write("\n".join(texts) + "\n")
