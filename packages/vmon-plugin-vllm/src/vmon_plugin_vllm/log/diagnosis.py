"""From a line and those before it to a failure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import attrs

from vmon_core.evidence import FailureSeen
from vmon_plugin_vllm.log.blocks import Blocks, Context, Fate
from vmon_plugin_vllm.log.failures import FAILURES, deaths
from vmon_plugin_vllm.log.failures.configuration import INVALID_SETTING
from vmon_plugin_vllm.log.failures.rule import ROOT, FailureRule
from vmon_plugin_vllm.log.lines import shown

if TYPE_CHECKING:
    from vmon_plugin_vllm.log.lines import LogRecord

_SUSPICIOUS = re.compile(
    r"[Ee]rror|died|[Ff]ail|exited unexpectedly|unavailable|No space|divisible|larger than|not find|not supported|"
    r"[Tt]imed? ?out|Insufficient|expected|Watchdog|Too [mM]any|out of memory|Repo id|not valid|greater than|JSON|"
    r"can't|[Cc]annot|gated|restricted|seq len|cache blocks|less than|bind threads|recognize|kernel image|too large|"
    r"Exception|Unknown|[Ii]nvalid|No valid|Failing|Fault|NaNs|\[FT\]|quota|in use|appears to be|smaller than|does not|"
    r"No common|must be|requires|doesn't|not found|missing|No such file|No module|fallen|lost|custom code|Unrecognized|"
    r"trust_remote_code|[Nn]o CUDA|is only|too old|insufficient|Max retries|exceeds|Xid"
)
"""Of what every pattern of a failure contains a part; most lines hold none of it."""

_ASSERTION = re.compile(r"AssertionError(?::|$)")
_QUIET_LEVELS = frozenset({"DEBUG", "INFO", "WARNING"})
_TOLD_QUIETLY = re.compile(r"exited unexpectedly|\[FT\]")
"""Deaths and faults that vLLM logs as mere warnings."""

_WANTED = re.compile(r"(?:KeyboardInterrupt|SystemExit|asyncio\.exceptions\.CancelledError)(?::|$)")
"""Exceptions by which a process ends because somebody wants it to."""


CAUSE_LIMIT = 300
"""The most characters that are kept of a message and of the sentences made from it."""


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
    """What an entry names: by the line, or by the line with the source line that raised it."""
    for text in (context.text, context.raised):
        if text and _SUSPICIOUS.search(text):
            rule = next((rule for rule in FAILURES if rule.pattern.search(text)), None)
            if rule is not None:
                return _failure(record, text, rule, time)
    if record.depth and _ASSERTION.match(context.text):
        return _failure(record, context.text, deaths.ASSERTIONS[record.depth], time)
    return None


def _setting(record: LogRecord, context: Context, time: float) -> FailureSeen | None:
    return _failure(record, context.setting, INVALID_SETTING, time) if context.setting else None


def _unnamed(record: LogRecord, context: Context, time: float) -> FailureSeen | None:
    """An exception that no entry names is still better than none, where it is known to be the end.

    What a worker survives is left out: the engine repeats it when it gives up, and when another worker died it is but
    the loss of a peer (`kill_worker_tp2`).
    """
    ends = context.fate is Fate.ENDS or (context.uncaught and not record.process)
    if not context.exception or not ends or _WANTED.match(context.text):
        return None
    return _failure(record, context.text, deaths.EXCEPTIONS[record.depth], time)


def _failure(record: LogRecord, text: str, rule: FailureRule, time: float) -> FailureSeen:
    return FailureSeen(
        time=time,
        code=rule.code,
        cause=shown(text, CAUSE_LIMIT),
        process=record.process,
        depth=record.depth,
        weight=rule.weight,
        fatal=rule.fatal,
        restart_helps=bool(rule.again),
        advice=shown(rule.advise(text), CAUSE_LIMIT),
        category=rule.category,
        explanation=shown(rule.explain(text), CAUSE_LIMIT),
        again=rule.again,
        remedies=rule.remedies,
        summary=shown(text),
    )
