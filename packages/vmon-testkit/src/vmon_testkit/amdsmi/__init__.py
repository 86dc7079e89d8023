"""A machine with AMD GPUs that are not there: see `FakeAmdSmi`."""

from vmon_testkit.amdsmi.fake import FakeAmdSmi
from vmon_testkit.amdsmi.scenario import AmdGpu, AmdLink, AmdProcess, AmdScenario, Code

__all__ = ["AmdGpu", "AmdLink", "AmdProcess", "AmdScenario", "Code", "FakeAmdSmi"]
