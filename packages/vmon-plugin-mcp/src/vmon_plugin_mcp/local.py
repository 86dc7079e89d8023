"""Plugins as this process sees them, for when no monitor runs."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from vmon_core.journal import Journal
from vmon_core.monitor import make_host
from vmon_plugin_mcp.answers import RefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vmon_core.config import Config
    from vmon_core.dynamic import CodePlugins
    from vmon_core.host.plugin_host import PluginHost


class LocalSource:
    """Loads the installed plugins without watching anything.

    Args:
        config: which plugins, and their tables.
    """

    live = False

    def __init__(self, config: Config) -> None:
        self._config = config

    @cached_property
    def _host(self) -> PluginHost:
        host = make_host(self._config)
        host.code.documents = Journal.from_config(self._config).documents
        return host

    def loaded(self) -> list[Mapping[str, Any]]:
        """Each plugin that a monitor would use."""
        return [plugin.describe() for plugin in self._host.plugins]

    def rejected(self) -> list[Mapping[str, Any]]:
        """Each plugin that it would not use, and why."""
        return [rejection.describe() for rejection in self._host.report.rejected]

    def code(self) -> CodePlugins:
        """The plugins from code that the journal keeps."""
        if self._host.code.open() is None:
            raise RefusedError(
                code="no_sandbox",
                message="nothing that is installed here runs plugins from code",
                help="a person has to install the package `vmon-plugin-sandbox`",
            )
        return self._host.code
