"""The domain file's section `exports`."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from include.config.section import AtLeastOne, Number, Text, expects, section, unlike

TABLES = ("recommendations", "similar_items", "popular_items")
_NAME = "a name of letters, digits, _ and -, at most 40"


def _name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,40}", name):
        raise unlike(_NAME)
    return name


def _tables(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not value or not set(value) <= set(TABLES):
        raise unlike("a list of " + ", ".join(TABLES))
    return tuple(table for table in TABLES if table in value)


def _no_targets(value: object) -> object:
    return [] if value is None else value


@section
class ExportTarget:
    """Where lists go after a publish."""

    name: Annotated[Text, AfterValidator(_name), expects(_NAME)]
    """What ops.exports and the logs call it."""

    kind: Literal["parquet", "csv", "postgres", "redis"]
    """Files, or a server; `redis` is Redis and Valkey."""

    path: Text | None = None
    """Of files: the folder, by itself or relative to NIGHTJAR_HOME."""

    url_from: Text | None = None
    """Of servers: the environment variable that holds the address, since it may hold a password:
    postgresql://… or a libpq string, redis://… or valkey://…."""

    tables: Annotated[
        tuple[Literal["recommendations", "similar_items", "popular_items"], ...],
        BeforeValidator(_tables),
        expects("a list of " + ", ".join(TABLES)),
    ] = ("recommendations",)
    """What goes there."""

    every: Literal["publication", "nightly"] = "publication"
    """After every publication, or after nightlies and rollbacks alone: files are written whole each time, a
    server gets what changed."""

    keep: AtLeastOne = 3
    """Of files: how many versions stay."""

    gzip: bool = False
    """Of CSV: compressed."""

    prefix: Text = "nightjar:"
    """Of Redis: what its keys begin with; of Postgres its tables, `nightjar_` then."""

    timeout_seconds: Annotated[Number, Field(gt=0, le=3600)] = 30.0
    """How long a server may take to answer before the target counts as failed."""


ExportTargets = Annotated[tuple[ExportTarget, ...], BeforeValidator(_no_targets)]


def check_targets(targets: tuple[ExportTarget, ...]) -> tuple[str, Any, str] | None:
    """(key, value, expected) of the first target that does not fit its kind, else None."""
    names = [target.name for target in targets]
    for at, target in enumerate(targets):
        key = f"exports[{at}]"
        if names.index(target.name) < at:
            return f"{key}.name", target.name, "a name that no other target has"
        if target.kind in ("parquet", "csv") and target.path is None:
            return f"{key}.path", "", f"a folder, since kind is {target.kind}"
        if target.kind in ("postgres", "redis") and target.url_from is None:
            return f"{key}.url_from", "", f"an environment variable, since kind is {target.kind}"
    return None
