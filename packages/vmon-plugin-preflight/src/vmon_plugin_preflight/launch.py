"""What the rules look at: one launch with everything that is known of it before it begins."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from vmon_core.devices import Device
from vmon_plugin_preflight.command.parse import Parsed
from vmon_plugin_preflight.installation import Installation
from vmon_plugin_preflight.model.subject import Subject

if TYPE_CHECKING:
    from vmon_plugin_preflight.command.arguments import Arguments

DEFAULT_MODEL = "Qwen/Qwen3-0.6B"
"""What `vllm serve` without a model serves."""


class Platform(StrEnum):
    """What vLLM will run on."""

    CPU = "cpu"
    CUDA = "cuda"
    ROCM = "rocm"
    XPU = "xpu"
    UNKNOWN = "unknown"


@attrs.frozen(kw_only=True)
class Launch:
    """One launch.

    Attributes:
        parsed: the command line.
        environment: of the new process, with what `env` in the command adds.
        devices: the accelerators of this machine.
        executable: the program that the command names, "" when a wrapper chooses it.
        installation: the vLLM that the command runs.
        root: where the machine's file system begins; another folder than `/` for tests.
        directory: the working directory.
        network: whether the network may be asked.
    """

    parsed: Parsed
    environment: Mapping[str, str] = attrs.field(factory=dict)
    devices: tuple[Device, ...] = ()
    executable: str = ""
    installation: Installation = attrs.field(factory=Installation)
    root: Path = Path("/")
    directory: Path = Path("/")
    network: bool = False

    @property
    def arguments(self) -> Arguments:
        """What the command line says, with vLLM's defaults."""
        return self.parsed.arguments

    @property
    def model(self) -> str:
        """The model as the command names it: a folder, a file or the id of a repository."""
        named = self.arguments.get("model_tag", str) or self.arguments.get("model", str)
        return named or DEFAULT_MODEL

    @cached_property
    def subject(self) -> Subject:
        """What the model's files tell; they are read when a rule first asks, and once."""
        return Subject(self)

    @property
    def platform(self) -> Platform:
        """What vLLM will run on, by its build, or else by the devices of this machine."""
        if self.installation.build:
            return Platform(self.installation.build)
        kinds = {"nvidia": Platform.CUDA, "amd": Platform.ROCM, "intel": Platform.XPU}
        found = {kinds[d.kind] for d in self.devices if d.kind in kinds}
        return found.pop() if len(found) == 1 else Platform.UNKNOWN

    def path(self, text: str) -> Path:
        """The place of a path that the command, the environment or a rule names.

        >>> from vmon_plugin_preflight.command.parse import parse
        >>> Launch(parsed=parse(["serve", "m"], "0.32.0", Path), root=Path("/captured")).path("/dev/shm").as_posix()
        '/captured/dev/shm'
        """
        absolute = self.directory / text
        return self.root / absolute.relative_to(absolute.anchor)

    def switch(self, name: str) -> bool:
        """Whether a variable is on, as vLLM reads its switches: an integer that is not 0, or a word for yes."""
        return self.environment.get(name, "").strip().lower() in {"1", "true", "yes", "on"}
