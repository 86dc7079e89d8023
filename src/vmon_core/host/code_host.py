"""The calls of a plugin host that make, try and remove plugins of code strings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vmon_core.host.dynamic import code_plugin

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vmon_core.dynamic import CodePlugin, Trial
    from vmon_core.host.dynamic import CodeDesk


class CodeHost:
    """The part of `PluginHost` for code strings.

    Attributes:
        code: takes them to the plugin that runs them.
    """

    code: CodeDesk

    def create_plugin(
        self,
        name: str,
        plugin_type: str,
        execute_code: str,
        description: str = "",
        **options: Any,  # noqa: ANN401 (fields of CodePlugin, each with its own type)
    ) -> CodePlugin:
        """Make a plugin of a code string; one of the same name is replaced when the new one is good.

        Args:
            name: unique among code plugins; lower case letters, digits, hyphens and underscores.
            plugin_type: `collector`, `analyzer`, `guardrail`, `lifecycle listener`, `intervention` or
                `exporter transform`.
            execute_code: the body of a function; it answers with `return`.
            description: one line.
            options: other fields of `vmon_core.dynamic.CodePlugin`, such as `interval` in seconds.

        Returns:
            The plugin with its version.

        Raises:
            CodeRejectedError: something is wrong with it; its `problems` say what, and what helps.
            VmonError: no loaded plugin runs code strings.
        """
        return self.code.create(code_plugin(name, plugin_type, execute_code, description, **options))

    def create_guardrail(
        self,
        name: str,
        description: str,
        condition_code: str,
        intervention: str,
        **options: Any,  # noqa: ANN401 (fields of CodePlugin, each with its own type)
    ) -> CodePlugin:
        """Make a guardrail of a code string.

        Args:
            name: unique among code plugins.
            description: what it protects.
            condition_code: the body of a function that finds `checkpoint` and returns True or False.
            intervention: the kind of action to propose while it is true; the gate rules on it.
            options: as for `create_plugin`, such as `hold_for` in seconds.

        Raises:
            CodeRejectedError, VmonError: as for `create_plugin`.
        """
        return self.create_plugin(name, "guardrail", condition_code, description, actions=(intervention,), **options)

    def try_plugin(
        self,
        name: str,
        plugin_type: str,
        execute_code: str,
        description: str = "",
        **options: Any,  # noqa: ANN401 (fields of CodePlugin, each with its own type)
    ) -> Trial:
        """Check a code string and run it once; nothing is kept. The arguments are those of `create_plugin`."""
        return self.code.attempt(code_plugin(name, plugin_type, execute_code, description, **options))

    def remove_plugin(self, name: str) -> None:
        """Take a code plugin out of use; its versions are kept."""
        self.code.remove(name)

    def back_out_plugin(self, name: str, version: int | None = None) -> CodePlugin:
        """Go back to an earlier version of a code plugin, the one before when none is named."""
        return self.code.back_out(name, version)

    def code_plugins(self) -> tuple[Mapping[str, Any], ...]:
        """Each code plugin in use as plain data: its record, how it fares, and what it cost."""
        return self.code.describe()
