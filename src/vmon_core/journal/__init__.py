"""The journal: the durable record of all that happened, in one SQLite file."""

from __future__ import annotations

from vmon_core.journal.journal import Journal
from vmon_core.journal.options import JournalOptions
from vmon_core.journal.reading import Event

__all__ = ["Event", "Journal", "JournalOptions"]
