from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from include.errors import DataError
from include.landing.clean import INVALID_UTF8, NUL, clean_message, clean_text
from include.landing.files import file_format, list_files
from include.landing.hashes import HashCache, hash_file
from include.landing.header import read_header

NEEDED = ("user_id", "item_id")


def test_files_come_by_name_and_whole_only(tmp_path: Path) -> None:
    (tmp_path / "day=2").mkdir()
    (tmp_path / "_attic").mkdir()
    for name in (
        "b.csv",
        "a.JSONL.gz",
        "day=2/c.parquet",
        ".x.csv",
        "_y.csv",
        "z.csv.tmp",
        "n.txt",
        "_attic/q.csv",
    ):
        (tmp_path / name).write_text("")
    (tmp_path / "link.csv").symlink_to(tmp_path / "b.csv")
    assert [file.name for file in list_files(tmp_path, "events")] == [
        "a.JSONL.gz",
        "b.csv",
        "day=2/c.parquet",
    ]
    assert list_files(tmp_path / "missing", "events") == []


def test_formats_by_ending() -> None:
    names = ("a.jsonl", "a.jsonl.gz", "a.csv", "a.csv.gz", "a.parquet", "a.parquet.gz", "a.json")
    assert [file_format(name) for name in names] == ["jsonl", "jsonl", "csv", "csv", "parquet", None, None]


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        (b"", ""),
        (b"a\nb\n", "a\nb\n"),
        (b"a\nb", "a\nb\n"),
        (b"\xef\xbb\xbfa\r\nb\r\n", "a\nb\n"),
        (b"a\rb\r", "a\nb\n"),
        (b"a\x00b\xff\n", f"a{NUL}b{INVALID_UTF8}\n"),
        ("\u00e9\u4e2d\U0001f600\n".encode(), "\u00e9\u4e2d\U0001f600\n"),
    ],
)
def test_clean_text_whatever_the_chunks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, raw: bytes, clean: str
) -> None:
    """Also when every byte is a chunk of its own, plain and gzipped in two members."""
    plain, packed, out = tmp_path / "a", tmp_path / "b", tmp_path / "out"
    plain.write_bytes(raw)
    packed.write_bytes(gzip.compress(raw[:2]) + gzip.compress(raw[2:]))
    for chunk_bytes in (1 << 20, 3, 1):
        monkeypatch.setattr("include.landing.clean.CHUNK_BYTES", chunk_bytes)
        for source, is_gzip in ((plain, False), (packed, True)):
            text = clean_text(source, out, is_gzip=is_gzip)
            assert out.read_text(encoding="utf-8") == clean
            assert (text.content_hash, text.bytes) == (hash_file(source), source.stat().st_size)
            assert (text.lines, text.has_marks) == (clean.count("\n"), NUL in clean)


def test_torn_gzip_is_refused_at_every_length(tmp_path: Path) -> None:
    whole = gzip.compress(b"line\n" * 50)
    for length in range(1, len(whole)):
        (tmp_path / "a.gz").write_bytes(whole[:length])
        with pytest.raises(DataError, match="a.gz is no whole gzip file"):
            clean_text(tmp_path / "a.gz", tmp_path / "out", is_gzip=True)


def test_message_is_one_line() -> None:
    assert clean_message(b'{\r\n "a": 1\n}') == '{   "a": 1 }'
    assert clean_message(b"\xff\x00") == INVALID_UTF8 + NUL


@pytest.mark.parametrize(
    ("line", "delimiter", "columns"),
    [
        ("user_id,item_id", ",", ("user_id", "item_id")),
        ("user_id;item_id;a,b", ";", ("user_id", "item_id", "a,b")),
        ("User_ID\titem_id\tx", "\t", ("User_ID", "item_id", "x")),
        ('user_id|"item_id"| note ', "|", ("user_id", "item_id", "note")),
        (",user_id,item_id", ",", ("column_1", "user_id", "item_id")),
    ],
)
def test_header(line: str, delimiter: str, columns: tuple[str, ...]) -> None:
    assert read_header(line, NEEDED, "a.csv") == (delimiter, columns)


def test_header_with_a_name_twice_is_refused() -> None:
    with pytest.raises(DataError, match="a.csv has the column 'Item_ID' twice"):
        read_header("item_id,user_id,Item_ID", NEEDED, "a.csv")


def test_hash_cache_follows_size_and_time_and_survives_damage(tmp_path: Path) -> None:
    path, store = tmp_path / "a", tmp_path / "cache.json"
    path.write_bytes(b"one")
    cache = HashCache(store)
    first = cache.get(path, 3, 1)
    path.write_bytes(b"two")
    assert cache.get(path, 3, 1) == first
    assert cache.get(path, 3, 2) == hash_file(path) != first
    cache.save()
    assert HashCache(store).get(Path(path), 3, 2) == hash_file(path)
    store.write_text('{"torn')
    assert HashCache(store).get(path, 3, 1) == hash_file(path)
