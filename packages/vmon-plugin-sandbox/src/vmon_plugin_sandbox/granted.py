"""The host functions that there are, as their users see them; `functions` has what they do."""

from __future__ import annotations

from vmon_core.dynamic import GrantedFunction

ALL: tuple[GrantedFunction, ...] = (
    GrantedFunction(
        name="collect_gpu_metrics",
        signature="collect_gpu_metrics() -> dict[str, Any]",
        summary=(
            "The newest figures of the hottest GPU, and under `gpus` the same for each: gpu (its number, `3.1` for a "
            "MIG instance), kind (its vendor), temperature, temperature_margin and memory_temperature (celsius), "
            "utilization and memory_utilization (0 to 1), memory_used_bytes, memory_free_bytes, memory_total_bytes, "
            "power_watts, power_limit_watts, throttled (1 while it is), health (0 healthy, 1 degraded, 2 unhealthy). A "
            "figure that is not known is None. Without GPU metrics a trial gets example values; a live run ends and is "
            "counted as `no data`, not as an error."
        ),
        example="hot = collect_gpu_metrics()['temperature'] > 80",
    ),
    GrantedFunction(
        name="get_metric",
        signature="get_metric(name: str) -> float | None",
        summary="The newest value of a metric of the last minute, summed over its labels; None when there is none.",
        example="waiting = get_metric('vllm.requests.waiting') or 0",
    ),
    GrantedFunction(
        name="metric_rate",
        signature="metric_rate(name: str, seconds: float = 60.0) -> float | None",
        summary="How much a counter grew in each second of the last `seconds` (at most 600); None when nobody knows.",
        example="rate = metric_rate('vllm.tokens.generated', 30)",
    ),
    GrantedFunction(
        name="get_state",
        signature="get_state() -> str",
        summary="The state of the deployment, such as SERVING.",
        example="serving = get_state() == 'SERVING'",
    ),
    GrantedFunction(
        name="list_metrics",
        signature="list_metrics(prefix: str = '') -> list[str]",
        summary="The names under `checkpoint.metrics` that begin with `prefix`, at most 500.",
        example="names = list_metrics('vllm.')",
    ),
    GrantedFunction(
        name="now",
        signature="now() -> float",
        summary="The time of the checkpoint, Unix seconds.",
        example="age = now() - checkpoint.time",
    ),
)

NAMES: tuple[str, ...] = tuple(function.name for function in ALL)
