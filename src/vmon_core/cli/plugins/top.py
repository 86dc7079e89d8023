"""`vmon plugins top`: what each plugin of a running monitor costs, and how it fares."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import click

from vmon_core.cli.common import emit_json, json_option, load_config

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rich.table import Table

    from vmon_core.control.client import ControlClient

PACE = 2.0
"""Seconds between two looks."""

_SUMS = ("calls", "failures", "seconds")


@click.command("top")
@click.option("--target", default="", metavar="NAME", help="The monitor that watches NAME, or has this process id.")
@click.option("--once", is_flag=True, help="Look once; so it is where the output is no terminal.")
@json_option
def command(target: str, once: bool, as_json: bool) -> None:
    """Show what each plugin of a running monitor costs, and how it fares.

    `busy` is the share of the last two seconds that its calls took, waiting for a server or a file included. With
    --once it is the mean since the monitor was started.
    """
    from vmon_core.control.client import running_monitor

    client = running_monitor(load_config().data_dir, target).client
    before: dict[str, Any] = {}
    found = client.call("plugins.top")
    if as_json:
        for row in rows(found, before):
            emit_json(row)
    elif once or not sys.stdout.isatty():
        _print(rows(found, before))
    else:
        _follow(client, found)


def _follow(client: ControlClient, found: dict[str, Any]) -> None:
    from rich.live import Live

    with Live(_table(rows(found, {})), auto_refresh=False) as live:
        while True:
            time.sleep(PACE)
            before, found = found, client.call("plugins.top")
            live.update(_table(rows(found, before)), refresh=True)


def rows(found: Mapping[str, Any], before: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Sum up what each plugin cost, the most expensive first.

    Args:
        found: what the monitor says.
        before: what it said earlier, empty for the means since its start.

    Returns:
        A row for each plugin as plain data; times in seconds.
    """
    spent = {p["name"]: _sum(p["hooks"], "seconds") for p in before.get("plugins", ())}
    passed = found["time"] - before.get("time", found["started"])
    made = []
    for plugin in found["plugins"]:
        calls, failures, seconds = (_sum(plugin["hooks"], name) for name in _SUMS)
        made.append(
            {
                "plugin": plugin["name"],
                "calls": int(calls),
                "failures": int(failures),
                "mean_seconds": seconds / calls if calls else None,
                "worst_seconds": max((h["worst_seconds"] for h in plugin["hooks"].values()), default=None),
                "busy_share": max(0.0, seconds - spent.get(plugin["name"], 0.0)) / passed if passed > 0 else None,
                "stuck": sorted({h["thread"] for h in plugin["hooks"].values() if h["stuck"]}),
                "quarantined": sorted(name for name, h in plugin["hooks"].items() if h["quarantined"]),
                "isolation": plugin["isolation"],
                "pid": plugin.get("pid"),
                "restarts": plugin.get("restarts"),
                "hooks": plugin["hooks"],
            }
        )
    return sorted(made, key=lambda row: (-(row["busy_share"] or 0.0), row["plugin"]))


def _sum(hooks: Mapping[str, Mapping[str, float]], figure: str) -> float:
    return sum(hook[figure] for hook in hooks.values())


HEAD = ("plugin", "calls", "failures", "mean ms", "worst ms", "busy", "state", "isolation")


def cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    """One line of the table."""
    pid = f" {row['pid']}" if row["pid"] else ""
    restarts = f" ({row['restarts']} restarts)" if row["restarts"] else ""
    return (
        row["plugin"],
        str(row["calls"]),
        str(row["failures"]),
        _ms(row["mean_seconds"]),
        _ms(row["worst_seconds"]),
        "" if row["busy_share"] is None else f"{row['busy_share']:.2%}",
        _state(row),
        f"{row['isolation']}{pid}{restarts}",
    )


def _ms(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds * 1e3:.3g}"


def _state(row: Mapping[str, Any]) -> str:
    if row["stuck"]:
        return f"stuck in {', '.join(row['stuck'])}"
    return f"out of service: {', '.join(row['quarantined'])}" if row["quarantined"] else "ok"


def _print(found: Iterable[Mapping[str, Any]]) -> None:
    lines = [HEAD, *map(cells, found)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _table(found: Iterable[Mapping[str, Any]]) -> Table:
    from rich.table import Table

    table = Table(*HEAD, box=None, pad_edge=False)
    for row in found:
        table.add_row(*cells(row), style=None if _state(row) == "ok" else "yellow")
    return table
