"""The newest figures of each GPU, as `collect_gpu_metrics` gives them to code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from vmon_core.pipeline.window import Window

FRESH = 60.0
"""Seconds after which a value of a GPU is no longer its present one."""

FIGURES = {
    "temperature": "gpu.temperature",
    "temperature_margin": "gpu.temperature.margin",
    "memory_temperature": "gpu.temperature.memory",
    "utilization": "gpu.utilization",
    "memory_utilization": "gpu.memory.utilization",
    "memory_used_bytes": "gpu.memory.used",
    "memory_free_bytes": "gpu.memory.free",
    "memory_total_bytes": "gpu.memory.total",
    "power_watts": "gpu.power",
    "power_limit_watts": "gpu.power.limit",
    "throttled": "gpu.throttled",
    "health": "gpu.health",
}
"""What code calls a figure, and the metric that has it; of several series of one GPU, such as one for each reason to be
throttled, the highest value counts."""

EXAMPLE: Mapping[str, Any] = {
    "gpu": "0",
    "kind": "nvidia",
    "temperature": 65.0,
    "temperature_margin": 22.0,
    "memory_temperature": 70.0,
    "utilization": 0.5,
    "memory_utilization": 0.3,
    "memory_used_bytes": 40e9,
    "memory_free_bytes": 45e9,
    "memory_total_bytes": 85e9,
    "power_watts": 350.0,
    "power_limit_watts": 700.0,
    "throttled": 0.0,
    "health": 0.0,
}
"""What a trial gets where there is no GPU."""


def newest(window: Window | None, now: float) -> list[dict[str, Any]]:
    """The newest figures of each GPU.

    Args:
        window: the recent past; None when there is none yet.
        now: Unix seconds; what is older than `FRESH` is left out.

    Returns:
        A mapping for each GPU of which anything is known, by vendor and number; a figure that is missing is None.
    """
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for figure, key, value in _values(window, now) if window is not None else ():
        blank = {"gpu": key[1], "kind": key[0] or None, **dict.fromkeys(FIGURES)}
        gpu = found.setdefault(key, blank)
        gpu[figure] = value if gpu[figure] is None else max(value, gpu[figure])
    return [found[key] for key in sorted(found, key=_order)]


def hottest(gpus: list[dict[str, Any]]) -> dict[str, Any]:
    """The one with the highest temperature; one whose temperature is not known counts as coldest."""
    return max(gpus, key=lambda gpu: float("-inf") if gpu["temperature"] is None else gpu["temperature"])


def _values(window: Window, now: float) -> Iterator[tuple[str, tuple[str, str], float]]:
    for figure, name in FIGURES.items():
        for labels in window.label_sets(name):
            told = dict(labels)
            points = window.points(name, labels)
            if points and now - points[-1].time <= FRESH:
                yield figure, (told.get("kind", ""), told.get("gpu", "0")), points[-1].value


def _order(key: tuple[str, str]) -> tuple[str, list[int], str]:
    """By vendor, then by number: 2 before 10, and the instances of a GPU behind it."""
    kind, label = key
    return kind, [int(part) for part in label.split(".") if part.isdecimal()], label
