"""What the granted functions do: they read what vmon holds in memory, and change nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vmon_plugin_sandbox.gpus import EXAMPLE, hottest, newest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from vmon_plugin_sandbox.view import View

LONGEST = 600.0
"""Seconds that a window holds."""

MOST_NAMES = 500


class NoDataError(LookupError):
    """There is nothing to read; the code is not to blame."""


class Functions:
    """The functions for one run.

    Args:
        view: what they read.
        trial: a missing figure is replaced by an example.

    Attributes:
        no_data: a function had nothing to read.
        examples: a function answered with examples.
    """

    def __init__(self, view: View, *, trial: bool = False) -> None:
        self.no_data = False
        self.examples = False
        self._view = view
        self._trial = trial

    def of(self, names: Iterable[str]) -> dict[str, Callable[..., object]]:
        """The functions of these names."""
        return {name: getattr(self, name) for name in names}

    def collect_gpu_metrics(self) -> dict[str, Any]:
        """See `granted`."""
        gpus = newest(self._view.window, self.now())
        if not gpus and not self._trial:
            self.no_data = True
            raise NoDataError
        if not gpus:
            self.examples = True
            gpus = [dict(EXAMPLE)]
        return {**hottest(gpus), "gpus": gpus}

    def get_metric(self, name: str) -> float | None:
        """See `granted`."""
        latest = self._view.window.latest(name) if self._view.window is not None else None
        return latest if latest is not None else self._view.metrics.get(name)

    def metric_rate(self, name: str, seconds: float = 60.0) -> float | None:
        """See `granted`."""
        within = min(max(float(seconds), 1.0), LONGEST)
        growth = self._view.window.increase(name, within) if self._view.window is not None else None
        return growth / within if growth is not None else None

    def get_state(self) -> str:
        """See `granted`."""
        return self._view.checkpoint.state.value

    def list_metrics(self, prefix: str = "") -> list[str]:
        """See `granted`."""
        return sorted(name for name in self._view.metrics if name.startswith(prefix))[:MOST_NAMES]

    def now(self) -> float:
        """See `granted`."""
        return self._view.checkpoint.time
