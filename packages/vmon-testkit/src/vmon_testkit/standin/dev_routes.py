"""The control routes of VLLM_SERVER_DEV_MODE=1."""

from __future__ import annotations

from http import HTTPStatus
from itertools import chain
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from vmon_testkit.standin import messages
from vmon_testkit.standin.client import CallFailedError, EngineDeadError

if TYPE_CHECKING:
    from vmon_testkit.standin.api import Exchange, Route

MODES = ("abort", "wait", "keep")


def pause(exchange: Exchange) -> None:
    """Stop admitting requests."""
    if (mode := _mode(exchange)) and _call(exchange, "pause", mode=mode) is not None:
        exchange.reply(HTTPStatus.OK, {"status": "paused"})


def resume(exchange: Exchange) -> None:
    """Go on after a pause."""
    if _call(exchange, "resume") is not None:
        exchange.reply(HTTPStatus.OK, {"status": "resumed"})


def is_paused(exchange: Exchange) -> None:
    """Ask the engine, which makes this a true liveness probe."""
    if (answers := _call(exchange, "is_paused")) is not None:
        exchange.reply(HTTPStatus.OK, {"is_paused": any(answers)})


def sleep(exchange: Exchange) -> None:
    """Pause, and give memory back at levels above 0."""
    level = int(exchange.query.get("level", 1))
    if (mode := _mode(exchange)) and _call(exchange, "sleep", mode=mode, level=level) is not None:
        exchange.state.sleep_level = level
        exchange.reply(HTTPStatus.OK, {"status": "sleeping", "level": level})


def wake_up(exchange: Exchange) -> None:
    """Wake the engine."""
    tags = parse_qs(urlsplit(exchange.path).query).get("tags")
    exchange.state.log.write(messages.WAKE_UP, tags=tags)
    if _call(exchange, "wake_up", tags=tags) is not None:
        exchange.state.sleep_level = None
        exchange.reply(HTTPStatus.OK, {"status": "awake", "tags": tags})


def is_sleeping(exchange: Exchange) -> None:
    """True also while merely paused, as in vLLM."""
    if (answers := _call(exchange, "is_sleeping")) is not None:
        exchange.reply(HTTPStatus.OK, {"is_sleeping": any(answers)})


def server_info(exchange: Exchange) -> None:
    """The configuration, without an engine round trip."""
    options = exchange.state.options
    facts = {"model": options.model, "max_model_len": options.max_model_len, "max_num_seqs": options.max_num_seqs}
    exchange.reply(HTTPStatus.OK, {"vllm_config": facts, "vllm_env": {}, "system_env": {}})


def reset_prefix_cache(exchange: Exchange) -> None:
    """200 also when blocks are in use and nothing was reset."""
    if (answers := _call(exchange, "reset_prefix_cache")) is not None:
        exchange.reply(HTTPStatus.OK, {"success": all(answers)})


def collective_rpc(exchange: Exchange) -> None:
    """Only `check_health` exists: it reaches every worker."""
    method = str(exchange.body().get("method", ""))
    if (answers := _call(exchange, method)) is not None:
        exchange.reply(HTTPStatus.OK, {"results": list(chain.from_iterable(answers))})


def _mode(exchange: Exchange) -> str | None:
    """The `mode` of the query, or None when it is a wrong one, which this has answered then."""
    mode = exchange.query.get("mode", "abort")
    if mode in MODES:
        return mode
    exchange.reply_error(HTTPStatus.BAD_REQUEST, f"mode must be one of {', '.join(MODES)}")
    return None


def _call(exchange: Exchange, method: str, **arguments: object) -> list[Any] | None:
    """The answers of all engines, or None when that failed, which this has answered then."""
    try:
        return [engine.call(method, **arguments) for engine in exchange.state.engines]
    except (CallFailedError, EngineDeadError) as error:
        message = str(error) or messages.ENGINE_DEAD_ERROR
        exchange.reply_error(HTTPStatus.INTERNAL_SERVER_ERROR, message, "InternalServerError")
        return None


ROUTES: dict[tuple[str, str], Route] = {
    ("POST", "/reset_prefix_cache"): reset_prefix_cache,
    ("POST", "/collective_rpc"): collective_rpc,
    ("GET", "/server_info"): server_info,
    ("POST", "/sleep"): sleep,
    ("POST", "/wake_up"): wake_up,
    ("GET", "/is_sleeping"): is_sleeping,
    ("POST", "/pause"): pause,
    ("POST", "/resume"): resume,
    ("GET", "/is_paused"): is_paused,
}
