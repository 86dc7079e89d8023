"""The one shape that every message has, and what a handler of messages must offer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import attrs

from vmon_core.records import Severity


@attrs.frozen(kw_only=True)
class Message:
    """Something that vmon says about its own work.

    Attributes:
        time: when it was said, Unix seconds.
        level: how much it matters.
        source: the part or plugin that says it.
        text: one sentence for people.
        target: the name of the deployment that it is about, "" when it is about none.
        context: further facts by name, as plain values.
    """

    time: float
    level: Severity
    source: str
    text: str
    target: str = ""
    context: Mapping[str, Any] = attrs.field(factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """The message as plain data, the level by its lower-case name."""
        return {
            "time": self.time,
            "level": self.level.name.lower(),
            "source": self.source,
            "target": self.target,
            "text": self.text,
            "context": dict(self.context),
        }


class Handler(Protocol):
    """Takes messages somewhere; it is called from one thread of its own, so it may block and may fail."""

    def handle(self, message: Message) -> None:
        """Take one message."""

    def close(self) -> None:
        """Give back what is held; no message comes after it."""
