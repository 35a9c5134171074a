"""One pass over a text file: hash it as it lies, and write it as clean UTF-8 lines.

DuckDB then reads the result set-based, whatever the file went through: gzip, a byte order mark, CRLF,
NUL bytes and invalid UTF-8. Bytes that are no text are replaced by marks, so that only the rows which hold
them are quarantined, not the file.
"""

from __future__ import annotations

import codecs
import hashlib
import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from include.errors import DataError

# Unicode's noncharacters are reserved for marks inside a program: no text that was sent holds them.
INVALID_UTF8 = "\ufdd0"
NUL = "\ufdd1"
CHUNK_BYTES = 1 << 20
# A longer line is quarantined as line_too_long: rows are read in buffers of a few times this size.
MAX_LINE_BYTES = 2_000_000
# What is kept of such a line to be shown; DuckDB keeps less.
_SHOWN_BYTES = 65_536


@dataclass(frozen=True)
class CleanText:
    """content_hash: sha256 of the file as it lies.  bytes: read from it.  lines: newlines written.
    has_marks: some bytes were no text.  is_array: it begins with [ and ends with ], as a JSON array does."""

    content_hash: str
    bytes: int
    lines: int
    has_marks: bool
    is_array: bool


def _mark(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return INVALID_UTF8, error.end


codecs.register_error("nightjar_mark", _mark)


def clean_text(source: Path, target: Path, *, is_gzip: bool, max_bytes: float = math.inf) -> CleanText:
    """Write ``source`` to ``target`` as UTF-8 lines that end in a newline, without a byte order mark.

    A line that is too long is written as a stand-in. Memory: a few chunks of 1 MiB.
    Raises DataError on a torn or wrong gzip, on UTF-16 or UTF-32, and on more than max_bytes of text.
    """
    digest = hashlib.sha256()
    size = 0

    def read() -> Iterator[bytes]:
        nonlocal size
        with source.open("rb") as stream:
            while chunk := stream.read(CHUNK_BYTES):
                digest.update(chunk)
                size += len(chunk)
                yield chunk

    lines = unpacked = 0
    has_marks = False
    ends = ""  # first and last character that is no blank
    whole = _WholeLines()
    raw = _gunzip(read(), source.name) if is_gzip else read()
    with target.open("wb") as out:
        for text in _decode(raw, source.name):
            if "\x00" in text:
                text = text.replace("\x00", NUL)
            has_marks = has_marks or INVALID_UTF8 in text or NUL in text
            if shown := text.strip():
                ends = (ends or shown)[:1] + shown[-1:]
            held = text.encode("utf-8")
            unpacked += len(held)
            if unpacked > max_bytes:
                most = f"{max_bytes / 1e6:,.0f} MB"
                raise DataError(f"{source.name} holds more than {most} of text; see quality.max_file_mb")
            chunk = whole.take(held)
            lines += chunk.count(b"\n")
            out.write(chunk)
        last = whole.end()
        lines += bool(last)
        out.write(last)
    return CleanText(digest.hexdigest(), size, lines, has_marks, is_array=ends == "[]")


class _WholeLines:
    """Chunks of text as whole lines; in the place of one that is too long a stand-in, just too long itself.

    The reader says nothing of lines that are very much too long, and cuts those that it rejects in the middle
    of a character.
    """

    def __init__(self) -> None:
        self._open = bytearray()
        self._is_long = False

    def take(self, chunk: bytes) -> bytes:
        """The lines that the chunk ends."""
        first, has_ended, more = chunk.partition(b"\n")
        self._extend(first)
        if not has_ended:
            return b""
        parts = [self._close()]
        lines, has_lines, last = more.rpartition(b"\n")
        if has_lines:
            if len(lines) > MAX_LINE_BYTES:
                lines = b"\n".join(
                    _stand_in(line) if len(line) > MAX_LINE_BYTES else line for line in lines.split(b"\n")
                )
            parts += [lines, b"\n"]
        self._extend(last)
        return b"".join(parts)

    def end(self) -> bytes:
        """The last line, where no newline ended it."""
        return self._close() if self._open else b""

    def _extend(self, part: bytes) -> None:
        if self._is_long:
            return
        self._open += part
        if len(self._open) > MAX_LINE_BYTES:
            self._open = bytearray(_stand_in(bytes(self._open)))
            self._is_long = True

    def _close(self) -> bytes:
        line = bytes(self._open) + b"\n"
        self._open.clear()
        self._is_long = False
        return line


def _stand_in(line: bytes) -> bytes:
    shown = line[:_SHOWN_BYTES].decode("utf-8", "ignore").encode("ascii", "replace")
    return shown.ljust(MAX_LINE_BYTES + 1)


def clean_message(value: bytes) -> str:
    """A message as one clean line, with the marks of ``clean_text``."""
    text = value.removeprefix(codecs.BOM_UTF8).decode("utf-8", errors="nightjar_mark")
    # Between the tokens of JSON a line break is a blank, and inside a text it may not stand.
    text = text.replace("\x00", NUL).replace("\r", " ").replace("\n", " ")
    # The line reader's delimiter: raw in JSON it is an error, and stays one in this form.
    return text.replace("\x07", "\\x07")


def _gunzip(chunks: Iterator[bytes], name: str) -> Iterator[bytes]:
    """The text of a gzip file, its members one after the other, in pieces of at most 4 MiB."""
    stream = zlib.decompressobj(wbits=31)
    is_open = False
    try:
        for chunk in chunks:
            while chunk:
                if stream.eof:
                    chunk = chunk.lstrip(b"\0")  # tape padding between or after members
                    if not chunk:
                        break
                    stream = zlib.decompressobj(wbits=31)
                is_open = True
                yield stream.decompress(chunk, 4 * CHUNK_BYTES)
                chunk = stream.unconsumed_tail or stream.unused_data
    except zlib.error as error:
        raise DataError(f"{name} is no whole gzip file: {error}") from error
    while is_open and not stream.eof and (rest := stream.decompress(b"", 4 * CHUNK_BYTES)):
        yield rest
    if is_open and not stream.eof:
        raise DataError(f"{name} is no whole gzip file: it ends in the middle of its data")


def _decode(chunks: Iterator[bytes], name: str) -> Iterator[str]:
    """UTF-8 text with single newlines; a pair of CR and LF may lie across two chunks."""
    decoder = codecs.getincrementaldecoder("utf-8")(errors="nightjar_mark")
    held_cr = False
    for chunk in _without_mark(chunks, name):
        text = decoder.decode(chunk)
        if held_cr:
            text = "\r" + text
        held_cr = text.endswith("\r")
        if held_cr:
            text = text[:-1]
        if "\r" in text:
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        if text:
            yield text
    rest = decoder.decode(b"", final=True) + ("\n" if held_cr else "")
    if rest:
        yield rest


def _without_mark(chunks: Iterator[bytes], name: str) -> Iterator[bytes]:
    """The chunks without a byte order mark; what the first bytes show to be no UTF-8 raises DataError."""
    head = b""
    while len(head) < len(codecs.BOM_UTF8) and (chunk := next(chunks, None)) is not None:
        head += chunk
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise DataError(f"{name} is UTF-16 or UTF-32; expected UTF-8")
    if head.startswith(b"\x1f\x8b"):
        raise DataError(f"{name} is a gzip file; expected a name that ends in .gz")
    yield head.removeprefix(codecs.BOM_UTF8)
    yield from chunks
