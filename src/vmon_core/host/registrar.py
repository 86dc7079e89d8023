"""Hands plugins to pluggy, and reads back what they implement: the one place that touches its manager."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

from vmon_core.errors import PluginError
from vmon_core.hookspecs import SPECS
from vmon_core.host.child.plugin import ChildPlugin, close
from vmon_core.host.dispatch import Implementation
from vmon_core.host.guarded import guarded
from vmon_core.host.loaded import LoadedPlugin
from vmon_core.plugin import PROJECT

if TYPE_CHECKING:
    from vmon_core.host.loading import Prepared
    from vmon_core.host.say import Say


class Registrar:
    """Registers the plugins of one host; of one that is being replaced, both versions at a time.

    Args:
        say: is told what a plugin prints meanwhile.
        patience: seconds that one registration may take.
    """

    def __init__(self, say: Say, patience: float) -> None:
        self._say = say
        self._patience = patience
        self._manager = pluggy.PluginManager(PROJECT)
        for spec in SPECS:
            self._manager.add_hookspecs(spec)

    def enter(self, prepared: Prepared) -> LoadedPlugin:
        """Register a plugin.

        Raises:
            PluginError: pluggy cannot; nothing of it stays registered.
        """
        member, plugin = prepared.member, prepared.plugin
        taken = self._manager.has_plugin(member.name)  # by its old version
        self._register(plugin, f"{member.name} {id(plugin):x}" if taken else member.name)
        found = self._implementations(plugin, member.name)
        loaded = LoadedPlugin(member.candidate, member.info, plugin, prepared.config, found)
        if isinstance(plugin, ChildPlugin):
            plugin.attach(found)
        return loaded

    def leave(self, loaded: LoadedPlugin) -> None:
        """Forget a plugin, and end the process that it has for itself."""
        self._manager.unregister(loaded.plugin)
        close(loaded.plugin)

    def _register(self, plugin: object, name: str) -> None:
        """Register it; pluggy looks at all its attributes, and some may raise after it was noted already."""
        try:
            guarded(lambda: self._manager.register(plugin, name), "registering it", self._say, self._patience)
        except PluginError:
            if self._manager.has_plugin(name):
                self._manager.unregister(name=name)
            raise

    def _implementations(self, plugin: object, name: str) -> list[Implementation]:
        callers = self._manager.get_hookcallers(plugin) or []
        found = [(caller.name, impl) for caller in callers for impl in caller.get_hookimpls() if impl.plugin is plugin]
        return [Implementation(name, hook, impl.function, impl.argnames) for hook, impl in found]
