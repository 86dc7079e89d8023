"""`vmon plugins graph`: who provides what to whom."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import click

from vmon_core.cli.common import emit_json, json_option, load_host

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmon_core.host.plugin_host import PluginHost


@attrs.frozen
class Edge:
    """That one plugin provides to another what that one requires."""

    provider: str
    user: str
    requirement: str


@click.command("graph")
@click.option("--dot", is_flag=True, help="Print it in the language of Graphviz instead: `… --dot | dot -Tsvg`.")
@json_option
def command(dot: bool, as_json: bool) -> None:
    """Show which loaded plugin provides what to which, each behind those that it needs."""
    host = load_host()
    edges = edges_of(host)
    if as_json:
        emit_json({"plugins": list(host.report.loaded), "edges": [attrs.asdict(edge) for edge in edges]})
    else:
        click.echo("\n".join(_dot(host, edges) if dot else _tree(host, edges)))


def edges_of(host: PluginHost) -> list[Edge]:
    """Every requirement of a loaded plugin with each other one that meets it."""
    from vmon_core.host.resolution.requirements import read
    from vmon_core.host.resolution.scene import meets

    return [
        Edge(provider.info.name, user.info.name, text)
        for user in host.plugins
        for text in user.info.requires
        for provider in host.plugins
        if provider is not user and meets(provider.info.provides, read(text))
    ]


def _tree(host: PluginHost, edges: list[Edge]) -> Iterator[str]:
    for plugin in host.plugins:
        provides = ", ".join(f"{c.name} {c.version}" for c in plugin.info.provides)
        yield click.style(plugin.info.name, bold=True) + (f"  provides {provides}" if provides else "")
        mine = [edge for edge in edges if edge.user == plugin.info.name]
        for edge in mine:
            yield f"{'└──' if edge is mine[-1] else '├──'} {edge.requirement} from {edge.provider}"


def _dot(host: PluginHost, edges: list[Edge]) -> Iterator[str]:
    yield "digraph plugins {"
    yield from (f'  "{name}";' for name in host.report.loaded)
    yield from (f'  "{edge.provider}" -> "{edge.user}" [label="{edge.requirement}"];' for edge in edges)
    yield "}"
