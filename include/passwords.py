"""Passwords in database addresses: found, hidden, left out.

An address is libpq's ``host=… password=…`` or a URL ``postgresql://user:password@host/db``. Whoever prints an
address, or an error that may repeat one, hides them first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote

# libpq quotes with ' and escapes with a backslash inside the quotes.
_KEY = re.compile(r"\bpassword\s*=\s*(?:'((?:[^'\\]|\\.)*)'|((?:[^\s'\\;]|\\.)+))", re.IGNORECASE)
_URL = re.compile(r"(?<=://)([^\s:/@?#]*):([^\s/?#]*)(?=@)")
HIDDEN = "***"


def passwords_in(address: str) -> Iterator[str]:
    """Each password of an address, as the database wants it."""
    for quoted, plain in _KEY.findall(address):
        yield re.sub(r"\\(.)", r"\1", quoted or plain)
    for _, password in _URL.findall(address):
        yield unquote(password)


def without_passwords(address: str) -> str:
    """The address, to be written where others read it; the client then asks for the password, or knows it."""
    return _URL.sub(r"\1", re.sub(rf"\s*{_KEY.pattern}", "", address, flags=re.IGNORECASE))


def hide_passwords(text: str, *addresses: str) -> str:
    """Text without the passwords that it spells itself, and without those of ``addresses`` in any writing."""
    text = _URL.sub(rf"\1:{HIDDEN}", _KEY.sub(f"password={HIDDEN}", text))
    for address in addresses:
        for password in passwords_in(address):
            for written in {password, password.replace("\\", "\\\\").replace("'", "\\'")} - {""}:
                text = text.replace(written, HIDDEN)
    return text
