"""From a line and those before it to a failure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import attrs

from vmon_core.evidence import FailureSeen
from vmon_plugin_vllm.log.blocks import Blocks, Context, Fate
from vmon_plugin_vllm.log.failures import DEATH, FAILURES, ROOT, FailureRule
from vmon_plugin_vllm.log.lines import shown

if TYPE_CHECKING:
    from vmon_plugin_vllm.log.lines import LogRecord

_SUSPICIOUS = re.compile(
    r"[Ee]rror|died|[Ff]ail|exited unexpectedly|unavailable|No space|divisible|larger than|not find|not supported|Xid|"
    r"timed out|Insufficient|expected|Watchdog|Too many|out of memory|Repo id|not valid|greater than|JSON|covered|"
    r"can't|Cannot|gated|restricted|seq len|cache blocks|less than|bind threads|recognize|kernel image|too large|"
    r"Exception|Unknown|[Ii]nvalid|No valid|Timed out|Failing|Fault|NaNs|\[FT\]|quota"
)
"""What every pattern of a failure contains; most lines hold none of it."""

_ASSERTION = re.compile(r"AssertionError(?::|$)")
_QUIET_LEVELS = frozenset({"DEBUG", "INFO", "WARNING"})
_TOLD_QUIETLY = re.compile(r"exited unexpectedly|\[FT\]")
"""Deaths and faults that vLLM logs as mere warnings."""

_WANTED = re.compile(r"(?:KeyboardInterrupt|SystemExit|asyncio\.exceptions\.CancelledError)(?::|$)")
"""Exceptions by which a process ends because somebody wants it to."""

_DEFECT = "This is a defect of vLLM: report it with the traceback from the log."
_INVALID_SETTING = FailureRule(re.compile(""), "config.invalid_value", "Correct the setting that the message names.")
_WRITERS = ("main", "engine", "worker")
"""By depth."""


class Diagnosis:
    """Recognises failures; it remembers headings, tracebacks, and whether the server has started."""

    def __init__(self) -> None:
        self._blocks = Blocks()
        self.serving = False

    def find(self, record: LogRecord, time: float) -> FailureSeen | None:
        """Recognise a failure in one line.

        Args:
            record: the line; what is logged as a warning or less is no failure, unless it is known to be told so
                quietly.
            time: when it was read.
        """
        if record.level in _QUIET_LEVELS:
            told = _TOLD_QUIETLY.search(record.message) is not None
            return _known(record, Context(text=record.message), time) if told else None
        context = self._blocks.place(record)
        if context.fate is Fate.REQUEST:
            return None
        failure = _known(record, context, time) or _setting(record, context, time) or _unnamed(record, context, time)
        if failure is not None and failure.fatal and (context.fate is Fate.LIVES_ON or self._only_a_call(failure)):
            return attrs.evolve(failure, fatal=False)
        return failure

    def _only_a_call(self, failure: FailureSeen) -> bool:
        """What would end a start, such as a model that is not found, is the answer to a request later on."""
        return self.serving and failure.weight == ROOT and failure.depth == 0 and failure.process != ""


def _known(record: LogRecord, context: Context, time: float) -> FailureSeen | None:
    if not _SUSPICIOUS.search(context.text):
        return None
    rule = next((rule for rule in FAILURES if rule.pattern.search(context.text)), None)
    if rule is None and record.depth and _ASSERTION.match(context.text):
        code = f"{_WRITERS[record.depth]}.assertion"
        rule = FailureRule(_ASSERTION, code, _DEFECT, fatal=False)  # whether it is, other lines tell
    return _failure(record, context.text, rule, time) if rule is not None else None


def _setting(record: LogRecord, context: Context, time: float) -> FailureSeen | None:
    return _failure(record, context.setting, _INVALID_SETTING, time) if context.setting else None


def _unnamed(record: LogRecord, context: Context, time: float) -> FailureSeen | None:
    """An exception that no rule names is still better than none, where it is known to be the end.

    What a worker survives is left out: the engine repeats it when it gives up, and when another worker died it is but
    the loss of a peer (`kill_worker_tp2`).
    """
    ends = context.fate is Fate.ENDS or (context.uncaught and not record.process)
    if not context.exception or not ends or _WANTED.match(context.text):
        return None
    code = f"{_WRITERS[record.depth]}.exception"
    return _failure(record, context.text, FailureRule(_WANTED, code, "Read the traceback in the log.", DEATH), time)


def _failure(record: LogRecord, text: str, rule: FailureRule, time: float) -> FailureSeen:
    return FailureSeen(
        time=time,
        code=rule.code,
        cause=shown(text, 300),
        process=record.process,
        depth=record.depth,
        weight=rule.weight,
        fatal=rule.fatal,
        restart_helps=rule.retry,
        advice=rule.advice,
        summary=shown(text),
    )
