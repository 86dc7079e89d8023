"""With a monitor that runs: plugins are made there, and what they propose is held by its gate."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

import attrs
import pytest

from vmon_core.config import Config, MonitorConfig
from vmon_core.dynamic import OPERATOR, CodeKind, CodePlugin, CodeRejectedError, GrantedFunction, Problem, Trial
from vmon_core.feedback import Feedback
from vmon_core.host.plugin_host import PluginHost
from vmon_core.journal import Journal
from vmon_core.monitor import VLLMMonitor
from vmon_core.monitor_methods import control_of
from vmon_core.notify import NotifyPlugin
from vmon_core.plugin import PluginInfo, hookimpl
from vmon_core.records import Action, Sample, Target

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from conftest import Agent, Connect
    from vmon_core.dynamic import Documents
    from vmon_core.records import Checkpoint

PROBLEM = Problem(message="name 'metrics' is not defined", line=1, help="there is checkpoint.metrics", code="name")


@attrs.define
class Conditions:
    """Runs guardrails of one form, `return checkpoint.metrics['NAME'] > NUMBER`, without a sandbox.

    Attributes:
        kept: those in use.
    """

    kept: dict[str, CodePlugin] = attrs.field(factory=dict)

    @hookimpl
    def vmon_plugin_info(self) -> PluginInfo:
        """Say who it is."""
        return PluginInfo(name="conditions", version="1.0")

    @hookimpl
    def vmon_code_plugins(self, documents: Documents) -> Conditions:
        """It is its own runner."""
        return self

    @hookimpl
    def vmon_guardrail(self, checkpoint: Checkpoint) -> list[Action]:
        """Propose what holds."""
        return [
            Action(
                id=f"{p.name}-{checkpoint.id}",
                kind=p.actions[0],
                target=checkpoint.target,
                reason=p.description,
                policy=p.name,
                time=checkpoint.time,
            )
            for p in self.kept.values()
            if self._holds(p.code, checkpoint)
        ]

    def _holds(self, code: str, checkpoint: Checkpoint) -> bool:
        name, limit = code.removeprefix("return checkpoint.metrics['").split("'] > ")
        return checkpoint.metrics.get(name, 0.0) > float(limit)

    def attempt(self, plugin: CodePlugin, checkpoint: Checkpoint | None = None) -> Trial:
        """Check the form."""
        good = plugin.code.startswith("return checkpoint.metrics['")
        return Trial(value=False) if good else Trial(problems=(PROBLEM,))

    def create(self, plugin: CodePlugin, checkpoint: Checkpoint | None = None) -> CodePlugin:
        """Check the form and keep it."""
        if problems := self.attempt(plugin).problems:
            raise CodeRejectedError(plugin.name, problems)
        self.kept[plugin.name] = attrs.evolve(plugin, version=1)
        return self.kept[plugin.name]

    def remove(self, name: str, owner: str = OPERATOR) -> None:
        """Forget it."""
        del self.kept[name]

    def back_out(self, name: str, version: int | None = None, owner: str = OPERATOR) -> CodePlugin:
        """Nothing to go back to."""
        return self.kept[name]

    def describe(self) -> tuple[Mapping[str, Any], ...]:
        """The records."""
        return tuple(attrs.asdict(plugin) for plugin in self.kept.values())

    def functions(self) -> tuple[GrantedFunction, ...]:
        """None."""
        return ()


class Running(NamedTuple):
    """A monitor that runs, an agent that is connected to it, and who runs its guardrails."""

    monitor: VLLMMonitor
    agent: Agent
    conditions: Conditions


@pytest.fixture
def running(connect: Connect, empty: Path) -> Iterator[Running]:
    """A monitor in mode observe with a journal and a control socket."""
    config = Config(monitor=MonitorConfig(data_dir=empty.parent / "state"))
    host, conditions = PluginHost(), Conditions()
    host.register(NotifyPlugin(Feedback()))
    host.register(conditions)
    with Journal.from_config(config) as journal:
        monitor = VLLMMonitor(Target(name="m"), host=host, config=config, recorders=[journal])
        with monitor, control_of(monitor):
            monitor.loop.emit(samples=[Sample("vllm.requests.waiting", 80.0, time.time())])
            monitor.between_ticks(lambda: None)
            yield Running(monitor, connect(empty), conditions)


def test_guardrail_of_an_agent_is_held(running: Running) -> None:
    """An agent is refused, mends its code and succeeds; what its guardrail proposes is noted and not done."""
    agent = running.agent
    guardrail = {"name": "queue", "intervention": "notify", "description": "a long queue"}
    error = agent.call("create_guardrail", condition_code="return metrics['x'] > 1", **guardrail)["error"]
    (problem,) = error["problems"]
    assert (problem["line"], problem["help"]["untrusted_text"]) == (1, "there is checkpoint.metrics")
    better = "return checkpoint.metrics['vllm.requests.waiting'] > 50"
    made = agent.call("create_guardrail", condition_code=better, **guardrail)
    assert (made["name"], made["owner"], made["version"]) == ("queue", "mcp", 1)
    assert running.conditions.kept["queue"].kind is CodeKind.GUARDRAIL

    running.monitor.loop.emit(samples=[Sample("vllm.requests.waiting", 81.0, time.time())])
    deadline = time.monotonic() + 20
    events: list[dict[str, Any]] = []
    while not events and time.monotonic() < deadline:
        events = agent.call("list_events", kinds=["verdict"])["events"]
    assert events[-1]["record"]["ruling"] == "hold"
    assert agent.call("list_events", kinds=["outcome"])["events"] == []
    assert agent.call("list_events", kinds=["action"])["events"][0]["record"]["policy"] == "queue"


def test_what_a_running_monitor_tells(running: Running) -> None:
    """Its own plugins, that it runs, and what was made in it."""
    running.conditions.create(
        CodePlugin(name="own", kind=CodeKind.GUARDRAIL, code="return checkpoint.metrics['a'] > 1")
    )
    plugins = running.agent.call("list_plugins")
    assert plugins["monitor_running"] is True
    assert {"notify", "conditions"} == {p["name"] for p in plugins["loaded"]}
    assert [(p["name"], p["owner"]) for p in plugins["code_plugins"]] == [("own", "operator")]
    assert running.agent.call("remove_plugin", name="own")["error"]["code"] == "not_yours"
    assert running.agent.call("sandbox_functions") == {"functions": []}
    assert running.agent.call("get_metrics", target="m")["metrics"][0]["value"] == 80.0
    assert "own" in running.conditions.kept


def test_no_tool_changes_the_rules(running: Running) -> None:
    """A walk through all tools: configuration, gate and policies are the same afterwards, and nothing was done."""
    gate, policies = running.monitor.pipeline.gate, dict(running.monitor.tracker.policies)
    files = sorted(p for p in running.monitor.config.data_dir.parent.rglob("*") if p.suffix in {".toml", ".json"})
    before = [p.read_bytes() for p in files]
    code = "return checkpoint.metrics['a'] > 1"
    arguments: dict[str, dict[str, Any]] = {
        "get_metric_history": {"name": "vllm.requests.waiting"},
        "try_plugin": {"name": "p", "plugin_type": "analyzer", "execute_code": code},
        "create_plugin": {"name": "p", "plugin_type": "analyzer", "execute_code": code, "actions": ["notify"]},
        "try_guardrail": {"name": "g", "condition_code": code, "intervention": "notify"},
        "create_guardrail": {"name": "g", "condition_code": code, "intervention": "notify"},
        "back_out_plugin": {"name": "g"},
        "remove_plugin": {"name": "g"},
    }
    for tool in running.agent.tools():
        running.agent.call(tool, **arguments.get(tool, {}))
    assert running.monitor.pipeline.gate == gate
    assert dict(running.monitor.tracker.policies) == policies
    assert [p.read_bytes() for p in files] == before
    assert running.agent.call("list_events", kinds=["outcome"])["events"] == []
    assert list(running.conditions.kept) == ["p"]
