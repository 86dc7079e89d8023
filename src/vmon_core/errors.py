"""The errors that vmon raises on purpose; each message names the cause and, where there is one, the fix."""

from __future__ import annotations


class VmonError(Exception):
    """The root of them all; the command line prints these without a traceback."""
