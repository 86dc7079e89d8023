"""The plugin object that stands in vmon's process for one in a child process: its hooks look like any other's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vmon_core.host.child import values
from vmon_core.host.child.keeper import START_SECONDS, Keeper
from vmon_core.host.child.windows import Reporter
from vmon_core.host.dispatch import DEADLINE
from vmon_core.host.failures import RemoteError
from vmon_core.host.say import Say, nobody
from vmon_core.host.scheduler import DEFAULT
from vmon_core.plugin import every, hookimpl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from vmon_core.host.child.contract import Greeting, Hook, Order
    from vmon_core.host.dispatch import Implementation
    from vmon_core.plugin import Host, PluginInfo

CALL_SECONDS = 0.75 * DEADLINE
"""Seconds for a call: the process is killed before the watchdog gives up the pipeline's thread."""

DEVICES_SECONDS = START_SECONDS
"""Seconds for `vmon_devices`, which the pipeline never waits for: a driver may have to wake up its devices first."""

MARGIN = 1.0
"""Seconds that the scheduler waits longer than we do, so that a hanging collector is killed and not left behind."""

OURS = frozenset({"vmon_plugin_info", "vmon_start", "vmon_stop"})
"""Hooks that are methods here, since they begin and end the process."""

_STAND_INS: Mapping[str, Callable[[Callable[..., Any]], Callable[..., Any]]] = {
    "vmon_facts": lambda ask: lambda: ask(),  # noqa: PLW0108 (pluggy looks at the arguments of the function itself)
    "vmon_state": lambda ask: lambda: ask(),  # noqa: PLW0108 (as above)
    "vmon_restore": lambda ask: lambda state: ask(state=state),
    "vmon_targets": lambda ask: lambda: ask(),  # noqa: PLW0108 (as above)
    "vmon_devices": lambda ask: lambda: ask(),  # noqa: PLW0108 (as above)
    "vmon_check": lambda ask: lambda launch, devices: ask(launch=launch, devices=devices),
    "vmon_diagnose": lambda ask: lambda target, devices: ask(target=target, devices=devices),
    "vmon_explain": lambda ask: lambda code: ask(code=code),
    "vmon_collect": lambda ask: lambda tick: ask(tick=tick),
    "vmon_lifecycle": lambda ask: lambda change: ask(change=change),
    "vmon_analyze": lambda ask: lambda window: ask(window=window),
    "vmon_guardrail": lambda ask: lambda checkpoint: ask(checkpoint=checkpoint),
    "vmon_review": lambda ask: lambda action, checkpoint: ask(action=action, checkpoint=checkpoint),
    "vmon_intervene": lambda ask: lambda action: ask(action=action),
    "vmon_export": lambda ask: lambda frame: ask(frame=frame),
}
"""For each hook, a function with all its arguments: pluggy takes their names from the code itself."""


def close(plugin: object) -> None:
    """End the process of a plugin that has one."""
    if isinstance(plugin, ChildPlugin):
        plugin.close()


class ChildPlugin:
    """A plugin in a child process.

    The process starts at once, or where the plugin is `known` already, when it is first asked something. It ends with
    `vmon_stop`, with `close`, or with vmon itself.

    Args:
        order: which plugin, and its configuration.
        say: is told when the process ends by itself.
        patience: seconds that the import may take.
        known: who the plugin is, None when only its process can tell.

    Raises:
        RemoteError: it could not be loaded; the text says why.
    """

    def __init__(
        self,
        order: Order,
        say: Say = nobody,
        *,
        patience: float = START_SECONDS,
        known: Greeting | None = None,
    ) -> None:
        self._keeper = Keeper(order, say, patience=patience, known=known)
        self._keeper.on_down, self._keeper.on_up = self._down, self._up
        self._implementations: tuple[Implementation, ...] = ()
        self._reporter = Reporter()
        greeting = known or self._keeper.open()
        self._info = greeting.info
        for hook in greeting.hooks:
            if hook.name not in OURS:
                setattr(self, hook.name, self._stand_in(hook))

    @hookimpl
    def vmon_plugin_info(self) -> PluginInfo:
        """Say who the plugin is; it was asked when it was loaded."""
        return self._info

    @hookimpl
    def vmon_start(self, host: Host) -> None:
        """Start the plugin, and its process when it was stopped before."""
        if not self._keeper.is_open:
            self._keeper.open()
        self._keeper.start(host)

    @hookimpl
    def vmon_stop(self) -> None:
        """Stop the plugin and end its process; its other hooks are out of service from now on."""
        self._down("it was stopped")
        self._keeper.stop()

    @property
    def restarts(self) -> int:
        """How often the process was started again."""
        return self._keeper.restarts

    def attach(self, implementations: Iterable[Implementation]) -> None:
        """Take these out of service while the process is down."""
        self._implementations = tuple(i for i in implementations if i.hook not in OURS)

    def close(self) -> None:
        """End the process."""
        self._down("it was stopped")
        self._keeper.close()

    def describe(self) -> dict[str, Any]:
        """How the process fares, as plain data."""
        keeper = self._keeper
        return {
            "isolation": "process",
            "pid": keeper.pid,
            "restarts": keeper.restarts,
            "last_exit": keeper.last_exit,
            "output": keeper.output,
            "last_output": keeper.last_output,
        }

    def _stand_in(self, hook: Hook) -> Callable[..., Any]:
        """Make an implementation with the same schedule that asks the process."""
        collects = hook.name == "vmon_collect"
        schedule = hook.schedule or DEFAULT
        patience = DEVICES_SECONDS if hook.name == "vmon_devices" else CALL_SECONDS
        seconds = schedule.timeout if collects else patience
        call = _STAND_INS[hook.name](lambda **given: self._ask(hook, given, seconds))
        if collects:
            call = every(schedule.interval, timeout=schedule.timeout + MARGIN)(call)
        return hookimpl(call)

    def _ask(self, hook: Hook, given: Mapping[str, Any], seconds: float) -> Any:  # noqa: ANN401 (what the hook returns)
        absent = self._keeper.absent
        if absent:
            return values.nothing(hook.name, absent)
        try:
            arguments = {name: self._plain(name, given[name]) for name in hook.arguments}
            return values.result(hook.name, self._keeper.ask(hook.name, arguments, seconds))
        except RemoteError:
            self._reporter = Reporter()  # nobody knows whether the copy of the window was brought up to date
            raise

    def _plain(self, name: str, value: Any) -> Any:  # noqa: ANN401 (plain data)
        return values.plain(self._reporter.news(value) if name == "window" else value)

    def _down(self, why: str) -> None:
        for implementation in self._implementations:
            implementation.health.shut_out(why)

    def _up(self) -> None:
        self._reporter = Reporter()
        for implementation in self._implementations:
            implementation.health.readmit()
