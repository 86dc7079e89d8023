"""Finding servers that already run."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from vmon_plugin_vllm.process.discover import discover, find_by_url
from vmon_plugin_vllm.process.ports import PortOwner

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import FakeProc

BOOT = 1_700_000_000
SERVER = "python3 /venv/bin/vllm serve org/tiny --port 8123"


@pytest.fixture
def table(fake_proc: FakeProc) -> FakeProc:
    """A server below `uv run`, with an API server child and a fork that still shows the server's command line."""
    fake_proc.put(1, "init", parent=0, session=1, start=0)
    fake_proc.put(90, "uv run vllm serve org/tiny --port 8123", start=40)
    fake_proc.put(100, SERVER, parent=90)
    fake_proc.put(101, "VLLM::APIServer_0", parent=100, start=51)
    fake_proc.put(102, SERVER, parent=100, start=52)
    fake_proc.put(103, "tail -f vllm.log", start=60)
    return fake_proc


def listening(monkeypatch: pytest.MonkeyPatch, pid: int | None) -> None:
    """Let process `pid` have every port."""
    monkeypatch.setattr("vmon_plugin_vllm.process.discover.port_owner", lambda _, port: PortOwner(port, pid))


def test_finds_the_main_processes(table: FakeProc) -> None:
    """One target for each server: not the wrapper above it, not its children."""
    (target,) = discover(table.procfs)
    assert (target.pid, target.started) == (100, BOOT + 50.0)
    assert (target.name, target.url) == ("tiny", "http://127.0.0.1:8123")
    assert target.command == tuple(SERVER.split())
    assert not target.owned


def test_the_log_is_the_file_behind_standard_output(table: FakeProc, tmp_path: Path) -> None:
    """A regular file that can be read is its log; a pipe, a device or a deleted file is none."""
    log = tmp_path / "server.log"
    log.touch()
    descriptor = table.root / "100" / "fd" / "1"
    descriptor.parent.mkdir()
    for path, known in [(str(log), str(log)), ("pipe:[12]", ""), ("/dev/null", ""), (f"{log} (deleted)", "")]:
        descriptor.unlink(missing_ok=True)
        descriptor.symlink_to(path)
        assert discover(table.procfs)[0].log == known


def test_an_unreadable_log_is_no_log(table: FakeProc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of another user is passed over."""
    log = tmp_path / "server.log"
    log.touch()
    (table.root / "100" / "fd").mkdir()
    (table.root / "100" / "fd" / "1").symlink_to(log)

    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr("pathlib.Path.open", refuse)
    assert discover(table.procfs)[0].log == ""


def test_a_table_that_may_not_be_read_shows_nobody(table: FakeProc) -> None:
    """Command lines that are hidden or empty, and zombies, are passed over quietly."""
    (table.root / "100" / "cmdline").unlink()
    table.put(102, SERVER, parent=100, state="Z")
    assert discover(table.procfs) == ()


@pytest.mark.parametrize("pid", [100, 101, 102])
def test_finds_the_server_behind_a_url(table: FakeProc, monkeypatch: pytest.MonkeyPatch, pid: int) -> None:
    """Whichever process listens, the main process of its server is found, and the URL is the given one."""
    listening(monkeypatch, pid)
    target = find_by_url("http://localhost:8123", table.procfs)
    assert target is not None
    assert (target.pid, target.url) == (100, "http://localhost:8123")


@pytest.mark.parametrize("pid", [90, 103, 999, None])
def test_other_listeners_are_no_servers(table: FakeProc, monkeypatch: pytest.MonkeyPatch, pid: int | None) -> None:
    """Another program, a process that has ended, or one that may not be seen is no vLLM server."""
    listening(monkeypatch, pid)
    assert find_by_url("http://localhost:8123", table.procfs) is None


def test_a_url_of_another_machine_has_no_process_here(table: FakeProc, monkeypatch: pytest.MonkeyPatch) -> None:
    """No local process is taken for a remote server."""
    listening(monkeypatch, 100)
    assert find_by_url("http://example.org:8123", table.procfs) is None


def test_the_real_table_can_be_searched() -> None:
    """On this machine, as this user, discovery raises nothing and does not find the test itself."""
    assert os.getpid() not in {target.pid for target in discover()}
    assert find_by_url("http://127.0.0.1:1") is None
