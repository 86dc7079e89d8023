"""Each fault that a child process contains, injected for real beside a collector that ticks at 20 Hz."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.host.child.conftest import runs

from vmon_core.host.child.messages import LIMIT
from vmon_core.host.child.plugin import ChildPlugin
from vmon_core.host.failures import RemoteError
from vmon_core.records import Action, Ruling
from vmon_testkit.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.host.child.conftest import Bench

    from vmon_core.host.child.contract import Order

ENDS = {
    "segfault": "its process crashed with SIGSEGV",
    "leak": "its process reached its memory limit",
    "native": "vmon_collect gave no answer for 1 s",
    "loop": "vmon_collect gave no answer for 1 s; it hangs in _loop",
    "exit": "its process ended with status 3",
    "too long": f"it announced a message of {1 << 31} bytes; at most {LIMIT} are taken",
    "no message": "it sent what is no message: b'hello'",
    "no answer": "it answered a question that nobody asked: 7",
}


@pytest.mark.parametrize("fault", ENDS)
def test_monitor_ticks_through_a_fault(bench: Bench, fault: str) -> None:
    """The child is killed and started again, and another collector is called all the time."""
    assert bench.end_of("collect", fault) == ENDS[fault]
    assert bench.plugin.describe()["restarts"] == 1
    assert any(f"faulty: {ENDS[fault]}; it is started again" in text for text in bench.said)


def test_rubbish_that_is_pushed_ends_the_process(bench: Bench) -> None:
    """What claims to be evidence and is none."""
    assert "it sent something that is no Frame" in bench.end_of("collect", "no evidence")


def test_where_it_crashed_is_kept(bench: Bench) -> None:
    """The interpreter's own report of a crash names the line."""
    bench.end_of("collect", "segfault")
    assert "faulty.py" in bench.plugin.describe()["last_output"]


def test_megabytes_of_output_are_drained(bench: Bench) -> None:
    """It neither blocks the plugin nor fills our memory; the last of it can be read."""
    wait_until(bench.alive)
    old, before = bench.pid, bench.ticker.ticks
    bench.inject("collect", "print")
    wait_until(lambda: bench.plugin.describe()["output"].endswith("that was all"))
    wait_until(lambda: bench.ticker.ticks > before + 5)
    assert bench.pid == old
    assert len(bench.plugin.describe()["output"]) <= 4096


def test_exception_costs_only_the_call(bench: Bench) -> None:
    """It is counted as that of any plugin, with the words that the plugin used, and the process stays."""
    wait_until(bench.alive)
    old = bench.pid
    bench.inject("collect", "raise")
    wait_until(lambda: any("ZeroDivisionError: division by zero" in text for text in bench.said))
    assert bench.pid == old
    assert "RemoteError" not in "".join(bench.said)


@pytest.mark.parametrize("hook", ["analyze", "guardrail", "export"])
def test_hanging_judge_is_killed_before_the_watchdog_acts(bench: Bench, hook: str) -> None:
    """The pipeline's thread is not given up."""
    assert bench.end_of(hook, "sleep") == f"vmon_{hook} gave no answer for 1.5 s; it hangs in <lambda>"
    assert not any("has not returned" in text for text in bench.said)


def test_review_denies_while_the_process_is_down(bench: Bench) -> None:
    """Both the call that crashes and those after it; then it is asked again."""
    wait_until(bench.alive)
    action = Action(id="1", kind="mend", target="t", reason="", policy="", time=1.0)
    checkpoint = bench.monitor.pipeline.checkpoint(1.0)
    bench.inject("review", "segfault")
    rulings = [v.ruling for _ in range(3) for v in bench.monitor.plugin_manager.hooks.review(action, checkpoint)]
    assert rulings == [Ruling.DENY] * 3

    def allowed() -> bool:
        (verdict,) = bench.monitor.plugin_manager.hooks.review(action, checkpoint)
        return verdict.ruling is Ruling.ALLOW

    wait_until(allowed)


def test_pauses_grow(bench: Bench) -> None:
    """One that ends over and over is started less and less often."""
    for _ in range(3):
        bench.end_of("collect", "exit")
    wait_until(lambda: any("started again in 1 s" in text for text in bench.said))


def test_start_that_crashes_is_tried_again(bench: Bench) -> None:
    """The first start fails, the second brings the plugin into service."""
    bench.monitor.stop()
    bench.inject("start", "exit")
    bench.monitor.start()
    wait_until(bench.alive)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import ctypes; ctypes.string_at(0)", "its process crashed with SIGSEGV"),
        ("import ctypes; ctypes.PyDLL(None).pause()", "hello gave no answer for 1 s"),
        ("import os; os._exit(9)", "its process ended with status 9"),
        ("x = bytearray(2 << 30)", "its process reached its memory limit"),
        ("import nothing_of_this_name", "ModuleNotFoundError: No module named 'nothing_of_this_name'"),
        ("raise SystemExit(1)", "SystemExit: 1"),
        ("plugin = 1", "PluginError: it does not implement vmon_plugin_info, which says who it is"),
    ],
)
def test_import_that_fails(module: Callable[[str], Order], code: str, reason: str) -> None:
    """It never gets near vmon's process, and leaves no process behind."""
    with pytest.raises(RemoteError) as caught:
        ChildPlugin(module(code), patience=1.0)
    assert str(caught.value) == reason


VMON = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from vmon_core.host.child.contract import Order
from vmon_core.host.resolution.records import Candidate
from vmon_core.host.child.plugin import ChildPlugin
from vmon_core.monitor import VLLMMonitor

plugin = ChildPlugin(Order(candidate=Candidate(name="faulty", value="faulty:plugin"), table={"folder": sys.argv[2]}))
monitor = VLLMMonitor()
monitor.register_plugin(plugin)
monitor.start()
print(plugin.describe()["pid"], flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("fault", ["native", "loop", ""])
def test_child_dies_with_vmon(tmp_path: Path, fault: str) -> None:
    """Vmon is killed with SIGKILL, and the child is gone, also while it blocks in native code."""
    command = [sys.executable, "-c", textwrap.dedent(VMON), str(Path(__file__).parent), str(tmp_path)]
    environment = {"XDG_STATE_HOME": str(tmp_path), "PATH": ""}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as vmon:
        assert vmon.stdout is not None
        child = int(vmon.stdout.readline())
        assert runs(child)
        if fault:
            (tmp_path / "fault").write_text(fault)
            (tmp_path / "fault").rename(tmp_path / "collect")
            wait_until(lambda: not (tmp_path / "collect").exists())
        vmon.send_signal(signal.SIGKILL)
        vmon.wait()
    wait_until(lambda: not runs(child))
