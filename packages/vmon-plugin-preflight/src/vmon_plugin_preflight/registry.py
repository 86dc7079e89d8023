"""Where the rules are, in the order in which they are told."""

from __future__ import annotations

import functools
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vmon_plugin_preflight.rule import Rule

AREAS = (
    "vmon_plugin_preflight.rules.access",
    "vmon_plugin_preflight.rules.arguments",
    "vmon_plugin_preflight.rules.values",
    "vmon_plugin_preflight.model.files_rules",
    "vmon_plugin_preflight.model.config_rules",
    "vmon_plugin_preflight.model.tensors_rules",
    "vmon_plugin_preflight.fit.parallel_rules",
    "vmon_plugin_preflight.fit.length_rules",
    "vmon_plugin_preflight.fit.batch_rules",
    "vmon_plugin_preflight.fit.memory_rules",
    "vmon_plugin_preflight.fit.cpu_rules",
    "vmon_plugin_preflight.fit.number_rules",
    "vmon_plugin_preflight.fit.device_rules",
    "vmon_plugin_preflight.rules.serving",
    "vmon_plugin_preflight.rules.environment",
    "vmon_plugin_preflight.rules.network",
    "vmon_plugin_preflight.rules.machine",
    "vmon_plugin_preflight.rules.cpu",
)
"""Modules with a tuple `RULES`; they are imported when a launch is checked, not before."""


@functools.cache
def all_rules() -> tuple[Rule, ...]:
    """Every rule of every area."""
    return tuple(rule for area in AREAS for rule in import_module(area).RULES)
