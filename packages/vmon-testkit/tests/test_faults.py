"""Every fault, once: what the server does while it is on."""

from __future__ import annotations

import http.client
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from vmon_testkit.standin.processes import alive
from vmon_testkit.standin.scenario import FAULTS
from vmon_testkit.traffic import Traffic

if TYPE_CHECKING:
    from conftest import Client
    from vmon_testkit.pytest_plugin import StandInFactory

STEPS = "vllm:iteration_tokens_total_count"
TOKENS = "vllm:generation_tokens_total"
RUNNING = "vllm:num_requests_running"


def inject(http: Client, name: str, **parameters: object) -> None:
    """Turn a fault on in a running stand-in."""
    answer = http.post("/standin/fault", {"name": name, "parameters": parameters})
    assert answer.status == 200, answer.text


def test_slow_start(standin: StandInFactory) -> None:
    """A phase of its own length shows in the log."""
    server = standin("--fault", "slow_start:warming_up=0.31")
    assert "init engine (profile, create kv cache, warmup model) took 0.31 s" in server.log


@pytest.mark.parametrize(
    ("fault", "code", "last"),
    [
        ("fail_start:cause=bad_arg", 2, "vllm: error: unrecognized arguments: --no-such-flag 1"),
        ("fail_start:cause=port_in_use", 1, "OSError: [Errno 98] Address already in use"),
        ("fail_start:cause=kv_too_small", 1, "ValueError: To serve at least one request"),
        ("fail_start:cause=weights_corrupt", 1, "SafetensorError: Error while deserializing header"),
        ("oom_text:device=cuda", 1, "torch.OutOfMemoryError: CUDA out of memory."),
        ("oom_text:device=cpu", 1, "DefaultCPUAllocator: can't allocate memory"),
    ],
)
def test_starts_that_fail(standin: StandInFactory, fault: str, code: int, last: str) -> None:
    """Exit code and cause of a real one, and no process left."""
    server = standin("--fault", fault, ready=False)
    assert server.wait_exit() == code
    assert last in server.log
    assert server.pids == []


def test_a_worker_killed_while_it_loads(standin: StandInFactory) -> None:
    """The engine blames a background process without a stack trace, as recorded."""
    server = standin("--fault", "stuck_start:phase=loading_weights", ready=False)
    server.wait_for(lambda: len(server.worker_pids) == 1, what="a worker")
    os.kill(server.worker_pids[0], signal.SIGKILL)
    assert server.wait_exit() == 1
    assert "WorkerProc initialization failed due to an exception in a background process." in server.log
    assert (
        "Engine core initialization failed. See root cause above. Failed core proc(s): {'EngineCore': 1}" in server.log
    )


def test_lost_first_term(standin: StandInFactory) -> None:
    """The first SIGTERM of a start does nothing, the second ends it."""
    server = standin("--fault", "lost_first_term", "--fault", "stuck_start:phase=warming_up", ready=False)
    server.wait_for(lambda: "KV cache size" in server.log, what="far enough")
    os.kill(server.pid, signal.SIGTERM)
    with pytest.raises(RuntimeError, match="did not end"):
        server.wait_exit(0.3)
    os.kill(server.pid, signal.SIGTERM)
    assert server.wait_exit() == -signal.SIGINT


def test_no_log_stats(standin: StandInFactory, client: type[Client]) -> None:
    """No engine series, no stats line; the server's own series stay."""
    server = standin("--fault", "no_log_stats", "--stats-interval", "0.05")
    http = client(server.url)
    assert http.complete().status == 200
    assert "vllm:" not in http.get("/metrics").text
    assert "Avg generation throughput" not in server.log


def test_hang_and_recovery(standin: StandInFactory, client: type[Client]) -> None:
    """Nothing moves and /health is fine; when the fault goes away, requests finish."""
    server = standin(environment={"VLLM_SERVER_DEV_MODE": "1"})
    http = client(server.url)
    with Traffic(server.url, concurrency=1, max_tokens=40, requests=1) as traffic:
        server.wait_for(lambda: traffic.counts.tokens > 0, what="traffic")
        inject(http, "hang")
        with pytest.raises(TimeoutError):
            http.get("/is_paused", timeout=0.3)
        steps = http.metric(STEPS)  # only now: the last step may still be on its way when the fault is on
        with pytest.raises(TimeoutError):
            http.get("/is_paused", timeout=0.3)
        assert http.get("/health").status == 200
        assert http.metric(STEPS) == steps
        assert http.get("/standin/fault").data == {"active": {"hang": {"after_requests": 0.0}}}
        assert http.send("DELETE", "/standin/fault/hang").data == {"active": {}}
        assert traffic.join(timeout=10).ok == 1


def test_hang_for_a_while_after_some_requests(standin: StandInFactory, client: type[Client]) -> None:
    """It comes with the second request and goes by itself."""
    server = standin("--fault", "hang:after_requests=1,for=1", "--tokens-per-second", "500")
    http = client(server.url)
    assert http.complete().status == 200
    with pytest.raises(TimeoutError):
        http.complete(patience=0.3)
    server.wait_for(lambda: http.get("/standin/fault").data == {"active": {}}, what="over it")
    assert http.complete().status == 200


def test_frozen_gauges(standin: StandInFactory, client: type[Client]) -> None:
    """Tokens are counted while the gauge stays at zero."""
    server = standin("--fault", "frozen_gauges:since=launch")
    http = client(server.url)
    with Traffic(server.url, concurrency=2, max_tokens=900):
        server.wait_for(lambda: (http.metric(TOKENS) or 0) > 4, what="traffic")
        assert http.metric(RUNNING) == 0


def test_livelock(standin: StandInFactory, client: type[Client]) -> None:
    """Steps advance, tokens do not."""
    server = standin()
    http = client(server.url)
    with Traffic(server.url, concurrency=2, max_tokens=900) as traffic:
        server.wait_for(lambda: http.metric(RUNNING) == 2, what="traffic")
        inject(http, "livelock")
        tokens, steps = http.metric(TOKENS), http.metric(STEPS)
        delivered = traffic.counts.tokens
        server.wait_for(lambda: (http.metric(STEPS) or 0) > (steps or 0) + 3, what="steps")
        assert http.metric(TOKENS) in {tokens, (tokens or 0) + 2}  # one step may have been under way
        assert traffic.counts.tokens <= delivered + 4


@pytest.mark.parametrize(
    ("fault", "line"),
    [
        ("engine_death", "[shutdown] MPClient: engine core exited unexpectedly; starting cleanup"),
        ("worker_death", "Worker proc VllmWorker-0 died unexpectedly (exit code: None), shutting down executor."),
    ],
)
def test_deaths_under_traffic(standin: StandInFactory, client: type[Client], fault: str, line: str) -> None:
    """The recorded lines, an error in the stream, exit code 0 within a second, nothing left."""
    server = standin()
    with Traffic(server.url, concurrency=2, max_tokens=900, requests=1) as traffic:
        server.wait_for(lambda: traffic.counts.tokens > 0, what="traffic")
        inject(client(server.url), fault)
        assert server.wait_exit(3) == 0
        assert traffic.join(timeout=10).failed == 2
    assert line in server.log
    assert "EngineDeadError: EngineCore encountered an issue." in server.log
    assert "shutdown triggered" not in server.log
    server.wait_gone()


def test_an_idle_death_shows_in_health(standin: StandInFactory, client: type[Client]) -> None:
    """Before the server ends, /health says 503."""
    server = standin()
    http_ = client(server.url)
    os.kill(server.worker_pids[0], signal.SIGKILL)
    server.wait_for(lambda: http_.get("/health").status == 503, what="unhealthy")
    assert server.wait_exit(3) == 0


def test_a_server_may_outlive_its_engine(standin: StandInFactory, client: type[Client]) -> None:
    """With VLLM_KEEP_ALIVE_ON_ENGINE_DEATH it stays, unhealthy, with a stale scrape."""
    server = standin(environment={"VLLM_KEEP_ALIVE_ON_ENGINE_DEATH": "1"})
    http_ = client(server.url)
    http_.complete()
    os.kill(server.engine_pid, signal.SIGKILL)
    server.wait_for(lambda: http_.get("/health").status == 503, what="unhealthy")
    assert http_.metric(TOKENS) == 4
    assert http_.complete().status == 500
    assert server.stop() == 0


def test_the_death_of_one_of_two_engines(standin: StandInFactory) -> None:
    """All go down, with exit code 1."""
    server = standin("-dp", "2")
    os.kill(server.engine_pids[1], signal.SIGKILL)
    assert server.wait_exit(5) == 1
    assert "Engine core process EngineCore_DP1 died unexpectedly." in server.log


def test_a_silent_worker_is_reported_and_then_fatal(standin: StandInFactory) -> None:
    """VLLM's warning after one interval, its end after another."""
    server = standin(
        environment={"VLLM_RINGBUFFER_WARNING_INTERVAL": "0.3", "VLLM_EXECUTE_MODEL_TIMEOUT_SECONDS": "0.7"}
    )
    with Traffic(server.url, concurrency=1, max_tokens=900, requests=1) as traffic:
        server.wait_for(lambda: traffic.counts.tokens > 0, what="traffic")
        os.kill(server.worker_pids[0], signal.SIGSTOP)
        server.wait_for(lambda: "No available shared memory broadcast block" in server.log, what="a warning")
        assert server.wait_exit(8) == 0
    assert "RPC call to execute_model timed out." in server.log


def test_preemptions(standin: StandInFactory, client: type[Client]) -> None:
    """The counter moves while requests still finish."""
    server = standin("--fault", "preemptions:every_steps=3", "--tokens-per-second", "200")
    http_ = client(server.url)
    with Traffic(server.url, concurrency=2, max_tokens=20, requests=1) as traffic:
        assert traffic.join(timeout=10).ok == 2
    assert (http_.metric("vllm:num_preemptions_total") or 0) > 2


def test_nan(standin: StandInFactory, client: type[Client]) -> None:
    """Requests succeed and count as corrupted."""
    server = standin("--fault", "nan:since=launch")
    http_ = client(server.url)
    assert http_.complete().status == 200
    assert http_.metric("vllm:corrupted_requests_total") == 1


def test_renamed_metrics(standin: StandInFactory, client: type[Client]) -> None:
    """Names of another release or of Ray Serve."""
    http_ = client(standin("--fault", "renamed_metrics:since=launch").url)
    assert http_.metric("vllm:gpu_cache_usage_perc") == 0
    inject(http_, "renamed_metrics", dialect="underscore")
    assert http_.metric("vllm_kv_cache_usage_perc") == 0
    inject(http_, "renamed_metrics", dialect="ray")
    assert http_.metric("ray_vllm_num_requests_running") == 0


def test_scrapes_that_go_wrong(standin: StandInFactory, client: type[Client]) -> None:
    """401, HTML, cut off, slow, huge and endless: each while it is on, and fine afterwards."""
    server = standin()
    http_ = client(server.url)
    inject(http_, "auth_metrics")
    assert http_.get("/metrics").status == 401
    http_.send("DELETE", "/standin/fault/auth_metrics")
    inject(http_, "html_metrics")
    assert http_.get("/metrics").text.startswith("<!DOCTYPE html>")
    http_.send("DELETE", "/standin/fault/html_metrics")
    inject(http_, "truncated_metrics")
    with pytest.raises(http.client.IncompleteRead):
        http_.get("/metrics")
    http_.send("DELETE", "/standin/fault/truncated_metrics")
    inject(http_, "slow_scrape", seconds=0.6)
    with pytest.raises(TimeoutError):
        http_.get("/metrics", timeout=0.3)
    http_.send("DELETE", "/standin/fault/slow_scrape")
    inject(http_, "huge_metrics", megabytes=3)
    assert 3e6 <= len(http_.get("/metrics").text) < 3.2e6
    http_.send("DELETE", "/standin/fault/huge_metrics")
    assert http_.metric(TOKENS) == 0


def test_endless_metrics(standin: StandInFactory) -> None:
    """More bytes than any real scrape, and still no end; the server survives the client's hanging up."""
    server = standin("--fault", "endless_metrics:since=launch")
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request("GET", "/metrics")
    answer = connection.getresponse()
    assert len(answer.read(5_000_000)) == 5_000_000
    connection.close()
    assert server.stop() == 0


def test_stuck_stop(standin: StandInFactory, client: type[Client]) -> None:
    """The port is closed, SIGTERM does nothing more, only SIGKILL helps."""
    server = standin("--fault", "stuck_stop:since=launch")
    os.kill(server.pid, signal.SIGTERM)
    server.wait_for(lambda: "Waiting for background tasks to complete." in server.log, what="stuck")
    with pytest.raises(OSError, match="refused"):
        client(server.url).get("/health")
    os.kill(server.pid, signal.SIGTERM)
    assert server.stop(timeout=0.3) == -signal.SIGKILL
    assert server.pids == []


def test_leftover(standin: StandInFactory) -> None:
    """The main process ends well, the engine stays."""
    server = standin("--fault", "leftover:since=launch")
    engine = server.engine_pid
    os.kill(server.pid, signal.SIGTERM)
    assert server.wait_exit() == 0
    assert alive(engine)
    server.stop()
    assert server.pids == []


def test_a_scenario_file(standin: StandInFactory, client: type[Client], tmp_path: Path) -> None:
    """Its settings and faults take effect; the times count from ready."""
    path = tmp_path / "scenario.toml"
    path.write_text('tokens_per_second = 500\n[[fault]]\nname = "auth_metrics"\nat = 0.1\nfor = 0.4\n')
    server = standin("--scenario", str(path))
    http_ = client(server.url)
    server.wait_for(lambda: http_.get("/metrics").status == 401, what="the fault")
    server.wait_for(lambda: http_.get("/metrics").status == 200, what="over it")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--fault", "hng"), "did you mean hang?"),
        (("--scenario", "nowhere.toml"), "No such file"),
        (("--fault", "engine_death:engine=1"), "engine must be less than 1, not 1"),
    ],
)
def test_mistakes_on_the_command_line(standin: StandInFactory, arguments: tuple[str, ...], expected: str) -> None:
    """Exit code 2 and one clear line, no traceback."""
    server = standin(*arguments, ready=False)
    assert server.wait_exit() == 2
    assert expected in server.log
    assert "Traceback" not in server.log


def test_wrong_injections(standin: StandInFactory, client: type[Client]) -> None:
    """400 and what was wrong."""
    http_ = client(standin().url)
    for body, expected in (
        ({"name": "hng"}, "did you mean hang?"),
        ({"name": "stuck_start", "parameters": {"phase": "launching"}}, "it comes too late"),
        ({"name": "worker_death", "parameters": {"rank": 1}}, "rank must be less than 1, not 1"),
        ([], "unknown fault"),
    ):
        answer = http_.post("/standin/fault", body)
        assert answer.status == 400
        assert expected in answer.text


def test_every_fault_is_tested() -> None:
    """The tests beside this one name each fault of the catalogue."""
    sources = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_stand*.py"))
    sources += Path(__file__).read_text(encoding="utf-8")
    assert [name for name in FAULTS if f'"{name}' not in sources] == []
