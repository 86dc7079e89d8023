"""What the rules rest on, as data: each signal, the states and findings that need it, and whether it is there."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import attrs

from vmon_core.records import CheckVerdict, CompatibilityCheck
from vmon_plugin_vllm.metrics.names import plan
from vmon_plugin_vllm.process.procfs import ProcFS

if TYPE_CHECKING:
    from vmon_plugin_vllm.diagnose.seen import Seen

_NOT_FOUND = 404

Look = Callable[["Seen"], tuple[bool | None, str]]
"""Tells whether a signal is there (None: nobody can tell) and why."""


@attrs.frozen(kw_only=True)
class Signal:
    """Something that rules rest on.

    Attributes:
        code: of its check.
        serves: the states and findings that rest on it.
        look: finds out whether it is there.
        fix: how to get it.
        essential: without it, vmon is blind for what everybody expects of it; the others make it surer.
    """

    code: str
    serves: str
    look: Look
    fix: str = ""
    essential: bool = False

    def check(self, seen: Seen) -> CompatibilityCheck:
        """Whether the rules that rest on it are alive; blind ones cannot be evaluated, which is no bad news."""
        there, why = self.look(seen)
        if there:
            return CompatibilityCheck(code=self.code, verdict=CheckVerdict.OK, summary=f"{why}; alive: {self.serves}")
        blind = CheckVerdict.WARNING if self.essential and there is False else CheckVerdict.NOT_EVALUATED
        return CompatibilityCheck(
            code=self.code,
            verdict=blind,
            summary=f"{why}; blind: {self.serves}" if there is False else f"{why}: {self.serves}",
            fix=self.fix if there is False else "",
        )


# --- the looks ---


def _processes(seen: Seen) -> tuple[bool | None, str]:
    pid = seen.target.pid
    if pid is None:
        return False, "its processes are not on this machine, or may not be seen"
    stat = ProcFS().stat(pid)
    if stat is None or stat.ended:
        return False, f"its main process {pid} is gone"
    return True, f"its main process is {pid}"


def _log(seen: Seen) -> tuple[bool | None, str]:
    if seen.phases is None:
        return False, "there is no log file that can be read"
    if not seen.messages:
        return False, f"no message in the first part of {seen.target.log} is known"
    return True, f"{seen.messages} messages of its log are known, {seen.phases} of them tell phases of a start"


def _offers(*names: str) -> Look:
    def look(seen: Seen) -> tuple[bool | None, str]:
        if seen.layout is None:
            return None, seen.no_metrics
        missing = [name for name in names if name not in plan(seen.layout).offered]
        return (False, f"it shows no {', '.join(missing)}") if missing else (True, f"it shows {', '.join(names)}")

    return look


def _in_flight(seen: Seen) -> tuple[bool | None, str]:
    if seen.load is None:
        return None, "/load tells no number"
    if seen.load > 0:
        return True, f"/load counts: {seen.load:g} requests in flight"
    tracked = seen.has_flag("--enable-server-load-tracking")
    if tracked is None:
        return None, "/load says 0, which a server that does not count says for ever"
    return (True, "/load counts") if tracked else (False, "/load says 0 for ever")


def _round_trip(seen: Seen) -> tuple[bool | None, str]:
    answer = seen.answers.get("/is_paused")
    if answer is None:
        return None, "there was no time or nobody to ask"
    if answer.ok:
        return True, f"/is_paused went through the engine in {answer.seconds:.3f} s"
    if answer.code == _NOT_FOUND:
        return False, "no question goes through the engine"
    return None, f"/is_paused: {answer.code or answer.error}"


def _statistics(seen: Seen) -> tuple[bool | None, str]:
    if seen.layout is None:
        return None, seen.no_metrics
    if plan(seen.layout).dialect is None:
        return False, "statistics are switched off"
    if not _tells_its_process(seen):
        return False, "with several API servers none of them writes the statistics line"
    return True, "one API server writes the statistics line every ten seconds while there is work"


def _api_process(seen: Seen) -> tuple[bool | None, str]:
    if seen.layout is None:
        return None, seen.no_metrics
    return (True, "it shows process metrics") if _tells_its_process(seen) else (False, "it shows no process metrics")


def _tells_its_process(seen: Seen) -> bool:
    return seen.layout is not None and any(f.name == "process_start_time_seconds" for f in seen.layout.families)


_RUN_IT = "Start it by `vmon run`, or watch it from its own machine and user."

SIGNALS: tuple[Signal, ...] = (
    Signal(
        code="signal.processes",
        serves="deaths within a tick, stopped and stuck processes, what is left behind",
        look=_processes,
        fix=_RUN_IT,
        essential=True,
    ),
    Signal(
        code="signal.log",
        serves="the phases of a start, the root cause of a failure, orderly stops",
        look=_log,
        fix="Start it by `vmon run`, or name its log: `vmon watch --log FILE URL`.",
        essential=True,
    ),
    Signal(
        code="signal.progress",
        serves="IDLE, SERVING, STALLED, HUNG and engine.unresponsive",
        look=_offers("vllm.engine.steps", "vllm.tokens.generated"),
        fix="Start it without --disable-log-stats.",
        essential=True,
    ),
    Signal(
        code="signal.queue",
        serves="SATURATED and kv.preemption",
        look=_offers("vllm.requests.running", "vllm.requests.waiting", "vllm.requests.preempted"),
        fix="Start it without --disable-log-stats.",
        essential=True,
    ),
    Signal(
        code="signal.in_flight",
        serves="a hang before the first answer, which the engine's own gauges do not show",
        look=_in_flight,
        fix="Start it with --enable-server-load-tracking.",
    ),
    Signal(
        code="signal.round_trip",
        serves="HUNG within seconds, by a question that only the engine answers",
        look=_round_trip,
        fix="VLLM_SERVER_DEV_MODE=1 offers one, and control routes without a key as well: keep it off the network.",
    ),
    Signal(
        code="signal.statistics_line",
        serves="the statistics line as a witness of progress",
        look=_statistics,
        fix="Start it without --disable-log-stats, and with --api-server-count 1.",
    ),
    Signal(
        code="signal.api_process",
        serves="restarts and memory of the API server where its processes cannot be seen",
        look=_api_process,
        fix="Start it with --api-server-count 1.",
    ),
    Signal(
        code="signal.sleep",
        serves="SLEEPING and WAKING",
        look=_offers("vllm.engine.sleep_state"),
        fix="Start it without --disable-log-stats.",
    ),
    Signal(
        code="signal.corrupt_output",
        serves="CORRUPT: answers that are no numbers",
        look=_offers("vllm.requests.corrupted"),
        fix="Set VLLM_COMPUTE_NANS_IN_LOGITS=1 for the server.",
    ),
)
