"""What an agent that was talked into it would try with the plugins that it may make."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from vmon_core.dynamic import CodeRejectedError
from vmon_core.lifecycle.states import LifecycleState, StateTransition
from vmon_core.records import Change, Checkpoint
from vmon_plugin_sandbox import exports
from vmon_plugin_sandbox.view import View, change_fields

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Bench

AGENT = "mcp"
TIMES = ("interval", "hold_for", "cooldown")


def test_a_version_of_the_operators_is_no_way_to_what_only_the_operator_may(bench: Bench) -> None:
    """A name that was the operator's once, and is free now, does not give its old versions away."""
    bench.manager.create_guardrail("limit", "", "return True", "restart")
    with pytest.raises(CodeRejectedError, match="belongs to 'operator'"):
        bench.manager.code.remove("limit", AGENT)
    with pytest.raises(CodeRejectedError, match="belongs to 'operator'"):
        bench.manager.code.back_out("limit", 1, AGENT)
    bench.manager.remove_plugin("limit")
    with pytest.raises(CodeRejectedError, match="belongs to 'operator'"):
        bench.manager.code.back_out("limit", None, AGENT)
    bench.manager.create_guardrail("limit", "", "return True", "notify", owner=AGENT)
    with pytest.raises(CodeRejectedError, match="belongs to 'operator'"):
        bench.manager.code.back_out("limit", 1, AGENT)
    assert bench.status("limit")["actions"] == ("notify",)


def test_the_operator_takes_over_what_it_replaces_and_gives_back(bench: Bench) -> None:
    """With the operator's code go the operator's rights; an earlier version comes back in its maker's name."""
    bench.manager.create_guardrail("limit", "", "return True", "notify", owner=AGENT)
    assert bench.manager.create_guardrail("limit", "", "return True", "restart").owner == "operator"
    assert bench.refused("limit", "guardrail", "return False", actions=["notify"], owner=AGENT)
    back = bench.manager.back_out_plugin("limit")
    assert (back.owner, back.actions, back.version) == (AGENT, ("notify",), 3)


def test_series_are_bounded_whatever_a_plugin_is_called(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Labels that differ each time are refused once there are too many; a replacement begins with what is left."""
    desk = bench.desk
    monkeypatch.setattr(desk.delivery._new_series._plugin, "most", 30)
    monkeypatch.setattr(desk.delivery._new_series._owner, "most", 50)
    code = "return [{'name': 'm', 'value': 1, 'labels': {'n': f'{checkpoint.time}-{i}'}} for i in range(10)]"
    bench.manager.create_plugin("flood", "collector", code, interval=1, owner=AGENT)
    for _ in range(6):
        bench.turn()
    assert len([name for name in bench.metrics if name.startswith("m{")]) <= 30
    assert bench.status("flood")["problem"]["code"] == "limit"
    bench.manager.create_plugin("flood", "collector", code.replace("'m'", "'m2'"), interval=1, owner=AGENT)
    bench.manager.create_plugin("flood2", "collector", code.replace("'m'", "'m3'"), interval=1, owner=AGENT)
    for _ in range(6):
        bench.turn()
    assert len([name for name in bench.metrics if "{n=" in name]) == 50


def test_findings_are_bounded(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither ever new ones nor one that comes and goes fill the journal."""
    monkeypatch.setattr(bench.desk.delivery._new_findings._plugin, "most", 6)
    code = "return [{'status': 'warning', 'entities': [f'{checkpoint.time}-{i}']} for i in range(2)]"
    bench.manager.create_plugin("flood", "analyzer", code, owner=AGENT)
    for _ in range(20):
        bench.turn(any=1)
    status = bench.status("flood")
    assert (status["status"], status["problem"]["code"]) == ("disabled", "limit")


@pytest.mark.parametrize(
    "name", ["vllm.requests.waiting", "vmon.loop.lag", "gpu.temperature", "vllm:num_requests_running"]
)
def test_an_agents_numbers_do_not_pass_for_measured_ones(bench: Bench, name: str) -> None:
    """Also while the plugin that measures them is not there yet."""
    [problem] = bench.refused("mine", "collector", f"return {{{name!r}: 1}}", owner=AGENT)
    assert (problem.code, f"mine.{name}" in problem.help) == ("name", True)


def test_tries_are_bounded(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each costs a worker's time that guardrails need; the operator is not held up."""
    monkeypatch.setattr(bench.desk._tries, "most", 3)
    tries = [bench.manager.try_plugin("t", "collector", "return {}", owner=AGENT).problems for _ in range(4)]
    assert [[p.code for p in problems] for problems in tries] == [[], [], [], ["quota"]]
    assert bench.manager.try_plugin("t", "collector", "return {}").problems == ()
    bench.clock.now += 60
    assert bench.manager.try_plugin("t", "collector", "return {}", owner=AGENT).problems == ()


def test_a_replacement_does_not_begin_its_pauses_anew(bench: Bench) -> None:
    """The next pause is twice as long, whoever was replaced in between."""
    code = "if checkpoint.metrics.get('go', 0) > 0:\n    while True:\n        pass\nreturn False"
    bench.manager.create_guardrail("loop", "", code, "notify", owner=AGENT)
    for _ in range(3):
        bench.turn(go=1)
    assert bench.status("loop")["status"] == "quarantined"
    bench.turn(go=0)
    bench.manager.create_guardrail("loop", "", code + "\n", "notify", owner=AGENT)
    for _ in range(3):
        bench.turn(go=1)
    entry = bench.desk.registry["loop"]
    assert entry.health.paused_until - bench.clock.now == pytest.approx(120, abs=2)


def test_exported_files_are_bounded(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names that come and go do not fill the disk."""
    monkeypatch.setattr(exports, "MOST_FILES", 2)
    for name in ("a", "b", "c"):
        bench.manager.create_plugin(name, "exporter", "return samples", owner=AGENT)
    bench.turn(any=1)
    bench.turn(any=1)
    problems = [bench.status(name)["problem"] for name in ("a", "b", "c")]
    assert sum("files already" in problem["message"] for problem in problems if problem) == 1


def test_no_secret_of_a_moment_is_seen_by_code() -> None:
    """Whatever field it is in: a plugin could write it into a metric's label or a file."""
    secret = "hf_" + "s3cr3tS3CR3T" * 3
    fields = View(
        Checkpoint(
            id="x",
            time=1.0,
            target="http://user:s3cr3t@host:8000",
            state=LifecycleState.SERVING,
            transition=StateTransition.LOAD,
            reason=f"the engine died: HF_TOKEN={secret}",
            arguments={"argv": ["vllm", "--api-key", "s3cr3t"], "api_key": ["s3cr3t"], "x": {"y": [secret, 1]}},
            environment={"VLLM_API_KEY": "s3cr3t", "OTHER": secret},
            evidence=(f"Authorization: Bearer {secret}",),
        )
    ).fields
    assert "s3cr3t" not in repr(fields).lower()
    change = Change(
        time=0.0,
        origin=LifecycleState.IDLE,
        state=LifecycleState.SERVING,
        transition=StateTransition.LOAD,
        reason=f"token={secret}",
    )
    assert "s3cr3t" not in repr(change_fields(change)).lower()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *((name, value) for name in ("name", "code", "owner", "description") for value in (5, None, b"x", ["x"])),
        *(("owner", value) for value in ("", "a b", "a\x1b[2J", "x" * 65, "operator\n")),
        *(("description", value) for value in ("x" * 501, "two\nlines", "\x1b[2J", "\ud800", "\u202e")),
        *(("actions", value) for value in ("notify", [5], ["x" * 65], ["notify"] * 21, ["a b"], None, {})),
        *(("functions", value) for value in ("now", 5, [None], ["now"] * 21)),
        *((name, value) for name in TIMES for value in (math.inf, math.nan, -1, 10**400, True)),
    ],
)
def test_fields_of_any_type_and_size_are_refused(bench: Bench, field: str, value: object) -> None:
    """As data, like all that is wrong: nothing is raised that nobody expects, and nothing is kept."""
    fields = {"name": "p", "code": "return False", "description": "", "actions": ["notify"], "owner": AGENT}
    name, code, description, *_ = ({**fields, field: value}[key] for key in fields)
    options: dict[str, object] = {"actions": ["notify"], "owner": AGENT}
    options |= {field: value} if field not in {"name", "code", "description"} else {}
    with pytest.raises(CodeRejectedError) as caught:
        bench.manager.create_plugin(name, "guardrail", code, description, **options)  # type: ignore[arg-type]  # on purpose
    assert {problem.code for problem in caught.value.problems} == {"type"}
    assert bench.manager.code_plugins() == ()


def test_an_agents_guardrail_does_not_propose_each_second(bench: Bench) -> None:
    """A cooldown of none would fill the journal and tire people out."""
    [problem] = bench.refused("g", "guardrail", "return True", actions=["notify"], cooldown=0, owner=AGENT)
    assert problem.code == "quota"


def test_what_is_no_longer_granted_does_not_run_after_a_restart(make: Callable[..., Bench]) -> None:
    """The operator takes an action away from agents; their guardrails are kept, told and not run."""
    first = make(actions=["notify", "restart"])
    first.manager.create_guardrail("g", "", "return True", "restart", owner=AGENT)
    first.turn()
    first.turn()
    assert first.proposed == ["restart"]
    first.close()
    second = make(actions=["notify"])
    second.turn()
    second.turn()
    assert second.proposed == []
    assert "may not propose 'restart'" in second.status("g")["disabled"]


def test_the_text_of_an_error_is_one_printable_line(bench: Bench) -> None:
    """It goes into messages, logs and findings: it neither fakes a line nor steers a terminal."""
    code = "raise ValueError('\\x1b[2J\\nvmon: all is well\\u202e' * 100)"
    [problem] = bench.refused("bad", "collector", code)
    assert problem.message.isprintable()
    assert len(problem.message) == 500
