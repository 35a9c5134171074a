"""Typed reading of a YAML mapping, with errors that name key, value and expectation."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from include.errors import ConfigError


class Keys:
    """A mapping of the domain file, read key by key.

    Each getter raises ConfigError with the dotted key, its value and what was expected. A default stands for
    a key that is missing; one that is there without a value is an error, not a silent default.
    ``done`` raises on a key that nobody asked for, with the nearest known one.
    """

    def __init__(self, data: object, path: str = "", where: str = "") -> None:
        self.path = path
        self.where = where
        if data is None:
            data = {}
        if not isinstance(data, Mapping):
            raise ConfigError(path or "(top level)", data, "a mapping of keys", where)
        self._data: Mapping[Any, Any] = data
        self._asked: list[str] = []

    def __contains__(self, key: str) -> bool:
        return key in self._data

    def name(self, key: object) -> str:
        return f"{self.path}.{key}" if self.path else str(key)

    def fail(self, key: str, expected: str) -> ConfigError:
        return ConfigError(self.name(key), self._data.get(key), expected, self.where)

    def get(self, key: str) -> Any:
        self._asked.append(key)
        return self._data.get(key)

    def is_null(self, key: str) -> bool:
        """Whether the key is there, with null as its value."""
        return key in self and self._data[key] is None

    def section(self, key: str) -> Keys:
        return Keys(self.get(key), self.name(key), self.where)

    def sections(self, key: str) -> dict[str, Keys]:
        """A mapping of mappings, by name."""
        inner = self.section(key)
        return {str(name): inner.section(name) for name in inner._data}

    def items(self, key: str) -> list[Keys]:
        """A list of mappings."""
        value = self.get(key)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self.fail(key, "a list")
        return [Keys(entry, f"{self.name(key)}[{i}]", self.where) for i, entry in enumerate(value)]

    def mapping(self, key: str) -> dict[str, Any]:
        """A free mapping, checked by whoever uses it."""
        return {str(name): value for name, value in self.section(key)._data.items()}

    def text(self, key: str, default: str | None = None) -> str:
        value = self.get(key)
        if key not in self and default is not None:
            return default
        if not isinstance(value, str | int | float) or isinstance(value, bool) or not str(value).strip():
            raise self.fail(key, "a text")
        return str(value)

    def texts(self, key: str, default: Iterable[str] = ()) -> tuple[str, ...]:
        value = self.get(key)
        if key not in self:
            return tuple(default)
        if not isinstance(value, list) or not all(isinstance(entry, str | int) for entry in value):
            raise self.fail(key, "a list of texts")
        return tuple(str(entry) for entry in value)

    def choice(self, key: str, options: Iterable[str], default: str | None = None) -> str:
        options = tuple(options)
        value = self.get(key)
        if key not in self and default is not None:
            return default
        if value not in options:
            raise self.fail(key, "one of " + ", ".join(options))
        return str(value)

    def number(
        self, key: str, default: float | None = None, *, least: float | None = None, most: float | None = None
    ) -> float:
        value = self.get(key)
        if key not in self and default is not None:
            return default
        bounds = _bounds(least, most)
        if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
            raise self.fail(key, f"a number{bounds}")
        if (least is not None and value < least) or (most is not None and value > most):
            raise self.fail(key, f"a number{bounds}")
        return float(value)

    def integer(
        self, key: str, default: int | None = None, *, least: int | None = None, most: int | None = None
    ) -> int:
        value = self.get(key)
        if key not in self and default is not None:
            return default
        bounds = _bounds(least, most)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.fail(key, f"a whole number{bounds}")
        if (least is not None and value < least) or (most is not None and value > most):
            raise self.fail(key, f"a whole number{bounds}")
        return value

    def done(self) -> None:
        """Raise ConfigError on a key that was never asked for."""
        for key in self._data:
            if key not in self._asked:
                near = difflib.get_close_matches(str(key), self._asked, n=1)
                hint = f"; did you mean '{near[0]}'?" if near else ""
                known = ", ".join(sorted(set(self._asked))) or "nothing here"
                raise ConfigError(
                    self.name(key), self._data[key], f"no such key (known: {known}){hint}", self.where
                )


def _bounds(least: float | None, most: float | None) -> str:
    if least is not None and most is not None:
        return f" from {least:g} to {most:g}"
    if least is not None:
        return f" of at least {least:g}"
    if most is not None:
        return f" of at most {most:g}"
    return ""
