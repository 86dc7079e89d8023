"""One look at a server over HTTP: is it well, what do its counters say, what is it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from vmon_core.evidence import Evidence, Probed, RoundTripped, ServerDescribed
from vmon_plugin_vllm.metrics.counting import Counting
from vmon_plugin_vllm.metrics.exposition import ExpositionParser
from vmon_plugin_vllm.metrics.lines import ExpositionError
from vmon_plugin_vllm.metrics.names import plan, to_samples

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmon_core.records import Sample
    from vmon_plugin_vllm.http.client import Answer, Client

NOT_OFFERED = frozenset({404, 405, 501})
"""Codes that say that a server does not have a route; they are remembered until it starts again."""

ASK_AGAIN_SECONDS = 300.0
"""How often what hardly changes (models, version) is asked for, in seconds."""


class Prober:
    """Looks at one server again and again.

    Args:
        client: reaches it.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._parser = ExpositionParser()
        self._counting = Counting()
        self._absent: set[str] = set()
        self._described_at: float | None = None
        self._down = True

    def look(self, now: float) -> Iterator[Evidence | Sample]:
        """Probe /health and, where somebody answers, /metrics and /load; describe the server after it came up.

        Args:
            now: the time of the look, Unix seconds.
        """
        health = self._client.get("/health")
        yield self._probed("/health", health, now)
        if health.code is None:
            self._down = True
            return
        if self._down:
            self._came_up()
        yield from self._scrape(now)
        if self._described_at is None or now - self._described_at > ASK_AGAIN_SECONDS:
            self._described_at = now
            yield from self._describe(now)

    def round_trip(self, now: float, timeout: float) -> Iterator[Evidence]:
        """Ask something that only the engine can answer, where the server offers it (`VLLM_SERVER_DEV_MODE`).

        Args:
            now: the time, Unix seconds.
            timeout: seconds to wait for the answer.
        """
        if "/is_paused" in self._absent:
            return
        answer = self._client.get("/is_paused", timeout=timeout)
        if answer.code in NOT_OFFERED:
            self._absent.add("/is_paused")
        elif answer.code is None or answer.code < 400:  # noqa: PLR2004 (HTTP's own number)
            ok = answer.code is not None
            yield RoundTripped(time=now, what="/is_paused", ok=ok, seconds=answer.seconds, error=answer.error)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _came_up(self) -> None:
        """A server that was away may be another one now."""
        self._down = False
        self._absent.clear()
        self._described_at = None

    def _scrape(self, now: float) -> Iterator[Evidence | Sample]:
        answer = self._get("/metrics")
        if answer is None:
            return
        if answer.code is None or answer.code >= 300:  # noqa: PLR2004 (HTTP's own number)
            yield self._probed("/metrics", answer, now)
            return
        try:
            parsed = self._parser.parse(answer.body)
        except ExpositionError as error:
            summary = f"/metrics is no exposition: {error}"
            yield Probed(time=now, path="/metrics", error="not_metrics", seconds=answer.seconds, summary=summary)
            return
        samples = to_samples(parsed, now)
        yield self._counting.to_evidence(samples, now, self._in_flight(), plan(parsed.layout).offered)
        yield self._probed("/metrics", answer, now)
        yield from samples

    def _in_flight(self) -> float | None:
        """Requests inside the API server; without tracking the server says 0 for ever, which is nothing known."""
        answer = self._get("/load")
        load = _json(answer).get("server_load") if answer is not None else None
        return float(load) if isinstance(load, int) and load > 0 else None

    def _describe(self, now: float) -> Iterator[Evidence]:
        facts: dict[str, Any] = {}
        version = _json(self._get("/version")).get("version")
        if isinstance(version, str):
            facts["version"] = version
        models = _json(self._get("/v1/models")).get("data")
        if isinstance(models, list) and models and isinstance(models[0], dict):
            facts |= {k: models[0][k] for k in ("id", "root", "max_model_len") if models[0].get(k) is not None}
        if facts:
            yield ServerDescribed(time=now, facts=facts, summary="what the server says of itself")

    def _get(self, path: str) -> Answer | None:
        """Ask for what the server is known to offer, or not known to lack."""
        if path in self._absent:
            return None
        answer = self._client.get(path)
        if answer.code in NOT_OFFERED:
            self._absent.add(path)
            return None
        return answer

    @staticmethod
    def _probed(path: str, answer: Answer, now: float) -> Probed:
        what = f"{path} answers {answer.code}" if answer.code is not None else f"{path}: {answer.error}"
        return Probed(time=now, path=path, code=answer.code, error=answer.error, seconds=answer.seconds, summary=what)


def _json(answer: Answer | None) -> dict[str, Any]:
    """The body as an object; empty for everything that is none."""
    if answer is None or answer.code != 200:  # noqa: PLR2004 (HTTP's own number)
        return {}
    try:
        data = json.loads(answer.body)
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}
