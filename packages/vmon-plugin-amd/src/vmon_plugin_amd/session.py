"""The plugin at work: the driver, a reader for each GPU, their health, and the driver's events."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING

from vmon_core.device_health import HealthWatch
from vmon_plugin_amd.driver import Driver
from vmon_plugin_amd.events import Listener
from vmon_plugin_amd.gpu import GoneError
from vmon_plugin_amd.metrics import KIND
from vmon_plugin_amd.reading import Reader

if TYPE_CHECKING:
    from collections.abc import Callable

    from vmon_core.devices import Device
    from vmon_core.evidence import DeviceEvent, Evidence
    from vmon_core.records import Sample
    from vmon_plugin_amd.config import AMDConfig

COLLECTING_SECONDS = 0.2
"""Seconds that a measurement waits for the driver; the next one looks again."""

KEPT_EVENTS = 1000
"""Events of the driver that are kept for the next call; the oldest are forgotten first."""


class UnavailableError(Exception):
    """The GPUs cannot be read; the text says why."""


class Session:
    """Reads AMD's GPUs.

    Args:
        config: what is read, and how often.
        tell: is told why there is nothing to read.
        alone: nobody collects: events are not wanted, and who asks for the devices wants them judged by one look.
    """

    def __init__(self, config: AMDConfig, tell: Callable[[str], None], *, alone: bool = False) -> None:
        self._config = config
        self._driver = Driver(tell)
        self._alone = alone
        self._listen = config.events and not alone
        self._listener: Listener | None = None
        self._readers: tuple[Reader, ...] = ()
        self._health = HealthWatch(KIND)
        self._events: deque[DeviceEvent] = deque(maxlen=KEPT_EVENTS)
        self._due = 0.0
        self._lock = (
            threading.Lock()
        )  # the library is used by one thread at a time; its events have a call of their own

    def devices(self, patience: float) -> list[Device]:
        """The GPUs as they are now.

        Args:
            patience: seconds to wait for the driver to be opened.

        Raises:
            UnavailableError: the driver that is loaded does not tell any.
        """
        with self._lock:
            readers = self._opened(patience)
            if not readers:
                raise UnavailableError(self._driver.absent or f"AMD's driver did not answer for {patience:.0f} s")
            if self._alone:
                self._measure(time.time())
            return [r.device(self._driver, self._health.judgement(r.gpu.label)) for r in readers]

    def collect(self, now: float) -> list[Evidence | Sample]:
        """Measure all GPUs when it is time to; what their driver reported meanwhile is told at each call.

        Args:
            now: Unix seconds.
        """
        with self._lock:
            if not self._opened(COLLECTING_SECONDS):
                return []
            if now < self._due:
                return self._judge(now, [], measured=False) if self._events else []
            self._due = now + self._config.interval - 0.5  # calls come each second, some milliseconds early or late
            return self._measure(now)

    def close(self) -> None:
        """Let go of the driver."""
        if self._listener is not None:
            self._listener.stop()
        with self._lock:
            self._driver.close()

    def _opened(self, wait: float) -> tuple[Reader, ...]:
        if not self._readers:
            gpus = self._driver.ready(time.monotonic(), wait)
            smi = self._driver.smi
            xgmi = getattr(getattr(smi, "AmdSmiLinkType", None), "AMDSMI_LINK_TYPE_XGMI", None)
            self._readers = tuple(Reader(gpu, self._config, xgmi) for gpu in gpus)
            if gpus and self._listen:
                self._listener = Listener(smi, gpus, self._events.append)
                self._listener.start()
        return self._readers

    def _measure(self, now: float) -> list[Evidence | Sample]:
        try:
            samples = [sample for reader in self._readers for sample in reader.read(now)]
        except GoneError:
            self._begin_anew()
            return []
        return [*samples, *self._judge(now, samples)]

    def _judge(self, now: float, samples: list[Sample], *, measured: bool = True) -> list[Evidence | Sample]:
        events = [self._events.popleft() for _ in range(len(self._events))]
        states = [reader.state() for reader in self._readers]
        return [*events, *self._health.look(now, states, samples, events, measured=measured)]

    def _begin_anew(self) -> None:
        """The driver has gone, with all handles."""
        if self._listener is not None:
            self._listener.stop()
        self._listener = None
        self._readers = ()
        self._driver.failed()
