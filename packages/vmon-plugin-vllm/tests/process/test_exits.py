"""Deaths seen through pidfds."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from vmon_core.evidence import Evidence, ProcessExited, ProcessGone
from vmon_plugin_vllm.process.exits import ExitWatch
from vmon_plugin_vllm.process.procfs import ProcFS
from vmon_testkit.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from vmon_plugin_vllm.process.server import VllmServer

DEADLINE = 20.0


@pytest.fixture
def reports() -> queue.Queue[Evidence]:
    """Collects what the watch reports."""
    return queue.Queue()


@pytest.fixture
def watch(reports: queue.Queue[Evidence]) -> Iterator[ExitWatch]:
    """A running watch, closed after the test."""
    watching = ExitWatch(reports.put)
    yield watching
    watching.close()


def popen(code: str = "input()") -> subprocess.Popen[bytes]:
    """A child that lives until its standard input is closed, unless `code` says otherwise."""
    return subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE)


def test_reports_a_signal_and_leaves_the_status_to_its_owner(watch: ExitWatch, reports: queue.Queue[Evidence]) -> None:
    """The main process' end is known with its signal, and Popen reads it afterwards."""
    with popen() as child:
        watch.watch(child.pid, main=True)
        child.kill()
        report = reports.get(timeout=DEADLINE)
        assert isinstance(report, ProcessExited)
        assert (report.pid, report.main, report.signal, report.code) == (child.pid, True, signal.SIGKILL, None)
        assert child.wait() == -signal.SIGKILL


def test_reports_an_exit_code(watch: ExitWatch, reports: queue.Queue[Evidence]) -> None:
    """An exit code is reported as such."""
    with popen("input(); raise SystemExit(3)") as child:
        watch.watch(child.pid, main=True)
        assert child.stdin is not None
        child.stdin.write(b"\n")
        child.stdin.close()
        report = reports.get(timeout=DEADLINE)
        assert isinstance(report, ProcessExited)
        assert report.code == 3
        assert child.wait() == 3


def test_reports_others_as_gone(watch: ExitWatch, reports: queue.Queue[Evidence]) -> None:
    """The status of somebody else's child cannot be read; its end is reported all the same."""
    code = "import subprocess as s; c = s.Popen(['cat'], stdin=s.PIPE); print(c.pid, flush=True); c.wait(); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        watch.watch(pid)
        os.kill(pid, signal.SIGKILL)
        report = reports.get(timeout=DEADLINE)
        assert isinstance(report, ProcessGone)
        assert report.pid == pid
        parent.kill()


def test_a_process_that_is_gone_already_is_reported_at_once(watch: ExitWatch, reports: queue.Queue[Evidence]) -> None:
    """So is one whose pid belongs to a later process."""
    with popen() as child:
        watch.watch(child.pid, started=1.0)
        assert isinstance(reports.get_nowait(), ProcessGone)
        child.kill()


def test_many_deaths_are_each_reported_once(watch: ExitWatch, reports: queue.Queue[Evidence]) -> None:
    """Twenty processes that die together give twenty reports."""
    children = [popen() for _ in range(20)]
    for child in children:
        watch.watch(child.pid, main=True)
    for child in children:
        child.kill()
    found = [reports.get(timeout=DEADLINE) for _ in children]
    assert {e.pid for e in found if isinstance(e, ProcessExited)} == {child.pid for child in children}
    for child in children:
        child.communicate()
    watch.close()
    assert reports.empty()


def test_works_without_pidfds(monkeypatch: pytest.MonkeyPatch, reports: queue.Queue[Evidence]) -> None:
    """On an old kernel, or where a sandbox refuses pidfds, the watch looks by itself."""

    def refuse(*_: object) -> int:
        raise PermissionError

    monkeypatch.setattr("os.pidfd_open", refuse)
    watch = ExitWatch(reports.put)
    with popen() as child:
        watch.watch(child.pid, main=True)
        child.kill()
        report = reports.get(timeout=DEADLINE)
        assert isinstance(report, ProcessExited)
        assert report.signal == signal.SIGKILL
    watch.close()


def test_adopted_orphans_are_buried(
    watch: ExitWatch,
    reports: queue.Queue[Evidence],
    start: Callable[..., VllmServer],
    tmp_path: Path,
) -> None:
    """A grandchild that vmon was handed as its subreaper leaves no zombie, and its signal is known."""
    server = start(
        "import pathlib,subprocess,sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()'])\n"
        "pathlib.Path(sys.argv[1], 'ready.new').write_text(str(child.pid))\n"
        "pathlib.Path(sys.argv[1], 'ready.new').rename(pathlib.Path(sys.argv[1], 'ready'))\n"
        "import signal; signal.pause()\n"
    )
    orphan = int((tmp_path / "ready").read_text())
    watch.watch(orphan)
    server.send(signal.SIGKILL)
    assert server.wait(DEADLINE) is not None
    os.kill(orphan, signal.SIGKILL)
    report = reports.get(timeout=DEADLINE)
    assert isinstance(report, ProcessExited)
    assert (report.pid, report.signal, report.main) == (orphan, signal.SIGKILL, False)
    wait_until(lambda: ProcFS().stat(orphan) is None)


def test_closing_stops_the_thread_and_leaks_nothing(reports: queue.Queue[Evidence]) -> None:
    """A closed watch holds no descriptor, reports nothing more, and may be closed again."""
    before = set(os.listdir("/proc/self/fd"))  # noqa: PTH208 (a list of descriptors)
    with popen() as child:
        watching = ExitWatch(reports.put)
        watching.watch(child.pid)
        watching.close()
        watching.close()
        child.kill()
    assert set(os.listdir("/proc/self/fd")) <= before  # noqa: PTH208 (a list of descriptors)
    assert reports.empty()


def test_a_death_is_known_within_100_ms(watch: ExitWatch, reports: queue.Queue[Evidence]) -> None:
    """The median over ten deaths, from the kill to the report, stays below the promised bound."""
    delays = []
    for _ in range(10):
        with popen() as child:
            watch.watch(child.pid, main=True)
            began = time.time()
            child.kill()
            delays.append(reports.get(timeout=DEADLINE).time - began)
    assert sorted(delays)[5] < 0.1
