"""The time limit of a whole request, which a socket's own timeout (one wait) is not."""

from __future__ import annotations

import time


class Deadline:
    """A moment on the monotonic clock; connections of one client share one and move it for each request."""

    def __init__(self) -> None:
        self._at = 0.0

    def start(self, seconds: float) -> None:
        """Set it to `seconds` from now."""
        self._at = time.monotonic() + seconds

    def remaining(self) -> float:
        """The seconds that are left.

        Raises:
            TimeoutError: none are left.
        """
        left = self._at - time.monotonic()
        if left <= 0:
            msg = "the deadline has passed"
            raise TimeoutError(msg)
        return left
