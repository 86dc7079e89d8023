"""The kernel log: which lines tell of an Xid, and how it is read."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmon_plugin_nvidia.events.kernel_log import KernelLog, Parser

if TYPE_CHECKING:
    from pathlib import Path

    from vmon_plugin_nvidia.events.sighting import Sighting


def parse(*lines: str) -> list[Sighting]:
    """What one reader finds in these lines."""
    parser = Parser()
    return [seen for line in lines if (seen := parser.feed(line, 90.0, 100.0)) is not None]


@pytest.mark.parametrize(
    ("line", "pci", "code", "pid"),
    [
        (
            "3,1234,5678901,-;NVRM: Xid (PCI:0000:3b:00): 79, pid='<unknown>', GPU has fallen off the bus.",
            *("0000:3b:00.0", 79, None),
        ),
        ("4,7,8,-;NVRM: Xid (PCI:0000:C1:00): 31, pid=4242, name=VLLM::Worker_TP, Ch 8", "0000:c1:00.0", 31, 4242),
        ("NVRM: Xid (0000:03:00): 13, Graphics Exception", "0000:03:00.0", 13, None),
        ("4,7,8,-;NVRM: Xid (PCI:00000008:01:00.0): 154, GPU recovery action changed", "0008:01:00.0", 154, None),
        ("4,7,8,-;NVRM: GPU 0000:2b:00.0: GPU has fallen off the bus.", "0000:2b:00.0", 79, None),
        ("4,7,8,-;[drm] NVRM: Xid (PCI:0000:3b:00): 63", "0000:3b:00.0", 63, None),
    ],
)
def test_lines_that_tell_of_an_xid(line: str, pci: str, code: int, pid: int | None) -> None:
    """Old and new forms of the message."""
    (seen,) = parse(line)
    assert (seen.pci, seen.code, seen.pid) == (pci, code, pid)


def test_message_over_three_lines() -> None:
    """Some drivers tell of a lost GPU without a number, over several lines."""
    (seen,) = parse(
        "4,1,1,-;NVRM: The NVIDIA GPU 0000:03:00.0",
        "4,2,1,-;NVRM: (PCI ID: 10de:2330) installed in this system has",
        "4,3,1,-;NVRM: fallen off the bus and is not responding to commands.",
    )
    assert (seen.pci, seen.code) == ("0000:03:00.0", 79)


@pytest.mark.parametrize(
    "line",
    [
        "6,1,1,-;usb 1-1: new high-speed device",
        " SUBSYSTEM=pci",
        "4,1,1,-;NVRM: loading NVIDIA UNIX x86_64 Kernel Module 580.95.05",
        "4,1,1,-;NVRM: Xid (PCI:0000:3b:00): none",
        "4,1,1,-;a user wrote: Xid (PCI:0000:3b:00): 79",
        "",
    ],
)
def test_lines_that_do_not(line: str) -> None:
    """Others speak of other things."""
    assert not parse(line)


@given(
    st.text(), st.sampled_from(["", "3,1,99999999999999999999,-;", "NVRM: Xid (PCI:0000:3b:00): ", "4,1,1,-;NVRM: "])
)
def test_any_line_is_taken(line: str, prefix: str) -> None:
    """Whatever the kernel prints, the reader goes on, and no time is outside of what is possible."""
    for seen in parse(prefix + line):
        assert 90.0 <= seen.time <= 100.0


# --- reading ---


def test_only_what_is_new(tmp_path: Path) -> None:
    """What was logged before vmon came says nothing about now; lines may arrive in pieces."""
    file = tmp_path / "kmsg"
    file.write_text("4,1,1,-;NVRM: Xid (PCI:0000:3b:00): 79\n")
    log = KernelLog(str(file))
    assert log.read() == []
    with file.open("a") as writing:
        writing.write("4,2,1,-;NVRM: Xid (PCI:0000:3b:00): 4")
        writing.flush()
        assert log.read() == []
        writing.write("5, pid=7\n4,3,1,-;NVRM: Xid (PCI:0000:3b:00): 31\n")
    assert [seen.code for seen in log.read()] == [45, 31]
    assert log.read() == []
    assert not log.trouble
    log.close()


def test_kernel_time_becomes_ours(tmp_path: Path) -> None:
    """The kernel counts from the boot."""
    file = tmp_path / "kmsg"
    file.touch()
    log = KernelLog(str(file), clock=iter([1000.0, 1010.0]).__next__)
    file.write_text(f"4,2,{(time.monotonic() - 4) * 1e6:.0f},-;NVRM: Xid (PCI:0000:3b:00): 31\n")
    (seen,) = log.read()
    assert seen.time == pytest.approx(1006.0, abs=1.0)
    log.close()


@pytest.mark.parametrize("path", ["/nowhere/kmsg", "/"])
def test_unreadable_log_is_no_error(path: str) -> None:
    """Containers have none, and it is root's: the reason is kept, and nothing is found."""
    log = KernelLog(path)
    assert log.read() == []
    assert log.trouble.startswith(f"the kernel log {path} cannot be read: ") or path == "/"
    assert log.trouble
    log.close()


def test_overwritten_records_are_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel says EPIPE once when its buffer was faster than we."""
    file = tmp_path / "kmsg"
    file.touch()
    log = KernelLog(str(file))
    answers: Any = iter([BrokenPipeError(), b"4,2,1,-;NVRM: Xid (PCI:0000:3b:00): 31\n", BlockingIOError()])

    def read(fd: int, size: int) -> bytes:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return bytes(answer)

    monkeypatch.setattr(os, "read", read)
    assert [seen.code for seen in log.read()] == [31]
    monkeypatch.undo()
    log.close()


def test_log_file_that_is_rotated(tmp_path: Path) -> None:
    """Cut short, or moved away with a new one in its place, perhaps a moment later: nothing is told twice or lost."""
    path = tmp_path / "kern.log"
    line = "NVRM: Xid (PCI:0000:3b:00): {}, text\n"
    path.write_text(line.format(13) * 100)
    log = KernelLog(str(path))

    def codes() -> list[int]:
        return [seen.code for seen in log.read()]

    assert codes() == []
    path.write_text(line.format(31))
    assert codes() == [31]
    with path.open("a") as file:
        file.write(line.format(43))
    path.rename(tmp_path / "kern.log.1")
    assert codes() == [43]
    path.write_text(line.format(45))
    assert codes() == [45]
    assert codes() == []
    assert log.trouble == ""
    log.close()
