"""The routes that are always there: health, version, models, tokens; and the table of all routes."""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import TYPE_CHECKING

from vmon_testkit.standin import dev_routes, inference, injection, scrape
from vmon_testkit.standin.options import VERSION, dev_mode

if TYPE_CHECKING:
    from vmon_testkit.standin.api import Exchange, Route


def health(exchange: Exchange) -> None:
    """A flag read: 200 whatever the engine does, 503 once it is known to be dead."""
    dead = exchange.state.engine_dead
    exchange.reply(HTTPStatus.SERVICE_UNAVAILABLE if dead else HTTPStatus.OK)


def version(exchange: Exchange) -> None:
    """The vLLM version that was recorded."""
    exchange.reply(HTTPStatus.OK, {"version": VERSION})


def load(exchange: Exchange) -> None:
    """Requests in flight, or 0 without --enable-server-load-tracking."""
    state = exchange.state
    exchange.reply(HTTPStatus.OK, {"server_load": state.in_flight if state.options.load_tracking else 0})


def models(exchange: Exchange) -> None:
    """The one model."""
    options = exchange.state.options
    model = {
        "id": options.model_name,
        "object": "model",
        "created": int(time.time()),
        "owned_by": "vllm",
        "root": options.model,
        "parent": None,
        "max_model_len": options.max_model_len,
    }
    exchange.reply(HTTPStatus.OK, {"object": "list", "data": [model]})


def tokenize(exchange: Exchange) -> None:
    """One token a word."""
    words = str(exchange.body().get("prompt", "")).split()
    answer = {
        "count": len(words),
        "max_model_len": exchange.state.options.max_model_len,
        "tokens": list(range(len(words))),
        "token_strs": None,
    }
    exchange.reply(HTTPStatus.OK, answer)


def route_table() -> dict[tuple[str, str], Route]:
    """All routes, those of vLLM first, in the order of its log."""
    always: dict[tuple[str, str], Route] = {
        ("GET", "/load"): load,
        ("GET", "/version"): version,
        ("GET", "/health"): health,
        ("GET", "/metrics"): scrape.metrics,
        ("POST", "/tokenize"): tokenize,
        ("GET", "/v1/models"): models,
        ("GET", "/ping"): health,
        ("POST", "/ping"): health,
    }
    control = dev_routes.ROUTES if dev_mode() else {}
    return always | control | inference.ROUTES | injection.ROUTES
