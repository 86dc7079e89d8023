"""Who a plugin is, as both sides need to know it: told by its process, or known before there is one."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

import attrs

from vmon_core.errors import PluginError
from vmon_core.host.checks import implementations
from vmon_core.host.child import values
from vmon_core.host.child.contract import Greeting, Hook

if TYPE_CHECKING:
    from vmon_core.plugin import PluginInfo


def greet(plugin: object, info: PluginInfo) -> Greeting:
    """Describe a plugin.

    Args:
        plugin: the module or object with its hooks.
        info: who it says it is.

    Raises:
        PluginError: one of its hooks works in vmon's own process only.
    """
    functions = dict(implementations(plugin))
    refused = sorted(values.REFUSED & functions.keys())
    if refused:
        msg = f"{', '.join(refused)} must run in vmon's own process; it cannot be isolated in a child process"
        raise PluginError(msg)
    hooks = (
        Hook(name, tuple(inspect.signature(function).parameters), getattr(function, "vmon_schedule", None))
        for name, function in functions.items()
    )
    return Greeting(attrs.evolve(info, config=None), tuple(hooks))
