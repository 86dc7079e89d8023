"""The client against servers that misbehave."""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import threading
import time
from typing import TYPE_CHECKING

import pytest
from tinyserver import LONGEST_LIFE, TinyServer, reply

from vmon_core.errors import ConfigError
from vmon_plugin_vllm.http.client import LARGEST_BODY, Client

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Connect = Callable[..., Client]


def greet(sock: socket.socket, _path: str) -> None:
    """Answer well."""
    sock.sendall(reply(b"hello", headers="Content-Type: text/plain\r\n"))


def test_answer(serve: Callable[..., TinyServer], connect: Connect) -> None:
    """A good answer comes with code, body, type and duration."""
    answer = connect(serve(greet).url).get("/health")
    assert (answer.code, answer.body, answer.content_type, answer.error) == (200, b"hello", "text/plain", "")
    assert 0 < answer.seconds < 2


def test_connection_is_reused(serve: Callable[..., TinyServer], connect: Connect) -> None:
    """Many requests go over one connection."""
    server = serve(greet)
    client = connect(server.url)
    assert all(client.get("/health").ok for _ in range(5))
    assert (server.connections, len(server.requests)) == (1, 5)
    client.close()


def test_closed_idle_connection_is_replaced(serve: Callable[..., TinyServer], connect: Connect) -> None:
    """When the server hangs up between two requests, the second one does not fail."""

    def once(sock: socket.socket, path: str) -> None:
        greet(sock, path)
        sock.shutdown(socket.SHUT_RDWR)

    server = serve(once)
    client = connect(server.url)
    assert [client.get("/health").code for _ in range(3)] == [200, 200, 200]
    assert server.connections == 3


def test_connection_close_is_obeyed(serve: Callable[..., TinyServer], connect: Connect) -> None:
    """A server that announces the end of the connection is still read to the end."""

    def farewell(sock: socket.socket, _path: str) -> None:
        sock.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall of it")
        sock.shutdown(socket.SHUT_RDWR)

    client = connect(serve(farewell).url)
    assert [client.get("/").body for _ in range(2)] == [b"all of it"] * 2


def test_error_codes_and_redirects_are_answers(serve: Callable[..., TinyServer], connect: Connect) -> None:
    """A 503 is an answer, and a redirect is not followed."""
    codes = iter([503, 302, 401])
    server = serve(lambda sock, _path: sock.sendall(reply(code=next(codes), headers="Location: /elsewhere\r\n")))
    client = connect(server.url)
    assert [client.get("/health").code for _ in range(3)] == [503, 302, 401]
    assert len(server.requests) == 3


def test_credentials_are_sent_and_hidden(serve: Callable[..., TinyServer], connect: Connect) -> None:
    """The key is in the request and in no text about the client."""
    server = serve(greet)
    client = connect(server.url.replace("//", "//user:hunter2@"), api_key="sk-secret")
    client.get("/v1/models")
    assert "Authorization: Bearer sk-secret\r\n" in server.requests[0]
    assert not {"sk-secret", "hunter2"} & set(repr(client).replace("@", " ").replace(":", " ").split())
    assert client.url == server.url


def test_unix_socket(serve: Callable[..., TinyServer], connect: Connect, tmp_path: Path) -> None:
    """A server behind a socket file (vllm serve --uds) is reached."""
    server = serve(greet, path=str(tmp_path / "s"))
    assert connect(server.url).get("/health").body == b"hello"
    assert server.requests[0].startswith("GET /health HTTP/1.1\r\nHost: localhost\r\n")


def test_nobody_listens(connect: Connect, tmp_path: Path) -> None:
    """A closed port and a missing socket file refuse."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert connect(f"http://127.0.0.1:{port}").get("/health").error == "refused"
    assert connect(f"unix://{tmp_path}/none").get("/health").error == "refused"


def test_unknown_host(connect: Connect) -> None:
    """A name that cannot exist is unresolved (RFC 2606 reserves .invalid)."""
    assert connect("http://no-such-host.invalid:1").get("/health").error == "unresolved"
    assert connect(f"http://{'x' * 70}.invalid").get("/health").error == "unresolved"


def test_hang_up_without_answer(serve: Callable[..., TinyServer], connect: Connect) -> None:
    """A server that closes the connection instead of answering has reset it."""
    answer = connect(serve(lambda sock, _path: sock.shutdown(socket.SHUT_RDWR)).url).get("/health")
    assert (answer.code, answer.error) == (None, "reset")


@pytest.mark.parametrize("greeting", [b"SSH-2.0-OpenSSH_9.6\r\n", b"\x00\xff" * 40 + b"\r\n", b"HTTP/1.1 abc\r\n\r\n"])
def test_other_protocol(serve: Callable[..., TinyServer], connect: Connect, greeting: bytes) -> None:
    """A port that speaks something else is told apart from one that is silent."""
    answer = connect(serve(lambda sock, _path: sock.sendall(greeting)).url).get("/health")
    assert (answer.code, answer.error) == (None, "not_http")


def test_silence(serve: Callable[..., TinyServer], connect: Connect) -> None:
    """A server that takes the request and says nothing runs into the deadline."""
    server = serve(lambda _sock, _path: None)
    answer = connect(server.url, timeout=0.2).get("/health")
    assert (answer.code, answer.error) == (None, "timeout")
    assert 0.2 <= answer.seconds < 1.5


def test_deadline_of_one_request(serve: Callable[..., TinyServer], connect: Connect) -> None:
    """A single request may have a deadline of its own."""
    answer = connect(serve(lambda _sock, _path: None).url, timeout=60).get("/is_paused", timeout=0.1)
    assert (answer.error, answer.seconds < 1.5) == ("timeout", True)


def trickle(server: list[TinyServer], start: bytes, drop: bytes) -> Callable[[socket.socket, str], None]:
    """Send `start`, then `drop` every 20 ms until the test is over: no single wait is ever long."""

    def behave(sock: socket.socket, _path: str) -> None:
        sock.sendall(start)
        deadline = time.monotonic() + LONGEST_LIFE
        while time.monotonic() < deadline and not server[0].closing.wait(0.02):
            sock.sendall(drop)

    return behave


@pytest.mark.parametrize(
    ("start", "drop"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", b"a 1\n"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"4\r\na 1\n\r\n"),
        (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
        (b"HTTP/1.1 ", b"2"),
    ],
    ids=["body", "chunks", "headers", "status"],
)
def test_trickle_is_cut_off(serve: Callable[..., TinyServer], connect: Connect, start: bytes, drop: bytes) -> None:
    """An answer that never ends, in any of its parts, is left when the deadline of the whole request passes."""
    servers: list[TinyServer] = []
    servers.append(serve(trickle(servers, start, drop)))
    answer = connect(servers[0].url, timeout=0.3).get("/metrics")
    assert (answer.code, answer.error) == (None, "timeout")
    assert answer.seconds < 1.5


def test_announced_giant(serve: Callable[..., TinyServer], connect: Connect) -> None:
    """A hundred megabytes that are announced are not even begun."""
    server = serve(lambda sock, _path: sock.sendall(reply(b"x" * 1000, length=100_000_000)))
    answer = connect(server.url).get("/metrics")
    assert (answer.code, answer.error) == (None, "too_large")
    assert str(LARGEST_BODY) in answer.detail


def test_endless_flood(serve: Callable[..., TinyServer], connect: Connect) -> None:
    """A body without end is left when it is too large."""

    def flood(sock: socket.socket, _path: str) -> None:
        sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        with contextlib.suppress(OSError):
            while True:
                sock.sendall(b"a 1\n" * 65536)

    answer = connect(serve(flood).url, timeout=10).get("/metrics")
    assert (answer.code, answer.error) == (None, "too_large")


@pytest.mark.parametrize(
    "response",
    [
        reply(b"half of", length=100),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nhalf of",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n",
    ],
    ids=["length", "chunk", "nonsense"],
)
def test_truncated_answer(serve: Callable[..., TinyServer], connect: Connect, response: bytes) -> None:
    """An answer that breaks off is no answer."""

    def behave(sock: socket.socket, _path: str) -> None:
        sock.sendall(response)
        sock.shutdown(socket.SHUT_RDWR)

    answer = connect(serve(behave).url).get("/metrics")
    assert (answer.code, answer.error, answer.body) == (None, "reset", b"")


def test_recovers_after_trouble(serve: Callable[..., TinyServer], connect: Connect) -> None:
    """After each kind of trouble the next request starts afresh."""
    responses = iter([b"SSH-2.0\r\n", reply(b"x", length=10**9), reply(b"well")])
    client = connect(serve(lambda sock, _path: sock.sendall(next(responses))).url)
    assert [client.get("/").error for _ in range(3)] == ["not_http", "too_large", ""]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for 127.0.0.1 with its key, in one file."""
    folder = tmp_path_factory.mktemp("tls")
    key, cert, both = folder / "key.pem", folder / "cert.pem", folder / "both.pem"
    command = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
    )
    subprocess.run([*command.split(), "-keyout", key, "-out", cert], check=True, capture_output=True)
    both.write_bytes(key.read_bytes() + cert.read_bytes())
    return both


def tls_server(certificate: Path) -> ssl.SSLContext:
    """The server's side of TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def test_tls(serve: Callable[..., TinyServer], connect: Connect, certificate: Path) -> None:
    """An unknown certificate is refused, a trusted one accepted, and any one if it is asked for."""
    server = serve(greet, tls=tls_server(certificate))
    untrusted = connect(server.url).get("/health")
    assert (untrusted.code, untrusted.error) == (None, "tls")
    assert "certificate" in untrusted.detail
    assert connect(server.url, ca=str(certificate)).get("/health").body == b"hello"
    assert connect(server.url, insecure=True).get("/health").body == b"hello"


def test_tls_to_a_plain_server(connect: Connect) -> None:
    """HTTPS to a port that speaks plain HTTP is a TLS error."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def complain() -> None:
            sock, _ = listener.accept()
            with sock, contextlib.suppress(ConnectionError):  # the client may hang up first
                sock.recv(1)
                sock.sendall(reply(code=400))
                sock.shutdown(socket.SHUT_WR)
                sock.recv(65536)

        thread = threading.Thread(target=complain)
        thread.start()
        answer = connect(f"https://127.0.0.1:{listener.getsockname()[1]}").get("/health")
        thread.join()
    assert (answer.code, answer.error) == (None, "tls")


def test_unusable_certificates(tmp_path: Path) -> None:
    """A missing or broken file of certificates is the user's mistake and told at once."""
    broken = tmp_path / "ca.pem"
    broken.write_text("no certificate")
    for path in (broken, tmp_path / "none.pem"):
        with pytest.raises(ConfigError, match=path.name):
            Client("https://gpu1", ca=str(path))
