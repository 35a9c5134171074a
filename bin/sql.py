"""DuckDB's own shell with the lake attached read-only: `make sql`, or make sql Q="select 1".

make sql Q=freshness asks a saved question; they lie in include/questions, their words on the first line.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from bin.env import nightjar_home
from include.installation import REPO

QUESTIONS = REPO / "include" / "questions"


def questions() -> dict[str, Path]:
    """Name -> file."""
    return {path.stem: path for path in sorted(QUESTIONS.glob("*.sql"))}


def words_of(path: Path) -> str:
    return path.read_text(encoding="utf-8").splitlines()[0].removeprefix("-- ")


def main() -> int:
    attach = nightjar_home(os.environ) / "lake" / "attach.sql"
    if not attach.is_file():
        print(f"no lake yet: {attach} comes with the first run (make demo, make nightly)", file=sys.stderr)
        return 1
    arguments = ["duckdb", "-bail", "-init", str(attach)]
    saved = questions()
    if asked := os.environ.get("Q"):
        arguments += ["-c", saved[asked].read_text(encoding="utf-8") if asked in saved else asked]
    elif sys.stdin.isatty():
        print("saved questions (docs/analysts.md); outside this shell: make sql Q=freshness")
        for path in saved.values():
            print(f"  {'.read ' + str(path.relative_to(REPO)):<54}{words_of(path)}")
    os.execvp("duckdb", arguments)


if __name__ == "__main__":
    sys.exit(main())
