"""Reload, load and unload single plugins of a host that is at work."""

from __future__ import annotations

import threading
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from vmon_core.errors import PluginError
from vmon_core.host.child.plugin import close
from vmon_core.host.discovery import discover
from vmon_core.host.folders import plugin_files
from vmon_core.host.fresh import forget, fresh_package, package_of, preserving
from vmon_core.host.loading import Prepared
from vmon_core.host.reload.swap import Plan, Surroundings, Swap, dependants
from vmon_core.host.resolution.records import Candidate, Rejection
from vmon_core.records import Severity

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from vmon_core.config.model import PluginsConfig
    from vmon_core.host.loaded import LoadedPlugin
    from vmon_core.host.plugin_host import PluginHost


@attrs.frozen(kw_only=True)
class Reloaded:
    """What came of a reload.

    Attributes:
        name: the plugin's name.
        old: its version before, "" when it was not in use.
        new: its version now, "" when it is no longer in use.
        restarted: the plugins that depend on it and were restarted.
    """

    name: str
    old: str = ""
    new: str = ""
    restarted: tuple[str, ...] = ()

    def __str__(self) -> str:
        done = f"{self.name}: version {self.new} took the place of {self.old}"
        if not self.old:
            done = f"{self.name} {self.new} is in use now"
        elif not self.new:
            done = f"{self.name} {self.old} is no longer in use"
        return f"{done}; restarted: {', '.join(self.restarted)}" if self.restarted else done


class Reloader:
    """Changes one plugin at a time; any thread may ask for it but the pipeline's.

    Args:
        host: holds the plugins.
        config: where single-file plugins are looked for, and which plugins are not loaded.
        around: the monitor.
    """

    def __init__(self, host: PluginHost, config: PluginsConfig, around: Surroundings) -> None:
        self._host = host
        self._folders = config.folders
        self._disabled = set(config.disabled)
        self._around = around
        self._one_at_a_time = threading.RLock()

    def reload(self, name: str) -> Reloaded:
        """Put the version of a plugin that its files hold now in the place of the one in use.

        Args:
            name: the plugin's name.

        Returns:
            Which version took the place of which.

        Raises:
            PluginError: it cannot be used; the old version is at work as before.
        """
        with self._one_at_a_time:
            old = self._in_use(name)
            if not old.candidate.value:
                msg = f"plugin {name!r} is an object of the program that vmon runs in: there is no file to reload"
                raise PluginError(msg)
            return self._change(self._candidate(old), old)

    def enable(self, name: str) -> Reloaded:
        """Load a plugin that is installed or lies in a watched folder, also when it was disabled.

        Raises:
            PluginError: there is none of this name, or it cannot be used.
        """
        with self._one_at_a_time:
            if any(plugin.info.name == name for plugin in self._host.plugins):
                msg = f"plugin {name!r} is in use already"
                raise PluginError(msg)
            done = self._change(self._announced(name))
            self._disabled.discard(name)
            return done

    def disable(self, name: str) -> Reloaded:
        """Stop a plugin and forget it; a change of its file does not bring it back.

        Raises:
            PluginError: it is not in use, or another plugin needs it.
        """
        with self._one_at_a_time:
            done = self._unload(self._in_use(name))
            self._disabled.add(name)
            return done

    def subject(self, path: Path) -> Path:
        """What a changed file belongs to: the folder of a package that a plugin in use is from, or just itself."""
        roots = (root for plugin in self._host.plugins for root in _roots(plugin.candidate))
        return next((root for root in roots if path.is_relative_to(root)), path)

    def follow(self, path: Path) -> Reloaded | None:
        """Do what a change asks for: load a plugin, reload it, or unload it.

        Args:
            path: the file of a single-file plugin, or the folder of a package.

        Returns:
            What came of it, None when it concerns no plugin.

        Raises:
            PluginError: it cannot be done; everything is as before.
        """
        with self._one_at_a_time:
            for plugin in self._host.plugins:
                if path in _roots(plugin.candidate):
                    return self.reload(plugin.info.name)
            old = next((p for p in self._host.plugins if p.candidate.path == path), None)
            candidate = next((c for c in plugin_files(self._folders) if c.path == path), None)
            if candidate is not None and candidate.name not in self._disabled:
                return self._change(candidate, old)
            return self._unload(old) if old else None

    # --- which ---

    def _in_use(self, name: str) -> LoadedPlugin:
        for plugin in self._host.plugins:
            if plugin.info.name == name:
                return plugin
        known = ", ".join(plugin.info.name for plugin in self._host.plugins)
        msg = f"no plugin {name!r} is in use; in use are: {known or 'none'}"
        raise PluginError(msg)

    def _announced(self, name: str) -> Candidate:
        found = [each for each in (*discover(), *plugin_files(self._folders)) if each.name == name]
        if len(found) == 1:
            return found[0]
        msg = f"no plugin {name!r} is installed, nor is there a file of this name in a watched folder"
        if found:
            msg = f"several announce the name {name!r}: {', '.join(each.source for each in found)}"
        raise PluginError(msg)

    def _candidate(self, old: LoadedPlugin) -> Candidate:
        """Where a plugin comes from, as its distribution says now: another version may have been installed."""
        if old.candidate.path is not None:
            return old.candidate
        found = [c for c in discover() if (c.name, c.distribution) == (old.info.name, old.candidate.distribution)]
        return found[0] if found else old.candidate

    # --- the change ---

    def _change(self, candidate: Candidate, old: LoadedPlugin | None = None) -> Reloaded:
        """Load what a candidate is now, in the place of its old version if there is one."""
        with preserving(package_of(candidate)):
            plan = self._plan(old, [self._obtain(candidate)])
            self._carry_out(plan)
        return self._told(plan)

    def _unload(self, old: LoadedPlugin) -> Reloaded:
        plan = self._plan(old, [])
        self._carry_out(plan)
        if old.candidate.path is not None:  # of a package, other plugins may be in use
            forget(package_of(old.candidate))
        return self._told(plan)

    def _told(self, plan: Plan) -> Reloaded:
        changed = Reloaded(
            name=(*plan.coming, *plan.leaving)[0].info.name,
            old=plan.leaving[0].info.version if plan.leaving else "",
            new=plan.coming[0].info.version if plan.coming else "",
            restarted=tuple(plugin.info.name for plugin in plan.restarting),
        )
        self._around.say(Severity.INFO, "plugins", str(changed), plugin=changed.name)
        return changed

    def _obtain(self, candidate: Candidate) -> Prepared:
        """Import, check and configure the new version beside the old one, unless something speaks against that."""
        self._host.loader.admissible(candidate)
        if candidate.path is not None:
            return _accepted(self._host.loader.obtain(candidate))
        with fresh_package(package_of(candidate)):
            return _accepted(self._host.loader.obtain(candidate))

    def _plan(self, old: LoadedPlugin | None, new: list[Prepared]) -> Plan:
        """Resolve all plugins anew, as if they were loaded together now."""
        others = tuple(plugin for plugin in self._host.plugins if plugin is not old)
        wanted = [Prepared(member=p.member, plugin=p.plugin, config=p.config) for p in others]
        try:
            order = self._order([*wanted, *new], {each.member.name for each in new})
            coming = tuple(map(self._host.admit, new))
        except PluginError:
            for each in new:
                close(each.plugin)
            raise
        by_name = {plugin.info.name: plugin for plugin in (*others, *coming)}
        return Plan(
            order=tuple(by_name[name] for name in order),
            leaving=(old,) if old else (),
            restarting=dependants((old,), others) if old else (),
            coming=coming,
        )

    def _order(self, wanted: Sequence[Prepared], new: Collection[str]) -> list[str]:
        chosen = self._host.loader.choose(wanted, ())
        if chosen.rejected:
            raise PluginError(_objection(chosen.rejected, new))
        return [member.name for member in chosen.order]

    def _carry_out(self, plan: Plan) -> None:
        try:
            Swap(self._host, self._around, plan).run()
        except BaseException:
            for plugin in plan.coming:
                self._host.dismiss(plugin)
            raise


def _roots(candidate: Candidate) -> list[Path]:
    """The folders of the package that a plugin is from; none for a single-file plugin."""
    if candidate.path is not None or not candidate.value:
        return []
    try:
        spec = find_spec(package_of(candidate))
    except (ImportError, ValueError):  # it was removed, or never was a proper module
        return []
    return [Path(root).resolve() for root in (spec and spec.submodule_search_locations) or ()]


def _accepted(obtained: Prepared | Rejection) -> Prepared:
    if isinstance(obtained, Rejection):
        raise PluginError(obtained.reason)
    return obtained


def _objection(rejected: Iterable[Rejection], new: Collection[str]) -> str:
    """Say what speaks against a change: mostly the first of several rejections is the cause of the others."""
    worst = min(rejected, key=lambda rejection: rejection.name not in new)
    reason = ". ".join(filter(None, (worst.reason, worst.help)))
    return reason if worst.name in new else f"plugin {worst.name!r}, which is in use, would be lost: {reason}"
