"""A healthy stand-in: start, processes, log, traffic, metrics, control, stop, and nothing left behind."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
from typing import TYPE_CHECKING

import pytest
from prometheus_client.parser import text_string_to_metric_families

from vmon_testkit.standin import StandInError
from vmon_testkit.standin.processes import alive, stat_fields, title
from vmon_testkit.traffic import Traffic

if TYPE_CHECKING:
    from conftest import Client
    from vmon_testkit.pytest_plugin import StandInFactory
    from vmon_testkit.traces import TraceLibrary

LOG_PREFIX = re.compile(r"\((\w+) pid=(\d+)\) (INFO|WARNING|ERROR) \d\d-\d\d \d\d:\d\d:\d\d \[[\w.]+:\d+\] ?")


def parent(pid: int) -> int:
    """The parent of a process."""
    fields = stat_fields(pid)
    assert fields is not None
    return int(fields[1])


def test_from_start_to_stop_nothing_is_left(standin: StandInFactory, client: type[Client]) -> None:
    """Start, traffic, moving metrics, stop: exit code 0, no process, a free port."""
    server = standin("--served-model-name", "tiny", "--tokens-per-second", "200")
    http = client(server.url)
    before = http.metric("vllm:generation_tokens_total")
    with Traffic(server.url, concurrency=3, max_tokens=8, requests=2) as traffic:
        counts = traffic.join(timeout=20)
    assert (counts.ok, counts.failed, counts.tokens) == (6, 0, 48)
    assert before == 0
    assert http.metric("vllm:generation_tokens_total") == 48
    assert http.metric("vllm:request_success_total", 'finished_reason="length"') == 6
    assert http.metric("vllm:e2e_request_latency_seconds_count") == 6
    assert http.metric("vllm:time_to_first_token_seconds_count") == 6
    assert (http.metric("vllm:iteration_tokens_total_count") or 0) >= 16
    assert http.metric("http_requests_total", 'handler="/v1/completions"') == 6
    assert server.stop() == 0
    assert server.pids == []
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do, for connections in TIME_WAIT
        probe.bind(("127.0.0.1", server.port))


def test_the_process_tree_is_vllms(standin: StandInFactory) -> None:
    """Titles, parents and session of a server with two ranks."""
    server = standin("-tp", "2")
    assert "serve tiny --port" in title(server.pid)
    assert title(server.engine_pid) == "VLLM::EngineCore"
    assert [title(pid) for pid in server.worker_pids] == ["VLLM::Worker_TP0", "VLLM::Worker_TP1"]
    assert parent(server.engine_pid) == server.pid
    assert {parent(pid) for pid in server.worker_pids} == {server.engine_pid}
    assert {os.getsid(pid) for pid in server.pids} == {server.pid}


def test_data_parallel_engines(standin: StandInFactory, client: type[Client]) -> None:
    """Two engines, both with metrics, both at work."""
    server = standin("-dp", "2", "--tokens-per-second", "200")
    assert [title(pid) for pid in server.engine_pids] == ["VLLM::EngineCore_DP0", "VLLM::EngineCore_DP1"]
    http = client(server.url)
    assert [http.complete().status for _ in range(2)] == [200, 200]
    tokens = [http.metric("vllm:generation_tokens_total", f'engine="{index}"') for index in (0, 1)]
    assert tokens == [4, 4]
    assert server.stop() == 0


def test_the_start_up_log_keeps_the_recorded_order(standin: StandInFactory, traces: TraceLibrary) -> None:
    """The lines that prove a phase come in the order of a real start."""
    marks = (
        "non-default args",
        "Resolved architecture",
        "Initializing a V1 LLM engine",
        "world_size=1 rank=0",
        "Starting to load model",
        "Loading weights took",
        "KV cache size",
        "init engine",
        "Starting vLLM server on",
        "Application startup complete",
    )
    server = standin("--enforce-eager")
    recorded = "\n".join(row.data["line"] for row in traces.load("healthy_eager").channel("log"))
    for text in (recorded, server.log):
        positions = [text.index(mark) for mark in marks]
        assert positions == sorted(positions)
    assert "\rLoading safetensors checkpoint shards: 100% Completed | 4/4" in server.log_path.read_bytes().decode()
    processes = {match[1] for match in map(LOG_PREFIX.match, server.log.splitlines()) if match}
    assert processes == {"APIServer", "EngineCore", "Worker"}


def test_compilation_shows_unless_eager(standin: StandInFactory) -> None:
    """The lines of the recording `compile_cold`."""
    assert "Warming up model for the compilation..." in standin().log


def test_json_lines_carry_what_the_recorded_ones_do(standin: StandInFactory, traces: TraceLibrary) -> None:
    """Every key of a recorded record is in ours; uvicorn's lines are JSON, too."""
    server = standin("--logging-config.formatter", "json")
    ours = [json.loads(line) for line in server.log.splitlines() if line.startswith("{")]
    recorded = next(json.loads(row.data["line"]) for row in traces.load("json_native").channel("log")[1:])
    assert {record.keys() >= recorded.keys() for record in ours} == {True}
    assert "Application startup complete." in {record["message"] for record in ours}


def test_a_start_takes_its_time(standin: StandInFactory) -> None:
    """The port is bound and refuses until the start is over, as a real one does."""
    server = standin("--fault", "stuck_start:phase=loading_weights", ready=False)
    server.wait_for(lambda: "Starting to load model" in server.log, what="to the weights")
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", server.port), timeout=2):
        pass
    with pytest.raises(StandInError, match=r"(?s)ready within 0\.1 s.*Starting to load model"):
        server.wait_ready(timeout=0.1)


def test_answers_have_the_forms_of_openai(standin: StandInFactory, client: type[Client]) -> None:
    """Completions and chats, streamed and not, and the errors that clients know."""
    server = standin("--served-model-name", "tiny", "--tokens-per-second", "500")
    http = client(server.url)
    whole = http.complete().data
    assert whole["choices"][0]["finish_reason"] == "length"
    assert whole["usage"] == {"prompt_tokens": 3, "total_tokens": 7, "completion_tokens": 4}
    chat = {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 2}
    assert http.post("/v1/chat/completions", chat).data["choices"][0]["message"]["content"] == " token token"
    streamed = http.post("/v1/chat/completions", {**chat, "stream": True, "stream_options": {"include_usage": True}})
    events = [line.removeprefix("data: ") for line in streamed.text.split("\n\n") if line]
    assert events[-1] == "[DONE]"
    assert json.loads(events[-2])["usage"]["completion_tokens"] == 2
    assert http.complete(model="other").status == 404
    assert http.complete(max_tokens=5000).status == 400
    assert http.post("/v1/completions", {}).status == 400


def test_the_routes_that_always_answer(standin: StandInFactory, client: type[Client]) -> None:
    """Version, models, load, ping, tokenize; what is not there is 404."""
    server = standin("--served-model-name", "tiny")
    http = client(server.url)
    assert http.get("/version").data == {"version": "0.32.0"}
    assert http.get("/v1/models").data["data"][0]["id"] == "tiny"
    assert http.get("/load").data == {"server_load": 0}
    assert http.post("/ping").status == 200
    assert http.post("/tokenize", {"prompt": "a b"}).data["count"] == 2
    assert http.get("/is_paused").status == 404
    assert list(text_string_to_metric_families(http.get("/metrics").text))


def test_an_api_key_guards_v1_only(standin: StandInFactory, client: type[Client]) -> None:
    """401 without it; /health and /metrics stay open; the key is not in the log."""
    server = standin("--api-key", "sesame")
    assert client(server.url).get("/v1/models").status == 401
    assert client(server.url).get("/metrics").status == 200
    assert client(server.url, {"Authorization": "Bearer sesame"}).get("/v1/models").status == 200
    assert "sesame" not in server.log


def test_too_many_requests_wait(standin: StandInFactory, client: type[Client]) -> None:
    """With one slot and three clients, two wait, and /load counts all."""
    server = standin("--max-num-seqs", "1", "--enable-server-load-tracking", "--stats-interval", "0.2")
    http = client(server.url)
    with Traffic(server.url, concurrency=3, max_tokens=500):
        server.wait_for(lambda: http.metric("vllm:num_requests_waiting") == 2, what="a queue")
        assert http.metric("vllm:num_requests_running") == 1
        assert http.get("/load").data == {"server_load": 3}
        server.wait_for(lambda: "Running: 1 reqs, Waiting: 2 reqs" in server.log, what="a stats line")


def test_a_client_that_hangs_up_is_forgotten(standin: StandInFactory, client: type[Client]) -> None:
    """Its request leaves the engine, and no counter of finished requests moves."""
    server = standin()
    http = client(server.url)
    traffic = Traffic(server.url, concurrency=2, max_tokens=900)
    traffic.start()
    server.wait_for(lambda: http.metric("vllm:num_requests_running") == 2, what="traffic")
    counts = traffic.stop()
    assert (counts.ok, counts.failed, counts.in_flight) == (0, 0, 0)
    server.wait_for(lambda: http.metric("vllm:num_requests_running") == 0, what="rid of the requests")
    assert http.metric("vllm:request_success_total", 'finished_reason="abort"') == 0


def test_the_control_routes(standin: StandInFactory, client: type[Client]) -> None:
    """Pause, resume, sleep, wake, caches and health, with the log lines and gauges that belong to them."""
    server = standin(environment={"VLLM_SERVER_DEV_MODE": "1"})
    http = client(server.url)
    assert http.post("/pause?mode=keep").data == {"status": "paused"}
    assert http.get("/is_paused").data == {"is_paused": True}
    assert http.get("/is_sleeping").data == {"is_sleeping": True}
    assert http.post("/resume").data == {"status": "resumed"}
    assert http.get("/is_paused").data == {"is_paused": False}
    assert http.post("/sleep?level=1").data == {"status": "sleeping", "level": 1}
    assert http.metric("vllm:engine_sleep_state", 'sleep_state="weights_offloaded"') == 1
    assert http.post("/wake_up").data["status"] == "awake"
    assert http.metric("vllm:engine_sleep_state", 'sleep_state="awake"') == 1
    assert http.post("/reset_prefix_cache").data == {"success": True}
    assert http.post("/collective_rpc", {"method": "check_health"}).data == {"results": [None]}
    assert http.post("/collective_rpc", {"method": "no_such_method"}).status == 500
    assert http.post("/pause?mode=perhaps").status == 400
    assert http.get("/server_info").data["vllm_config"]["model"] == "tiny"
    assert "setting pause state to PAUSED_ALL" in server.log
    assert "setting pause state to UNPAUSED" in server.log


def test_pauses_abort_wait_or_keep(standin: StandInFactory, client: type[Client]) -> None:
    """`abort` ends what runs; `wait` answers once it has ended; `keep` goes on later."""
    server = standin(environment={"VLLM_SERVER_DEV_MODE": "1"})
    http = client(server.url)
    with Traffic(server.url, concurrency=1, max_tokens=900, requests=1) as traffic:
        server.wait_for(lambda: traffic.counts.tokens > 0, what="traffic")
        http.post("/pause?mode=abort")
        assert traffic.join(timeout=10).failed == 1
    http.post("/resume")
    with Traffic(server.url, concurrency=1, max_tokens=20, requests=1) as traffic:
        server.wait_for(lambda: traffic.counts.tokens > 0, what="traffic")
        http.post("/pause?mode=wait")
        assert http.metric("vllm:num_requests_running") == 0
        assert traffic.join(timeout=10).ok == 1
    http.post("/resume")
    with Traffic(server.url, concurrency=1, max_tokens=20, requests=1) as traffic:
        server.wait_for(lambda: traffic.counts.tokens > 0, what="traffic")
        http.post("/pause?mode=keep")
        steps = http.metric("vllm:iteration_tokens_total_count")
        assert http.get("/is_paused").data == {"is_paused": True}
        assert http.metric("vllm:iteration_tokens_total_count") == steps
        http.post("/resume")
        assert traffic.join(timeout=10).ok == 1


def test_a_stop_under_traffic_reads_as_recorded(standin: StandInFactory) -> None:
    """In-flight requests end, the log has the recorded lines in their order, the exit code is 0."""
    server = standin()
    with Traffic(server.url, concurrency=2, max_tokens=900, requests=1) as traffic:
        server.wait_for(lambda: traffic.counts.tokens > 0, what="traffic")
        assert server.stop() == 0
        assert traffic.join(timeout=10).failed == 2
    marks = ("shutdown triggered", "mode=abort timeout=0s", "send sigterm to process EngineCore", "Shutting down")
    positions = [server.log.index(mark) for mark in (*marks, "Application shutdown complete.")]
    assert positions == sorted(positions)


def test_a_drain_lets_requests_finish(standin: StandInFactory, client: type[Client]) -> None:
    """/health stays 200, running requests finish, new ones fail, the exit code is 0."""
    server = standin("--shutdown-timeout", "20")
    http = client(server.url)
    with Traffic(server.url, concurrency=1, max_tokens=40, requests=1) as traffic:
        server.wait_for(lambda: traffic.counts.tokens > 0, what="traffic")
        os.kill(server.pid, signal.SIGTERM)
        server.wait_for(lambda: "draining in-flight requests count=1 timeout=20s" in server.log, what="to drain")
        assert http.get("/health").status == 200
        assert http.complete().status == 500
        assert traffic.join(timeout=10).ok == 1
    assert server.wait_exit() == 0
    assert "all workers exited gracefully" in server.log


def test_a_drain_that_runs_out_of_time_waits_for_its_clients(standin: StandInFactory) -> None:
    """The engine is killed, the streams stay open, and the end comes when the clients hang up."""
    server = standin("--fault", "drain:seconds=0.3")
    with Traffic(server.url, concurrency=1, max_tokens=900) as traffic:
        server.wait_for(lambda: traffic.counts.tokens > 0, what="traffic")
        os.kill(server.pid, signal.SIGTERM)
        server.wait_for(lambda: "Waiting for connections to close." in server.log, what="stuck")
        assert server.returncode is None
    assert server.wait_exit() == 0


@pytest.mark.parametrize("whom", ["engine", "worker"])
def test_a_stopped_process_freezes_metrics_while_health_is_fine(
    standin: StandInFactory, client: type[Client], whom: str
) -> None:
    """SIGSTOP under traffic: 200 and a frozen scrape; SIGCONT: on it goes."""
    server = standin()
    http = client(server.url)
    pid = server.engine_pid if whom == "engine" else server.worker_pids[0]
    with Traffic(server.url, concurrency=2, max_tokens=900) as traffic:
        server.wait_for(lambda: http.metric("vllm:num_requests_running") == 2, what="traffic")
        os.kill(pid, signal.SIGSTOP)
        server.wait_for(lambda: (stat_fields(pid) or "?")[0] == "T", what="stopped")
        frozen = settled(http)
        tokens = traffic.counts.tokens
        assert http.get("/health").status == 200
        assert http.metric("vllm:num_requests_running") == 2
        assert http.metric("vllm:generation_tokens_total") == frozen
        assert traffic.counts.tokens == tokens
        os.kill(pid, signal.SIGCONT)
        server.wait_for(lambda: http.metric("vllm:generation_tokens_total") != frozen, what="moving")


def settled(http: Client) -> float | None:
    """The token counter once what was already on its way has arrived."""
    value = http.metric("vllm:generation_tokens_total")
    while (again := http.metric("vllm:generation_tokens_total")) != value:
        value = again
    return value


def test_a_killed_main_process_orphans_its_engine(standin: StandInFactory) -> None:
    """Engine and worker stay, as they do with vLLM, until their time is up."""
    server = standin("--orphan-seconds", "0.5")
    engine, worker = server.engine_pid, server.worker_pids[0]
    os.kill(server.pid, signal.SIGKILL)
    assert server.wait_exit() == -signal.SIGKILL
    assert alive(engine)
    assert alive(worker)
    server.wait_gone()


def test_a_stop_during_the_start(standin: StandInFactory) -> None:
    """SIGTERM ends it by SIGINT, with nothing left."""
    server = standin("--fault", "stuck_start:phase=connecting_workers", ready=False)
    server.wait_for(lambda: "DP group leader" in server.log, what="an engine")
    os.kill(server.pid, signal.SIGTERM)
    assert server.wait_exit() == -signal.SIGINT
    server.wait_gone()


def test_a_stop_during_the_imports(standin: StandInFactory) -> None:
    """SIGTERM simply kills."""
    server = standin("--fault", "stuck_start:phase=launching", ready=False)
    server.wait_for(lambda: "serve" in title(server.pid), what="going")
    os.kill(server.pid, signal.SIGTERM)
    assert server.wait_exit() == -signal.SIGTERM


def test_an_idle_stand_in_costs_nothing(standin: StandInFactory) -> None:
    """Its processes use no measurable CPU between two looks."""
    server = standin()

    def ticks() -> int:
        fields = [stat_fields(pid) for pid in server.pids]
        return sum(int(field[11]) + int(field[12]) for field in fields if field)

    before = ticks()
    with pytest.raises(StandInError):
        server.wait_for(lambda: False, timeout=0.5)
    assert ticks() - before <= 2


def test_a_taken_port_fails_as_recorded(standin: StandInFactory) -> None:
    """Exit code 1 and the recorded last line."""
    server = standin()
    second = standin("--port", str(server.port), ready=False)
    assert second.wait_exit() == 1
    assert second.log.rstrip().endswith("OSError: [Errno 98] Address already in use")
