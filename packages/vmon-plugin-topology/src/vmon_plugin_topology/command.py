"""`vmon topology`."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import click

from vmon_core.cli.common import emit_json, json_option, load_host
from vmon_core.cli.text import colour
from vmon_core.records import CheckVerdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmon_core.devices import Device
    from vmon_core.records import CompatibilityCheck
    from vmon_plugin_topology.graph import Topology

PATIENCE = 20.0
"""Seconds for drivers to tell their devices: waking up eight GPUs that nobody used takes NVIDIA's about ten."""

_COLOURS = {CheckVerdict.OK: "green", CheckVerdict.WARNING: "yellow", CheckVerdict.FAILURE: "red"}


@click.command("topology")
@click.option(
    "--root",
    type=click.Path(file_okay=False, path_type=Path),
    help="Read a captured tree: the folder that has sys and proc in it.",
    metavar="DIR",
)
@click.option(
    "--from",
    "captured",
    type=click.Path(path_type=Path),
    help="Read a topology file of NCCL or hwloc instead of this machine.",
    metavar="FILE",
)
@click.option("--dot", "form", flag_value="dot", help="Print the graph for Graphviz.")
@click.option("--svg", "form", flag_value="svg", help="Print a picture.")
@json_option
@click.argument("launch", nargs=-1, type=click.UNPROCESSED, metavar="[-- COMMAND...]")
def command(
    root: Path | None,
    captured: Path | None,
    form: str | None,
    as_json: bool,  # noqa: FBT001 (click passes a flag so)
    launch: tuple[str, ...],
) -> None:
    """Show how processors, GPUs and network cards of this machine are connected.

    First the tree, without bridges that lead to one device only; then the matrix, in the words of nvidia-smi topo -m;
    then what looks wrong: PCIe links that lost lanes, processes bound far from their GPU. NVLinks need the plugin of
    the GPU's vendor. What the machine does not tell is shown as ? or N/A, as in most virtual machines. With a COMMAND,
    the last part is about the GPUs that this launch would use.

    \b
    What a cloud says of its machine:    vmon topology --from ndv5-topo.xml
    A picture:                           vmon topology --svg > box.svg
    What NCCL sees:                      start with NCCL_TOPO_DUMP_FILE=box.xml, then --from box.xml
    Each GPU's nearest network cards:    vmon topology --json | jq .affinity
    Advice for a launch:                 vmon topology -- vllm serve MODEL -tp 4
    """  # noqa: D301 (click reads \b as "keep these lines")
    if root is not None and captured is not None:
        msg = "--root and --from are two sources: give one of them"
        raise click.UsageError(msg)
    if as_json and form:
        msg = f"--json and --{form} are two forms: give one of them"
        raise click.UsageError(msg)
    topology, devices = _read(root, captured)
    checks = _checks(topology, devices, launch) if launch else _machine_checks(topology, devices, captured)
    if as_json:
        emit_json(_plain(topology, checks))
    elif form:
        click.echo(_drawn(topology, form), nl=form == "dot")
    else:
        click.echo("\n".join(_page(topology, checks)), color=colour())


def _read(root: Path | None, captured: Path | None) -> tuple[Topology, tuple[Device, ...]]:
    """Read the source; drivers are asked only about this machine."""
    from vmon_plugin_topology.captured import read_captured  # noqa: PLC0415 (only what the command needs)
    from vmon_plugin_topology.machine import this_machine  # noqa: PLC0415 (likewise)
    from vmon_plugin_topology.sysfs import read_sysfs  # noqa: PLC0415 (likewise)

    if captured is not None:
        return read_captured(captured), ()
    if root is not None:
        return read_sysfs(root), ()
    devices = _devices()
    return this_machine(devices), devices


def _devices() -> tuple[Device, ...]:
    from vmon_core.host.guarded import guarded  # noqa: PLC0415 (only what the command needs)
    from vmon_core.host.say import nobody  # noqa: PLC0415 (likewise)

    inventory = guarded(load_host().hooks.inventory, "asking for the devices", nobody, PATIENCE)
    for plugin, why in inventory.silent.items():
        click.echo(f"plugin {plugin} could not tell its devices, so their direct links are missing: {why}", err=True)
    return inventory.devices


def _checks(topology: Topology, devices: tuple[Device, ...], words: tuple[str, ...]) -> list[CompatibilityCheck]:
    from vmon_core.plugin import LaunchRequest  # noqa: PLC0415 (only what the command needs)
    from vmon_plugin_topology.checks import launch_checks  # noqa: PLC0415 (likewise)

    request = LaunchRequest(command=words, environment=dict(os.environ), directory=Path(tempfile.gettempdir()))
    return list(launch_checks(topology, request, devices))


def _machine_checks(topology: Topology, devices: tuple[Device, ...], captured: Path | None) -> list[CompatibilityCheck]:
    from vmon_plugin_topology.checks import machine_checks  # noqa: PLC0415 (only what the command needs)

    return [] if captured is not None else list(machine_checks(topology, devices))


def _plain(topology: Topology, checks: list[CompatibilityCheck]) -> dict[str, Any]:
    from vmon_plugin_topology.drawing.plain import plain  # noqa: PLC0415 (only what the command needs)

    return {**plain(topology), "checks": [attrs.asdict(check) for check in checks]}


def _drawn(topology: Topology, form: str) -> str:
    from vmon_plugin_topology.drawing.dot import dot  # noqa: PLC0415 (only what the command needs)
    from vmon_plugin_topology.drawing.svg import svg  # noqa: PLC0415 (likewise)

    return dot(topology) if form == "dot" else svg(topology)


def _page(topology: Topology, checks: list[CompatibilityCheck]) -> Iterator[str]:
    from vmon_plugin_topology.drawing.text import legend_lines, matrix_lines, tree_lines  # noqa: PLC0415 (likewise)

    yield from tree_lines(topology)
    if topology.gpus or topology.nics:
        yield from ("", *matrix_lines(topology, shutil.get_terminal_size().columns))
        yield from ("", *legend_lines(topology)) if topology.gpus else ()
    if not topology.gpus:
        yield from ("", "no GPU is seen on the PCI bus, and no plugin tells one: `vmon devices` says why")
    notes = [*topology.problems, *(line for check in checks for line in _check_lines(check))]
    if notes:
        yield from ("", *notes)


def _check_lines(check: CompatibilityCheck) -> Iterator[str]:
    verdict = click.style(check.verdict.value.replace("_", " "), fg=_COLOURS.get(check.verdict))
    yield f"{verdict} {check.code}: {check.summary}"
    yield from (f"  {line}" for line in check.evidence)
    if check.fix:
        yield f"  fix: {check.fix}"
