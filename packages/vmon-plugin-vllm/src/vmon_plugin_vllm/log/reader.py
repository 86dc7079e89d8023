"""From lines to evidence."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from vmon_core.evidence import Evidence, RequestAnswered
from vmon_plugin_vllm.log.failures import find_failure
from vmon_plugin_vllm.log.lines import LogRecord, parse_line
from vmon_plugin_vllm.log.patterns import RULES, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

_ACCESS = re.compile(r'^[\w.:\[\]-]+ - "(?P<method>[A-Z]+) (?P<path>[^ "]+) HTTP/[\d.]+" (?P<code>\d{3})')
_INFERENCE = ("/v1/", "/v2/", "/inference/", "/invocations", "/generative_scoring")

_BY_ANCHOR: dict[str, list[Rule]] = {}
for _known in RULES:
    _BY_ANCHOR.setdefault(_known.anchor, []).append(_known)
_ANCHORS = re.compile("|".join(re.escape(a) for a in sorted(_BY_ANCHOR, key=len, reverse=True)))


class LogReader:
    """Makes evidence of a server's log; every line stands for itself, so lines of several processes may be mixed."""

    def feed(self, line: str, time: float) -> list[Evidence]:
        """Read one line.

        Args:
            line: without its line break.
            time: when it was read; the log itself knows whole seconds at best.

        Returns:
            What it tells; nothing for the most of them.
        """
        record = parse_line(line)
        access = _ACCESS.match(record.message)
        if access:
            return _answered(access, time)
        found = list(_matches(record, time))
        failure = find_failure(record, time)
        return [*found, failure] if failure is not None else found


def _answered(access: re.Match[str], time: float) -> list[Evidence]:
    if access["method"] != "POST" or not access["path"].startswith(_INFERENCE):
        return []
    return [RequestAnswered(time=time, path=access["path"], code=int(access["code"]))]


def _matches(record: LogRecord, time: float) -> Iterator[Evidence]:
    for anchor in dict.fromkeys(_ANCHORS.findall(record.message)):
        for rule in _BY_ANCHOR[anchor]:
            match = rule.pattern.search(record.message)
            evidence = rule.build(match, record, time) if match else None
            if evidence is not None:
                yield evidence
