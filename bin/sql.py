"""DuckDB's own shell with the lake attached read-only: `make sql`, or make sql Q="select 1"."""

from __future__ import annotations

import os
import sys

from bin.env import nightjar_home


def main() -> int:
    attach = nightjar_home(os.environ) / "lake" / "attach.sql"
    if not attach.is_file():
        print(f"no lake yet: {attach} comes with the first run (make demo, make nightly)", file=sys.stderr)
        return 1
    arguments = ["duckdb", "-bail", "-init", str(attach)]
    if statement := os.environ.get("Q"):
        arguments += ["-c", statement]
    os.execvp("duckdb", arguments)


if __name__ == "__main__":
    sys.exit(main())
