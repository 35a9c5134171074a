"""Which variant a person sees: the same one each time, by a hash, so that nothing has to be stored."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping


def assign(user_id: str, variants: Mapping[str, float], salt: str) -> str:
    """The person's variant.  variants: name -> share, together 1, in a fixed order.

    sha256 of "salt:user_id", its first 8 bytes as a number over 2^64, falls into the shares laid end to end.
    Another salt deals anew, so that two experiments at a time do not know of each other.
    """
    digest = hashlib.sha256(f"{salt}:{user_id}".encode("utf-8", "surrogatepass")).digest()
    place = int.from_bytes(digest[:8], "big") / 2**64
    end = 0.0
    for name, share in variants.items():
        end += share
        if place < end:
            return name
    return name
