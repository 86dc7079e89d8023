"""What is told of a process that ends over and over: each reason once, until it works again."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from vmon_testkit.waiting import wait_until

if TYPE_CHECKING:
    import pytest
    from tests.host.child.conftest import Bench

HANG = "vmon_collect gave no answer for 1 s; it hangs in <lambda>"


def told(bench: Bench, text: str) -> int:
    """How often something was said in the plugin's name; a finding about its analyzer is another matter."""
    return sum(text in line for line in bench.said if line.startswith("faulty: "))


def test_lasting_hang_is_told_once(bench: Bench) -> None:
    """Not at each attempt; and when it is over, that is told, once as well. The other collector ticks all the time."""
    wait_until(bench.alive)
    lasting = bench.folder / "collect-always"
    lasting.write_text("sleep")
    wait_until(lambda: bench.plugin.restarts >= 2)
    before = bench.ticker.ticks
    wait_until(lambda: bench.plugin.restarts >= 3)
    assert bench.ticker.ticks > before + 5
    assert told(bench, HANG) == 1
    assert told(bench, "runs again") == told(bench, "vmon_collect failed") == 0
    lasting.unlink()
    wait_until(bench.alive)
    wait_until(lambda: told(bench, "runs again"))
    assert told(bench, "runs again") == 1
    assert told(bench, HANG) == 1


def test_second_hang_is_another_one(bench: Bench) -> None:
    """After it worked in between."""
    for times in (1, 2):
        assert bench.end_of("collect", "sleep") == HANG
        wait_until(lambda: told(bench, "runs again") == times)  # noqa: B023 (called before the next turn)
        assert told(bench, HANG) == times


def test_process_that_the_kernel_does_not_end(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """As one in a call of a driver that waits for ever (state D): told once, no second process, nobody waits for it."""
    monkeypatch.setattr("vmon_core.host.child.keeper.GRACE", 0.1)
    monkeypatch.setattr("vmon_core.host.child.process.GRACE", 0.1)
    wait_until(bench.alive)
    pid, kill = bench.pid, os.killpg
    monkeypatch.setattr(os, "killpg", lambda *_: None)
    bench.inject("collect", "sleep")
    wait_until(lambda: told(bench, f"{HANG}; the kernel cannot end its process {pid}"))
    before = bench.ticker.ticks
    wait_until(lambda: bench.ticker.ticks > before + 20)
    assert (bench.pid, bench.plugin.restarts) == (pid, 0)
    assert told(bench, HANG) == 1
    monkeypatch.setattr(os, "killpg", kill)
    kill(pid, 9)
    wait_until(bench.alive)
