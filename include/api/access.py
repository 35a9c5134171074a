"""Who may ask: keys, roles, and how often."""

from __future__ import annotations

import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Depends, Request

from include.api.keys import ApiKey, KeyFile
from include.api.refusals import Refused

# role -> the check of a request, as FastAPI depends on it: it raises where the request may not.
Guard = Callable[[str], Callable[..., Any]]
FAILURES_PER_MINUTE = 60
MAX_TRACKED = 10_000
_AWS = re.compile(r"AWS4-HMAC-SHA256 Credential=([^/,\s]+)/")


class Rate:
    """A bucket of tokens a name, refilled evenly; the names that were not seen for longest are forgotten."""

    def __init__(self, per_minute: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def takes(self, name: str) -> bool:
        """Whether one more is allowed now; it then counts."""
        now = self._clock()
        with self._lock:
            left, at = self._buckets.pop(name, (self._per_minute, now))
            left = min(self._per_minute, left + (now - at) * self._per_minute / 60)
            is_allowed = left >= 1
            self._buckets[name] = (left - is_allowed, now)
            if len(self._buckets) > MAX_TRACKED:
                self._buckets.popitem(last=False)
        return is_allowed


class Access:
    """Checks requests against the key file of a home."""

    def __init__(self, keys: KeyFile, per_minute: float) -> None:
        self._keys = keys
        self._rate = Rate(per_minute)
        self._failures = Rate(FAILURES_PER_MINUTE)

    def check(self, request: Request, role: str) -> ApiKey:
        """The key of the request.  Raises Refused: 401 without a key, 403 for a role, 429 for a flood."""
        given = given_key(request)
        if given is None:
            raise Refused(
                401, "no API key: send it as X-API-Key or Authorization: Bearer; `make api-key` makes one"
            )
        key = self._keys.find(given)
        if key is None:
            client = request.client.host if request.client else ""
            if not self._failures.takes(client):
                raise Refused(429, "too many unknown API keys from this address; try again in a minute")
            raise Refused(401, "unknown or revoked API key")
        if not key.may(role):
            raise Refused(403, f"key '{key.name}' has role {key.role}; this needs {role}")
        if not self._rate.takes(key.name):
            raise Refused(429, f"key '{key.name}' asks too often; see api.requests_per_minute")
        return key


def guarded(guard: Guard, role: str, prefix: str = "", **options: Any) -> APIRouter:
    """Routes below ``prefix`` that take the role.  options: as of APIRouter."""
    return APIRouter(prefix=prefix, dependencies=[Depends(guard(role))], **options)


def joined(*parts: APIRouter) -> APIRouter:
    whole = APIRouter()
    for part in parts:
        whole.include_router(part)
    return whole


def given_key(request: Request) -> str | None:
    """X-API-Key, a bearer token, or the access key id of an AWS signature, which itself is not checked."""
    if key := request.headers.get("x-api-key"):
        return key
    authorization = request.headers.get("authorization", "")
    if authorization[:7].lower() == "bearer ":
        return authorization[7:].strip() or None
    found = _AWS.match(authorization)
    if found:
        return found[1]
    return request.cookies.get("nightjar_key")
