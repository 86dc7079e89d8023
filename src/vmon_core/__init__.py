"""vmon: watches a vLLM deployment from its first log line to verified clean-up.

The names below are the public API. They are imported when they are first used, so that `import vmon_core` is quick.

>>> from vmon_core import LifecycleState
>>> LifecycleState.SERVING.stage.value
'running'
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vmon_core.checking import Prediction, check_launch
    from vmon_core.config import Config
    from vmon_core.devices import Device
    from vmon_core.errors import VmonError
    from vmon_core.feedback import Feedback
    from vmon_core.lifecycle.states import LifecycleState, StateTransition
    from vmon_core.lifecycle.tracker import LifecycleTracker
    from vmon_core.monitor import (
        VLLMMonitor,
        create_monitor_with_plugins,
        setup_lifecycle_tracking,
        setup_plugin_system,
    )
    from vmon_core.pipeline.window import Window
    from vmon_core.plugin import Capability, PluginInfo, every, hookimpl
    from vmon_core.records import (
        Action,
        Checkpoint,
        CheckVerdict,
        CompatibilityCheck,
        Finding,
        GuardrailPolicy,
        Outcome,
        Sample,
        Severity,
        Target,
        Verdict,
    )
    from vmon_core.report import LifecycleReport

__all__ = [
    "Action",
    "Capability",
    "CheckVerdict",
    "Checkpoint",
    "CompatibilityCheck",
    "Config",
    "Device",
    "Feedback",
    "Finding",
    "GuardrailPolicy",
    "LifecycleReport",
    "LifecycleState",
    "LifecycleTracker",
    "Outcome",
    "PluginInfo",
    "Prediction",
    "Sample",
    "Severity",
    "StateTransition",
    "Target",
    "VLLMMonitor",
    "Verdict",
    "VmonError",
    "Window",
    "check_launch",
    "create_monitor_with_plugins",
    "every",
    "hookimpl",
    "setup_lifecycle_tracking",
    "setup_plugin_system",
]

_MODULES = {
    "vmon_core.checking": ("Prediction", "check_launch"),
    "vmon_core.config": ("Config",),
    "vmon_core.devices": ("Device",),
    "vmon_core.errors": ("VmonError",),
    "vmon_core.feedback": ("Feedback",),
    "vmon_core.lifecycle.states": ("LifecycleState", "StateTransition"),
    "vmon_core.lifecycle.tracker": ("LifecycleTracker",),
    "vmon_core.monitor": (
        "VLLMMonitor",
        "create_monitor_with_plugins",
        "setup_lifecycle_tracking",
        "setup_plugin_system",
    ),
    "vmon_core.pipeline.window": ("Window",),
    "vmon_core.plugin": ("Capability", "PluginInfo", "every", "hookimpl"),
    "vmon_core.records": (
        "Action",
        "CheckVerdict",
        "Checkpoint",
        "CompatibilityCheck",
        "Finding",
        "GuardrailPolicy",
        "Outcome",
        "Sample",
        "Severity",
        "Target",
        "Verdict",
    ),
    "vmon_core.report": ("LifecycleReport",),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:  # noqa: ANN401 (PEP 562: any public name)
    if name == "__version__":
        return importlib.import_module("importlib.metadata").version("vmon-core")
    if name not in _HOME:
        msg = f"module 'vmon_core' has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
