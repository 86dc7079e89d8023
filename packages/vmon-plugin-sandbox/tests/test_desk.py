"""The desk: every kind of plugin in a real monitor with real workers, and how each fails."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from vmon_core.dynamic import CodeRejectedError
from vmon_core.errors import JournalError, VmonError
from vmon_core.evidence import ActionTaken
from vmon_plugin_sandbox import exports
from vmon_plugin_sandbox.engine import SandboxUnavailableError
from vmon_plugin_sandbox.sweeps import Job

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Bench
    from vmon_core.dynamic import Problem


def problems(bench: Bench, kind: str, code: str, **options: Any) -> tuple[Problem, ...]:
    """What is wrong with code that is refused."""
    return bench.refused("refused", kind, code, **options)


def test_collector_and_guardrail_meet_in_the_pipeline(bench: Bench) -> None:
    """The guardrail finds the collector's value under the collector's own name, and proposes through the gate."""
    bench.manager.create_plugin("gpu_monitor", "collector", "return {'gpu_temp': 85, 'fan': {'left': 1}}")
    bench.manager.create_guardrail(
        "high_temp", "GPU overheats", "return checkpoint.metrics.get('gpu_temp', 0) > 80", "throttle_gpu", hold_for=2
    )
    for _ in range(6):
        bench.turn()
    assert bench.metrics["gpu_temp"] == 85
    assert bench.metrics["fan.left"] == 1
    assert bench.proposed == ["throttle_gpu"]
    [report] = bench.monitor.get_lifecycle_report().actions
    assert (report.action.policy, report.action.reason) == ("code.high_temp", "GPU overheats")
    assert report.verdict is not None
    assert report.verdict.ruling == "hold"


def test_a_collector_runs_at_its_interval(bench: Bench) -> None:
    """Not more often."""
    bench.manager.create_plugin("slow", "collector", "return {'a': 1}", interval=3)
    for _ in range(6):
        bench.turn()
    assert bench.status("slow")["runs"] == 2


def test_rows_of_a_collector(bench: Bench) -> None:
    """With labels and units."""
    row = "{'name': 'temp', 'value': t, 'unit': 'celsius', 'labels': {'gpu': str(g)}}"
    code = f"return [{row} for g, t in [(0, 70), (1, 80)]]"
    bench.manager.create_plugin("rows", "collector", code)
    bench.turn()
    assert bench.metrics["temp{gpu=1}"] == 80


def test_analyzer_opens_and_ends_a_finding(bench: Bench) -> None:
    """By the figures that it sees."""
    code = (
        "n = get_metric('queue') or 0\n"
        "if n > 10:\n    return {'status': 'warning', 'waiting': n, 'code': 'long'}\nreturn {'status': 'ok'}"
    )
    bench.manager.create_plugin("queue", "analyzer", code, "the queue")
    for _ in range(2):
        bench.turn(queue=20)
    bench.turn(queue=20)
    assert bench.findings == ["code.queue.long"]
    assert bench.monitor.pipeline.findings.all[0].summary == "the queue: warning (waiting=20)"
    for _ in range(3):
        bench.turn(queue=1)
    assert bench.findings == []


def test_lifecycle_listener_is_told_and_tells(bench: Bench) -> None:
    """Of each transition, once."""
    bench.manager.create_plugin("ear", "lifecycle listener", "return f'now {change.state}'")
    bench.monitor.observe(ActionTaken(time=bench.clock.now, action="launch", actor="operator"))
    bench.turn()
    bench.turn()
    assert [text for text in bench.said if text.startswith("ear: now")] == ["ear: now LAUNCHING"]


def test_intervention_chooses_among_its_actions(bench: Bench) -> None:
    """And nothing else."""
    code = (
        "if get_metric('hot') == 1:\n    return {'action': 'notify', 'reason': 'hot'}\n"
        "if get_metric('hot') == 2:\n    return 'shutdown'\nreturn None"
    )
    bench.manager.create_plugin("chooser", "intervention", code, actions=["notify", "drain"])
    for _ in range(3):
        bench.turn(hot=0)
    assert bench.proposed == []
    for _ in range(3):
        bench.turn(hot=1)
    assert bench.proposed == ["notify"]
    bench.turn(hot=2)
    bench.turn(hot=2)
    assert bench.status("chooser")["problem"]["code"] == "grant"
    assert bench.proposed == ["notify"]


def test_exporter_writes_the_rows_that_it_keeps(bench: Bench, tmp_path: Path) -> None:
    """Into a file of its own, one JSON object a line."""
    code = "return [{'metric': 'x_' + r['name'], 'value': r['value']} for r in samples if r['name'].startswith('a')]"
    bench.manager.create_plugin("out", "exporter transform", code)
    bench.turn(a=1, b=2)
    bench.turn()
    text = (tmp_path / "plugins" / "sandbox" / "exports" / "out.jsonl").read_text()
    assert text == '{"metric": "x_a", "value": 1}\n'


def test_a_guardrail_that_fails_is_unknown(bench: Bench) -> None:
    """It neither fires nor starts its time anew, and the time that nobody knows about does not count."""
    bench.manager.create_guardrail(
        "edge", "", "return checkpoint.metrics.get('x', 1) / checkpoint.metrics.get('y', 1) > 1", "notify", hold_for=3
    )
    for y in (1, 1, 1, 0, 0, 0, 1, 1):
        bench.turn(x=2, y=y)
    assert bench.proposed == []
    for _ in range(2):
        bench.turn(x=2, y=1)
    assert bench.proposed == ["notify"]
    assert bench.status("edge")["errors"] == 3


@pytest.mark.parametrize(
    ("kind", "code", "line", "what", "help_"),
    [
        ("collector", "return {", 1, "syntax", ""),
        ("collector", "x = 1\nreturn checkpoint.metrcs", 2, "type", "metrics"),
        ("collector", "return collect_gpu_metric()", 1, "type", "collect_gpu_metrics"),
        ("collector", "return 1 / 0", 1, "runtime", ""),
        ("collector", "while True: pass", None, "limit", ""),
        ("collector", "return {'a': 'hot'}", None, "result", "numbers"),
        ("collector", "return [1]", None, "result", "numbers"),
        ("collector", "return {'a b': 1}", None, "result", "letters"),
        ("collector", "return {'queue': 1}", None, "name", "refused.queue"),
        ("collector", "return checkpoint.metrics['que']", 1, "runtime", "queue"),
        ("analyzer", "return {'status': 'bad'}", None, "result", "warning"),
        ("analyzer", "return 5", None, "result", "warning"),
        ("lifecycle", "return 5", None, "result", "text"),
        ("exporter", "return 5", None, "result", "samples"),
        ("guardrail", "return 1", None, "grant", "actions"),
    ],
)
def test_what_is_refused(  # noqa: PLR0913, PLR0917 (one for each thing that is told)
    bench: Bench, kind: str, code: str, line: int | None, what: str, help_: str
) -> None:
    """With the line, the kind of problem, and what is available instead."""
    bench.turn(queue=1)
    bench.turn(queue=1)
    [problem, *_] = problems(bench, kind, code)
    assert problem.code == what
    assert line is None or problem.line == line
    assert help_ in problem.help
    assert bench.manager.code_plugins() == ()


@pytest.mark.parametrize("answer", ["1", "None", "'yes'", "[True]"])
def test_a_guardrail_answers_true_or_false(bench: Bench, answer: str) -> None:
    """Nothing that only looks like it."""
    [problem] = problems(bench, "guardrail", f"return {answer}", actions=("notify",))
    assert problem.code == "result"


def test_names_quotas_and_grants(make: Callable[..., Bench]) -> None:
    """What an owner may have and ask for."""
    bench = make(plugins=3, per_owner=2, functions=["now"])
    for name, owner in (("a", "agent"), ("b", "agent")):
        bench.manager.create_plugin(name, "collector", f"return {{'{name}': now()}}", owner=owner)
    assert [p.code for p in problems(bench, "collector", "return {}", owner="agent")] == ["quota"]
    bench.manager.create_plugin("c", "collector", "return {}")
    assert [p.code for p in problems(bench, "collector", "return {}")] == ["quota"]
    bench.manager.remove_plugin("c")
    assert [p.code for p in problems(bench, "collector", "return {}", interval=0.1)] == ["quota"]
    assert [p.code for p in problems(bench, "collector", "return {}", functions=["get_metric"])] == ["grant"]
    assert [p.code for p in problems(bench, "collector", "return {'a': get_state()}")] == ["type"]
    [problem] = problems(bench, "guardrail", "return True", owner="else", actions=["restart"])
    assert (problem.code, "notify" in problem.help) == ("grant", True)
    with pytest.raises(CodeRejectedError, match="is no name"):
        bench.manager.create_plugin("../x", "collector", "return {}")
    with pytest.raises(CodeRejectedError, match="belongs to 'agent'"):
        bench.manager.create_plugin("a", "collector", "return {}", owner="else")
    assert bench.manager.create_plugin("a", "collector", "return {}").owner == "operator"


def test_two_collectors_do_not_share_a_metric(bench: Bench) -> None:
    """Their numbers would be added up."""
    bench.manager.create_plugin("one", "collector", "return {'same': 1}")
    bench.turn()
    [problem] = problems(bench, "collector", "return {'same': 2}")
    assert (problem.code, "'one'" in problem.message) == ("name", True)
    bench.manager.remove_plugin("one")
    bench.manager.create_plugin("two", "collector", "return {'same': 2}")
    bench.turn()
    assert bench.metrics["same"] == 2


def test_trying_keeps_nothing(bench: Bench) -> None:
    """And shows what would come of it."""
    trial = bench.manager.try_plugin("t", "collector", "print('hot')\nreturn {'a': 1}")
    assert (trial.value, trial.printed, trial.problems) == ({"a": 1}, "hot\n", ())
    assert bench.manager.code_plugins() == ()


def test_a_trial_without_gpus_runs_with_examples(bench: Bench) -> None:
    """And says so; a live run is counted as `no data`, never as an error."""
    code = "data = collect_gpu_metrics()\nreturn {'status': 'warning' if data['temperature'] > 80 else 'ok'}"
    assert "example values" in bench.manager.try_plugin("gpu", "analyzer", code).printed
    bench.manager.create_plugin("gpu", "analyzer", code)
    for _ in range(12):
        bench.turn()
    status = bench.status("gpu")
    assert (status["status"], status["errors"], status["no_data"] > 5) == ("active", 0, True)
    for _ in range(3):
        bench.turn(gpu__temperature=90)
    assert bench.findings == ["code.gpu"]


def test_limits_in_a_row_pause_and_double(bench: Bench) -> None:
    """And a good neighbour never notices."""
    bench.manager.create_plugin("bad", "collector", "while get_metric('x'): pass\nreturn {}", interval=1)
    bench.manager.create_plugin("good", "collector", "return {'good': now()}", interval=1)
    for _ in range(4):
        bench.turn(x=1)
    assert bench.status("bad")["status"] == "quarantined"
    bench.clock.now += 61
    for _ in range(3):
        bench.turn(x=1)
    health = bench.desk.registry["bad"].health
    assert health.pauses == 2
    assert 100 < health.paused_until - bench.clock.now <= 120
    assert bench.status("good")["errors"] == 0
    assert bench.status("good")["runs"] == 7


def test_ten_errors_disable_with_a_finding_and_a_restart_is_no_way_out(make: Callable[..., Bench]) -> None:
    """A new version is."""
    bench = make()
    bench.manager.create_plugin("bad", "collector", "return {'a': 1 / (1 - (get_metric('x') or 0))}", interval=1)
    for _ in range(12):
        bench.turn(x=1)
    assert bench.status("bad")["status"] == "disabled"
    assert bench.status("bad")["errors"] == 10
    bench.turn(x=1)
    assert bench.findings == ["sandbox.plugin_disabled"]
    bench.close()
    again = make()
    assert again.status("bad")["status"] == "disabled"
    again.manager.create_plugin("bad", "collector", "return {'a': 1}", interval=1)
    again.turn()
    assert again.status("bad")["status"] == "active"
    assert again.metrics["a"] == 1


def test_plugins_come_back_and_are_checked_again(make: Callable[..., Bench]) -> None:
    """Those that no longer fit are told and kept, not run."""
    first = make()
    first.manager.create_plugin("plain", "collector", "return {'plain': 1}", owner="agent", interval=2)
    first.manager.create_plugin("asks", "collector", "return {'n': now()}")
    first.manager.create_plugin("gone", "collector", "return {}")
    first.manager.remove_plugin("gone")
    first.close()
    second = make(functions=["get_state"])
    second.turn()
    assert second.metrics == {"plain": 1}
    assert second.status("plain")["owner"] == "agent"
    assert second.status("asks")["status"] == "disabled"
    assert any("asks is kept but not run" in text for text in second.said)
    assert {each["name"] for each in second.manager.code_plugins()} == {"plain", "asks"}


def test_a_record_of_another_version_is_left_alone(make: Callable[..., Bench]) -> None:
    """It is told, and the others run."""
    first = make()
    assert first.journal is not None
    first.journal.documents("sandbox").put("plugin/future", {"name": "future", "kind": "oracle"})
    first.manager.create_plugin("plain", "collector", "return {'plain': 1}")
    first.close()
    second = make()
    assert [each["name"] for each in second.manager.code_plugins()] == ["plain"]


def test_backing_out(bench: Bench) -> None:
    """An earlier version becomes the newest one."""
    for value in (1, 2, 3):
        bench.manager.create_plugin("v", "collector", f"return {{'v': {value}}}")
    back = bench.manager.back_out_plugin("v")
    assert (back.version, back.code) == (4, "return {'v': 2}")
    assert bench.manager.back_out_plugin("v", 1).version == 5
    bench.turn()
    assert bench.metrics["v"] == 1
    with pytest.raises(VmonError, match="has no version 9"):
        bench.manager.back_out_plugin("v", 9)
    bench.manager.remove_plugin("v")
    with pytest.raises(VmonError, match="there is no code plugin 'v'"):
        bench.manager.remove_plugin("v")
    assert bench.manager.back_out_plugin("v").version == 6


def test_a_refused_version_leaves_the_old_one(bench: Bench) -> None:
    """It goes on."""
    bench.manager.create_plugin("refused", "collector", "return {'a': 1}")
    problems(bench, "collector", "return 1 / 0")
    bench.turn()
    assert bench.metrics["a"] == 1
    assert bench.status("refused")["version"] == 1


def test_a_spent_budget_puts_off_fairly(make: Callable[..., Bench]) -> None:
    """Everybody's turn comes, and it is told."""
    bench = make(budget=0.001, workers=1)
    for number in range(6):
        bench.manager.create_plugin(f"p{number}", "collector", f"return {{'p{number}': 1}}", interval=1)
    for _ in range(30):
        bench.turn()
    runs = [each["runs"] for each in bench.manager.code_plugins()]
    assert min(runs) >= 2
    assert sum(each["delayed"] for each in bench.manager.code_plugins()) > 0
    assert any("put off" in text for text in bench.said)


def test_secrets_do_not_go_in(bench: Bench) -> None:
    """What a checkpoint holds of arguments is redacted."""
    bench.monitor.tracker.checkpoints.describe(arguments={"api_key": "sk-12345678901234567890"}, environment={})
    bench.turn()
    bench.turn()
    assert "sk-1234" not in repr(bench.desk.delivery.view.fields)


def test_without_plugins_nothing_is_started(bench: Bench) -> None:
    """An idle sandbox has no threads and no workers."""
    bench.turn()
    assert bench.desk._sweeper._pool is None
    assert bench.desk.evaluator._engine is None


def test_a_sweep_that_comes_a_little_early_misses_nobody(bench: Bench) -> None:
    """Seconds are not exact."""
    bench.manager.create_plugin("each", "collector", "return {}", interval=1)
    for _ in range(4):
        bench.turn()
        bench.clock.now -= 0.1
    assert bench.status("each")["runs"] == 4


def test_a_journal_that_fails_keeps_the_old_version(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """What could not be kept is not run: it would be gone with the next start."""
    bench.manager.create_plugin("a", "collector", "return {'a': 1}")

    def fail(*_: object) -> int:
        message = "the disk is full"
        raise JournalError(message)

    monkeypatch.setattr(bench.desk.registry._documents, "put", fail)
    with pytest.raises(JournalError, match="the disk is full"):
        bench.manager.create_plugin("a", "collector", "return {'a': 2}")
    bench.turn()
    assert bench.metrics["a"] == 1


def test_without_workers_nobody_is_to_blame(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told once, no plugin is disabled, and they run again when there are workers."""
    bench.manager.create_plugin("a", "collector", "return {'a': 1}", interval=1)
    with monkeypatch.context() as patch:
        error = SandboxUnavailableError("no worker starts")
        patch.setattr(bench.desk.evaluator, "evaluate", lambda *_, **__: (_ for _ in ()).throw(error))
        for _ in range(15):
            bench.turn()
    assert [text for text in bench.said if "no worker starts" in text] == ["code plugins cannot run: no worker starts"]
    assert (bench.status("a")["errors"], bench.status("a")["status"]) == (0, "active")
    bench.turn()
    assert bench.metrics["a"] == 1


def test_a_run_that_ends_after_its_plugin_was_removed_is_forgotten(bench: Bench) -> None:
    """Its numbers do not come in any more."""
    bench.manager.create_plugin("a", "collector", "return {'a': 1}")
    entry = bench.desk.registry["a"]
    bench.manager.remove_plugin("a")
    bench.desk._run(Job(entry))
    assert bench.desk.sweep() == []


def test_a_file_of_rows_is_begun_anew(tmp_path: Path) -> None:
    """One before it is kept."""
    for number in range(5):
        exports.append(tmp_path, "out", [{"n": number}], largest=20)
    assert (tmp_path / "out.jsonl").read_text() == '{"n": 4}\n'
    assert (tmp_path / "out.jsonl.1").read_text() == '{"n": 2}\n{"n": 3}\n'
