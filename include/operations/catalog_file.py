"""Work on the catalog's own file, in a process that has no lake open.

Closing a file takes every lock off it that the process holds, those of DuckDB's own SQLite too
(sqlite.org/howtocorrupt.html, 2.2): whoever has the lake open must not open its catalog as a file.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from include.errors import LakeError
from include.installation import REPO
from include.operations.file_search import files_that_name

# A query of somebody else's that is under way.
BUSY_SECONDS = 20.0


def apart(work: str, **arguments: str) -> Any:
    """Do one of WORK in a process of its own.  Raises LakeError with what it said where it fails."""
    done = subprocess.run(
        [sys.executable, "-m", "include.operations.catalog_file"],
        input=json.dumps({"work": work, **arguments}),  # not on the command line: others can read that
        capture_output=True,
        text=True,
        cwd=REPO,
        check=False,
    )
    if done.returncode:
        raise LakeError(f"{work} of the catalog failed: {done.stderr.strip().splitlines()[-1:]}")
    return json.loads(done.stdout)


def find_damage(catalog: str) -> str | None:
    """What SQLite finds wrong with the file; None: it is sound."""
    try:
        with closing(sqlite3.connect(f"file:{catalog}?mode=ro", uri=True, timeout=10)) as con:
            found = con.execute("pragma integrity_check").fetchone()[0]
    except sqlite3.DatabaseError as error:
        return f"{catalog}: {error}"
    return None if found == "ok" else f"{catalog}: {found}"


def copy(catalog: str, to: str) -> None:
    """At one instant, beside writers."""
    with closing(sqlite3.connect(catalog, timeout=60)) as source, closing(sqlite3.connect(to)) as target:
        source.backup(target)


def forget(catalog: str, user_id: str) -> None:
    """Smallest and largest values of whole tables, which no delete narrows; then what SQLite keeps of deleted
    rows in free pages and in its log until both are written anew.

    Waits BUSY_SECONDS for a query that is being read to end; past that the log stays, and a search finds it.
    """
    with closing(sqlite3.connect(catalog, timeout=BUSY_SECONDS, isolation_level=None)) as con:
        for bound in ("min_value", "max_value"):
            con.execute(f"update ducklake_table_column_stats set {bound} = null where {bound} = ?", [user_id])
        con.execute("pragma wal_checkpoint(truncate)")
        con.execute("vacuum")
        con.execute("pragma wal_checkpoint(truncate)")


def search(home: str, user_id: str) -> list[str]:
    return list(files_that_name(Path(home), user_id))


WORK: dict[str, Callable[..., Any]] = {
    "damage": find_damage,
    "copy": copy,
    "forget": forget,
    "search": search,
}


def main() -> None:
    asked = json.loads(sys.stdin.read())
    print(json.dumps(WORK[asked.pop("work")](**asked)))


if __name__ == "__main__":
    main()
