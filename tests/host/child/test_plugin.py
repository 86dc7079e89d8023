"""A plugin in a child process does what it does in vmon's own, hook by hook."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.host.child.conftest import runs
from tests.script import load_script

from vmon_core.evidence import FailureSeen, ProcessSeen
from vmon_core.host.checks import check
from vmon_core.host.child.contract import Order
from vmon_core.host.child.plugin import ChildPlugin
from vmon_core.host.failures import RemoteError
from vmon_core.host.plugin_host import PluginHost
from vmon_core.host.resolution.records import Candidate
from vmon_core.lifecycle.states import LifecycleState, StateTransition
from vmon_core.lifecycle.tracker import LifecycleTracker
from vmon_core.pipeline.window import Window
from vmon_core.plugin import LaunchRequest
from vmon_core.records import Action, Change, Frame, Sample, Target, Tick
from vmon_testkit.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from tests.host.child.conftest import Bench

FAULTY = Candidate(name="faulty", value="faulty:plugin")
ACTION = Action(id="7", kind="mend", target="t", reason="r", policy="p", time=5.0, parameters={"deep": {"x": [1, 2.5]}})
TARGET = Target(name="t", url="http://x", pid=1, command=("vllm", "serve"))


@pytest.fixture
def child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The faulty plugin, in a child process and without faults."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    plugin = ChildPlugin(Order(candidate=FAULTY, table={"folder": str(tmp_path)}))
    yield plugin
    plugin.close()


@pytest.fixture
def direct() -> Any:
    """The same plugin in this process."""
    return load_script("tests/host/child/faulty.py").Faulty()


def test_it_passes_the_same_checks(child: Any, direct: Any) -> None:
    """Same description, but for the configuration class, and same hooks."""
    assert (check(child).name, check(child).memory_limit) == ("faulty", check(direct).memory_limit)
    loaded = PluginHost().register(child)
    assert {i.hook: i.names for i in loaded.implementations} == {
        i.hook: i.names for i in PluginHost().register(direct, "x").implementations
    }


def test_records_cross_in_both_directions(child: Any, direct: Any) -> None:
    """What comes back equals what the plugin returns in this process."""
    checkpoint = LifecycleTracker(TARGET).checkpoint(now=5.0, metrics={"a": 1.5})
    assert child.vmon_targets() == direct.vmon_targets()
    assert child.vmon_facts() == direct.vmon_facts()
    devices = tuple(child.vmon_devices())
    assert devices == tuple(direct.vmon_devices())
    launch = LaunchRequest(command=("vllm",), environment={"A": "b"}, directory=Path("/tmp"))  # noqa: S108 (only a name)
    assert child.vmon_check(launch, devices) == list(direct.vmon_check(launch, devices))
    assert child.vmon_diagnose(TARGET, devices) == list(direct.vmon_diagnose(TARGET, devices))
    assert (child.vmon_explain("faulty.launch"), child.vmon_explain("x")) == ("a check of the tests", None)
    assert child.vmon_guardrail(checkpoint) == direct.vmon_guardrail(checkpoint)
    assert child.vmon_review(ACTION, checkpoint) == direct.vmon_review(ACTION, checkpoint)
    assert child.vmon_intervene(ACTION) == direct.vmon_intervene(ACTION)
    (sample,) = child.vmon_collect(Tick(5.0, TARGET, LifecycleState.SERVING))
    assert sample == Sample("faulty.pid", child.describe()["pid"], 5.0, (("target", "t"),))


def test_state_is_handed_over(child: Any, tmp_path: Path) -> None:
    """From one process to the next."""
    successor: Any = ChildPlugin(Order(candidate=FAULTY))
    try:
        successor.vmon_restore(child.vmon_state())
        assert successor.vmon_state() == {"seen": 2}
    finally:
        successor.close()


def test_window_is_kept_up_to_date(child: Any, direct: Any) -> None:
    """An analyzer sees the same window there as here: as it grows, and with what came late."""
    tracker = LifecycleTracker(TARGET)
    window = Window(TARGET, tracker.facts)
    for second in range(100, 110):
        evidence = (ProcessSeen(time=float(second), pid=second), FailureSeen(time=1.0, code="y", cause="x"))
        late = Sample("late", 1.0, second - 3.0)
        window.add(Frame(float(second), evidence, (Sample("steps", second * 2.0, second), late)))
        tracker.observe(evidence, float(second))
        window.facts, window.state, window.since = tracker.facts, tracker.state, tracker.since
        assert list(child.vmon_analyze(window)) == list(direct.vmon_analyze(window))


def test_new_process_is_given_the_last_minute(child: Any, direct: Any) -> None:
    """After a crash the analyzer goes on with what the window holds, and with nothing twice."""
    window = Window(TARGET, LifecycleTracker(TARGET).facts)
    window.add(Frame(100.0, samples=(Sample("steps", 1.0, 100.0), Sample("steps", 3.0, 101.0))))
    assert list(child.vmon_analyze(window)) == list(direct.vmon_analyze(window))
    os.kill(child.describe()["pid"], signal.SIGKILL)
    wait_until(lambda: child.describe()["restarts"] == 1)
    assert list(child.vmon_analyze(window)) == list(direct.vmon_analyze(window))
    assert "out of memory, or somebody else did it" in child.describe()["last_exit"]


def test_everything_a_host_offers(bench: Bench) -> None:
    """Configuration, folder, feedback and evidence, from the child."""
    wait_until(bench.alive)
    assert (bench.folder / "plugins/faulty/started").exists()
    wait_until(lambda: "faulty: ready" in bench.said)
    wait_until(lambda: any(e.kind == "ActionTaken" for e in bench.monitor.pipeline.window.newest_evidence()))
    wait_until((bench.folder / "exported").exists)


def test_lifecycle_hook_crosses(module: Callable[[str], Order], tmp_path: Path) -> None:
    """A change arrives with its evidence."""
    plugin: Any = ChildPlugin(module(LISTENER))
    try:
        change = Change(
            time=1.0,
            origin=LifecycleState.IDLE,
            state=LifecycleState.SERVING,
            transition=StateTransition.LOAD,
            reason="r",
            evidence=(ProcessSeen(time=1.0, pid=9),),
        )
        plugin.vmon_lifecycle(change)
        assert "ProcessSeen(time=1.0, summary='', pid=9" in plugin.describe()["output"]
    finally:
        plugin.close()


LISTENER = """
from vmon_core.plugin import PluginInfo, hookimpl
class Plugin:
    @hookimpl
    def vmon_plugin_info(self):
        return PluginInfo(name="made", version="1.0")
    @hookimpl
    def vmon_lifecycle(self, change):
        print(change)
    @hookimpl
    async def vmon_collect(self):
        import asyncio
        from vmon_core.records import Sample
        await asyncio.sleep(0)
        return [Sample("made.answer", 42.0, 1.0)]
plugin = Plugin()
"""


def test_async_collector(module: Callable[[str], Order]) -> None:
    """It runs on an event loop of the child, and only names the arguments that it wants."""
    plugin: Any = ChildPlugin(module(LISTENER))
    try:
        for _ in range(2):
            assert plugin.vmon_collect(Tick(1.0, TARGET)) == [Sample("made.answer", 42.0, 1.0)]
    finally:
        plugin.close()


@pytest.mark.parametrize("hook", ["commands(self, cli)", "adopt(self, target)", "recording(self, path)"])
def test_hooks_that_cannot_cross_are_refused(module: Callable[[str], Order], hook: str) -> None:
    """The reason names the hook."""
    code = (
        f"{LISTENER}    @hookimpl\n    def vmon_{hook}: pass\n".replace("plugin = Plugin()\n", "") + "plugin = Plugin()"
    )
    with pytest.raises(RemoteError, match=rf"vmon_{hook.split('(', maxsplit=1)[0]} must run in vmon's own process"):
        ChildPlugin(module(code))


def test_rubbish_is_refused_in_the_childs_words(module: Callable[[str], Order]) -> None:
    """A wrong result fails the call as it does in vmon's process."""
    plugin: Any = ChildPlugin(module(LISTENER.replace('[Sample("made.answer", 42.0, 1.0)]', '["x"]')))
    try:
        with pytest.raises(RemoteError, match="TypeError: it returned str where Evidence or Sample is expected"):
            plugin.vmon_collect(Tick(1.0, TARGET))
    finally:
        plugin.close()


def test_table_that_does_not_fit(module: Callable[[str], Order]) -> None:
    """The child reads its own table, and the reason names it."""
    with pytest.raises(RemoteError, match=r"it takes no configuration, but \[plugins.made\] is not empty"):
        ChildPlugin(module(LISTENER, table={"x": 1}))


def test_stop_is_polite_and_leaves_nothing(bench: Bench) -> None:
    """The plugin's `vmon_stop` is called, its process ends by itself, and a new start works."""
    wait_until(bench.alive)
    old = bench.pid
    bench.monitor.stop()
    assert (bench.folder / "stopped").exists()
    assert not runs(old)
    assert bench.plugin.describe()["last_exit"] == "its process ended with status 0"
    assert not any("failed" in text for text in bench.said)
    bench.monitor.start()
    wait_until(bench.alive)
    assert bench.pid != old


def test_unregistered_plugin_has_no_process(bench: Bench) -> None:
    """Whoever reloads a plugin leaves none behind."""
    wait_until(bench.alive)
    old = bench.pid
    bench.monitor.plugin_manager.unregister("faulty")
    wait_until(lambda: not runs(old))


def test_no_descriptor_or_thread_is_left(module: Callable[[str], Order]) -> None:
    """Opened and closed again and again."""
    order = module(LISTENER)
    ChildPlugin(order).close()
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        ChildPlugin(order).close()
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_description_says_how_it_is_isolated(bench: Bench) -> None:
    """Both kinds say so."""
    described = {p["name"]: p for p in bench.monitor.list_plugins()}
    assert described["ticker"]["isolation"] == "thread"
    assert described["faulty"]["isolation"] == "process"
    assert runs(described["faulty"]["pid"])
