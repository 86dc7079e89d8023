"""Real HTTP on loopback: who gets in, and who does not."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from vmon_core.errors import VmonError
from vmon_plugin_mcp.serving import LARGEST_REQUEST, listen

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from conftest import Serve, Served

LIST = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/list"})


def post(
    served: Served, headers: Mapping[str, str], body: str = LIST, path: str | None = None, method: str = "POST"
) -> int:
    """Send a request as any program on the machine could, and return the status."""
    address = urlsplit(served.url)
    assert address.hostname is not None
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=30)
    basic = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    connection.request(method, path or address.path, body, {**basic, **headers})
    status = connection.getresponse().status
    connection.close()
    return status


def test_agent_with_the_token(serve: Serve, stopped: Path) -> None:
    """A real client session over HTTP gets the same tools and answers; the token's file is private."""
    served = serve(stopped)
    assert served.token_file == stopped.parent / "state" / "mcp-token"
    assert served.token_file.stat().st_mode & 0o777 == 0o600
    agent = served.agent()
    assert agent.call("get_state")["state"] == "STOPPED"
    assert agent.call("get_report", target="nobody")["error"]["code"] == "unknown_target"
    assert "create_plugin" in agent.tools()


def test_nobody_without_the_token(serve: Serve, empty: Path) -> None:
    """No token, a wrong one, half of it, another scheme: 401, on every path."""
    served = serve(empty)
    token = served.token_file.read_text().strip()
    wrong = [
        {},
        *({"Authorization": value} for value in ("Bearer ", f"Bearer {token[:-1]}", f"Bearer {token} ", token)),
    ]
    assert [post(served, headers) for headers in (*wrong, {"Authorization": f"Basic {token}"})][:3] == [401, 401, 401]
    assert {post(served, {"Authorization": f"Basic {token}"}), post(served, {"Authorization": token})} == {401}
    assert post(served, {}, path="/elsewhere") == 401
    assert {post(served, {}, method=method) for method in ("GET", "DELETE", "PUT", "OPTIONS", "HEAD")} == {401}
    assert post(served, {"Upgrade": "websocket", "Connection": "Upgrade"}, method="GET") == 401
    assert post(served, {"Authorization": f"Bearer {token}"}) == 200


def test_agents_at_the_same_time(serve: Serve, stopped: Path) -> None:
    """Each gets its own answers; what is no request is refused, and is no error of the server."""
    served = serve(stopped)
    token = served.token_file.read_text().strip()
    right = {"Authorization": f"Bearer {token}"}
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda body: post(served, right, body), [LIST, "no JSON", "[]", "{}"] * 8))
    assert statuses[::4] == [200] * 8
    assert max(statuses) < 500
    agents = [served.agent() for _ in range(4)]
    assert {agent.call("get_state")["state"] for agent in agents} == {"STOPPED"}


def test_web_pages_are_refused(serve: Serve, empty: Path) -> None:
    """A page whose name resolves to this machine, and a page of another origin, are refused even with the token."""
    served = serve(empty)
    right = {"Authorization": f"Bearer {served.token_file.read_text().strip()}"}
    port = urlsplit(served.url).port
    assert post(served, {**right, "Host": f"evil.example:{port}"}) == 421
    assert post(served, {**right, "Host": f"127.0.0.1:{port}.evil.example"}) == 421
    assert post(served, {**right, "Origin": "https://evil.example"}) == 403
    assert post(served, {**right, "Origin": "null"}) == 403
    assert post(served, {**right, "Host": f"localhost:{port}", "Origin": f"http://localhost:{port}"}) == 200


def test_huge_request_is_refused(serve: Serve, empty: Path) -> None:
    """Nobody fills the memory."""
    served = serve(empty)
    right = {"Authorization": f"Bearer {served.token_file.read_text().strip()}"}
    assert post(served, right, "x" * (LARGEST_REQUEST + 1)) == 413


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org", ""])  # noqa: S104 (it is refused)
def test_only_loopback(host: str) -> None:
    """An address that others can reach is refused, with what to do instead."""
    with pytest.raises(VmonError, match="SSH tunnel"):
        listen(host, 0)


def test_taken_port_is_explained() -> None:
    """The message names the port and the option."""
    with listen("127.0.0.1", 0) as first, pytest.raises(VmonError, match="--port"):
        listen("localhost", first.getsockname()[1])


def test_own_token_file(serve: Serve, empty: Path) -> None:
    """A given file is used; one that others may read ends the command."""
    path = empty.parent / "token"
    path.write_text("a-token-of-ones-own\n")
    path.chmod(0o600)
    served = serve(empty, "--token-file", str(path), "--read-only")
    assert served.token_file == path
    assert "create_plugin" not in served.agent().tools()
    path.chmod(0o644)
    command = [sys.executable, "-m", "vmon_core", "--config", str(empty), "mcp", "--http", "--token-file", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "chmod 600" in done.stderr
    assert "Traceback" not in done.stderr


def test_ipv6(serve: Serve, empty: Path) -> None:
    """Loopback of the newer protocol works as well, where the machine has it."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    assert serve(empty, "--host", "::1").agent().call("get_state")["error"]["code"] == "no_journal"
