"""What a server's HTTP interface and its metrics tell."""

from __future__ import annotations

import attrs

from vmon_core.evidence.base import Evidence, Source


@attrs.frozen(kw_only=True)
class Probed(Evidence):
    """One HTTP request of ours and its answer.

    Attributes:
        path: what was asked, such as `/health`.
        code: the HTTP status, None when there was no answer.
        error: why there was none: refused, reset, timeout, tls, not_http, too_large, unresolved, other.
        seconds: how long it took.
    """

    source = Source.HTTP
    path: str
    code: int | None = None
    error: str = ""
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether the server answered that all is well."""
        return self.code is not None and 200 <= self.code < 300  # noqa: PLR2004 (HTTP's own numbers)


@attrs.frozen(kw_only=True)
class EngineCounted(Evidence):
    """One fresh scrape's view of the engines, summed over them. None: the server does not offer that series.

    Attributes:
        steps: engine steps so far (`iteration_tokens_total_count`), the best heartbeat.
        generated, prompted: tokens so far.
        finished: requests finished so far.
        running, waiting: gauges, sampled at step ends: they freeze in a hang, so they never decide alone.
        in_flight: requests inside the API server by its own count (/load), where tracking is on.
        preemptions, corrupted, rejected: counters.
        asleep: the sleep gauge.
        updating: weight-update operations in flight.
    """

    source = Source.METRIC
    steps: float | None = None
    generated: float | None = None
    prompted: float | None = None
    finished: float | None = None
    running: float | None = None
    waiting: float | None = None
    in_flight: float | None = None
    preemptions: float | None = None
    corrupted: float | None = None
    rejected: float | None = None
    asleep: bool | None = None
    updating: bool | None = None


@attrs.frozen(kw_only=True)
class RoundTripped(Evidence):
    """A request that passes through the engine was answered or not: the only probe that no hang survives.

    Attributes:
        what: the request, such as `/is_paused` or `canary`.
    """

    source = Source.ROUND_TRIP
    what: str
    ok: bool
    seconds: float
    error: str = ""
