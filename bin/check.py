"""Try a domain file on what has landed, and write nothing: python -m bin.check [--config NAME_OR_PATH]

For each kind of rows: which files there are, how many of the first ones' rows would be accepted or
quarantined and why, ten rows as they come and as they would be taken in. Exit status: 0 every kind has a row
that would be accepted, or no file; 1 a kind would lose all of its rows; 2 the domain file is wrong.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb

from include.config.domain import FIELDS, Domain, load_domain
from include.errors import NightjarError
from include.ingest.ingest import KINDS
from include.lake.catalog import NO_PATH_COLUMNS
from include.landing.files import PendingFile, exact_path, landing_folder, list_files
from include.landing.mapping import needed_columns
from include.landing.prepare import PreparedFile, prepare_file
from include.landing.staging import refuse_bad_files, stage_rows
from include.recommender.model_config import model_config
from include.settings import Settings, load_settings, utc_now

TRIED_FILES = 5
TRIED_BYTES = 64 << 20
SHOWN_ROWS = 10
SHOWN_CHARACTERS = 160
TABLE = "tried_rows"


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="bin.check", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--config", default=os.environ.get("CONFIG") or os.environ.get("DOMAIN"))
    asked = parser.parse_args(arguments).config
    try:
        settings = load_settings({**os.environ, "NIGHTJAR_CONFIG": asked} if asked else None)
        domain = load_domain(settings.config)
        model_config(domain)
        print(f"{settings.config}: domain '{domain.name}', every key is right")
        lost = [kind for kind in KINDS if not check_kind(settings, domain, kind)]
    except NightjarError as error:
        print(error)
        return 2
    if lost:
        print(f"\nNothing of {', '.join(lost)} would be accepted: mend mapping or event types and try again.")
    return int(bool(lost))


def check_kind(settings: Settings, domain: Domain, kind: str) -> bool:
    """Print what would become of the kind's rows; whether any would be accepted, or none waits."""
    files = list_files(landing_folder(domain, settings, kind), kind)
    print(f"\n{kind}: {len(files)} files in {landing_folder(domain, settings, kind)}")
    if not files:
        return True
    with duckdb.connect() as con, tempfile.TemporaryDirectory(prefix="nightjar-check-") as folder:
        con.execute("set timezone = 'UTC'")
        tried = list(_prepare(con, domain, kind, files, Path(folder)))
        problems = stage_rows(con, domain, kind, tried, TABLE, utc_now())
        refused = refuse_bad_files(con, domain, kind, tried, TABLE, utc_now())
        for file in tried:
            problem = file.problem or problems.get(file.number) or refused.get(file.number)
            print(f"  {file.name}: {file.rows:,} rows" + (f"; {problem}" if problem else ""))
        if len(files) > len(tried):
            print(f"  and {len(files) - len(tried)} files that were not tried")
        return _tell_fates(con, kind, tried)


def _prepare(
    con: duckdb.DuckDBPyConnection, domain: Domain, kind: str, files: Sequence[PendingFile], folder: Path
) -> Iterator[PreparedFile]:
    needed = needed_columns(con, domain.sources[kind])
    size = 0
    for number, file in enumerate(files[:TRIED_FILES]):
        size += file.bytes
        if number and size > TRIED_BYTES:
            return
        prepared = prepare_file(con, file, number, needed, folder, domain.quality.max_file_mb * 1e6)
        if prepared is not None:
            yield prepared


def _tell_fates(con: duckdb.DuckDBPyConnection, kind: str, files: Sequence[PreparedFile]) -> bool:
    row = con.execute(f"select count(*), count(*) - count(reason) from {TABLE}").fetchone()
    assert row is not None
    rows, accepted = row
    fates = f"{accepted:,} accepted, {rows - accepted:,} quarantined"
    print(f"  {rows:,} rows in: {fates}; duplicates were not looked for")
    for reason, count, example in con.execute(
        f"select regexp_extract(reason, '^[^:]+'), count(*), min_by(coalesce(raw, ''), position) from {TABLE}"
        " where reason is not null group by 1 order by 2 desc"
    ).fetchall():
        print(f"    {count:>9,} {reason:<20} {_short(example)}")
    _show_rows(con, kind, files)
    return bool(accepted) or not rows


def _show_rows(con: duckdb.DuckDBPyConnection, kind: str, files: Sequence[PreparedFile]) -> None:
    """The first rows of the first readable file, as they come and as they would be taken in."""
    file = next((one for one in files if one.problem is None and one.rows), None)
    if file is None:
        return
    taken = con.execute(
        f"select reason, {', '.join(FIELDS[kind])} from {TABLE} where nj_file = ? order by seq limit ?",
        [file.number, SHOWN_ROWS],
    ).fetchall()
    for came, (reason, *values) in zip(_landed(con, file), taken, strict=False):
        print(f"    in  {_short(came)}")
        given = zip(FIELDS[kind], values, strict=True)
        fields = ", ".join(f"{name}={value}" for name, value in given if value is not None)
        print(f"    out {_short(reason if reason is not None else fields)}")


def _landed(con: duckdb.DuckDBPyConnection, file: PreparedFile) -> Iterator[str]:
    if file.format == "parquet":
        found = con.execute(
            f"select to_json(rows)::varchar from read_parquet([?], {NO_PATH_COLUMNS}) as rows limit ?",
            [exact_path(file.path), SHOWN_ROWS],
        )
        yield from (row for (row,) in found.fetchall())
        return
    with file.path.open(encoding="utf-8", newline="\n") as lines:
        if file.format == "csv":
            next(lines)
        for _ in range(SHOWN_ROWS):
            line = lines.readline(SHOWN_CHARACTERS * 4)
            if not line:
                return
            yield line.rstrip("\n")


def _short(text: str) -> str:
    one_line = " ".join(str(text).split())
    return one_line if len(one_line) <= SHOWN_CHARACTERS else one_line[: SHOWN_CHARACTERS - 1] + "…"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
