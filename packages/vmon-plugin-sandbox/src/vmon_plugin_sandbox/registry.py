"""The code plugins in use, with their versions; a plugin is one entry that is swapped as a whole."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import attrs

from vmon_core.dynamic import CodeKind, CodePlugin
from vmon_core.errors import VmonError
from vmon_plugin_sandbox.health import Health

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vmon_core.dynamic import Documents

_RECORD, _STATE = "plugin/", "state/"


@attrs.define(eq=False)
class Entry:
    """One version of a plugin in use.

    Attributes:
        plugin: what it is.
        checked: the sandbox has read it; one that comes from the journal is read before its first run.
        health: how it fares.
        due: when it is to run next, Unix seconds.
        put_off: how often in a row the workers had no time for it.
        busy: it runs now.
        result: its latest answer as the pipeline takes it; None when it is not known.
        at: the time of the moment that the answer is about.
    """

    plugin: CodePlugin
    checked: bool = False
    health: Health = attrs.field(factory=Health)
    due: float = 0.0
    put_off: int = 0
    busy: bool = False
    result: Any = None
    at: float = 0.0


class Registry:
    """Holds the entries, and keeps them in the journal.

    Args:
        documents: where they are kept.

    Attributes:
        unreadable: names in the journal whose records this version does not understand; they are left alone.
    """

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._entries: dict[str, Entry] = {}
        self._lock = threading.RLock()
        self.unreadable: list[str] = []
        self._load()

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All of them."""
        return tuple(self._entries.values())

    def get(self, name: str) -> Entry | None:
        """The entry of this name, None when there is none."""
        return self._entries.get(name)

    def __getitem__(self, name: str) -> Entry:
        entry = self._entries.get(name)
        if entry is None:
            known = ", ".join(sorted(self._entries)) or "none"
            msg = f"there is no code plugin {name!r}; there are: {known}"
            raise VmonError(msg)
        return entry

    def owned(self, owner: str) -> int:
        """How many plugins an owner has."""
        return sum(entry.plugin.owner == owner for entry in self.entries)

    def put(self, plugin: CodePlugin) -> CodePlugin:
        """Keep a new version, and then put it in the place of the old one.

        Returns:
            The plugin with its version.

        Raises:
            VmonError: it could not be kept; the old version goes on.
        """
        with self._lock:
            last = max(self._documents.versions(_RECORD + plugin.name), default=0)
            numbered = attrs.evolve(plugin, version=last + 1)
            version = self._documents.put(_RECORD + plugin.name, attrs.asdict(numbered))
            kept = attrs.evolve(plugin, version=version)
            old = self._entries.get(plugin.name)
            pauses = old.health.pauses if old is not None else 0  # else a replacement would be the way out of them
            self._entries[plugin.name] = Entry(kept, checked=True, health=Health(pauses=pauses))
            return kept

    def remove(self, name: str) -> None:
        """Take a plugin out of use.

        Raises:
            VmonError: there is none, or the journal could not be written.
        """
        with self._lock:
            self[name]
            self._documents.remove(_RECORD + name)
            self._documents.remove(_STATE + name)
            del self._entries[name]

    def version(self, name: str, version: int | None) -> CodePlugin:
        """An earlier version of a plugin, also of one that was removed; the one before when none is named.

        Raises:
            VmonError: there is none.
        """
        versions = self._documents.versions(_RECORD + name)
        wanted = max(versions, default=0) - (name in self._entries) if version is None else version
        if wanted not in versions:
            which = "earlier version" if version is None else f"version {version}"
            kept = f"{min(versions)} to {max(versions)}" if versions else "none"
            msg = f"code plugin {name!r} has no {which}; versions that there are: {kept}"
            raise VmonError(msg)
        return read(versions[wanted])

    def keep_state(self, entry: Entry) -> None:
        """Keep that a plugin pauses or stopped, so that a restart is no way out."""
        health = entry.health
        state = {"disabled": health.disabled, "paused_until": health.paused_until, "pauses": health.pauses}
        with self._lock:
            if self.get(entry.plugin.name) is entry:
                self._documents.put(_STATE + entry.plugin.name, {"version": entry.plugin.version, **state})

    def _load(self) -> None:
        found = self._documents.current()
        for key, body in found.items():
            if not key.startswith(_RECORD):
                continue
            name = key.removeprefix(_RECORD)
            try:
                entry = Entry(read(body))
            except (VmonError, TypeError, ValueError, KeyError):
                self.unreadable.append(name)
                continue
            _resume(entry, found.get(_STATE + name, {}))
            self._entries[name] = entry


def read(body: Mapping[str, Any]) -> CodePlugin:
    """A record as it was kept.

    Raises:
        TypeError, ValueError, KeyError: it cannot be understood.
    """
    functions = body.get("functions")
    return CodePlugin(
        **{
            **body,
            "kind": CodeKind(body["kind"]),
            "actions": tuple(body["actions"]),
            "functions": None if functions is None else tuple(functions),
        }
    )


def _resume(entry: Entry, state: Mapping[str, Any]) -> None:
    if state.get("version") == entry.plugin.version:
        entry.health.disabled = str(state.get("disabled", ""))
        entry.health.paused_until = float(state.get("paused_until", 0.0))
        entry.health.pauses = int(state.get("pauses", 0))
