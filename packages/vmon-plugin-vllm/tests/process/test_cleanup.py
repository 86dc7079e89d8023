"""What is left after the end."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import pytest

from vmon_core.records import Target
from vmon_plugin_vllm.process import shared_memory
from vmon_plugin_vllm.process.cleanup import SharedMemoryLedger, verify
from vmon_plugin_vllm.process.ownership import Membership
from vmon_plugin_vllm.process.procfs import ProcFS

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import FakeProc
    from vmon_plugin_vllm.process.server import VllmServer

BOOT = 1_700_000_000
DEADLINE = 20.0
TARGET = Target(name="tiny", pid=100, started=BOOT + 50.0, launch_id="abc")


@pytest.fixture
def shm(tmp_path: Path) -> Path:
    """A folder that stands for /dev/shm."""
    folder = tmp_path / "shm"
    folder.mkdir()
    return folder


def hold(fake_proc: FakeProc, pid: int, path: Path, *, mapped: bool = False) -> None:
    """Let a fake process have a file open or mapped."""
    folder = fake_proc.root / str(pid)
    if mapped:
        (folder / "maps").write_text(f"7f00-7f10 rw-s 00000000 00:1a 12 {path}\n7f20-7f30 r-xp 0 0:0 1 /bin/x\n")
    else:
        (folder / "fd").mkdir(exist_ok=True)
        (folder / "fd" / "5").symlink_to(path)


def test_running_processes_are_named(fake_proc: FakeProc, shm: Path) -> None:
    """Members of the session that run are left; a zombie is not."""
    fake_proc.put(101, "VLLM::EngineCore", start=51)
    fake_proc.put(102, "", start=52, state="Z")
    found = verify(TARGET, SharedMemoryLedger(folder=str(shm)), procfs=fake_proc.procfs)
    assert found.processes == (101,)
    assert not found.clean


def test_nothing_left_is_clean(fake_proc: FakeProc, shm: Path) -> None:
    """With no process, no shared memory and nothing else measurable all is clean."""
    found = verify(TARGET, SharedMemoryLedger(folder=str(shm)), procfs=fake_proc.procfs)
    assert found.clean
    assert (found.gpu_bytes, found.port_free) == (None, None)


def test_only_shared_memory_of_its_life_and_kind_counts(fake_proc: FakeProc, shm: Path) -> None:
    """Names that were there before, are of other programs, or are still held by anybody are not its leftovers."""
    fake_proc.put(9, "other", session=9)
    names = ["psm_old", "psm_new", "psm_open", "psm_mapped", "sem.mp-x", "nccl-1", "torch_1", "pulse-shm-1"]
    for name in names:
        (shm / name).touch()
    hold(fake_proc, 9, shm / "psm_open")
    hold(fake_proc, 9, shm / "psm_mapped", mapped=True)
    ledger = SharedMemoryLedger(before=frozenset({"psm_old"}), folder=str(shm))
    found = verify(TARGET, ledger, procfs=fake_proc.procfs)
    assert found.suspected == ("nccl-1", "psm_new", "sem.mp-x", "torch_1")
    assert found.clean


def test_without_a_snapshot_age_decides(fake_proc: FakeProc, shm: Path) -> None:
    """An adopted server is not blamed for shared memory that is older than itself."""
    (shm / "psm_1").touch()
    made = (shm / "psm_1").stat().st_ctime
    ledger = SharedMemoryLedger(folder=str(shm))
    younger = attrs.evolve(TARGET, started=made + 60.0)
    assert verify(younger, ledger, procfs=fake_proc.procfs).suspected == ()
    older = attrs.evolve(TARGET, started=made - 60.0)
    assert verify(older, ledger, procfs=fake_proc.procfs).suspected == ("psm_1",)


def test_only_what_is_proved_is_removed(fake_proc: FakeProc, shm: Path) -> None:
    """A name that one of its processes was seen holding goes; another one is only reported."""
    fake_proc.put(101, "VLLM::EngineCore", start=51)
    for name in ("psm_seen", "psm_unseen"):
        (shm / name).touch()
    hold(fake_proc, 101, shm / "psm_seen")
    ledger = SharedMemoryLedger(before=frozenset(), folder=str(shm))
    assert verify(TARGET, ledger, remove=True, procfs=fake_proc.procfs).processes == (101,)
    assert (shm / "psm_seen").exists()  # its holder runs
    fake_proc.put(101, "", start=51, state="Z")
    (fake_proc.root / "101" / "fd" / "5").unlink()
    found = verify(TARGET, ledger, procfs=fake_proc.procfs)
    assert (found.shared_memory, found.suspected) == (("psm_seen",), ("psm_unseen",))
    found = verify(TARGET, ledger, remove=True, procfs=fake_proc.procfs)
    assert (found.shared_memory, found.suspected) == ((), ("psm_unseen",))
    assert found.clean
    assert sorted(path.name for path in shm.iterdir()) == ["psm_unseen"]


def test_what_another_process_holds_is_never_removed(fake_proc: FakeProc, shm: Path) -> None:
    """Even when it is proved to have been ours: somebody uses it."""
    fake_proc.put(9, "other", session=9)
    (shm / "psm_1").touch()
    hold(fake_proc, 9, shm / "psm_1")
    ledger = SharedMemoryLedger(before=frozenset(), proven={"psm_1"}, folder=str(shm))
    assert verify(TARGET, ledger, remove=True, procfs=fake_proc.procfs).shared_memory == ()
    assert (shm / "psm_1").exists()


def test_shared_memory_that_cannot_be_removed_is_reported(
    fake_proc: FakeProc, shm: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refused unlink is told as a leftover, not raised."""

    def refuse(_: str) -> None:
        raise PermissionError

    (shm / "psm_1").touch()
    ledger = SharedMemoryLedger(before=frozenset(), proven={"psm_1"}, folder=str(shm))
    monkeypatch.setattr("vmon_plugin_vllm.process.shared_memory.os.unlink", refuse)
    assert verify(TARGET, ledger, remove=True, procfs=fake_proc.procfs).shared_memory == ("psm_1",)


def test_a_machine_without_dev_shm_has_none(fake_proc: FakeProc) -> None:
    """A missing folder means no names, not an error."""
    assert shared_memory.names("/nowhere") == frozenset()
    ledger = SharedMemoryLedger(folder="/nowhere")
    ledger.note(Membership(TARGET, fake_proc.procfs))
    assert verify(TARGET, ledger, procfs=fake_proc.procfs).clean


@pytest.fixture
def listener() -> socket.socket:
    """A socket of this process that listens on a loopback port."""
    made = socket.socket()
    made.bind(("127.0.0.1", 0))
    made.listen()
    return made


def test_the_port_is_tried(fake_proc: FakeProc, shm: Path, listener: socket.socket) -> None:
    """A free port is free; one that another program has by now says nothing about the server."""
    target = attrs.evolve(TARGET, url=f"http://127.0.0.1:{listener.getsockname()[1]}")
    ledger = SharedMemoryLedger(folder=str(shm))
    with listener:
        taken = verify(target, ledger, procfs=fake_proc.procfs)
        assert taken.port_free is None
        assert f"pid {os.getpid()}" in taken.summary
    assert verify(target, ledger, procfs=fake_proc.procfs).port_free is True


def test_a_port_whose_holder_is_hidden_counts_as_not_free(
    fake_proc: FakeProc, shm: Path, listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nobody can be shown to have taken it, the doubt is told."""
    target = attrs.evolve(TARGET, url=f"http://127.0.0.1:{listener.getsockname()[1]}")
    monkeypatch.setattr("vmon_plugin_vllm.process.cleanup.port_owner", lambda *_: None)
    with listener:
        found = verify(target, SharedMemoryLedger(folder=str(shm)), procfs=fake_proc.procfs)
    assert found.port_free is False
    assert not found.clean


def test_a_real_server_leaves_its_shared_memory_and_it_is_removed(
    start: Callable[..., VllmServer], tmp_path: Path
) -> None:
    """Killed with everything, a process leaks shared memory; what it was seen holding is taken away."""
    server = start(
        "import pathlib, signal, sys\n"
        "from multiprocessing import shared_memory\n"
        "made = shared_memory.SharedMemory(create=True, size=64)\n"
        "pathlib.Path(sys.argv[1], 'name').write_text(made.name)\n"
        "pathlib.Path(sys.argv[1], 'ready').touch(); signal.pause()"
    )
    name = (tmp_path / "name").read_text()
    path = Path(shared_memory.FOLDER, name)
    try:
        assert server.kill() >= 1
        assert server.wait(DEADLINE) is not None
        found = server.clean_up()
        assert name in found.shared_memory or found.processes
        while found.processes:
            found = server.clean_up()
        assert name in found.shared_memory
        assert name not in server.clean_up(remove=True).shared_memory
        assert not path.exists()
    finally:
        path.unlink(missing_ok=True)


def test_zombies_of_orphans_are_buried(start: Callable[..., VllmServer], tmp_path: Path) -> None:
    """Orphans that this process adopted and that have ended are gone after the look."""
    server = start(
        "import os, pathlib, signal, sys\n"
        "child = os.fork()\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "if child: (folder / 'pid').write_text(str(child)); (folder / 'ready').touch()\n"
        "signal.pause()"
    )
    orphan = int((tmp_path / "pid").read_text())
    server.send(signal.SIGKILL)
    assert server.wait(DEADLINE) is not None
    assert server.clean_up().processes == (orphan,)
    server.kill()
    while server.clean_up().processes:
        pass
    assert ProcFS().stat(orphan) is None
