"""The way to NVML: opened by a thread of its own, since a driver may take long for it, hang, or not be there."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import pynvml

from vmon_plugin_nvidia.gpu import GoneError, Gpu, LostError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LOOK_SECONDS = 300.0
"""Seconds between two looks for a driver where there is none: one may be loaded later."""

RELOAD_SECONDS = 10.0
"""The same where there was one, which is probably being reloaded."""

PATIENCE = 60.0
"""Seconds that a driver may take to open: it wakes up eight GPUs in about ten when nobody used them before."""

MOMENT = 0.05
"""Seconds to wait for a driver that has been waited for before."""

_ABSENT = {
    pynvml.NVML_ERROR_LIBRARY_NOT_FOUND: "there is no NVIDIA driver on this machine (libnvidia-ml.so.1 is not found)",
    pynvml.NVML_ERROR_DRIVER_NOT_LOADED: "NVIDIA's driver is not loaded",
    pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH: "NVIDIA's library and loaded driver are of different versions, as after "
    "an upgrade without a reboot",
    pynvml.NVML_ERROR_NO_PERMISSION: "NVIDIA's driver may not be used by this user",
}
"""Why NVML cannot be opened, in words."""

_NO_GPUS = "NVIDIA's driver has no GPUs"

_NONE = frozenset(
    {_NO_GPUS, _ABSENT[pynvml.NVML_ERROR_LIBRARY_NOT_FOUND], _ABSENT[pynvml.NVML_ERROR_DRIVER_NOT_LOADED]}
)
"""Reasons which say that there are no GPUs to be used; with any other one there may be some."""


class Driver:
    """NVML and the GPUs behind it.

    Args:
        tell: is told once why there are no GPUs, and when there are some after all.

    Attributes:
        gpus: those that there are; empty while it is not open.
        version, cuda: of the driver, and the newest that it supports; "" while unknown.
        opened: how often it was opened; whoever registers something with NVML does so anew when it changes.
        absent: why there are no GPUs, "" while there are, or nobody knows yet.
    """

    def __init__(self, tell: Callable[[str], None] = lambda _: None) -> None:
        self.gpus: tuple[Gpu, ...] = ()
        self.version = ""
        self.cuda = ""
        self.opened = 0
        self.absent = ""
        self._tell = tell
        self._told = ""
        self._due = float("-inf")
        self._began = 0.0
        self._thread: threading.Thread | None = None
        self._beginning = threading.Lock()

    @property
    def unclear(self) -> str:
        """Why nobody knows whether there are GPUs; "" where there are, or where it is known that there are none."""
        if self.gpus or self.absent in _NONE:
            return ""
        return self.absent or "NVIDIA's driver has given no answer yet"

    def ready(self, now: float, wait: float = 0.2) -> tuple[Gpu, ...]:
        """Give the GPUs, and open the driver when it is time to.

        Args:
            now: the present, in seconds of any clock.
            wait: seconds after the beginning of an attempt for which it is waited for: whoever asks later, and all who
                ask while it hangs, wait for a moment only.
        """
        if not self.gpus:
            with self._beginning:  # measuring and telling the devices are threads of their own
                if self._thread is None and now >= self._due:
                    self._begin(now)
            self._await(now, wait)
        return self.gpus

    def recount(self) -> None:
        """Look whether there are as many GPUs as when it was opened.

        Raises:
            GoneError: there are not, so it has to be opened anew.
        """
        try:
            count = pynvml.nvmlDeviceGetCount()
        except pynvml.NVMLError:  # the next question shows what is wrong
            return
        if count != len(self.gpus):
            self._tell(f"NVIDIA's driver has {count} GPUs now, and had {len(self.gpus)} before")
            raise GoneError

    def failed(self) -> None:
        """The driver has gone: open it anew at the next look."""
        self._shut()
        self._due = float("-inf")

    def close(self) -> None:
        """Let go of the driver."""
        if self._thread is None:
            self._shut()

    def _begin(self, now: float) -> None:
        self._began, self._due = now, now + (RELOAD_SECONDS if self.opened else LOOK_SECONDS)
        thread = threading.Thread(target=self._open, name="nvml-open", daemon=True)
        thread.start()
        self._thread = thread

    def _await(self, now: float, wait: float) -> None:
        thread = self._thread
        if thread is None:
            return
        thread.join(min(wait, max(MOMENT, self._began + wait - now)))
        if not thread.is_alive():
            self._thread = None
        elif now - self._began > PATIENCE:
            self.absent = f"NVIDIA's driver hangs: nvmlInit has not returned for {PATIENCE:.0f} s"
        self._report()

    def _report(self) -> None:
        """Tell each news once, not each look."""
        news = self.absent or ("there are NVIDIA GPUs now" if self.gpus and self._told else "")
        if news and news != self._told:
            self._tell(news)
        if news or self.gpus:
            self._told = self.absent

    def _open(self) -> None:
        try:
            pynvml.nvmlInit()
        except pynvml.NVMLError as error:
            self.absent = _ABSENT.get(error.value, f"NVML cannot be opened: {error}")
            return
        try:
            self._look_around()
        except (pynvml.NVMLError, GoneError) as error:
            self.absent = f"NVIDIA's driver does not tell its GPUs: {error}"
        if not self.gpus:
            self._shut()

    def _look_around(self) -> None:
        self.version = _told(pynvml.nvmlSystemGetDriverVersion)
        cuda = int(_told(pynvml.nvmlSystemGetCudaDriverVersion) or 0)
        self.cuda = f"{cuda // 1000}.{cuda % 1000 // 10}" if cuda else ""
        gpus = tuple(_gpu(index) for index in range(pynvml.nvmlDeviceGetCount()))
        self.absent = "" if gpus else _NO_GPUS
        self.opened += 1
        self.gpus = gpus

    def _shut(self) -> None:
        self.gpus = ()
        with suppress(pynvml.NVMLError):  # it may not be open
            pynvml.nvmlShutdown()


def _told(ask: Callable[[], object]) -> str:
    """What the driver says of itself; "" where it says nothing, or rubbish: the GPUs can be read all the same."""
    try:
        return str(ask())
    except (pynvml.NVMLError, UnicodeDecodeError):
        return ""


def _gpu(index: int) -> Gpu:
    gpu = Gpu(index)
    with suppress(LostError):
        find_parts(gpu)
    return gpu


def find_parts(gpu: Gpu) -> None:
    """Look which MIG instances a GPU has; those that stay keep what is known of them.

    Raises:
        LostError: the GPU cannot be reached.
        GoneError: the driver has gone.
    """
    gpu.reach()
    mode = gpu.ask("nvmlDeviceGetMigMode")
    if mode is None:  # it has no MIG, or did not answer this time
        return
    known = {part.facts["uuid"]: part for part in gpu.parts}
    gpu.parts = tuple(known.get(part.facts["uuid"], part) for part in _parts(gpu)) if mode[0] else ()


def _parts(gpu: Gpu) -> Iterator[Gpu]:
    for number in range(gpu.ask("nvmlDeviceGetMaxMigDeviceCount") or 0):
        try:
            handle = pynvml.nvmlDeviceGetMigDeviceHandleByIndex(gpu.handle, number)
        except pynvml.NVMLError:  # a slot that holds none: the next one may hold one
            continue
        part = Gpu(gpu.index, handle, number)
        part.facts["uuid"] = part.ask("nvmlDeviceGetUUID")
        yield part
