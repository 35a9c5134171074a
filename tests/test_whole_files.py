"""A file is replaced in one step or not at all."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from include.whole_files import whole_file, write_whole


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path: Path):
    target = tmp_path / "page.html"
    write_whole(target, "old")
    with pytest.raises(OSError, match="disk full"), whole_file(target) as partial:
        partial.write_text("half of the n")
        raise OSError("disk full")
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_the_new_file_shows_only_when_it_is_whole(tmp_path: Path):
    target = tmp_path / "below" / "page.html"
    with whole_file(target) as partial:
        partial.write_text("new")
        assert not target.exists()
        assert partial.name.startswith(".")
    assert target.read_text() == "new"


def test_writers_at_once_leave_one_whole_file(tmp_path: Path):
    target = tmp_path / "page.html"
    texts = [letter * 1_000_000 for letter in "abc"]
    with multiprocessing.get_context("fork").Pool(3) as pool:
        pool.starmap(write_whole, [(target, text) for text in texts * 5])
    assert target.read_text() in texts
    assert list(tmp_path.iterdir()) == [target]
