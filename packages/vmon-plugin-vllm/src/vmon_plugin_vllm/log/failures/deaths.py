"""Deaths whose cause another line may tell, echoes of them, and exceptions that no other entry names."""

from __future__ import annotations

from vmon_core.evidence import FailureCategory
from vmon_plugin_vllm.log.failures.rule import DEATH, ECHO, FailureRule, Remedy

_RESTART = (Remedy.CAPTURE_EVIDENCE, Remedy.RESTART_ENGINE)
_KILLED = "when it was killed and not led to its end by its own work"
_LOOK = "Look for an out-of-memory kill (dmesg, memory.events) and for GPU errors (Xid) at that time."

_DEATHS = (
    FailureRule(
        pattern=r"(?:Worker proc|RayWorkerProc) (?P<worker>\S+) died unexpectedly",
        code="worker.died",
        category=FailureCategory.TRANSIENT,
        explanation="The worker process {worker} died without a word.",
        fix=_LOOK,
        again=_KILLED,
        remedies=_RESTART,
        weight=DEATH,
    ),
    FailureRule(
        pattern=r"WorkerProc initialization failed due to an exception in a background process",
        code="worker.died",
        category=FailureCategory.TRANSIENT,
        explanation="A worker ended during its start; where no error of its own stands above, it was killed.",
        fix=_LOOK,
        again=_KILLED,
        remedies=_RESTART,
        weight=DEATH,
    ),
    FailureRule(
        pattern=r"engine core exited unexpectedly|Engine core process (?P<engine>\S+) died unexpectedly",
        code="engine.died",
        category=FailureCategory.TRANSIENT,
        explanation="The engine core died without a word.",
        fix=_LOOK,
        again=_KILLED,
        remedies=_RESTART,
        weight=DEATH,
    ),
    FailureRule(
        pattern=r"\[FT\] Busy loop raised (?P<exception>\w+)",
        code="engine.fault",
        category=FailureCategory.TRANSIENT,
        explanation="The engine's loop failed ({exception}); it waits to be told to retry.",
        fix="POST /fault_tolerance/apply; the traceback of the rank says why.",
        again=_KILLED,
        remedies=_RESTART,
        weight=DEATH,
        fatal=False,
    ),
    FailureRule(
        pattern=r"\[FT\] No recovery within (?P<seconds>\d+)s",
        code="engine.died",
        category=FailureCategory.TRANSIENT,
        explanation="Nobody told the engine to retry within {seconds} s after its fault.",
        fix="Look at the traceback of the rank for the fault itself.",
        again=_KILLED,
        remedies=_RESTART,
        weight=DEATH,
    ),
    FailureRule(
        pattern=r"validation errors? for (?P<settings>\w*(?:Config|Args))\b",
        code="config.invalid_value",
        category=FailureCategory.CONFIG,
        explanation="vLLM refuses one of its settings ({settings}).",
        fix="The next lines of the log name the setting and what it takes.",
        weight=DEATH,
    ),
    FailureRule(
        pattern=r"Process (?P<name>ApiServer_\d+) .* died with exit code (?P<status>-?\d+)",
        code="api_server.died",
        category=FailureCategory.TRANSIENT,
        explanation="The API server {name} died with exit code {status}.",
        fix="Read its last lines in the log.",
        again=_KILLED,
        remedies=_RESTART,
        weight=DEATH,
    ),
)


def _echo(pattern: str, code: str, explanation: str, again: str = "") -> FailureRule:
    return FailureRule(
        pattern=pattern,
        code=code,
        category=FailureCategory.UNKNOWN,
        explanation=explanation,
        fix="Read what the log says before it.",
        again=again,
        weight=ECHO,
    )


_ECHOES = (
    _echo(r"Exception occurred while running API servers", "api_server.died", "An API server failed.", _KILLED),
    _echo(r"EngineDeadError", "engine.died", "The engine is gone, as the API server noticed.", _KILLED),
    _echo(
        r"Engine core initialization failed|EngineCore failed to start", "engine.died", "The engine could not start."
    ),
    _echo(r"EngineCore encountered a fatal error", "engine.died", "The engine gave up.", _KILLED),
    _echo(r"WorkerProc failed to start", "worker.died", "A worker could not start."),
)

FAILURES: tuple[FailureRule, ...] = (*_DEATHS, *_ECHOES)
"""Special ones before general ones."""

_WRITERS = (("main", "main process"), ("engine", "engine core"), ("worker", "worker"))
"""By depth."""

ASSERTIONS = {
    depth: FailureRule(
        pattern=r"AssertionError(?:: (?:assert )?(?P<assertion>.*)|$)",
        code=f"{code}.assertion",
        category=FailureCategory.BUG,
        explanation=f"vLLM contradicts itself: the {name} found that this does not hold: {{assertion}}.",
        fix="This is a defect of vLLM: report it with the traceback from the log.",
        remedies=_RESTART,
        fatal=False,  # whether it is, other lines tell
    )
    for depth, (code, name) in enumerate(_WRITERS)
    if depth
}
"""Assertions that no other entry names, by the depth of the process that found them; an API server's own are answers to
requests, or an exception that ends it."""

EXCEPTIONS = tuple(
    FailureRule(
        pattern=r"^(?P<exception>.+)$",
        code=f"{code}.exception",
        category=FailureCategory.UNKNOWN,
        explanation=f"The {name} ended with an exception that vmon does not know: {{exception}}.",
        fix="Read the traceback in the log.",
        weight=DEATH,
    )
    for code, name in _WRITERS
)
"""Any other exception that ends a process, by its depth."""
