"""What the journal tells, with errors that an agent understands.

A running monitor writes its journal within a second, so the past and the present are read from the same place.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from vmon_core.journal import Journal
from vmon_core.records import Change, Finding
from vmon_plugin_mcp.answers import RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from vmon_core.journal import Event
    from vmon_core.records import Frame

FINDINGS_READ = 2000
"""How many past findings are looked at to tell which are open; a monitor notes one only when it begins and ends."""


class History:
    """Reads the journal of one configuration.

    Args:
        path: the journal's file; it may come into being later.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def journal(self) -> Journal:
        """The journal, opened for looking only.

        Raises:
            RefusedError: there is none yet.
        """
        if not self._path.exists():
            raise RefusedError(
                code="no_journal",
                message="vmon has recorded nothing on this machine yet",
                help="a person has to start a monitor first: `vmon run -- vllm serve MODEL`, or `vmon watch URL`",
            )
        return Journal(self._path, read_only=True)

    def find(self, target: str | None) -> str:
        """The name of a deployment: the given one, or the one that was seen last.

        Raises:
            RefusedError: the journal does not know it.
        """
        known = self.journal().targets()
        if target is None and known:
            return known[-1]
        if target not in known:
            raise RefusedError(
                code="unknown_target",
                message="there is no deployment of this name",
                help="take a name from `known_targets`, or leave `target` out for the one that was seen last",
                known_targets=known,
            )
        return str(target)

    def state(self, target: str) -> dict[str, Any]:
        """The state of a deployment, why, and how fresh that is."""
        journal = self.journal()
        newest = next(iter(journal.events(target, limit=1, kinds=("transition",))), None)
        recorded = journal.recorded_until(target)
        data: dict[str, Any] = {"target": target, "state": "UNKNOWN", "recorded_until": recorded}
        data["seconds_since_recorded"] = None if recorded is None else round(time.time() - recorded, 1)
        if newest is not None and isinstance(newest.record, Change):
            change = newest.record
            data |= {"state": change.state, "since": change.time, "transition": change.transition}
            data |= {"previous_state": change.origin, "reason": change.reason}
        return data

    def events(self, target: str | None, kinds: Iterable[str], before: int | None, limit: int) -> tuple[Event, ...]:
        """The newest events before a number, oldest first."""
        return self.journal().events(target, kinds=kinds, before=before, limit=limit)

    def findings(self, target: str) -> list[Finding]:
        """The newest findings, those that are over as well, oldest first."""
        events = self.journal().events(target, kinds=("finding",), limit=FINDINGS_READ)
        return [event.record for event in events if isinstance(event.record, Finding)]

    def open_findings(self, target: str) -> list[Finding]:
        """The findings that hold, the oldest first."""
        found: dict[tuple[object, ...], Finding] = {}
        for finding in self.findings(target):
            key = (finding.source, finding.code, finding.entities)
            if finding.cleared:
                found.pop(key, None)
            else:
                found[key] = finding
        return list(found.values())

    def frames(self, target: str, seconds: float) -> Iterator[Frame]:
        """The last `seconds` of a deployment's recording, oldest frame first."""
        journal = self.journal()
        recorded = journal.recorded_until(target)
        return iter(()) if recorded is None else journal.frames(target, recorded - seconds)
