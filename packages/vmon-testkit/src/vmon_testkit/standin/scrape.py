"""The /metrics route, and everything that can be wrong with it."""

from __future__ import annotations

import os
import resource
import time
from http import HTTPStatus
from typing import TYPE_CHECKING

from vmon_testkit.standin.exposition import ServerValues, number, render, translate
from vmon_testkit.standin.processes import stat_fields

if TYPE_CHECKING:
    from vmon_testkit.standin.api import Exchange
    from vmon_testkit.standin.options import Options
    from vmon_testkit.standin.state import State

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_HTML = b"<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body><h1>Sign in</h1></body></html>\n"
_CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_SLEEP_STATES = {"awake": None, "weights_offloaded": 1, "discard_all": 2}


def metrics(exchange: Exchange) -> None:
    """Answer a scrape from the engines' last values, unless a fault says otherwise."""
    faults = exchange.state.faults
    if "slow_scrape" in faults:
        time.sleep(float(faults["slow_scrape"]["seconds"]))
    if "auth_metrics" in faults:
        exchange.reply(HTTPStatus.UNAUTHORIZED, {"error": "Unauthorized"})
    elif "html_metrics" in faults:
        exchange.reply_text(HTTPStatus.OK, _HTML, "text/html; charset=utf-8")
    elif "huge_metrics" in faults:
        _pour(exchange, int(float(faults["huge_metrics"]["megabytes"]) * 1e6))
    elif "endless_metrics" in faults:
        _pour(exchange, None)
    elif "truncated_metrics" in faults:
        _truncate(exchange)
    else:
        exchange.reply_text(HTTPStatus.OK, exposition(exchange.state).encode(), CONTENT_TYPE)


def exposition(state: State) -> str:
    """The text of a scrape."""
    snapshots = [engine.snapshot for engine in state.engines] if state.options.stats else []
    server = ServerValues(_own(state), state.started, _http_requests(state), _labels(state.options))
    text = render(state.families, snapshots, server)
    renamed = state.faults.get("renamed_metrics")
    return translate(text, str(renamed["dialect"])) if renamed else text


def _own(state: State) -> dict[str, float]:
    """What the API server itself measures."""
    fields = stat_fields(os.getpid())
    assert fields is not None  # noqa: S101 (this process exists)
    values = {
        "process_virtual_memory_bytes": float(fields[20]),
        "process_resident_memory_bytes": float(fields[21]) * _PAGE,
        "process_start_time_seconds": state.started,
        "process_cpu_seconds_total": (int(fields[11]) + int(fields[12])) / _CLOCK_TICKS,
        "process_open_fds": float(len(os.listdir("/proc/self/fd"))),  # noqa: PTH208 (names only, once a scrape)
        "process_max_fds": float(resource.getrlimit(resource.RLIMIT_NOFILE)[0]),
    }
    for name, level in _SLEEP_STATES.items():
        values[f"vllm:engine_sleep_state|{name}"] = float(state.sleep_level == level)
    return values


def _labels(options: Options) -> dict[str, str]:
    """The labels that are not as recorded."""
    tokens = options.kv_tokens
    return {
        'model_name="tiny"': f'model_name="{options.model_name}"',
        'num_gpu_blocks="16384"': f'num_gpu_blocks="{options.kv_blocks}"',
        'kv_cache_size_tokens="2097152"': f'kv_cache_size_tokens="{tokens}"',
        'kv_cache_max_concurrency="2048.0"': f'kv_cache_max_concurrency="{tokens / options.max_model_len}"',
    }


def _http_requests(state: State) -> dict[str, list[str]]:
    lines = [
        f'http_requests_total{{handler="{handler}",method="{method}",status="{status}"}} {number(count)}'
        for (handler, method, status), count in list(state.requests.items())
    ]
    return {"http_requests_total": lines}


def _pour(exchange: Exchange, size: int | None) -> None:
    """Send valid samples: `size` bytes of them, or for as long as the client listens."""
    exchange.begin_stream(CONTENT_TYPE)
    sent = 0
    while size is None or sent < size:
        block = "".join(f'vllm:filler{{series="{sent + index}"}} 1.0\n' for index in range(1000)).encode()
        exchange.wfile.write(block)
        sent += len(block)


def _truncate(exchange: Exchange) -> None:
    """Promise the whole text, send half of it, and hang up."""
    data = exposition(exchange.state).encode()
    exchange.send_response(HTTPStatus.OK)
    exchange.send_header("Content-Type", CONTENT_TYPE)
    exchange.send_header("Content-Length", str(len(data)))
    exchange.end_headers()
    exchange.wfile.write(data[: len(data) // 2])
    exchange.close_connection = True
