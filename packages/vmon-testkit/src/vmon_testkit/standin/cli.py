"""The command `vmon-standin`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from vmon_testkit.standin.options import Options
from vmon_testkit.standin.scenario import Fault, Scenario, ScenarioError, load_scenario, parse_fault
from vmon_testkit.standin.supervisor import Supervisor

_SWITCHES = {"disable_log_stats": "log_stats", "disable_uvicorn_access_log": "access_log"}
_OURS = ("scenario", "faults", "startup_seconds", "tokens_per_second", "stats_interval", "orphan_seconds")


class _FaultType(click.ParamType):  # type: ignore[type-arg]  # generic only since click 8.4
    name = "NAME[:k=v,…]"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> Fault:
        try:
            return parse_fault(value)
        except ScenarioError as error:
            self.fail(str(error), param, ctx)


class _ScenarioType(click.ParamType):  # type: ignore[type-arg]  # likewise
    name = "FILE.toml"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> Scenario:
        try:
            return load_scenario(Path(value))
        except ScenarioError as error:
            self.fail(str(error), param, ctx)


@click.group()
@click.version_option(package_name="vmon-testkit")
def main() -> None:
    """Run a stand-in for a vLLM server, with faults where you want them."""


@main.command(context_settings={"ignore_unknown_options": True})
@click.argument("model")
@click.argument("more_vllm_flags", nargs=-1, type=click.UNPROCESSED)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True)
@click.option("--served-model-name", help="The name that clients use.")
@click.option("--max-model-len", type=click.IntRange(min=2), default=1024, show_default=True)
@click.option("--max-num-seqs", type=click.IntRange(min=1), default=256, show_default=True)
@click.option("--tensor-parallel-size", "-tp", type=click.IntRange(1, 64), default=1, show_default=True)
@click.option("--data-parallel-size", "-dp", type=click.IntRange(1, 16), default=1, show_default=True)
@click.option("--num-gpu-blocks-override", "kv_blocks", type=click.IntRange(min=1), default=16384, show_default=True)
@click.option("--enforce-eager", is_flag=True, help="Leave the compilation out.")
@click.option("--api-key", help="Guard /v1 with a bearer token.")
@click.option("--shutdown-timeout", type=click.FloatRange(min=0), default=0, help="Seconds to drain on SIGTERM.")
@click.option("--disable-log-stats", is_flag=True, help="No vllm: series, no stats line.")
@click.option("--disable-uvicorn-access-log", is_flag=True)
@click.option("--enable-server-load-tracking", "load_tracking", is_flag=True, help="Make /load count.")
@click.option("--logging-config.formatter", "formatter", type=click.Choice(["text", "json"]), default="text")
@click.option("--scenario", type=_ScenarioType(), help="Read faults and settings from a file.")
@click.option("--fault", "faults", type=_FaultType(), multiple=True, help="Add a fault; may be given again.")
@click.option("--startup-seconds", type=click.FloatRange(min=0), help="Length of the start.  [default: 3]")
@click.option("--tokens-per-second", type=click.FloatRange(min=0.1), help="Rate of each request.  [default: 50]")
@click.option("--stats-interval", type=click.FloatRange(min=0.05), help="Of the stats line.  [default: 10]")
@click.option("--orphan-seconds", type=float, default=60, show_default=True, help="Life of an engine without server.")
@click.pass_context
def serve(ctx: click.Context, /, **given: Any) -> None:  # noqa: ANN401 (click passes what the options say)
    """Serve MODEL until SIGTERM. Flags of vLLM that are not listed are taken and ignored."""
    options = _options(ctx, given)
    try:
        for fault in options.faults:
            options.check(fault)
    except ScenarioError as error:
        raise click.UsageError(str(error)) from None
    ctx.exit(Supervisor(options).run())


def _options(ctx: click.Context, given: dict[str, Any]) -> Options:
    chosen = {
        name: value
        for name, value in given.items()
        if name not in _OURS and ctx.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT
    }
    scenario = given.pop("scenario") or Scenario()
    for name in ("startup_seconds", "tokens_per_second", "stats_interval"):
        value = given.pop(name)
        value = getattr(scenario, name) if value is None else value
        if value is not None:
            given[name] = value
    for name, setting in _SWITCHES.items():
        given[setting] = not given.pop(name)
    given["served_model_name"] = given["served_model_name"] or ""
    given["json_log"] = given.pop("formatter") == "json"
    given["faults"] = (*scenario.faults, *given.pop("faults"))
    given.pop("more_vllm_flags")
    chosen.pop("api_key", None)
    return Options(**given, non_default=chosen)
