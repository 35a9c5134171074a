"""The domain file's section `chat`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from include.config.section import AtLeastOne, Number, Text, Whole, expects, section, unlike

Use = Literal["attributes", "profiles"]
USES: tuple[Use, ...] = ("attributes", "profiles")
_URL = "an address that begins with http:// or https://"


def _url(url: str) -> str:
    if not url.startswith(("http://", "https://")) or "@" in url:
        raise unlike(_URL + ", without a password in it")
    return url.rstrip("/")


def _uses(value: object) -> tuple[Use, ...]:
    if not isinstance(value, list | tuple) or not set(value) <= set(USES):
        raise unlike("a list of " + ", ".join(USES))
    return tuple(use for use in USES if use in value)


@section
class ChatConfig:
    """A chat model behind any OpenAI-compatible address. Off without `url`; a nightly asks it, a refresh
    takes what it has answered, and whatever it does not answer is told without it."""

    url: Annotated[Text, AfterValidator(_url), expects(_URL)] | None = None
    """Where `/chat/completions` is, as http://127.0.0.1:8080/v1. Its key, if it wants one, is in
    NIGHTJAR_CHAT_KEY."""

    model: Text = "default"
    """Which model to ask, by the server's name for it."""

    uses: Annotated[
        tuple[Use, ...],
        BeforeValidator(_uses),
        expects("a list of " + ", ".join(USES)),
    ] = USES
    """What it is asked for: labels of a taxonomy for items that landed with none, profiles as sentences."""

    max_calls: Annotated[Whole, Field(ge=0)] = 1000
    """Calls a nightly at most, those that fail included. What is left over is asked the next night."""

    timeout_seconds: Annotated[Number, Field(gt=0, le=600)] = 20.0
    """How long one answer may take."""

    concurrency: Annotated[AtLeastOne, Field(le=64)] = 4
    """Calls at a time."""

    max_failures: AtLeastOne = 5
    """Failures in a row after which the model is not asked again that night."""
