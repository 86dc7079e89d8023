"""From what is installed to plugins that can be used: each imported, checked and configured by itself, then chosen."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import attrs
from packaging.markers import default_environment

from vmon_core.errors import PluginError
from vmon_core.host import facts
from vmon_core.host.checks import check
from vmon_core.host.child.contract import MEMORY_LIMIT, Order
from vmon_core.host.child.greeting import greet
from vmon_core.host.child.plugin import ChildPlugin, close
from vmon_core.host.declarations import check_name
from vmon_core.host.discovery import installed_version
from vmon_core.host.guarded import guarded
from vmon_core.host.importing import import_plugin
from vmon_core.host.resolution.records import Candidate, Fact, Machine, Member, Reason, Rejection, Report
from vmon_core.host.resolution.resolve import resolve
from vmon_core.host.resolution.screening import pinned, screen
from vmon_core.host.settings import configured
from vmon_core.plugin import HOOK_API, Isolation, PluginInfo

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from vmon_core.config.model import PluginsConfig
    from vmon_core.host.child.contract import Greeting
    from vmon_core.host.loaded import LoadedPlugin
    from vmon_core.host.resolution.records import Resolution
    from vmon_core.host.say import Say


@attrs.frozen(kw_only=True, eq=False)
class Prepared:
    """A plugin that works by itself; whether it fits to the others is another question.

    Attributes:
        member: what the resolution knows of it.
        plugin: the module or object.
        config: its configuration object, None when it takes none.
    """

    member: Member
    plugin: object
    config: Any = None


class Loader:
    """Brings plugins up to the point where a host can use them.

    Args:
        config: what the user wishes.
        say: is told of what is strange, but no reason to reject.
        patience: seconds that each step of a plugin's own code may take.
    """

    def __init__(self, config: PluginsConfig, say: Say, patience: float) -> None:
        self._config = config
        self._say = say
        self._patience = patience

    @cached_property
    def _environment(self) -> Mapping[str, str]:
        return {name: str(value) for name, value in default_environment().items()}

    def obtain_all(self, candidates: Iterable[Candidate]) -> tuple[list[Prepared], list[Rejection]]:
        """Import, check and configure all candidates that nothing speaks against, one after the other.

        Returns:
            Those that work by themselves, and the rejections of the others.
        """
        kept, rejected = screen(candidates, self._config, self._environment, installed_version)
        obtained = [self.obtain(candidate) for candidate in kept]
        failed = [each for each in obtained if isinstance(each, Rejection)]
        return [each for each in obtained if isinstance(each, Prepared)], [*rejected, *failed]

    def admissible(self, candidate: Candidate) -> None:
        """See to it that nothing speaks against importing one candidate, but that it was disabled.

        Raises:
            PluginError: something does: it is blocked, pinned to another version, or lacks what it requires.
        """
        wishes = attrs.evolve(self._config, disabled=())
        for rejection in screen([candidate], wishes, self._environment, installed_version)[1]:
            raise PluginError(". ".join(filter(None, (rejection.reason, rejection.help))))

    def obtain(self, candidate: Candidate) -> Prepared | Rejection:
        """Import, check and configure one candidate.

        Args:
            candidate: what to import; in a child process when the user or the plugin itself wants that.
        """
        if candidate.name in self._config.isolated:
            return self._obtain(candidate, self._order(candidate))
        prepared = self._obtain(candidate)
        if isinstance(prepared, Rejection) or prepared.member.info.isolation is not Isolation.PROCESS:
            return prepared
        try:
            known = greet(prepared.plugin, prepared.member.info)
        except PluginError as error:
            return candidate.rejected(Reason.CONTRACT, str(error))
        return self._obtain(candidate, self._order(candidate, prepared.member.info.memory_limit), known)

    def _order(self, candidate: Candidate, memory_limit: int = MEMORY_LIMIT) -> Order:
        table = self._config.tables.get(candidate.name, {})
        return Order(candidate=candidate, table=table, memory_limit=memory_limit)

    def _obtain(
        self, candidate: Candidate, isolated: Order | None = None, known: Greeting | None = None
    ) -> Prepared | Rejection:
        try:
            plugin = import_plugin(candidate, isolated=isolated, known=known, say=self._say, deadline=self._patience)
        except PluginError as error:
            help_ = f"import {candidate.value.partition(':')[0]} in a Python of this environment shows where"
            return candidate.rejected(Reason.IMPORT, str(error), help_)
        prepared = self.prepare(candidate, plugin)
        if isinstance(prepared, Rejection):
            close(plugin)
        return prepared

    def prepare(self, candidate: Candidate, plugin: object) -> Prepared | Rejection:
        """Check and configure a plugin object.

        Args:
            candidate: where it comes from; its name counts, when it has one.
            plugin: a module or an object with hook implementations.
        """
        try:
            info = guarded(lambda: check(plugin), "asking it who it is", self._say, self._patience)
            if candidate.name:
                info = attrs.evolve(info, name=check_name(candidate.name))
        except PluginError as error:
            return candidate.rejected(Reason.CONTRACT, str(error))
        member = Member(candidate=attrs.evolve(candidate, name=info.name), info=info)
        try:
            config = None if isinstance(plugin, ChildPlugin) else self._configure(info)
        except PluginError as error:
            return member.rejected(Reason.CONFIGURATION, str(error))
        wrong = pinned(member.candidate, candidate.version or info.version, self._config.pins)
        return wrong or Prepared(member=member, plugin=plugin, config=config)

    def _configure(self, info: PluginInfo) -> Any:  # noqa: ANN401 (each plugin has its own class)
        table = self._config.tables.get(info.name, {})
        if info.config is None and not table:
            return None  # nothing of the plugin's would be called, and a thread takes a millisecond
        return guarded(lambda: configured(info, table), "configuring it", self._say, self._patience)

    def choose(
        self, prepared: Sequence[Prepared], loaded: Iterable[LoadedPlugin], dropped: Iterable[Rejection] = ()
    ) -> Resolution:
        """Choose those that fit to each other and to the plugins in use.

        Args:
            prepared: the plugins to choose from.
            loaded: the plugins in use.
            dropped: rejections from before, to explain what is missing.
        """
        in_use = tuple(loaded)
        return resolve(
            (each.member for each in prepared),
            Machine(api=HOOK_API, environment=self._environment, facts=self._facts(prepared, in_use)),
            settled=(each.member for each in in_use),
            preferred={*self._config.required, *self._config.pins},
            dropped=dropped,
        )

    def _facts(self, prepared: Sequence[Prepared], loaded: Sequence[LoadedPlugin]) -> dict[str, Fact]:
        """What is known of the machine; plugins are asked only when somebody wants to know."""
        if not any(each.member.info.needs for each in prepared):
            return {}
        plugins = [(p.info.name, p.plugin) for p in loaded] + [(p.member.name, p.plugin) for p in prepared]
        told = facts.of_plugins(sorted(plugins, key=lambda p: p[0]), self._say, self._patience)
        return {**facts.of_machine(), **told}


def demand(report: Report, required: Iterable[str]) -> None:
    """Insist on the plugins that the user cannot do without.

    Args:
        report: what loading came to.
        required: their names.

    Raises:
        PluginError: one is not loaded; the message says why, and what would help.
    """
    for name in required:
        if name in report.loaded:
            continue
        why = "nothing that is installed announces it"
        for rejection in report.rejected:
            if rejection.name == name:
                why = ". ".join(filter(None, (rejection.reason, *rejection.chain, rejection.help)))
        msg = f"plugin {name!r}, which [plugins] requires, is not loaded: {why}"
        raise PluginError(msg)
