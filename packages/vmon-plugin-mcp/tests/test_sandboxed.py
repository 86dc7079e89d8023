"""With the real sandbox: an agent is told what is wrong, mends it, and its plugin runs, now or with the next vmon."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmon_testkit.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Agent, Connect, Watch
    from vmon_testkit.pytest_plugin import StandInFactory


def make_number(agent: Agent) -> None:
    """What an agent does: try, read the problem, mend the line that it names, create."""
    code = ["x = 41", "return {'answer': y + 1}"]
    tried = agent.call("try_plugin", name="answer", plugin_type="collector", execute_code="\n".join(code))
    assert tried.get("ok") is False, tried
    problem = tried["problems"][0]
    assert problem["line"] == 2
    assert "y" in problem["message"]["untrusted_text"]
    code[problem["line"] - 1] = code[problem["line"] - 1].replace("y", "x")
    made = agent.call(
        "create_plugin", name="answer", plugin_type="collector", execute_code="\n".join(code), interval=1.0
    )
    assert (made["name"], made["version"], made["owner"]) == ("answer", 1, "mcp")


def test_in_a_running_monitor(connect: Connect, watch: Watch, empty: Path, standin: StandInFactory) -> None:
    """The number of an agent's collector is among the metrics; what its guardrail proposes is held, and not done."""
    watch(empty, standin().url)
    agent = connect(empty)
    assert wait_until(lambda: agent.call("get_state").get("monitor_running"))
    assert agent.call("sandbox_functions")["functions"]
    make_number(agent)
    found = wait_until(lambda: agent.call("get_metrics", prefix="answer").get("metrics"))
    assert found[0]["value"] == 42.0
    condition = f"return checkpoint.metrics.get('{found[0]['name']}', 0) > 41"
    agent.call("create_guardrail", name="too-much", condition_code=condition, intervention="notify")
    verdict = wait_until(lambda: agent.call("list_events", kinds=["verdict"])["events"])[-1]
    assert verdict["record"]["ruling"] == "hold"
    assert agent.call("list_events", kinds=["outcome"])["events"] == []
    assert agent.call("remove_plugin", name="too-much") == {"removed": "too-much"}


def test_without_a_monitor(connect: Connect, watch: Watch, empty: Path, standin: StandInFactory) -> None:
    """What is made while nobody watches is kept in the journal, and runs with the next monitor."""
    agent = connect(empty)
    make_number(agent)
    assert [p["name"] for p in agent.call("list_plugins")["code_plugins"]] == ["answer"]
    watch(empty, standin().url)
    found = wait_until(lambda: agent.call("get_metrics", prefix="answer").get("metrics"))
    assert found[0]["value"] == 42.0
