"""What a request is refused with: a status and one clear sentence."""

from __future__ import annotations


class Refused(Exception):
    """status: HTTP status, 4xx or 503.  message: for whoever reads the answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
