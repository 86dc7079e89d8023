"""What the granted functions do: they read what vmon holds in memory, and change nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from vmon_plugin_sandbox.view import View

FRESH = 60.0
"""Seconds after which a value of a GPU is no longer its present one."""

LONGEST = 600.0
"""Seconds that a window holds."""

MOST_NAMES = 500

GPU = {"temperature": "gpu.temperature", "utilization": "gpu.utilization", "memory_used_bytes": "gpu.memory.used"}
"""What code calls a figure, and the metric that has it; its label `gpu` tells which one."""

EXAMPLE: dict[str, Any] = {"temperature": 65.0, "utilization": 0.5, "memory_used_bytes": 40e9, "gpu": "0"}


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
        gpus = self._gpus()
        if not gpus and not self._trial:
            self.no_data = True
            raise NoDataError
        if not gpus:
            self.examples = True
            gpus = [dict(EXAMPLE)]
        hottest = max(gpus, key=_temperature)
        return {**hottest, "gpus": gpus}

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

    def _gpus(self) -> list[dict[str, Any]]:
        """One entry for each GPU; a figure that is missing is None."""
        found: dict[str, dict[str, Any]] = {}
        window = self._view.window
        for figure, name in GPU.items() if window is not None else ():
            for labels in window.label_sets(name) if window is not None else ():
                point = window.points(name, labels)[-1] if window is not None else None
                if point is not None and self.now() - point.time <= FRESH:
                    gpu = dict(labels).get("gpu", "0")
                    found.setdefault(gpu, {**dict.fromkeys(GPU), "gpu": gpu})[figure] = point.value
        return [found[gpu] for gpu in sorted(found)]


def _temperature(gpu: dict[str, Any]) -> float:
    known = gpu["temperature"]
    return float("-inf") if known is None else known
