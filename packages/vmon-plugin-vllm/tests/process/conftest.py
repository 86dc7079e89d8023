"""A fake /proc, and small real processes that say when they are ready."""

from __future__ import annotations

import functools
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import pytest

from vmon_core.plugin import LaunchRequest
from vmon_plugin_vllm.process.launch import launch
from vmon_plugin_vllm.process.procfs import ProcFS
from vmon_testkit.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vmon_plugin_vllm.process.server import VllmServer

BOOT = 1_700_000_000
TICKS = os.sysconf("SC_CLK_TCK")


@attrs.frozen
class FakeProc:
    """A folder that looks like /proc; start times are in seconds after boot."""

    root: Path

    @property
    def procfs(self) -> ProcFS:
        """A reader of it."""
        return ProcFS(self.root)

    def put(  # noqa: PLR0913 (one argument for each thing that /proc tells)
        self,
        pid: int,
        title: str = "",
        *,
        parent: int = 1,
        session: int = 100,
        comm: str = "python3",
        state: str = "S",
        start: float = 50,
        cpu: float = 1.0,
        environ: dict[str, str] | None = None,
    ) -> None:
        """Add or replace a process; several arguments of a command line are separated by blanks in `title`."""
        folder = self.root / str(pid)
        folder.mkdir(exist_ok=True)
        tail = f"{state} {parent} {session} {session} 0 -1 0 0 0 0 0 {int(cpu * TICKS)} 0 0 0 20 0 3 0"
        (folder / "stat").write_text(f"{pid} ({comm}) {tail} {int(start * TICKS)} 4096 10 0\n")
        (folder / "cmdline").write_bytes(title.replace(" ", "\0").encode() + b"\0")
        variables = environ or {}
        (folder / "environ").write_bytes(b"".join(f"{k}={v}\0".encode() for k, v in variables.items()))

    def drop(self, pid: int) -> None:
        """Remove a process."""
        for path in (self.root / str(pid)).iterdir():
            path.unlink()
        (self.root / str(pid)).rmdir()


@pytest.fixture
def fake_proc(tmp_path: Path) -> FakeProc:
    """An empty process table of a machine that booted at BOOT."""
    root = tmp_path / "proc"
    root.mkdir()
    (root / "stat").write_text(f"cpu 1 2 3\nbtime {BOOT}\n")
    return FakeProc(root)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., VllmServer]]:
    """Launches a piece of Python as a server and waits until it has made the file `ready`; ends it after the test.

    The code finds the folder for its files in `sys.argv[1]`.
    """
    started: list[VllmServer] = []

    def begin(code: str, *, ready: bool = True, environment: dict[str, str] | None = None) -> VllmServer:
        command = (sys.executable, "-c", code, str(tmp_path))
        server = launch(
            LaunchRequest(command=command, environment={**os.environ, **(environment or {})}, directory=tmp_path)
        )
        started.append(server)
        if ready:
            wait_until((tmp_path / "ready").exists)
        return server

    yield begin
    for server in started:
        server.kill()
        server.wait(10.0)
        wait_until(functools.partial(_is_buried, server))
        server.close()


def _is_buried(server: VllmServer) -> bool:
    return not server.clean_up().processes
