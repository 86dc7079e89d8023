"""Evidence: what was observed about a deployment's life, by whom and when."""

from __future__ import annotations

from vmon_core.evidence.actions import ActionTaken, CleanupVerified
from vmon_core.evidence.base import Evidence, Role, Source, kinds
from vmon_core.evidence.devices import DeviceEvent, DeviceJudged, Health, Recovery
from vmon_core.evidence.http import EngineCounted, Probed, RoundTripped
from vmon_core.evidence.log import (
    ApiServersExpected,
    EngineReported,
    FailureCategory,
    FailureSeen,
    MaintenanceChanged,
    PhaseProgressed,
    PhaseReached,
    RequestAnswered,
    RuntimeCompiled,
    SchedulerPaused,
    ServerDescribed,
    ServerStarted,
    SleepChanged,
    StopAcknowledged,
    SuspicionRaised,
)
from vmon_core.evidence.processes import ProcessExited, ProcessGone, ProcessSampled, ProcessSeen

__all__ = [
    "ActionTaken",
    "ApiServersExpected",
    "CleanupVerified",
    "DeviceEvent",
    "DeviceJudged",
    "EngineCounted",
    "EngineReported",
    "Evidence",
    "FailureCategory",
    "FailureSeen",
    "Health",
    "MaintenanceChanged",
    "PhaseProgressed",
    "PhaseReached",
    "Probed",
    "ProcessExited",
    "ProcessGone",
    "ProcessSampled",
    "ProcessSeen",
    "Recovery",
    "RequestAnswered",
    "Role",
    "RoundTripped",
    "RuntimeCompiled",
    "SchedulerPaused",
    "ServerDescribed",
    "ServerStarted",
    "SleepChanged",
    "Source",
    "StopAcknowledged",
    "SuspicionRaised",
    "kinds",
]
