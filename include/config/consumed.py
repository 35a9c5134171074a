"""What a person has had already: whether a list may hold it again, as the domain file says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from include.errors import ConfigError


@dataclass(frozen=True)
class Consumed:
    """mode exclude: never again; allow: shops sell the same thing twice; after: again after `days`."""

    mode: str = "exclude"
    days: float = 0.0


def consumed_from_value(value: object, where: str = "") -> Consumed:
    """`exclude`, `allow`, or `after: 30d`, as a mapping or as one text.  Raises ConfigError otherwise."""
    if value in ("exclude", "allow"):
        return Consumed(str(value))
    text = f"after {value['after']}" if isinstance(value, Mapping) and set(value) == {"after"} else str(value)
    match = re.fullmatch(r"after:? *(\d+(?:\.\d+)?)d?", text)
    if match is None:
        raise ConfigError("consumed", value, "exclude, allow, or after: 30d", where)
    return Consumed("after", float(match[1]))
