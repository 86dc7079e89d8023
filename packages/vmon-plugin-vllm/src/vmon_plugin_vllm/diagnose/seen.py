"""Look at a server once, within a deadline: what it answers, how it was started, and what its log tells."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from vmon_core.evidence import PhaseReached, ServerDescribed
from vmon_core.records import Target
from vmon_plugin_vllm.http.answers import described, server_load, why_no_metrics
from vmon_plugin_vllm.http.client import Answer, Client
from vmon_plugin_vllm.log.lines import LineSplitter
from vmon_plugin_vllm.log.reader import LogReader
from vmon_plugin_vllm.metrics.exposition import ExpositionError, ExpositionParser
from vmon_plugin_vllm.metrics.families import Layout
from vmon_plugin_vllm.process.command import runs_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmon_plugin_vllm.config import VllmConfig

SECONDS = 1.8
"""For all questions together: `vmon_diagnose` promises an answer within two seconds."""

PATHS = ("/health", "/version", "/load", "/v1/models", "/metrics", "/is_paused")
"""What is asked, in this order; the last one only the engine can answer."""

LOG_BYTES = 1 << 20
"""How much of the beginning of a log is read: a start of vLLM 0.32 writes some 30 KB."""


@attrs.frozen(kw_only=True)
class Seen:
    """What was seen of a server.

    Attributes:
        target: whom.
        answers: its answers by path; empty where there is no URL, without those that time did not allow.
        layout: the metrics that it shows, None where it showed none that can be read.
        no_metrics: why there are none.
        version: of the running server, "" where it did not tell.
        load: the requests in flight that it told, None where it told none.
        phases: how many messages of its log told a phase of the start; None where there is no log to read.
        messages: how many messages of its log told something at all.
    """

    target: Target
    answers: Mapping[str, Answer] = attrs.field(factory=dict)
    layout: Layout | None = None
    no_metrics: str = ""
    version: str = ""
    load: float | None = None
    phases: int | None = None
    messages: int = 0

    @property
    def answered(self) -> bool:
        """Whether anybody answers at its URL."""
        return self.answers.get("/health", Answer()).code is not None

    def has_flag(self, flag: str) -> bool | None:
        """Whether it was started with a flag such as `--disable-log-stats`; None where its command does not tell."""
        if any(part.partition("=")[0].replace("_", "-") == flag for part in self.target.command):
            return True
        return False if runs_server(self.target.command) else None


def look(target: Target, config: VllmConfig) -> Seen:
    """Look at a server.

    Args:
        target: it may have no URL, no process and no log.
        config: how to ask.

    Returns:
        What was seen, after `SECONDS` at most and the time to read its log.
    """
    answers = dict(_asked(target, config)) if target.url else {}
    layout, why = _metrics(answers.get("/metrics"))
    phases, messages, told = _log(target.log)
    version = described(answers["/version"]).get("version") if "/version" in answers else None
    return Seen(
        target=target,
        answers=answers,
        layout=layout,
        no_metrics=why,
        version=str(version or told),
        load=server_load(answers["/load"]) if "/load" in answers else None,
        phases=phases,
        messages=messages,
    )


def _asked(target: Target, config: VllmConfig) -> Iterator[tuple[str, Answer]]:
    """Ask as long as there is time; who does not answer the first question is not asked any other."""
    client = Client(target.url, api_key=config.api_key, ca=config.ca, insecure=config.insecure, timeout=config.timeout)
    end = time.monotonic() + SECONDS
    try:
        for path in PATHS:
            left = end - time.monotonic()
            if left <= 0:
                return
            answer = client.get(path, timeout=min(left, config.timeout))
            yield path, answer
            if answer.code is None and path == PATHS[0]:
                return
    finally:
        client.close()


def _metrics(answer: Answer | None) -> tuple[Layout | None, str]:
    if answer is None:
        return None, "nobody could be asked for /metrics"
    if not answer.ok:
        return None, f"/metrics answered {answer.code}" if answer.code else f"/metrics: {answer.error}"
    problem = why_no_metrics(answer)
    if problem:
        return None, f"/metrics {problem}"
    try:
        return ExpositionParser().parse(answer.body).layout, ""
    except ExpositionError as error:
        return None, f"/metrics is no Prometheus text: {error}"


def _log(path: str) -> tuple[int | None, int, str]:
    """How many messages tell a phase, how many tell something, and the version that one of them told."""
    try:
        with Path(path).open("rb") as file:
            data = file.read(LOG_BYTES)
    except OSError:
        return None, 0, ""
    reader = LogReader()
    found = [e for line in LineSplitter().feed(data) for e in reader.feed(line, 0.0)]
    versions = [e.facts.get("version", "") for e in found if isinstance(e, ServerDescribed)]
    return sum(isinstance(e, PhaseReached) for e in found), len(found), str(next(filter(None, versions), ""))
