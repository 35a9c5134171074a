"""The fixtures of tests/support/books.py: a small published lake a test."""

from tests.support.books import books_file, domain, lake, published_home, settings

__all__ = ["books_file", "domain", "lake", "published_home", "settings"]
