"""Feedback: what vmon tells people and log pipelines about its own work, through several handlers at once.

>>> heard = []
>>> with Feedback() as feedback:
...     feedback.add(CallbackHandler(heard.append), level=Severity.WARNING)
...     feedback.say(Severity.INFO, "docs", "too quiet to be heard")
...     feedback.say(Severity.ERROR, "docs", "disk full", target="local", free_bytes=0)
>>> [(m.text, m.target, dict(m.context)) for m in heard]
[('disk full', 'local', {'free_bytes': 0})]
"""

from __future__ import annotations

from vmon_core.feedback.handlers import CallbackHandler, JsonLinesHandler, LoggingHandler
from vmon_core.feedback.hub import Feedback
from vmon_core.feedback.message import Handler, Message
from vmon_core.feedback.terminal import TerminalHandler
from vmon_core.records import Severity

__all__ = [
    "CallbackHandler",
    "Feedback",
    "Handler",
    "JsonLinesHandler",
    "LoggingHandler",
    "Message",
    "Severity",
    "TerminalHandler",
]
