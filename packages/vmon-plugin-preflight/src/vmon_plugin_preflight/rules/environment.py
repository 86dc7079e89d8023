"""Rules about the environment: names that vLLM does not know, values that it cannot read, switches left on."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from vmon_plugin_preflight.rule import rule
from vmon_plugin_preflight.variables import variables_of
from vmon_plugin_preflight.verdicts import failure, ok, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmon_core.records import CompatibilityCheck
    from vmon_plugin_preflight.launch import Launch

_SERVICE = re.compile(r"VLLM_(?:\w+_)?(?:SERVICE_HOST|SERVICE_PORT(?:_\w+)?|PORT_\d+_(?:TCP|UDP)(?:_\w+)?)")
"""What Kubernetes adds for a service whose name begins with `vllm`."""

_LEVELS = frozenset({"CRITICAL", "FATAL", "ERROR", "WARN", "WARNING", "INFO", "DEBUG", "NOTSET"})

_DEBUG = {
    "VLLM_TRACE_FUNCTION": "every Python call is written to a file, which makes everything very slow",
    "CUDA_LAUNCH_BLOCKING": "every kernel is waited for, which makes everything slow",
    "VLLM_DEBUG_LOG_API_SERVER_RESPONSE": "every answer is logged, with the users' data",
    "VLLM_DEBUG_WORKSPACE": "memory is watched for debugging",
    "VLLM_GC_DEBUG": "the garbage collector is watched for debugging",
    "TORCH_LOGS": "the compiler logs its work",
    "NCCL_DEBUG": "NCCL logs its work",
}
"""Debug switches and what they cost; WARN and VERSION of NCCL cost nothing."""

_WITH_A_RULE = frozenset({"VLLM_PORT", "VLLM_CPU_KVCACHE_SPACE"})
"""Numbers that have a rule of their own."""

_HARMLESS = frozenset({"", "0", "WARN", "VERSION"})


@rule("environment.vllm_port")
def vllm_port(launch: Launch) -> Iterator[CompatibilityCheck]:
    """VLLM_PORT is a number, and not the port that is served."""
    code, value = "environment.vllm_port", launch.environment.get("VLLM_PORT")
    if value is None:
        return
    if "://" in value:
        summary = f"VLLM_PORT is {value}: Kubernetes set it for a service called `vllm`"
        yield failure(code, summary, fix="call the service otherwise, or set enableServiceLinks: false in the pod")
    elif not _is_integer(value):
        yield failure(code, f"VLLM_PORT is {value!r}, which is no number", fix="unset VLLM_PORT; serve with --port")
    elif int(value) == launch.arguments.get("port", int):
        summary = f"VLLM_PORT {value} is for traffic between vLLM's own processes, and --port serves there"
        yield warning(code, summary, fix="unset VLLM_PORT")
    else:
        yield ok(code, f"VLLM_PORT is {value}")


@rule("environment.unknown")
def unknown(launch: Launch) -> Iterator[CompatibilityCheck]:
    """A variable that vLLM does not know does nothing, which is rarely what was meant."""
    version, known, sure = _known(launch)
    for name in sorted(n for n in launch.environment if n.startswith("VLLM_") and n not in known):
        if _SERVICE.fullmatch(name):
            continue
        summary = f"vLLM {version} does not know {name}"
        if launch.arguments.get("fail_on_environ_validation", bool) and sure:
            yield failure("environment.unknown", summary, fix=f"unset {name}")
        else:
            yield warning("environment.unknown", summary, fix=f"unset {name}, or correct its name")


def _known(launch: Launch) -> tuple[str, frozenset[str], bool]:
    """The version, the variables that it knows, and whether that is sure: recorded, or read from its source."""
    table, package = launch.arguments.table, launch.installation.package
    if launch.arguments.known or package is None:
        return table.version, table.environment, launch.arguments.known
    found = variables_of(package)
    return (launch.installation.version, found, True) if found else (table.version, table.environment, False)


@rule("environment.number")
def numbers(launch: Launch) -> Iterator[CompatibilityCheck]:
    """What vLLM reads as a number must be one."""
    for name in sorted(launch.arguments.table.numbers & launch.environment.keys() - _WITH_A_RULE):
        value = launch.environment[name]
        if _is_number(value):
            continue
        summary = f"{name} is {value!r}, which vLLM cannot read as a number"
        yield warning("environment.number", f"{summary}; it stops at the first use", fix=f"correct or unset {name}")


@rule("environment.log_level")
def log_level(launch: Launch) -> Iterator[CompatibilityCheck]:
    """The level of vLLM's log must be one of Python's."""
    value = launch.environment.get("VLLM_LOGGING_LEVEL")
    if value is None:
        return
    if value.upper() in _LEVELS:
        yield ok("environment.log_level", f"VLLM_LOGGING_LEVEL is {value}")
    elif launch.environment.get("VLLM_CONFIGURE_LOGGING", "1") == "1":
        fix = "VLLM_LOGGING_LEVEL=" + "|".join(sorted(_LEVELS - {"FATAL", "WARN", "NOTSET"}))
        yield failure("environment.log_level", f"VLLM_LOGGING_LEVEL {value!r} is no level", fix=fix)


@rule("environment.log_config")
def log_config(launch: Launch) -> Iterator[CompatibilityCheck]:
    """A file with the settings of the log must be there (`vllm.logger`)."""
    name = launch.environment.get("VLLM_LOGGING_CONFIG_PATH")
    if not name or launch.environment.get("VLLM_CONFIGURE_LOGGING", "1") != "1":
        return
    if launch.path(name).exists():
        yield ok("environment.log_config", f"VLLM_LOGGING_CONFIG_PATH {name} is there")
    else:
        summary = f"VLLM_LOGGING_CONFIG_PATH {name} is no file here"
        yield failure("environment.log_config", summary, fix="correct the path, or unset VLLM_LOGGING_CONFIG_PATH")


@rule("environment.debug")
def debug(launch: Launch) -> Iterator[CompatibilityCheck]:
    """Debug switches that were left on."""
    for name, cost in _DEBUG.items():
        value = launch.environment.get(name, "")
        if value.upper() not in _HARMLESS:
            yield warning("environment.debug", f"{name}={value}: {cost}", fix=f"unset {name}")


def _is_integer(text: str) -> bool:
    try:
        int(text)
    except ValueError:
        return False
    return True


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


RULES = (vllm_port, unknown, numbers, log_level, log_config, debug)
