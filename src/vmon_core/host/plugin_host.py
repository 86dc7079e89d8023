"""The plugin host: finds plugins, loads them one by one, and keeps them apart."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import attrs

from vmon_core.config.model import PluginsConfig
from vmon_core.errors import PluginError
from vmon_core.host.aside import DEADLINE, call_aside
from vmon_core.host.child.plugin import close
from vmon_core.host.code_host import CodeHost
from vmon_core.host.discovery import discover
from vmon_core.host.dispatch import Dispatcher
from vmon_core.host.dynamic import CodeDesk
from vmon_core.host.folders import plugin_files
from vmon_core.host.hooks import Hooks
from vmon_core.host.loading import Loader, Prepared
from vmon_core.host.registrar import Registrar
from vmon_core.host.resolution.records import Candidate, Reason, Rejection, Report
from vmon_core.host.say import Say, nobody
from vmon_core.plugin import Isolation
from vmon_core.records import Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from vmon_core.host.dispatch import Implementation
    from vmon_core.host.loaded import LoadedPlugin
    from vmon_core.plugin import Host


class PluginHost(CodeHost):
    """Holds the plugins of one monitor.

    Args:
        say: is told of plugins that fail.
        config: which plugins are loaded, and each one's own table; None takes the defaults.
        patience: seconds that a plugin may take for each step of being loaded, to start, and to stop.

    Attributes:
        started: when the plugins were started, Unix seconds; when the host was made, until then.
        dropped: tells how many frames the monitor dropped; set by the monitor.
    """

    def __init__(
        self,
        say: Say = nobody,
        config: PluginsConfig | None = None,
        *,
        patience: float = DEADLINE,
    ) -> None:
        self.report = Report()
        self.started = time.time()
        self.dropped: Callable[[], int] = lambda: 0
        self.dispatcher = Dispatcher(say)
        self.hooks = Hooks(self._find, self._owner, self.dispatcher)
        self.code = CodeDesk(lambda: self._find("vmon_code_plugins"), self.config, self.dispatcher)
        self._say = say
        self._config = config or PluginsConfig()
        self._patience = patience
        self.loader = Loader(self._config, say, patience)
        self._registrar = Registrar(say, patience)
        self._plugins: dict[str, LoadedPlugin] = {}
        self._started: list[LoadedPlugin] = []
        self._make_api: Callable[[LoadedPlugin], Host] | None = None
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
        """Load every plugin, installed or in a folder, that nothing speaks against; the others are in the report.

        In safe mode none is loaded.
        """
        if self._config.safe_mode:
            return self.report
        found = (*discover(), *plugin_files(self._config.folders))
        ready, rejected = self.loader.obtain_all(found)
        obtained = [each.plugin for each in ready]
        while ready:
            chosen = self.loader.choose(ready, self.plugins, rejected)
            rejected += chosen.rejected
            prepared = {each.member.name: each for each in ready}
            ready = self._use_all([prepared[member.name] for member in chosen.order], rejected)
        for plugin in obtained:
            if not any(p.plugin is plugin for p in self.plugins):
                close(plugin)
        self.report = attrs.evolve(self.report, found=found, rejected=tuple(sorted(rejected, key=lambda r: r.name)))
        self._tell(rejected)
        return self.report

    def _use_all(self, order: list[Prepared], rejected: list[Rejection]) -> list[Prepared]:
        """Take plugins into use until one fails after all; what is left then has to be chosen from anew."""
        for index, each in enumerate(order):
            try:
                self.use(each)
            except PluginError as error:
                rejected.append(each.member.rejected(Reason.CONTRACT, str(error)))
                return order[index + 1 :]
        return []

    def _tell(self, rejected: list[Rejection]) -> None:
        """Tell of all rejections but those that the user ordered."""
        for rejection in rejected:
            if rejection.code not in {Reason.DISABLED, Reason.BLOCKED}:
                text = f"plugin {rejection.name} is not loaded: {rejection.reason}"
                self._say(Severity.WARNING, "plugins", text, plugin=rejection.name)

    def register(self, plugin: object, name: str = "") -> LoadedPlugin:
        """Take a plugin object of this process into use; it stays in this process, also when it wants one of its own.

        Args:
            plugin: a module or an object with hook implementations.
            name: overrides the name that it gives itself.

        Returns:
            The plugin in use.

        Raises:
            PluginError: it cannot be used, by itself or beside those that are in use; nothing of it stays registered.
        """
        prepared = self._prepared(plugin, name)
        rejected = self.loader.choose([prepared], self.plugins).rejected
        if rejected:
            raise PluginError("; ".join(filter(None, (rejected[0].reason, rejected[0].help))))
        info = prepared.member.info
        if info.isolation is Isolation.PROCESS:
            text = (
                f"plugin {info.name} wants a process of its own, and is in ours: only an entry point or a file gets one"
            )
            self._say(Severity.WARNING, "plugins", text, plugin=info.name)
        return self.use(prepared)

    def try_alone(self, plugin: object) -> LoadedPlugin:
        """Take a plugin into use without those that it needs, and wherever this is, to look at it by itself.

        Raises:
            PluginError: it cannot be used.
        """
        return self.use(self._prepared(plugin))

    def _prepared(self, plugin: object, name: str = "") -> Prepared:
        prepared = self.loader.prepare(Candidate(name=name), plugin)
        if isinstance(prepared, Rejection):
            raise PluginError(prepared.reason)
        return prepared

    def use(self, prepared: Prepared) -> LoadedPlugin:
        """Take a plugin into use that was prepared and chosen.

        Raises:
            PluginError: pluggy cannot register it; nothing of it stays registered.
        """
        loaded = self.admit(prepared)
        self.arrange([*self.plugins, loaded])
        return loaded

    def admit(self, prepared: Prepared) -> LoadedPlugin:
        """Make a plugin ready to be called, beside those that are in use; `arrange` puts it among them.

        Raises:
            PluginError: pluggy cannot register it; nothing of it stays registered.
        """
        name = next((p.info.name for p in self.plugins if p.plugin is prepared.plugin), None)
        if name is not None:
            msg = f"it is loaded already, under the name {name!r}"
            raise PluginError(msg)
        return self._registrar.enter(prepared)

    def arrange(self, plugins: Iterable[LoadedPlugin]) -> None:
        """Use these plugins and no others, in this order; what was in use before has to be dismissed by itself."""
        self._plugins = {plugin.info.name: plugin for plugin in plugins}
        self._found.clear()
        self.code.close()
        self.report = attrs.evolve(self.report, loaded=tuple(self._plugins))

    def dismiss(self, loaded: LoadedPlugin) -> None:
        """Forget a plugin that is not in use."""
        self._registrar.leave(loaded)

    def unregister(self, name: str) -> None:
        """Take a plugin out of use."""
        loaded = self._plugins[name]
        self.arrange(p for p in self.plugins if p is not loaded)
        self.dismiss(loaded)

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
        self.started = time.time()
        self._make_api = make_api
        for plugin in self.plugins:
            self.begin(plugin, self._patience)

    def begin(self, plugin: LoadedPlugin, patience: float) -> str:
        """Start one plugin, when the others were started.

        Args:
            plugin: which; it need not be in use yet.
            patience: seconds that it may take.

        Returns:
            What went wrong, "" when nothing did.
        """
        if self._make_api is None:
            return ""
        self._started.append(plugin)
        wrong = ""
        for implementation in plugin.of("vmon_start"):
            call_aside(implementation, {"host": self._make_api(plugin)}, self._say, deadline=patience)
            plugin.settle(implementation.health)
            wrong = implementation.health.last_error if implementation.health.in_a_row else ""
        return wrong

    def end(self, plugin: LoadedPlugin, patience: float) -> None:
        """Stop one plugin that was started; it may take `patience` seconds."""
        if plugin in self._started:
            self._started.remove(plugin)
            for implementation in plugin.of("vmon_stop"):
                call_aside(implementation, {}, self._say, deadline=patience)

    def stop(self) -> None:
        """Stop the plugins in reverse order, each of them whatever the others do."""
        self._make_api = None
        while self._started:
            self.end(self._started[-1], self._patience)
