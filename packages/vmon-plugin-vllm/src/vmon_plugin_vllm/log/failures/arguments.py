"""Failures of the command line and the environment: the same command fails again."""

from __future__ import annotations

from vmon_core.evidence import FailureCategory
from vmon_plugin_vllm.log.failures.rule import FailureRule, Remedy, config

FAILURES: tuple[FailureRule, ...] = (
    config(
        r"error: unrecognized arguments: (?P<flags>.+)",
        "args.unknown_flag",
        "This version of vLLM does not know {flags}.",
        "Compare the spelling with `vllm serve --help=all`; flags come and go between versions.",
    ),
    config(
        r"error: ambiguous option: (?P<flag>\S+) could match (?P<flags>.+)",
        "args.ambiguous_flag",
        "{flag} may stand for each of {flags}.",
        "Write the flag in full.",
    ),
    config(
        r"error: argument (?P<flag>[^:]+): invalid choice: (?P<value>'[^']*')",
        "args.invalid_choice",
        "{flag} does not take {value}.",
        "Take one of the choices that the message names, or leave {flag} out.",
    ),
    config(
        r"error: argument (?P<flag>[^:]+): (?P<problem>(?:invalid|expected|not allowed with) .+)",
        "args.invalid_value",
        "{flag} cannot be read: {problem}.",
        "Correct the value of {flag}.",
    ),
    config(
        r"error: the following arguments are required: (?P<names>.+)",
        "args.missing",
        "The command line lacks {names}.",
        "Add {names}.",
    ),
    config(
        r"^vllm(?: \w+)?: error: (?P<problem>.+)",
        "args.invalid_value",
        "vLLM refuses its command line: {problem}.",
        "Compare the command line with `vllm serve --help=all`.",
    ),
    config(
        r"No such file or directory: '(?P<path>[^']*\.ya?ml)'",
        "args.config_file",
        "--config names {path}, which is no YAML file that can be read.",
        "Correct the path after --config.",
    ),
    config(
        r"Config file must be of a yaml/yml type",
        "args.config_file",
        "The name of the file after --config does not end with .yaml.",
        "Rename the file, or correct the path after --config.",
    ),
    config(
        r"yaml\.\w+\.\w+Error: (?P<problem>.+)",
        "args.config_file",
        "The file that --config names is no valid YAML: {problem}.",
        "Correct the line that the message names.",
    ),
    config(
        r"VLLM_PORT '(?P<value>[^']*)' appears to be a URI",
        "env.vllm_port",
        "VLLM_PORT holds {value}: Kubernetes sets it so for a service that is named vllm.",
        "Rename the service, set enableServiceLinks: false in the pod, or set VLLM_PORT to a number.",
    ),
    config(
        r"Invalid value '(?P<value>[^']*)' for (?P<name>VLLM_\w+)",
        "env.invalid_value",
        "The environment variable {name} cannot be {value}.",
        "Unset {name}, or take one of the values that the message names.",
    ),
    config(
        r"(?:invalid literal for int\(\) with base 10|could not convert string to float): (?P<value>'[^']*')"
        r".*(?:getenv\(|environ(?:\.get\(|\[))[\"'](?P<name>\w+)",
        "env.invalid_value",
        "The environment variable {name} must be a number, and it is {value}.",
        "Unset {name}, or set it to a number.",
    ),
    config(
        r"Unknown level: (?P<level>'[^']*')",
        "env.invalid_value",
        "There is no log level {level}.",
        "Set VLLM_LOGGING_LEVEL to DEBUG, INFO, WARNING or ERROR.",
    ),
    FailureRule(
        pattern=r"(?i:address already in use)",
        code="port.in_use",
        category=FailureCategory.TRANSIENT,
        explanation="Another process listens on the port already.",
        fix="Stop what listens there (`ss -ltnp` names it), or choose another --port.",
        again="once the port is free",
        remedies=(Remedy.FREE_PORT,),
    ),
    config(
        r"bind\(\): port must be 0-65535",
        "port.invalid",
        "The number after --port is no port: those end at 65535.",
        "Set --port to a number from 1024 to 65535.",
    ),
    config(
        r"Cannot assign requested address",
        "host.not_local",
        "The address after --host belongs to no interface of this machine.",
        "Set --host 0.0.0.0, or to an address that `ip address` shows.",
    ),
)
"""Special ones before general ones."""
