"""Each layer alone, with the others off: what it stops, and that nothing else would have."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from vmon_plugin_sandbox.hardening import landlock
from vmon_plugin_sandbox.hardening.confinement import offered

if TYPE_CHECKING:
    from collections.abc import Iterator

PROBE = Path(__file__).with_name("probe.py")
SEALED = {
    "connect": "EPERM",
    "connect abstract": "EPERM",
    "fork": "EPERM",
    "kill": "EPERM",
    "setuid": "EPERM",
    "ptrace": "EPERM",
    "limits of another": "EPERM",
    "unshare": "EPERM",
    "memfd": "EPERM",
    "mkdir": "EPERM",
    "list": "EPERM",
    "executable memory": "EPERM",
    "execute": "EPERM",
}
WALLED = {"open": "EACCES", "create": "EACCES", "mkdir": "EACCES", "list": "EACCES", "execute": "EACCES"}
LIMITED = {"create": "EFBIG", "much memory": "ENOMEM", "many files": "EMFILE"}
NOBODY = {
    "open a private file": "EACCES",
    "create": "EACCES",
    "mkdir": "EACCES",
    "kill": "EPERM",
    "setuid": "EPERM",
    "unshare": "EPERM",
    "ptrace": "EPERM",
    "limits of another": "EPERM",
}
ROOT = os.geteuid() == 0


@pytest.fixture
def place(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """A port where someone listens, an abstract socket of the same number, and a folder with a private file."""
    private = tmp_path / "private"
    private.write_text("x")
    private.chmod(0o600)
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as abstract:
        port = server.getsockname()[1]
        abstract.bind(f"\0vmon-probe-{port}")
        abstract.listen()
        yield port, tmp_path


def attempt(place: tuple[int, Path], *layers: str) -> dict[str, str]:
    """How each attempt ends under these layers."""
    if not set(layers) <= set(offered()):
        pytest.skip(f"this system does not offer {' and '.join(layers)}")
    command = [sys.executable, str(PROBE), str(place[0]), str(place[1]), *layers]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    found = {"execute": "done"}
    for line in done.stdout.splitlines():
        found |= json.loads(line)
    return found


def stopped(found: dict[str, str]) -> dict[str, str]:
    """The attempts that failed."""
    return {name: how for name, how in found.items() if how != "done"}


@pytest.mark.skipif(not ROOT, reason="an ordinary user is stopped here and there even without layers")
def test_without_layers_everything_works(place: tuple[int, Path]) -> None:
    """The probe has teeth."""
    assert stopped(attempt(place)) == {}


def test_seccomp_alone(place: tuple[int, Path]) -> None:
    """No network, processes, signals, programs or writable code; files can still be opened, so Landlock is needed."""
    found = stopped(attempt(place, "privileges", "seccomp"))
    assert found.items() >= SEALED.items()
    assert not found.keys() & {"open", "much memory"}


def test_landlock_alone(place: tuple[int, Path]) -> None:
    """No files, programs or ports; what is no file can still be done, so seccomp is needed."""
    expected = dict(WALLED)
    if landlock.version() >= 4:
        expected["connect"] = "EACCES"
    if landlock.version() >= 6:
        expected |= {"kill": "EPERM", "connect abstract": "EPERM"}
    found = stopped(attempt(place, "privileges", "landlock"))
    assert found.items() >= expected.items()
    assert not found.keys() & {"fork", "executable memory", "memfd"}


def test_limits_alone(place: tuple[int, Path]) -> None:
    """No files are written, no gigabytes taken."""
    assert stopped(attempt(place, "limits")).items() >= LIMITED.items()


@pytest.mark.skipif(not ROOT, reason="only root has another user to become")
def test_another_user_alone(place: tuple[int, Path]) -> None:
    """What belongs to root is out of reach, and so are root's processes."""
    assert stopped(attempt(place, "privileges", "user")) == NOBODY


@pytest.mark.skipif(not ROOT, reason="only root may leave the network")
def test_network_alone(place: tuple[int, Path]) -> None:
    """The ports of this machine are those of another network."""
    found = stopped(attempt(place, "network"))
    if not found:
        pytest.skip("this container may not leave its network")
    assert found == {"connect": "ENETUNREACH", "connect abstract": "ECONNREFUSED"}


def test_all_together(place: tuple[int, Path]) -> None:
    """No attempt is left over."""
    found = attempt(place, *offered())
    assert stopped(found) == found
