"""What the diagnosis says of a stand-in, of its faults, of rows of a real server's metrics, and of nobody."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from vmon_core.records import CheckVerdict, CompatibilityCheck, Target
from vmon_plugin_vllm.config import VllmConfig
from vmon_plugin_vllm.diagnose import seen
from vmon_plugin_vllm.diagnose.checks import diagnose
from vmon_plugin_vllm.diagnose.signals import SIGNALS
from vmon_plugin_vllm.diagnose.versions import installed, minor, nearest, recorded
from vmon_plugin_vllm.metrics.names import known
from vmon_testkit.standin.handle import StandIn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

OK, WARNING, BLIND = CheckVerdict.OK, CheckVerdict.WARNING, CheckVerdict.NOT_EVALUATED
DEV = {"VLLM_SERVER_DEV_MODE": "1"}


def found(target: Target) -> dict[str, CompatibilityCheck]:
    """The checks by their code."""
    return {check.code: check for check in diagnose(target, VllmConfig())}


def of(server: StandIn, command: tuple[str, ...] = ()) -> Target:
    """A stand-in as a target of this machine."""
    return Target(name="t", url=server.url, pid=server.pid, log=str(server.log_path), command=command)


def test_server_with_defaults() -> None:
    """Everything that a default server shows is known; what it does not offer is blind, and no bad news."""
    with StandIn() as server:
        server.wait_ready(timeout=30)
        checks = found(of(server, ("vllm", "serve", "m")))
    assert {code for code, check in checks.items() if check.verdict is not OK} == {
        "signal.in_flight",
        "signal.round_trip",
        "signal.corrupt_output",
    }
    assert all(checks[code].verdict is BLIND and checks[code].fix for code in checks if checks[code].verdict is not OK)
    assert checks["vllm.version"].summary == "the server runs vLLM 0.32.0, which vmon was tried with"


@pytest.mark.parametrize(
    ("flags", "environment", "code", "verdict"),
    [
        (("--fault", "no_log_stats"), {}, "vllm.metrics.known", WARNING),
        (("--fault", "no_log_stats"), {}, "signal.progress", WARNING),
        (("--fault", "no_log_stats"), {}, "signal.statistics_line", BLIND),
        (("--fault", "html_metrics"), {}, "vllm.metrics.known", BLIND),
        (("--fault", "html_metrics"), {}, "signal.queue", BLIND),
        (("--fault", "auth_metrics"), {}, "vllm.endpoints", WARNING),
        (("--fault", "renamed_metrics:dialect=ray"), {}, "vllm.metrics.expected", OK),
        (("--fault", "nan"), {}, "signal.corrupt_output", OK),
        ((), DEV, "signal.round_trip", OK),
    ],
)
def test_what_a_server_withholds(
    flags: tuple[str, ...], environment: dict[str, str], code: str, verdict: object
) -> None:
    """Each thing that a server may keep back blinds the rules that rest on it, and no others."""
    with StandIn(*flags, environment=environment) as server:
        server.wait_ready(timeout=30)
        assert found(of(server))[code].verdict is verdict


def test_load_that_is_counted() -> None:
    """A flag on the command line proves that /load counts; its absence that it does not; 0 alone proves nothing."""
    with StandIn() as server:
        server.wait_ready(timeout=30)
        commands = (("vllm", "serve", "m", "--enable-server-load-tracking"), ("vllm", "serve", "m"), ())
        told = [found(of(server, command))["signal.in_flight"] for command in commands]
    assert [check.verdict for check in told] == [OK, BLIND, BLIND]
    assert [bool(check.fix) for check in told] == [False, True, False]


def test_hung_engine_blinds_one_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A question that only the engine answers ends with the time that all questions have together."""
    monkeypatch.setattr(seen, "SECONDS", 0.3)
    with StandIn("--fault", "hang", environment=DEV) as server:
        server.wait_ready(timeout=30)
        checks = found(of(server))
    assert checks["signal.round_trip"].verdict is BLIND
    assert checks["signal.progress"].verdict is OK


def test_nobody_answers() -> None:
    """A URL without a server gives one clear line, and nothing is concluded about rules."""
    checks = found(Target(name="t", url="http://127.0.0.1:9"))
    assert "refused" in checks["vllm.reachable"].summary
    assert {check.verdict for check in checks.values()} == {BLIND}
    assert not any(code.startswith("signal.") for code in checks)


def test_without_a_server() -> None:
    """The recorded list stands for a server: everything that vLLM shows by default has a name of ours."""
    checks = found(Target(name="t"))
    assert checks["vllm.metrics.known"].verdict is OK
    assert checks["vllm.messages"].verdict is OK


def test_process_that_is_gone_and_log_that_says_nothing(tmp_path: Path) -> None:
    """Neither a dead process nor a file without a known message counts as a signal."""
    log = tmp_path / "log"
    log.write_text("hello\n")
    checks = found(Target(name="t", pid=2**22 + 1, log=str(log)))
    assert checks["signal.processes"].verdict is WARNING
    assert checks["signal.log"].verdict is WARNING
    assert "no message" in checks["signal.log"].summary


@pytest.fixture
def answering() -> Iterator[Callable[..., Target]]:
    """Start servers that answer each path with a text, and 404 for the others."""
    servers: list[ThreadingHTTPServer] = []

    def start(texts: dict[str, str]) -> Target:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                text = texts.get(self.path)
                self.send_response(404 if text is None else 200)
                self.end_headers()
                self.wfile.write((text or "").encode())

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        servers.append(server)
        return Target(name="t", url=f"http://127.0.0.1:{server.server_port}")

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def exposition(*names: str) -> str:
    """A scrape that offers these metrics."""
    return "".join(f"# TYPE {name} gauge\n{name} 1.0\n" for name in names)


def test_unknown_and_missing_metrics_of_an_unknown_version(answering: Callable[..., Target]) -> None:
    """A newer server is warned of, what it shows beyond our names is named, and what it no longer shows as well."""
    target = answering(
        {
            "/health": "",
            "/version": '{"version": "0.99.0"}',
            "/metrics": exposition("vllm:num_requests_running", "vllm:brand_new", "vllm:brand_new_created"),
        }
    )
    checks = found(target)
    assert [checks[c].verdict for c in ("vllm.version", "vllm.metrics.known", "vllm.metrics.expected")] == [WARNING] * 3
    assert (
        checks["vllm.metrics.known"].summary == "1 of the 2 metrics that the server shows are unknown: vllm:brand_new"
    )
    assert "and 30 more" in checks["vllm.metrics.expected"].summary
    assert "/load, /v1/models" in checks["vllm.endpoints"].summary
    assert checks["signal.api_process"].verdict is BLIND
    assert checks["signal.processes"].verdict is WARNING


def test_garbage_for_metrics(answering: Callable[..., Target]) -> None:
    """What is no exposition is said to be none, and never raises."""
    checks = found(answering({"/health": "", "/version": "[1]", "/load": "{}", "/metrics": "# TYPE x\n{{{"}))
    assert checks["vllm.metrics.known"].verdict is BLIND
    assert checks["vllm.version"].verdict is BLIND


def test_versions() -> None:
    """A version is compared with the nearest one that was recorded."""
    assert minor("0.32.0+cpu") == "0.32"
    assert nearest("0.99") == nearest("0.1") == nearest("") == list(recorded())[-1]
    assert all(known(name) for names in recorded().values() for name in names)


def test_installed_version_is_read_without_running_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The script on the PATH leads to the metadata beside it."""
    script = tmp_path / "bin/vllm"
    script.parent.mkdir()
    script.write_text("#!/bin/sh\nexit 1\n")
    script.chmod(0o755)
    info = tmp_path / "lib/python3.11/site-packages/vllm-0.33.1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: vllm\nVersion: 0.33.1\n")
    monkeypatch.setenv("PATH", str(script.parent))
    assert installed() == "0.33.1"
    check = found(Target(name="t"))["vllm.version"]
    assert (check.verdict, check.summary) == (
        WARNING,
        "installed here is vLLM 0.33.1, and vmon was tried with 0.32 only",
    )
    monkeypatch.setenv("PATH", str(tmp_path))
    assert installed() == ""


def test_signals_say_what_they_serve() -> None:
    """Codes are unique, and each signal names what rests on it and how to get it."""
    assert len({signal.code for signal in SIGNALS}) == len(SIGNALS)
    assert all(signal.serves and signal.fix for signal in SIGNALS)
