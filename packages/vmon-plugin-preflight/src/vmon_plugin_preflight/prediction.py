"""From a launch request to the verdicts of all rules, within a time budget."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from vmon_core.records import CheckVerdict
from vmon_plugin_preflight.command.arguments import Arguments
from vmon_plugin_preflight.command.parse import Parsed, parse
from vmon_plugin_preflight.command.problem import CommandProblem
from vmon_plugin_preflight.command.program import Program, find_program
from vmon_plugin_preflight.installation import find_installation
from vmon_plugin_preflight.launch import Launch
from vmon_plugin_preflight.manifest.rules import check_manifest
from vmon_plugin_preflight.registry import all_rules
from vmon_plugin_preflight.verdicts import failure, not_evaluated

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vmon_core.devices import Device
    from vmon_core.plugin import LaunchRequest
    from vmon_core.records import CompatibilityCheck
    from vmon_plugin_preflight.rule import Rule


RESERVE = 0.1
"""The share of the time that is kept back, so that what was found by the deadline can still be handed over."""


_EVERY_VERSION = (
    *("command.", "network.", "devices.", "memory.free", "memory.weights", "environment.vllm_port"),
    *("model.location", "model.config", "model.type", "model.architecture", "model.remote_code", "model.rope"),
    *("model.weights", "model.shards", "model.damaged", "model.tokenizer"),
    *(
        "serving.tls",
        "serving.executor",
        "serving.tool_parser",
        "serving.chat_template",
        "serving.lora",
        "serving.middleware",
    ),
)
"""Codes whose failures rest on files, devices, the kernel, or the source of the very vLLM that will run."""


def predict(request: LaunchRequest, devices: tuple[Device, ...], root: Path = Path("/")) -> list[CompatibilityCheck]:
    """Check a launch.

    Args:
        request: the launch; what is not done within its patience was not evaluated.
        devices: the accelerators of this machine.
        root: where the machine's file system begins.

    Returns:
        What the rules concluded.
    """
    found = check_manifest(request.manifest) if request.manifest else []
    if not request.command:
        return found
    deadline = time.monotonic() + request.patience * (1 - RESERVE)
    launch = read_launch(request, devices, root)
    problem = launch.parsed.problem
    if problem is None:
        return [*found, *_within(all_rules(), launch, deadline)]
    rules = [r for r in all_rules() if not r.needs_arguments]
    return [*found, _told(problem, launch), _rest_is_unknown(), *_within(rules, launch, deadline)]


def read_launch(request: LaunchRequest, devices: tuple[Device, ...], root: Path) -> Launch:
    """Find vLLM in the command and parse its arguments; when that fails, `parsed.problem` says why."""
    directory = Path.cwd()
    launch = Launch(
        parsed=Parsed(arguments=Arguments({})),
        environment=request.environment,
        devices=devices,
        root=root,
        directory=directory,
        network=request.network,
    )
    try:
        program = find_program(request.command)
    except CommandProblem as problem:
        return attrs.evolve(launch, parsed=Parsed(arguments=Arguments({}), problem=problem))
    environment = _environment(request.environment, program)
    installation = find_installation(program.executable, environment, root)
    launch = attrs.evolve(launch, environment=environment, executable=program.executable, installation=installation)
    return attrs.evolve(launch, parsed=parse(program.words, installation.version, launch.path))


def _environment(given: Mapping[str, str], program: Program) -> dict[str, str]:
    """The environment that vLLM itself gets."""
    merged = {**given, **program.environment}
    return {name: value for name, value in merged.items() if value is not None}


def _told(problem: CommandProblem, launch: Launch) -> CompatibilityCheck:
    """A problem as a check; whether a version that nobody recorded would refuse it too cannot be told."""
    if problem.refused and launch.arguments.known:
        return failure(problem.code, problem.summary, fix=problem.fix)
    if not problem.refused:
        return not_evaluated(problem.code, problem.summary, fix=problem.fix)
    table = launch.arguments.table.version
    why = f"{table} would refuse it: {problem.summary}; version {launch.installation.version or '(unknown)'} may not"
    return not_evaluated(problem.code, why, fix=problem.fix)


def doubted(check: CompatibilityCheck, launch: Launch) -> CompatibilityCheck:
    """A failure that rests on what a recorded version does, as a warning when another one, or nobody knows which, runs.

    Args:
        check: what a rule concluded.
        launch: the launch.

    Returns:
        The check; what holds for every version, and what is no failure, stays as it is.
    """
    if check.verdict is not CheckVerdict.FAILURE or launch.arguments.known or check.code.startswith(_EVERY_VERSION):
        return check
    version = launch.installation.version or "that will run"
    why = f"this is what {launch.arguments.table.version} does, and nobody recorded version {version}"
    return attrs.evolve(check, verdict=CheckVerdict.WARNING, evidence=(*check.evidence, why))


def _rest_is_unknown() -> CompatibilityCheck:
    return not_evaluated(
        "preflight.skipped", "checks of arguments, model and memory need a command line that can be read"
    )


def _within(rules: Sequence[Rule], launch: Launch, deadline: float) -> list[CompatibilityCheck]:
    """Run the rules in a thread that is left behind at the deadline: a dead network file system answers never."""
    found: list[CompatibilityCheck] = []
    done: list[Rule] = []

    def work() -> None:
        for rule in rules:
            results = [doubted(check, launch) for check in rule.run(launch)]
            if time.monotonic() > deadline:
                return
            found.extend(results)
            done.append(rule)

    thread = threading.Thread(target=work, name="vmon-preflight", daemon=True)
    thread.start()
    thread.join(max(0.0, deadline - time.monotonic()))
    late = rules[len(done) :]
    return [*found, *(not_evaluated(r.codes[0], "there was no time left for it") for r in late)]
