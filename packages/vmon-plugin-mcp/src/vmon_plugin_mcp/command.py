"""`vmon mcp`: serve the tools."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from vmon_core.cli.common import emit_json, json_option, load_config
from vmon_core.dynamic import OPERATOR

if TYPE_CHECKING:
    from mcp.server import MCPServer

    from vmon_core.config import Config

DEFAULT_PORT = 8765
"""Where `--http` listens unless told otherwise; free of the ports that vLLM, Ray and Prometheus use."""


@click.command("mcp")
@click.option("--http", is_flag=True, help="Serve over HTTP on this machine instead of standard input and output.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Loopback address for --http.", metavar="ADDRESS")
@click.option("--port", default=DEFAULT_PORT, show_default=True, type=click.IntRange(0, 65535), help="Port for --http.")
@click.option(
    "--token-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File with the token for --http; default: one that is generated and kept.",
    metavar="FILE",
)
@click.option("--read-only", is_flag=True, help="Leave out the tools that make and remove plugins.")
@click.option("--target", default="", help="Which running monitor makes plugins, if several run.", metavar="NAME")
@click.option("--owner", default="mcp", show_default=True, help="Who owns the plugins that are made.", metavar="NAME")
@json_option
def command(  # noqa: PLR0913, PLR0917 (one parameter an option)
    http: bool,  # noqa: FBT001 (click passes a flag so)
    host: str,
    port: int,
    token_file: Path | None,
    read_only: bool,  # noqa: FBT001 (likewise)
    target: str,
    owner: str,
    as_json: bool,  # noqa: FBT001 (likewise)
) -> None:
    """Offer the monitor to an AI agent as tools, over the Model Context Protocol.

    An agent reads states, findings, metrics and events, and tries, makes and removes plugins from code. It never gets
    around the gate: nothing that it proposes is done unless the operator's configuration allows it. A client starts
    this command itself and talks to it over standard input and output; with --http it runs by itself, and clients
    show a token.

    \b
    For a client's settings:    vmon mcp
    Only looking:               vmon mcp --read-only
    Over HTTP, port 8765:       vmon mcp --http
    """  # noqa: D301 (click reads \b as "keep these lines")
    if owner == OPERATOR:
        msg = f"an agent is not the {OPERATOR}, who may propose anything: give it a name of its own"
        raise click.BadParameter(msg, param_hint="--owner")
    config = load_config()
    server = _server(config, target, owner, read_only=read_only)
    if http:
        _serve_http(config, server, host, port, token_file, as_json=as_json)
    else:
        server.run()


def _server(config: Config, target: str, owner: str, *, read_only: bool) -> MCPServer[object]:
    from vmon_plugin_mcp.history import History  # noqa: PLC0415 (heavy: only when the command runs)
    from vmon_plugin_mcp.live import MonitorOrLocal  # noqa: PLC0415 (likewise)
    from vmon_plugin_mcp.server import make_server  # noqa: PLC0415 (likewise)

    return make_server(History(config.journal_path), MonitorOrLocal(config, target), owner=owner, read_only=read_only)


def _serve_http(  # noqa: PLR0913 (the options of --http)
    config: Config,
    server: MCPServer[object],
    host: str,
    port: int,
    token_file: Path | None,
    *,
    as_json: bool,
) -> None:
    from vmon_plugin_mcp.serving import listen, serve, url_of  # noqa: PLC0415 (heavy: only when the command runs)
    from vmon_plugin_mcp.tokens import own_token, read_token  # noqa: PLC0415 (likewise)

    path = token_file or config.data_dir / "mcp-token"
    token = read_token(path) if token_file else own_token(path)
    listener = listen(host, port)
    if as_json:
        emit_json({"url": url_of(listener), "token_file": str(path)})
    else:
        click.echo(f"serving at {url_of(listener)}; clients show the token in {path}; Ctrl-C ends it")
    serve(server, listener, token)
