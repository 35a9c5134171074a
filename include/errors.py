"""The errors Nightjar raises on purpose.

Each message says what went wrong, where, what was got, what was expected and what to do about it.
Anything else that escapes is a bug.
"""

from __future__ import annotations

from collections.abc import Sequence


class NightjarError(Exception):
    """Base of every error that Nightjar raises on purpose."""


class ConfigError(NightjarError):
    """A setting or a key of the domain file is missing or wrong.

    key: dotted path of the key (``quality.min_events``) or the environment variable's name.
    """

    def __init__(self, key: str, value: object, expected: str, where: str = "") -> None:
        self.key = key
        self.value = value
        self.expected = expected
        self.where = where
        got = "has no value" if value is None else f"is {value!r}"
        at = f" in {where}" if where else ""
        super().__init__(f"config key '{key}'{at} {got}; expected {expected}")


class DataError(NightjarError):
    """Input data cannot be used: unreadable, empty, or contradicting itself."""


class GateError(NightjarError):
    """A check refused: names the check, the figure and the limit. Nothing was published.

    results: what was measured, as rows of ops.quality_results; none where no suite of checks refused.
    """

    def __init__(self, message: str, results: Sequence[dict[str, object]] = ()) -> None:
        self.results = tuple(results)
        super().__init__(message)


class LakeError(NightjarError):
    """The lake cannot be opened or written, or another writer took over."""


class OvertakenError(LakeError):
    """Another writer took the same rows in since they were looked up. Nothing was committed; look again."""


class ModelError(NightjarError):
    """A model artifact is missing, corrupt, or does not match the ids it is used with."""


class ExportError(NightjarError):
    """Lists could not be brought to a place outside the lake."""


# What the data, the settings or a model are refused for is as wrong at the next try: there is none.
REFUSALS = (ConfigError, DataError, GateError, ModelError)
