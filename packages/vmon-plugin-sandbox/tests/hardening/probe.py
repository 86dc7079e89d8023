"""Puts layers on itself, tries what it must not, and prints how it ended: `python probe.py PORT FOLDER LAYER…`."""

from __future__ import annotations

import ctypes
import errno
import json
import mmap
import os
import resource
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from vmon_plugin_sandbox.hardening import landlock, launcher

if TYPE_CHECKING:
    from collections.abc import Callable

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.mmap.restype = ctypes.c_void_p
READ_WRITE_EXECUTE = 7
CLONE_NEWNS = 0x20000
PTRACE_SEIZE = 0x4206  # without stopping it
FAILED = ctypes.c_void_p(-1).value


def checked(result: int | None) -> None:
    """Raise the error of a call that failed."""
    if result in {-1, FAILED}:
        raise OSError(ctypes.get_errno(), "")


def fork() -> None:
    """Become two."""
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


def connect(port: int) -> None:
    """Call a TCP port of this machine."""
    with socket.socket() as caller:
        caller.connect(("127.0.0.1", port))


def connect_abstract(port: int) -> None:
    """Call an abstract Unix socket."""
    with socket.socket(socket.AF_UNIX) as caller:
        caller.connect(f"\0vmon-probe-{port}")


def create(folder: Path) -> None:
    """Make a file, and write into it."""
    fd = os.open(folder / "made", os.O_CREAT | os.O_WRONLY)
    try:
        os.write(fd, b"x")
    finally:
        os.close(fd)


def many_files() -> None:
    """Open more files than the limit."""
    opened = []
    try:
        opened += [os.dup(0) for _ in range(100)]
    finally:
        for fd in opened:
            os.close(fd)


def executable_memory() -> None:
    """Memory to write code into, and run it."""
    checked(LIBC.mmap(None, ctypes.c_size_t(4096), READ_WRITE_EXECUTE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, -1, 0))


def attempts(port: int, folder: Path) -> dict[str, Callable[[], object]]:
    """What is tried: each is something that a process may do by nature."""
    return {
        "open": lambda: os.close(os.open("/etc/passwd", os.O_RDONLY)),
        "open a private file": lambda: os.close(os.open(folder / "private", os.O_RDONLY)),
        "create": lambda: create(folder),
        "mkdir": (folder / "folder").mkdir,
        "list": lambda: list(Path("/").iterdir()),
        "connect": lambda: connect(port),
        "connect abstract": lambda: connect_abstract(port),
        "fork": fork,
        "kill": lambda: os.kill(os.getppid(), 0),
        "setuid": lambda: os.setuid(0),
        "ptrace": lambda: checked(LIBC.ptrace(ctypes.c_long(PTRACE_SEIZE), os.getppid(), None, None)),
        "unshare": lambda: checked(LIBC.unshare(CLONE_NEWNS)),
        "memfd": lambda: os.memfd_create("x"),
        "executable memory": executable_memory,
        "much memory": lambda: mmap.mmap(-1, 1 << 30).close(),
        "many files": many_files,
        "limits of another": lambda: resource.prlimit(os.getppid(), resource.RLIMIT_CORE),
    }


def outcome(attempt: Callable[[], object]) -> str:
    """`done`, or the name of the error."""
    try:
        attempt()
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, str(error))
    return "done"


def main(port: int, folder: Path, layers: list[str]) -> None:
    """Try all; executing something comes last, since this process does not survive it."""
    rules = landlock.Ruleset([], []) if "landlock" in layers else None
    launcher.confine(layers, rules)
    found = {name: outcome(attempt) for name, attempt in attempts(port, folder).items()}
    os.write(1, json.dumps(found).encode() + b"\n")
    found = {"execute": outcome(lambda: os.execve("/bin/true", ["true"], {}))}  # noqa: S606 (that is the attempt)
    os.write(1, json.dumps(found).encode() + b"\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
