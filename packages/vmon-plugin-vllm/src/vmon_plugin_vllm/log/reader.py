"""From lines to evidence."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import attrs

from vmon_core.evidence import Evidence, PhaseReached, RequestAnswered, ServerStarted
from vmon_core.lifecycle.states import LifecycleState
from vmon_plugin_vllm.log.diagnosis import Diagnosis
from vmon_plugin_vllm.log.lines import LogRecord, parse_line
from vmon_plugin_vllm.log.patterns import RULES, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

_ACCESS = re.compile(r'^(?:[\w.:\[\]-]+ | )?- "(?P<method>[A-Z]+) (?P<path>[^ "]+) HTTP/[\d.]+" (?P<code>\d{3})')
"""A client on a Unix socket has no address."""

_QUOTING = re.compile(r"Received request |Request \S+ (?:details|JSON body): |  \{'type': ")
"""Lines that repeat what a client sent, because of `--enable-log-requests` or a malformed request: whoever may ask for
a completion could otherwise tell us that the server is stopping, or out of memory."""

_INFERENCE = ("/v1/", "/v2/", "/inference/", "/invocations", "/generative_scoring")

_WORD = re.compile(r"\w+")
_BY_WORD: dict[str, list[Rule]] = {}
"""The rules by the longest word of their anchor: one look at the words of a line finds the few that may match, in a
third of the time that looking for every anchor takes."""

for _known in RULES:
    _BY_WORD.setdefault(max(_WORD.findall(_known.anchor), key=len), []).append(_known)


class LogReader:
    """Makes evidence of a server's log; lines of several processes may be mixed.

    Most lines stand for themselves. Only failures need what came before: the heading of a traceback says whether the
    process lives on, and after the start a request can fail with the same words as the server.
    """

    def __init__(self) -> None:
        self._diagnosis = Diagnosis()

    def feed(self, line: str, time: float) -> list[Evidence]:
        """Read one line.

        Args:
            line: without its line break.
            time: when it was read; the log itself knows whole seconds at best.

        Returns:
            What it tells; nothing for the most of them.
        """
        record = parse_line(line)
        if "\n" not in record.message:
            return self._read(record, time)
        parts = record.message.splitlines()
        return [evidence for part in parts for evidence in self._read(attrs.evolve(record, message=part), time)]

    def _read(self, record: LogRecord, time: float) -> list[Evidence]:
        access = _ACCESS.match(record.message)
        if access:
            return _answered(access, time)
        if _QUOTING.match(record.message):
            return []
        found = list(_matches(record, time))
        for evidence in found:
            self._follow(evidence)
        failure = self._diagnosis.find(record, time)
        return [*found, failure] if failure is not None else found

    def _follow(self, evidence: Evidence) -> None:
        """Know whether the server has started; one that begins again writes into the same file."""
        if isinstance(evidence, ServerStarted):
            self._diagnosis.serving = True
        elif isinstance(evidence, PhaseReached) and evidence.state is LifecycleState.INITIALIZING:
            self._diagnosis.serving = False


def _answered(access: re.Match[str], time: float) -> list[Evidence]:
    if access["method"] != "POST" or not access["path"].startswith(_INFERENCE):
        return []
    return [RequestAnswered(time=time, path=access["path"], code=int(access["code"]))]


def _matches(record: LogRecord, time: float) -> Iterator[Evidence]:
    message = record.message
    for word in dict.fromkeys(w for w in _WORD.findall(message) if w in _BY_WORD):
        for rule in _BY_WORD[word]:
            match = rule.pattern.search(message) if rule.anchor in message else None
            evidence = _built(rule, match, record, time) if match else None
            if evidence is not None:
                yield evidence


def _built(rule: Rule, match: re.Match[str], record: LogRecord, time: float) -> Evidence | None:
    try:
        return rule.build(match, record, time)
    except ValueError:
        return None  # numbers of thousands of digits are no messages of vLLM's
