"""Put plugins in the place of others between two ticks, or leave everything as it was."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import attrs

from vmon_core.errors import PluginError
from vmon_core.host.guarded import guarded
from vmon_core.host.loaded import LoadedPlugin
from vmon_core.host.say import Say
from vmon_core.host.scheduler import Scheduler
from vmon_core.records import Severity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmon_core.host.plugin_host import PluginHost

STEP_SECONDS = 2.0
"""Seconds that a plugin may take for each step of a swap: the judgement of all frames waits for it."""


@attrs.frozen(kw_only=True)
class Surroundings:
    """What a swap needs of the monitor.

    Attributes:
        between_ticks: does a job on the pipeline's thread.
        scheduler: tells the scheduler, None while the monitor does not run.
        say: tells people.
    """

    between_ticks: Callable[[Callable[[], Any]], Any]
    scheduler: Callable[[], Scheduler | None]
    say: Say


@attrs.frozen(kw_only=True)
class Plan:
    """What to put in the place of what.

    Attributes:
        order: all plugins that are used afterwards.
        leaving: those in use that are not used afterwards, in the order of their starts.
        restarting: those that depend on them, in the order of their starts.
        coming: the new ones, in the order of their starts.
    """

    order: tuple[LoadedPlugin, ...]
    leaving: tuple[LoadedPlugin, ...] = ()
    restarting: tuple[LoadedPlugin, ...] = ()
    coming: tuple[LoadedPlugin, ...] = ()


class Swap:
    """Carries a plan out.

    The old plugins' collectors are held first, and what they have begun is finished. Then, between two ticks, the old
    version hands over its state and is stopped, and the new one takes over; meanwhile frames wait in their queue and
    all other collectors go on.

    Args:
        host: holds the plugins.
        around: the monitor.
        plan: what to do.
    """

    def __init__(self, host: PluginHost, around: Surroundings, plan: Plan) -> None:
        self._host = host
        self._around = around
        self._plan = plan
        self._scheduler = around.scheduler()
        self._stopping = tuple(p for p in host.plugins if p in plan.leaving or p in plan.restarting)
        self._starting = tuple(p for p in plan.order if p in plan.coming or p in plan.restarting)

    def run(self) -> None:
        """Carry it out.

        Raises:
            PluginError: a step failed; the old plugins are at work again.
        """
        held = {plugin.info.name for plugin in self._stopping}
        if self._scheduler is not None:
            self._scheduler.hold(held)
        try:
            self._around.between_ticks(self._exchange)
        finally:
            if self._scheduler is not None:
                self._scheduler.release(held)
        for plugin in self._plan.leaving:
            for implementation in plugin.implementations:
                implementation.health.shut_out("replaced")  # a thread of the user's may be about to call it
            self._host.dismiss(plugin)

    def _exchange(self) -> None:
        states = self._states()
        for plugin in reversed(self._stopping):
            self._host.end(plugin, STEP_SECONDS)
        try:
            for plugin in self._starting:
                self._begin(plugin, states.get(plugin.info.name) if plugin in self._plan.coming else None)
        except PluginError:
            self._go_back()
            raise
        self._host.arrange(self._plan.order)
        if self._scheduler is not None:
            collectors = [i for plugin in self._plan.coming for i in plugin.of("vmon_collect")]
            self._scheduler.exchange({plugin.info.name for plugin in self._plan.leaving}, collectors)

    def _states(self) -> dict[str, Any]:
        """What the plugins that are replaced hand over, by their names."""
        successors = {plugin.info.name for plugin in self._plan.coming}
        replaced = [plugin for plugin in self._plan.leaving if plugin.info.name in successors]
        return {plugin.info.name: self._state(plugin) for plugin in replaced}

    def _state(self, plugin: LoadedPlugin) -> Any:  # noqa: ANN401 (plain data)
        """What a plugin hands over; None when it has nothing, or is out of service as a crashed child is."""
        doing = f"handing over the state of {_label(plugin)}"
        for hook in plugin.of("vmon_state"):
            if hook.health.quarantined:
                text = f"{_label(plugin)} is replaced without its state: {hook.health.last_error}"
                self._around.say(Severity.WARNING, "plugins", text, plugin=plugin.info.name)
                return None
            return guarded(partial(_plain_state, hook.function), doing, self._around.say, STEP_SECONDS)
        return None

    def _restore(self, plugin: LoadedPlugin, state: Any) -> None:  # noqa: ANN401 (plain data)
        doing = f"taking over the state by {_label(plugin)}"
        for hook in plugin.of("vmon_restore"):
            call = partial(hook.function, *([state] if hook.names else []))
            guarded(call, doing, self._around.say, STEP_SECONDS)

    def _begin(self, plugin: LoadedPlugin, state: Any) -> None:  # noqa: ANN401 (plain data)
        if state is not None:
            self._restore(plugin, state)
        wrong = self._host.begin(plugin, STEP_SECONDS)
        if wrong:
            msg = f"starting {_label(plugin)} failed: {wrong}"
            raise PluginError(msg)

    def _go_back(self) -> None:
        for plugin in reversed(self._starting):
            self._host.end(plugin, STEP_SECONDS)
        for plugin in self._stopping:
            self._host.begin(plugin, STEP_SECONDS)


def _label(plugin: LoadedPlugin) -> str:
    return f"{plugin.info.name} {plugin.info.version}"


def _plain_state(ask: Callable[[], object]) -> Any:  # noqa: ANN401 (plain data)
    """Ask for a state and copy it, so that nothing of the old version lives on in it.

    Raises:
        PluginError: it is no plain data.
    """
    state = ask()
    try:
        return json.loads(json.dumps(state))
    except (TypeError, ValueError) as error:
        msg = f"vmon_state must return plain data: {error}"
        raise PluginError(msg) from error


def dependants(of: Sequence[LoadedPlugin], among: Sequence[LoadedPlugin]) -> tuple[LoadedPlugin, ...]:
    """The plugins that require a capability of some others, or of one that does."""
    from packaging.requirements import Requirement  # noqa: PLC0415 (only a reload needs it)

    def needs(plugin: LoadedPlugin, other: LoadedPlugin) -> bool:
        wanted = {Requirement(text).name for text in plugin.info.requires}
        return any(capability.name in wanted for capability in other.info.provides)

    found = list(of)
    for plugin in among:  # the order of their starts: who is needed comes first
        if any(needs(plugin, other) for other in found):
            found.append(plugin)
    return tuple(found[len(of) :])
