"""How a journal behaves."""

from __future__ import annotations

import attrs

from vmon_core.journal.backlog import BACKLOG_BYTES
from vmon_core.journal.frames import PROCESS_SECONDS


@attrs.frozen(kw_only=True)
class JournalOptions:
    """How much a journal keeps, and how it writes.

    Attributes:
        max_age: what is older is deleted, in seconds.
        max_size: the oldest goes when the file grows beyond this, in bytes.
        flush_every: seconds that a note waits at most for others to be written together with it.
        retry_seconds: the pause after a first failure to write; it doubles with each further one.
        backlog_bytes: how much waits in memory while the disk fails.
        process_seconds: a process' sample without a change of status is recorded once in this time, in seconds.
    """

    max_age: float = 30 * 86400.0
    max_size: int = 200_000_000
    flush_every: float = 1.0
    retry_seconds: float = 1.0
    backlog_bytes: int = BACKLOG_BYTES
    process_seconds: float = PROCESS_SECONDS
