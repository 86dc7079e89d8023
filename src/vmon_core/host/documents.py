"""Documents in memory, for a monitor without a journal."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from vmon_core.dynamic import KEPT_REMOVED, KEPT_VERSIONS

if TYPE_CHECKING:
    from collections.abc import Mapping


class MemoryDocuments:
    """Keeps records as long as the process lives; see `vmon_core.dynamic.Documents`."""

    def __init__(self) -> None:
        self._versions: dict[str, dict[int, Mapping[str, Any]]] = {}
        self._removed: dict[str, None] = {}
        self._lock = threading.Lock()

    def put(self, name: str, body: Mapping[str, Any]) -> int:
        """Keep a new version of a record and return its number, from 1."""
        with self._lock:
            versions = self._versions.setdefault(name, {})
            version = max(versions, default=0) + 1
            versions[version] = dict(body)
            versions.pop(version - KEPT_VERSIONS, None)
            self._removed.pop(name, None)
            return version

    def remove(self, name: str) -> None:
        """Take a record out of use; its versions stay."""
        with self._lock:
            if name in self._versions:
                self._removed.setdefault(name)
            for forgotten in list(self._removed)[:-KEPT_REMOVED]:
                del self._removed[forgotten], self._versions[forgotten]

    def current(self) -> Mapping[str, Mapping[str, Any]]:
        """The newest version of each record that is in use, by name."""
        with self._lock:
            return {name: all_[max(all_)] for name, all_ in self._versions.items() if name not in self._removed}

    def versions(self, name: str) -> Mapping[int, Mapping[str, Any]]:
        """The kept versions of a record by their numbers, oldest first."""
        with self._lock:
            return dict(self._versions.get(name, {}))
