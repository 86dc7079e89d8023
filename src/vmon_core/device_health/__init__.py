"""How well an accelerator is, whatever its vendor: judged from the metrics and events that every vendor's plugin tells.

A plugin hands what it read to a `HealthWatch`, which gives back judgements, events and samples. In vmon's own process
`device_findings` makes findings of them, and `explain_finding` explains those.
"""

from __future__ import annotations

from vmon_core.device_health.explanations import explain_finding
from vmon_core.device_health.findings import device_findings
from vmon_core.device_health.judge import Judgement, judge
from vmon_core.device_health.readings import Readings
from vmon_core.device_health.silence import SilenceWatch
from vmon_core.device_health.symptoms import Symptom
from vmon_core.device_health.watch import DeviceState, HealthWatch

__all__ = [
    "DeviceState",
    "HealthWatch",
    "Judgement",
    "Readings",
    "SilenceWatch",
    "Symptom",
    "device_findings",
    "explain_finding",
    "judge",
]
