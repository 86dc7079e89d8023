"""Starting a server so that it outlives vmon, and taking it over again afterwards."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import signal
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from vmon_core.errors import VmonError
from vmon_core.records import Target
from vmon_core.redaction import redact_command
from vmon_plugin_vllm.process import shared_memory
from vmon_plugin_vllm.process.cleanup import SharedMemoryLedger
from vmon_plugin_vllm.process.command import ServerOptions, server_options
from vmon_plugin_vllm.process.orphans import become_subreaper
from vmon_plugin_vllm.process.ownership import LAUNCH_ID, owns
from vmon_plugin_vllm.process.procfs import ProcFS
from vmon_plugin_vllm.process.server import VllmServer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmon_core.plugin import LaunchRequest

_STDERR = 2
_RESTORED = (signal.SIGPIPE, signal.SIGXFSZ)
"""Signals that Python ignores in its own process; the child gets them back."""


def launch(request: LaunchRequest) -> VllmServer:
    """Start a server in a session of its own, with its output in one file.

    It gets no pipe from vmon, so that the end of vmon never disturbs it. Its environment gains `VMON_LAUNCH_ID`, by
    which a later vmon proves that it is the same server, and `PYTHONUNBUFFERED`, so that its log is written at once.
    Any command is accepted: what a script of the user's own starts cannot be known (`is_vllm_command` tells what can).

    Args:
        request: what to start. Its working directory is the current one.

    Returns:
        The server; it was only just started.

    Raises:
        VmonError: the command cannot be started, or its log cannot be written.
    """
    program = _program(request.command, request.environment)
    launch_id = uuid.uuid4().hex
    log = request.directory / f"server-{launch_id[:12]}.log"
    environment = {"PYTHONUNBUFFERED": "1", **request.environment, LAUNCH_ID: launch_id}
    ledger = SharedMemoryLedger(before=shared_memory.names())
    become_subreaper()
    pid = _spawn(program, request.command, environment, log)
    options = server_options(request.command) or ServerOptions()
    target = Target(
        name=request.name or options.name,
        url=options.url,
        pid=pid,
        started=_start_time(pid),
        launch_id=launch_id,
        log=str(log),
        command=redact_command(request.command),
    )
    return VllmServer(target, ledger)


def adopt(target: Target) -> VllmServer | None:
    """Take over a server that an earlier vmon launched.

    Args:
        target: the server, as the journal kept it.

    Returns:
        The server, None when it is not provably the same process.
    """
    if not owns(target):
        return None
    become_subreaper()
    try:
        return VllmServer(target)
    except VmonError:  # it ended in between
        return None


def _program(command: Sequence[str], environment: dict[str, str]) -> str:
    """Find the program file, with the new process' own PATH."""
    if not command or not command[0]:
        msg = "there is no command to run; write it after --, as in: vmon run -- vllm serve MODEL"
        raise VmonError(msg)
    name = command[0]
    found = shutil.which(name, path=environment.get("PATH", os.defpath))
    if found:
        return found
    if "/" not in name:
        msg = f"command not found: {name}; activate the environment that it is installed in, or give its full path"
    elif Path(name).is_file():
        msg = f"{name} is not executable; run chmod +x on it, or put its interpreter in front of it"
    elif Path(name).is_dir():
        msg = f"{name} is a directory; name a program in it"
    else:
        msg = f"there is no file {name}; check the path (relative paths start at {Path.cwd()})"
    raise VmonError(msg)


def _spawn(program: str, command: tuple[str, ...], environment: dict[str, str], log: Path) -> int:
    """Start the process; the kernel reports a failed exec here, not in the child."""
    output = _open_log(log)
    try:
        return os.posix_spawn(
            program,
            command,
            environment,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, output, 1),
                (os.POSIX_SPAWN_DUP2, output, 2),
                *((os.POSIX_SPAWN_CLOSE, descriptor) for descriptor in _inherited()),
            ],
            setsid=True,
            setsigmask=(),
            setsigdef=_RESTORED,
        )
    except (OSError, ValueError) as error:  # ValueError: a NUL byte in an argument
        log.unlink(missing_ok=True)
        raise VmonError(_why_not(program, error)) from error
    finally:
        os.close(output)


def _inherited() -> list[int]:
    """The descriptors beyond the standard three that a child would get: those that vmon's own parent handed to it.

    A server that outlives vmon must not hold, say, the pipe of the script that started vmon.
    """
    found = []
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 (numbers, not paths)
        with contextlib.suppress(OSError):  # the descriptor of this very listing is closed by now
            if int(name) > _STDERR and os.get_inheritable(int(name)):
                found.append(int(name))
    return found


def _open_log(log: Path) -> int:
    try:
        return os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    except OSError as error:
        msg = f"the server's log {log} cannot be written: {error.strerror}; free space or choose another data folder"
        raise VmonError(msg) from error


def _why_not(program: str, error: OSError | ValueError) -> str:
    if not isinstance(error, OSError):
        return f"{program} cannot be started: {error}"
    hints = {
        errno.ENOEXEC: "; it is neither a binary for this machine nor a script that begins with #!",
        errno.ENOENT: "; the interpreter in its first line does not exist",
        errno.E2BIG: "; arguments and environment are too large",
    }
    return f"{program} cannot be started: {error.strerror}{hints.get(error.errno or 0, '')}"


def _start_time(pid: int) -> float:
    """Its start time; the process is our child and not reaped, so it can be read even if it has ended already."""
    procfs = ProcFS()
    stat = procfs.stat(pid)
    return procfs.started(stat) if stat else time.time()
