"""From the samples of one scrape to the one piece of evidence that the lifecycle needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmon_core.evidence import EngineCounted
from vmon_plugin_vllm.metrics.counters import Counters, Freshness

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from vmon_core.records import Sample

_STEPS = "vllm.engine.steps"
_GENERATED = "vllm.tokens.generated"
_PROMPTED = "vllm.tokens.prompt"
_FINISHED = "vllm.requests.finished"
_PREEMPTED = "vllm.requests.preempted"
_CORRUPTED = "vllm.requests.corrupted"
_REJECTED = "vllm.requests.rejected"
_RUNNING = "vllm.requests.running"
_WAITING = "vllm.requests.waiting"
_SLEEP_STATE = "vllm.engine.sleep_state"
_AWAKE = ("sleep_state", "awake")
_UPDATING = "vllm.weight_update.in_flight"


class Counting:
    """Turns the scrapes of one target into evidence; it remembers its counters over restarts of an engine."""

    def __init__(self) -> None:
        self._counters = Counters()

    def to_evidence(
        self,
        samples: Collection[Sample],
        time: float,
        in_flight: float | None = None,
        offered: Collection[str] = (),
    ) -> EngineCounted:
        """Say what a scrape tells of the engines' progress.

        Args:
            samples: of the scrape, under our names.
            time: when it was taken, Unix seconds.
            in_flight: requests inside the API server by its own count, None where it does not count.
            offered: our names of what the server has even if no series of it exists yet, see `names.Plan`.

        Returns:
            The counts over all engines; None for each that the server does not offer.
        """
        self._counters.observe(samples, time)
        updating = _sum(samples, _UPDATING)
        return EngineCounted(
            time=time,
            steps=self._total(_STEPS, offered),
            generated=self._total(_GENERATED, offered),
            prompted=self._total(_PROMPTED, offered),
            finished=self._total(_FINISHED, offered),
            preemptions=self._total(_PREEMPTED, offered),
            corrupted=self._total(_CORRUPTED, offered),
            rejected=self._total(_REJECTED, offered),
            running=_sum(samples, _RUNNING),
            waiting=_sum(samples, _WAITING),
            in_flight=in_flight,
            asleep=_asleep(samples),
            updating=None if updating is None else updating > 0,
        )

    def _total(self, name: str, offered: Collection[str]) -> float | None:
        """Sum a counter; one that is offered, but of which no labelled series exists yet, has counted nothing."""
        if name in offered and self._counters.freshness(name) is Freshness.MISSING:
            return 0.0
        return self._counters.total(name)


def count(samples: Collection[Sample], time: float, in_flight: float | None = None) -> EngineCounted:
    """Sum a single scrape over the engines, where there is no earlier one to go by.

    Args:
        samples: of one scrape, under our names.
        time: when it was taken, Unix seconds.
        in_flight: requests inside the API server by its own count, None where it does not count.

    Returns:
        The evidence; what the server does not offer is None.
    """
    return Counting().to_evidence(samples, time, in_flight)


def _asleep(samples: Iterable[Sample]) -> bool | None:
    """Whether no engine is awake; None where the server does not tell."""
    awake = [sample.value for sample in samples if sample.name == _SLEEP_STATE and _AWAKE in sample.labels]
    return not any(awake) if awake else None


def _sum(samples: Iterable[Sample], name: str) -> float | None:
    values = [sample.value for sample in samples if sample.name == name]
    return sum(values) if values else None
