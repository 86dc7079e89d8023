"""What AMD's driver reports by itself: memory faults and resets."""

from __future__ import annotations

import contextlib
import re
import threading
import time
from typing import TYPE_CHECKING, Any

from vmon_core.evidence import DeviceEvent, Recovery
from vmon_plugin_amd.metrics import KIND

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vmon_plugin_amd.gpu import Gpu

WAIT_MS = 500
"""Milliseconds that one wait takes when nothing happens; the end of the thread is noticed in between."""

PAUSE_SECONDS = 0.5
"""Pause after a wait that heard nothing, since it may have failed at once; meanwhile the kernel keeps what happens."""

_NAMES = ("VMFAULT", "GPU_PRE_RESET", "GPU_POST_RESET")
"""Kinds of `AmdSmiEvtNotificationType` that are listened to. Throttling is measured, and the others are everyday."""

_RESETS = {
    "GPU_PRE_RESET": ("reset.begun", Recovery.RESTART_APPLICATION, "the driver resets it, which ends the work on it"),
    "GPU_POST_RESET": ("reset.done", Recovery.NONE, "the driver has reset it"),
}
"""Code, what would help, and sentence."""

_FAULT = re.compile(r"(?P<pid>[0-9a-fA-F]+):(?P<task>.*)")
"""The message of a memory fault: pid in hexadecimal digits, and task name (`KFD_EVENT_FMT_VMFAULT` of Linux)."""


class Listener:
    """Waits for events in a thread of its own.

    Args:
        smi: the module `amdsmi`.
        gpus: whose events.
        hear: is told of each event, in that thread.
    """

    def __init__(self, smi: Any, gpus: Sequence[Gpu], hear: Callable[[DeviceEvent], None]) -> None:  # noqa: ANN401 (a module without types)
        self._smi = smi
        self._gpus = {_key(gpu.handle): gpu for gpu in gpus}
        self._hear = hear
        self._readers: list[Any] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="amdsmi-events", daemon=True)

    def start(self) -> None:
        """Begin to listen: what happens from now on is heard."""
        self._readers = [reader for gpu in self._gpus.values() if (reader := self._reader(gpu)) is not None]
        self._thread.start()

    def stop(self) -> None:
        """Listen no more."""
        self._ended.set()
        self._thread.join(2 * WAIT_MS / 1000)

    def _listen(self) -> None:
        while self._readers and not self._ended.is_set():
            try:
                heard = self._readers[0].read(WAIT_MS)  # one read hears the events of all devices that are listened to
            except self._smi.AmdSmiException:
                self._ended.wait(PAUSE_SECONDS)
                continue
            for each in heard:
                self._tell(each)
        for reader in self._readers:
            with contextlib.suppress(self._smi.AmdSmiException):  # the device is gone, and its reader with it
                reader.stop()

    def _reader(self, gpu: Gpu) -> Any:  # noqa: ANN401 (the library's)
        kinds = [getattr(self._smi.AmdSmiEvtNotificationType, name) for name in _NAMES]
        try:
            return self._smi.AmdSmiEventReader(gpu.handle, kinds)
        except self._smi.AmdSmiException:  # not supported, as for a virtual function, or not permitted
            return None

    def _tell(self, heard: dict[str, Any]) -> None:
        gpu = self._gpus.get(_key(heard.get("processor_handle")))
        device = f"{KIND}:{gpu.label}" if gpu is not None else ""
        event = as_event(str(heard.get("event")), str(heard.get("message") or ""), device, time.time())
        if event is not None:
            self._hear(event)


def as_event(name: str, message: str, device: str, now: float) -> DeviceEvent | None:
    """Put an event of the driver into our words; None for one that is not told.

    >>> as_event("VMFAULT", "1a:python3", "amd:0", 0.0).summary
    'process 26 (python3) used memory that is not mapped'
    """
    if name == "VMFAULT":
        found = _FAULT.search(message)
        pid, task = (int(found["pid"], 16), found["task"].strip()) if found else (None, "")
        who = f"process {pid} ({task})" if pid else "a process"
        summary, code, recovery = f"{who} used memory that is not mapped", "memory_fault", Recovery.RESTART_APPLICATION
        return DeviceEvent(time=now, summary=summary, device=device, code=code, recovery=recovery, pid=pid)
    if name not in _RESETS:
        return None
    code, recovery, summary = _RESETS[name]
    return DeviceEvent(time=now, summary=summary, device=device, code=code, recovery=recovery)


def _key(handle: Any) -> Any:  # noqa: ANN401 (a pointer, which compares by identity only)
    return getattr(handle, "value", handle)
