"""From samples of one scrape to the one piece of evidence that the lifecycle needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmon_core.evidence import EngineCounted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vmon_core.records import Sample

_FIELDS = {
    "vllm.engine.steps.count": "steps",
    "vllm.tokens.generated": "generated",
    "vllm.tokens.prompt": "prompted",
    "vllm.requests.finished": "finished",
    "vllm.requests.running": "running",
    "vllm.requests.waiting": "waiting",
    "vllm.requests.preempted": "preemptions",
    "vllm.requests.corrupted": "corrupted",
    "vllm.requests.rejected": "rejected",
}
_SLEEP = "vllm.engine.sleep_state"
_UPDATE = "vllm.operations.update_active"


def count(samples: Iterable[Sample], time: float, in_flight: float | None = None) -> EngineCounted:
    """Sum over the engines.

    Args:
        samples: of one scrape, under canonical names.
        time: when it was made, Unix seconds.
        in_flight: requests inside the API server by its own count, None where that is not tracked.

    Returns:
        The evidence; what the server does not offer is None.
    """
    sums: dict[str, float] = {}
    for sample in samples:
        field = _FIELDS.get(sample.name)
        if field is not None:
            sums[field] = sums.get(field, 0.0) + sample.value
        elif sample.name == _SLEEP and ("sleep_state", "awake") in sample.labels:
            sums["awake"] = max(sums.get("awake", 0.0), sample.value)
        elif sample.name == _UPDATE:
            sums["updating"] = sums.get("updating", 0.0) + sample.value
    awake, updating = sums.pop("awake", None), sums.pop("updating", None)
    return EngineCounted(
        time=time,
        in_flight=in_flight,
        asleep=None if awake is None else awake == 0,
        updating=None if updating is None else updating > 0,
        **sums,
    )
