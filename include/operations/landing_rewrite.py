"""Take a person's rows out of a landing file, and tell the ledger, so that the file stays known."""

from __future__ import annotations

import duckdb

from include.config.domain import Domain
from include.lake.lake import Lake
from include.landing.hashes import hash_file
from include.operations.person_rows import PersonFile, check_rewritten, write_without


def rewrite_landing_file(lake: Lake, domain: Domain, file: PersonFile, user_id: str, *, run_id: str) -> None:
    """The new file takes the old one's place whole, once it was read again and holds all others' rows.

    The ledger's entry of the old content gets the new hash and size: the file is known, and not read again.
    Raises DataError, with the file as it was, where its rows cannot be taken out one by one.
    """
    path = file.path
    before = hash_file(path)
    partial = path.with_name(f".{path.name}.tmp")
    try:
        write_without(file, partial)
        check_rewritten(domain, lake.settings, file, partial, user_id)
        after, size = hash_file(partial), partial.stat().st_size

        def work(con: duckdb.DuckDBPyConnection) -> None:
            con.execute(
                "update ops.ingests set content_hash = ?, bytes = ? where content_hash = ?",
                [after, size, before],
            )

        lake.write(work, run_id=run_id, message="landing file rewritten")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
