"""vmon over a real vLLM on CPU: whole lives, from the first log line to a verified clean-up."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

import pytest

from vmon_testkit.traffic import Traffic

if TYPE_CHECKING:
    from tests.vllm.person import Event, Server

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(900)]

PHASES = [
    "LAUNCHING",
    "INITIALIZING",
    "STARTING_ENGINE",
    "CONNECTING_WORKERS",
    "LOADING_WEIGHTS",
    "ALLOCATING_KV_CACHE",
    "WARMING_UP",
    "STARTING_SERVER",
]
"""What a CPU server with eager execution goes through; GPUs profile memory and capture graphs as well."""


def test_life_with_a_hang_and_a_killed_vmon(server: Server) -> None:
    """Start, serve, hang while /health says 200, recover, lose vmon, be adopted, stop cleanly."""
    with server.run() as vmon:
        ready = vmon.wait_for_state("IDLE")
        assert vmon.states == [*PHASES, "IDLE"]
        verdict, code = server.once()
        assert (verdict["state"], code) == ("IDLE", 0)
        with Traffic(server.url, concurrency=2, max_tokens=200, model="tiny"):
            vmon.wait_for_state("SERVING")
            (engine,) = server.processes("VLLM::EngineCore")
            engine.suspend()
            stopped = time.time()
            stalled = vmon.wait_for_state("STALLED", timeout=10)
            hung = vmon.wait_for_state("HUNG", timeout=20)
            assert server.health() == 200
            engine.resume()
            vmon.wait_for_state("SERVING", timeout=60)
        print(f"STALLED after {stalled['t'] - stopped:.2f} s, HUNG after {hung['t'] - stopped:.2f} s")
        assert stalled["t"] - stopped < 3
        assert hung["t"] - stopped < 10
        assert any(e.get("code") == "engine.unresponsive" for e in vmon.events)
        vmon.process.kill()
        vmon.process.wait()
    assert server.health() == 200
    with server.run() as again:
        again.wait_for_state("IDLE", "SERVING")
        again.interrupt()
        report = again.report()
        assert again.exit_code() == 0
    _check_whole_life(report, ready)
    assert server.processes("") == []


def _check_whole_life(report: Event, ready: Event) -> None:
    """The adopted life has its whole history: phases that add up, the hang, and a clean end."""
    phases = report["phases"]
    assert [p["state"] for p in phases] == PHASES
    assert sum(p["seconds"] for p in phases) == pytest.approx(ready["t"] - phases[0]["start"], abs=0.1)
    visited = [c["to"] for c in report["transitions"]]
    assert visited.index("HUNG") < visited.index("STOPPING") < visited.index("STOPPED")
    assert (report["state"], report["failure"], report["leftovers"]) == ("STOPPED", None, [])
    checkpoint = report["checkpoint"]
    assert checkpoint["arguments"]["served_model_name"] in ("tiny", ["tiny"])
    assert checkpoint["software"]["vllm"].startswith("0.32")
    assert checkpoint["environment"]["VLLM_CPU_KVCACHE_SPACE"] == "1"
    assert checkpoint["hardware"]["memory_bytes"] > 0


OVERLOAD_SECONDS = 10.0
"""How long the server is overloaded: twice what three agreeing signals need to make a hang."""


def test_engine_killed_under_overload(server: Server) -> None:
    """An overloaded server is SATURATED, never HUNG; a kill -9 of its engine is a crash, although vLLM exits with 0."""
    with server.run("--max-num-seqs", "4") as vmon:
        vmon.wait_for_state("IDLE")
        with Traffic(server.url, concurrency=40, max_tokens=200, model="tiny", stream=False):
            vmon.wait_for_state("SATURATED", timeout=60)
            with pytest.raises(TimeoutError):
                vmon.wait_for_state("STALLED", "HUNG", timeout=OVERLOAD_SECONDS)
        with Traffic(server.url, concurrency=2, max_tokens=200, model="tiny"):
            (engine,) = server.processes("VLLM::EngineCore")
            os.kill(engine.pid, signal.SIGKILL)
            killed = time.time()
            crashed = vmon.wait_for_state("CRASHED", timeout=10)
            print(f"CRASHED after {(crashed['t'] - killed) * 1000:.0f} ms")
        report = vmon.report(120)
        assert vmon.exit_code() == 4
    assert report["failure"]["code"] == "engine.died"
    assert report["failure"]["restart_helps"]
    assert report["leftovers"] == []


def test_start_that_fails(server: Server) -> None:
    """A start that cannot work ends with its root cause, and says that trying again will not help."""
    with server.run("--max-model-len", "1000000") as vmon:
        report = vmon.report(300)
        assert vmon.exit_code() == 3
    assert report["state"] == "FAILED_TO_START"
    assert report["failure"]["code"].startswith("config.")
    assert not report["failure"]["restart_helps"]
