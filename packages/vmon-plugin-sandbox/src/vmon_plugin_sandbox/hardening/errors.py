"""The error of this side."""

from __future__ import annotations

from vmon_core.errors import VmonError


class HardeningError(VmonError):
    """Workers cannot be confined as they should be.

    Args:
        message: what is missing.
        help: what to do.
    """

    def __init__(self, message: str, help: str) -> None:  # noqa: A002 (the field of a problem)
        super().__init__(f"{message}; {help}")
        self.message = message
        self.help = help
