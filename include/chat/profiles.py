"""Profiles of people as the chat model words them, from the sentence that the templates make."""

from __future__ import annotations

from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from include.chat.answers import known_answers
from include.chat.client import Question, plain
from include.config.domain import Domain

USE = "profiles"
MAX_PROFILE = 300
_ORDER = (
    "Say what is known of a person's taste in one or two friendly sentences of at most forty words. Keep the"
    " facts, add none, and name no thing that is not named."
)
_SCHEMA = {
    "type": "object",
    "properties": {"profile": {"type": "string", "minLength": 1, "maxLength": MAX_PROFILE}},
    "required": ["profile"],
    "additionalProperties": False,
}


def profile_question(sentence: str) -> Question:
    """The sentence holds labels and titles, no id."""
    return Question(USE, _ORDER, {"taste": plain(sentence)}, _SCHEMA)


def read_profile(answer: dict[str, Any]) -> dict[str, Any] | None:
    """A text of one to MAX_PROFILE characters, without line breaks and addresses."""
    said = answer.get("profile")
    if not isinstance(said, str):
        return None
    text = plain(said)
    is_fit = 0 < len(text) <= MAX_PROFILE and len(said) <= 2 * MAX_PROFILE and "://" not in text
    return {"profile": text} if is_fit else None


def told_profiles(con: duckdb.DuckDBPyConnection, domain: Domain, portraits: pa.Table) -> pa.Table:
    """The portraits, their sentence in the model's words where it has been asked for that very sentence."""
    if domain.chat.url is None or USE not in domain.chat.uses or not portraits.num_rows:
        return portraits
    sentences = portraits.column("profile").to_pylist()
    keys = {sentence: profile_question(sentence).key(domain.chat) for sentence in set(sentences)}
    answers = known_answers(con, keys.values())
    told = [answers.get(keys[sentence], {"profile": sentence})["profile"] for sentence in sentences]
    at = portraits.schema.get_field_index("profile")
    return portraits.set_column(at, portraits.schema.field(at), pc.cast(pa.array(told), pa.string()))
