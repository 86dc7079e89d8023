"""Proof that a process is ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import pytest

from vmon_core.records import Target
from vmon_plugin_vllm.process.ownership import Membership, handle_of, owns
from vmon_plugin_vllm.process.procfs import ProcFS

if TYPE_CHECKING:
    from conftest import FakeProc

BOOT = 1_700_000_000
TARGET = Target(name="tiny", pid=100, started=BOOT + 50.0, launch_id="abc")


@pytest.fixture
def table(fake_proc: FakeProc) -> FakeProc:
    """A table with the main process of TARGET."""
    fake_proc.put(100, "vllm serve m", environ={"PATH": "/bin", "VMON_LAUNCH_ID": "abc"})
    return fake_proc


def test_pid_start_time_and_launch_id_are_proof(table: FakeProc) -> None:
    """All three hold, within the tolerance of the boot time."""
    assert owns(TARGET, table.procfs)
    assert owns(attrs.evolve(TARGET, started=BOOT + 51.0), table.procfs)


@pytest.mark.parametrize(
    "change",
    [
        {"start": 60},
        {"environ": {"VMON_LAUNCH_ID": "other"}},
        {"environ": {"XVMON_LAUNCH_ID": "abc"}},
        {"environ": {}},
        {"state": "Z"},
    ],
    ids=["reused pid", "other launch", "other variable", "unreadable environment", "zombie"],
)
def test_anything_less_is_none(table: FakeProc, change: dict[str, Any]) -> None:
    """One thing that does not hold is enough."""
    table.put(100, "vllm serve m", **{"environ": {"VMON_LAUNCH_ID": "abc"}, **change})
    assert not owns(TARGET, table.procfs)


@pytest.mark.parametrize("field", ["pid", "started", "launch_id"])
def test_a_target_that_lacks_a_fact_is_not_owned(table: FakeProc, field: str) -> None:
    """What the journal does not know cannot be proved."""
    missing: Any = "" if field == "launch_id" else None
    assert not owns(attrs.evolve(TARGET, **{field: missing}), table.procfs)


def test_a_process_that_is_gone_is_not_owned(table: FakeProc) -> None:
    """There is nothing to own."""
    table.drop(100)
    assert not owns(TARGET, table.procfs)


def test_an_environment_that_may_not_be_read_proves_nothing(table: FakeProc, monkeypatch: pytest.MonkeyPatch) -> None:
    """Permission denied is no proof and no error."""
    monkeypatch.setattr(ProcFS, "variable", lambda *_: "")
    assert not owns(TARGET, table.procfs)


def test_members_are_the_session_and_the_launch(table: FakeProc) -> None:
    """The session's processes (their own environment is overwritten) and those with the launch id; nobody else."""
    table.put(101, "VLLM::EngineCore", parent=1, start=51)
    table.put(102, "strayed", parent=1, session=102, start=52, environ={"VMON_LAUNCH_ID": "abc"})
    table.put(103, "stranger", parent=1, session=103, start=52)
    table.put(104, "", parent=1, start=52, state="Z")
    membership = Membership(TARGET, table.procfs)
    assert [stat.pid for stat in membership.members()] == [100, 101, 102, 104]
    assert [stat.pid for stat in membership.alive()] == [100, 101, 102]


def test_a_session_whose_number_was_given_to_another_proves_nothing(table: FakeProc) -> None:
    """After all of ours have ended, a later process may lead a session of the same number."""
    table.put(100, "bash", start=900)
    table.put(101, "sleep", parent=100, start=901)
    assert Membership(TARGET, table.procfs).members() == ()


def test_a_handle_is_of_exactly_one_process(table: FakeProc) -> None:
    """A pid that was reused since the look, even within the tolerance of start times, gives no handle."""
    procfs = table.procfs
    stat = procfs.stat(100)
    assert stat is not None
    table.put(100, "bash", start=50.5)
    assert handle_of(stat, procfs) is None
