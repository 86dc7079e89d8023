"""A machine with AMD GPUs that are not there: for this process, and for those that it starts."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import attrs

from vmon_testkit.amdsmi.scenario import AmdScenario

if TYPE_CHECKING:
    from types import TracebackType

MODULE = Path(__file__).parent / "module"
"""The folder that holds a package `amdsmi`."""

SCENARIO = "VMON_FAKE_AMDSMI"
"""The environment variable that tells the module where the scenario is."""


class FakeAmdSmi:
    """GPUs as a scenario describes them, which can change at any time.

    As a context manager it stands for the module `amdsmi` in this process and in those that this one starts.

    Args:
        scenario: the machine at first.

    Attributes:
        folder: what stands for `/` of the machine; the environment variable `VMON_AMD_ROOT` names it.

    >>> with FakeAmdSmi() as fake:
    ...     import amdsmi
    ...
    ...     amdsmi.amdsmi_init()
    ...     fake.change(gpu=0, uncorrected=3)
    ...     amdsmi.amdsmi_get_gpu_total_ecc_count(amdsmi.amdsmi_get_processor_handles()[0])["uncorrectable_count"]
    3
    """

    def __init__(self, scenario: AmdScenario | None = None) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="fake-amdsmi-"))
        self._before: dict[str, str | None] = {}
        self._scenario = scenario or AmdScenario()
        self._write()

    @property
    def scenario(self) -> AmdScenario:
        """The machine as it is now."""
        return self._scenario

    @property
    def environment(self) -> dict[str, str]:
        """What another process needs to see these GPUs."""
        path = os.pathsep.join(filter(None, (str(MODULE), os.environ.get("PYTHONPATH", ""))))
        return {SCENARIO: str(self.folder / "scenario.json"), "VMON_AMD_ROOT": str(self.folder), "PYTHONPATH": path}

    def change(self, gpu: int | None = None, **changes: Any) -> None:  # noqa: ANN401 (fields of the records)
        """Change one GPU, or the machine.

        Args:
            gpu: its number; None for the machine.
            **changes: new values of fields of `AmdGpu` or `AmdScenario`.
        """
        if gpu is None:
            self._scenario = attrs.evolve(self._scenario, **changes)
        else:
            gpus = list(self._scenario.gpus)
            gpus[gpu] = attrs.evolve(gpus[gpu], **changes)
            self._scenario = attrs.evolve(self._scenario, gpus=tuple(gpus))
        self._write()

    def happen(self, gpu: int, kind: str, message: str = "") -> None:
        """Have the driver report an event, such as `VMFAULT`."""
        self.change(happened=(*self._scenario.happened, (gpu, kind, message)))

    def _write(self) -> None:
        """Put the scenario, and what the kernel shows, where others read it; whole, and at once."""
        driver = self.folder / "sys/module/amdgpu"
        if self._scenario.loaded:
            driver.mkdir(parents=True, exist_ok=True)
        else:
            shutil.rmtree(driver, ignore_errors=True)
        new = self.folder / "new.json"
        new.write_text(json.dumps(attrs.asdict(self._scenario)))
        new.replace(self.folder / "scenario.json")

    def __enter__(self) -> Self:
        self._before = {name: os.environ.get(name) for name in self.environment}
        os.environ.update(self.environment)
        sys.path.insert(0, str(MODULE))
        _forget()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.change(hangs=())  # so that nobody is left in a call
        for name, value in self._before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        sys.path.remove(str(MODULE))
        _forget()
        shutil.rmtree(self.folder, ignore_errors=True)


def _forget() -> None:
    """Have the next import find the module anew."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "amdsmi"]:
        del sys.modules[name]
