"""The domain file's section `understanding`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from include.config.section import AtLeastOne, Number, Text, Texts, expects, section, unlike


def label_key(name: str) -> str:
    """One key for a label however it is written: comedy and Comedy are one."""
    return " ".join(name.split()).casefold()


def _labels(labels: tuple[str, ...]) -> tuple[str, ...]:
    keys = [label_key(label) for label in labels]
    if len(keys) < 2 or len(set(keys)) < len(keys) or not all(keys):
        raise unlike("two labels or more, none of them twice")
    return labels


def _prompt(prompt: str) -> str:
    if "{label}" not in prompt:
        raise unlike("a text with {label} in it, as a {label} film")
    return prompt


def _nothing(value: object) -> object:
    return {} if value is None else value


_EXPECTED = "a list of two labels or more, none of them twice"


@section
class LabelGroup:
    """Labels of one attribute, which the text model looks for in item texts."""

    labels: Annotated[Texts, AfterValidator(_labels), expects(_EXPECTED)]
    """The labels."""

    prompt: Annotated[
        Text, AfterValidator(_prompt), expects("a text with {label} in it, as a {label} film")
    ] = "{label}"
    """What the text model reads in a label's place: a sentence says more than a word."""


@section
class Understanding:
    """What items are and what people are after: features.item_attributes, user_profiles, user_interests and
    user_intents."""

    taxonomy: Annotated[dict[str, LabelGroup], BeforeValidator(_nothing)] = Field(default_factory=dict)
    """Attribute -> its labels. What items landed with goes first; an item that has none of a group's labels
    is given those that its text is sure of."""

    topics: AtLeastOne | Literal["auto", "off"] = "auto"
    """Topics found in the item texts and named by their own words: how many; auto: where most items have no
    other label; off."""

    label_words: dict[str, str] = Field(default_factory=dict)
    """Label -> what a sentence calls it, as `Sci-Fi: science fiction`."""

    recent_half_life_days: Annotated[Number, Field(gt=0)] = 14.0
    """Days, counted from a person's last event, after which an event says half as much of what they are after
    lately."""

    session_gap_minutes: Annotated[Number, Field(gt=0)] = 60.0
    """A pause that ends a session: what came after it is what the person is about now."""
