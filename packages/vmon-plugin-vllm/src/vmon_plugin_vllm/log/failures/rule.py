"""One entry of the catalogue of failures."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING

import attrs

from vmon_core.evidence import FailureCategory

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT, DEATH, ECHO = 3, 2, 1
"""Weights: a named root cause, a death whose cause another line may tell, an echo of another process' failure."""


class Remedy(StrEnum):
    """Kinds of interventions that can help; an entry without any needs a person. Nobody acts on them yet."""

    RESTART_ENGINE = "restart_engine"
    RESTART_GANG = "restart_gang"  # all processes of a group that spans several launches or nodes
    RELAUNCH_REDUCED = "relaunch_reduced"  # with arguments that need less memory
    WAIT_VRAM = "wait_vram"  # until other processes have given back the device's memory
    FREE_PORT = "free_port"  # only from what an earlier launch of ours left behind
    CLEANUP_MEMORY = "cleanup_memory"  # leftovers of our own dead launches
    QUARANTINE = "quarantine"  # keep work away from it
    CAPTURE_EVIDENCE = "capture_evidence"  # before it is gone


_NOT_TOLD = "(not told)"


def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


@attrs.frozen(kw_only=True)
class FailureRule:
    """One kind of failure.

    Attributes:
        pattern: what its message looks like; its named groups are the values of the sentences below.
        code: its stable code.
        category: what has to change.
        explanation: the real cause as one sentence; `{name}` stands for a group of the pattern.
        fix: what to do, as flags of vLLM 0.32; it may name groups as well.
        again: when the same command may work, such as "once the port is free"; "" when it will not.
        remedies: interventions that can help, gentle ones first.
        weight: how much it explains.
        fatal: the server cannot live on.
    """

    pattern: re.Pattern[str] = attrs.field(converter=_compiled)
    code: str
    category: FailureCategory
    explanation: str
    fix: str = ""
    again: str = ""
    remedies: tuple[Remedy, ...] = ()
    weight: int = ROOT
    fatal: bool = True

    def explain(self, text: str = "") -> str:
        """The explanation with the values in the message `text`; without one, with their names in angle brackets."""
        return self.explanation.format_map(self._values(text))

    def advise(self, text: str = "") -> str:
        """The fix, likewise."""
        return self.fix.format_map(self._values(text))

    def _values(self, text: str) -> Mapping[str, str]:
        found = self.pattern.search(text) if text else None
        if found is None:
            return {name: f"<{name}>" for name in self.pattern.groupindex}
        return {name: (value or _NOT_TOLD).strip() for name, value in found.groupdict().items()}


def config(pattern: str, code: str, explanation: str, fix: str) -> FailureRule:
    """Make an entry for a launch that is wrong in itself: only a changed command can work, and a person changes it."""
    return FailureRule(pattern=pattern, code=code, category=FailureCategory.CONFIG, explanation=explanation, fix=fix)
