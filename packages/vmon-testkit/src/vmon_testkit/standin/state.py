"""What the threads of the API server share."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import attrs

from vmon_testkit.standin.client import EngineClient
from vmon_testkit.standin.exposition import Family
from vmon_testkit.standin.inbox import Inbox
from vmon_testkit.standin.logs import Log
from vmon_testkit.standin.options import Options

if TYPE_CHECKING:
    from collections.abc import Iterator


@attrs.define
class State:
    """The API server's state.

    Attributes:
        options: the stand-in's settings.
        log: the log of the main process.
        inbox: where faults that are injected over HTTP go.
        engines: by data-parallel rank.
        families: the template of /metrics.
        faults: those that are on, with their parameters.
        engine_dead: what /health reports.
        refusing: new requests fail while the engines drain.
        sleep_level: of the last /sleep, or None while awake.
        requests: answered requests by (handler, method, status class).
        started: wall clock of the start.
    """

    options: Options
    log: Log
    inbox: Inbox
    engines: Sequence[EngineClient]
    families: Sequence[Family]
    faults: dict[str, Mapping[str, Any]] = attrs.field(factory=dict)
    engine_dead: bool = False
    refusing: bool = False
    sleep_level: int | None = None
    requests: Counter[tuple[str, str, str]] = attrs.field(factory=Counter)
    started: float = attrs.field(factory=time.time)
    _in_flight: int = 0
    _changed: threading.Condition = attrs.field(factory=threading.Condition)

    @property
    def in_flight(self) -> int:
        """Inference requests that are not answered yet."""
        return self._in_flight

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Count an inference request while it lasts."""
        self._count(1)
        try:
            yield
        finally:
            self._count(-1)

    def wait_idle(self, timeout: float | None) -> bool:
        """Wait until no inference request is in flight; returns whether that came true."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._in_flight, timeout)

    def answered(self, handler: str, method: str, status: int) -> None:
        """Count an answered request, as http_requests_total does."""
        with self._changed:
            self.requests[handler, method, f"{status // 100}xx"] += 1

    def _count(self, change: int) -> None:
        with self._changed:
            self._in_flight += change
            self._changed.notify_all()
