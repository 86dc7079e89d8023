"""Reload while the monitor runs: the new version takes over, or the old one goes on."""

from __future__ import annotations

import gc
import itertools
import sys
import textwrap
import threading
import weakref
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import hypothesis.strategies as st
import pytest
from tests.host.reload.conftest import counter

from vmon_core.errors import PluginError
from vmon_testkit.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.host.reload.conftest import Bench

DEPENDENT = """
    from vmon_core.plugin import PluginInfo, hookimpl

    starts = stops = 0

    @hookimpl
    def vmon_plugin_info():
        return PluginInfo(name="dependent", version="1.0", requires=("count<2",))

    @hookimpl
    def vmon_start(host):
        global starts
        starts += 1

    @hookimpl
    def vmon_stop():
        global stops
        stops += 1
"""

BAD = {
    "syntax": "def broken(:\n",
    "import": "import no_such_module_anywhere\n",
    "exit": "import sys; sys.exit(3)\n",
    "nothing": "x = 1\n",
    "start": counter("9.0").replace("def vmon_state(self):", "def vmon_start(self, host):\n        1 / 0\n"),
    "restore": counter("9.0").replace('state["count"]', 'state["no such key"]'),
    "argument": counter("9.0").replace("def vmon_collect(self, tick)", "def vmon_collect(self, tock)"),
}
"""Versions that cannot be used, each in its own way."""


def test_new_version_takes_over(make_bench: Callable[..., Bench]) -> None:
    """It goes on counting where the old one stopped, and the result names both versions."""
    bench = make_bench(counter=counter("1.0"))
    wait_until(lambda: bench.frames.values("count"))
    bench.write("counter", counter("2.0"))
    done = bench.monitor.reloader.reload("counter")
    assert (done.old, done.new, bench.version("counter")) == ("1.0", "2.0", "2.0")
    assert "version 2.0 took the place of 1.0" in bench.texts()
    seen = len(bench.frames.values("count"))
    wait_until(lambda: len(bench.frames.values("count")) > seen)
    values = bench.frames.values("count")
    assert values == [float(n + 1) for n in range(len(values))]


@pytest.mark.parametrize("kind", BAD)
def test_bad_version_leaves_the_old_one_at_work(make_bench: Callable[..., Bench], kind: str) -> None:
    """Whatever is wrong, the old one goes on counting without a gap, and its modules are those from before."""
    bench = make_bench(counter=counter("1.0"))
    before = sys.modules["vmon_plugin_file_counter"]
    bench.write("counter", BAD[kind])
    with pytest.raises(PluginError):
        bench.monitor.reloader.reload("counter")
    assert (bench.version("counter"), sys.modules["vmon_plugin_file_counter"]) == ("1.0", before)
    seen = len(bench.frames.values("count"))
    wait_until(lambda: len(bench.frames.values("count")) > seen + 1)
    values = bench.frames.values("count")
    assert values == [float(n + 1) for n in range(len(values))]


def test_old_version_that_cannot_hand_over_stays(make_bench: Callable[..., Bench]) -> None:
    """A state that is no plain data is refused: nothing of the old version may live on in it."""
    bench = make_bench(counter=counter("1.0").replace('{"count": self.count}', '{"me": self}'))
    bench.write("counter", counter("2.0"))
    with pytest.raises(PluginError, match="vmon_state must return plain data"):
        bench.monitor.reloader.reload("counter")
    assert bench.version("counter") == "1.0"


def test_version_out_of_service_has_no_state(make_bench: Callable[..., Bench]) -> None:
    """One that cannot be called, such as a child process that has crashed, can be replaced all the same."""
    bench = make_bench(counter=counter("1.0"))
    (loaded,) = (p for p in bench.monitor.plugin_manager.plugins if p.info.name == "counter")
    for implementation in loaded.implementations:
        implementation.health.shut_out("its process crashed with SIGSEGV")
    bench.write("counter", counter("2.0"))
    assert bench.monitor.reloader.reload("counter").new == "2.0"
    assert "counter 1.0 is replaced without its state: its process crashed with SIGSEGV" in bench.texts()


def test_dependents_follow(make_bench: Callable[..., Bench]) -> None:
    """Who requires something of the plugin is stopped before it and started after it."""
    bench = make_bench(counter=counter("1.0"), dependent=DEPENDENT)
    bench.write("counter", counter("1.1", provides="1.1"))
    assert bench.monitor.reloader.reload("counter").restarted == ("dependent",)
    module = sys.modules["vmon_plugin_file_dependent"]
    assert (module.starts, module.stops) == (2, 1)


def test_version_that_dependents_cannot_use_is_refused(make_bench: Callable[..., Bench]) -> None:
    """The reason names the dependent; it was not even stopped."""
    bench = make_bench(counter=counter("1.0"), dependent=DEPENDENT)
    bench.write("counter", counter("2.0", provides="2.0"))
    with pytest.raises(PluginError, match=r"'dependent', which is in use, would be lost.* needs count<2"):
        bench.monitor.reloader.reload("counter")
    assert sys.modules["vmon_plugin_file_dependent"].stops == 0
    assert bench.version("counter") == "1.0"


def test_disable_and_enable(make_bench: Callable[..., Bench]) -> None:
    """A plugin is gone at once, modules and threads included, and comes back when asked for."""
    bench = make_bench(counter=counter("1.0"))
    wait_until(lambda: any(thread.name == "vmon-counter" for thread in threading.enumerate()))
    assert bench.monitor.reloader.disable("counter").new == ""
    wait_until(lambda: not any(thread.name == "vmon-counter" for thread in threading.enumerate()))
    assert "vmon_plugin_file_counter" not in sys.modules
    assert bench.monitor.reloader.enable("counter").new == "1.0"
    seen = len(bench.frames.values("count"))
    wait_until(lambda: len(bench.frames.values("count")) > seen)


CONFIGURED = """
    import attrs
    from vmon_core.plugin import PluginInfo, hookimpl
    from vmon_core.records import Severity

    @attrs.frozen
    class Settings:
        of: str = "VERSION"

    class Configured:
        @hookimpl
        def vmon_plugin_info(self):
            return PluginInfo(name="configured", version="VERSION", config=Settings)

        @hookimpl
        def vmon_start(self, host):
            host.say(Severity.INFO, "settings of " + host.config("configured").of)

    plugin = Configured()
"""


def test_new_version_is_started_with_its_own_settings(make_bench: Callable[..., Bench]) -> None:
    """Not with those of the old one, and also where no old one is in use."""
    bench = make_bench(configured=CONFIGURED.replace("VERSION", "1.0"))
    bench.write("configured", textwrap.dedent(CONFIGURED).replace("VERSION", "2.0"))
    bench.monitor.reloader.reload("configured")
    assert "settings of 2.0" in bench.texts()
    bench.monitor.reloader.disable("configured")
    bench.write("configured", textwrap.dedent(CONFIGURED).replace("VERSION", "3.0"))
    assert bench.monitor.reloader.enable("configured").new == "3.0"
    assert "settings of 3.0" in bench.texts()


def test_disabled_plugin_is_not_brought_back_by_a_save(make_bench: Callable[..., Bench]) -> None:
    """Only when it is enabled."""
    bench = make_bench(counter=counter("1.0"))
    bench.monitor.reloader.disable("counter")
    path = bench.write("counter", counter("2.0"))
    assert bench.monitor.reloader.follow(path) is None
    assert bench.monitor.reloader.enable("counter").new == "2.0"
    bench.write("counter", counter("3.0"))
    done = bench.monitor.reloader.follow(path)
    assert done is not None
    assert done.new == "3.0"


def test_plugin_in_a_child_process_is_reloaded(make_bench: Callable[..., Bench]) -> None:
    """Its count crosses from one process to the next, and the old process ends."""
    plain = counter("1.0", interval="10ms").replace("import Capability", "import Capability, Isolation")
    isolated = plain.replace("version=", "isolation=Isolation.PROCESS, version=")
    bench = make_bench(counter=isolated)
    wait_until(lambda: bench.frames.values("count"))
    before = next(p for p in bench.monitor.list_plugins() if p["name"] == "counter")
    assert before["isolation"] == "process"
    bench.write("counter", isolated.replace('version="1.0"', 'version="2.0"'))
    assert bench.monitor.reloader.reload("counter").new == "2.0"
    assert not Path(f"/proc/{before['pid']}").exists()
    seen = len(bench.frames.values("count"))
    wait_until(lambda: len(bench.frames.values("count")) > seen + 1)
    values = bench.frames.values("count")
    assert values == [float(n + 1) for n in range(len(values))]


def test_what_others_need_is_not_disabled(make_bench: Callable[..., Bench]) -> None:
    """The reason names who needs it."""
    bench = make_bench(counter=counter("1.0"), dependent=DEPENDENT)
    with pytest.raises(PluginError, match="'dependent', which is in use, would be lost"):
        bench.monitor.reloader.disable("counter")


@pytest.mark.parametrize(
    ("method", "name", "message"),
    [
        ("reload", "no-such", "no plugin 'no-such' is in use; in use are: .*counter"),
        ("disable", "no-such", "no plugin 'no-such' is in use"),
        ("enable", "no-such", "no plugin 'no-such' is installed"),
        ("enable", "counter", "'counter' is in use already"),
    ],
)
def test_mistakes(make_bench: Callable[..., Bench], method: str, name: str, message: str) -> None:
    """The message says what there is."""
    bench = make_bench(counter=counter("1.0"))
    with pytest.raises(PluginError, match=message):
        getattr(bench.monitor.reloader, method)(name)


OTHER = """
    from vmon_core.plugin import PluginInfo, every, hookimpl
    from vmon_core.records import Sample

    count = 0

    @hookimpl
    def vmon_plugin_info():
        return PluginInfo(name="NAME", version="1.0")

    @hookimpl
    @every("5ms")
    def vmon_collect(tick):
        global count
        count += 1
        return [Sample("NAME", float(count), tick.time)]
"""

RELOADS = 1000


def _resident_kib() -> int:
    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123 (a pseudo file)
        return int(file.read().split()[1]) * 4


def _longest_gap(bench: Bench, name: str) -> float:
    times = [sample.time for frame in bench.frames.frames for sample in frame.samples if sample.name == name]
    return max(after - before for before, after in itertools.pairwise(times))


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_thousand_reloads_under_load_lose_and_leak_nothing(make_bench: Callable[..., Bench]) -> None:
    """No sample is lost, no collector of the others stops, and nothing of the old versions is left."""
    others = {name: OTHER.replace("NAME", name) for name in ("first", "second")}
    bench = make_bench(counter=counter("0"), **others)
    plugins, figures = [], []
    for number in range(1, RELOADS + 1):
        bench.write("counter", counter(str(number)))
        old = bench.monitor.plugin_manager._plugins["counter"].plugin
        plugins.append(weakref.ref(type(old)))
        del old
        bench.monitor.reloader.reload("counter")
        if number in {RELOADS // 4, RELOADS}:
            gc.collect()
            figures.append((threading.active_count(), set(sys.modules), _resident_kib()))
    gc.collect()
    for name in ("count", "first", "second"):
        values = bench.frames.values(name)
        assert values == [float(n + 1) for n in range(len(values))], name
    assert sum(alive() is not None for alive in plugins) == 0
    (threads, modules, resident), (threads_end, modules_end, resident_end) = figures
    print(f"{RELOADS} reloads: {len(bench.frames.values('count'))} samples of the reloaded plugin,")
    print(f"threads {threads} -> {threads_end}, resident {resident} KiB -> {resident_end} KiB,")
    print(f"longest gap of an undisturbed 5 ms collector {_longest_gap(bench, 'first') * 1000:.1f} ms")
    assert threads_end <= threads
    assert not [name for name in modules_end - modules if name.startswith("vmon_plugin")]
    assert resident_end - resident < 20_000
    assert bench.monitor.loop.dropped == 0


@hypothesis.settings(
    max_examples=10, deadline=None, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture]
)
@hypothesis.given(st.lists(st.one_of(st.just("good"), st.sampled_from(sorted(BAD))), max_size=6))
def test_the_last_good_version_is_in_use(make_bench: Callable[..., Bench], kinds: list[str]) -> None:
    """Whatever comes in between."""
    bench = make_bench(counter=counter("0"))
    expected = "0"
    for number, kind in enumerate(kinds, start=1):
        bench.write("counter", BAD.get(kind, counter(str(number))))
        try:
            bench.monitor.reloader.reload("counter")
            expected = str(number)
        except PluginError:
            assert kind != "good"
        assert bench.version("counter") == expected
    bench.monitor.stop()
    bench.monitor.plugin_manager.unregister("counter")
