"""The plugin host: finds plugins, loads them one by one, and keeps them apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import attrs
import pluggy

from vmon_core.config.model import PluginsConfig
from vmon_core.hookspecs import SPECS
from vmon_core.host import aside
from vmon_core.host.aside import call_aside
from vmon_core.host.checks import PluginError, check, check_name
from vmon_core.host.discovery import Candidate, Rejection, discover, reject, sift
from vmon_core.host.dispatch import Dispatcher, Implementation
from vmon_core.host.failures import describe, is_interrupt
from vmon_core.host.hooks import Hooks
from vmon_core.host.say import Say, nobody
from vmon_core.host.settings import settings
from vmon_core.plugin import PROJECT, PluginInfo
from vmon_core.records import Severity

if TYPE_CHECKING:
    from collections.abc import Callable

    from vmon_core.host.health import Health
    from vmon_core.plugin import Host

_T = TypeVar("_T")


@attrs.define(eq=False)
class LoadedPlugin:
    """A plugin in use.

    Attributes:
        info: what it says about itself.
        plugin: the module or object.
        origin: the distribution that it came from, or "this process".
        config: its configuration object, None when it takes none.
        implementations: its hook implementations, with how each fares.
    """

    info: PluginInfo
    plugin: object
    origin: str
    config: Any = None
    implementations: list[Implementation] = attrs.field(factory=list)

    def settle(self, start: Health) -> None:
        """Call the plugin's hooks only when it could be started; one that is still starting may just be slow."""
        for implementation in self.implementations:
            if start.stuck or implementation.hook in {"vmon_start", "vmon_stop"}:
                continue
            if start.in_a_row:
                implementation.health.shut_out(f"not started: {start.last_error}")
            else:
                implementation.health.readmit()

    def describe(self) -> dict[str, Any]:
        """The plugin as plain data."""
        return {
            "name": self.info.name,
            "version": self.info.version,
            "summary": self.info.summary,
            "origin": self.origin,
            "hooks": sorted(i.hook for i in self.implementations),
            "actions": {kind: risk.value for kind, risk in self.info.actions.items()},
            "failures": sum(i.health.failures for i in self.implementations),
            "quarantined": any(i.health.quarantined for i in self.implementations),
            "stuck": any(i.health.stuck for i in self.implementations),
        }


@attrs.define
class Report:
    """What loading came to: the names of the loaded plugins, and every rejection."""

    loaded: list[str] = attrs.field(factory=list)
    rejected: list[Rejection] = attrs.field(factory=list)


class PluginHost:
    """Holds the plugins of one monitor.

    Args:
        say: is told of plugins that fail.
        config: which plugins are loaded, and each one's own table; None takes the defaults.
        patience: seconds that a plugin may take to start or to stop.
    """

    def __init__(
        self,
        say: Say = nobody,
        config: PluginsConfig | None = None,
        *,
        patience: float = aside.DEADLINE,
    ) -> None:
        self.report = Report()
        self.dispatcher = Dispatcher(say)
        self.hooks = Hooks(self._find, self._owner, self.dispatcher)
        self._say = say
        self._config = config or PluginsConfig()
        self._patience = patience
        self._manager = pluggy.PluginManager(PROJECT)
        for spec in SPECS:
            self._manager.add_hookspecs(spec)
        self._plugins: dict[str, LoadedPlugin] = {}
        self._started: list[LoadedPlugin] = []
        self._found: dict[str, list[Implementation]] = {}

    # --- what there is ---

    @property
    def plugins(self) -> tuple[LoadedPlugin, ...]:
        """The plugins in use, in the order in which they were loaded."""
        return tuple(self._plugins.values())

    @property
    def collectors(self) -> list[Implementation]:
        """The implementations of `vmon_collect`, which run on schedules of their own."""
        return self._find("vmon_collect")

    def config(self, name: str) -> Any:  # noqa: ANN401 (each plugin has its own class)
        """The configuration object of a plugin.

        Raises:
            PluginError: it is not loaded.
        """
        if name not in self._plugins:
            msg = f"no plugin {name!r} is loaded; see `vmon plugins`"
            raise PluginError(msg)
        return self._plugins[name].config

    # --- loading ---

    def load(self) -> Report:
        """Load every installed plugin that nothing speaks against; the others are in the report, with the reason.

        In safe mode none is loaded.
        """
        if self._config.safe_mode:
            return self.report
        candidates, rejected = sift(discover(), self._config.disabled)
        self.report.rejected += rejected
        for candidate in candidates:
            self._load(candidate)
        return self.report

    def _load(self, candidate: Candidate) -> None:
        try:
            plugin = _guarded(candidate.entry_point.load, f"importing {candidate.value}")
            self.register(plugin, candidate.name, origin=f"{candidate.distribution} {candidate.version}")
        except PluginError as error:
            self._reject(reject(candidate, str(error)))

    def _reject(self, rejection: Rejection) -> None:
        self.report.rejected.append(rejection)
        text = f"plugin {rejection.name} is not loaded: {rejection.reason}"
        self._say(Severity.WARNING, "plugins", text, plugin=rejection.name)

    def register(self, plugin: object, name: str | None = None, *, origin: str = "this process") -> LoadedPlugin:
        """Take a plugin object into use.

        Args:
            plugin: a module or an object with hook implementations.
            name: overrides the name that it gives itself.
            origin: where it came from.

        Returns:
            The plugin in use.

        Raises:
            PluginError: it cannot be used; nothing of it stays registered.
        """
        info = _guarded(lambda: check(plugin), "asking it who it is")
        info = attrs.evolve(info, name=check_name(name)) if name else info
        self._check_conflicts(info, plugin)
        config = self._configure(info)
        self._enter(plugin, info.name)
        loaded = LoadedPlugin(info, plugin, origin, config)
        loaded.implementations = self._implementations(plugin, info.name)
        self._plugins[info.name] = loaded
        self._found.clear()
        self.report.loaded.append(info.name)
        return loaded

    def _enter(self, plugin: object, name: str) -> None:
        """Hand a plugin to pluggy, which looks at all its attributes: some may raise, after it was noted already."""
        try:
            _guarded(lambda: self._manager.register(plugin, name), "registering it")
        except PluginError:
            if self._manager.has_plugin(name):
                self._manager.unregister(name=name)
            raise

    def unregister(self, name: str) -> None:
        """Take a plugin out of use."""
        loaded = self._plugins.pop(name)
        self._manager.unregister(loaded.plugin)
        self.report.loaded.remove(name)
        self._found.clear()

    def _check_conflicts(self, info: PluginInfo, plugin: object) -> None:
        for loaded in self.plugins:
            if loaded.plugin is plugin:
                msg = f"it is loaded already, under the name {loaded.info.name!r}"
                raise PluginError(msg)
        if info.name in self._plugins:
            msg = f"a plugin {info.name!r} is loaded already, from {self._plugins[info.name].origin}"
            raise PluginError(msg)
        for kind in info.actions:
            owner = self._owner(kind)
            if owner is not None:
                msg = f"both {owner!r} and {info.name!r} want to carry out {kind!r}; disable one of them"
                raise PluginError(msg)

    def _configure(self, info: PluginInfo) -> Any:  # noqa: ANN401 (each plugin has its own class)
        table = self._config.tables.get(info.name, {})
        if info.config is None:
            if table:
                msg = f"it takes no configuration, but [plugins.{info.name}] is not empty"
                raise PluginError(msg)
            return None
        try:
            return settings(info.config, table)
        except Exception as error:
            msg = f"[plugins.{info.name}]: {error}"
            raise PluginError(msg) from error

    def _implementations(self, plugin: object, name: str) -> list[Implementation]:
        callers = self._manager.get_hookcallers(plugin) or []
        found = [(caller.name, impl) for caller in callers for impl in caller.get_hookimpls() if impl.plugin is plugin]
        return [Implementation(name, hook, impl.function, impl.argnames) for hook, impl in found]

    # --- calling ---

    def _find(self, hook: str) -> list[Implementation]:
        """The implementations of a hook in the order in which plugins were loaded; remembered until that changes."""
        found = self._found.get(hook)
        if found is None:
            found = [i for p in self._plugins.values() for i in p.implementations if i.hook == hook]
            self._found[hook] = found
        return found

    def _owner(self, kind: str) -> str | None:
        return next((p.info.name for p in self._plugins.values() if kind in p.info.actions), None)

    # --- beginning and end ---

    def start(self, make_api: Callable[[LoadedPlugin], Host]) -> None:
        """Start every plugin; nothing else of one that fails is called, and the others start all the same."""
        for plugin in self.plugins:
            for implementation in plugin.implementations:
                if implementation.hook == "vmon_start":
                    call_aside(implementation, {"host": make_api(plugin)}, self._say, deadline=self._patience)
                    plugin.settle(implementation.health)
            self._started.append(plugin)

    def stop(self) -> None:
        """Stop the plugins in reverse order, each of them whatever the others do."""
        while self._started:
            for implementation in self._started.pop().implementations:
                if implementation.hook == "vmon_stop":
                    call_aside(implementation, {}, self._say, deadline=self._patience)


def _guarded(step: Callable[[], _T], doing: str) -> _T:
    """Do what runs a plugin's code; whatever it raises, and be it an exit, is an error of that plugin."""
    try:
        return step()
    except PluginError:
        raise
    except BaseException as error:
        if is_interrupt(error):
            raise
        msg = f"{doing} failed: {describe(error)}"
        raise PluginError(msg) from error
