"""What a segment of people is called, for machines and in sentences."""

from __future__ import annotations

DEFAULT_WORDS = "people whose {attribute} is {value}"


def segment_name(attribute: str, value: object) -> str:
    """As tables and models hold it."""
    return f"{attribute}={value}"


def segment_words(template: str, name: str) -> str:
    """As a reason says it: popular with people aged 18-24.  name: by ``segment_name``."""
    attribute, _, value = name.partition("=")
    return template.replace("{attribute}", attribute).replace("{value}", value)
