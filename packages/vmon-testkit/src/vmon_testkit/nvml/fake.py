"""A machine with NVIDIA GPUs that are not there: for this process, and for those that it starts."""

from __future__ import annotations

import ctypes
import importlib.util
import mmap
import os
import pickle
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import attrs

from vmon_testkit.nvml.building import SONAME, build, compiler
from vmon_testkit.nvml.layout import EventEntry, Machine
from vmon_testkit.nvml.rendering import NO_INSTANCE, fill, uuid_of
from vmon_testkit.nvml.scenario import Gpu, Scenario

if TYPE_CHECKING:
    from types import TracebackType

XID = 0x8
"""NVML's number for events about an Xid (`nvmlEventTypeXidCriticalError`)."""

FALLEN_OFF_THE_BUS = 79
"""The Xid of a GPU that cannot be reached any more."""


class FakeNvml:
    """GPUs as a scenario describes them, which can change at any time.

    As a context manager it stands behind `pynvml` in this process. A process that is started with `environment` sees
    the same GPUs, and another one that opens the same `folder` can change them too.

    Args:
        scenario: the machine at first.
        compiled: use the C library; without it, a Python object answers, in this process only. None takes what the
            machine has a compiler for.
        folder: that of a fake which another process has made; then the other arguments are not looked at.

    >>> import pynvml
    >>> with FakeNvml() as fake:
    ...     pynvml.nvmlInit()
    ...     fake.change(gpu=0, temperature=95)
    ...     pynvml.nvmlDeviceGetTemperature(pynvml.nvmlDeviceGetHandleByIndex(0), pynvml.NVML_TEMPERATURE_GPU)
    95
    """

    def __init__(
        self, scenario: Scenario | None = None, *, compiled: bool | None = None, folder: Path | None = None
    ) -> None:
        self._owner = folder is None
        self._before: tuple[Any, dict[str, Any]] | None = None
        self.folder = folder or Path(tempfile.mkdtemp(prefix="fake-nvml-"))
        if self._owner:
            (self.folder / "machine").write_bytes(bytes(ctypes.sizeof(Machine)))
        self._open()
        if self._owner:
            self.machine.hang_gpu = -1
            self._set(scenario or Scenario())
            if compiler() is not None if compiled is None else compiled:
                build(self.folder, self.scenario.missing)
        self._compiled = (self.folder / SONAME).exists()

    def _open(self) -> None:
        with (self.folder / "machine").open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), 0)
        self.machine = Machine.from_buffer(self._memory)

    # --- for tests ---

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to find the library.

        Raises:
            RuntimeError: there is no compiled library.
        """
        if not self._compiled:
            msg = "only a compiled library can be found by other processes, and there is no C compiler"
            raise RuntimeError(msg)
        paths = [str(self.folder), os.environ.get("LD_LIBRARY_PATH", "")]
        return {"LD_LIBRARY_PATH": os.pathsep.join(filter(None, paths))}

    @property
    def scenario(self) -> Scenario:
        """The machine as it is now, with what was set through NVML."""
        scenario: Scenario = pickle.loads((self.folder / "scenario").read_bytes())  # noqa: S301 (we wrote it)
        return attrs.evolve(scenario, gpus=tuple(self._with_settings(i, gpu) for i, gpu in enumerate(scenario.gpus)))

    def change(self, gpu: int | None = None, **changes: Any) -> None:  # noqa: ANN401 (any attribute)
        """Change attributes of one GPU, or without `gpu`, of the machine.

        Args:
            gpu: its index.
            **changes: attributes of `Gpu` or `Scenario`; `missing` cannot change.
        """
        scenario = self.scenario
        if gpu is None:
            self._set(attrs.evolve(scenario, **changes))
            return
        gpus = list(scenario.gpus)
        gpus[gpu] = attrs.evolve(gpus[gpu], **changes)
        self._set(attrs.evolve(scenario, gpus=tuple(gpus)))

    def add(self, gpu: int, **more: int) -> None:
        """Let counters of a GPU grow: `fake.add(gpu=2, corrected=1000)` is a storm of ECC errors."""
        now = self.scenario.gpus[gpu]
        self.change(gpu, **{name: getattr(now, name) + amount for name, amount in more.items()})

    def change_link(self, gpu: int, link: int, **changes: Any) -> None:  # noqa: ANN401 (any attribute)
        """Change attributes of one NVLink."""
        links = list(self.scenario.gpus[gpu].links)
        links[link] = attrs.evolve(links[link], **changes)
        self.change(gpu, links=tuple(links))

    def event(self, gpu: int, kind: int, data: int = 0, instance: int | None = None) -> None:
        """Give an event to every event set that waits for its kind.

        Args:
            gpu: the GPU that it is about.
            kind: one of `nvmlEventType…`.
            data: what comes with it.
            instance: the GPU instance, None for the whole GPU.
        """
        entry = EventEntry(gpu, NO_INSTANCE if instance is None else instance, kind, data)
        self.machine.events[self.machine.event_count % len(self.machine.events)] = entry
        self.machine.event_count += 1

    def xid(self, gpu: int, code: int = FALLEN_OFF_THE_BUS, *, lost: bool | None = None) -> None:
        """Report an Xid; after the one of a GPU that fell off the bus, the GPU is lost."""
        self.event(gpu, XID, code)
        if code == FALLEN_OFF_THE_BUS if lost is None else lost:
            self.change(gpu, lost=True)

    def hang(self, function: str, gpu: int | None = None) -> None:
        """From now on calls of this function do not return, until `release`."""
        self.machine.hang_gpu = -1 if gpu is None else gpu
        self.machine.hang = function.encode()

    def release(self) -> None:
        """Let the calls that hang return, and hang no more."""
        self.machine.hang = b""

    @property
    def calls(self) -> int:
        """How many calls there were."""
        return int(self.machine.calls)

    @property
    def hanging(self) -> int:
        """How many calls hang now; one whose process was killed still counts."""
        return int(self.machine.hanging)

    def uuid(self, gpu: int) -> str:
        """The UUID of a GPU."""
        return uuid_of(gpu, self.scenario.gpus[gpu])

    # --- inside ---

    def _set(self, scenario: Scenario) -> None:
        scratch = self.folder / "scenario.new"
        scratch.write_bytes(pickle.dumps(scenario))
        scratch.replace(self.folder / "scenario")
        fill(self.machine, scenario)

    def _with_settings(self, index: int, gpu: Gpu) -> Gpu:
        state = self.machine.gpus[index]
        locked = state.locked_min, state.locked_max
        return attrs.evolve(gpu, power_limit=state.power_limit, locked_clocks=locked)

    def __enter__(self) -> Self:
        if importlib.util.find_spec("pynvml") is not None:
            import pynvml  # noqa: PLC0415 (only some tests have it)

            self._before = (pynvml.nvmlLib, dict(pynvml._nvmlGetFunctionPointer_cache))  # noqa: SLF001 (it has no public name)
            self._put_behind_pynvml(self._library(), {})
        return self

    def _library(self) -> object:
        if self._compiled:
            return ctypes.CDLL(str(self.folder / SONAME))
        from vmon_testkit.nvml.python_library import PythonLibrary  # noqa: PLC0415 (rarely needed)

        return PythonLibrary(self.machine, self.scenario.missing)

    @staticmethod
    def _put_behind_pynvml(library: object, functions: dict[str, Any]) -> None:
        import pynvml  # noqa: PLC0415 (as above)

        pynvml.nvmlLib = library
        pynvml._nvmlGetFunctionPointer_cache.clear()  # noqa: SLF001 (as above)
        pynvml._nvmlGetFunctionPointer_cache.update(functions)  # noqa: SLF001 (as above)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._before is not None:
            self._put_behind_pynvml(*self._before)
        self.close()

    def close(self) -> None:
        """Let go of the memory, and remove the files of a fake of one's own."""
        self.release()
        if self._owner:
            shutil.rmtree(self.folder, ignore_errors=True)
