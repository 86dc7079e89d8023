"""Launching, adopting, signalling and killing real processes."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import pytest

from vmon_core.errors import VmonError
from vmon_core.plugin import LaunchRequest
from vmon_plugin_vllm.process.launch import adopt, launch
from vmon_plugin_vllm.process.ownership import owns
from vmon_plugin_vllm.process.procfs import ProcFS

if TYPE_CHECKING:
    from collections.abc import Callable

    from vmon_plugin_vllm.process.server import VllmServer

DEADLINE = 20.0
READY = "import pathlib, signal, sys; ready = pathlib.Path(sys.argv[1], 'ready')\n"
PAUSE = READY + "ready.touch(); signal.pause()"
WITH_GRANDCHILD = READY + (
    "import os\n"
    "child = os.fork()\n"
    "if child: signal.pause()\n"  # the main process; its child reports
    "grandchild = os.fork()\n"
    "if grandchild:\n"
    "    pathlib.Path(sys.argv[1], 'pids').write_text(f'{os.getpid()} {grandchild}'); ready.touch()\n"
    "signal.pause()\n"
)


def spoken(server: VllmServer) -> str:
    """What the server wrote to its log."""
    return Path(server.target.log).read_text()


def test_the_target_says_who_it_is(start: Callable[..., VllmServer]) -> None:
    """Pid, start time, launch id and log are known at once, and prove ownership."""
    server = start(PAUSE)
    target = server.target
    assert target.pid is not None
    stat = ProcFS().stat(target.pid)
    assert stat is not None
    assert target.started == ProcFS().started(stat)
    assert target.owned
    assert target.command[0] == sys.executable
    assert (target.name, target.url) == ("vllm", "http://127.0.0.1:8000")
    assert server.alive()
    assert owns(target)


def test_the_process_stands_on_its_own(start: Callable[..., VllmServer]) -> None:
    """It leads a session, reads nothing, writes both streams to one log, and keeps the working directory."""
    server = start(
        READY + "import os\n"
        "print('out', os.getcwd(), os.environ['PYTHONUNBUFFERED'], repr(sys.stdin.read()))\n"
        "print('err', file=sys.stderr)\n"
        "ready.touch(); signal.pause()"
    )
    pid = server.target.pid
    assert pid is not None
    assert os.getsid(pid) == pid
    assert spoken(server).splitlines() == [f"out {Path.cwd()} 1 ''", "err"]
    links = ProcFS().links(pid)
    assert sorted(links) == ["/dev/null", server.target.log, server.target.log]


def test_descriptors_that_vmon_inherited_are_not_handed_on(start: Callable[..., VllmServer]) -> None:
    """A server that outlives vmon does not keep the pipe of whoever started vmon."""
    reader, writer = os.pipe()
    os.set_inheritable(writer, True)  # noqa: FBT003 (its only form)
    try:
        server = start(PAUSE)
        assert not any(link.startswith("pipe:") for link in ProcFS().links(server.target.pid or 0))
    finally:
        os.close(reader)
        os.close(writer)


def test_a_users_own_buffering_is_kept(start: Callable[..., VllmServer]) -> None:
    """PYTHONUNBUFFERED is set only where it was not."""
    code = READY + "import os; print(repr(os.environ['PYTHONUNBUFFERED']), flush=True); ready.touch(); signal.pause()"
    assert spoken(start(code, environment={"PYTHONUNBUFFERED": ""})) == "''\n"


def test_blocked_and_ignored_signals_are_not_inherited(start: Callable[..., VllmServer]) -> None:
    """A server must be able to receive SIGTERM even if vmon's thread blocks it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        server = start(PAUSE)
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    assert server.send(signal.SIGTERM)
    exited = server.wait(DEADLINE)
    assert exited is not None
    assert exited.signal == signal.SIGTERM


def test_the_exit_code_is_read_and_kept(start: Callable[..., VllmServer], tmp_path: Path) -> None:
    """The end is known with its code, as often as one asks; a finished server is not alive."""
    server = start(READY + "signal.signal(signal.SIGTERM, lambda *_: sys.exit(7)); ready.touch(); signal.pause()")
    assert server.wait(0.0) is None
    server.send(signal.SIGTERM)
    first = server.wait(DEADLINE)
    assert first is not None
    assert (first.code, first.signal, first.main) == (7, None, True)
    assert not server.alive()
    assert not server.send(signal.SIGTERM)
    assert server.clean_up().processes == ()
    assert server.wait(0.0) is first
    assert ProcFS().stat(server.target.pid or 0) is None  # buried


def test_kill_reaches_orphaned_grandchildren(start: Callable[..., VllmServer], tmp_path: Path) -> None:
    """After the main process was killed from outside, its orphans are found by their session and killed."""
    server = start(WITH_GRANDCHILD)
    orphans = tuple(int(pid) for pid in (tmp_path / "pids").read_text().split())
    os.kill(server.target.pid or 0, signal.SIGKILL)
    exited = server.wait(DEADLINE)
    assert exited is not None
    assert exited.signal == signal.SIGKILL
    assert set(server.clean_up().processes) == set(orphans)
    assert server.kill() == 2


def test_kill_ends_a_server_that_ignores_sigterm(start: Callable[..., VllmServer]) -> None:
    """SIGTERM is delivered and changes nothing; SIGKILL of the session does."""
    server = start(READY + "signal.signal(signal.SIGTERM, signal.SIG_IGN); ready.touch()\nwhile True: signal.pause()")
    assert server.send(signal.SIGTERM)
    assert server.wait(0.1) is None
    assert server.kill() == 1
    exited = server.wait(DEADLINE)
    assert exited is not None
    assert exited.signal == signal.SIGKILL
    assert server.kill() == 0


def test_kill_reaches_a_child_that_left_the_session(start: Callable[..., VllmServer], tmp_path: Path) -> None:
    """A process that made a session of its own still carries the launch id."""
    server = start(
        READY + "import os\n"
        "if os.fork(): signal.pause()\n"
        "os.setsid(); pathlib.Path(sys.argv[1], 'pids').write_text(str(os.getpid())); ready.touch(); signal.pause()\n"
    )
    assert os.getsid(int((tmp_path / "pids").read_text())) != server.target.pid
    assert server.kill() == 2


def test_kill_spares_everybody_else(start: Callable[..., VllmServer]) -> None:
    """Neither this process nor another server is hit."""
    first, second = start(PAUSE), start(PAUSE)
    assert first.kill() == 1
    assert second.alive()


def test_adopts_the_very_same_process(start: Callable[..., VllmServer]) -> None:
    """A later vmon takes the server over from what the journal kept; any other facts are refused."""
    target = start(PAUSE).target
    adopted = adopt(target)
    assert adopted is not None
    assert adopted.alive()
    adopted.close()
    assert target.started is not None
    assert adopt(attrs.evolve(target, started=target.started - 60.0)) is None
    assert adopt(attrs.evolve(target, launch_id="another")) is None
    assert adopt(attrs.evolve(target, launch_id="")) is None


def test_the_end_of_a_strangers_child_is_known_without_its_status(
    start: Callable[..., VllmServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An adopted server's status belongs to its parent; neither code nor signal is made up."""

    def refuse(*_: object) -> None:
        raise ChildProcessError

    adopted = adopt(start(PAUSE).target)
    assert adopted is not None
    assert adopted.kill() == 1
    with monkeypatch.context() as patch:
        patch.setattr("os.waitid", refuse)
        exited = adopted.wait(DEADLINE)
    assert exited is not None
    assert (exited.main, exited.code, exited.signal) == (True, None, None)
    assert "only the process that launched it" in exited.summary
    adopted.close()


def test_an_ended_server_is_not_adopted(start: Callable[..., VllmServer]) -> None:
    """A zombie is no server."""
    server = start(PAUSE)
    server.kill()
    assert server.wait(DEADLINE) is not None
    assert adopt(server.target) is None


def refusal(tmp_path: Path, *command: str, directory: Path | None = None, path: str = "") -> str:
    """The message with which a launch is refused."""
    environment = {"PATH": path or os.environ["PATH"]}
    with pytest.raises(VmonError) as refused:
        launch(LaunchRequest(command=command, environment=environment, directory=directory or tmp_path))
    assert not list(tmp_path.glob("server-*.log"))
    return str(refused.value)


def test_a_command_that_cannot_be_started_says_why_and_what_to_do(tmp_path: Path) -> None:
    """Not found, not executable, a directory, no interpreter, no program, nothing at all: each names its fix."""
    script = tmp_path / "script"
    script.write_text("#!/no/such/interpreter\n")
    assert "not executable; run chmod +x" in refusal(tmp_path, str(script))
    script.chmod(0o755)
    assert "the interpreter in its first line does not exist" in refusal(tmp_path, str(script))
    script.write_text("neither\n")
    assert "neither a binary" in refusal(tmp_path, str(script))
    assert "command not found: vllm-not-there; activate" in refusal(tmp_path, "vllm-not-there")
    assert "there is no file ./nowhere/vllm" in refusal(tmp_path, "./nowhere/vllm")
    assert "is a directory" in refusal(tmp_path, str(tmp_path))
    assert "there is no command to run" in refusal(tmp_path)
    assert "null" in refusal(tmp_path, sys.executable, "a\0b")


def test_the_new_process_own_path_is_searched(tmp_path: Path) -> None:
    """The command is looked up where the new environment says, not where vmon's does."""
    assert "command not found: python3" in refusal(tmp_path, "python3", path=str(tmp_path))


def test_a_log_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """No server is started without a log."""
    message = refusal(tmp_path, sys.executable, directory=tmp_path / "missing")
    assert "cannot be written: No such file or directory" in message


def test_no_descriptor_is_left_open(start: Callable[..., VllmServer]) -> None:
    """After a launch, an end and a clean-up only what was open before is open."""
    before = set(os.listdir("/proc/self/fd"))  # noqa: PTH208 (a list of descriptors)
    server = start(PAUSE)
    server.kill()
    assert server.wait(DEADLINE) is not None
    server.close()
    assert set(os.listdir("/proc/self/fd")) <= before  # noqa: PTH208 (a list of descriptors)


def test_a_server_name_comes_from_the_request_or_the_command(tmp_path: Path) -> None:
    """A given name wins; secrets of the command line are not kept."""
    program = tmp_path / "vllm"
    program.write_text("#!/bin/sh\nexit 0\n")
    program.chmod(0o755)
    command = (str(program), "serve", "org/tiny", "--port", "8123", "--api-key", "hunter2")
    for name in ("", "mine"):
        server = launch(LaunchRequest(command=command, environment={}, directory=tmp_path, name=name))
        assert server.wait(DEADLINE) is not None
        server.clean_up()
        server.close()
        assert (server.target.name, server.target.url) == (name or "tiny", "http://127.0.0.1:8123")
        assert "hunter2" not in repr(server.target)
