"""The plugin that a contract is checked on, and how its hooks are called."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from vmon_core.errors import VmonError
from vmon_core.host.aside import DEADLINE as START_DEADLINE
from vmon_core.host.dispatch import DEADLINE
from vmon_core.host.failures import describe
from vmon_core.plugin import PluginInfo
from vmon_core.testing.fakes import FakeHost

if TYPE_CHECKING:
    from vmon_core.records import Target

_DEADLINES = {"vmon_start": START_DEADLINE, "vmon_stop": START_DEADLINE}
_PATIENCE = 5
"""How many times the host's deadline a hook may take here: tests run on busy machines, and only what hangs is wrong."""


def require(holds: object, rule: str, broken: str) -> None:
    """Raise an `AssertionError` that names the rule and what breaks it, unless the rule holds."""
    if not holds:
        msg = f"{rule}: {broken}"
        raise AssertionError(msg)


@attrs.frozen
class Subject:
    """A plugin under test.

    Attributes:
        plugin: the module or object.
        info: what it says about itself.
        hooks: its implementations by the hook's name.
        table: its `[plugins.NAME]` table for this test.
        folder: where it may keep files.
    """

    plugin: object
    info: PluginInfo
    hooks: Mapping[str, Callable[..., Any]]
    table: Mapping[str, Any]
    folder: Path

    def host(self, target: Target) -> FakeHost:
        """A host that watches `target` and knows this plugin's configuration."""
        host = FakeHost(self.folder, [target])
        host.configure(self.info.name, self.info.config, self.table)
        return host

    def call(self, rule: str, hook: str, /, *, deadline: float = 0.0, **arguments: Any) -> Any:  # noqa: ANN401 (what plugins take and return)
        """Call a hook where the plugin implements it; generators and coroutines are run to their end.

        Args:
            rule: what is broken when the call fails.
            hook: the hook's name.
            deadline: seconds that the host gives it, where they are not the usual ones.
            arguments: all arguments of the hook.

        Returns:
            What it returned, an iterator as a list; None where it is not implemented.

        Raises:
            AssertionError: it raised, exited, or was not back after five times the deadline.
        """
        function = self.hooks.get(hook, _nothing)
        wanted = [arguments[name] for name in inspect.signature(function).parameters]
        seconds = _PATIENCE * (deadline or _DEADLINES.get(hook, DEADLINE))
        outcome = _run_aside(lambda: _finished(function(*wanted)), f"contract-{hook}", seconds)
        require(outcome.done(), rule, f"{hook} is not back after {seconds:g} s")
        error = outcome.exception()
        if error is not None:
            msg = f"{rule}: {hook} raises {describe(error)}"
            raise AssertionError(msg) from error
        return outcome.result()

    def declines(self, rule: str, hook: str, /, **arguments: Any) -> bool:  # noqa: ANN401 (likewise)
        """Call a hook and say whether it is not for this plugin: by None, or by a `VmonError` with the reason."""
        try:
            return self.call(rule, hook, **arguments) is None
        except AssertionError as broken:
            if isinstance(broken.__cause__, VmonError):
                return True
            raise


def _nothing() -> None:
    """Stand for a hook that the plugin does not implement."""


def _run_aside(function: Callable[[], Any], name: str, seconds: float) -> Future[Any]:
    """Run in a thread of its own, so that what hangs cannot hang the tests."""
    outcome: Future[Any] = Future()

    def run() -> None:
        try:
            outcome.set_result(function())
        except BaseException as error:  # noqa: BLE001 (a plugin may raise anything, and exit too)
            outcome.set_exception(error)

    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    thread.join(seconds)
    return outcome


def _finished(value: object) -> object:
    """Run what a call left to be run: a coroutine, or a generator, which raises only when it is read."""
    if inspect.iscoroutine(value):
        import asyncio  # noqa: PLC0415 (few plugins have any)

        value = asyncio.run(value)
    return list(value) if inspect.isgenerator(value) else value
