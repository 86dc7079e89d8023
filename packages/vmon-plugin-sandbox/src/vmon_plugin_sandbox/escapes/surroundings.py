"""What an attempt can do harm to: canaries in files, the environment, objects and processes, all of them watched."""

from __future__ import annotations

import ctypes
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Self

import attrs

if TYPE_CHECKING:
    from vmon_plugin_sandbox.escapes.corpus import Attempt

SECRET = f"CANARY-{secrets.token_hex(8)}"
"""Whoever shows this text has read what he must not."""

HOST_GLOBAL = f"{SECRET}-global"
MARKERS = ("PWNED", "FORKED", "PTRACED", "LISTENING", "THREAD", "RWX")
"""What the attempts return when they got through."""

WORKERS = {"monty", "worker"}
"""The names of processes that the sandbox itself starts."""

_WELL = "RSD"
"""It runs, sleeps, or waits for a disk: nobody stopped or killed it."""

_PR_SET_CHILD_SUBREAPER = 36


class Checkpoint:
    """A host object: code gets copies of two of its attributes."""

    def __init__(self) -> None:
        self.metrics = {"gpu_temp": 85.0, "gpu_util": 40.0}
        self.server = "a"
        self._token = f"{SECRET}-token"

    def secret_method(self) -> str:
        """What no code may call."""
        return self._token


@attrs.frozen
class State:
    """How everything that is watched looks at one moment."""

    files: dict[str, tuple[bytes, int, int]]
    host: dict[str, object]
    victim: tuple[str, str]
    strangers: frozenset[str]


class Surroundings:
    """Makes the canaries, and says what happened to them."""

    def __enter__(self) -> Self:
        self._subreaper()
        self.folder = Path(tempfile.mkdtemp(prefix="vmon-canary-"))
        self.folder.chmod(0o777)  # whoever the worker is, it is no file mode that stops it
        (self.folder / "canary.txt").write_text(f"{SECRET}-file", encoding="utf-8")
        (self.folder / "canary.txt").chmod(0o666)
        (self.folder / "evilmod.py").write_text(f"X = '{SECRET}-module'\n", encoding="utf-8")
        os.environ["VMON_SECRET"] = f"{SECRET}-environment"
        self.checkpoint = Checkpoint()
        self._server = socket.create_server(("127.0.0.1", 0), backlog=16)
        self._server.settimeout(0)
        self._victim = subprocess.Popen(["/bin/sleep", "3600"])
        return self

    def __exit__(self, *_: object) -> None:
        self._victim.kill()
        self._victim.wait()
        self._server.close()
        os.environ.pop("VMON_SECRET", None)
        shutil.rmtree(self.folder)

    def code(self, attempt: Attempt) -> str:
        """The attempt's code, aimed at these canaries."""
        aimed = attempt.code.replace("{CANARY_DIR}", str(self.folder))
        port = str(self._server.getsockname()[1])
        return aimed.replace("PORT", port).replace("VICTIM", str(self._victim.pid))

    def get_metric(self, name: str) -> float:
        """A host function that code may call; the text of its exception holds a canary."""
        if name not in self.checkpoint.metrics:
            message = f"{SECRET}-exception"
            raise KeyError(message)
        return self.checkpoint.metrics[name]

    def state(self) -> State:
        """How it is now."""
        return State(self._files(), _plain(self.checkpoint), self._victim_state(), self._strangers())

    def calls(self) -> int:
        """How many have called the port since the last time this was asked."""
        count = 0
        while True:
            try:
                self._server.accept()[0].close()
            except BlockingIOError:
                return count
            count += 1

    def _files(self) -> dict[str, tuple[bytes, int, int]]:
        found = {}
        for path in sorted(self.folder.rglob("*")):
            about = path.lstat()
            content = path.read_bytes() if path.is_file() else b""
            found[str(path.relative_to(self.folder))] = (content, about.st_mode, about.st_mtime_ns)
        return found

    def _victim_state(self) -> tuple[str, str]:
        try:
            status = Path(f"/proc/{self._victim.pid}/status").read_text(encoding="utf-8")
        except OSError:
            return "gone", ""
        rows = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        return "well" if rows["State"][0] in _WELL else rows["State"], rows["TracerPid"]

    def _strangers(self) -> frozenset[str]:
        """Processes that come of this one, however they hide, and that are not the sandbox's workers."""
        parents, names = _processes()
        ours, found = os.getpid(), set()
        for pid in parents:
            line = _ancestors(pid, parents)
            if ours in line and not (line[0] == ours and names[pid] in WORKERS):
                found.add(f"{names[pid]} ({pid})")
        return frozenset(found)

    @staticmethod
    def _subreaper() -> None:
        """Who loses his parent becomes a child of ours, so that he cannot leave the family."""
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _plain(host: object) -> dict[str, object]:
    own = {name: repr(value) for name, value in vars(host).items()}
    return own | {f"class {name}": id(value) for name, value in vars(type(host)).items()}


def _processes() -> tuple[dict[int, int], dict[int, str]]:
    """The parent and the name of every process."""
    parents, names = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            head, _, tail = (folder / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")
        except OSError:
            continue  # it ended meanwhile
        pid, _, name = head.partition(" (")
        parents[int(pid)], names[int(pid)] = int(tail.split()[1]), name
    return parents, names


def _ancestors(pid: int, parents: dict[int, int]) -> list[int]:
    line = []
    while pid in parents:
        pid = parents[pid]
        line.append(pid)
    return line
