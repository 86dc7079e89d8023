"""How the host tells people about plugins that fail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from vmon_core.records import Severity


class Say(Protocol):
    """Sends a feedback message; `Feedback.say` is one."""

    def __call__(self, level: Severity, source: str, text: str, **context: Any) -> None:  # noqa: ANN401 (plain values)
        """Say `text` in the name of `source`."""


def nobody(level: Severity, source: str, text: str, **context: Any) -> None:  # noqa: ANN401 (plain values)
    """Tell nobody."""
