"""Reading /proc."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmon_plugin_vllm.process.procfs import ProcFS, parse_stat

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import FakeProc

TICKS = os.sysconf("SC_CLK_TCK")
numbers = st.integers(0, 2**40)


@given(
    comm=st.binary(max_size=15),
    state=st.sampled_from("RSDTtZXI"),
    pid=st.integers(1, 2**22),
    numbers=st.tuples(numbers, numbers, numbers, numbers, numbers, numbers),
)
def test_parses_any_short_name(comm: bytes, state: str, pid: int, numbers: tuple[int, ...]) -> None:
    """Blanks, parentheses and any other byte in the short name never shift the fields."""
    parent, session, user, system, threads, start = numbers
    tail = f"{state} {parent} 1 {session} 0 -1 0 0 0 0 0 {user} {system} 0 0 20 0 {threads} 0 {start} 0 5 9 9"
    stat = parse_stat(f"{pid} (".encode() + comm + b") " + tail.encode())
    assert stat is not None
    assert (stat.pid, stat.comm, stat.state) == (pid, comm.decode(errors="replace"), state)
    assert (stat.parent, stat.session, stat.threads, stat.start_ticks) == (parent, session, threads, start)
    assert stat.cpu_seconds == (user + system) / TICKS


@given(st.binary(max_size=200))
def test_any_other_content_is_none_or_a_record(content: bytes) -> None:
    """Whatever the file holds, parsing it never raises."""
    stat = parse_stat(content)
    assert stat is None or stat.pid is not None


@pytest.mark.parametrize("content", [b"", b"12", b"12 (a) S 1", b"x (a) " + b"1 " * 30, b"1 (a) S " + b"x " * 30])
def test_truncated_content_is_none(content: bytes) -> None:
    """A short or malformed record is no record."""
    assert parse_stat(content) is None


def test_reads_this_very_process() -> None:
    """The real /proc tells about the test's own process."""
    procfs = ProcFS()
    stat = procfs.stat(os.getpid())
    assert stat is not None
    assert (stat.pid, stat.parent, stat.session) == (os.getpid(), os.getppid(), os.getsid(0))
    assert stat.rss_bytes > 1 << 20
    assert os.getpid() in procfs.pids()
    assert procfs.variable(os.getpid(), "PATH")
    assert "python" in procfs.arguments(os.getpid())[0]
    assert "/" in procfs.maps(os.getpid())


def test_start_time_is_in_the_past_and_exact(fake_proc: FakeProc) -> None:
    """Start time is the boot time plus the ticks since then."""
    fake_proc.put(7, start=12.5)
    procfs = fake_proc.procfs
    stat = procfs.stat(7)
    assert stat is not None
    assert procfs.started(stat) == 1_700_000_012.5
    assert procfs.is_same(stat, 1_700_000_013.5)
    assert not procfs.is_same(stat, 1_700_000_016.0)


def test_boot_time_without_a_btime_line(tmp_path: Path) -> None:
    """A container that hides /proc/stat still has a boot time."""
    assert abs(ProcFS(tmp_path).boot_time - ProcFS().boot_time) < 5.0


def test_a_process_that_is_not_there_gives_nothing(fake_proc: FakeProc) -> None:
    """Every question about a vanished process has an empty answer."""
    procfs = fake_proc.procfs
    assert procfs.stat(7) is None
    assert procfs.arguments(7) == ()
    assert procfs.variable(7, "A") == ""
    assert (procfs.links(7), procfs.link(7, 1), procfs.maps(7)) == ((), "", "")
    assert ProcFS("/nowhere").pids() == []


@pytest.mark.parametrize("error", [PermissionError, ProcessLookupError, OSError])
def test_a_read_that_fails_midway_gives_nothing(
    fake_proc: FakeProc, monkeypatch: pytest.MonkeyPatch, error: type[OSError]
) -> None:
    """A process that vanishes between open and read, or may not be read, gives an empty answer and no leak."""
    fake_proc.put(7, "vllm serve m")

    def refuse(*_: object) -> bytes:
        raise error

    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 (a count of descriptors)
    monkeypatch.setattr("vmon_plugin_vllm.process.procfs.os.read", refuse)
    assert fake_proc.procfs.stat(7) is None
    assert fake_proc.procfs.arguments(7) == ()
    monkeypatch.undo()
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208 (a count of descriptors)


def test_reads_an_environment_of_any_size(fake_proc: FakeProc) -> None:
    """A variable behind 300 kB of others is found."""
    fake_proc.put(7, environ={"A": "x" * 300_000, "B": "here"})
    assert fake_proc.procfs.variable(7, "B") == "here"
    assert fake_proc.procfs.variable(7, "C") == ""
