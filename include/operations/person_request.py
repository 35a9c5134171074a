"""Hand a user id to a run by a file, so that Airflow's records of the run do not name the person."""

from __future__ import annotations

import re
import secrets
from pathlib import Path

from include.errors import ConfigError, DataError
from include.settings import Settings

_TOKEN = re.compile(r"[0-9a-f]{32}")


def make_request(settings: Settings, user_id: str) -> str:
    """Write the id to a file that its owner alone can read; returns the file's token.

    Raises ConfigError on an id that cannot be one.
    """
    if not user_id.strip() or len(user_id) > 512:
        raise ConfigError("USER_ID", user_id[:40] or None, "a user_id of 1 to 512 characters")
    token = secrets.token_hex(16)
    path = _path(settings, token)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(user_id, encoding="utf-8")
    return token


def drop_request(settings: Settings, token: str) -> None:
    _path(settings, token).unlink(missing_ok=True)


def person_of(settings: Settings, user_id: str | None, token: str | None) -> str:
    """The id, given as it is or by a token.  Raises DataError without exactly one of them."""
    if (user_id is None) == (token is None):
        raise DataError(
            "neither user_id nor request is given, or both are; expected one: the person's user_id"
        )
    if token is None:
        assert user_id is not None
        return user_id
    path = _path(settings, token)
    if not _TOKEN.fullmatch(token) or not path.is_file():
        raise DataError(f"request {token[:40]!r} is not there; it is made, and removed, by `make erase`")
    return path.read_text(encoding="utf-8")


def _path(settings: Settings, token: str) -> Path:
    return settings.home / "tmp" / f"request-{token}"
