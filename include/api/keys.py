"""API keys: made once, shown once, kept as hashes below NIGHTJAR_HOME."""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from include.errors import ConfigError
from include.whole_files import whole_file

# What a role may do, the next one everything that the one before may.
ROLES = ("read", "write", "operator")
PREFIX = "nj_"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class ApiKey:
    """sha256: of the key, in hex. A key is 256 random bits, so that no salt and no slow hash are needed."""

    name: str
    role: str
    sha256: str
    made_at: str

    def may(self, role: str) -> bool:
        return ROLES.index(self.role) >= ROLES.index(role)


class KeyFile:
    """The keys of one home.  A running server sees a change at the next request."""

    def __init__(self, home: Path) -> None:
        self.path = home / "api_keys.json"
        self._read: tuple[tuple[int, int], dict[str, ApiKey]] | None = None

    def find(self, key: str) -> ApiKey | None:
        """The key as it is kept; None where it is unknown or revoked."""
        return self._keys().get(_hash(key))

    def all(self) -> list[ApiKey]:
        return sorted(self._keys().values(), key=lambda one: one.name)

    def make(self, name: str, role: str, at: datetime) -> str:
        """A new key of that name, which takes the place of an earlier one.  Raises ConfigError."""
        if not _NAME.fullmatch(name):
            raise ConfigError("NAME", name or None, "letters, digits, . _ and -, at most 64")
        if role not in ROLES:
            raise ConfigError("ROLE", role or None, "one of " + ", ".join(ROLES))
        key = PREFIX + secrets.token_urlsafe(32)
        kept = [one for one in self.all() if one.name != name]
        self._write([*kept, ApiKey(name, role, _hash(key), f"{at:%Y-%m-%dT%H:%M:%SZ}")])
        return key

    def revoke(self, name: str) -> None:
        """Raises ConfigError where there is no key of that name."""
        kept = [one for one in self.all() if one.name != name]
        if len(kept) == len(self.all()):
            names = ", ".join(one.name for one in kept) or "there is none"
            raise ConfigError("REVOKE", name, f"the name of a key ({names})")
        self._write(kept)

    def _keys(self) -> dict[str, ApiKey]:
        try:
            stat = self.path.stat()
        except FileNotFoundError:
            return {}
        version = (stat.st_mtime_ns, stat.st_ino)
        if self._read is None or self._read[0] != version:
            rows = json.loads(self.path.read_text(encoding="utf-8"))
            self._read = (version, {row["sha256"]: ApiKey(**row) for row in rows})
        return self._read[1]

    def _write(self, keys: list[ApiKey]) -> None:
        with whole_file(self.path) as partial:
            partial.touch(mode=0o600)
            partial.write_text(json.dumps([asdict(key) for key in keys], indent=1) + "\n", encoding="utf-8")
            os.chmod(partial, 0o600)
        self._read = None


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
