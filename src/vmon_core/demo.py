"""The demo: a real run of vmon over a server that is made to hang."""

from __future__ import annotations

SERVE_SECONDS = 4.0
HANG_SECONDS = 9.0
RECOVER_SECONDS = 4.0
"""How long each act of the demo lasts, in seconds."""
