"""A control socket with real clients: friendly ones, slow ones, and some that send rubbish."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from vmon_core.control.client import ControlClient, running_monitor, running_monitors
from vmon_core.control.server import ControlServer
from vmon_core.control.wire import ANSWER_LIMIT, REQUEST_LIMIT, ControlError, connect, control_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Listener:
    """Keeps what the server says."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def say(self, level: object, source: str, text: str, **context: Any) -> None:
        """Keep it."""
        self.texts.append(text)


def explode() -> None:
    """Fail in a way that nobody planned."""
    msg = "bang"
    raise RuntimeError(msg)


def refuse() -> None:
    """Refuse on purpose, with data for programs."""
    msg = "not now"
    raise ControlError(msg, {"retry": 5})


METHODS: dict[str, Callable[..., Any]] = {
    "echo": lambda text: {"text": text},
    "explode": explode,
    "refuse": refuse,
    "huge": lambda: "x" * ANSWER_LIMIT,
}


@attrs.define
class Bench:
    """A server in a data folder."""

    server: ControlServer
    client: ControlClient
    listener: Listener
    data_dir: Path

    def say(self, raw: bytes, timeout: float = 10.0) -> bytes:
        """Send raw bytes and read until the server hangs up."""
        with connect(self.server.path, timeout) as connection:
            connection.sendall(raw)
            connection.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: connection.recv(1 << 16), b""))


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A server that listens; it is impatient, so that tests are quick."""
    listener = Listener()
    with ControlServer(tmp_path, "model", METHODS, listener.say, patience=0.2) as server:
        yield Bench(server, ControlClient(server.path, timeout=10.0), listener, tmp_path)
    assert not server.path.exists()


def test_call(bench: Bench) -> None:
    """Parameters go in by name, the result comes out."""
    assert bench.client.call("echo", text="hello\nworld ünd") == {"text": "hello\nworld ünd"}


def test_hello_tells_who_it_is(bench: Bench) -> None:
    """Pid, name, and what can be called."""
    hello = bench.client.call("hello")
    assert hello == {"pid": os.getpid(), "name": "model", "methods": ["echo", "explode", "hello", "huge", "refuse"]}


@pytest.mark.parametrize(
    ("method", "params", "message"),
    [
        ("sing", {}, "knows no method 'sing'; it knows: echo, explode"),
        ("echo", {}, "echo: missing a required argument: 'text'"),
        ("echo", {"text": "a", "volume": 11}, "echo: got an unexpected keyword argument 'volume'"),
        ("explode", {}, "explode failed: RuntimeError: bang"),
        ("huge", {}, "is too long"),
    ],
)
def test_mistakes_are_answered(bench: Bench, method: str, params: dict[str, Any], message: str) -> None:
    """The message names the cause, and the next call works."""
    with pytest.raises(ControlError, match=message):
        bench.client.call(method, **params)
    assert bench.client.call("echo", text="still here") == {"text": "still here"}


def test_refusal_carries_data(bench: Bench) -> None:
    """What a method refuses comes with data for programs."""
    with pytest.raises(ControlError, match="not now") as caught:
        bench.client.call("refuse")
    assert caught.value.data == {"retry": 5}


@pytest.mark.parametrize(
    "raw",
    [
        b"\x00\xff\xfe\n",
        b"[1, 2]\n",
        b'"status"\n',
        b'{"method": 1}\n',
        b'{"method": "echo", "params": ["text"]}\n',
        b"[" * 100_000 + b"\n",
        b'{"method": "echo"',
    ],
)
def test_rubbish_is_answered(bench: Bench, raw: bytes) -> None:
    """Whatever is no request gets an error, and the next call works."""
    assert "error" in json.loads(bench.say(raw))
    assert bench.client.call("echo", text="a") == {"text": "a"}


def test_silence_is_no_request(bench: Bench) -> None:
    """Somebody who connects and leaves gets nothing, and harms nobody."""
    assert bench.say(b"") == b""
    assert bench.client.call("echo", text="a") == {"text": "a"}


def test_endless_line_is_cut_off(bench: Bench) -> None:
    """More than a request may have is not kept."""
    with connect(bench.server.path, 10.0) as connection, pytest.raises(OSError, match=r"Broken pipe|reset"):
        connection.sendall(b"x" * 4 * REQUEST_LIMIT)
    assert bench.client.call("echo", text="a") == {"text": "a"}


def test_slow_client_is_hung_up_on(bench: Bench) -> None:
    """One byte now and then does not prolong the time for a request; others wait no longer than that."""
    with connect(bench.server.path, 10.0) as lazy:
        stop = threading.Event()

        def drip() -> None:
            while not stop.wait(0.02):
                try:
                    lazy.sendall(b" ")
                except OSError:
                    return

        dripping = threading.Thread(target=drip)
        dripping.start()
        try:
            assert bench.client.call("echo", text="a") == {"text": "a"}
        finally:
            stop.set()
            dripping.join()


def test_client_that_does_not_read_is_hung_up_on(tmp_path: Path) -> None:
    """An answer that nobody takes holds up nobody for long."""
    methods = {"long": lambda: "x" * (ANSWER_LIMIT // 2), "echo": METHODS["echo"]}
    with (
        ControlServer(tmp_path, "model", methods, Listener().say, patience=0.2) as server,
        connect(server.path, 10.0) as lazy,
    ):
        lazy.sendall(b'{"method": "long"}\n')
        assert ControlClient(server.path, 10.0).call("echo", text="a") == {"text": "a"}


def test_secrets_do_not_leave(bench: Bench) -> None:
    """Whatever a method returns is redacted."""
    assert (
        bench.client.call("echo", text="Authorization: Bearer abcdefghijklmnop")["text"] == "Authorization: Bearer ***"
    )


def test_only_the_owner_may_touch_it(bench: Bench) -> None:
    """Folder and socket are for their owner only."""
    assert bench.server.path.parent.stat().st_mode & 0o777 == 0o700
    assert bench.server.path.stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_another_user_is_refused(bench: Bench) -> None:
    """The kernel says who calls; even one who gets at the socket's file is not answered."""
    bench.server.path.chmod(0o666)
    code = (
        "import os, socket, sys; s = socket.socket(socket.AF_UNIX); os.chdir(sys.argv[1]);"
        " os.setgid(65534); os.setuid(65534); s.connect(sys.argv[2]);"
        ' s.sendall(b\'{"method": "hello"}\\n\'); print(s.recv(100))'
    )
    bench.server.path.parent.chmod(0o755)
    command = [sys.executable, "-c", code, str(bench.server.path.parent), bench.server.path.name]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    hung_up = "ConnectionResetError", "BrokenPipeError"  # before it could send, or after
    assert done.stdout.strip() == "b''" or any(error in done.stderr for error in hung_up)
    assert bench.client.call("hello")


def test_long_paths_work(tmp_path: Path) -> None:
    """The kernel's limit for the name of a socket is 107 bytes; a data folder may lie deeper."""
    deep = tmp_path.joinpath(*["a" * 50] * 5)
    with ControlServer(deep, "model", METHODS, Listener().say):
        assert [monitor.name for monitor in running_monitors(deep)] == ["model"]


def test_folder_of_somebody_else_is_not_used(tmp_path: Path) -> None:
    """A link is not trusted; the monitor works without being reachable, and says so."""
    (tmp_path / "elsewhere").mkdir()
    control_folder(tmp_path).symlink_to(tmp_path / "elsewhere")
    listener = Listener()
    with ControlServer(tmp_path, "model", METHODS, listener.say) as server:
        assert not server.path.exists()
    assert "no vmon command can reach this monitor" in listener.texts[0]


def test_stale_sockets_are_removed(tmp_path: Path) -> None:
    """Those of dead processes go; one that somebody listens on stays, whatever its name is."""
    folder = control_folder(tmp_path)
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    with ControlServer(tmp_path, "first", METHODS, Listener().say) as first:
        other = first.path.rename(folder / "999999999.sock")
        for name in (f"{dead.pid}.sock", "rubbish.sock"):
            with socket.socket(socket.AF_UNIX) as abandoned:
                abandoned.bind(str(folder / name))
        with ControlServer(tmp_path, "second", METHODS, Listener().say) as second:
            assert sorted(folder.iterdir()) == sorted([other, second.path])


OTHER = """
import sys, pathlib
from vmon_core.control.server import ControlServer
with ControlServer(pathlib.Path(sys.argv[1]), sys.argv[2], {}, print):
    print("ready", flush=True)
    sys.stdin.read()
"""


def test_two_monitors_are_told_apart(bench: Bench) -> None:
    """By the name of what they watch, or by pid; without either it is an error that names them."""
    command = [sys.executable, "-c", OTHER, str(bench.data_dir), "other"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        assert {m.name for m in running_monitors(bench.data_dir)} == {"model", "other"}
        assert running_monitor(bench.data_dir, "other").pid == process.pid
        assert running_monitor(bench.data_dir, str(process.pid)).name == "other"
        with pytest.raises(ControlError, match=rf"several monitors run: model \(pid {os.getpid()}\), other .*--target"):
            running_monitor(bench.data_dir)
        process.kill()
        process.wait()
    assert running_monitor(bench.data_dir).name == "model"
    with pytest.raises(ControlError, match="no running monitor watches 'other'; those that run watch: model"):
        running_monitor(bench.data_dir, "other")


def test_no_monitor_runs(tmp_path: Path) -> None:
    """The error says how to start one."""
    with pytest.raises(ControlError, match="start one with `vmon run` or `vmon watch`"):
        running_monitor(tmp_path)


def test_monitor_that_went_away(tmp_path: Path) -> None:
    """A client of a monitor that ended says so."""
    with ControlServer(tmp_path, "model", METHODS, Listener().say) as server:
        client = ControlClient(server.path)
    with pytest.raises(ControlError, match="no monitor can be reached"):
        client.call("hello")


def test_monitor_that_does_not_answer(tmp_path: Path) -> None:
    """A method that takes too long ends in an error for the client, not in waiting forever."""
    release = threading.Event()
    with ControlServer(tmp_path, "model", {"sleep": release.wait}, Listener().say) as server:
        with pytest.raises(ControlError, match="did not answer within"):
            ControlClient(server.path, timeout=0.1).call("sleep")
        release.set()


def test_busy_monitor_says_who_it_is(tmp_path: Path) -> None:
    """A reload that takes its time must not look like a monitor that is gone; other calls wait for its end."""
    entered, release = threading.Event(), threading.Event()

    def work() -> None:
        entered.set()
        release.wait(10.0)

    methods: dict[str, Callable[..., Any]] = {"work": work, "state": release.is_set}
    with ControlServer(tmp_path, "model", methods, Listener().say) as server, ThreadPoolExecutor(2) as clients:
        working = clients.submit(ControlClient(server.path).call, "work")
        assert entered.wait(10.0)
        assert running_monitor(tmp_path).name == "model"
        waiting = clients.submit(ControlClient(server.path).call, "state")
        with pytest.raises(ControlError, match="did not answer within"):
            ControlClient(server.path, timeout=0.1).call("state")
        release.set()
        assert working.result(10.0) is None
        assert waiting.result(10.0) is True
