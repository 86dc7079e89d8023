"""The samples of one GPU: the first measurement finds out what it supports, and only that is read from then on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vmon_core.device_health.readings import FRESH_SECONDS
from vmon_plugin_nvidia.events.recovery import recovery_of
from vmon_plugin_nvidia.fabric import fabric_state
from vmon_plugin_nvidia.metrics import labels_of, sample
from vmon_plugin_nvidia.readings import CATALOGUE, INSTANCE, THROTTLE_REASONS
from vmon_plugin_nvidia.sources import Field, Fields
from vmon_plugin_nvidia.throughput import Throughput

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmon_core.evidence import Recovery
    from vmon_core.records import Sample
    from vmon_plugin_nvidia.gpu import Gpu

RECOVERY = Field("GET_GPU_RECOVERY_ACTION")
"""What the driver says would help: field 230 of NVML, not to be mistaken for DCGM's field of that number."""


class Telemetry:
    """Measures one GPU or MIG instance.

    Args:
        gpu: which.

    Attributes:
        recovery: what the driver says would help; None where it does not say.
    """

    def __init__(self, gpu: Gpu) -> None:
        self.recovery: Recovery | None = None
        self._recovery_at = float("-inf")
        self._gpu = gpu
        self._whole = gpu.instance is None
        catalogue = CATALOGUE if self._whole else INSTANCE
        self._readings = [(each, labels_of(gpu.label, each.labels)) for each in catalogue]
        told = (RECOVERY,) if self._whole else ()
        self._fields = Fields([*told, *(s for each in catalogue for s in each.sources if isinstance(s, Field))])
        self._throughput = Throughput(gpu)
        self._reasons = {bit: labels_of(gpu.label, (("reason", name),)) for bit, name in THROTTLE_REASONS.items()}

    def samples(self, now: float, *, slow: bool) -> Iterator[Sample]:
        """Measure.

        Args:
            now: the present, Unix seconds.
            slow: read what changes seldom, too.

        Raises:
            LostError: the GPU cannot be reached.
            GoneError: the driver has gone.
        """
        values = self._fields.read(self._gpu)
        if RECOVERY in values or now - self._recovery_at > FRESH_SECONDS:  # a single answer may fail
            self.recovery, self._recovery_at = recovery_of(values.get(RECOVERY)), now
        answers: dict[tuple[Any, ...], Any] = {}
        for reading, labels in self._readings:
            if slow or not reading.slow:
                value = reading.read(self._gpu, values, answers)
                if value is not None:
                    yield sample(reading.metric, value, now, labels)
        if self._whole:
            yield from self._throttled(now)
            yield from self._throughput.samples(now, slow=slow)
            if slow:
                yield from fabric_state(self._gpu, now)

    def _throttled(self, now: float) -> Iterator[Sample]:
        reasons = self._gpu.ask("nvmlDeviceGetCurrentClocksEventReasons")
        if reasons is None:
            reasons = self._gpu.ask("nvmlDeviceGetCurrentClocksThrottleReasons")
        if reasons is not None:
            for bit, labels in self._reasons.items():
                yield sample("gpu.throttled", bool(reasons & bit), now, labels)
