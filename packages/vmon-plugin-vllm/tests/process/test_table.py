"""The process table of a deployment, on a fake /proc."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vmon_core.evidence import Evidence, ProcessGone, ProcessSampled, ProcessSeen, Role
from vmon_core.records import Target
from vmon_plugin_vllm.process.procfs import ProcFS, Stat
from vmon_plugin_vllm.process.table import YOUNG, ProcessTable

if TYPE_CHECKING:
    from conftest import FakeProc

BOOT = 1_700_000_000
NOW = BOOT + 1000.0
SPAWN = "python3 -c from multiprocessing.spawn import spawn_main; spawn_main(tracker_fd=1)"
MAIN = "python3 /venv/bin/vllm serve tiny"


def target(pid: int = 100, started: float | None = BOOT + 50.0, launch_id: str = "abc") -> Target:
    """The target that the fake table holds."""
    return Target(name="tiny", pid=pid, started=started, launch_id=launch_id)


@pytest.fixture
def tree(fake_proc: FakeProc) -> FakeProc:
    """A server with its engine core and worker, and two strangers."""
    fake_proc.put(1, "init", parent=0, session=1, start=0)
    fake_proc.put(9, "cat vllm", session=9, start=60)
    fake_proc.put(100, MAIN, comm="vllm", cpu=3.0)
    fake_proc.put(101, "VLLM::EngineCore", parent=100, comm="VLLM::EngineCor", start=51)
    fake_proc.put(102, "VLLM::Worker", parent=101, comm="VLLM::Worker", start=52)
    return fake_proc


def seen(evidence: list[Evidence]) -> dict[int, ProcessSeen]:
    """The processes that were new or renamed."""
    return {e.pid: e for e in evidence if isinstance(e, ProcessSeen)}


def gone(evidence: list[Evidence]) -> list[int]:
    """The processes that ended."""
    return [e.pid for e in evidence if isinstance(e, ProcessGone)]


def sampled(evidence: list[Evidence]) -> dict[int, ProcessSampled]:
    """The samples by pid."""
    return {e.pid: e for e in evidence if isinstance(e, ProcessSampled)}


def test_the_first_look_sees_the_tree_and_nobody_else(tree: FakeProc) -> None:
    """Each process is seen once, parents first, with role, parent and start time."""
    table = ProcessTable(target(), tree.procfs)
    first = table.look(NOW)
    found = seen(first)
    assert list(found) == [100, 101, 102]
    assert [e.role for e in found.values()] == [Role.MAIN, Role.ENGINE_CORE, Role.WORKER]
    assert (found[101].parent, found[101].started, found[101].title) == (100, BOOT + 51.0, "VLLM::EngineCore")
    assert not seen(table.look(NOW + 1))


def test_every_look_samples_each_process(tree: FakeProc) -> None:
    """A sample tells status, CPU time, memory and threads."""
    table = ProcessTable(target(), tree.procfs)
    table.look(NOW)
    tree.put(101, "VLLM::EngineCore", parent=100, comm="VLLM::EngineCor", start=51, state="T", cpu=7.5)
    samples = sampled(table.look(NOW + 1))
    assert set(samples) == {100, 101, 102}
    assert (samples[101].status, samples[101].cpu_seconds, samples[101].threads) == ("T", 7.5, 3)
    assert samples[101].rss_bytes
    assert table.pids == (100, 101, 102)


def test_a_renamed_worker_is_seen_again(tree: FakeProc) -> None:
    """The title is read anew while the process is young, even when its short name stays the same."""
    table = ProcessTable(target(), tree.procfs)
    table.look(NOW)
    tree.put(102, "VLLM::Worker_TP1", parent=101, comm="VLLM::Worker", start=52)
    assert {pid: e.name for pid, e in seen(table.look(NOW + 1)).items()} == {102: "Worker_TP1"}


def test_an_old_process_is_reread_when_its_short_name_changes(tree: FakeProc) -> None:
    """Later only a change of the short name, which costs nothing to see, leads to a new reading."""
    table = ProcessTable(target(), tree.procfs)
    table.look(NOW)
    later = NOW + YOUNG + 1
    tree.put(102, "VLLM::Worker_TP1", parent=101, comm="VLLM::Worker", start=52)
    assert not seen(table.look(later))
    tree.put(102, "VLLM::Worker_TP1", parent=101, comm="VLLM::Worker_TP", start=52)
    assert list(seen(table.look(later + 1))) == [102]
    assert not seen(table.look(later + 2))


def test_spawned_children_get_their_role_before_their_title(tree: FakeProc) -> None:
    """A fresh child of the engine core is a worker at once."""
    table = ProcessTable(target(), tree.procfs)
    table.look(NOW)
    tree.put(103, SPAWN, parent=101, start=53)
    assert seen(table.look(NOW + 1))[103].role is Role.WORKER


def test_a_fork_before_its_exec_is_a_helper_until_it_has_its_own_title(tree: FakeProc) -> None:
    """A just forked child shows its parent's title."""
    table = ProcessTable(target(), tree.procfs)
    table.look(NOW)
    tree.put(103, "VLLM::EngineCore", parent=101, comm="VLLM::EngineCor", start=53)
    assert seen(table.look(NOW + 1))[103].role is Role.HELPER
    tree.put(103, "g++ -O3 x.cpp", parent=101, comm="g++", start=53)
    assert seen(table.look(NOW + 2))[103].role is Role.COMPILER


@pytest.mark.parametrize("state", ["Z", "X"])
def test_a_zombie_is_gone_once(tree: FakeProc, state: str) -> None:
    """A dead process that nobody has buried is reported gone, and never again."""
    table = ProcessTable(target(), tree.procfs)
    table.look(NOW)
    tree.put(102, "", parent=101, comm="VLLM::Worker", start=52, state=state)
    assert gone(table.look(NOW + 1)) == [102]
    second = table.look(NOW + 2)
    assert not gone(second)
    assert not seen(second)


def test_a_vanished_process_is_gone(tree: FakeProc) -> None:
    """A process that was buried is reported gone."""
    table = ProcessTable(target(), tree.procfs)
    table.look(NOW)
    tree.drop(102)
    assert gone(table.look(NOW + 1)) == [102]


def test_a_dying_process_keeps_its_name(tree: FakeProc) -> None:
    """While the kernel takes its memory away a process has no title; that is no new name."""
    table = ProcessTable(target(), tree.procfs)
    table.look(NOW)
    (tree.root / "102" / "cmdline").write_bytes(b"")
    assert not seen(table.look(NOW + 1))


def test_a_reused_pid_is_another_process(tree: FakeProc) -> None:
    """The old one is gone, and the new one does not belong here."""
    table = ProcessTable(target(), tree.procfs)
    table.look(NOW)
    tree.put(102, "VLLM::Worker", session=9, start=900)
    evidence = table.look(NOW + 1)
    assert gone(evidence) == [102]
    assert not seen(evidence)


def test_a_reused_main_pid_is_not_followed(tree: FakeProc) -> None:
    """A journal's pid that now belongs to a later process shows no tree, nor does that process' session."""
    tree.put(100, "bash", session=100, start=700)
    tree.put(101, "sleep 9", parent=100, start=701)
    tree.drop(102)
    assert ProcessTable(target(), tree.procfs).look(NOW) == []


def test_orphans_of_the_session_stay_in_view(tree: FakeProc) -> None:
    """After kill -9 of the main process its engine and worker live on, known by their session."""
    tree.drop(100)
    tree.put(101, "VLLM::EngineCore", parent=1, comm="VLLM::EngineCor", start=51)
    found = seen(ProcessTable(target(), tree.procfs).look(NOW))
    assert {pid: e.role for pid, e in found.items()} == {101: Role.ENGINE_CORE, 102: Role.WORKER}


def test_orphans_keep_their_role(tree: FakeProc) -> None:
    """A spawned worker whose parent died is still a worker."""
    table = ProcessTable(target(), tree.procfs)
    tree.put(103, SPAWN, parent=101, start=53)
    table.look(NOW)
    tree.drop(101)
    tree.put(103, SPAWN, parent=1, start=53)
    evidence = table.look(NOW + 1)
    assert gone(evidence) == [101]
    assert not seen(evidence)


def test_a_process_that_left_the_session_is_known_by_its_launch_id(tree: FakeProc) -> None:
    """The launch id in the environment is proof too; another id, or an older process, is none."""
    tree.put(110, "helper", session=110, start=60, environ={"VMON_LAUNCH_ID": "abc"})
    tree.put(111, "other", session=111, start=60, environ={"VMON_LAUNCH_ID": "xyz"})
    tree.put(112, "older", session=112, start=10, environ={"VMON_LAUNCH_ID": "abc"})
    assert set(seen(ProcessTable(target(), tree.procfs).look(NOW))) == {100, 101, 102, 110}


def test_a_server_in_somebodys_shell_does_not_own_the_session(tree: FakeProc) -> None:
    """An attached server's session counts only when the server leads it."""
    tree.put(90, "bash", session=90, start=1)
    tree.put(100, MAIN, parent=90, session=90, comm="vllm")
    tree.put(120, "vim", parent=90, session=90, start=70)
    assert set(seen(ProcessTable(target(launch_id=""), tree.procfs).look(NOW))) == {100, 101, 102}


def test_titles_show_no_secrets(tree: FakeProc) -> None:
    """An API key on the command line does not reach the evidence."""
    tree.put(100, MAIN + " --api-key hunter2", comm="vllm")
    found = seen(ProcessTable(target(), tree.procfs).look(NOW))[100]
    assert "hunter2" not in found.title
    assert "--api-key ***" in found.title


def test_a_process_that_vanishes_while_it_is_read_is_left_out(tree: FakeProc, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is in the listing but its files are gone; the next look says the same, without an error."""
    listing = [*tree.procfs.pids(), 555]
    monkeypatch.setattr(ProcFS, "pids", lambda _: listing)
    table = ProcessTable(target(), tree.procfs)
    assert set(seen(table.look(NOW))) == {100, 101, 102}
    tree.put(555, "g++ x.cpp", parent=102, start=80)  # now it is there: nobody took it for a stranger
    assert set(seen(table.look(NOW + 1))) == {555}


def test_a_hidden_table_shows_nothing(fake_proc: FakeProc) -> None:
    """A /proc that may not be listed (hidepid, a sandbox) gives no evidence and no error."""
    assert ProcessTable(target(), ProcFS(fake_proc.root / "missing")).look(NOW) == []


def test_strangers_are_read_only_once(tree: FakeProc, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look costs nothing for each process that is known to belong to others."""
    table = ProcessTable(target(), tree.procfs)
    table.look(NOW)
    read: list[int] = []
    stat = ProcFS.stat

    def noted(self: ProcFS, pid: int) -> Stat | None:
        read.append(pid)
        return stat(self, pid)

    monkeypatch.setattr(ProcFS, "stat", noted)
    table.look(NOW + 1)
    assert sorted(read) == [100, 101, 102]
