"""Plugins from code strings: finds the plugin that runs them, and hands it what callers say in plain words."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import attrs

from vmon_core.dynamic import OPERATOR, CodeKind, CodePlugin, CodePlugins, CodeRejectedError, Problem
from vmon_core.errors import VmonError
from vmon_core.host.documents import MemoryDocuments

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from vmon_core.dynamic import Documents, GrantedFunction, Trial
    from vmon_core.host.dispatch import Dispatcher, Implementation
    from vmon_core.records import Checkpoint

_WORDS = {"lifecycle_listener": CodeKind.LIFECYCLE, "exporter_transform": CodeKind.EXPORTER}
_OPTIONS = frozenset(attrs.fields_dict(CodePlugin)) - {"name", "kind", "code", "description", "version", "created"}


def code_plugin(name: str, plugin_type: str, execute_code: str, description: str = "", **options: Any) -> CodePlugin:  # noqa: ANN401 (the other fields, each with its own type)
    """Make the record of a code plugin from what a caller says.

    Args:
        name: unique among code plugins.
        plugin_type: a value of `CodeKind`; "lifecycle listener" and "exporter transform" are understood as well.
        execute_code: the body of a function.
        description: one line.
        options: other fields of `CodePlugin`, such as `interval` in seconds.

    Raises:
        CodeRejectedError: there is no such type or option.

    >>> code_plugin("gpu", "lifecycle listener", "return None").kind
    <CodeKind.LIFECYCLE: 'lifecycle'>
    """
    word = str(plugin_type).strip().lower().replace(" ", "_").replace("-", "_")
    kind = _WORDS.get(word) or next((k for k in CodeKind if k.value == word), None)
    if kind is None:
        problem = Problem(message=f"there is no plugin type {plugin_type!r}", help=_listed(CodeKind), code="name")
        raise CodeRejectedError(name, (problem,))
    unknown = sorted(set(options) - _OPTIONS)
    if unknown:
        problem = Problem(message=f"there is no option {unknown[0]!r}", help=_listed(sorted(_OPTIONS)), code="name")
        raise CodeRejectedError(name, (problem,))
    for key in ("interval", "hold_for", "cooldown"):
        if key in options and (isinstance(options[key], bool) or not isinstance(options[key], int | float)):
            problem = Problem(message=f"{key} is {options[key]!r}", help="give seconds as a number", code="type")
            raise CodeRejectedError(name, (problem,))
    for several in ("actions", "functions"):
        if isinstance(options.get(several), list):
            options[several] = tuple(options[several])
    return CodePlugin(name=name, kind=kind, code=execute_code, description=description, **options)


class CodeDesk:
    """Asks the plugin that implements `vmon_code_plugins`, once and when it is first needed.

    Args:
        find: tells the implementations of the hook.
        config: tells the configuration of a plugin by its name.
        dispatcher: makes the calls.

    Attributes:
        documents: gives a plugin its documents by its name; in memory unless a journal keeps them.
    """

    def __init__(
        self, find: Callable[[], Iterable[Implementation]], config: Callable[[str], Any], dispatcher: Dispatcher
    ) -> None:
        self.documents: Callable[[str], Documents] = lambda _owner: MemoryDocuments()
        self._find = find
        self._config = config
        self._dispatcher = dispatcher
        self._runner: CodePlugins | None = None
        self._asked: Implementation | None = None
        self._doubtful = False
        self._kept: dict[str, Documents] = {}
        self._lock = threading.Lock()

    def open(self) -> CodePlugins | None:
        """Whoever runs code plugins; None when no loaded plugin does.

        Raises:
            VmonError: the plugin says why it cannot.
        """
        with self._lock:
            found = list(self._find()) if self._doubtful or self._runner is None else []
            if self._runner is None or (self._doubtful and self._asked not in found):
                self._runner = self._ask(found)
            self._doubtful = False
            return self._runner

    def _ask(self, implementations: Iterable[Implementation]) -> CodePlugins | None:
        for asked in implementations:
            documents = self._kept.setdefault(asked.plugin, self.documents(asked.plugin))
            arguments = {"documents": documents, "config": self._config(asked.plugin)}
            runner = self._dispatcher.ask(asked, arguments, _checked)
            if runner is not None:
                self._asked = asked
                return runner
        return None

    def close(self) -> None:
        """Note that plugins were replaced: when whoever runs code plugins is among them, the next one is asked."""
        self._doubtful = True

    @property
    def runner(self) -> CodePlugins:
        """Whoever runs code plugins.

        Raises:
            VmonError: nobody does.
        """
        runner = self.open()
        if runner is None:
            msg = (
                "no loaded plugin runs code strings: pip install vmon-plugin-sandbox, and let vmon load its plugins, "
                "as create_monitor_with_plugins() and setup_plugin_system() do"
            )
            raise VmonError(msg)
        return runner

    def create(self, plugin: CodePlugin, checkpoint: Checkpoint | None = None) -> CodePlugin:
        """Check a plugin, run it once, and take it into use."""
        return self.runner.create(plugin, checkpoint)

    def attempt(self, plugin: CodePlugin, checkpoint: Checkpoint | None = None) -> Trial:
        """Check a plugin and run it once; nothing is kept."""
        return self.runner.attempt(plugin, checkpoint)

    def remove(self, name: str, owner: str = OPERATOR) -> None:
        """Take a plugin out of use."""
        self.runner.remove(name, owner)

    def back_out(self, name: str, version: int | None = None, owner: str = OPERATOR) -> CodePlugin:
        """Go back to an earlier version."""
        return self.runner.back_out(name, version, owner)

    def describe(self) -> tuple[Mapping[str, Any], ...]:
        """Each code plugin in use; none when nobody runs any."""
        runner = self.open()
        return runner.describe() if runner is not None else ()

    def functions(self) -> tuple[GrantedFunction, ...]:
        """The functions that code may call."""
        return self.runner.functions()


def _listed(words: Iterable[str]) -> str:
    return f"available: {', '.join(words)}"


def _checked(value: object) -> CodePlugins | None:
    if value is None or isinstance(value, CodePlugins):
        return value
    msg = f"it returned {type(value).__name__} where CodePlugins is expected"
    raise TypeError(msg)
