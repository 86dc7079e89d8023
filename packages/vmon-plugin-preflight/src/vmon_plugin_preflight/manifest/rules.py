"""What a manifest must hold to: times that add up, shared memory, names that do not collide."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from vmon_plugin_preflight.command.problem import CommandProblem
from vmon_plugin_preflight.manifest.reading import UNREADABLE, Pod, read_pods
from vmon_plugin_preflight.verdicts import failure, not_evaluated, ok, warning

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from vmon_core.records import CompatibilityCheck

CODES = (
    UNREADABLE,
    "manifest.startup",
    "manifest.shutdown",
    "manifest.liveness",
    "manifest.shared_memory",
    "manifest.service_name",
)

GRACE_SECONDS = 30
"""Kubernetes' default of `terminationGracePeriodSeconds`."""

EXIT_SECONDS = 10
"""What vLLM takes to end after its drain; 5 to 9 were measured."""

STARTUP_SECONDS = 600
"""A start that downloads and compiles takes minutes; less than this is worth a word."""

_SLEEP = re.compile(r"\bsleep\s+(\d{1,9})\b")


def check_manifest(path: Path) -> list[CompatibilityCheck]:
    """Check a manifest.

    Args:
        path: the file.

    Returns:
        What is wrong with each pod that runs vLLM, and what is in order.
    """
    try:
        pods = read_pods(path)
    except CommandProblem as problem:
        return [not_evaluated(problem.code, problem.summary)]
    if not pods:
        return [not_evaluated(UNREADABLE, f"{path} has no container that runs vLLM")]
    return [check for pod in pods for rule in RULES for check in _contained(rule, pod)]


def _contained(rule: Callable[[Pod], Iterable[CompatibilityCheck]], pod: Pod) -> list[CompatibilityCheck]:
    """Run a rule; one that raises could not tell, and costs only itself."""
    try:
        return list(rule(pod))
    except Exception as error:  # noqa: BLE001 (whatever a rule stumbles over, the others go on)
        return [not_evaluated(UNREADABLE, f"{pod.name}: the rule failed: {type(error).__name__}: {error}")]


def startup(pod: Pod) -> Iterator[CompatibilityCheck]:
    """The start must be over before Kubernetes loses its patience."""
    probe, code = pod.probe("startupProbe"), "manifest.startup"
    kind = "startupProbe" if probe else "livenessProbe"
    probe = probe or pod.probe("livenessProbe")
    if not probe:
        yield ok(code, f"{pod.name}: no probe kills a start that takes long")
        return
    initial, period, failures = (_number(probe, *field) for field in _PROBE_DEFAULTS)
    budget = initial + period * failures
    words = f"{pod.name}: {kind} gives a start {initial} + {period} x {failures} = {budget} s"
    if budget < STARTUP_SECONDS:
        fix = f"startupProbe with failureThreshold: {-(-STARTUP_SECONDS // max(period, 1))} at periodSeconds: {period}"
        yield warning(code, f"{words}; a large model that downloads and compiles takes longer", fix=fix)
    else:
        yield ok(code, words)


_PROBE_DEFAULTS = (("initialDelaySeconds", 0), ("periodSeconds", 10), ("failureThreshold", 3))
"""The fields of a probe that make up its patience, with Kubernetes' defaults."""


def shutdown(pod: Pod) -> Iterator[CompatibilityCheck]:
    """Kubernetes must wait for the hook before the stop, the drain and the end."""
    grace, code = _number(pod.spec, "terminationGracePeriodSeconds", GRACE_SECONDS), "manifest.shutdown"
    hook, drain = _pre_stop(pod), _drain(pod)
    if drain is None or hook is None:
        yield not_evaluated(code, f"{pod.name}: how long preStop and drain take cannot be read")
        return
    needed = hook + drain + EXIT_SECONDS
    words = f"{pod.name}: preStop {hook} + --shutdown-timeout {drain} + end {EXIT_SECONDS} = {needed} s of {grace} s"
    if needed > grace:
        yield warning(code, f"{words}: requests are cut off by SIGKILL", fix=f"terminationGracePeriodSeconds: {needed}")
    else:
        yield ok(code, words)


def _pre_stop(pod: Pod) -> int | None:
    """Seconds of the hook before the stop, None when it is not a plain sleep."""
    lifecycle = pod.container.get("lifecycle")
    hook = lifecycle.get("preStop") if isinstance(lifecycle, dict) else None
    if not isinstance(hook, dict):
        return 0
    if isinstance(hook.get("sleep"), dict):
        return _number(hook["sleep"], "seconds", 0)
    slept = _SLEEP.search(str(hook.get("exec", {})).replace("', '", " "))
    return int(slept[1]) if slept else None


def _drain(pod: Pod) -> int | None:
    arguments = pod.arguments
    return None if arguments is None else arguments.get("shutdown_timeout", int) or 0


def liveness(pod: Pod) -> Iterator[CompatibilityCheck]:
    """A busy server answers late, and one that drains must not be killed."""
    probe, code = pod.probe("livenessProbe"), "manifest.liveness"
    if not probe:
        return
    timeout, failures = _number(probe, "timeoutSeconds", 1), _number(probe, "failureThreshold", 3)
    words = f"{pod.name}: livenessProbe waits {timeout} s, {failures} times"
    if timeout < 5 or failures < 3:  # noqa: PLR2004 (seconds, times: what vLLM's own charts have)
        summary = f"{words}: a server under load answers later than that and is killed"
        yield warning(code, summary, fix="timeoutSeconds: 5 and failureThreshold: 3 or more")
    else:
        yield ok(code, words)


def shared_memory(pod: Pod) -> Iterator[CompatibilityCheck]:
    """A pod's /dev/shm is 64 MiB unless it has a volume in memory there."""
    code, arguments = "manifest.shared_memory", pod.arguments
    if arguments is None:
        yield not_evaluated(code, f"{pod.name}: how many ranks there are cannot be read")
        return
    ranks = arguments.size("tensor_parallel_size") * arguments.size("pipeline_parallel_size")
    mounts = pod.container.get("volumeMounts")
    places = [m.get("mountPath") for m in mounts if isinstance(m, dict)] if isinstance(mounts, list) else []
    mounted = "/dev/shm" in places  # noqa: S108 (a path in the pod)
    if ranks > 1 and not mounted and not pod.spec.get("hostIPC"):
        summary = f"{pod.name}: {ranks} ranks talk through /dev/shm, which has 64 MiB in a pod"
        yield failure(code, summary, fix="an emptyDir volume with medium: Memory, mounted at /dev/shm")
    else:
        yield ok(code, f"{pod.name}: /dev/shm suffices for {ranks} rank{'s' if ranks > 1 else ''}")


def service_name(pod: Pod) -> Iterator[CompatibilityCheck]:
    """A service called `vllm` makes Kubernetes set VLLM_PORT to a URL."""
    code, links = "manifest.service_name", pod.spec.get("enableServiceLinks", True)
    if "vllm" in pod.services and links and "VLLM_PORT" not in pod.environment:
        summary = f"{pod.name}: for a service called `vllm`, Kubernetes sets VLLM_PORT to a URL, which ends vLLM"
        yield failure(code, summary, fix="enableServiceLinks: false, or another name for the service")
    else:
        yield ok(code, f"{pod.name}: no service of this manifest sets VLLM_PORT")


def _number(mapping: Mapping[str, Any], key: str, default: int) -> int:
    value = mapping.get(key, default)
    return value if isinstance(value, int) else default


RULES = (startup, shutdown, liveness, shared_memory, service_name)
