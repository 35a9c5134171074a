"""Item texts: what a template makes of full, partial and odd rows."""

from __future__ import annotations

import hashlib

import pytest

from include.texts.template import MAX_CHARACTERS, item_texts, text_hash


def text(template: str, **fields: str | None) -> str:
    return item_texts(template, {name: [value] for name, value in fields.items()})[0]


@pytest.mark.parametrize(
    "title, tags, expected",
    [
        ("Alien", "Horror Sci-Fi", "Alien. Horror Sci-Fi"),
        ("Alien", "", "Alien"),
        ("Alien", None, "Alien"),
        ("  Alien\n(1979) ", " ", "Alien (1979)"),
        (None, "Horror", "Horror"),
        ("", "", ""),
        ("What?", "Comedy", "What? Comedy"),
        ("Alien", "Horror|Sci-Fi", "Alien. Horror, Sci-Fi"),
        ("Alien", '["Horror", "Sci-Fi"]', "Alien. Horror, Sci-Fi"),
        ("Alien", "[1979] Horror", "Alien. [1979] Horror"),
    ],
)
def test_title_and_tags(title, tags, expected):
    assert text("{title}. {tags}", title=title, tags=tags) == expected


@pytest.mark.parametrize(
    "category, tags, expected",
    [
        ("Film", "Horror", "Alien (Film). Tags: Horror."),
        (None, "Horror", "Alien. Tags: Horror."),
        ("Film", None, "Alien (Film)"),
        (None, None, "Alien"),
    ],
)
def test_a_blank_field_takes_its_brackets_and_words_along(category, tags, expected):
    assert (
        text("{title} ({category}). Tags: {tags}.", title="Alien", category=category, tags=tags) == expected
    )


def test_words_before_the_first_field_stay_with_it():
    assert text("A film: {title}", title="Alien") == "A film: Alien"
    assert text("A film: {title}", title="") == ""


def test_rows_keep_their_order_and_no_rows_are_no_texts():
    assert item_texts("{title}", {"title": ["b", None, "a"]}) == ["b", "", "a"]
    assert item_texts("{title}", {"title": []}) == []


def test_a_text_is_bounded():
    assert len(text("{title}. {description}", title="x", description="y" * 10_000_000)) == MAX_CHARACTERS


def test_the_hash_is_sha256_of_the_text_and_takes_any_text():
    assert text_hash("naïve 👾") == hashlib.sha256("naïve 👾".encode()).hexdigest()
    assert text_hash("\ud800") != text_hash("")
