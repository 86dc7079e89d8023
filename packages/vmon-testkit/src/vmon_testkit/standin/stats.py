"""The stats line that vLLM logs every ten seconds."""

from __future__ import annotations

import time
from collections.abc import Sequence

import attrs

from vmon_testkit.standin import messages
from vmon_testkit.standin.client import EngineClient
from vmon_testkit.standin.logs import Log

_PROMPT = "vllm:prompt_tokens_total"
_GENERATION = "vllm:generation_tokens_total"


@attrs.define
class StatsLine:
    """Rates since the previous line, for each engine.

    Attributes:
        log: of the API server.
        engines: whose values to print.
        interval: seconds between two lines.
        due: when the next line is due, on the monotonic clock; never before `start`.
    """

    log: Log
    engines: Sequence[EngineClient]
    interval: float
    due: float = float("inf")
    _before: list[tuple[float, float]] = attrs.field(factory=list)
    _idle: list[bool] = attrs.field(factory=list)

    def start(self) -> None:
        """Begin to count."""
        self._before = [(0.0, 0.0) for _ in self.engines]
        self._idle = [True for _ in self.engines]
        self.due = time.monotonic() + self.interval

    def write_if_due(self) -> None:
        """Write the lines, if it is time. The second of two idle ones is left out, as vLLM does."""
        if time.monotonic() < self.due:
            return
        self.due += self.interval
        for index in range(len(self.engines)):
            self._write(index)

    def _write(self, index: int) -> None:
        values = self.engines[index].snapshot.values
        prompt, generation = values[_PROMPT], values[_GENERATION]
        rates = (prompt - self._before[index][0]) / self.interval, (generation - self._before[index][1]) / self.interval
        self._before[index] = prompt, generation
        idle = not any(rates)
        if not (idle and self._idle[index]):
            self.log.write(
                messages.STATS,
                engine=index,
                prompt=rates[0],
                generation=rates[1],
                running=int(values["vllm:num_requests_running"]),
                waiting=int(values["vllm:num_requests_waiting"]),
                kv=100 * values["vllm:kv_cache_usage_perc"],
                hits=0.0,
            )
        self._idle[index] = idle
