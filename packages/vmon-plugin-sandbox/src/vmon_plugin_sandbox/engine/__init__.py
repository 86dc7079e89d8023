"""Runs pieces of code in workers, with limits, and says what is wrong with them."""

from vmon_plugin_sandbox.engine.engine import Engine, Ran, Statistics
from vmon_plugin_sandbox.engine.errors import (
    SandboxCrashedError,
    SandboxError,
    SandboxLimitError,
    SandboxRejectedError,
    SandboxRuntimeError,
    SandboxUnavailableError,
)
from vmon_plugin_sandbox.engine.inward import Attributes
from vmon_plugin_sandbox.engine.limits import Limits
from vmon_plugin_sandbox.engine.plain import plain
from vmon_plugin_sandbox.hardening.confinement import Hardening
from vmon_plugin_sandbox.hardening.layers import Layer

__all__ = [
    "Attributes",
    "Engine",
    "Hardening",
    "Layer",
    "Limits",
    "Ran",
    "SandboxCrashedError",
    "SandboxError",
    "SandboxLimitError",
    "SandboxRejectedError",
    "SandboxRuntimeError",
    "SandboxUnavailableError",
    "Statistics",
    "plain",
]
