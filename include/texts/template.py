"""The text of an item: the domain file's template, filled in; and the hash that names it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from string import Formatter

# Language models of this size read 256 to 512 tokens; what comes after 4,000 characters is never read.
MAX_CHARACTERS = 4000
_SPACES = re.compile(r"\s+")
_LEADING_PUNCTUATION = re.compile(r"^[\s.,;:!?|/\-–—·•)\]}]+")
_CLOSERS = re.compile(r"^[)\]}]+")


def item_texts(template: str, columns: Mapping[str, Sequence[str | None]]) -> list[str]:
    """Fill the template for every row.  columns: field -> values, all of one length.

    A field that is missing or blank takes along the words and punctuation before it and the bracket that
    closes behind it: "{title} ({category}). {tags}" of a title alone is the title. A row whose fields are all
    blank has the text "".
    """
    pieces = [(literal, field) for literal, field, _, _ in Formatter().parse(template)]
    fields = list(dict.fromkeys(field for _, field in pieces if field))
    cleaned = [[_clean(field, value) for value in columns[field]] for field in fields]
    return [_fill(pieces, dict(zip(fields, row, strict=True))) for row in zip(*cleaned, strict=True)]


def text_hash(text: str) -> str:
    """sha256 of the text's UTF-8, in hexadecimal: one half of the embedding's key."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _clean(field: str, value: str | None) -> str:
    text = (value or "")[: 4 * MAX_CHARACTERS]
    if field == "tags":
        text = _tag_list(text)
    return _SPACES.sub(" ", text).strip()[:MAX_CHARACTERS]


def _tag_list(text: str) -> str:
    """Tags as a sentence would have them, whether they landed as ["a", "b"] or a|b."""
    if text.lstrip().startswith("["):
        try:
            return ", ".join(str(tag) for tag in json.loads(text))
        except ValueError:
            return text
    return ", ".join(tag.strip() for tag in text.split("|") if tag.strip())


def _fill(pieces: Sequence[tuple[str, str | None]], values: Mapping[str, str]) -> str:
    text = ""
    was_blank = True  # the field before
    for literal, field in pieces:
        closers = _CLOSERS.match(literal)
        closing = closers[0] if closers else ""
        if not was_blank:
            text += closing
        literal = literal.removeprefix(closing)
        if field is None:  # what follows the last field goes with it
            text += "" if was_blank else literal
            break
        was_blank = not values[field]
        if was_blank:
            continue
        if not text:
            literal = _LEADING_PUNCTUATION.sub("", literal)
        elif text[-1] in ".!?":
            literal = literal.removeprefix(".")
        text += literal + values[field]
    return text.strip()[:MAX_CHARACTERS]
