"""Documents in memory, for a monitor without a journal."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class MemoryDocuments:
    """Keeps records as long as the process lives; see `vmon_core.dynamic.Documents`."""

    def __init__(self) -> None:
        self._versions: dict[str, list[Mapping[str, Any]]] = {}
        self._removed: set[str] = set()
        self._lock = threading.Lock()

    def put(self, name: str, body: Mapping[str, Any]) -> int:
        """Keep a new version of a record and return its number, from 1."""
        with self._lock:
            versions = self._versions.setdefault(name, [])
            versions.append(dict(body))
            self._removed.discard(name)
            return len(versions)

    def remove(self, name: str) -> None:
        """Take a record out of use; its versions stay."""
        with self._lock:
            self._removed.add(name)

    def current(self) -> Mapping[str, Mapping[str, Any]]:
        """The newest version of each record that is in use, by name."""
        with self._lock:
            return {name: all_[-1] for name, all_ in self._versions.items() if name not in self._removed}

    def versions(self, name: str) -> tuple[Mapping[str, Any], ...]:
        """Every version of a record, oldest first."""
        with self._lock:
            return tuple(self._versions.get(name, ()))
