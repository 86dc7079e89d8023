"""The metrics of vLLM 0.32 under names of our own that outlive its renames.

Each entry says what the number means. Aliases are the names of other versions; distributions only change the prefix
(`vllm:`, `vllm_`, `ray_vllm_`, `kserve_vllm:`), which `names.py` takes off.
"""

from __future__ import annotations

from enum import StrEnum

import attrs


class Kind(StrEnum):
    """How a metric behaves."""

    GAUGE = "gauge"
    COUNTER = "counter"
    HISTOGRAM = "histogram"


@attrs.frozen
class Metric:
    """One metric.

    Attributes:
        name: the canonical name.
        kind: how it behaves.
        unit: of its values; "" for plain counts.
        text: what it means.
        source: vLLM's own name, without prefix and without `_total`.
        aliases: what other versions call it.
    """

    name: str
    kind: Kind
    unit: str
    text: str
    source: str
    aliases: tuple[str, ...] = ()


G, C, H = Kind.GAUGE, Kind.COUNTER, Kind.HISTOGRAM


def _latency(name: str, source: str, text: str, *aliases: str) -> Metric:
    return Metric(f"vllm.latency.{name}", H, "seconds", text, source, aliases)


CATALOGUE: tuple[Metric, ...] = (
    # --- requests ---
    Metric("vllm.requests.running", G, "", "Requests in the engine's batch; frozen in a hang.", "num_requests_running"),
    Metric("vllm.requests.waiting", G, "", "Requests that wait for a place; frozen in a hang.", "num_requests_waiting"),
    Metric(
        "vllm.requests.waiting_by_reason",
        G,
        "",
        "Requests that wait, by reason: capacity or deferred.",
        "num_requests_waiting_by_reason",
    ),
    Metric(
        "vllm.requests.kv_fetch",
        G,
        "",
        "Requests that wait for KV blocks of another instance, by stage.",
        "num_requests_kv_fetch_by_stage",
    ),
    Metric("vllm.requests.swapped", G, "", "Requests swapped out to host memory (V0 only).", "num_requests_swapped"),
    Metric("vllm.requests.finished", C, "", "Requests that finished, by reason.", "request_success"),
    Metric("vllm.requests.preempted", C, "", "Preemptions; the prompt sign of KV pressure.", "num_preemptions"),
    Metric("vllm.requests.rejected", C, "", "Requests refused for lack of room, by reason.", "admission_rejections"),
    Metric("vllm.requests.corrupted", C, "", "Answers with invalid numbers (NaN) in them.", "corrupted_requests"),
    Metric("vllm.requests.watermarked", C, "", "Watermarked requests, by status.", "watermark_requests"),
    Metric("vllm.requests.lora", G, "seconds", "When LoRA adapters were last in use.", "lora_requests_info"),
    # --- engine ---
    Metric(
        "vllm.engine.steps",
        H,
        "tokens",
        "Tokens of each engine step; its count is the heartbeat.",
        "iteration_tokens_total",
    ),
    Metric("vllm.engine.sleep_state", G, "", "1 for the sleep state that the engine is in.", "engine_sleep_state"),
    Metric("vllm.engine.cache_config", G, "", "The resolved cache configuration, as labels.", "cache_config_info"),
    Metric(
        "vllm.engine.flops",
        C,
        "flops",
        "Estimated work for each GPU, with --enable-mfu-metrics.",
        "estimated_flops_per_gpu",
    ),
    Metric("vllm.engine.read", C, "bytes", "Estimated bytes read by each GPU.", "estimated_read_bytes_per_gpu"),
    Metric("vllm.engine.written", C, "bytes", "Estimated bytes written by each GPU.", "estimated_write_bytes_per_gpu"),
    # --- tokens ---
    Metric("vllm.tokens.prompt", C, "tokens", "Prompt tokens processed.", "prompt_tokens"),
    Metric("vllm.tokens.generated", C, "tokens", "Tokens generated.", "generation_tokens"),
    Metric(
        "vllm.tokens.prompt_by_source",
        C,
        "tokens",
        "Prompt tokens, by where they came from.",
        "prompt_tokens_by_source",
    ),
    Metric("vllm.tokens.prompt_cached", C, "tokens", "Prompt tokens found in a cache.", "prompt_tokens_cached"),
    Metric(
        "vllm.tokens.prompt_cached_by_source",
        C,
        "tokens",
        "Cached prompt tokens, by cache.",
        "prompt_tokens_cached_by_source",
    ),
    Metric("vllm.tokens.prompt_recomputed", C, "tokens", "Cached tokens computed again.", "prompt_tokens_recomputed"),
    # --- caches ---
    Metric(
        "vllm.kv_cache.usage",
        G,
        "ratio",
        "Share of KV blocks in use, 0 to 1.",
        "kv_cache_usage_perc",
        ("gpu_cache_usage_perc",),
    ),
    Metric("vllm.kv_cache.block_lifetime", H, "seconds", "How long KV blocks live.", "kv_block_lifetime_seconds"),
    Metric(
        "vllm.kv_cache.block_idle",
        H,
        "seconds",
        "How long KV blocks rest before eviction.",
        "kv_block_idle_before_evict_seconds",
    ),
    Metric(
        "vllm.kv_cache.block_reuse", H, "seconds", "Time between two uses of a KV block.", "kv_block_reuse_gap_seconds"
    ),
    Metric(
        "vllm.prefix_cache.queries",
        C,
        "tokens",
        "Tokens looked up in the prefix cache.",
        "prefix_cache_queries",
        ("gpu_prefix_cache_queries",),
    ),
    Metric(
        "vllm.prefix_cache.hits",
        C,
        "tokens",
        "Tokens found in the prefix cache.",
        "prefix_cache_hits",
        ("gpu_prefix_cache_hits",),
    ),
    Metric(
        "vllm.external_cache.queries",
        C,
        "tokens",
        "Tokens looked up in other instances' caches.",
        "external_prefix_cache_queries",
    ),
    Metric(
        "vllm.external_cache.hits",
        C,
        "tokens",
        "Tokens found in other instances' caches.",
        "external_prefix_cache_hits",
    ),
    Metric("vllm.multimodal_cache.queries", C, "", "Items looked up in the multimodal cache.", "mm_cache_queries"),
    Metric("vllm.multimodal_cache.hits", C, "", "Items found in the multimodal cache.", "mm_cache_hits"),
    # --- latency ---
    _latency("ttft", "time_to_first_token_seconds", "Time to the first token."),
    _latency("itl", "inter_token_latency_seconds", "Time between two tokens.", "time_per_output_token_seconds"),
    _latency("tpot", "request_time_per_output_token_seconds", "Mean time for each output token of a request."),
    _latency("e2e", "e2e_request_latency_seconds", "Time from arrival to the last token."),
    _latency("queue", "request_queue_time_seconds", "Time in the queue."),
    _latency("inference", "request_inference_time_seconds", "Time in the engine."),
    _latency("prefill", "request_prefill_time_seconds", "Time for the prompt."),
    _latency("decode", "request_decode_time_seconds", "Time for the answer."),
    # --- sizes of requests ---
    Metric("vllm.request.prompt_tokens", H, "tokens", "Prompt length.", "request_prompt_tokens"),
    Metric("vllm.request.generated_tokens", H, "tokens", "Answer length.", "request_generation_tokens"),
    Metric(
        "vllm.request.max_generated", H, "tokens", "Longest answer of a request.", "request_max_num_generation_tokens"
    ),
    Metric("vllm.request.n", H, "", "The parameter n.", "request_params_n"),
    Metric("vllm.request.max_tokens", H, "tokens", "The parameter max_tokens.", "request_params_max_tokens"),
    Metric("vllm.request.preemptions", H, "", "Preemptions of a request.", "request_num_preemptions"),
    Metric(
        "vllm.request.prefill_computed",
        H,
        "tokens",
        "Prompt tokens not found in a cache.",
        "request_prefill_kv_computed_tokens",
    ),
    # --- speculative decoding ---
    Metric("vllm.speculation.drafts", C, "", "Drafts made.", "spec_decode_num_drafts"),
    Metric("vllm.speculation.drafted", C, "tokens", "Tokens drafted.", "spec_decode_num_draft_tokens"),
    Metric("vllm.speculation.accepted", C, "tokens", "Drafted tokens accepted.", "spec_decode_num_accepted_tokens"),
    Metric(
        "vllm.speculation.accepted_by_position",
        C,
        "tokens",
        "Accepted tokens, by position.",
        "spec_decode_num_accepted_tokens_per_pos",
    ),
    # --- operations ---
    Metric(
        "vllm.operations.sleep_duration",
        H,
        "seconds",
        "How long sleeping and waking took.",
        "sleep_mode_operation_duration_seconds",
    ),
    Metric("vllm.operations.sleep_active", G, "", "Sleep operations going on.", "sleep_mode_operations_in_flight"),
    Metric(
        "vllm.operations.update_duration",
        H,
        "seconds",
        "How long weight updates took.",
        "rl_weight_update_operation_duration_seconds",
    ),
    Metric("vllm.operations.update_active", G, "", "Weight updates going on.", "rl_weight_update_operations_in_flight"),
    Metric("vllm.tools.parsed", C, "", "Tool calls parsed, by outcome.", "tool_call_parser_invocations"),
    # --- KV transfer between instances ---
    Metric("vllm.transfer.time", H, "seconds", "Time of a KV transfer (NIXL).", "nixl_xfer_time_seconds"),
    Metric("vllm.transfer.post_time", H, "seconds", "Time to post a KV transfer (NIXL).", "nixl_post_time_seconds"),
    Metric("vllm.transfer.bytes", H, "bytes", "Bytes of a KV transfer (NIXL).", "nixl_bytes_transferred"),
    Metric("vllm.transfer.descriptors", H, "", "Descriptors of a KV transfer (NIXL).", "nixl_num_descriptors"),
    Metric("vllm.transfer.failed", C, "", "KV transfers that failed (NIXL).", "nixl_num_failed_transfers"),
    Metric(
        "vllm.transfer.notifications_failed",
        C,
        "",
        "Notifications that failed (NIXL).",
        "nixl_num_failed_notifications",
    ),
    Metric("vllm.transfer.expired", C, "", "Requests whose KV blocks expired (NIXL).", "nixl_num_kv_expired_reqs"),
)
"""Every metric that vmon knows, by area."""
