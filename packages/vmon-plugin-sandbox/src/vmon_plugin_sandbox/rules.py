"""What a code plugin may be called and ask for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from vmon_core.dynamic import OPERATOR, CodeKind, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vmon_core.dynamic import CodePlugin
    from vmon_plugin_sandbox.config import SandboxConfig
    from vmon_plugin_sandbox.registry import Registry

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")
_SHORTEST_COOLDOWN = 1.0
_RESERVED = re.compile(r"(?:vllm|vmon|gpu|system|process|host)[.:]")
_ACTING = (CodeKind.GUARDRAIL, CodeKind.INTERVENTION)


def broken(plugin: CodePlugin, owner: str, config: SandboxConfig, registry: Registry) -> tuple[Problem, ...]:
    """What speaks against a plugin before its code is looked at.

    Args:
        plugin: it.
        owner: who wants it; the operator goes back to versions of others as well.
        config: quotas and grants.
        registry: the plugins that there are.
    """
    return (*_names(plugin, owner, registry), *_quotas(plugin, config, registry), *grants(plugin, config))


def _names(plugin: CodePlugin, owner: str, registry: Registry) -> Iterator[Problem]:
    if not _NAME.fullmatch(plugin.name):
        help_ = "use up to 64 lower case letters, digits, hyphens and underscores, a letter first"
        yield Problem(message=f"{plugin.name[:80]!r} is no name", help=help_, code="name")
    old = registry.get(plugin.name)
    if old is not None:
        yield from foreign(old.plugin, owner)


def foreign(plugin: CodePlugin, owner: str) -> tuple[Problem, ...]:
    """Whether a plugin is somebody else's, and must be left alone."""
    if owner in {OPERATOR, plugin.owner}:
        return ()
    message = f"{plugin.name!r} belongs to {plugin.owner!r}"
    return (Problem(message=message, help="choose another name", code="name"),)


def reserved(plugin: CodePlugin, names: Iterable[str]) -> Iterator[Problem]:
    """Metrics whose names say that vmon, or a plugin with more trust, measured them; they may be missing right now."""
    for name in sorted(names) if plugin.owner != OPERATOR else ():
        if _RESERVED.match(name):
            help_ = f"choose another name, such as {plugin.name}.{name}"
            yield Problem(message=f"the name {name!r} is kept for what vmon measures", help=help_, code="name")


def _quotas(plugin: CodePlugin, config: SandboxConfig, registry: Registry) -> Iterator[Problem]:
    if registry.get(plugin.name) is None:
        help_ = "remove one that is no longer needed"
        if len(registry.entries) >= config.plugins:
            yield Problem(message=f"there are {config.plugins} code plugins already", help=help_, code="quota")
        if registry.owned(plugin.owner) >= config.per_owner:
            message = f"{plugin.owner!r} has {config.per_owner} code plugins already"
            yield Problem(message=message, help=help_, code="quota")
    if not plugin.interval >= config.shortest_interval:
        help_ = f"the shortest one is {config.shortest_interval:g} s"
        yield Problem(message=f"an interval of {plugin.interval:g} s is too short", help=help_, code="quota")
    if plugin.kind in _ACTING and plugin.owner != OPERATOR and plugin.cooldown < _SHORTEST_COOLDOWN:
        help_ = f"the shortest one is {_SHORTEST_COOLDOWN:g} s"
        yield Problem(message=f"a cooldown of {plugin.cooldown:g} s is too short", help=help_, code="quota")


def grants(plugin: CodePlugin, config: SandboxConfig) -> Iterator[Problem]:
    """What a plugin asks for and its owner may not have."""
    for name in plugin.functions or ():
        if name not in config.functions:
            help_ = f"available: {', '.join(config.functions)}"
            yield Problem(message=f"no function {name!r} is granted", help=help_, code="grant")
    if (plugin.kind in _ACTING) != bool(plugin.actions):
        wanted = "needs an action that it may propose" if plugin.kind in _ACTING else "proposes no actions"
        yield Problem(message=f"a plugin of the kind {plugin.kind} {wanted}", help="set `actions`", code="grant")
    for kind in plugin.actions if plugin.owner != OPERATOR else ():
        if kind not in config.actions:
            help_ = f"available: {', '.join(config.actions)}; the operator grants more in [plugins.sandbox] actions"
            yield Problem(message=f"{plugin.owner!r} may not propose {kind!r}", help=help_, code="grant")
