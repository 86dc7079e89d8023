"""What we ask a vLLM server, and what its answers prove.

Each look asks /health first. A server that gives no answer at all is not asked anything else: the other questions go
to the same event loop and would each wait as long. A path that answers 404 is not offered and is not asked for again
until the server restarts. 401 and 403 prove a living server whose door is locked.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import attrs

from vmon_core.evidence import Evidence, Probed, RoundTripped, ServerDescribed
from vmon_plugin_vllm.http.answers import described, server_load, why_no_metrics
from vmon_plugin_vllm.metrics.counting import Counting
from vmon_plugin_vllm.metrics.exposition import ExpositionError, ExpositionParser, Parsed
from vmon_plugin_vllm.metrics.names import plan, to_samples

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from vmon_core.records import Sample
    from vmon_plugin_vllm.http.client import Answer, Client

LOAD_EVERY = 10
"""How many looks apart a server is asked for its requests in flight while it says 0: most do not count them."""

HEALTH, METRICS, LOAD, MODELS, VERSION = "/health", "/metrics", "/load", "/v1/models", "/version"

ROUND_TRIPS = ("/is_paused", "/is_sleeping")
"""Questions that only the engine can answer, offered with VLLM_SERVER_DEV_MODE=1."""

_NOT_FOUND = 404
_LOCKED = frozenset({401, 403})
_STARTED = "vllm.api_server.started"


class Prober:
    """Looks at one server again and again, for one thread at a time. Nothing that a server does makes it raise.

    Args:
        client: how to ask it.

    Attributes:
        latest: the latest good scrape, for its histograms; None before the first.
    """

    def __init__(self, client: Client) -> None:
        self.latest: Parsed | None = None
        self._client = client
        self._parser = ExpositionParser()
        self._counting = Counting()
        self._started: float | None = None
        self._offset = 0.0
        self._forget()

    def _forget(self) -> None:
        """Start over with a server that may be another one."""
        self._absent: set[str] = set()
        self._to_describe = {VERSION, MODELS}
        self._tracks_load = False
        self._looks = 0

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def look(self, now: float) -> Iterator[Evidence | Sample]:
        """Ask for health, and when there is an answer, for load and metrics, and once for what the server is.

        Args:
            now: the time, Unix seconds; each observation carries the moment of its answer, counted from here.

        Yields:
            What each answer proves, and the samples of the scrape.
        """
        self._begin(now)
        answer, health = self._probe(HEALTH)
        yield health
        if answer.code is None:
            if answer.error != "timeout":  # a busy server is still the same one
                self._forget()
            return
        load = yield from self._load()
        yield from self._metrics(load)
        yield from self._describe()

    def round_trip(self, now: float, timeout: float) -> Iterator[RoundTripped]:
        """Ask something that only the engine can answer: the one question that no hang survives.

        Args:
            now: the time, Unix seconds.
            timeout: seconds to wait for the answer.

        Yields:
            Whether the engine answered in time; nothing when the server offers no such question.
        """
        self._begin(now)
        for path in ROUND_TRIPS:
            if path in self._absent:
                continue
            answer, probed = self._probe(path, timeout)
            if answer.code != _NOT_FOUND and answer.code not in _LOCKED:
                error = answer.error or ("" if answer.ok else f"HTTP {answer.code}")
                yield RoundTripped(time=probed.time, what=path, ok=answer.ok, seconds=answer.seconds, error=error)
                return

    def _begin(self, now: float) -> None:
        self._offset = now - time.monotonic()

    def _probe(self, path: str, timeout: float | None = None) -> tuple[Answer, Probed]:
        answer = self._client.get(path, timeout=timeout)
        if answer.code == _NOT_FOUND:
            self._absent.add(path)
        return answer, Probed(
            time=self._offset + time.monotonic(),
            path=path,
            code=answer.code,
            error=answer.error,
            seconds=answer.seconds,
            summary=_summary(path, answer),
        )

    def _load(self) -> Generator[Probed, None, float | None]:
        """Ask for the requests in flight. A server that does not track them says 0 for ever: 0 alone proves nothing."""
        self._looks += 1
        if LOAD in self._absent or (not self._tracks_load and self._looks % LOAD_EVERY != 1):
            return None
        answer, probed = self._probe(LOAD)
        yield probed
        load = server_load(answer)
        self._tracks_load = self._tracks_load or bool(load)
        return load if self._tracks_load else None

    def _metrics(self, in_flight: float | None) -> Iterator[Evidence | Sample]:
        if METRICS in self._absent:
            return
        answer, probed = self._probe(METRICS)
        if not answer.ok:
            yield probed
            return
        try:
            parsed = self._parse(answer)
        except ValueError as problem:
            yield attrs.evolve(probed, error="other", summary=f"{METRICS} {problem}")
            return
        yield probed
        yield from self._read(parsed, probed.time, in_flight)

    def _parse(self, answer: Answer) -> Parsed:
        """Parse a scrape; a ValueError says what it is instead."""
        problem = why_no_metrics(answer)
        if problem:
            raise ValueError(problem)
        try:
            return self._parser.parse(answer.body)
        except ExpositionError as error:
            msg = f"is no Prometheus text: {error}"
            raise ValueError(msg) from None

    def _read(self, parsed: Parsed, now: float, in_flight: float | None) -> Iterator[Evidence | Sample]:
        self.latest = parsed
        samples = to_samples(parsed, now)
        self._notice_restart(samples)
        yield self._counting.to_evidence(samples, now, in_flight, plan(parsed.layout).offered)
        yield from samples

    def _notice_restart(self, samples: list[Sample]) -> None:
        started = next((sample.value for sample in samples if sample.name == _STARTED), None)
        if started is not None and self._started not in {None, started}:
            self._forget()
        self._started = started

    def _describe(self) -> Iterator[Evidence]:
        """Ask once who the server is; what it could not say yet is asked again at the next look."""
        for path in sorted(self._to_describe):
            answer, probed = self._probe(path)
            yield probed
            if answer.ok or answer.code == _NOT_FOUND or answer.code in _LOCKED:
                self._to_describe.discard(path)
            facts = described(answer)
            if facts:
                yield ServerDescribed(time=probed.time, facts=facts, summary=f"{path} answered")


def _summary(path: str, answer: Answer) -> str:
    if answer.code is None:
        return f"{path}: {answer.error} ({answer.detail})"
    locked = ", locked: it needs an API key" if answer.code in _LOCKED else ""
    return f"{path} answered {answer.code}{locked}"
