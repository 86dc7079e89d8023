"""The way to AMD's library: opened by a thread of its own, since a driver may take long for it, or hang."""

from __future__ import annotations

import contextlib
import importlib
import threading
from typing import TYPE_CHECKING, Any

from vmon_plugin_amd.gpu import Gpu, Status
from vmon_plugin_amd.values import text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

RETRY_SECONDS = 300.0
"""Seconds between two attempts to open the library where that failed."""

_WHY: Mapping[object, str] = {
    Status.DRIVER_NOT_LOADED: "the amdgpu driver is not loaded",
    Status.NO_PERM: "this user may not use AMD's driver: it takes membership of the groups render and video",
}


class Driver:
    """The library and the GPUs behind it.

    Args:
        tell: is told why there are no GPUs, once for each reason.

    Attributes:
        gpus: those that there are; empty while it is not open.
        version: of the driver.
        runtime: of ROCm.
        absent: why there are no GPUs; "" while there are, or nobody knows yet.
        smi: the module `amdsmi`, None until it was imported.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self.gpus: tuple[Gpu, ...] = ()
        self.version = ""
        self.runtime = ""
        self.absent = ""
        self.smi: Any = None
        self._tell = tell
        self._due = float("-inf")
        self._thread: threading.Thread | None = None

    def ready(self, now: float, wait: float) -> tuple[Gpu, ...]:
        """Give the GPUs, and open the library when it is time to.

        Args:
            now: the present, in seconds of any clock.
            wait: seconds to wait for it at most.
        """
        if self.gpus:
            return self.gpus
        if self._thread is None and now >= self._due:
            self._due = now + RETRY_SECONDS
            self._thread = threading.Thread(target=self._open, name="amdsmi-open", daemon=True)
            self._thread.start()
        if self._thread is not None:
            self._thread.join(wait)
            self._thread = self._thread if self._thread.is_alive() else None
        return self.gpus

    def failed(self) -> None:
        """The driver has gone: open the library anew at the next look."""
        self.close()
        self._due = float("-inf")

    def close(self) -> None:
        """Let go of the library."""
        opened, self.gpus = bool(self.gpus), ()
        if opened:
            with contextlib.suppress(self.smi.AmdSmiException):  # the driver has gone already
                self.smi.amdsmi_shut_down()

    def _open(self) -> None:
        try:
            self._look_around()
            why = "" if self.gpus else "AMD's driver has no GPUs"
        except Exception as error:  # noqa: BLE001 (without ROCm's libraries importing amdsmi fails in many ways)
            why = _WHY.get(
                getattr(error, "err_code", None), f"AMD's library cannot be opened (is ROCm installed?): {_said(error)}"
            )
        if why and why != self.absent:
            self._tell(why)
        self.absent = why

    def _look_around(self) -> None:
        self.smi = smi = importlib.import_module("amdsmi")
        smi.amdsmi_init(smi.AmdSmiInitFlags.INIT_AMD_GPUS)
        gpus = tuple(Gpu(smi, index, handle) for index, handle in enumerate(smi.amdsmi_get_processor_handles()))
        self.version = next(filter(None, map(_version, gpus)), "")
        self.runtime = _rocm(smi)
        self.gpus = gpus


def _version(gpu: Gpu) -> str:
    told = gpu.once("amdsmi_get_gpu_driver_info")
    return text(told.get("driver_version")) if isinstance(told, dict) else ""


def _rocm(smi: Any) -> str:  # noqa: ANN401 (a module without types)
    """ROCm's version, which the `amdsmi` of ROCm 6.3 does not tell."""
    ask = getattr(smi, "amdsmi_get_rocm_version", None)
    known, version = ask() if ask is not None else (False, "")
    return text(version) if known else ""


def _said(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())
