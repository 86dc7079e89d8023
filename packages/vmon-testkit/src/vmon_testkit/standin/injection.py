"""Faults injected into a running stand-in. These routes are ours: vLLM has none of them."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from vmon_testkit.standin.inbox import Switch
from vmon_testkit.standin.scenario import FAULTS, ScenarioError, make_fault

if TYPE_CHECKING:
    from vmon_testkit.standin.api import Exchange, Route

PREFIX = "/standin/fault"

APPLY_SECONDS = 2.0
"""How long an answer waits for the fault to take effect; a main process that stops or starts may be later."""


def active(exchange: Exchange) -> None:
    """List the faults that are on."""
    exchange.reply(HTTPStatus.OK, {"active": {name: dict(given) for name, given in exchange.state.faults.items()}})


def inject(exchange: Exchange) -> None:
    """Turn a fault on; `at` counts from now."""
    body = exchange.body()
    try:
        fault = make_fault(str(body.get("name")), body.get("parameters") or {})
        exchange.state.options.check(fault)
    except ScenarioError as error:
        exchange.reply_error(HTTPStatus.BAD_REQUEST, str(error))
        return
    if FAULTS[fault.name].startup:
        exchange.reply_error(HTTPStatus.BAD_REQUEST, f"fault {fault.name} shapes the start: it comes too late")
        return
    _switch(exchange, Switch(fault))


def clear(exchange: Exchange) -> None:
    """Turn a fault off."""
    name = urlsplit(exchange.path).path.removeprefix(f"{PREFIX}/")
    _switch(exchange, Switch(make_fault(name, {}), on=False))


def _switch(exchange: Exchange, switch: Switch) -> None:
    exchange.state.inbox.put(switch)
    switch.applied.wait(APPLY_SECONDS)
    active(exchange)


ROUTES: dict[tuple[str, str], Route] = {
    ("GET", PREFIX): active,
    ("POST", PREFIX): inject,
    **{("DELETE", f"{PREFIX}/{name}"): clear for name, kind in FAULTS.items() if not kind.startup},
}
