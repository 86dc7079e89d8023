"""Where plugins are asked for and made: in a running monitor, or in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vmon_core.dynamic import CodePlugins


class Source(Protocol):
    """What the tools need to know of plugins; they do not care who tells."""

    @property
    def live(self) -> bool:
        """Whether a running monitor answers."""

    def loaded(self) -> list[Mapping[str, Any]]:
        """Each plugin in use as plain data."""

    def rejected(self) -> list[Mapping[str, Any]]:
        """Each plugin that is not in use, with the reason and what would help."""

    def code(self) -> CodePlugins:
        """The plugins that come as code strings.

        Raises:
            RefusedError: nothing here runs them.
        """


class Sources(Protocol):
    """Finds the source for one call: a monitor may start or end while an agent is connected."""

    def current(self) -> Source:
        """The running monitor if there is one, else this process.

        Raises:
            VmonError: several monitors run, and nobody said which one is meant.
        """

    def watched(self) -> frozenset[str]:
        """The deployments that running monitors watch."""
