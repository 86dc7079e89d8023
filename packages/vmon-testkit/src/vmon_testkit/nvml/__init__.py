"""A machine with NVIDIA GPUs that are not there, for the real `pynvml`: see `FakeNvml`."""

from vmon_testkit.nvml.building import compiler
from vmon_testkit.nvml.fake import FakeNvml
from vmon_testkit.nvml.scenario import BLANK, Error, Gpu, Instance, Link, Process, RemoteKind, Scenario, dgx

__all__ = [
    "BLANK",
    "Error",
    "FakeNvml",
    "Gpu",
    "Instance",
    "Link",
    "Process",
    "RemoteKind",
    "Scenario",
    "compiler",
    "dgx",
]
