"""The configuration: one TOML file, read into frozen classes that also explain it.

>>> from vmon_core.config import Config
>>> Config().gate.mode
<GateMode.OBSERVE: 'observe'>
"""

from __future__ import annotations

from vmon_core.config.load import find_config, load_config
from vmon_core.config.model import (
    CheckConfig,
    Config,
    FeedbackConfig,
    GateConfig,
    GuardrailConfig,
    JournalConfig,
    MonitorConfig,
    PluginsConfig,
    PredictedFailure,
    StopConfig,
)
from vmon_core.config.secrets import resolve_secrets
from vmon_core.config.text import default_text, to_dict, to_toml

__all__ = [
    "CheckConfig",
    "Config",
    "FeedbackConfig",
    "GateConfig",
    "GuardrailConfig",
    "JournalConfig",
    "MonitorConfig",
    "PluginsConfig",
    "PredictedFailure",
    "StopConfig",
    "default_text",
    "find_config",
    "load_config",
    "resolve_secrets",
    "to_dict",
    "to_toml",
]
